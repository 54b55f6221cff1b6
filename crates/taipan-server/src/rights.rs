//! What somebody may do with each table: the columns and rows that they see, and what becomes of the rows that they write.
//! Tables of classes follow their class; the others are for whoever the server is for.
//!
//! A request is understood by the tables as its [`Asker`] sees them ([`Visible`]): what is not in them cannot be named.
//! Then [`Asker::narrow`] adds the conditions of rows, to what is embedded too.

use std::sync::Arc;

use taipan::store::document::{Condition, Document, Embed, Field, Path};
use taipan::store::mutation::{Change, Mutation, Stamp};
use taipan::store::resource::{self, Declared};
use taipan::store::{Compare, ErrorKind, Filter, Is, Kind, Rule, Select, Store, Table, Value};
use taipan_web::User;

use crate::access::{self, Access, STAFF, Verb};
use crate::error::{Error, Result};
use crate::rest::Tables;

/// The field that says whose a row is.
const OWNER: &str = "owner";
/// The field that says when a row was deleted.
const DELETED: &str = "deleted_at";

/// Somebody with a request, known or not.
#[derive(Clone)]
pub(crate) struct Asker {
    access: Access,
    user: Option<User>,
    shows_deleted: bool,
}

/// The tables of a store as somebody sees them.
pub(crate) struct Visible<'a> {
    pub(crate) store: &'a Store,
    pub(crate) asker: &'a Asker,
}

/// The rows that something may be done with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rows {
    All,
    Where(Condition),
}

impl Asker {
    pub(crate) fn new(access: &Access, user: Option<User>) -> Self {
        Self { access: access.clone(), user, shows_deleted: false }
    }

