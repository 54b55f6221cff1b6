//! What attributes hold, methods take and methods give.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::attribute::{Descriptor, Function};
use crate::class::Class;
use crate::error::{Error, ErrorKind, Result};
use crate::object::Object;
use crate::this::{Args, Receiver, This};

/// A dynamic value; cheap to clone.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    #[default]
    None,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A list that does not change.
    List(Arc<[Value]>),
    /// Values by name.
    Map(Arc<Map>),
    /// An instance.
    Object(Object),
    /// A class.
    Class(Class),
    /// A method taken from an instance or a class, or a function.
    Callable(Arc<Callable>),
    /// A property or another descriptor, taken from its class.
    Descriptor(Arc<dyn Descriptor>),
    /// A value of Rust that only Rust code understands.
    Native(Arc<dyn Any + Send + Sync>),
}

/// Values by name, in the order given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Vec<(Arc<str>, Value)>);

/// Something to call: a function, with what it is bound to.
#[derive(Clone, Debug)]
pub struct Callable {
    pub(crate) function: Function,
    pub(crate) bound: Bound,
    /// The class that holds the function: where its `super` starts.
    pub(crate) owner: Class,
}

/// What a function gets for `this`.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    /// The first argument, as of a method taken from its class.
    ToFirstArgument,
    /// Nothing, as of a static method.
    ToNothing,
    /// An instance or a class.
    To(Value),
}

impl Value {
    /// Wraps a value of Rust.
    pub fn native(value: impl Any + Send + Sync) -> Self {
        Self::Native(Arc::new(value))
    }

    /// The wrapped value of Rust, if it is one of this type.
    pub fn downcast<T: Any + Send + Sync>(&self) -> Option<&T> {
        match self {
            Self::Native(value) => value.downcast_ref(),
            _ => None,
        }
    }

    /// Calls it: a method, a class (which makes an instance), or an instance with `__call__`.
    pub fn call(&self, args: &[Value]) -> Result<Value> {
        match self {
            Self::Callable(callable) => callable.call(args),
            Self::Class(class) => class.construct(args),
            Self::Object(object) if object.class().find("__call__").is_some() => {
                object.class().call_special(object, "__call__", args)
            }
            _ => Err(Error::new(format!("'{}' object is not callable", self.type_name()))),
        }
    }

    /// The name of its type, as Python has it.
    pub fn type_name(&self) -> Arc<str> {
        match self {
            Self::None => "NoneType".into(),
            Self::Bool(_) => "bool".into(),
            Self::Int(_) => "int".into(),
            Self::Float(_) => "float".into(),
            Self::Text(_) => "str".into(),
            Self::List(_) => "list".into(),
            Self::Map(_) => "dict".into(),
            Self::Object(object) => object.class().shared_name().clone(),
            Self::Class(class) => class.metaclass().shared_name().clone(),
            Self::Callable(_) => "function".into(),
            Self::Descriptor(_) => "property".into(),
            Self::Native(_) => "native".into(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The text, if it is text.
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a whole number.
    #[inline]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, whole or not.
    #[inline]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[inline]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The instance, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The class, if it is one.
    pub fn as_class(&self) -> Option<&Class> {
        match self {
            Self::Class(class) => Some(class),
            _ => None,
        }
    }

    #[cold]
    fn is_no(&self, expected: &'static str) -> Error {
        ErrorKind::WrongType { expected, found: self.type_name() }.into()
    }

    /// Reads it as a value of Rust.
    #[inline]
    pub fn to<T: FromValue>(&self) -> Result<T> {
        T::from_value(self)
    }
}

impl Map {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// Sets the value of a name, and gives back the one it had.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| *known == name) {
            return Some(std::mem::replace(known, value));
        }
        self.0.push((name, value));
        None
    }

    /// Takes a value out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(known, _)| &**known == name)?;
        Some(self.0.remove(index).1)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (name, value) in pairs {
            map.insert(name, value);
        }
        map
    }
}

impl Callable {
    /// A function on its own gets its first argument for `this`.
    pub fn call(&self, args: &[Value]) -> Result<Value> {
        let (receiver, args) = match (&self.bound, args) {
            (Bound::To(Value::Object(object)), args) => (Receiver::Object(object), args),
            (Bound::To(Value::Class(class)), args) => (Receiver::Class(class), args),
            (Bound::To(value), args) => (Receiver::Value(value), args),
            (Bound::ToNothing, args) => (Receiver::Nothing, args),
            (Bound::ToFirstArgument, [first, rest @ ..]) => (Receiver::of(first), rest),
            (Bound::ToFirstArgument, []) => return Err(ErrorKind::MissingArgument { position: 1 }.into()),
        };
        self.function.run(&This::new(receiver, &self.owner), Args::new(args))
    }
}

impl fmt::Display for Value {
    /// As Python's `str`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Object(object) => object.fmt(f),
            other => fmt::Debug::fmt(other, f),
        }
    }
}

impl fmt::Debug for Value {
    /// As Python's `repr`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(truth) => f.write_str(if *truth { "True" } else { "False" }),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => fmt::Debug::fmt(number, f),
            Self::Text(text) => write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Map(map) => f.debug_map().entries(map.iter()).finish(),
            Self::Object(object) => fmt::Debug::fmt(object, f),
            Self::Class(class) => fmt::Debug::fmt(class, f),
            Self::Callable(callable) => match &callable.bound {
                Bound::To(_) => f.write_str("<bound method>"),
                _ => f.write_str("<function>"),
            },
            Self::Descriptor(_) => f.write_str("<property>"),
            Self::Native(_) => f.write_str("<native>"),
        }
    }
}

