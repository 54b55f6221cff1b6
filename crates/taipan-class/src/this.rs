//! What a method is handed: whom it was called on, where it was found, and its arguments.

use std::ops::Deref;

use crate::attribute::Function;
use crate::class::Class;
use crate::error::{Error, ErrorKind, Result};
use crate::object::Object;
use crate::value::{FromValue, Value};

/// Whom a method was called on, and the class that holds the method.
#[derive(Clone, Copy)]
pub struct This<'a> {
    receiver: Receiver<'a>,
    owner: &'a Class,
}

/// Whom a method was called on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Receiver<'a> {
    /// An instance.
    Object(&'a Object),
    /// A class, as in class methods and methods of a metaclass.
    Class(&'a Class),
    /// Another value, where a method was taken from its class and called on it.
    Value(&'a Value),
    /// Nothing: a static method.
    Nothing,
}

impl<'a> Receiver<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Object(object) => Self::Object(object),
            Value::Class(class) => Self::Class(class),
            other => Self::Value(other),
        }
    }
}

impl<'a> This<'a> {
    #[inline]
    pub(crate) fn new(receiver: Receiver<'a>, owner: &'a Class) -> Self {
        Self { receiver, owner }
    }

    /// Whom the method was called on.
    pub fn receiver(&self) -> Receiver<'a> {
        self.receiver
    }

    /// The class that holds the method: where [`This::super_call`] starts.
    pub fn owner(&self) -> &'a Class {
        self.owner
    }

    /// The instance; an error where there is none.
    pub fn object(&self) -> Result<&'a Object> {
        match self.receiver {
            Receiver::Object(object) => Ok(object),
            Receiver::Class(_) => Err(wrong("a class".into())),
            Receiver::Value(value) => Err(wrong(value.type_name())),
            Receiver::Nothing => Err(wrong("nothing".into())),
        }
    }

    /// The class in a class method; the class of the instance elsewhere.
    pub fn class(&self) -> &'a Class {
        match self.receiver {
            Receiver::Object(object) => object.class(),
            Receiver::Class(class) => class,
            Receiver::Value(_) | Receiver::Nothing => self.owner,
        }
    }

    /// Whom the method was called on, as a value.
    pub fn value(&self) -> Value {
        match self.receiver {
            Receiver::Object(object) => object.into(),
            Receiver::Class(class) => class.into(),
            Receiver::Value(value) => value.clone(),
            Receiver::Nothing => Value::None,
        }
    }

    /// An attribute of the receiver.
    pub fn get(&self, name: &str) -> Result<Value> {
        match self.receiver {
            Receiver::Class(class) => class.get(name),
            _ => self.object()?.get(name),
        }
    }

    /// Sets an attribute of the receiver.
    pub fn set(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        match self.receiver {
            Receiver::Class(class) => class.set(name, value.into()),
            _ => self.object()?.set(name, value),
        }
    }

    /// Calls a method of the receiver.
    pub fn call(&self, name: &str, args: &[Value]) -> Result<Value> {
        match self.receiver {
            Receiver::Class(class) => class.call(name, args),
            _ => self.object()?.call(name, args),
        }
    }

    /// `super().name`: the attribute of the next class in the receiver's order that has it.
    pub fn super_get(&self, name: &str) -> Result<Value> {
        match self.receiver {
            Receiver::Class(class) => class.get_after(self.owner, name),
            _ => self.object()?.get_after(self.owner, name),
        }
    }

    /// `super().name(...)`: calls the method of the next class in the receiver's order that has it.
    pub fn super_call(&self, name: &str, args: &[Value]) -> Result<Value> {
        match self.receiver {
            Receiver::Object(object) => object.call_after(self.owner, name, args),
            _ => self.super_get(name)?.call(args),
        }
    }

    /// Runs a function on the same receiver.
    pub fn run(&self, function: &Function, args: &[Value]) -> Result<Value> {
        function.run(self, Args::new(args))
    }
}

fn wrong(found: std::sync::Arc<str>) -> Error {
    ErrorKind::WrongType { expected: "an instance", found }.into()
}

#[cold]
fn missing(position: usize) -> Error {
    ErrorKind::MissingArgument { position }.into()
}

/// The arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a>(&'a [Value]);

impl<'a> Args<'a> {
    #[inline]
    pub(crate) fn new(values: &'a [Value]) -> Self {
        Self(values)
    }

    /// The argument at an index from 0, read as a type of Rust.
    #[inline]
    pub fn at<T: FromValue>(&self, index: usize) -> Result<T> {
        match self.0.get(index) {
            Some(value) => value.to(),
            None => Err(missing(index + 1)),
        }
    }
}

impl Deref for Args<'_> {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        self.0
    }
}
