//! How a class comes to be: the metaclass, its hooks, the order.

use std::sync::Arc;

use crate::attribute::{Attribute, Kind};
use crate::class::{Attributes, Class, INIT_SUBCLASS, Parts};
use crate::error::{Error, ErrorKind, Result};
use crate::hooks::{self, ClassHook, Hooks};
use crate::order::{Line, merge};
use crate::value::{Map, Value};

/// A class before it exists: what a metaclass sees, and may change or refuse.
#[derive(Clone)]
pub struct Draft {
    name: Arc<str>,
    bases: Vec<Class>,
    metaclass: Class,
    attributes: Attributes,
    keywords: Map,
    hooks: Hooks,
    /// Where in the metaclass's order the next hook is looked for.
    level: usize,
}

/// What a builder has gathered.
pub(crate) struct Wish {
    pub(crate) name: Arc<str>,
    pub(crate) bases: Vec<Class>,
    pub(crate) metaclass: Option<Class>,
    pub(crate) attributes: Vec<(Arc<str>, Attribute)>,
    pub(crate) keywords: Map,
    pub(crate) hooks: Hooks,
}

impl Wish {
    /// The metaclass's hooks in Python's order: prepare, new (and in it set-name and init-subclass), init.
    pub(crate) fn create(self) -> Result<Class> {
        let name = self.name.clone();
        self.run().map_err(|error| error.within(&name))
    }

    fn run(self) -> Result<Class> {
        if let Some(metaclass) = self.metaclass.as_ref().filter(|class| !class.is_metaclass()) {
            return Err(Error::new(format!("{metaclass} is no metaclass: it does not derive from type")));
        }
        let metaclass = most_derived(self.metaclass.as_ref().unwrap_or_else(|| Class::type_()), &self.bases)?.clone();
        let mut draft = Draft {
            name: self.name,
            bases: self.bases,
            metaclass: metaclass.clone(),
            attributes: Attributes::default(),
            keywords: self.keywords,
            hooks: self.hooks,
            level: 0,
        };
        draft.next_prepare()?;
        draft.level = 0;
        draft.attributes.extend(self.attributes);
        let keywords = draft.keywords.clone();
        let class = draft.create()?;
        // A hook may have given a class of another kind, which is left alone.
        if class.metaclass().order().any(|above| *above == metaclass) {
            ClassHook::first(&class).next_init(&keywords)?;
        }
        Ok(class)
    }
}

impl Draft {
    /// The name that the class will have.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: impl Into<Arc<str>>) {
        self.name = name.into();
    }

    /// The bases that the class will have.
    pub fn bases(&self) -> &[Class] {
        &self.bases
    }

    /// Changes the bases.
    pub fn bases_mut(&mut self) -> &mut Vec<Class> {
        &mut self.bases
    }

    /// The metaclass that the class is to have.
    pub fn metaclass(&self) -> &Class {
        &self.metaclass
    }

    /// Whether the class itself defines an attribute.
    pub fn contains(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    /// An attribute that the class itself defines.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// The attributes that the class itself defines, in order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.attributes.iter().map(|(name, attribute)| (&**name, attribute))
    }

    /// Adds or replaces an attribute.
    pub fn set(&mut self, name: impl Into<Arc<str>>, attribute: impl Into<Attribute>) {
        self.attributes.insert(name.into(), attribute.into());
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, name: &str) -> Option<Attribute> {
        self.attributes.shift_remove(name)
    }

    /// Refuses the class unless it defines the attribute itself.
    pub fn require(&self, name: &str) -> Result<()> {
        if self.contains(name) {
            return Ok(());
        }
        Err(ErrorKind::Undefined { class: self.name.clone(), attribute: name.into() }.into())
    }

    /// The keywords of the class statement. Those left go to the `__init_subclass__` of the bases.
    pub fn keywords(&self) -> &Map {
        &self.keywords
    }

    /// Takes a keyword, so that `__init_subclass__` does not get it.
    pub fn take_keyword(&mut self, name: &str) -> Option<Value> {
        self.keywords.remove(name)
    }

    /// `super().__prepare__`: lets the next metaclass put attributes in before those of the class are.
    pub fn next_prepare(&mut self) -> Result<()> {
        let metaclass = self.metaclass.clone();
        let Some((level, hook)) = hooks::next(&metaclass, self.level, |hooks| hooks.prepare.as_ref()) else {
            return Ok(());
        };
        self.level = level;
        hook(self)
    }

    /// `super().__new__`: lets the next metaclass make the class, or makes it.
    ///
    /// # Errors
    ///
    /// The bases have no consistent order, one is named twice, or their metaclasses are in conflict; a hook refuses.
    pub fn create(mut self) -> Result<Class> {
        let metaclass = self.metaclass.clone();
        match hooks::next(&metaclass, self.level, |hooks| hooks.new.as_ref()) {
            Some((level, hook)) => {
                self.level = level;
                hook(self)
            }
            None => self.make(),
        }
    }

    /// What `type.__new__` does.
    fn make(mut self) -> Result<Class> {
        let metaclass = most_derived(&self.metaclass, &self.bases)?.clone();
        if metaclass != self.metaclass {
            // A hook changed the bases, and their metaclass wants to be asked.
            self.metaclass = metaclass.clone();
            if hooks::next(&metaclass, 0, |hooks| hooks.new.as_ref()).is_some() {
                self.level = 0;
                return self.create();
            }
        }
        if self.bases.is_empty() {
            self.bases.push(Class::object().clone());
        }
        let ancestors = linearise(&self.bases)?;
        if !self.hooks.is_empty() && !ancestors.contains(Class::type_()) {
            return Err(Error::new(format!(
                "Class {} has hooks of a metaclass, and does not derive from type",
                self.name
            )));
        }
        let mut tells_subclasses = false;
        if let Some(attribute) = self.attributes.get_mut(INIT_SUBCLASS) {
            *attribute = attribute.clone().bound_to_class();
            tells_subclasses = true;
        }
        let has_names_to_tell = self.attributes.values().any(is_told_its_name);
        let parts = Parts {
            name: self.name,
            bases: self.bases.into(),
            ancestors: ancestors.into(),
            hooks: self.hooks,
            own: self.attributes,
            tells_subclasses,
        };
        let class = Class::from_parts(parts, Some(metaclass));
        class.enter();
        if has_names_to_tell {
            set_names(&class)?;
        }
        class.tell_bases(self.keywords)?;
        Ok(class)
    }
}

