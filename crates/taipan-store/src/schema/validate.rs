//! Whether a declared table can be made: its names, what refers to what, and that a condition is one expression.

use std::fmt;

use crate::error::{Error, ErrorKind, Result, nearest};
use crate::kind::Kind;
use crate::names;
use crate::schema::{Part, Preset, Table};

impl Table {
    /// Checks what can be known without a database: names, that keys and indexes name fields there are, that presets are
    /// of their field's type, and that each condition is one SQL expression (what it says, the database checks).
    ///
    /// # Errors
    /// `InvalidName`, `UnknownColumn`, `InvalidValue` or `Unsupported`, naming the table and the field.
    pub fn validate(&self) -> Result<()> {
        names::check_table(&self.name)?;
        let fields: Vec<&str> = self.fields.iter().map(|field| &*field.name).collect();
        names::check_columns(&self.name, &fields)?;
        let known = |name: &String| {
            if fields.contains(&&**name) {
                return Ok(());
            }
            let nearest = nearest(name, fields.iter().copied());
            Err(Error::new(ErrorKind::UnknownColumn { table: self.name.clone(), name: name.clone(), nearest }))
        };
        self.primary_key.iter().try_for_each(known)?;
        for field in &self.fields {
            if let Some(check) = &field.check {
                self.expression(check)?;
            }
            if let Some(preset) = &field.preset
                && !preset.fits(field.kind)
            {
                let error = Error::invalid_value(&preset.to_string(), field.kind.described());
                return Err(error.at(&self.name, &field.name, None));
            }
        }
        for index in &self.indexes {
            if index.parts.is_empty() {
                return Err(self.unsupported("an index has no parts"));
            }
            for part in &index.parts {
                match part {
                    Part::Field(field) | Part::Descending(field) => known(field)?,
                    Part::Expression(expression) => self.expression(expression)?,
                }
            }
            if let Some(condition) = &index.only_where {
                self.expression(condition)?;
            }
            names::check(&index.name_on(&self.name))?;
        }
        for key in &self.foreign_keys {
            key.fields.iter().try_for_each(known)?;
            names::check_table(&key.table)?;
            if key.fields.is_empty() || key.fields.len() != key.references.len() {
                return Err(self.unsupported("a foreign key needs as many fields as it refers to, at least one"));
            }
        }
        self.checks.iter().try_for_each(|check| self.expression(check))
    }

    fn expression(&self, text: &str) -> Result<()> {
        if is_one_expression(text) {
            return Ok(());
        }
        Err(self.unsupported(&format!("\"{}\" is not one SQL expression", text.escape_debug())))
    }

    fn unsupported(&self, what: &str) -> Error {
        Error::unsupported(format!("table \"{}\": {what}", self.name))
    }
}

impl Preset {
    fn fits(&self, kind: Kind) -> bool {
        use crate::value::Value;
        match self {
            Preset::Boolean(_) => kind == Kind::Boolean,
            Preset::Integer(_) => matches!(kind, Kind::Integer | Kind::Real),
            Preset::Real(value) => kind == Kind::Real && value.is_finite(),
            Preset::Text(text) => {
                !text.contains('\0')
                    && match kind {
                        Kind::Text => true,
                        Kind::Date | Kind::Timestamp | Kind::Json => Value::parse(kind, text).is_ok(),
                        _ => false,
                    }
            }
            Preset::Now => matches!(kind, Kind::Date | Kind::Timestamp),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Preset::Boolean(value) => value.fmt(f),
            Preset::Integer(value) => value.fmt(f),
            Preset::Real(value) => value.fmt(f),
            Preset::Text(text) => f.write_str(text),
            Preset::Now => f.write_str("now"),
        }
    }
}

/// Whether a text can only be read as one expression: quotes and parentheses closed, no statement's end, no comment and
/// no comma between expressions.
fn is_one_expression(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut chars = text.chars().peekable();
    let mut is_empty = true;
    while let Some(char) = chars.next() {
        is_empty &= char.is_whitespace();
        match char {
            // A doubled quote opens a new string at once, which comes to the same.
            '\'' | '"' if !chars.by_ref().any(|next| next == char) => return false,
            '(' => depth += 1,
            ')' => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            ',' if depth == 0 => return false,
            '-' if chars.peek() == Some(&'-') => return false,
            '/' if chars.peek() == Some(&'*') => return false,
            // Quotes of one database that another reads otherwise.
            ';' | '\0' | '$' | '`' | '[' | '\\' => return false,
            _ => {}
        }
    }
    depth == 0 && !is_empty
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, ForeignKey, Index};

    #[test]
    fn expressions() {
        for good in ["salary >= 0", "(a OR b) AND c", "name <> ';--'", "coalesce(a, b) > 1", "\"a)\" = 'it''s'"] {
            assert!(is_one_expression(good), "{good}");
        }
        for bad in ["", " ", "a)", "(a", "a; b", "1) OR (1", "a -- b", "a /* b", "'a", "a, b", "$$;$$", "a \\"] {
            assert!(!is_one_expression(bad), "{bad}");
        }
    }

    #[test]
    fn refusals_name_the_place() {
        let table = || Table::new("t").field(Field::new("salary", Kind::Integer));
        let cases = [
            (Table::new("t"), r#"table "t" would have no columns; it needs at least one"#),
            (Table::new("_taipan_x"), r#"the name "_taipan_x" begins as the database's own tables do"#),
            (table().field(Field::new("Salary", Kind::Text)), {
                r#"the name "Salary" differs from the column "salary" only in case, which SQLite does not tell apart"#
            }),
            (table().index(Index::on(["salery"])), r#"table "t" has no column "salery"; did you mean "salary"?"#),
            (table().primary_key(["id"]), r#"table "t" has no column "id""#),
            (
                table().field(Field::new("x", Kind::Date).preset(Preset::Text("soon".into()))),
                r#"table "t", column "x": "soon" is not a DATE such as 2024-02-29"#,
            ),
            (table().check("1; DROP TABLE t"), r#"table "t": "1; DROP TABLE t" is not one SQL expression"#),
            (
                table().foreign_key(ForeignKey::new(["salary"], "u", Vec::<String>::new())),
                r#"table "t": a foreign key needs as many fields as it refers to, at least one"#,
            ),
        ];
        for (table, message) in cases {
            assert_eq!(table.validate().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn index_names_are_stable_and_short() {
        assert_eq!(Index::on(["a", "b"]).name_on("t"), "idx_t_a_b");
        assert_eq!(Index::on(["a"]).unique().name_on("t"), "unique_t_a");
        assert_eq!(Index::on(["a"]).named("mine").name_on("t"), "mine");
        let partial = Index::on(["a"]).only_where("a > 1").name_on("t");
        assert!(partial.starts_with("idx_t_a_") && partial.len() == 16, "{partial}");
        assert_ne!(partial, Index::on(["a"]).only_where("a > 2").name_on("t"));
        let long = Index::on(["é".repeat(60)]).name_on("t");
        assert!(long.len() <= 63, "{long}");
    }
}
