//! The difference between two sets of tables, as steps.

use std::sync::Arc;

use crate::error::Result;
use crate::migrate::Step;
use crate::migrate::ddl;
use crate::schema::{Field, ForeignKey, Index, Table, fnv};
use crate::sql::quoted;
use crate::table::{self, Dialect};
use crate::transaction::Transaction;
use crate::value::Value;

/// A table that stays, as it is and as it shall be.
struct Change<'w> {
    old: Table,
    new: &'w Table,
}

pub(super) struct Planner<'t, 'a, 'w> {
    tx: &'t mut Transaction<'a>,
    dialect: Dialect,
    changes: Vec<Change<'w>>,
    made: Vec<&'w Table>,
    dropped: Vec<Table>,
    steps: Vec<Step>,
    /// The references, which come when all that is referred to is there.
    links: Vec<Step>,
}

impl<'t, 'a, 'w> Planner<'t, 'a, 'w> {
    pub(super) fn new(
        tx: &'t mut Transaction<'a>,
        found: &[Arc<table::Table>],
        recorded: Vec<Table>,
        wanted: &'w [Table],
    ) -> Self {
        let dialect = tx.dialect();
        let mut old: Vec<Table> = Vec::new();
        for table in found.iter().filter(|table| !table.is_view) {
            let declared = recorded.iter().find(|other| other.name == table.name);
            if declared.is_some()
                || wanted
                    .iter()
                    .any(|other| other.name == table.name || other.renamed_from.as_ref() == Some(&table.name))
            {
                old.push(as_found(table, declared));
            }
        }
        let mut planner =
            Planner { tx, dialect, changes: vec![], made: vec![], dropped: vec![], steps: vec![], links: vec![] };
        let mut rest = old;
        let mut take = |name: &str| {
            let at = rest.iter().position(|table| table.name == name)?;
            Some(rest.remove(at))
        };
        for new in wanted {
            let same = take(&new.name);
            let is_free = |name: &&String| !wanted.iter().any(|other| other.name == **name);
            let before = || new.renamed_from.as_ref().filter(is_free);
            match same.or_else(|| before().and_then(|name| take(name))) {
                Some(old) => planner.changes.push(Change { old, new }),
                None => planner.made.push(new),
            }
        }
        planner.dropped =
            rest.into_iter().filter(|table| recorded.iter().any(|other| other.name == table.name)).collect();
        planner
    }

    pub(super) fn steps(mut self) -> Result<Vec<Step>> {
        let changes = std::mem::take(&mut self.changes);
        let relink = self.dialect == Dialect::Postgres && changes.iter().any(Change::moves_keys);
        if self.dialect == Dialect::Postgres {
            self.unlink(&changes, relink);
        }
        for table in std::mem::take(&mut self.dropped) {
            let sql = vec![format!("DROP TABLE {}", quoted(&table.name))];
            self.lose(format!("drop table \"{}\"", table.name), sql, table.name);
        }
        for change in &changes {
            self.change(change)?;
        }
        for table in std::mem::take(&mut self.made) {
            let sql = vec![ddl::create(self.dialect, table, &table.name)];
            self.step(format!("create table \"{}\"", table.name), sql);
            for index in &table.indexes {
                self.index(table, index);
            }
            if self.dialect == Dialect::Postgres {
                self.link(table, table.foreign_keys.iter());
            }
        }
        if self.dialect == Dialect::Postgres {
            for change in &changes {
                let added =
                    change.new.foreign_keys.iter().filter(|key| relink || !change.old.foreign_keys.contains(key));
                self.link(change.new, added);
            }
        }
        self.steps.append(&mut self.links);
        Ok(self.steps)
    }

    fn step(&mut self, what: String, sql: Vec<String>) {
        self.steps.push(Step { what, sql, loses: None });
    }

    fn lose(&mut self, what: String, sql: Vec<String>, name: String) {
        self.steps.push(Step { what, sql, loses: Some(name) });
    }

    fn index(&mut self, table: &Table, index: &Index) {
        let what = format!("index \"{}\" on \"{}\"", index.name_on(&table.name), table.name);
        self.step(what, vec![ddl::create_index(table, index)]);
    }

