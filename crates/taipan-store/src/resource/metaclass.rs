//! The metaclass `Resource`: what it asks of a class, and the table that it makes of it.
//!
//! Fields are attributes of the class that hold a [`FieldSpec`], settings are attributes that no field can be named after.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};

use taipan_class::{Class, ClassBuilder, Error, Value};

use super::{Access, ClassSpec, Declared, Fault, FieldSpec, Inherited, Resource};
use crate::kind::Kind;
use crate::schema::{Field, Index, OnDelete, Table};

/// The attribute that holds the declaration without its fields.
const SPEC: &str = "__spec__";

/// The metaclass; it enters every class that becomes a table, with the table's name.
pub(super) fn resource(registered: &Arc<Mutex<Vec<(String, String)>>>) -> Result<Class, Error> {
    let registered = registered.clone();
    Class::build_metaclass("Resource")
        .new_class(|draft| {
            let class = draft.create()?;
            if spec(&class).is_some_and(|spec| !spec.is_abstract) {
                let fields = merged(&class).map_err(Error::caused)?;
                if fields.iter().all(|field| !field.spec.primary_key) {
                    let id = added_key(class.name(), &fields).map_err(Error::caused)?;
                    class.set("id", Value::native(id))?;
                }
                check(&class).map_err(Error::caused)?;
            }
            Ok(class)
        })
        .init_class(move |class, keywords| {
            if let Some(spec) = spec(class).filter(|spec| !spec.is_abstract) {
                let mut registered = registered.lock().unwrap_or_else(PoisonError::into_inner);
                registered.push((class.name().to_owned(), table_name(&spec)));
            }
            class.next_init(keywords)
        })
        .create()
}

/// Adds what is declared to a class that is being written down.
pub(super) fn written(mut builder: ClassBuilder, spec: &ClassSpec) -> ClassBuilder {
    for field in &spec.fields {
        builder = builder.set(&*field.name, Value::native(field.clone()));
    }
    builder.set(SPEC, Value::native(ClassSpec { fields: Vec::new(), ..spec.clone() }))
}

/// The fault that a hook found, or a refusal of the class system in its own words.
pub(super) fn fault(class: &str, error: &Error) -> Fault {
    match error.source().and_then(|source| source.downcast_ref::<Fault>()) {
        Some(fault) => fault.clone(),
        None => Fault::of_class(class, error).key("bases"),
    }
}

/// What became of a class.
pub(super) fn declared(class: &Class) -> Result<Declared, Fault> {
    let fields = merged(class)?;
    let is_resource = class.metaclass().name() == "Resource";
    let resource = match spec(class) {
        Some(spec) if is_resource && !spec.is_abstract => Some(as_resource(class, &spec, &fields)?),
        _ => None,
    };
    Ok(Declared { class: class.clone(), fields, resource })
}

/// A class's own declaration.
fn spec(class: &Class) -> Option<ClassSpec> {
    class.attribute(SPEC)?.value()?.downcast::<ClassSpec>().cloned()
}

/// The fields along the order: the nearest wins, and all of one name are of one type.
fn merged(class: &Class) -> Result<Vec<Inherited>, Fault> {
    let mut fields: Vec<Inherited> = Vec::new();
    for above in class.mro() {
        for (_, attribute) in above.attributes() {
            let Some(field) = attribute.value().and_then(|value| value.downcast::<FieldSpec>()) else { continue };
            let Some(nearer) = fields.iter().find(|nearer| nearer.spec.name == field.name) else {
                fields.push(Inherited { spec: field.clone(), from: above.name().to_owned() });
                continue;
            };
            if nearer.spec.kind != field.kind {
                let message = format!(
                    "'{}' is {} in {}, and {} in {}",
                    field.name,
                    name(nearer.spec.kind),
                    nearer.from,
                    name(field.kind),
                    above.name()
                );
                let fault = Fault::of_class(class.name(), message);
                let is_own = nearer.from == class.name();
                return Err(if is_own { fault.field(&field.name).key("type") } else { fault.key("bases") });
            }
        }
    }
    // A key that the metaclass added comes first, as one that was declared usually does.
    if let Some(at) = fields.iter().position(|field| field.spec == key() && field.from == class.name()) {
        let id = fields.remove(at);
        fields.insert(0, id);
    }
    Ok(fields)
}

/// The primary key of a class that declares none.
fn key() -> FieldSpec {
    FieldSpec::new("id", Kind::Integer).primary_key().required()
}

fn added_key(class: &str, fields: &[Inherited]) -> Result<FieldSpec, Fault> {
    if fields.iter().any(|field| field.spec.name == "id") {
        let message = "no field is the primary key, and 'id' is taken by one that is not";
        return Err(Fault::of_class(class, message).field("id"));
    }
    Ok(key())
}

