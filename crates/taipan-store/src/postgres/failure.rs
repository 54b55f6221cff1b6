//! PostgreSQL's refusals and broken connections as this crate's errors.

use std::fmt;
use std::io;

use crate::error::{Error, ErrorKind, Violation};
use crate::kind::Kind;

/// Why a call of a server failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused a statement or a login.
    Refused(Box<Refusal>),
    /// No connection could be made.
    Unreachable(io::Error),
    /// The connection broke.
    Lost(io::Error),
    /// The server wants a password, and none is known.
    NoPassword,
    /// The server wants the password itself over a line that others can read.
    Unsafe,
    /// The server wants a login of a sort that is not known here.
    Login(u32),
    /// The server is older than 13.
    Old(u32),
    /// The answer's reader wants no more, or could not use it.
    Own(Error),
    /// The answer's reader wants no more.
    Enough,
    /// The table has changed since it was reflected.
    Stale,
}

/// What the server said.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) detail: String,
    pub(super) context: String,
    pub(super) column: Option<String>,
    pub(super) constraint: Option<String>,
    pub(super) table: Option<String>,
}

impl Refusal {
    /// Reads the fields of an error message.
    pub(super) fn read(body: &[u8]) -> Refusal {
        let mut refusal = Refusal::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((tag, text)) = field.split_first() else { continue };
            let text = String::from_utf8_lossy(text).into_owned();
            match tag {
                b'C' => refusal.code = text,
                b'M' => refusal.message = text,
                b'D' => refusal.detail = text,
                b'W' => refusal.context = text,
                b'c' => refusal.column = Some(text),
                b'n' => refusal.constraint = Some(text),
                b't' => refusal.table = Some(text),
                _ => {}
            }
        }
        refusal
    }

    /// Whether the statement named something that is not there, as when the tables changed.
    pub(super) fn names_nothing(&self) -> bool {
        matches!(&*self.code, "42P01" | "42703" | "42704" | "42883" | "42804" | "0A000" | "42846" | "42P18")
    }

    /// The rule that a row breaks, its column and the value, where the server tells.
    pub(super) fn violation(&self) -> Option<(Violation, Option<String>, Option<String>)> {
        Some(match &*self.code {
            "23505" => {
                // "Key (id)=(5) already exists."
                let key = self.detail.strip_prefix("Key (").and_then(|rest| rest.split_once(")=("));
                let column = key.map(|(column, _)| unquoted(column)).filter(|column| !column.contains(", "));
                let value = key.and_then(|(_, rest)| rest.strip_suffix(") already exists."));
                (Violation::Duplicate, column.clone(), column.and(value.map(str::to_owned)))
            }
            "23502" => (Violation::Null, self.column.clone(), None),
            "23503" | "23001" => (Violation::Foreign, None, None),
            "23514" => (Violation::Check(self.message.clone()), None, None),
            "23P01" | "2BP01" => (Violation::Other(self.message.clone()), None, None),
            _ => return None,
        })
    }

    /// The value that is not of a type, and what that type would have been.
    fn misfit(&self) -> Option<(String, String)> {
        if self.code == "2201B" {
            return Some(("the pattern".to_owned(), "a regular expression".to_owned()));
        }
        if !matches!(&*self.code, "22P02" | "22007" | "22008") {
            return None;
        }
        // `invalid input syntax for type bigint: "Ada"`
        let (_, rest) = self.message.split_once(" for type ")?;
        let (kind, value) = rest.split_once(": \"")?;
        let described = Kind::of_declared(kind).map_or_else(|| format!("a {kind}"), |kind| kind.described().to_owned());
        Some((value.strip_suffix('"')?.to_owned(), described))
    }

    /// The row of a COPY that it is about, counted from 1.
    pub(super) fn row(&self) -> Option<u64> {
        let (_, after) = self.context.split_once(", line ")?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)
    }
}

impl std::error::Error for Refusal {}

impl Failure {
    /// What an error message says.
    pub(super) fn refused(body: &[u8]) -> Failure {
        Failure::Refused(Box::new(Refusal::read(body)))
    }

    pub(super) fn garbled() -> Failure {
        Failure::Lost(io::Error::new(io::ErrorKind::InvalidData, "an answer that is not PostgreSQL's"))
    }

