//! Documents as bytes: the rows of a statement put in the form that was asked for.

use std::mem;

use super::Form;
use super::sql::Output;
use crate::json;
use crate::kind::Kind;
use crate::value::{Cell, Value};

/// Rows put in a form.
pub(crate) struct Writer<'f, 'a> {
    form: Form<'f>,
    columns: &'a [Output],
    keys: Vec<String>,
    values: Vec<Value>,
}

impl<'f, 'a> Writer<'f, 'a> {
    pub(crate) fn new(form: Form<'f>, columns: &'a [Output]) -> Self {
        let keys = columns.iter().map(|column| json::key(&column.name)).collect();
        Writer { form, columns, keys, values: Vec::with_capacity(columns.len()) }
    }

    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        match &mut self.form {
            Form::Json | Form::Stripped => out.push(b'['),
            Form::Lines => {}
            Form::Rows(writer) => {
                writer.begin(out, &self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>());
            }
        }
    }

    /// Appends a row, which has a cell for each column.
    pub(crate) fn row<'c>(&mut self, out: &mut Vec<u8>, cells: impl Iterator<Item = Cell<'c>>, is_first: bool) {
        if let Form::Rows(writer) = &mut self.form {
            self.values.clear();
            let kinds = self.columns.iter().map(|column| column.kind.unwrap_or(Kind::Json));
            self.values.extend(cells.zip(kinds).map(|(cell, kind)| cell.value(kind)));
            writer.row(out, &self.values);
            return;
        }
        if !is_first && !matches!(self.form, Form::Lines) {
            out.push(b',');
        }
        let stripped = matches!(self.form, Form::Stripped);
        out.push(b'{');
        let mut is_first = true;
        for ((cell, column), key) in cells.zip(self.columns).zip(&self.keys) {
            if stripped && cell == Cell::Null {
                continue;
            }
            if !mem::take(&mut is_first) {
                out.push(b',');
            }
            out.extend_from_slice(key.as_bytes());
            match (column.kind, cell) {
                (Some(kind), cell) => json::write_cell(out, kind, cell),
                // JSON that the statement itself made.
                (None, Cell::Text(text)) => out.extend_from_slice(text),
                (None, _) => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        if matches!(self.form, Form::Lines) {
            out.push(b'\n');
        }
    }

    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        if matches!(self.form, Form::Json | Form::Stripped) {
            out.push(b']');
        }
    }
}
