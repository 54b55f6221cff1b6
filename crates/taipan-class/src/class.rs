//! A class: what it is made of, and how its attributes are read and changed.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::{ArcSwap, ArcSwapOption};
use indexmap::IndexMap;

use crate::attribute::Attribute;
use crate::build::ClassBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::Hooks;
use crate::lookup::Table;
use crate::object::Object;
use crate::this::{Receiver, This};
use crate::value::{Map, Value};

/// A class. Clones are the same class.
#[derive(Clone)]
pub struct Class(pub(crate) Arc<Inner>);

pub(crate) type Attributes = IndexMap<Arc<str>, Attribute, foldhash::fast::RandomState>;

/// What a class asks of those derived from it.
pub(crate) const INIT_SUBCLASS: &str = "__init_subclass__";

pub(crate) struct Inner {
    pub(crate) name: Arc<str>,
    pub(crate) bases: Box<[Class]>,
    /// The order without the class itself, which would keep itself alive.
    pub(crate) ancestors: Box<[Class]>,
    /// None for `type`, which is its own.
    pub(crate) metaclass: Option<Class>,
    pub(crate) hooks: Hooks,
    /// How many changes of the class and of those above it are done, and how many are on their way; see [`Version`].
    pub(crate) version: AtomicU64,
    pub(crate) table: ArcSwapOption<Table>,
    pub(crate) own: ArcSwap<Attributes>,
    /// Whether the class may have an [`INIT_SUBCLASS`]: false for nearly all, which spares the making of a class the
    /// look at everything above it.
    tells_subclasses: AtomicBool,
    /// Taken by whoever changes the class.
    pub(crate) writing: Mutex<()>,
    /// Whether somebody changes the class, and may have looked for those below it already.
    changing: AtomicBool,
    pub(crate) subclasses: Mutex<Vec<Weak<Inner>>>,
    /// Registered with this class or with one below it.
    pub(crate) registered: ArcSwapOption<Vec<Weak<Inner>>>,
}

impl Class {
    /// Begins a class.
    pub fn build(name: impl Into<Arc<str>>) -> ClassBuilder {
        ClassBuilder::new(name.into())
    }

    /// Begins a metaclass: a class that derives from `type`.
    pub fn build_metaclass(name: impl Into<Arc<str>>) -> ClassBuilder {
        ClassBuilder::new_metaclass(name.into())
    }