    /// Shows staff rows that were deleted but kept, where a request asks about them by name.
    pub(crate) fn asking<'p>(mut self, names: impl IntoIterator<Item = &'p str>) -> Self {
        let names_it = |name: &str| name == DELETED || name.starts_with("deleted_at.");
        self.shows_deleted = self.is_staff() && names.into_iter().any(names_it);
        self
    }

    pub(crate) fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    fn name(&self) -> Option<&str> {
        self.user.as_ref().map(User::name)
    }

    fn is_staff(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.may(STAFF) || user.is_in(STAFF))
    }

    /// The rows of a table with which this may be done; none where it may not be done at all.
    pub(crate) fn rows(&self, table: &Table, verb: Verb) -> Option<Rows> {
        let Some(declared) = self.access.class_of(&table.name) else {
            return self.access.allows(self.user(), verb).then_some(Rows::All);
        };
        let resource = declared.resource.as_ref()?;
        let rows = match (verb, &resource.read) {
            (Verb::Read, None) => self.access.allows(self.user(), verb).then_some(Rows::All),
            (Verb::Read, Some(access)) => self.granted(access, verb),
            (Verb::Write, _) => self.granted(&resource.write, verb),
        }?;
        Some(if verb == Verb::Read && is_kept(declared, table) && !self.shows_deleted {
            rows.and(Condition::Is { path: Path::column(DELETED), is: Is::Null })
        } else {
            rows
        })
    }

    fn granted(&self, access: &resource::Access, verb: Verb) -> Option<Rows> {
        if self.user.as_ref().is_some_and(|user| !user.has_scope(verb.scope().0)) {
            return None;
        }
        let is_user = self.user.is_some();
        match access {
            resource::Access::Public => Some(Rows::All),
            resource::Access::User => is_user.then_some(Rows::All),
            _ if self.is_staff() => Some(Rows::All),
            resource::Access::Owner => {
                let name = Value::Text(self.name()?.to_owned());
                Some(Rows::Where(Condition::compare(Path::column(OWNER), Compare::Eq, name)))
            }
            // What nobody known may write is only what is public.
            resource::Access::Rule(rule) => (is_user || verb == Verb::Read)
                .then(|| Rows::Where(Condition::Rule(Rule::new(rule).of_user(self.name())))),
            _ => None,
        }
    }

    /// The rows of a table that this asker may read.
    ///
    /// # Errors
    /// 401 or 403.
    pub(crate) fn readable(&self, table: &Table) -> Result<Rows> {
        self.rows(table, Verb::Read).ok_or_else(|| self.denied(table, Verb::Read))
    }

    /// Whether rows of a table may be added, and perhaps changed.
    pub(crate) fn may_write(&self, table: &Table) -> bool {
        !table.is_view && self.rows(table, Verb::Write).is_some()
    }

    /// Whether the rows of a table count their changes.
    pub(crate) fn is_versioned(&self, table: &Table) -> bool {
        self.access.class_of(&table.name).is_some_and(|declared| declared.derives_from("Versioned"))
    }

    /// That something may not be done with a table.
    pub(crate) fn denied(&self, table: &Table, verb: Verb) -> Error {
        self.refused(&format!("table {}", table.name), verb)
    }

    /// That something may not be done with what is named so.
    pub(crate) fn refused(&self, what: &str, verb: Verb) -> Error {
        access::refused(self.user(), verb, format!("permission denied for {what}"))
    }

    /// That there is no such table, with the name that may have been meant only where that is this asker's to know.
    pub(crate) fn unknown(&self, error: taipan::store::Error) -> Error {
        match error.kind() {
            ErrorKind::UnknownTable { name, .. } if !self.access.allows(self.user(), Verb::Read) => {
                let stranger = Error::unknown_asker(format!("permission denied for table {name}"));
                if self.user.is_some() { Error::unknown_table(name, None) } else { stranger }
            }
            _ => error.into(),
        }
    }

    /// A table with the columns that are shown.
    pub(crate) fn columns(&self, table: &Arc<Table>) -> Arc<Table> {
        let hidden = self.hidden(table);
        if hidden.is_empty() {
            return Arc::clone(table);
        }
        let is_shown = |name: &String| !hidden.contains(name);
        let mut shown = Table::clone(table);
        shown.columns.retain(|column| is_shown(&column.name));
        shown.foreign_keys.retain(|key| key.columns.iter().all(is_shown));
        shown.unique.retain(|set| set.iter().all(is_shown));
        Arc::new(shown)
    }

    fn hidden(&self, table: &Table) -> &[String] {
        let resource = self.access.class_of(&table.name).and_then(|declared| declared.resource.as_ref());
        resource.map_or(&[], |resource| &resource.hidden)
    }

    /// Adds to a document what this asker may see of its tables and of those that are embedded.
    ///
    /// # Errors
    /// 401 or 403 for a table that may not be read.
    pub(crate) fn narrow(&self, document: &mut Document, tables: &Visible<'_>) -> Result<()> {
        let table = tables.seen(&document.table)?;
        self.show(document, &table);
        if let Rows::Where(condition) = self.readable(&table)? {
            *document = std::mem::take(document).filter(condition);
        }
        self.narrow_embedded(document, tables)
    }

    /// The same for what is read of rows that a change took: which these are is settled otherwise.
    fn narrow_embedded(&self, document: &mut Document, tables: &Visible<'_>) -> Result<()> {
        for field in &mut document.fields {
            let Field::Embed(embed) = field else { continue };
            let Embed { relation, document, .. } = embed.as_mut();
            if let Some(through) = &mut relation.through {
                let between = tables.seen(&through.table)?;
                if let Rows::Where(condition) = self.readable(&between)? {
                    through.filter = Some(condition);
                }
            }
            self.narrow(document, tables)?;
        }
        Ok(())
    }

    /// Names the columns of a document that shows all.
    fn show(&self, document: &mut Document, table: &Table) {
        if self.hidden(table).is_empty() {
            return;
        }
        let all = || table.columns.iter().map(|column| Field::column(&column.name));
        if document.fields.is_empty() {
            document.fields = all().collect();
        } else if document.fields.contains(&Field::All) {
            let fields = std::mem::take(&mut document.fields);
            let each = |field: Field| if field == Field::All { all().collect() } else { vec![field] };
            document.fields = fields.into_iter().flat_map(each).collect();
        }
    }

    /// All that this asker may read of a table, which is given with the columns that are shown.
    ///
    /// # Errors
    /// 401 or 403.
    pub(crate) fn select(&self, table: &Table) -> Result<Select> {
        let mut select = Select::new(table.name.as_str());
        if !self.hidden(table).is_empty() {
            select = table.columns.iter().fold(select, |select, column| select.column(&column.name));
        }
        Ok(match self.filter(table)? {
            Some(filter) => select.filter(filter),
            None => select,
        })
    }

    /// The condition of the rows that this asker may read; none where these are all.
    ///
    /// # Errors
    /// 401 or 403.
    pub(crate) fn filter(&self, table: &Table) -> Result<Option<Filter>> {
        match self.readable(table)? {
            Rows::All => Ok(None),
            // The conditions made here are all such that a filter can say them.
            Rows::Where(condition) => {
                condition.as_filter().map(Some).ok_or_else(|| Error::internal("a rule that is no filter"))
            }
        }
    }

    /// Some text column that is shown holds this text.
    pub(crate) fn search(&self, table: &Table, text: &str) -> Filter {
        if self.hidden(table).is_empty() {
            return Filter::Contains { text: text.to_owned() };
        }
        let mut pattern = String::from("%");
        for char in text.chars() {
            if matches!(char, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(char);
        }
        pattern.push('%');
        let texts = table.columns.iter().filter(|column| column.kind == Kind::Text);
        let like =
            |name: &str| Filter::Like { column: name.to_owned(), pattern: pattern.clone(), case_sensitive: false };
        Filter::Or(texts.map(|column| like(&column.name)).collect())
    }

    /// A change as this asker may make it. `looks` says whether it looks at rows there are, by a filter, by merging or by
    /// showing them, for which they must be such that may be read.
    ///
    /// # Errors
    /// 401 or 403.
    pub(crate) fn mutation(
        &self,
        table: &Table,
        change: Change,
        filter: Option<Condition>,
        looks: bool,
    ) -> Result<Mutation> {
        let written = self.rows(table, Verb::Write).ok_or_else(|| self.denied(table, Verb::Write))?;
        let read = if looks { self.readable(table)? } else { Rows::All };
        let declared = self.access.class_of(&table.name);
        let derives = |name: &str| declared.is_some_and(|declared| declared.derives_from(name));
        let has = |name: &str| table.column(name).is_ok();
        let mut stamps: Vec<(&str, Stamp)> = Vec::new();
        if derives("Timestamped") && has("updated_at") {
            stamps.push(("updated_at", Stamp::Now));
        }
        if derives("Versioned") && has("version") {
            stamps.push(("version", Stamp::Next));
        }
        let is_deletion = change == Change::Delete;
        let (mut change, mut kept) = (change, Vec::new());
        let is_owned = declared.is_some_and(is_owned) && has(OWNER);
        let own: Vec<&str> = [("Timestamped", "created_at"), ("Timestamped", "updated_at"), ("Versioned", "version")]
            .into_iter()
            .filter(|(mixin, column)| derives(mixin) && has(column))
            .map(|(_, column)| column)
            .collect();
        withdraw(&mut change, &own);
        if is_owned && !self.is_staff() && !gives_to(&change, self.name()) {
            return Err(self.denied(table, Verb::Write).details("Only staff may say that a row is somebody else's."));
        }
        if is_deletion && declared.is_some_and(|declared| is_kept(declared, table)) {
            change = Change::Update { values: vec![(DELETED.to_owned(), Value::Null)] };
            stamps.push((DELETED, Stamp::Now));
        }
        let name = || self.name().map_or(Value::Null, |name| Value::Text(name.to_owned()));
        let audited = derives("Audited");
        match &mut change {
            Change::Insert { columns, rows, .. } => {
                if is_owned && self.user.is_some() && !columns.iter().any(|column| column == OWNER) {
                    set_all(columns, rows, OWNER, &name());
                    kept.push(OWNER);
                }
                for column in ["created_by", "updated_by"] {
                    if audited && has(column) {
                        set_all(columns, rows, column, &name());
                    }
                }
                if audited {
                    kept.push("created_by");
                }
            }
            Change::Update { values } if audited && has("updated_by") && !values.is_empty() => {
                values.retain(|(column, _)| column != "updated_by" && column != "created_by");
                values.push(("updated_by".to_owned(), name()));
            }
            _ => {}
        }
        // A row that is deleted so is not one that is read any more: only those before are.
        let (rule, filter) = match (is_deletion, read) {
            (_, Rows::All) => (written, filter),
            (true, Rows::Where(read)) => (written, Some(joined(filter, read))),
            (false, Rows::Where(read)) => (written.and(read), filter),
        };
        let rule = if let Rows::Where(rule) = rule { Some(rule) } else { None };
        let mut mutation =
            Mutation::new(table.name.as_str(), change).filter(filter).rule(rule).stamps(stamps).kept(kept).observed();
        let hidden = self.hidden(table);
        if !hidden.is_empty() {
            let seen = table.columns.iter().map(|column| column.name.as_str());
            mutation = mutation.seen(seen.filter(|name| !hidden.iter().any(|other| other == name)));
        }
        Ok(mutation)
    }

    /// What is read of the rows of a change, less what this asker may not see.
    ///
    /// # Errors
    /// 401 or 403 for a table that may not be read.
    pub(crate) fn returning(&self, mut document: Document, tables: &Visible<'_>) -> Result<Document> {
        let table = tables.seen(&document.table)?;
        let _ = self.readable(&table)?;
        self.show(&mut document, &table);
        self.narrow_embedded(&mut document, tables)?;
        Ok(document)
    }

    /// Of whose rows this asker hears; none for all.
    ///
    /// # Errors
    /// 401 or 403, also for a table of which only a condition says who reads what: it cannot be asked of a row that is gone.
    pub(crate) fn hears(&self, table: &Table) -> Result<Option<(String, String)>> {
        match self.readable(table)? {
            Rows::All => Ok(None),
            Rows::Where(_) if self.is_whole(table) => Ok(None),
            Rows::Where(_) => {
                let resource = self.access.class_of(&table.name).and_then(|declared| declared.resource.as_ref());
                let by_owner = resource.is_some_and(|resource| resource.read == Some(resource::Access::Owner));
                match self.name().filter(|_| by_owner && !self.hidden(table).iter().any(|name| name == OWNER)) {
                    Some(name) => Ok(Some((OWNER.to_owned(), name.to_owned()))),
                    None => Err(self
                        .denied(table, Verb::Read)
                        .details("Its changes are for those who may read all of its rows.")),
                }
            }
        }
    }

    /// Whether this asker may read all rows of a table but those that were deleted.
    fn is_whole(&self, table: &Table) -> bool {
        let all = Self { shows_deleted: true, ..self.clone() };
        all.rows(table, Verb::Read) == Some(Rows::All)
    }

    /// Whether this asker may read all rows of these tables, or, where there are none, what is for all readers.
    pub(crate) fn reads_whole(&self, store: &Store, tables: &[String]) -> bool {
        if tables.is_empty() {
            return self.access.allows(self.user(), Verb::Read);
        }
        tables.iter().all(|name| {
            let table = store.known_table(name).map_or_else(|| store.table(name), Ok);
            table.is_ok_and(|table| self.is_whole(&table))
        })
    }

    /// Whether this asker may read all there is in the database.
    pub(crate) fn reads_everything(&self) -> bool {
        let withholds = self.access.classes.iter().filter_map(|declared| declared.resource.as_ref()).any(|resource| {
            let is_open = matches!(resource.read, None | Some(resource::Access::Public));
            !is_open || !resource.hidden.is_empty()
        });
        let is_administrator = self.user.as_ref().is_some_and(User::is_administrator);
        is_administrator || (!withholds && self.access.allows(self.user(), Verb::Read))
    }
}