    /// Takes away references that are no more, or all for as long as the keys move.
    fn unlink(&mut self, changes: &[Change<'_>], all: bool) {
        let gone = changes.iter().map(|change| (&change.old, Some(change.new)));
        let gone: Vec<(String, String, ForeignKey)> = gone
            .chain(self.dropped.iter().map(|table| (table, None)))
            .flat_map(|(old, new)| {
                let keys = old
                    .foreign_keys
                    .iter()
                    .filter(move |key| all || new.is_none_or(|new| !new.foreign_keys.contains(key)));
                keys.map(move |key| (old.name.clone(), ddl::key_name(key), key.clone()))
            })
            .collect();
        for (table, name, key) in gone {
            let sql = format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", quoted(&table), quoted(&name));
            self.step(format!("let go of the reference from \"{table}\" to \"{}\"", key.table), vec![sql]);
        }
    }

    fn link<'k>(&mut self, table: &Table, keys: impl Iterator<Item = &'k ForeignKey>) {
        for key in keys {
            let sql = format!("ALTER TABLE {} ADD {}", quoted(&table.name), ddl::reference(key));
            let what = format!("refer from \"{}\" to \"{}\"", table.name, key.table);
            self.links.push(Step { what, sql: vec![sql], loses: None });
        }
    }

    fn change(&mut self, change: &Change<'_>) -> Result<()> {
        let Change { old, new } = change;
        if old.name != new.name {
            let sql = format!("ALTER TABLE {} RENAME TO {}", quoted(&old.name), quoted(&new.name));
            self.step(format!("rename table \"{}\" to \"{}\"", old.name, new.name), vec![sql]);
        }
        // Indexes that are no more, before what they stand on goes.
        let named = |table: &Table, index: &Index| (index.name_on(&table.name), Index { name: None, ..index.clone() });
        let wanted: Vec<_> = new.indexes.iter().map(|index| named(new, index)).collect();
        for index in old.indexes.iter().filter(|index| !wanted.contains(&named(old, index))) {
            let name = index.name_on(&old.name);
            self.step(format!("drop index \"{name}\""), vec![format!("DROP INDEX IF EXISTS {}", quoted(&name))]);
        }
        match self.dialect {
            Dialect::Sqlite => self.change_sqlite(change)?,
            Dialect::Postgres => self.change_postgres(change)?,
        }
        let before: Vec<_> = old.indexes.iter().map(|index| named(old, index)).collect();
        let is_rebuilt = self.dialect == Dialect::Sqlite && change.needs_rebuild();
        for index in new.indexes.iter().filter(|index| is_rebuilt || !before.contains(&named(new, index))) {
            self.index(new, index);
        }
        Ok(())
    }

    fn change_sqlite(&mut self, change: &Change<'_>) -> Result<()> {
        let Change { old, new } = change;
        if change.needs_rebuild() {
            return self.rebuild(change);
        }
        let table = quoted(&new.name);
        for (field, source) in change.pairs() {
            match source {
                Some(source) if source.name != field.name => {
                    let sql = format!(
                        "ALTER TABLE {table} RENAME COLUMN {} TO {}",
                        quoted(&source.name),
                        quoted(&field.name)
                    );
                    self.step(renamed(new, &source.name, &field.name), vec![sql]);
                }
                Some(_) => {}
                None => {
                    let sql = format!("ALTER TABLE {table} ADD COLUMN {}", ddl::field_of(self.dialect, new, field));
                    self.step(added(new, field), vec![sql]);
                }
            }
        }
        debug_assert!(old.fields.len() <= new.fields.len());
        Ok(())
    }

