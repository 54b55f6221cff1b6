//! What a class can hold under a name: values, the three kinds of methods, and descriptors.

use std::fmt;
use std::sync::Arc;

use crate::class::Class;
use crate::error::{ErrorKind, Result};
use crate::this::{Args, Receiver, This};
use crate::value::{Bound, Callable, IntoValue, Value};

/// What a class holds under a name.
#[derive(Clone)]
pub struct Attribute {
    pub(crate) kind: Kind,
    is_abstract: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Value(Value),
    Method(Function),
    ClassMethod(Function),
    StaticMethod(Function),
    Descriptor(Arc<dyn Descriptor>),
}

type Body = dyn Fn(&This<'_>, Args<'_>) -> Result<Value> + Send + Sync;

/// A function of Rust that classes can hold.
#[derive(Clone)]
pub struct Function(Arc<Body>);

/// An attribute that computes what reading and writing it means, as Python's descriptor protocol.
///
/// [`Property`] is the one most classes need.
pub trait Descriptor: Send + Sync {
    /// The value that the receiver sees.
    fn get(&self, this: &This<'_>) -> Result<Value>;

    /// The value that is seen on the class itself; the descriptor where this gives none.
    fn get_on_class(&self, class: &Class) -> Option<Result<Value>> {
        let _ = class;
        None
    }

    /// Writes it. Called only if [`Descriptor::is_data`].
    fn set(&self, this: &This<'_>, name: &str, value: Value) -> Result<()> {
        let _ = value;
        Err(lacks(this, name, "setter"))
    }

    /// Deletes it. Called only if [`Descriptor::is_data`].
    fn delete(&self, this: &This<'_>, name: &str) -> Result<()> {
        Err(lacks(this, name, "deleter"))
    }

    /// Whether it comes before the attributes of the instance, and takes writes.
    fn is_data(&self) -> bool {
        true
    }

    /// Tells it the class that was made with it, and its name there.
    fn set_name(&self, owner: &Class, name: &str) -> Result<()> {
        let _ = (owner, name);
        Ok(())
    }
}

type Getter = dyn Fn(&This<'_>) -> Result<Value> + Send + Sync;
type Setter = dyn Fn(&This<'_>, Value) -> Result<()> + Send + Sync;
type Deleter = dyn Fn(&This<'_>) -> Result<()> + Send + Sync;

/// An attribute with functions for reading, writing and deleting.
///
/// ```
/// use taipan_class::{Class, Error, Property};
///
/// let celsius = Property::new(|this| Ok((this.get("fahrenheit")?.to::<f64>()? - 32.0) / 1.8))
///     .setter(|this, value| this.set("fahrenheit", value.to::<f64>()? * 1.8 + 32.0));
/// let weather = Class::build("Weather").descriptor("celsius", celsius).create()?.instance(&[])?;
/// weather.set("celsius", 100)?;
/// assert_eq!(weather.get("fahrenheit")?, 212.into());
/// # Ok::<(), Error>(())
/// ```
pub struct Property {
    getter: Box<Getter>,
    setter: Option<Box<Setter>>,
    deleter: Option<Box<Deleter>>,
}

impl Attribute {
    fn of(kind: Kind) -> Self {
        Self { kind, is_abstract: false }
    }

    /// A method: a function that gets the instance.
    pub fn method<R: IntoValue>(body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static) -> Self {
        Self::of(Kind::Method(Function::new(body)))
    }

    /// A method that gets the class, also when called on an instance.
    pub fn class_method<R: IntoValue>(body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static) -> Self {
        Self::of(Kind::ClassMethod(Function::new(body)))
    }

    /// A function that gets neither.
    pub fn static_method<R: IntoValue>(body: impl Fn(Args<'_>) -> R + Send + Sync + 'static) -> Self {
        Self::of(Kind::StaticMethod(Function::new(move |_, args| body(args))))
    }

    /// A property or another descriptor.
    pub fn descriptor(descriptor: impl Descriptor + 'static) -> Self {
        Self::of(Kind::Descriptor(Arc::new(descriptor)))
    }

    /// The same attribute, which a subclass must override before it can have instances.
    #[must_use]
    pub fn into_abstract(mut self) -> Self {
        self.is_abstract = true;
        self
    }

    /// Whether a subclass must override it.
    pub fn is_abstract(&self) -> bool {
        self.is_abstract
    }

    /// Whether it is a method of any kind.
    pub fn is_method(&self) -> bool {
        matches!(self.kind, Kind::Method(_) | Kind::ClassMethod(_) | Kind::StaticMethod(_))
    }

    /// The value, if it is a plain one.
    pub fn value(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Value(value) => Some(value),
            _ => None,
        }
    }

    /// A method that belongs to the class whatever it was written as.
    pub(crate) fn bound_to_class(self) -> Self {
        match self.kind {
            Kind::Method(function) => Self { kind: Kind::ClassMethod(function), ..self },
            kind => Self { kind, ..self },
        }
    }

    pub(crate) fn data_descriptor(&self) -> Option<&dyn Descriptor> {
        match &self.kind {
            Kind::Descriptor(descriptor) if descriptor.is_data() => Some(&**descriptor),
            _ => None,
        }
    }

    /// What an instance sees; `class` is its class, `owner` the one that holds the attribute.
    pub(crate) fn bind(&self, receiver: Receiver<'_>, class: &Class, owner: &Class) -> Result<Value> {
        match &self.kind {
            Kind::Value(value) => Ok(value.clone()),
            Kind::Method(function) => Ok(callable(function, Bound::To(This::new(receiver, owner).value()), owner)),
            Kind::ClassMethod(function) => Ok(callable(function, Bound::To(class.into()), owner)),
            Kind::StaticMethod(function) => Ok(callable(function, Bound::ToNothing, owner)),
            Kind::Descriptor(descriptor) => descriptor.get(&This::new(receiver, owner)),
        }
    }

    /// What is seen on the class itself.
    pub(crate) fn on_class(&self, class: &Class, owner: &Class) -> Result<Value> {
        match &self.kind {
            Kind::Value(value) => Ok(value.clone()),
            Kind::Method(function) => Ok(callable(function, Bound::ToFirstArgument, owner)),
            Kind::ClassMethod(function) => Ok(callable(function, Bound::To(class.into()), owner)),
            Kind::StaticMethod(function) => Ok(callable(function, Bound::ToNothing, owner)),
            Kind::Descriptor(descriptor) => {
                descriptor.get_on_class(class).unwrap_or_else(|| Ok(Value::Descriptor(descriptor.clone())))
            }
        }
    }

    /// Calls what an instance sees, without making a bound method of it.
    pub(crate) fn run(&self, receiver: Receiver<'_>, class: &Class, owner: &Class, args: &[Value]) -> Result<Value> {
        match &self.kind {
            Kind::Method(function) => function.run(&This::new(receiver, owner), Args::new(args)),
            Kind::ClassMethod(function) => function.run(&This::new(Receiver::Class(class), owner), Args::new(args)),
            Kind::StaticMethod(function) => function.run(&This::new(Receiver::Nothing, owner), Args::new(args)),
            Kind::Value(_) | Kind::Descriptor(_) => self.bind(receiver, class, owner)?.call(args),
        }
    }
}

fn callable(function: &Function, bound: Bound, owner: &Class) -> Value {
    Value::Callable(Arc::new(Callable { function: function.clone(), bound, owner: owner.clone() }))
}

fn lacks(this: &This<'_>, name: &str, missing: &'static str) -> crate::Error {
    let class = match this.receiver() {
        Receiver::Class(class) => class.metaclass(),
        _ => this.class(),
    };
    let class = class.shared_name().clone();
    ErrorKind::PropertyLacks { attribute: name.into(), class, missing }.into()
}

impl<V: Into<Value>> From<V> for Attribute {
    /// A function taken from a class becomes a method again; all else stays a value.
    fn from(value: V) -> Self {
        match value.into() {
            Value::Callable(callable) if matches!(callable.bound, Bound::ToFirstArgument) => {
                Self::of(Kind::Method(callable.function.clone()))
            }
            Value::Descriptor(descriptor) => Self::of(Kind::Descriptor(descriptor)),
            value => Self::of(Kind::Value(value)),
        }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_abstract {
            f.write_str("abstract ")?;
        }
        match &self.kind {
            Kind::Value(value) => value.fmt(f),
            Kind::Method(_) => f.write_str("method"),
            Kind::ClassMethod(_) => f.write_str("class method"),
            Kind::StaticMethod(_) => f.write_str("static method"),
            Kind::Descriptor(_) => f.write_str("descriptor"),
        }
    }
}

impl Function {
    /// Wraps a closure; what it returns becomes a [`Value`].
    pub fn new<R: IntoValue>(body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |this, args| body(this, args).into_value()))
    }

    #[inline]
    pub(crate) fn run(&self, this: &This<'_>, args: Args<'_>) -> Result<Value> {
        (self.0)(this, args)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<function>")
    }
}

impl Property {
    /// A property that can be read.
    pub fn new<R: IntoValue>(getter: impl Fn(&This<'_>) -> R + Send + Sync + 'static) -> Self {
        Self { getter: Box::new(move |this| getter(this).into_value()), setter: None, deleter: None }
    }

    /// Can be written as well.
    #[must_use]
    pub fn setter(mut self, setter: impl Fn(&This<'_>, Value) -> Result<()> + Send + Sync + 'static) -> Self {
        self.setter = Some(Box::new(setter));
        self
    }

    /// Can be deleted as well.
    #[must_use]
    pub fn deleter(mut self, deleter: impl Fn(&This<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        self.deleter = Some(Box::new(deleter));
        self
    }
}

impl Descriptor for Property {
    fn get(&self, this: &This<'_>) -> Result<Value> {
        (self.getter)(this)
    }

    fn set(&self, this: &This<'_>, name: &str, value: Value) -> Result<()> {
        match &self.setter {
            Some(setter) => setter(this, value),
            None => Err(lacks(this, name, "setter")),
        }
    }

    fn delete(&self, this: &This<'_>, name: &str) -> Result<()> {
        match &self.deleter {
            Some(deleter) => deleter(this),
            None => Err(lacks(this, name, "deleter")),
        }
    }
}
