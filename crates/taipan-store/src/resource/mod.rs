//! Classes that become tables: declared as plain data, made at run time, checked by the metaclass `Resource`.
//!
//! ```
//! use taipan_store::Kind;
//! use taipan_store::resource::{ClassSpec, Classes, FieldSpec};
//!
//! let classes = Classes::build(&[ClassSpec::new("Employee")
//!     .base("Versioned")
//!     .metaclass("Resource")
//!     .table("employees")
//!     .field(FieldSpec::new("id", Kind::Integer).primary_key())
//!     .field(FieldSpec::new("name", Kind::Text).required())])?;
//! let employee = classes.get("Employee").unwrap();
//! assert_eq!(format!("{:?}", employee.class.mro()), "[<class 'Employee'>, <class 'Versioned'>, <class 'object'>]");
//! let from: Vec<_> = employee.fields.iter().map(|field| (&*field.spec.name, &*field.from)).collect();
//! assert_eq!(from, [("id", "Employee"), ("name", "Employee"), ("version", "Versioned")]);
//! assert_eq!(classes.tables()[0].primary_key, ["id"]);
//! # Ok::<(), taipan_store::resource::Fault>(())
//! ```
//!
//! A field that a class and a class further along its order both have is the nearer one's, if both are of one type.

mod metaclass;
mod mixins;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use taipan_class::Class;

pub use self::mixins::mixins;
use crate::error::nearest;
use crate::kind::Kind;
use crate::schema::{self, ForeignKey, Index, OnDelete, Preset};

/// A class as it is declared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassSpec {
    /// Its name.
    pub name: String,
    /// The names of its bases, in order: classes declared beside it, before or after, or shipped mixins.
    pub bases: Vec<String>,
    /// `Resource` for a table. Without, it is that of the bases.
    pub metaclass: Option<String>,
    /// Whether it is there to be derived from, and has no table.
    pub is_abstract: bool,
    /// The table; the class's name in small letters with underscores when absent.
    pub table: Option<String>,
    /// Its own fields, in order.
    pub fields: Vec<FieldSpec>,
    /// Indexes beyond those of single fields.
    pub indexes: Vec<Index>,
    /// Conditions that every row meets, as SQL.
    pub checks: Vec<String>,
    /// Who may read; see [`Access`].
    pub read: Option<String>,
    /// Who may write; see [`Access`]. Staff when absent.
    pub write: Option<String>,
    /// The table's name before it was renamed.
    pub renamed_from: Option<String>,
}

/// A field as it is declared.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of a declaration")]
pub struct FieldSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it identifies a row, alone or with others.
    pub primary_key: bool,
    /// Whether it may not be null.
    pub required: bool,
    /// Whether no two rows may have the same.
    pub unique: bool,
    /// Whether it is indexed.
    pub index: bool,
    /// What a row has that is inserted without it.
    pub preset: Option<Preset>,
    /// A condition on it, as SQL.
    pub check: Option<String>,
    /// The class whose row it refers to, by its primary key.
    pub references: Option<String>,
    /// What becomes of the row when the one it refers to is deleted.
    pub on_delete: Option<OnDelete>,
    /// Whether it is never shown: it can be written, and is neither read nor asked about over the network.
    pub hidden: bool,
    /// The name it had before.
    pub renamed_from: Option<String>,
}

/// Who may do something with the rows of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever is logged in.
    User,
    /// Whoever works on the application.
    Staff,
    /// Whoever a row's field `owner` names, and staff.
    Owner,
    /// Whoever asks for rows that meet this SQL condition, in which `:user` is who asks (see [`Rule`](crate::Rule)), and
    /// staff.
    Rule(String),
}

/// All classes of an application, made and checked.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    classes: Vec<Declared>,
}

/// A class that was made.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The class.
    pub class: Class,
    /// Its fields and those it inherits, nearest class first.
    pub fields: Vec<Inherited>,
    /// What makes it a table; none for a mixin.
    pub resource: Option<Resource>,
}

impl Declared {
    /// Whether it derives from a class of this name.
    pub fn derives_from(&self, name: &str) -> bool {
        self.class.mro().iter().any(|above| above.name() == name)
    }
}

/// A field with the class that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Inherited {
    /// The field.
    pub spec: FieldSpec,
    /// The name of the class.
    pub from: String,
}

/// What makes a class a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The table.
    pub table: schema::Table,
    /// Who may read its rows; without a word of it, who may read tables without a class.
    pub read: Option<Access>,
    /// Who may write its rows.
    pub write: Access,
    /// The fields that are never shown.
    pub hidden: Vec<String>,
}

/// What is wrong with a declaration, and where: a class, one of its fields or settings, or a setting of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The class.
    pub class: String,
    /// The field, if it is one's fault.
    pub field: Option<String>,
    /// The setting, such as `bases` or `default`.
    pub key: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