impl PartialEq for Value {
    /// Plain values by what they are, instances and classes by identity; whole and other numbers by their value.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::List(left), Self::List(right)) => left == right,
            (Self::Map(left), Self::Map(right)) => left == right,
            (Self::Object(left), Self::Object(right)) => left == right,
            (Self::Class(left), Self::Class(right)) => left == right,
            (Self::Callable(left), Self::Callable(right)) => Arc::ptr_eq(left, right),
            (Self::Descriptor(left), Self::Descriptor(right)) => Arc::ptr_eq(left, right),
            (Self::Native(left), Self::Native(right)) => Arc::ptr_eq(left, right),
            (left @ (Self::Int(_) | Self::Float(_)), right @ (Self::Int(_) | Self::Float(_))) => {
                left.as_float() == right.as_float()
            }
            _ => false,
        }
    }
}

macro_rules! into_value {
    ($($from:ty => |$value:ident| $to:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        }

        impl IntoValue for $from {
            #[inline]
            fn into_value(self) -> Result<Value> {
                Ok(self.into())
            }
        }
    )*};
}

/// What a method may return: anything that becomes a [`Value`], or a [`Result`] of it.
pub trait IntoValue {
    /// The value, or the method's refusal.
    fn into_value(self) -> Result<Value>;
}

into_value! {
    () => |_unit| Self::None,
    bool => |truth| Self::Bool(truth),
    i64 => |number| Self::Int(number),
    i32 => |number| Self::Int(number.into()),
    u32 => |number| Self::Int(number.into()),
    f64 => |number| Self::Float(number),
    &str => |text| Self::Text(text.into()),
    String => |text| Self::Text(text.into()),
    Arc<str> => |text| Self::Text(text),
    Vec<Value> => |items| Self::List(items.into()),
    Map => |map| Self::Map(Arc::new(map)),
    Object => |object| Self::Object(object),
    &Object => |object| Self::Object(object.clone()),
    Class => |class| Self::Class(class),
    &Class => |class| Self::Class(class.clone()),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Result<Value> {
        Ok(self)
    }
}

impl<T: Into<Value>> IntoValue for Option<T> {
    fn into_value(self) -> Result<Value> {
        Ok(self.into())
    }
}

impl<T: Into<Value>> IntoValue for Result<T> {
    #[inline]
    fn into_value(self) -> Result<Value> {
        self.map(Into::into)
    }
}

/// What a [`Value`] can be read as.
pub trait FromValue: Sized {
    /// Reads it; the error names the type wanted and the one found.
    fn from_value(value: &Value) -> Result<Self>;
}

macro_rules! from_value {
    ($($to:ty, $name:literal => |$value:ident| $read:expr),* $(,)?) => {$(
        impl FromValue for $to {
            #[inline]
            fn from_value($value: &Value) -> Result<Self> {
                match $read {
                    Some(read) => Ok(read),
                    None => Err($value.is_no($name)),
                }
            }
        }
    )*};
}

from_value! {
    bool, "bool" => |value| value.as_bool(),
    i64, "int" => |value| value.as_int(),
    f64, "float" => |value| value.as_float(),
    String, "str" => |value| value.as_str().map(str::to_owned),
    Arc<str>, "str" => |value| match value { Value::Text(text) => Some(text.clone()), _ => None },
    Object, "an instance" => |value| value.as_object().cloned(),
    Class, "a class" => |value| value.as_class().cloned(),
    Value, "a value" => |value| Some(value.clone()),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_in_python() {
        let map: Map = [("a", 1)].into_iter().collect();
        let cases: [(Value, &str, &str); 8] = [
            (().into(), "None", "None"),
            (true.into(), "True", "True"),
            ((-3).into(), "-3", "-3"),
            (2.0.into(), "2.0", "2.0"),
            ("it's".into(), "it's", "'it\\'s'"),
            (vec![1.into(), "x".into()].into(), "[1, 'x']", "[1, 'x']"),
            (map.into(), "{\"a\": 1}", "{\"a\": 1}"),
            (Some(4).into(), "4", "4"),
        ];
        for (value, shown, debugged) in cases {
            assert_eq!(value.to_string(), shown);
            assert_eq!(format!("{value:?}"), debugged);
        }
    }

    #[test]
    fn values_are_read_back_or_refused_by_type() {
        assert_eq!(Value::from(3).to::<i64>().ok(), Some(3));
        assert_eq!(Value::from(3).to::<f64>().ok(), Some(3.0));
        assert_eq!(Value::from("a").to::<String>().ok().as_deref(), Some("a"));
        let error = Value::from("a").to::<i64>().expect_err("text");
        assert_eq!(error.to_string(), "expected int, found str");
        assert_eq!(Value::native(7_u8).downcast::<u8>(), Some(&7));
        assert_eq!(Value::native(7_u8).downcast::<u16>(), None);
    }

    #[test]
    fn equality_is_by_value_for_plain_ones() {
        assert_eq!(Value::from(1), Value::from(1.0));
        assert_ne!(Value::from(1), Value::from(true));
        assert_ne!(Value::None, Value::from(0));
        assert_eq!(Value::from(vec![1.into()]), Value::from(vec![1.into()]));
    }

    #[test]
    fn what_cannot_be_called_says_so() {
        let error = Value::from(3).call(&[]).expect_err("a number");
        assert_eq!(error.to_string(), "'int' object is not callable");
    }
}
