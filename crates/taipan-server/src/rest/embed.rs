//! Which tables belong to which: an embedded table's name, and perhaps a hint, resolved to foreign keys.

use std::sync::Arc;

use serde_json::{Value, json};
use taipan::store::document::{Relation, Through};
use taipan::store::{ForeignKey, Store, Table};
use taipan_web::StatusCode;

use crate::error::{Error, Result};

/// The tables that a request may name.
pub(crate) trait Tables {
    /// A table by name.
    fn table(&self, name: &str) -> Option<Arc<Table>>;
    /// All of them.
    fn all(&self) -> Result<Vec<Arc<Table>>>;
}

impl Tables for Store {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.known_table(name).or_else(|| self.table(name).ok())
    }

    fn all(&self) -> Result<Vec<Arc<Table>>> {
        self.tables().map_err(Error::from)
    }
}

/// One way from a table to another.
struct Way {
    target: Arc<Table>,
    relation: Relation,
    /// The names by which a hint or the target itself may mean it.
    names: Vec<String>,
    /// How it is told apart from others.
    told: Value,
}

/// The table that `name` means within `origin`, and how its rows are found.
pub(super) fn resolve(
    tables: &dyn Tables,
    origin: &Table,
    name: &str,
    hint: Option<&str>,
) -> Result<(Arc<Table>, Relation)> {
    let all = tables.all()?;
    let mut ways = Vec::new();
    for table in &all {
        to_one(origin, table, &mut ways);
        to_many(origin, table, &mut ways);
        through(origin, table, &all, &mut ways);
    }
    let direct = |way: &Way| way.target.name == name;
    let by_key = |way: &Way| !way.relation.many && way.names.iter().any(|known| known == name);
    let is_table = ways.iter().any(direct);
    ways.retain(|way| if is_table { direct(way) } else { by_key(way) });
    if let Some(hint) = hint {
        ways.retain(|way| way.names.iter().any(|known| known == hint));
        // The one row that a key of the table's own leads to is meant by the key itself: `manager_id(name)`.
        if ways.iter().any(|way| way.relation.many) {
            ways.retain(|way| way.relation.many || way.target.name != origin.name);
        }
    }
    if ways.len() > 1 {
        return Err(ambiguous(origin, name, &ways));
    }
    match ways.pop() {
        Some(way) => Ok((way.target, way.relation)),
        None => Err(unrelated(origin, name, hint)),
    }
}

fn pairs(from: &[String], to: &[String]) -> Vec<(String, String)> {
    from.iter().cloned().zip(to.iter().cloned()).collect()
}

fn names(key: &ForeignKey, more: &str) -> Vec<String> {
    let mut names = vec![key.name.clone(), more.to_owned()];
    if let [column] = key.columns.as_slice() {
        names.push(column.clone());
    }
    names
}

fn to_one(origin: &Table, table: &Arc<Table>, ways: &mut Vec<Way>) {
    for key in origin.foreign_keys.iter().filter(|key| key.table == table.name) {
        let relation = Relation { many: false, on: pairs(&key.columns, &key.references), through: None };
        let told = told("many-to-one", &origin.name, &table.name, &key.name, &key.columns, &key.references);
        ways.push(Way { target: Arc::clone(table), relation, names: names(key, &table.name), told });
    }
}

fn to_many(origin: &Table, table: &Arc<Table>, ways: &mut Vec<Way>) {
    for key in table.foreign_keys.iter().filter(|key| key.table == origin.name) {
        let is_unique = table.unique.iter().any(|set| same(set, &key.columns));
        let relation = Relation { many: !is_unique, on: pairs(&key.references, &key.columns), through: None };
        let sort = if is_unique { "one-to-one" } else { "one-to-many" };
        let told = told(sort, &origin.name, &table.name, &key.name, &key.references, &key.columns);
        ways.push(Way { target: Arc::clone(table), relation, names: names(key, ""), told });
    }
}

/// By a table whose primary key holds a foreign key to each side.
fn through(origin: &Table, table: &Arc<Table>, all: &[Arc<Table>], ways: &mut Vec<Way>) {
    for between in all {
        let in_key = |key: &ForeignKey| {
            key.columns.iter().all(|name| between.columns.iter().any(|own| own.primary_key && own.name == *name))
        };
        let near = between.foreign_keys.iter().filter(|key| key.table == origin.name && in_key(key));
        for near in near {
            let far = between.foreign_keys.iter().filter(|key| key.table == table.name && in_key(key));
            for far in far.filter(|far| far.name != near.name) {
                let relation = Relation {
                    many: true,
                    on: pairs(&near.references, &near.columns),
                    through: Some(Through {
                        table: between.name.clone(),
                        on: pairs(&far.columns, &far.references),
                        filter: None,
                    }),
                };
                let told = json!({
                    "cardinality": "many-to-many",
                    "relationship": format!("{} using {} and {}", between.name, near.name, far.name),
                    "embedding": format!("{} with {}", origin.name, table.name),
                });
                let names = vec![between.name.clone(), near.name.clone(), far.name.clone()];
                ways.push(Way { target: Arc::clone(table), relation, names, told });
            }
        }
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn told(sort: &str, origin: &str, target: &str, key: &str, from: &[String], to: &[String]) -> Value {
    json!({
        "cardinality": sort,
        "relationship": format!("{key} using {origin}({}) and {target}({})", from.join(", "), to.join(", ")),
        "embedding": format!("{origin} with {target}"),
    })
}

fn unrelated(origin: &Table, name: &str, hint: Option<&str>) -> Error {
    let by = hint.map(|hint| format!(" using the hint '{hint}'")).unwrap_or_default();
    Error::new(
        StatusCode::BAD_REQUEST,
        "PGRST200",
        format!("Could not find a relationship between '{}' and '{name}' in the schema cache", origin.name),
    )
    .details(format!(
        "Searched for a foreign key relationship between '{}' and '{name}'{by}, but no matches were found.",
        origin.name
    ))
}

fn ambiguous(origin: &Table, name: &str, ways: &[Way]) -> Error {
    let told: Vec<&Value> = ways.iter().map(|way| &way.told).collect();
    let hint = |way: &Way| {
        let key = way.names.first()?;
        let is_own = way.target.name == origin.name && !way.relation.many;
        Some(if is_own { format!("'{key}'") } else { format!("'{name}!{key}'") })
    };
    let hints: Vec<String> = ways.iter().filter_map(hint).collect();
    Error::new(
        StatusCode::MULTIPLE_CHOICES,
        "PGRST201",
        format!("Could not embed because more than one relationship was found for '{}' and '{name}'", origin.name),
    )
    .details(json!(told).to_string())
    .hint(format!("Try changing '{name}' to one of the following: {}.", hints.join(", ")))
}