impl Visible<'_> {
    /// A table with the columns that are shown, whether or not it may be read.
    ///
    /// # Errors
    /// There is no such table.
    pub(crate) fn seen(&self, name: &str) -> Result<Arc<Table>> {
        let table = self.store.known_table(name).map_or_else(|| self.store.table(name), Ok)?;
        Ok(self.asker.columns(&table))
    }
}

impl Tables for Visible<'_> {
    fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.seen(name).ok().filter(|table| self.asker.rows(table, Verb::Read).is_some())
    }

    fn all(&self) -> Result<Vec<Arc<Table>>> {
        let tables = self.store.tables()?;
        let readable = tables.iter().filter(|table| self.asker.rows(table, Verb::Read).is_some());
        Ok(readable.map(|table| self.asker.columns(table)).collect())
    }
}

impl Rows {
    fn and(self, condition: Condition) -> Self {
        Rows::Where(match self {
            Rows::All => condition,
            Rows::Where(other) => Condition::And(vec![other, condition]),
        })
    }
}

fn joined(filter: Option<Condition>, condition: Condition) -> Condition {
    match filter {
        None => condition,
        Some(filter) => Condition::And(vec![filter, condition]),
    }
}

/// Whether deleted rows of a class are kept.
fn is_kept(declared: &Declared, table: &Table) -> bool {
    declared.derives_from("SoftDeleted") && table.column(DELETED).is_ok()
}

