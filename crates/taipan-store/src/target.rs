//! The columns that a batch's are written to, in whichever database.

use arrow::datatypes::{DataType, Schema};

use crate::error::{Error, ErrorKind, Result, nearest};
use crate::kind::Kind;
use crate::names;
use crate::table::Table;

/// A column that is written.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
}

/// The columns of a table to be made for rows of a schema.
pub(crate) fn targets(table: &str, schema: &Schema) -> Result<Vec<Target>> {
    let fields: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names::check_columns(table, &fields)?;
    let target = |field: &std::sync::Arc<arrow::datatypes::Field>| {
        let kind = Kind::of_data_type(field.data_type()).ok_or_else(|| {
            let (name, data_type) = (field.name(), field.data_type());
            Error::unsupported(format!("table \"{table}\", column \"{name}\": {data_type} cannot be stored"))
        })?;
        let (name, data_type) = (field.name().clone(), field.data_type().clone());
        Ok(Target { name, data_type, kind, nullable: field.is_nullable() })
    };
    schema.fields().iter().map(target).collect()
}

/// Checks that the columns can be added to an existing table, and takes its types.
pub(crate) fn fit(table: &Table, columns: &mut [Target]) -> Result<()> {
    for target in columns {
        let column = table.column(&target.name)?;
        let place = || format!("table \"{}\", column \"{}\"", table.name, column.name);
        if column.generated {
            return Err(Error::unsupported(format!("{}: it is computed and cannot be written", place())));
        }
        let fits = column.untyped
            || target.kind == column.kind
            || matches!((target.kind, column.kind), (Kind::Integer, Kind::Real) | (Kind::Text, Kind::Json));
        if !fits && target.data_type != DataType::Null {
            return Err(Error::unsupported(format!("{}: {} does not fit {}", place(), target.kind, column.kind)));
        }
        if target.kind == Kind::Integer && column.kind == Kind::Real {
            target.kind = Kind::Real;
        }
    }
    Ok(())
}

/// Checks that a column is among those written.
pub(crate) fn check_column(table: &str, columns: &[Target], name: &str) -> Result<()> {
    if columns.iter().any(|target| target.name == name) {
        return Ok(());
    }
    let nearest = nearest(name, columns.iter().map(|target| target.name.as_str()));
    Err(Error::new(ErrorKind::UnknownColumn { table: table.to_owned(), name: name.to_owned(), nearest }))
}