    /// The class that ends every order.
    pub fn object() -> &'static Class {
        static OBJECT: OnceLock<Class> = OnceLock::new();
        OBJECT.get_or_init(|| {
            let init = Attribute::method(|_, args| {
                if args.is_empty() {
                    return Ok(());
                }
                Err(Error::new("object.__init__() takes exactly one argument (the instance to initialize)"))
            });
            let init_subclass = Attribute::class_method(|this, args| match args.first() {
                Some(Value::Map(keywords)) if !keywords.is_empty() => {
                    Err(Error::new(format!("{}.__init_subclass__() takes no keyword arguments", this.class().name())))
                }
                _ => Ok(()),
            });
            let own = [("__init__".into(), init), (INIT_SUBCLASS.into(), init_subclass)];
            Class::assemble("object".into(), [].into(), [].into(), Some(Class::type_()), own.into_iter().collect())
        })
    }

    /// The metaclass of all classes that name no other.
    pub fn type_() -> &'static Class {
        static TYPE: OnceLock<Class> = OnceLock::new();
        TYPE.get_or_init(|| Class::assemble("type".into(), [].into(), [].into(), None, Attributes::default()))
    }

    fn assemble(
        name: Arc<str>,
        bases: Box<[Class]>,
        ancestors: Box<[Class]>,
        metaclass: Option<&Class>,
        own: Attributes,
    ) -> Self {
        // What object does with those derived from it nobody has to be told.
        let parts = Parts { name, bases, ancestors, hooks: Hooks::default(), own, tells_subclasses: false };
        Self::from_parts(parts, metaclass.cloned())
    }

    pub(crate) fn from_parts(parts: Parts, metaclass: Option<Class>) -> Self {
        Self(Arc::new(Inner {
            name: parts.name,
            bases: parts.bases,
            ancestors: parts.ancestors,
            metaclass,
            hooks: parts.hooks,
            version: AtomicU64::new(0),
            table: ArcSwapOption::empty(),
            own: ArcSwap::from_pointee(parts.own),
            tells_subclasses: AtomicBool::new(parts.tells_subclasses),
            writing: Mutex::new(()),
            changing: AtomicBool::new(false),
            subclasses: Mutex::new(Vec::new()),
            registered: ArcSwapOption::empty(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Its bases, in the order given.
    pub fn bases(&self) -> &[Class] {
        if self == Self::type_() { std::slice::from_ref(Self::object()) } else { &self.0.bases }
    }

    /// The order without the class itself.
    pub fn ancestors(&self) -> &[Class] {
        if self == Self::type_() { std::slice::from_ref(Self::object()) } else { &self.0.ancestors }
    }

    /// The method resolution order: the class itself, and at the end `object`.
    pub fn mro(&self) -> Vec<Class> {
        self.order().cloned().collect()
    }

    pub(crate) fn order(&self) -> impl Iterator<Item = &Class> + Clone {
        std::iter::once(self).chain(self.ancestors())
    }

    /// The class at a place of the order.
    pub(crate) fn at(&self, level: usize) -> &Class {
        level.checked_sub(1).and_then(|level| self.ancestors().get(level)).unwrap_or(self)
    }

    /// The class of this class.
    pub fn metaclass(&self) -> &Class {
        self.0.metaclass.as_ref().unwrap_or_else(|| Self::type_())
    }

    /// Whether its instances are classes.
    pub fn is_metaclass(&self) -> bool {
        self.order().any(|class| class == Self::type_())
    }

    /// The attributes that the class itself holds, in the order in which they were set.
    pub fn attributes(&self) -> Vec<(Arc<str>, Attribute)> {
        self.0.own.load().iter().map(|(name, attribute)| (name.clone(), attribute.clone())).collect()
    }

    /// An attribute that the class itself holds.
    pub fn attribute(&self, name: &str) -> Option<Attribute> {
        self.0.own.load().get(name).cloned()
    }

    /// The attribute that its instances see, with the class of the order that holds it.
    pub fn find(&self, name: &str) -> Option<(Class, Attribute)> {
        let table = self.table();
        let entry = table.get(name)?;
        Some((self.at(entry.level).clone(), entry.attribute.clone()))
    }

    /// Reads an attribute of the class: `D.name`.
    ///
    /// A data descriptor of the metaclass comes first, then what the class's own order holds, then what else the
    /// metaclass holds, then the metaclass's `__getattr__`.
    pub fn get(&self, name: &str) -> Result<Value> {
        let metaclass = self.metaclass();
        let above = metaclass.table();
        let of_metaclass = above.get(name);
        let bind = |entry: &crate::lookup::Entry| {
            entry.attribute.bind(Receiver::Class(self), metaclass, metaclass.at(entry.level))
        };
        if let Some(entry) = of_metaclass.filter(|entry| entry.attribute.data_descriptor().is_some()) {
            return bind(entry);
        }
        let table = self.table();
        if let Some(entry) = table.get(name) {
            return entry.attribute.on_class(self, self.at(entry.level));
        }
        if let Some(entry) = of_metaclass {
            return bind(entry);
        }
        if let Some(entry) = above.get("__getattr__") {
            let owner = metaclass.at(entry.level);
            return entry.attribute.run(Receiver::Class(self), metaclass, owner, &[name.into()]);
        }
        let missing = ErrorKind::NoClassAttribute { class: self.0.name.clone(), attribute: name.into() };
        Err(Error::from(missing).within(&self.0.name))
    }

    /// Calls an attribute of the class: `D.name(...)`.
    pub fn call(&self, name: &str, args: &[Value]) -> Result<Value> {
        self.get(name)?.call(args)
    }

    /// `super(owner, self).name`, for a class.
    pub(crate) fn get_after(&self, owner: &Class, name: &str) -> Result<Value> {
        if self.order().any(|class| class == owner) {
            let (holder, attribute) = self.after(owner, name)?;
            attribute.on_class(self, &holder)
        } else {
            let metaclass = self.metaclass();
            let (holder, attribute) = metaclass.after(owner, name)?;
            attribute.bind(Receiver::Class(self), metaclass, &holder)
        }
    }

    /// The attribute of the first class after `owner` in the order that holds it.
    pub(crate) fn after(&self, owner: &Class, name: &str) -> Result<(Class, Attribute)> {
        let mut order = self.order();
        if !order.by_ref().any(|class| class == owner) {
            return Err(Error::new("super(type, obj): obj must be an instance or subtype of type"));
        }
        let found = order.find_map(|class| Some((class.clone(), class.0.own.load().get(name)?.clone())));
        found.ok_or_else(|| {
            let missing = ErrorKind::NoSuperAttribute { attribute: name.into() };
            Error::from(missing).within(&self.0.name)
        })
    }

    /// Calls a method of the instance's class, past the instance's own attributes, as Python calls `__init__`.
    pub(crate) fn call_special(&self, object: &Object, name: &str, args: &[Value]) -> Result<Value> {
        let table = self.table();
        match table.get(name) {
            Some(entry) => entry.attribute.run(Receiver::Object(object), self, self.at(entry.level), args),
            None => Err(object.missing(name)),
        }
    }

    /// Makes an instance: the metaclass's call hook, or else a new object and its `__init__`.
    ///
    /// # Errors
    ///
    /// Abstract methods are left; `__init__` refuses; the metaclass's call hook gives something else than an instance.
    pub fn instance(&self, args: &[Value]) -> Result<Object> {
        match self.construct(args)? {
            Value::Object(object) => Ok(object),
            other => Err(Error::new(format!("calling {self} gave a {}, no instance", other.type_name()))),
        }
    }

    /// A new object and its `__init__`, whatever the metaclass says of calls.
    pub(crate) fn make_instance(&self, args: &[Value]) -> Result<Object> {
        if self.is_metaclass() {
            return Err(Error::new(format!("{self} is a metaclass: its classes are made by Class::build")));
        }
        let table = self.table();
        if !table.abstracts().is_empty() {
            let methods = table.abstracts().to_vec();
            return Err(Error::from(ErrorKind::Abstract { class: self.0.name.clone(), methods }).within(&self.0.name));
        }
        let object = Object::new(self.clone());
        if let Some(entry) = table.get("__init__") {
            let owner = self.at(entry.level);
            if owner != Self::object() {
                let returned = entry.attribute.run(Receiver::Object(&object), self, owner, args)?;
                if !returned.is_none() {
                    let found = returned.type_name();
                    return Err(Error::new(format!("__init__() should return None, not '{found}'")));
                }
            } else if !args.is_empty() {
                return Err(Error::new(format!("{self}() takes no arguments")));
            }
        }
        Ok(object)
    }

    /// Sets an attribute: of the class, unless the metaclass has a data descriptor of that name.
    ///
    /// Instances and subclasses see the change as soon as this returns.
    pub fn set(&self, name: &str, attribute: impl Into<Attribute>) -> Result<()> {
        let attribute = attribute.into();
        let metaclass = self.metaclass();
        let above = metaclass.table();
        if let Some(entry) = above.get(name)
            && let Some(descriptor) = entry.attribute.data_descriptor()
        {
            let value = attribute.on_class(self, self)?;
            return descriptor.set(&This::new(Receiver::Class(self), metaclass.at(entry.level)), name, value);
        }
        self.update([(name, attribute)])
    }

    /// Sets several attributes of the class at once: every lookup sees all of them or none.
    pub fn update<'a>(&self, attributes: impl IntoIterator<Item = (&'a str, Attribute)>) -> Result<()> {
        // Collected first: whoever makes them may make classes, which waits for changes.
        let attributes: Vec<(&str, Attribute)> = attributes.into_iter().collect();
        for (name, _) in &attributes {
            self.refuse_if_immutable(name)?;
        }
        self.change(|own| {
            own.extend(attributes.into_iter().map(|(name, attribute)| (name.into(), attribute)));
            Ok(())
        })
    }

    /// Deletes an attribute that the class itself holds, unless the metaclass has a data descriptor of that name.
    pub fn delete(&self, name: &str) -> Result<()> {
        let metaclass = self.metaclass();
        let above = metaclass.table();
        if let Some(entry) = above.get(name)
            && let Some(descriptor) = entry.attribute.data_descriptor()
        {
            return descriptor.delete(&This::new(Receiver::Class(self), metaclass.at(entry.level)), name);
        }
        self.refuse_if_immutable(name)?;
        self.change(|own| match own.shift_remove(name) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::NoClassAttribute { class: self.0.name.clone(), attribute: name.into() }.into()),
        })
    }

    fn refuse_if_immutable(&self, name: &str) -> Result<()> {
        if self == Self::object() || self == Self::type_() {
            return Err(ErrorKind::Immutable { class: self.0.name.clone(), attribute: name.into() }.into());
        }
        Ok(())
    }

    /// Changes the attributes. Nothing that is remembered of this class or of those below it counts from before the
    /// change is published until after it: in between, everybody reads what is published.
    fn change(&self, change: impl FnOnce(&mut Attributes) -> Result<()>) -> Result<()> {
        let _turn = locked(&self.0.writing);
        let mut own = Attributes::clone(&self.0.own.load());
        change(&mut own)?;
        if own.contains_key(INIT_SUBCLASS) {
            self.0.tells_subclasses.store(true, Ordering::Release);
        }
        self.0.changing.store(true, Ordering::Release);
        let affected = self.and_all_below();
        for class in &affected {
            class.0.version.fetch_add(Version::BEGUN, Ordering::AcqRel);
        }
        self.0.own.store(Arc::new(own));
        for class in &affected {
            class.0.version.fetch_add(Version::DONE - Version::BEGUN, Ordering::AcqRel);
        }
        self.0.changing.store(false, Ordering::Release);
        Ok(())
    }

    fn and_all_below(&self) -> Vec<Class> {
        let mut found = vec![self.clone()];
        let mut seen: HashSet<*const Inner, foldhash::fast::RandomState> = HashSet::default();
        let mut next = 0;
        while let Some(class) = found.get(next) {
            let new: Vec<Class> =
                class.subclasses().into_iter().filter(|class| seen.insert(Arc::as_ptr(&class.0))).collect();
            found.extend(new);
            next += 1;
        }
        found
    }

    #[inline]
    pub(crate) fn version(&self) -> Version {
        Version(self.0.version.load(Ordering::Acquire))
    }

    /// The classes that name this one among their bases and are still in use.
    ///
    /// Those of `object` and `type` are not known: both stay as they are, so nobody has to be told of a change.
    pub fn subclasses(&self) -> Vec<Class> {
        locked(&self.0.subclasses).iter().filter_map(Weak::upgrade).map(Class).collect()
    }

    /// Enters itself with its bases, and waits for changes above that began without it.
    ///
    /// Whoever changes a class says so before looking at any list of subclasses. If a list was looked at before this class
    /// entered it, its lock shows that word to this thread.
    pub(crate) fn enter(&self) {
        for base in &self.0.bases {
            if base == Self::object() || base == Self::type_() {
                continue;
            }
            let mut subclasses = locked(&base.0.subclasses);
            if subclasses.len() == subclasses.capacity() {
                subclasses.retain(|subclass| subclass.strong_count() > 0);
            }
            subclasses.push(Arc::downgrade(&self.0));
        }
        for class in self.ancestors() {
            if class.0.changing.load(Ordering::Acquire) {
                drop(locked(&class.0.writing));
            }
        }
    }

    /// `super(self, self).__init_subclass__`, which the bases may have defined.
    pub(crate) fn tell_bases(&self, keywords: Map) -> Result<()> {
        if keywords.is_empty() && !self.0.ancestors.iter().any(|above| above.0.tells_subclasses.load(Ordering::Acquire))
        {
            return Ok(());
        }
        let (holder, attribute) = self.after(self, INIT_SUBCLASS)?;
        attribute.run(Receiver::Class(self), self, &holder, &[keywords.into()]).map(|_| ())
    }
}

/// What a class was at a moment: the changes that were done in the upper bits, those on their way in the lower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Version(u64);

impl Version {
    const BEGUN: u64 = 1;
    const DONE: u64 = 1 << 16;

    /// Whether no change is on its way, so that what is read now may be remembered.
    pub(crate) fn is_settled(self) -> bool {
        self.0.is_multiple_of(Self::DONE)
    }
}

/// What a class is assembled from.
pub(crate) struct Parts {
    pub(crate) name: Arc<str>,
    pub(crate) bases: Box<[Class]>,
    pub(crate) ancestors: Box<[Class]>,
    pub(crate) hooks: Hooks,
    pub(crate) own: Attributes,
    pub(crate) tells_subclasses: bool,
}

/// What such a lock protects is whole at every moment, so a panic elsewhere does not spoil it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Class {}

impl Hash for Class {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<class '{}'>", self.0.name)
    }
}