    /// SQLite changes few things of a table: for the others it is made anew and takes the rows and the name of the old
    /// one, as SQLite's manual says ("ALTER TABLE", section 7).
    fn rebuild(&mut self, change: &Change<'_>) -> Result<()> {
        let Change { old, new } = change;
        let fresh = format!("_taipan_new_{:08x}", fnv(&new.name));
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for (field, source) in change.pairs() {
            let Some(source) = source else { continue };
            let Some(mut value) = ddl::converted(self.dialect, source.kind, field.kind, &quoted(&source.name)) else {
                continue;
            };
            if let (false, true, Some(preset)) = (new.takes_nulls(field), old.takes_nulls(source), &field.preset) {
                value = format!("coalesce({value}, {})", ddl::preset_of(self.dialect, field.kind, preset));
            }
            columns.push(quoted(&field.name));
            values.push(value);
        }
        let mut sql = vec![ddl::create(self.dialect, new, &fresh)];
        if !columns.is_empty() {
            let (columns, values) = (columns.join(", "), values.join(", "));
            let table = quoted(&new.name);
            sql.push(format!("INSERT INTO {} ({columns}) SELECT {values} FROM {table}", quoted(&fresh)));
        }
        // Others' indexes and triggers go with the old table.
        let others = self.others(change)?;
        sql.push(format!("DROP TABLE {}", quoted(&new.name)));
        sql.push(format!("ALTER TABLE {} RENAME TO {}", quoted(&fresh), quoted(&new.name)));
        sql.extend(others);
        let mut words: Vec<(String, Option<String>)> = Vec::new();
        for (field, source) in change.pairs() {
            match source {
                None => words.push((added(new, field), None)),
                Some(source) => {
                    if source.name != field.name {
                        words.push((renamed(new, &source.name, &field.name), None));
                    }
                    if source.kind != field.kind {
                        let loses = ddl::converted(self.dialect, source.kind, field.kind, "").is_none();
                        words.push((retyped(new, field, source), loses.then(|| lost(new, &field.name))));
                    }
                }
            }
        }
        for field in change.gone() {
            words.push((gone(new, &field.name), Some(lost(new, &field.name))));
        }
        if words.is_empty() {
            words.push((format!("change rules of table \"{}\"", new.name), None));
        }
        // One work for all these words: the last step does it.
        let last = words.len() - 1;
        for (index, (what, loses)) in words.into_iter().enumerate() {
            let sql = if index == last { std::mem::take(&mut sql) } else { Vec::new() };
            self.steps.push(Step { what, sql, loses });
        }
        Ok(())
    }

    /// The indexes and triggers of a table that were not declared, but for indexes on fields that go.
    fn others(&mut self, change: &Change<'_>) -> Result<Vec<String>> {
        let Change { old, new } = change;
        let declared: Vec<String> = old.indexes.iter().map(|index| index.name_on(&old.name)).collect();
        let made: Vec<String> = new.indexes.iter().map(|index| index.name_on(&new.name)).collect();
        let found = self.tx.query(
            "SELECT name, sql, (SELECT group_concat(quote(i.name)) FROM pragma_index_info(s.name) AS i) FROM sqlite_schema AS s \
             WHERE tbl_name = $1 AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, name",
            &[Value::Text(old.name.clone())],
        )?;
        let mut kept = Vec::new();
        for row in found.rows {
            let [Value::Text(name), Value::Text(sql), columns] = &row[..] else { continue };
            let columns = if let Value::Text(columns) = columns { columns.as_str() } else { "" };
            let stands_on = |field: &&Field| {
                columns.split("','").any(|column| column.trim_matches('\'') == field.name.replace('\'', "''"))
            };
            if !declared.contains(name) && !made.contains(name) && !change.gone().any(|field| stands_on(&field)) {
                kept.push(sql.clone());
            }
        }
        Ok(kept)
    }

