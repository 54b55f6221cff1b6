//! What a metaclass may say about its classes.

use std::ops::Deref;
use std::sync::Arc;

use crate::class::Class;
use crate::create::Draft;
use crate::error::Result;
use crate::this::Args;
use crate::value::{Map, Value};

pub(crate) type Prepare = dyn Fn(&mut Draft) -> Result<()> + Send + Sync;
pub(crate) type New = dyn Fn(Draft) -> Result<Class> + Send + Sync;
pub(crate) type Init = dyn Fn(&ClassHook<'_>, &Map) -> Result<()> + Send + Sync;
pub(crate) type Call = dyn Fn(&ClassHook<'_>, Args<'_>) -> Result<Value> + Send + Sync;
pub(crate) type InstanceCheck = dyn Fn(&ClassHook<'_>, &Value) -> Result<bool> + Send + Sync;
pub(crate) type SubclassCheck = dyn Fn(&ClassHook<'_>, &Class) -> Result<bool> + Send + Sync;

/// The hooks that one metaclass defines.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) prepare: Option<Arc<Prepare>>,
    pub(crate) new: Option<Arc<New>>,
    pub(crate) init: Option<Arc<Init>>,
    pub(crate) call: Option<Arc<Call>>,
    pub(crate) instance_check: Option<Arc<InstanceCheck>>,
    pub(crate) subclass_check: Option<Arc<SubclassCheck>>,
}

impl Hooks {
    pub(crate) fn is_empty(&self) -> bool {
        self.prepare.is_none()
            && self.new.is_none()
            && self.init.is_none()
            && self.call.is_none()
            && self.instance_check.is_none()
            && self.subclass_check.is_none()
    }
}

/// The first hook of a metaclass's order from a place on, with the place after it.
pub(crate) fn next<T: ?Sized>(
    metaclass: &Class,
    from: usize,
    pick: impl Fn(&Hooks) -> Option<&Arc<T>>,
) -> Option<(usize, &Arc<T>)> {
    let mut order = metaclass.order().enumerate().skip(from);
    order.find_map(|(level, class)| Some((level + 1, pick(&class.0.hooks)?)))
}

/// The class that a hook of its metaclass is asked about, and how to ask the next metaclass of the order.
#[derive(Clone, Copy)]
pub struct ClassHook<'a> {
    class: &'a Class,
    level: usize,
}

impl<'a> ClassHook<'a> {
    /// To start with the first metaclass.
    pub(crate) fn first(class: &'a Class) -> Self {
        Self { class, level: 0 }
    }

    fn at(self, level: usize) -> Self {
        Self { level, ..self }
    }

    /// `super().__init__`: does what the next metaclass does with a class that was just made; nothing by default.
    pub fn next_init(&self, keywords: &Map) -> Result<()> {
        match next(self.class.metaclass(), self.level, |hooks| hooks.init.as_ref()) {
            Some((level, hook)) => hook(&self.at(level), keywords),
            None => Ok(()),
        }
    }

    /// `super().__call__`: does what the next metaclass does when the class is called; makes an instance by default.
    pub fn next_call(&self, args: &[Value]) -> Result<Value> {
        match next(self.class.metaclass(), self.level, |hooks| hooks.call.as_ref()) {
            Some((level, hook)) => hook(&self.at(level), Args::new(args)),
            None => self.class.make_instance(args).map(Value::Object),
        }
    }

    /// `super().__instancecheck__`: the next metaclass's answer; by default that of the order and of
    /// [`Class::register`].
    pub fn next_instance_check(&self, value: &Value) -> Result<bool> {
        match next(self.class.metaclass(), self.level, |hooks| hooks.instance_check.as_ref()) {
            Some((level, hook)) => hook(&self.at(level), value),
            None => self.class.is_class_of(value),
        }
    }

    /// `super().__subclasscheck__`: the next metaclass's answer; by default that of the order and of
    /// [`Class::register`].
    pub fn next_subclass_check(&self, class: &Class) -> Result<bool> {
        match next(self.class.metaclass(), self.level, |hooks| hooks.subclass_check.as_ref()) {
            Some((level, hook)) => hook(&self.at(level), class),
            None => self.class.is_above(class),
        }
    }
}

impl Deref for ClassHook<'_> {
    type Target = Class;

    fn deref(&self) -> &Class {
        self.class
    }
}
