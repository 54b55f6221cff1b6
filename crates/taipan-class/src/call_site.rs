//! A place in a program that calls one method again and again.

use std::sync::Arc;

use crate::attribute::{Function, Kind};
use crate::class::{Class, Version};
use crate::error::Result;
use crate::object::{Object, name_bit};
use crate::this::{Args, Receiver, This};
use crate::value::Value;

/// Remembers where it found a method, and looks again only when the class has changed or is another.
///
/// It does what [`Object::call`] does, at about the cost of a virtual call. Each thread has its own.
///
/// ```
/// use taipan_class::{CallSite, Class, Value};
///
/// let counter = Class::build("Counter").method("next", |_, args| Ok(args.at::<i64>(0)? + 1)).create()?.instance(&[])?;
/// let mut next = CallSite::new("next");
/// let mut number = Value::from(0);
/// for _ in 0..1000 {
///     number = next.call(&counter, &[number])?;
/// }
/// assert_eq!(number, 1000.into());
/// # Ok::<(), taipan_class::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallSite {
    name: Arc<str>,
    bit: u64,
    found: Option<Found>,
}

#[derive(Clone, Debug)]
struct Found {
    class: Class,
    version: Version,
    function: Function,
    owner: Class,
}

impl CallSite {
    /// A place that calls the method of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self { bit: name_bit(&name), name, found: None }
    }

    /// Calls the method.
    #[inline]
    pub fn call(&mut self, object: &Object, args: &[Value]) -> Result<Value> {
        if let Some(found) = &self.found
            && found.class == *object.class()
            && found.version == found.class.version()
            && !object.may_hold(self.bit)
        {
            return found.function.run(&This::new(Receiver::Object(object), &found.owner), Args::new(args));
        }
        self.look(object);
        object.call(&self.name, args)
    }

    #[cold]
    fn look(&mut self, object: &Object) {
        let class = object.class();
        let table = class.table();
        let found =
            table.get(&self.name).zip(table.version()).and_then(|(entry, version)| match &entry.attribute.kind {
                Kind::Method(function) => Some(Found {
                    class: class.clone(),
                    version,
                    function: function.clone(),
                    owner: class.at(entry.level).clone(),
                }),
                _ => None,
            });
        self.found = found;
    }
}
