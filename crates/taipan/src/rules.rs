//! What of the classes' tables the declared models and plots are made of: what may be shown of them.

use std::collections::HashMap;

use taipan_query::{Engine, Withheld};
use taipan_store::resource::{Classes, Declared, mixins};
use taipan_store::{Filter, Is, Store};

use crate::error::Result;
use crate::relation::Relation;

/// The field that says when a row was deleted.
const DELETED: &str = "deleted_at";

/// Hidden fields, and rows that were deleted but are kept, by table.
pub(crate) fn withheld(classes: &Classes) -> HashMap<String, Withheld> {
    let of = |declared: &Declared| {
        let resource = declared.resource.as_ref()?;
        let is_kept =
            declared.derives_from("SoftDeleted") && declared.fields.iter().any(|field| field.spec.name == DELETED);
        let rows = is_kept.then(|| Filter::Is { column: DELETED.to_owned(), is: Is::Null });
        let withheld = Withheld { columns: resource.hidden.clone(), rows };
        (withheld != Withheld::default()).then(|| (resource.table.name.clone(), withheld))
    };
    classes.iter().filter_map(of).collect()
}

/// The tables of the database that a relation reads.
///
/// Errors: a query that cannot be parsed.
pub(crate) fn tables_read(engine: &Engine, relation: &Relation) -> Result<Vec<String>> {
    Ok(match relation {
        Relation::File(_) => Vec::new(),
        Relation::Table(name) => vec![name.clone()],
        Relation::Query(text) => engine.tables(text)?,
    })
}

/// The columns of a table that say which row this is and what became of it, not what it is about: its key, and what the
/// server keeps by itself. A model does not learn from them unless a query names them.
pub(crate) fn record_keeping(store: &Store, classes: &Classes, relation: &Relation) -> Vec<String> {
    let Relation::Table(name) = relation else { return Vec::new() };
    let Ok(table) = store.table(name) else { return Vec::new() };
    let declared = classes.of_table(name);
    let kept: Vec<String> = mixins()
        .into_iter()
        .filter(|mixin| declared.is_some_and(|declared| declared.derives_from(&mixin.name)))
        .flat_map(|mixin| mixin.fields.into_iter().map(|field| field.name))
        .collect();
    let hidden = declared.and_then(|declared| declared.resource.as_ref()).map_or(&[][..], |resource| &resource.hidden);
    let columns = table.columns.iter().filter(|column| !hidden.contains(&column.name));
    let apart = columns.filter(|column| column.primary_key || kept.contains(&column.name));
    apart.map(|column| column.name.clone()).collect()
}