    fn change_postgres(&mut self, change: &Change<'_>) -> Result<()> {
        let Change { old, new } = change;
        let table = quoted(&new.name);
        let alter = |what: String| format!("ALTER TABLE {table} {what}");
        for check in ddl::checks(old).filter(|check| !ddl::checks(new).any(|other| other == *check)) {
            let sql = alter(format!("DROP CONSTRAINT IF EXISTS {}", quoted(&ddl::check_name(check))));
            self.step(format!("drop rule {check} of \"{}\"", new.name), vec![sql]);
        }
        let keys_differ = change.old_key() != new.primary_key;
        if keys_differ && !old.primary_key.is_empty() {
            let found = self.tx.query(
                "SELECT conname::text FROM pg_catalog.pg_constraint WHERE contype = 'p' AND conrelid = to_regclass($1)",
                &[Value::Text(quoted(&old.name))],
            )?;
            if let Some([Value::Text(name)]) = found.rows.first().map(Vec::as_slice) {
                let sql = alter(format!("DROP CONSTRAINT {}", quoted(name)));
                self.step(format!("drop the primary key of \"{}\"", new.name), vec![sql]);
            }
        }
        for field in change.gone() {
            let sql = alter(format!("DROP COLUMN {}", quoted(&field.name)));
            self.lose(gone(new, &field.name), vec![sql], lost(new, &field.name));
        }
        for (field, source) in change.pairs() {
            let column = quoted(&field.name);
            let Some(source) = source else {
                self.step(
                    added(new, field),
                    vec![alter(format!("ADD COLUMN {}", ddl::field_of(self.dialect, new, field)))],
                );
                continue;
            };
            if source.name != field.name {
                let sql = alter(format!("RENAME COLUMN {} TO {column}", quoted(&source.name)));
                self.step(renamed(new, &source.name, &field.name), vec![sql]);
            }
            let made = |table: &Table, field: &Field| table.makes_keys() && table.primary_key.contains(&field.name);
            let (was_made, is_made) = (made(old, source), made(new, field));
            let alter = |what: &str| format!("ALTER TABLE {table} ALTER COLUMN {column} {what}");
            if was_made && !is_made {
                self.step(format!("no more made keys in \"{}\"", new.name), vec![alter("DROP IDENTITY IF EXISTS")]);
            }
            if source.kind != field.kind {
                let mut sql = vec![alter("DROP DEFAULT")];
                let kind = ddl::type_name(self.dialect, field.kind);
                let value = ddl::converted(self.dialect, source.kind, field.kind, &column);
                if let Some(value) = value {
                    sql.push(alter(&format!("TYPE {kind} USING {value}")));
                    self.step(retyped(new, field, source), sql);
                } else {
                    sql.push(alter("DROP NOT NULL"));
                    sql.push(alter(&format!("TYPE {kind} USING NULL")));
                    self.lose(retyped(new, field, source), sql, lost(new, &field.name));
                }
            }
            if source.preset != field.preset || source.kind != field.kind {
                let preset = field.preset.as_ref().map(|preset| ddl::preset_of(self.dialect, field.kind, preset));
                let sql = alter(&preset.map_or("DROP DEFAULT".to_owned(), |preset| format!("SET DEFAULT {preset}")));
                self.step(format!("change the default of \"{}\" in \"{}\"", field.name, new.name), vec![sql]);
            }
            let nulls = (
                old.takes_nulls(source) || (ddl::converted(self.dialect, source.kind, field.kind, "").is_none()),
                new.takes_nulls(field),
            );
            match nulls {
                (true, false) => {
                    let preset = field.preset.as_ref().map(|preset| ddl::preset_of(self.dialect, field.kind, preset));
                    let fill =
                        preset.map(|preset| format!("UPDATE {table} SET {column} = {preset} WHERE {column} IS NULL"));
                    let sql = fill.into_iter().chain([alter("SET NOT NULL")]).collect();
                    self.step(format!("require field \"{}\" of \"{}\"", field.name, new.name), sql);
                }
                (false, true) => {
                    self.step(
                        format!("let field \"{}\" of \"{}\" be null", field.name, new.name),
                        vec![alter("DROP NOT NULL")],
                    );
                }
                _ => {}
            }
            if is_made && !was_made {
                let count = format!(
                    "SELECT setval(pg_get_serial_sequence({}, {})::regclass, max, true) FROM (SELECT max({column}) AS max \
                     FROM {table}) AS m WHERE max > 0",
                    ddl::literal(&table),
                    ddl::literal(&field.name)
                );
                let identity = alter("ADD GENERATED BY DEFAULT AS IDENTITY");
                let drop = alter("DROP IDENTITY IF EXISTS");
                self.step(format!("make keys in \"{}\"", new.name), vec![drop, identity, count]);
            }
        }
        if keys_differ && !new.primary_key.is_empty() {
            let sql = alter(format!("ADD PRIMARY KEY ({})", ddl::list(&new.primary_key)));
            self.step(format!("make a primary key of \"{}\"", new.name), vec![sql]);
        }
        for check in ddl::checks(new).filter(|check| !ddl::checks(old).any(|other| other == *check)) {
            let sql = alter(format!("ADD CONSTRAINT {} CHECK ({check})", quoted(&ddl::check_name(check))));
            self.step(format!("check {check} in \"{}\"", new.name), vec![sql]);
        }
        Ok(())
    }
}

