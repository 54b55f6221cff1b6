//! An instance: its class and its own attributes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use indexmap::IndexMap;

use crate::class::{Class, locked};
use crate::error::{Error, ErrorKind, Result};
use crate::this::{Receiver, This};
use crate::value::{Map, Value};

/// An instance of a [`Class`]. Clones are the same instance.
#[derive(Clone)]
pub struct Object(Arc<Instance>);

type Fields = IndexMap<Arc<str>, Value, foldhash::fast::RandomState>;

struct Instance {
    class: Class,
    /// A bit for each name that was ever set; see [`name_bit`].
    names: AtomicU64,
    fields: ArcSwapOption<Fields>,
    writing: Mutex<()>,
}

impl Object {
    pub(crate) fn new(class: Class) -> Self {
        let fields = ArcSwapOption::empty();
        Self(Arc::new(Instance { class, names: AtomicU64::new(0), fields, writing: Mutex::new(()) }))
    }

    /// The class that it was made from.
    #[inline]
    pub fn class(&self) -> &Class {
        &self.0.class
    }

    /// Reads an attribute.
    ///
    /// A data descriptor of the class's order comes first, then the instance's own attribute, then what else the order
    /// holds, then `__getattr__`.
    pub fn get(&self, name: &str) -> Result<Value> {
        let class = self.class();
        let table = class.table();
        let entry = table.get(name);
        if let Some(entry) = entry
            && let Some(descriptor) = entry.attribute.data_descriptor()
        {
            return descriptor.get(&This::new(Receiver::Object(self), class.at(entry.level)));
        }
        if let Some(value) = self.own(name) {
            return Ok(value);
        }
        if let Some(entry) = entry {
            return entry.attribute.bind(Receiver::Object(self), class, class.at(entry.level));
        }
        if let Some(entry) = table.get("__getattr__") {
            return entry.attribute.run(Receiver::Object(self), class, class.at(entry.level), &[name.into()]);
        }
        Err(self.missing(name))
    }

    /// Calls a method, or whatever else the attribute is that can be called.
    pub fn call(&self, name: &str, args: &[Value]) -> Result<Value> {
        let class = self.class();
        let table = class.table();
        if let Some(entry) = table.get(name)
            && entry.attribute.is_method()
            && !self.holds(name)
        {
            return entry.attribute.run(Receiver::Object(self), class, class.at(entry.level), args);
        }
        self.get(name)?.call(args)
    }

    /// Sets an attribute: by a data descriptor of the class's order, or else of the instance.
    pub fn set(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let table = self.class().table();
        if let Some(entry) = table.get(name)
            && let Some(descriptor) = entry.attribute.data_descriptor()
        {
            let this = This::new(Receiver::Object(self), self.class().at(entry.level));
            return descriptor.set(&this, name, value.into());
        }
        self.update(name, |_| value.into());
        Ok(())
    }

    /// Replaces the instance's own attribute by what a function makes of it, so that no other writer comes between.
    ///
    /// Descriptors are not asked. The new value is returned.
    pub fn update(&self, name: &str, change: impl FnOnce(Option<Value>) -> Value) -> Value {
        let _turn = locked(&self.0.writing);
        let mut fields = self.0.fields.load().as_deref().cloned().unwrap_or_default();
        let value = change(fields.get(name).cloned());
        fields.insert(name.into(), value.clone());
        // The bit comes first: who does not see it yet may miss the attribute, whose setting has not returned.
        self.0.names.fetch_or(name_bit(name), Ordering::Release);
        self.0.fields.store(Some(Arc::new(fields)));
        value
    }

    /// Deletes an attribute: by a data descriptor of the class's order, or else of the instance.
    pub fn delete(&self, name: &str) -> Result<()> {
        let table = self.class().table();
        if let Some(entry) = table.get(name)
            && let Some(descriptor) = entry.attribute.data_descriptor()
        {
            return descriptor.delete(&This::new(Receiver::Object(self), self.class().at(entry.level)), name);
        }
        let _turn = locked(&self.0.writing);
        let mut fields = self.0.fields.load().as_deref().cloned().unwrap_or_default();
        if fields.shift_remove(name).is_none() {
            return Err(self.missing(name));
        }
        self.0.fields.store(Some(Arc::new(fields)));
        Ok(())
    }

    /// The instance's own attributes at this moment.
    pub fn attributes(&self) -> Map {
        let fields = self.0.fields.load();
        fields.iter().flat_map(|fields| fields.iter()).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// `super(owner, self).name`.
    pub(crate) fn get_after(&self, owner: &Class, name: &str) -> Result<Value> {
        let (holder, attribute) = self.class().after(owner, name)?;
        attribute.bind(Receiver::Object(self), self.class(), &holder)
    }

    /// `super(owner, self).name(...)`.
    pub(crate) fn call_after(&self, owner: &Class, name: &str, args: &[Value]) -> Result<Value> {
        let (holder, attribute) = self.class().after(owner, name)?;
        attribute.run(Receiver::Object(self), self.class(), &holder, args)
    }

    fn own(&self, name: &str) -> Option<Value> {
        self.0.fields.load().as_ref()?.get(name).cloned()
    }

    fn holds(&self, name: &str) -> bool {
        self.0.fields.load().as_ref().is_some_and(|fields| fields.contains_key(name))
    }

    /// Whether the instance may have an attribute whose name has this bit.
    #[inline]
    pub(crate) fn may_hold(&self, bit: u64) -> bool {
        self.0.names.load(Ordering::Acquire) & bit != 0
    }

    pub(crate) fn missing(&self, name: &str) -> Error {
        let class = self.class().shared_name();
        Error::from(ErrorKind::NoAttribute { class: class.clone(), attribute: name.into() }).within(class)
    }
}

/// One of 64 bits for a name, by FNV-1a; names may share one.
pub(crate) fn name_bit(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    1 << (hash >> 58)
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Object {}

impl Hash for Object {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Display for Object {
    /// What `__str__` gives, if the class has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class().call_special(self, "__str__", &[]) {
            Ok(Value::Text(text)) => f.write_str(&text),
            _ => fmt::Debug::fmt(self, f),
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object>", self.class())
    }
}
