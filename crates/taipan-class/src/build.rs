//! Writing a class down.

use std::sync::Arc;

use crate::attribute::{Attribute, Descriptor, Property};
use crate::class::Class;
use crate::create::{Draft, Wish};
use crate::error::{Error, Result};
use crate::hooks::{ClassHook, Hooks};
use crate::this::{Args, This};
use crate::value::{IntoValue, Map, Value};

/// A class being written down; [`ClassBuilder::create`] makes it.
#[must_use = "a class exists once create() is called"]
pub struct ClassBuilder {
    wish: Wish,
    is_metaclass: bool,
}

impl ClassBuilder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        let wish = Wish {
            name,
            bases: Vec::new(),
            metaclass: None,
            attributes: Vec::new(),
            keywords: Map::default(),
            hooks: Hooks::default(),
        };
        Self { wish, is_metaclass: false }
    }

    pub(crate) fn new_metaclass(name: Arc<str>) -> Self {
        Self { is_metaclass: true, ..Self::new(name) }
    }

    /// Adds a base, after those given before.
    pub fn base(mut self, base: &Class) -> Self {
        self.wish.bases.push(base.clone());
        self
    }

    /// Adds bases, in order.
    pub fn bases<'a>(mut self, bases: impl IntoIterator<Item = &'a Class>) -> Self {
        self.wish.bases.extend(bases.into_iter().cloned());
        self
    }

    /// Sets the metaclass. Without one, it is the most derived of those of the bases.
    pub fn metaclass(mut self, metaclass: &Class) -> Self {
        self.wish.metaclass = Some(metaclass.clone());
        self
    }

    /// Gives a keyword of the class statement: for the metaclass, or the `__init_subclass__` of the bases.
    pub fn keyword(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.wish.keywords.insert(name, value);
        self
    }

    /// Adds an attribute of any kind.
    pub fn set(mut self, name: impl Into<Arc<str>>, attribute: impl Into<Attribute>) -> Self {
        self.wish.attributes.push((name.into(), attribute.into()));
        self
    }

    /// Adds a method.
    pub fn method<R: IntoValue>(
        self,
        name: impl Into<Arc<str>>,
        body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.set(name, Attribute::method(body))
    }

    /// Adds a method that subclasses must override; `super_call` reaches its body.
    pub fn abstract_method<R: IntoValue>(
        self,
        name: impl Into<Arc<str>>,
        body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.set(name, Attribute::method(body).into_abstract())
    }

    /// Adds a method that gets the class.
    pub fn class_method<R: IntoValue>(
        self,
        name: impl Into<Arc<str>>,
        body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.set(name, Attribute::class_method(body))
    }

    /// Adds a function that gets neither instance nor class.
    pub fn static_method<R: IntoValue>(
        self,
        name: impl Into<Arc<str>>,
        body: impl Fn(Args<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.set(name, Attribute::static_method(body))
    }

    /// Adds a property that can be read. One that can be written as well is a [`ClassBuilder::descriptor`].
    pub fn property<R: IntoValue>(
        self,
        name: impl Into<Arc<str>>,
        getter: impl Fn(&This<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.descriptor(name, Property::new(getter))
    }

    /// Adds a [`Property`] or another descriptor.
    pub fn descriptor(self, name: impl Into<Arc<str>>, descriptor: impl Descriptor + 'static) -> Self {
        self.set(name, Attribute::descriptor(descriptor))
    }

    /// Adds `__init__`: what a new instance does with its arguments.
    pub fn init<R: IntoValue>(self, body: impl Fn(&This<'_>, Args<'_>) -> R + Send + Sync + 'static) -> Self {
        self.method("__init__", body)
    }

    /// Adds `__getattr__`: what an instance gives for a name that nothing else knows.
    pub fn getattr<R: IntoValue>(self, body: impl Fn(&This<'_>, &str) -> R + Send + Sync + 'static) -> Self {
        self.method("__getattr__", move |this, args| body(this, &args.at::<Arc<str>>(0)?).into_value())
    }

    /// Adds `__init_subclass__`: what happens when a subclass of this class is made; `this.class()` is the subclass.
    ///
    /// Whoever wants those further along the order to hear of it calls `this.super_call("__init_subclass__", …)` with
    /// the keywords that are left.
    pub fn init_subclass<R: IntoValue>(self, body: impl Fn(&This<'_>, &Map) -> R + Send + Sync + 'static) -> Self {
        let body = move |this: &This<'_>, args: Args<'_>| match args.first() {
            Some(Value::Map(keywords)) => body(this, keywords).into_value(),
            _ => body(this, &Map::default()).into_value(),
        };
        self.class_method("__init_subclass__", body)
    }

    /// Hook of a metaclass: puts attributes into a class before its own are.
    pub fn prepare_class(mut self, hook: impl Fn(&mut Draft) -> Result<()> + Send + Sync + 'static) -> Self {
        self.wish.hooks.prepare = Some(Arc::new(hook));
        self
    }

    /// Hook of a metaclass: makes the class, by [`Draft::create`], or refuses it.
    pub fn new_class(mut self, hook: impl Fn(Draft) -> Result<Class> + Send + Sync + 'static) -> Self {
        self.wish.hooks.new = Some(Arc::new(hook));
        self
    }

    /// Hook of a metaclass: sees the class once it is made, with the keywords given.
    pub fn init_class(mut self, hook: impl Fn(&ClassHook<'_>, &Map) -> Result<()> + Send + Sync + 'static) -> Self {
        self.wish.hooks.init = Some(Arc::new(hook));
        self
    }

    /// Hook of a metaclass: what calling the class gives.
    pub fn call_class<R: IntoValue>(
        mut self,
        hook: impl Fn(&ClassHook<'_>, Args<'_>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.wish.hooks.call = Some(Arc::new(move |class, args| hook(class, args).into_value()));
        self
    }

    /// Hook of a metaclass: what is an instance of the class.
    pub fn instance_check(
        mut self,
        hook: impl Fn(&ClassHook<'_>, &Value) -> Result<bool> + Send + Sync + 'static,
    ) -> Self {
        self.wish.hooks.instance_check = Some(Arc::new(hook));
        self
    }

    /// Hook of a metaclass: what is a subclass of the class.
    pub fn subclass_check(
        mut self,
        hook: impl Fn(&ClassHook<'_>, &Class) -> Result<bool> + Send + Sync + 'static,
    ) -> Self {
        self.wish.hooks.subclass_check = Some(Arc::new(hook));
        self
    }

    /// Makes the class: its metaclass prepares and makes it, descriptors learn their names, the bases hear of their
    /// subclass, and the metaclass sees the result.
    ///
    /// # Errors
    ///
    /// The bases have no consistent order, one is named twice, or their metaclasses are in conflict; a hook refuses.
    pub fn create(mut self) -> Result<Class> {
        if self.is_metaclass && !self.wish.bases.iter().any(Class::is_metaclass) {
            self.wish.bases.push(Class::type_().clone());
        }
        if self.wish.name.is_empty() {
            return Err(Error::new("a class needs a name"));
        }
        self.wish.create()
    }
}
