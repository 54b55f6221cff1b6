//! A file's columns beside those of the table that its rows are added to.
//!
//! The table's types stand: a text file is read in them, so that a value that does not fit is told with its line, or
//! makes its record a reject. Columns are the same if their names are, or differ in the case of letters alone.

use arrow::datatypes::{DataType, Field, Schema};
use taipan_io::{Format, Input};
use taipan_store::{Column, Kind, Table};

use super::Drift;
use crate::error::{Error, Result, quoted};

/// How a file is written to a table.
pub(super) struct Columns {
    /// The file, read in the table's types.
    pub(super) input: Input,
    /// The columns of the file that are read.
    pub(super) projection: Vec<usize>,
    /// The same columns with the names that they have in the table.
    pub(super) schema: Schema,
    /// Columns that the table gets.
    pub(super) added: Vec<String>,
    /// Columns of the file that are left out.
    pub(super) left_out: Vec<String>,
}

impl Columns {
    /// All columns of a file that becomes a table of its own.
    pub(super) fn all(input: &Input) -> Self {
        Self {
            input: input.clone(),
            projection: (0..input.schema().fields().len()).collect(),
            schema: input.schema().as_ref().clone(),
            added: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// The columns of a file as those of a table.
    ///
    /// Errors: columns that only one of them has, unless `drift` allows it.
    pub(super) fn of_table(input: &Input, table: &Table, drift: Drift) -> Result<Self> {
        let names: Vec<&str> = input.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let matches: Vec<Option<&Column>> = names.iter().map(|name| column(table, name, &names)).collect();
        let name = input.name();
        let unknown: Vec<&str> =
            names.iter().zip(&matches).filter(|(_, found)| found.is_none()).map(|(name, _)| *name).collect();
        if let (Drift::Fail, false) = (drift, unknown.is_empty()) {
            let message = format!("{name}: the table '{}' has no {}", table.name, listed(&unknown));
            return Err(Error::invalid(message)
                .with_hint("--on-drift add adds such columns to the table, --on-drift ignore leaves them out"));
        }
        let is_met = |column: &&Column| matches.iter().flatten().any(|found| found.name == column.name);
        let lacking = table.columns.iter().filter(|column| !column.generated && !column.primary_key && !is_met(column));
        let lacking: Vec<&str> = lacking.map(|column| column.name.as_str()).collect();
        if let (Drift::Fail, false, false) = (drift, lacking.is_empty(), input.is_open()) {
            let message = format!("{name}: the file has no {} of the table '{}'", listed(&lacking), table.name);
            return Err(Error::invalid(message).with_hint("--on-drift add or ignore makes them null in its rows"));
        }
        if matches.iter().flatten().next().is_none() {
            let message = format!("{name}: no column of the file is one of the table '{}'", table.name);
            return Err(Error::invalid(message).with_hint("name another table with --table"));
        }

        let input = typed(input, &matches)?;
        let left_out = if drift == Drift::Ignore { owned(&unknown) } else { Vec::new() };
        let projection: Vec<usize> =
            (0..names.len()).filter(|index| drift != Drift::Ignore || matches[*index].is_some()).collect();
        let field = |index: &usize| {
            let field = input.schema().field(*index);
            let name = matches[*index].map_or(field.name(), |column| &column.name);
            Field::new(name, field.data_type().clone(), true)
        };
        let schema = Schema::new(projection.iter().map(field).collect::<Vec<_>>());
        let added = if drift == Drift::Add { owned(&unknown) } else { Vec::new() };
        Ok(Self { input, projection, schema, added, left_out })
    }
}

/// The table's column of a name: the very one, or the only one that differs in case alone and is none of the file's.
fn column<'t>(table: &'t Table, name: &str, names: &[&str]) -> Option<&'t Column> {
    let exact = table.columns.iter().find(|column| column.name == name);
    exact.or_else(|| {
        let alike = |other: &str| other.eq_ignore_ascii_case(name);
        let found =
            table.columns.iter().find(|column| alike(&column.name) && !names.contains(&column.name.as_str()))?;
        (names.iter().filter(|other| alike(other)).count() == 1).then_some(found)
    })
}

/// The file read in the types of the table, where it does not say what types it has.
fn typed(input: &Input, matches: &[Option<&Column>]) -> Result<Input> {
    if matches!(input.format(), Format::Parquet | Format::Arrow) {
        return Ok(input.clone());
    }
    let fields = input.schema().fields().iter().zip(matches);
    let types = fields.filter_map(|(field, column)| {
        let column = column.as_ref()?;
        let nested = matches!(field.data_type(), DataType::Struct(_) | DataType::List(_));
        let data_type = match column.kind {
            // What is JSON already is stored as it is; anything else as its text.
            Kind::Json if nested => return None,
            Kind::Blob => return None,
            kind => kind.data_type(),
        };
        (!input.is_given(field.name())).then(|| (field.name().clone(), data_type))
    });
    Ok(input.with_columns(types.collect::<Vec<_>>())?)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn listed(names: &[&str]) -> String {
    format!("column{} {}", if names.len() == 1 { "" } else { "s" }, quoted(names))
}