impl Classes {
    /// Makes the classes, in an order in which bases come first, and checks what they refer to.
    ///
    /// # Errors
    /// The first fault: a base that is not there or above itself, an order that is not consistent, a field that is wrong
    /// or of two types, a reference without target, a permission that says nothing, two classes for one table.
    pub fn build(specs: &[ClassSpec]) -> Result<Self, Fault> {
        let mut making = Making::new(specs)?;
        for spec in specs {
            making.class(&spec.name, &mut Vec::new())?;
        }
        let mut classes = Vec::new();
        for spec in specs {
            if let Some(class) = making.made.get(&spec.name) {
                classes.push(metaclass::declared(class)?);
            }
        }
        refer(specs, &mut classes)?;
        Ok(Self { classes })
    }

    /// All of them, as declared.
    pub fn iter(&self) -> impl Iterator<Item = &Declared> {
        self.classes.iter()
    }

    /// One by its name.
    pub fn get(&self, name: &str) -> Option<&Declared> {
        self.classes.iter().find(|declared| declared.class.name() == name)
    }

    /// The resource whose table has this name.
    pub fn of_table(&self, table: &str) -> Option<&Declared> {
        self.classes.iter().find(|declared| declared.resource.as_ref().is_some_and(|found| found.table.name == table))
    }

    /// The tables of the resources.
    pub fn tables(&self) -> Vec<schema::Table> {
        let resources = self.classes.iter().filter_map(|declared| declared.resource.as_ref());
        resources.map(|resource| resource.table.clone()).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

/// Classes on their way.
struct Making<'a> {
    specs: HashMap<&'a str, &'a ClassSpec>,
    shipped: Vec<ClassSpec>,
    resource: Class,
    registered: Arc<Mutex<Vec<(String, String)>>>,
    made: HashMap<String, Class>,
}

impl<'a> Making<'a> {
    fn new(specs: &'a [ClassSpec]) -> Result<Self, Fault> {
        let registered = Arc::default();
        let resource = metaclass::resource(&registered).map_err(|error| Fault::of_class("Resource", error))?;
        let specs = specs.iter().map(|spec| (&*spec.name, spec)).collect();
        Ok(Self { specs, shipped: mixins(), resource, registered, made: HashMap::new() })
    }

    /// Makes a class after its bases; `above` are those on whose behalf it is made.
    fn class(&mut self, name: &str, above: &mut Vec<String>) -> Result<Option<Class>, Fault> {
        if let Some(class) = self.made.get(name) {
            return Ok(Some(class.clone()));
        }
        let shipped = || self.shipped.iter().find(|spec| spec.name == name);
        let Some(spec) = self.specs.get(name).copied().or_else(shipped).cloned() else {
            return Ok(None);
        };
        if let Some(start) = above.iter().position(|class| class == name) {
            let mut circle = above.split_off(start);
            let class = circle.first().cloned().unwrap_or_default();
            circle.push(class.clone());
            let message = format!("the bases of {class} lead back to it: {}", circle.join(" → "));
            return Err(Fault::of_class(&class, message).key("bases"));
        }
        above.push(name.to_owned());
        let mut builder = Class::build(name);
        for base in &spec.bases {
            let Some(base_class) = self.class(base, above)? else {
                let known = self.specs.keys().copied().chain(self.shipped.iter().map(|spec| &*spec.name));
                let hint = nearest(base, known).map(|name| format!("did you mean '{name}'?"));
                return Err(Fault { hint, ..Fault::of_class(name, format!("no class '{base}'")).key("bases") });
            };
            builder = builder.base(&base_class);
        }
        above.pop();
        match spec.metaclass.as_deref() {
            None => {}
            Some("Resource") => builder = builder.metaclass(&self.resource),
            Some(other) => {
                let fault = Fault::of_class(name, format!("no metaclass '{other}'")).key("metaclass");
                return Err(Fault { hint: Some("the metaclass of tables is 'Resource'".to_owned()), ..fault });
            }
        }
        let class = metaclass::written(builder, &spec).create().map_err(|error| metaclass::fault(name, &error))?;
        self.made.insert(name.to_owned(), class.clone());
        self.refuse_second_table(name)?;
        Ok(Some(class))
    }

    fn refuse_second_table(&self, name: &str) -> Result<(), Fault> {
        let registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, table)) = registered.iter().find(|(class, _)| class == name) else {
            return Ok(());
        };
        match registered.iter().find(|(class, other)| class != name && other == table) {
            Some((other, _)) => {
                let message = format!("the table '{table}' is that of {other} already");
                Err(Fault::of_class(name, message).key("table"))
            }
            None => Ok(()),
        }
    }
}

