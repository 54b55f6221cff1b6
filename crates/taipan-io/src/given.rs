//! What the caller says about columns, instead of having it found out: the types of some, or a whole schema.
//!
//! A type that was given stands: a value that does not fit is an error, or makes its record a reject, where one that was
//! inferred would be widened.

use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{ErrorKind, Fault};
use crate::value;

/// Types given by the caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    columns: Vec<(String, DataType)>,
    /// They are all columns that records may have.
    whole: bool,
}

impl Given {
    pub(crate) fn add(&mut self, name: String, data_type: DataType) {
        match self.columns.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = data_type,
            None => self.columns.push((name, data_type)),
        }
    }

    pub(crate) fn add_all(&mut self, schema: &Schema) {
        for field in schema.fields() {
            self.add(field.name().clone(), field.data_type().clone());
        }
        self.whole = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty() && !self.whole
    }

    /// How many columns were given a type.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether all columns there can be have their types.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.columns.iter().any(|(known, _)| known == name)
    }

    /// A misfit that is none to widen for, because the type was given, as what it is instead.
    pub(crate) fn judge(&self, mut fault: Fault) -> Fault {
        if let ErrorKind::Misfit(misfit) = &fault.kind
            && (self.is_given(&misfit.column) || (self.whole && misfit.from == DataType::Null))
        {
            fault.kind = ErrorKind::Unfit(misfit.clone());
        }
        fault
    }

    /// The inferred columns with the given types. `open` says that a file may have columns which its sample did not;
    /// elsewhere a given column must be there.
    pub(crate) fn apply(&self, inferred: &Schema, open: bool) -> Result<Schema, ErrorKind> {
        let mut fields: Vec<Field> = Vec::new();
        for field in inferred.fields() {
            match self.columns.iter().find(|(name, _)| name == field.name()) {
                Some((_, data_type)) => fields.push(field.as_ref().clone().with_data_type(data_type.clone())),
                None if !self.whole => fields.push(field.as_ref().clone()),
                // A record that has it is bad.
                None if open => {}
                None => {
                    let message = format!("the file has a column `{}`, which the schema does not have", field.name());
                    return Err(ErrorKind::InvalidOption(message));
                }
            }
        }
        for (name, data_type) in &self.columns {
            if fields.iter().any(|field| field.name() == name) {
                continue;
            }
            if !open {
                let names: Vec<&str> = inferred.fields().iter().map(|field| field.name().as_str()).collect();
                let message = format!("no column `{name}` in the file, which has: {}", names.join(", "));
                return Err(ErrorKind::InvalidOption(message));
            }
            if let Some(of) = around(name, inferred) {
                let message = format!(
                    "`{name}` is inside the column `{of}`: give the type of all of it, as `{of}:struct<…>` or in a schema"
                );
                return Err(ErrorKind::InvalidOption(message));
            }
            fields.push(Field::new(name, data_type.clone(), true));
        }
        Ok(Schema::new(fields))
    }
}

/// The column of structs that a path with dots leads into.
fn around<'a>(name: &'a str, schema: &Schema) -> Option<&'a str> {
    let structs = |of: &str| {
        let kind = schema.field_with_name(of).ok().map(Field::data_type);
        matches!(kind, Some(DataType::Struct(_)))
    };
    name.match_indices('.').map(|(dot, _)| name.split_at(dot).0).find(|of| structs(of))
}

/// Which texts stand for a null.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nulls(Option<Vec<Vec<u8>>>);

impl Nulls {
    pub(crate) fn of(texts: Vec<Vec<u8>>) -> Self {
        Self(Some(texts))
    }

    pub(crate) fn and(&self, text: Vec<u8>) -> Self {
        let mut texts = self.0.clone().unwrap_or_default();
        texts.push(text);
        Self(Some(texts))
    }

    /// Whether a text is a null in a column of another type than text.
    pub(crate) fn is_missing(&self, text: &[u8]) -> bool {
        match &self.0 {
            None => value::is_missing(text),
            Some(texts) => texts.iter().any(|known| same(known, text)),
        }
    }

    /// Whether a text that stands without quotes is a null in a column of texts.
    pub(crate) fn is_null_text(&self, text: &[u8]) -> bool {
        match &self.0 {
            None => text.is_empty(),
            Some(texts) => texts.iter().any(|known| same(known, text)),
        }
    }
}

/// Whether two texts are equal; most are not, which their first bytes say.
#[inline]
fn same(known: &[u8], text: &[u8]) -> bool {
    known.len() == text.len() && known.first() == text.first() && known == text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>())
    }

    #[test]
    fn given_types_stand() {
        use DataType::{Boolean, Int64, Utf8};
        let inferred = schema(&[("a", Int64), ("b", Boolean)]);
        let mut some = Given::default();
        some.add("a".into(), Boolean);
        some.add("a".into(), Utf8);
        assert_eq!(some.apply(&inferred, false), Ok(schema(&[("a", Utf8), ("b", Boolean)])));
        some.add("c".into(), Int64);
        assert_eq!(some.apply(&inferred, true), Ok(schema(&[("a", Utf8), ("b", Boolean), ("c", Int64)])));
        let message = some.apply(&inferred, false).unwrap_err().to_string();
        assert_eq!(message, "no column `c` in the file, which has: a, b");

        let nested = schema(&[("u", DataType::Struct(vec![Field::new("age", Int64, true)].into()))]);
        let mut inside = Given::default();
        inside.add("u.age".into(), Utf8);
        let message = inside.apply(&nested, true).unwrap_err().to_string();
        let expected = "`u.age` is inside the column `u`: give the type of all of it, as `u:struct<…>` or in a schema";
        assert_eq!(message, expected);
        // A name may have a dot of its own.
        assert!(inside.apply(&inferred, true).is_ok());

        let mut whole = Given::default();
        whole.add_all(&schema(&[("a", Utf8)]));
        assert_eq!(whole.apply(&inferred, true), Ok(schema(&[("a", Utf8)])));
        let message = whole.apply(&inferred, false).unwrap_err().to_string();
        assert_eq!(message, "the file has a column `b`, which the schema does not have");
    }
}
