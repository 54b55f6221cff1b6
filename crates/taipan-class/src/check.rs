//! What is an instance or a subclass of what.

use std::sync::{Arc, Weak};

use crate::class::{Class, locked};
use crate::error::{ErrorKind, Result};
use crate::hooks::ClassHook;
use crate::object::Object;
use crate::value::Value;

impl Value {
    /// `isinstance(self, class)`; the class's metaclass may have a say.
    pub fn is_instance(&self, class: &Class) -> Result<bool> {
        if self.class() == class {
            return Ok(true);
        }
        ClassHook::first(class).next_instance_check(self)
    }

    /// Plain values are instances of `object` alone.
    fn class(&self) -> &Class {
        match self {
            Self::Object(object) => object.class(),
            Self::Class(class) => class.metaclass(),
            _ => Class::object(),
        }
    }
}

impl Object {
    /// `isinstance(self, class)`; the class's metaclass may have a say.
    pub fn is_instance(&self, class: &Class) -> Result<bool> {
        Value::from(self).is_instance(class)
    }
}

impl Class {
    /// Calls the class, which makes an instance unless its metaclass says otherwise.
    pub fn construct(&self, args: &[Value]) -> Result<Value> {
        ClassHook::first(self).next_call(args)
    }

    /// `issubclass(self, other)`; the other's metaclass may have a say.
    pub fn is_subclass(&self, other: &Class) -> Result<bool> {
        ClassHook::first(other).next_subclass_check(self)
    }

    /// Makes another class, and all below it, a virtual subclass: the checks say so, the order does not.
    ///
    /// # Errors
    ///
    /// The other class is above this one.
    pub fn register(&self, other: &Class) -> Result<()> {
        if other.is_subclass(self)? {
            return Ok(());
        }
        if self.is_subclass(other)? {
            return Err(ErrorKind::Cycle.into());
        }
        for class in self.order().filter(|class| *class != Self::object()) {
            let _turn = locked(&class.0.writing);
            let mut registered = class.0.registered.load().as_deref().cloned().unwrap_or_default();
            registered.retain(|class| class.strong_count() > 0);
            registered.push(Arc::downgrade(&other.0));
            class.0.registered.store(Some(Arc::new(registered)));
        }
        Ok(())
    }

    pub(crate) fn is_class_of(&self, value: &Value) -> Result<bool> {
        self.is_above(value.class())
    }

    /// By the order of the other class, or because it or one above it was registered.
    pub(crate) fn is_above(&self, other: &Class) -> Result<bool> {
        if other.order().any(|class| class == self) {
            return Ok(true);
        }
        let registered = self.0.registered.load();
        for class in registered.iter().flat_map(|classes| classes.iter()).filter_map(Weak::upgrade).map(Class) {
            if other.is_subclass(&class)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