/// The metaclass that derives from the wanted one and from those of all bases.
fn most_derived<'a>(wanted: &'a Class, bases: &'a [Class]) -> Result<&'a Class> {
    let is_below = |lower: &Class, upper: &Class| lower.order().any(|class| class == upper);
    let mut winner = wanted;
    for other in bases.iter().map(Class::metaclass) {
        if is_below(winner, other) {
            continue;
        }
        if !is_below(other, winner) {
            return Err(ErrorKind::MetaclassConflict.into());
        }
        winner = other;
    }
    Ok(winner)
}

/// The order of a class with these bases, without the class itself.
fn linearise(bases: &[Class]) -> Result<Vec<Class>> {
    if let [base] = bases {
        return Ok(base.mro());
    }
    let mut rest = bases;
    while let [base, others @ ..] = rest {
        if others.contains(base) {
            return Err(ErrorKind::DuplicateBase { base: base.shared_name().clone() }.into());
        }
        rest = others;
    }
    // Nearly every order ends in object, which need not take part.
    let shortened = bases.iter().map(|base| line(base).without(Class::object()));
    if let Some(lines) = shortened.chain([listed(bases)]).collect()
        && let Ok(order) = merge(lines)
    {
        return Ok(order.into_iter().chain([Class::object()]).cloned().collect());
    }
    match merge(bases.iter().map(line).chain(listed(bases)).collect()) {
        Ok(order) => Ok(order.into_iter().cloned().collect()),
        Err(heads) => {
            let bases = heads.into_iter().map(|class| class.shared_name().clone()).collect();
            Err(ErrorKind::Inconsistent { bases }.into())
        }
    }
}

/// The order of a base, to be kept.
fn line(base: &Class) -> Line<'_, Class> {
    Line::new(base, base.ancestors())
}

/// The order in which bases are listed, to be kept too.
fn listed(bases: &[Class]) -> Option<Line<'_, Class>> {
    bases.split_first().map(|(first, others)| Line::new(first, others))
}

/// Whether an attribute may want to know where it belongs.
fn is_told_its_name(attribute: &Attribute) -> bool {
    matches!(attribute.kind, Kind::Descriptor(_) | Kind::Value(Value::Object(_)))
}

/// Tells descriptors, and instances with `__set_name__`, where they now belong.
fn set_names(class: &Class) -> Result<()> {
    for (name, attribute) in &**class.0.own.load() {
        match &attribute.kind {
            Kind::Descriptor(descriptor) => descriptor.set_name(class, name)?,
            Kind::Value(Value::Object(object)) if object.class().find("__set_name__").is_some() => {
                object.class().call_special(object, "__set_name__", &[class.into(), name.clone().into()])?;
            }
            _ => {}
        }
    }
    Ok(())
}