/// Whether the rows of a class belong to somebody.
fn is_owned(declared: &Declared) -> bool {
    let by_access = declared.resource.as_ref().is_some_and(|resource| {
        resource.read == Some(resource::Access::Owner) || resource.write == resource::Access::Owner
    });
    by_access || declared.derives_from("Owned")
}

/// Takes columns out of what is written: their values are the server's to set.
fn withdraw(change: &mut Change, own: &[&str]) {
    match change {
        Change::Insert { columns, rows, .. } => {
            let is_given: Vec<bool> = columns.iter().map(|column| !own.contains(&column.as_str())).collect();
            if is_given.iter().all(|given| *given) {
                return;
            }
            retain(columns, &is_given);
            for row in rows {
                retain(row, &is_given);
            }
        }
        Change::Update { values } => values.retain(|(column, _)| !own.contains(&column.as_str())),
        Change::Delete => {}
    }
}

/// Whether all rows that are written with an owner are given to this one, or to nobody if nobody is known.
fn gives_to(change: &Change, name: Option<&str>) -> bool {
    let is_own = |value: &Value| match (value, name) {
        (Value::Text(owner), Some(name)) => owner == name,
        (value, None) => *value == Value::Null,
        _ => false,
    };
    match change {
        Change::Insert { columns, rows, .. } => columns.iter().position(|column| column == OWNER).is_none_or(|at| {
            let owners = rows.iter().filter_map(|row| row.get(at)?.as_ref());
            owners.into_iter().all(is_own)
        }),
        Change::Update { values } => {
            values.iter().filter(|(column, _)| column == OWNER).all(|(_, value)| is_own(value))
        }
        Change::Delete => true,
    }
}

fn retain<T>(cells: &mut Vec<T>, is_kept: &[bool]) {
    let mut at = is_kept.iter();
    cells.retain(|_| at.next().copied().unwrap_or(true));
}

/// Gives all rows this value of a column.
fn set_all(columns: &mut Vec<String>, rows: &mut [Vec<Option<Value>>], name: &str, value: &Value) {
    let at = columns.iter().position(|column| column == name);
    if at.is_none() {
        columns.push(name.to_owned());
    }
    for row in rows {
        match at.and_then(|at| row.get_mut(at)) {
            Some(cell) => *cell = Some(value.clone()),
            None => row.push(Some(value.clone())),
        }
    }
}
