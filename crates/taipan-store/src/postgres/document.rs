//! Reading documents.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::document::sql;
use crate::document::{Document, Form};
use crate::error::Result;
use crate::postgres::catalog::{Catalog, Known};
use crate::postgres::cell::compared_all;
use crate::postgres::connection::{Connection, Param};
use crate::postgres::failure::Failure;
use crate::postgres::read::enter;
use crate::postgres::stream::{Prepared, Reading, counted};
use crate::postgres::{Database, unknown};
use crate::stream::{Part, StreamOptions};
use crate::table::Table;

/// The tables of a document, as they are known.
pub(super) struct Knowns(BTreeMap<String, Known>);

impl Database {
    pub(crate) fn stream_document(
        &self,
        document: &Document,
        options: StreamOptions,
        form: Form<'_>,
        sink: impl FnMut(Part) -> ControlFlow<()>,
    ) -> Result<()> {
        self.stream(&document.table, options, form, sink, |_| {
            let knowns = Knowns::of(document, &self.catalog())?;
            let statement = sql::rows(document, &|name| knowns.table(name))?;
            let is_all = document.limit.is_none() && document.offset == 0;
            let page = if is_all { None } else { Some(knowns.count(document, true)?) };
            let all = knowns.count(document, false)?;
            let (limit, offset) = (document.limit, document.offset);
            let rows = owned(&statement)?;
            Ok(Reading { rows, knowns: knowns.all(), columns: statement.columns, all, page, limit, offset })
        })
    }

    pub(crate) fn count_document(&self, document: &Document) -> Result<u64> {
        self.read(&mut self.take()?, &document.table, |connection: &mut Connection, _| {
            let knowns = Knowns::of(document, &self.catalog())?;
            let count = knowns.count(document, false)?;
            enter(connection, &knowns.all())?;
            let count = counted(connection, &count);
            if !connection.is_broken() {
                connection.batch("ROLLBACK")?;
            }
            count
        })
    }
}

impl Knowns {
    pub(super) fn of(document: &Document, catalog: &Catalog) -> Result<Self, Failure> {
        let mut names = BTreeSet::new();
        name_tables(document, &mut names);
        let known = |name: &str| {
            let known = catalog.find(name).ok_or_else(|| Failure::Own(unknown(catalog, name)))?;
            Ok((name.to_owned(), known.clone()))
        };
        Ok(Self(names.into_iter().map(known).collect::<Result<_, Failure>>()?))
    }

    fn all(&self) -> Vec<Known> {
        self.0.values().cloned().collect()
    }

    fn table(&self, name: &str) -> Result<Arc<Table>> {
        match self.0.get(name) {
            Some(known) => Ok(Arc::clone(&known.table)),
            None => Err(unknown(&Catalog::default(), name)),
        }
    }

    fn count(&self, document: &Document, paged: bool) -> Result<Prepared> {
        owned(&sql::count(document, &|name| self.table(name), paged)?)
    }
}

/// A statement's text, and its values as the server gets them.
pub(super) fn prepared(statement: &sql::Statement) -> Result<(&str, Vec<Param>)> {
    Ok((&statement.sql, compared_all(&statement.values, &statement.kinds)?))
}

fn owned(statement: &sql::Statement) -> Result<Prepared> {
    prepared(statement).map(|(sql, params)| (sql.to_owned(), params))
}

/// The tables that a document reads.
fn name_tables<'d>(document: &'d Document, names: &mut BTreeSet<&'d str>) {
    names.insert(&document.table);
    for embed in document.embeds() {
        names.extend(embed.relation.through.as_ref().map(|through| through.table.as_str()));
        name_tables(&embed.document, names);
    }
}