impl Change<'_> {
    /// The wanted fields, each with the one that its values come from.
    fn pairs(&self) -> impl Iterator<Item = (&Field, Option<&Field>)> {
        self.new.fields.iter().map(|field| (field, self.source(field)))
    }

    fn source(&self, field: &Field) -> Option<&Field> {
        let before = || {
            let name = field.renamed_from.as_ref()?;
            // A name that is still wanted is not to be taken from its field.
            self.new.find(name).is_none().then(|| self.old.find(name)).flatten()
        };
        self.old.find(&field.name).or_else(before)
    }

    /// The fields that are in nothing that is wanted.
    fn gone(&self) -> impl Iterator<Item = &Field> {
        let is_used =
            |old: &Field| self.pairs().any(|(_, source)| source.is_some_and(|source| source.name == old.name));
        self.old.fields.iter().filter(move |old| !is_used(old))
    }

    /// The key there is, in the fields' wanted names.
    fn old_key(&self) -> Vec<String> {
        let renamed = |name: &String| {
            let found = self.pairs().find(|(_, source)| source.is_some_and(|source| source.name == *name));
            found.map_or_else(|| name.clone(), |(field, _)| field.name.clone())
        };
        self.old.primary_key.iter().map(renamed).collect()
    }

    /// Whether something changes that references may stand on.
    fn moves_keys(&self) -> bool {
        self.old_key() != self.new.primary_key
            || self.old.indexes.iter().any(|index| index.unique && !self.new.indexes.contains(index))
            || self.pairs().any(|(field, source)| source.is_some_and(|source| source.kind != field.kind))
            || self.gone().next().is_some()
            || self.old.name != self.new.name
    }

    /// Whether SQLite must make the table anew.
    fn needs_rebuild(&self) -> bool {
        let Change { old, new } = self;
        let differs = |field: &Field, source: &Field| {
            source.kind != field.kind
                || source.preset != field.preset
                || source.check != field.check
                || old.takes_nulls(source) != new.takes_nulls(field)
        };
        let is_simple = |field: &Field| {
            field.check.is_none()
                && field.preset != Some(crate::schema::Preset::Now)
                && (new.takes_nulls(field) || field.preset.is_some())
        };
        self.old_key() != new.primary_key
            || old.makes_keys() != new.makes_keys()
            || old.checks != new.checks
            || old.foreign_keys != new.foreign_keys
            || self.gone().next().is_some()
            || self.pairs().any(|(field, source)| source.map_or(!is_simple(field), |source| differs(field, source)))
    }
}

/// A table as it is: what was declared of it, where it is still so.
fn as_found(table: &table::Table, declared: Option<&Table>) -> Table {
    let field = |column: &table::Column| {
        let declared = declared.and_then(|table| table.find(&column.name));
        Field {
            name: column.name.clone(),
            kind: column.kind,
            nullable: column.nullable,
            preset: declared.and_then(|field| field.preset.clone()),
            check: declared.and_then(|field| field.check.clone()),
            renamed_from: None,
        }
    };
    let fields: Vec<Field> = table.columns.iter().filter(|column| !column.generated).map(field).collect();
    let mut keys: Vec<String> = declared.map(|table| table.primary_key.clone()).unwrap_or_default();
    let is_key = |name: &String| table.columns.iter().any(|column| column.primary_key && column.name == *name);
    let found = table.columns.iter().filter(|column| column.primary_key);
    if found.clone().count() != keys.len() || !keys.iter().all(is_key) {
        keys = found.map(|column| column.name.clone()).collect();
    }
    let declared = declared.cloned().unwrap_or_default();
    Table { name: table.name.clone(), fields, primary_key: keys, renamed_from: None, ..declared }
}

fn added(table: &Table, field: &Field) -> String {
    format!("add field \"{}\" to \"{}\"", field.name, table.name)
}

fn gone(table: &Table, field: &str) -> String {
    format!("drop field \"{field}\" of \"{}\"", table.name)
}

fn renamed(table: &Table, from: &str, to: &str) -> String {
    format!("rename field \"{from}\" of \"{}\" to \"{to}\"", table.name)
}

fn retyped(table: &Table, field: &Field, source: &Field) -> String {
    format!("make field \"{}\" of \"{}\" {} instead of {}", field.name, table.name, field.kind, source.kind)
}

fn lost(table: &Table, field: &str) -> String {
    format!("{}.{field}", table.name)
}