    /// The row of a COPY that is at fault, counted from 1: one that breaks a rule, or holds a value that is none of its
    /// column's type, or that a trigger does not let pass.
    pub(super) fn row(&self) -> Option<u64> {
        let Failure::Refused(refusal) = self else { return None };
        let of_a_row = ["22", "23"].iter().any(|class| refusal.code.starts_with(class)) || refusal.code == "P0001";
        if of_a_row { refusal.row() } else { None }
    }

    /// As this crate's error, about a table where one is meant.
    pub(super) fn error(self, table: &str) -> Error {
        let kind = match self {
            Failure::Own(error) => return error,
            Failure::Refused(refusal) => return of(*refusal, table),
            Failure::Unreachable(error) => ErrorKind::Unreachable(error.to_string()),
            Failure::Lost(error) => ErrorKind::Lost(error.to_string()),
            Failure::NoPassword => ErrorKind::Unreachable(
                "the server asks for a password; set PGPASSWORD or name it in the URL".to_owned(),
            ),
            Failure::Unsafe => ErrorKind::Unreachable(
                "the server asks for the password unencrypted; use sslmode=require or another login".to_owned(),
            ),
            Failure::Login(kind) => {
                ErrorKind::Unreachable(format!("the server asks for a login of sort {kind}, which is not supported"))
            }
            Failure::Old(version) => {
                ErrorKind::Unsupported(format!("PostgreSQL {version} is too old; 13 or later is needed"))
            }
            Failure::Enough => ErrorKind::Sql("the read was given up".to_owned()),
            Failure::Stale => ErrorKind::Sql("the table changes too often to be read".to_owned()),
        };
        Error::new(kind)
    }
}

fn of(refusal: Refusal, table: &str) -> Error {
    if let Some((violation, column, value)) = refusal.violation() {
        let table = refusal.table.clone().unwrap_or_else(|| table.to_owned());
        let row = refusal.row();
        return Error::new(ErrorKind::Constraint { table, column, value, row, violation }).because(refusal);
    }
    if let Some((value, expected)) = refusal.misfit() {
        return Error::invalid_value(&value, expected).because(refusal);
    }
    let message = refusal.message.clone();
    let kind = match &*refusal.code {
        "40001" => ErrorKind::Conflict(message),
        "40P01" => ErrorKind::Deadlock,
        "55P03" | "57014" | "25P03" | "57P05" => ErrorKind::Timeout,
        "53100" => ErrorKind::Full,
        "25006" => ErrorKind::ReadOnly,
        "53300" | "57P03" => ErrorKind::Busy,
        "XX001" | "XX002" => ErrorKind::Corrupt(message),
        "58030" => ErrorKind::Io(message),
        "57P01" | "57P02" => ErrorKind::Lost(message),
        code if code.starts_with("08") => ErrorKind::Lost(message),
        code if code.starts_with("28") || code == "3D000" => ErrorKind::Unreachable(message),
        _ => ErrorKind::Sql(message),
    };
    Error::new(kind).because(refusal)
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Lost(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Own(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(fields: &[(char, &str)]) -> Refusal {
        let mut body = String::new();
        for (tag, text) in fields {
            body.push(*tag);
            body.push_str(text);
            body.push('\0');
        }
        Refusal::read(body.as_bytes())
    }

    #[test]
    fn refusals() {
        let cases: [(&[(char, &str)], &str); 6] = [
            (
                &[
                    ('C', "23505"),
                    ('M', "duplicate key"),
                    ('D', "Key (id)=(5) already exists."),
                    ('W', "COPY people, line 3"),
                    ('t', "people"),
                ],
                r#"table "people", row 3, column "id": the value "5" is there already and must be unique"#,
            ),
            (
                &[('C', "23505"), ('D', "Key (\"a\"\"b\")=(x) already exists.")],
                "table \"t\", column \"a\"b\": the value \"x\" is there already and must be unique",
            ),
            (&[('C', "23505"), ('D', "Key (a, b)=(1, 2) already exists.")], {
                r#"table "t": the value is there already and must be unique"#
            }),
            (&[('C', "23502"), ('c', "id")], r#"table "t", column "id": a value is missing and must be given"#),
            (&[('C', "40P01"), ('M', "deadlock detected")], "two transactions waited for each other; try again"),
            (&[('C', "42601"), ('M', "syntax error")], "syntax error"),
        ];
        for (fields, message) in cases {
            assert_eq!(Failure::Refused(Box::new(refusal(fields))).error("t").to_string(), message);
        }
    }
}