fn check(class: &Class) -> Result<(), Fault> {
    match spec(class) {
        Some(spec) => as_resource(class, &spec, &merged(class)?).map(|_| ()),
        None => Ok(()),
    }
}

/// The table of a class, without references to other tables, which may not be made yet.
fn as_resource(class: &Class, spec: &ClassSpec, fields: &[Inherited]) -> Result<Resource, Fault> {
    let mut table = Table::new(table_name(spec));
    let (class, order) = (class.name(), class.mro());
    for Inherited { spec: field, .. } in fields {
        let checked = checked_field(class, &table.name, field)?;
        table = table.field(checked);
        if field.unique {
            table = table.index(Index::on([&*field.name]).unique());
        } else if field.index {
            table = table.index(Index::on([&*field.name]));
        }
    }
    table.primary_key = fields.iter().filter(|field| field.spec.primary_key).map(|f| f.spec.name.clone()).collect();
    table.indexes.extend(spec.indexes.iter().cloned());
    table.renamed_from.clone_from(&spec.renamed_from);
    let as_fault =
        |key: Option<&'static str>| move |error: crate::Error| Fault { key, ..Fault::of_class(class, error) };
    table.validate().map_err(as_fault(Some("table")))?;
    for check in &spec.checks {
        table = table.check(check);
        table.validate().map_err(as_fault(Some("checks")))?;
    }
    let access = |text: &Option<String>, key: &'static str| -> Result<Option<Access>, Fault> {
        let Some(text) = text else { return Ok(None) };
        let access = Access::parse(text).map_err(|near| {
            let message = format!("'{text}' is nobody: public, user, staff, owner, or an SQL condition");
            let hint = near.map(|word| format!("did you mean '{word}'?"));
            Fault { hint, ..Fault::of_class(class, message).key(key) }
        })?;
        match &access {
            Access::Owner if fields.iter().all(|field| field.spec.name != "owner") => {
                let fault = Fault::of_class(class, "there is no field 'owner'").key(key);
                return Err(Fault { hint: Some("the mixin 'Owned' has it".to_owned()), ..fault });
            }
            Access::Rule(rule) => table.clone().check(rule).validate().map_err(as_fault(Some(key)))?,
            _ => {}
        }
        Ok(Some(access))
    };
    let nearest = |pick: fn(ClassSpec) -> Option<String>| order.iter().find_map(|above| pick(self::spec(above)?));
    let read = access(&nearest(|spec| spec.read), "read")?;
    let write = access(&nearest(|spec| spec.write), "write")?.unwrap_or(Access::Staff);
    let hidden = fields.iter().filter(|field| field.spec.hidden).map(|field| field.spec.name.clone()).collect();
    Ok(Resource { table, read, write, hidden })
}

fn checked_field(class: &str, table: &str, spec: &FieldSpec) -> Result<Field, Fault> {
    let fault = |message: String| Fault::of_class(class, message).field(&spec.name);
    let mut field = Field::new(&spec.name, spec.kind);
    let check = |field: &Field, key: Option<&'static str>| {
        let probe = Table::new(table).field(field.clone());
        probe.validate().map_err(|error| Fault { key, ..fault(error.to_string()) })
    };
    check(&field, None)?;
    field.nullable = !(spec.required || spec.primary_key);
    field.preset.clone_from(&spec.preset);
    check(&field, Some("default"))?;
    field.check.clone_from(&spec.check);
    check(&field, Some("check"))?;
    field.renamed_from.clone_from(&spec.renamed_from);
    if spec.hidden && spec.primary_key {
        return Err(fault("it is the primary key, which must be shown".to_owned()).key("hidden"));
    }
    match spec.on_delete {
        Some(_) if spec.references.is_none() => {
            return Err(fault("it refers to nothing that could be deleted".to_owned()).key("on_delete"));
        }
        Some(OnDelete::SetNull) if !field.nullable => {
            return Err(fault("it may not be null, so a deletion cannot make it so".to_owned()).key("on_delete"));
        }
        _ => {}
    }
    Ok(field)
}

fn table_name(spec: &ClassSpec) -> String {
    spec.table.clone().unwrap_or_else(|| {
        let mut name = String::new();
        let mut was_small = false;
        for char in spec.name.chars() {
            if char.is_uppercase() && was_small {
                name.push('_');
            }
            was_small = !char.is_uppercase();
            name.extend(char.to_lowercase());
        }
        name
    })
}

/// The name of a type in the app file.
pub(super) fn name(kind: Kind) -> String {
    kind.name().to_ascii_lowercase()
}