/// Turns references to classes into references to tables.
fn refer(specs: &[ClassSpec], classes: &mut [Declared]) -> Result<(), Fault> {
    let mut keys: HashMap<String, (String, Vec<(String, Kind)>)> = HashMap::new();
    for declared in &*classes {
        if let Some(resource) = &declared.resource {
            let kind = |name: &String| resource.table.fields.iter().find(|field| field.name == *name).map(|f| f.kind);
            let key = resource.table.primary_key.iter().filter_map(|name| Some((name.clone(), kind(name)?)));
            keys.insert(declared.class.name().to_owned(), (resource.table.name.clone(), key.collect()));
        }
    }
    for declared in classes {
        let Some(resource) = &mut declared.resource else { continue };
        let class = declared.class.name();
        for Inherited { spec, .. } in &declared.fields {
            let Some(target) = &spec.references else { continue };
            let fault = |message: String| Fault::of_class(class, message).field(&spec.name).key("references");
            let Some((table, key)) = keys.get(target) else {
                let is_mixin = specs.iter().any(|spec| spec.name == *target);
                let why = if is_mixin { "has no table" } else { "is no class" };
                let hint =
                    nearest(target, keys.keys().map(String::as_str)).map(|name| format!("did you mean '{name}'?"));
                return Err(Fault { hint, ..fault(format!("'{target}' {why}")) });
            };
            let [(field, kind)] = &key[..] else {
                return Err(fault(format!("the primary key of {target} has {} fields", key.len())));
            };
            if *kind != spec.kind {
                let (own, other) = (metaclass::name(spec.kind), metaclass::name(*kind));
                return Err(fault(format!("'{}' is {own}, and {target}.{field} is {other}", spec.name)));
            }
            let reference = ForeignKey::new([&*spec.name], table, [&**field]);
            resource.table.foreign_keys.push(reference.on_delete(spec.on_delete.unwrap_or_default()));
        }
    }
    Ok(())
}

impl Access {
    /// Reads `public`, `user`, `staff`, `owner`, or else an SQL condition. A single word that is none of them is a slip.
    fn parse(text: &str) -> Result<Self, Option<&'static str>> {
        const WORDS: [&str; 4] = ["public", "user", "staff", "owner"];
        Ok(match text.trim() {
            "public" => Self::Public,
            "user" => Self::User,
            "staff" => Self::Staff,
            "owner" => Self::Owner,
            word if word.chars().all(|char| char.is_alphanumeric() || char == '_') => {
                return Err(WORDS.into_iter().find(|known| nearest(word, [*known]).is_some()));
            }
            rule => Self::Rule(rule.to_owned()),
        })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::User => "user",
            Self::Staff => "staff",
            Self::Owner => "owner",
            Self::Rule(rule) => rule,
        })
    }
}

impl Fault {
    /// A fault of a whole class.
    pub fn of_class(class: &str, message: impl ToString) -> Self {
        Self { class: class.to_owned(), field: None, key: None, message: message.to_string(), hint: None }
    }

    fn field(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }

    fn key(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "class {}, field '{field}': {}", self.class, self.message),
            None => write!(f, "class {}: {}", self.class, self.message),
        }
    }
}

impl std::error::Error for Fault {}

impl ClassSpec {
    /// A class without fields yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a base.
    #[must_use]
    pub fn base(mut self, name: impl Into<String>) -> Self {
        self.bases.push(name.into());
        self
    }

    /// Sets the metaclass.
    #[must_use]
    pub fn metaclass(mut self, name: impl Into<String>) -> Self {
        self.metaclass = Some(name.into());
        self
    }

    /// Makes it a mixin.
    #[must_use]
    pub fn into_abstract(mut self) -> Self {
        self.is_abstract = true;
        self
    }

    /// Names the table.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = Some(name.into());
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, field: FieldSpec) -> Self {
        self.fields.push(field);
        self
    }

    /// Says who may read and who may write.
    #[must_use]
    pub fn access(mut self, read: impl Into<String>, write: impl Into<String>) -> Self {
        self.read = Some(read.into());
        self.write = Some(write.into());
        self
    }
}

impl FieldSpec {
    /// A field that may be null.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            primary_key: false,
            required: false,
            unique: false,
            index: false,
            preset: None,
            check: None,
            references: None,
            on_delete: None,
            hidden: false,
            renamed_from: None,
        }
    }

    /// Makes it the primary key, or a part of it.
    #[must_use]
    pub fn primary_key(self) -> Self {
        Self { primary_key: true, ..self }
    }

    /// Forbids nulls.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Sets what a row has that is inserted without it.
    #[must_use]
    pub fn preset(self, preset: Preset) -> Self {
        Self { preset: Some(preset), ..self }
    }

    /// Keeps it from being shown.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Makes it refer to a row of a class.
    #[must_use]
    pub fn references(self, class: impl Into<String>) -> Self {
        Self { references: Some(class.into()), ..self }
    }
}
