//! The types of columns, as the database declares them and as Arrow names them.

use std::fmt;

use arrow::datatypes::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A 64-bit signed integer.
    Integer,
    /// A 64-bit floating-point number.
    Real,
    /// Text in UTF-8.
    Text,
    /// A day of the Gregorian calendar, `2024-02-29`.
    Date,
    /// A moment without a time zone, to the microsecond, `2024-02-29 13:00:00.5`.
    Timestamp,
    /// A JSON value.
    Json,
    /// Bytes.
    Blob,
}

impl Kind {
    /// The name in SQL: `BOOLEAN`, `INTEGER`, `REAL`, `TEXT`, `DATE`, `TIMESTAMP`, `JSON` or `BLOB`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "BOOLEAN",
            Kind::Integer => "INTEGER",
            Kind::Real => "REAL",
            Kind::Text => "TEXT",
            Kind::Date => "DATE",
            Kind::Timestamp => "TIMESTAMP",
            Kind::Json => "JSON",
            Kind::Blob => "BLOB",
        }
    }

    /// The Arrow type in which a column of this kind is scanned. JSON is scanned as its text.
    pub fn data_type(self) -> DataType {
        match self {
            Kind::Boolean => DataType::Boolean,
            Kind::Integer => DataType::Int64,
            Kind::Real => DataType::Float64,
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Date => DataType::Date32,
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Blob => DataType::Binary,
        }
    }

    /// The kind in which a column of an Arrow type is stored; none for a type that no table can hold.
    pub(crate) fn of_data_type(data_type: &DataType) -> Option<Kind> {
        use DataType as T;
        Some(match data_type {
            T::Boolean => Kind::Boolean,
            T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => Kind::Integer,
            T::Float16
            | T::Float32
            | T::Float64
            | T::Decimal32(..)
            | T::Decimal64(..)
            | T::Decimal128(..)
            | T::Decimal256(..) => Kind::Real,
            T::Null | T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Time32(_) | T::Time64(_) => Kind::Text,
            T::Date32 | T::Date64 => Kind::Date,
            T::Timestamp(..) => Kind::Timestamp,
            T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => Kind::Blob,
            T::Struct(_)
            | T::Map(..)
            | T::List(_)
            | T::LargeList(_)
            | T::FixedSizeList(..)
            | T::ListView(_)
            | T::LargeListView(_) => Kind::Json,
            T::Dictionary(_, values) => Kind::of_data_type(values)?,
            _ => return None,
        })
    }

    /// The kind of a declared column type: Taipan's own names and their usual synonyms, then SQLite's
    /// affinity rules. None where the declaration says nothing of the values (`""`, `ANY`, `FOO`).
    pub(crate) fn of_declared(declared: &str) -> Option<Kind> {
        let upper = declared.to_ascii_uppercase();
        let name = upper.split('(').next().unwrap_or_default().trim();
        let has = |part: &str| name.contains(part);
        Some(match name {
            "BOOLEAN" | "BOOL" => Kind::Boolean,
            "DATE" => Kind::Date,
            "JSON" | "JSONB" => Kind::Json,
            "BYTEA" | "BINARY" | "VARBINARY" => Kind::Blob,
            "STRING" | "UUID" | "TIME" => Kind::Text,
            "NUMERIC" | "NUM" | "DECIMAL" | "DEC" | "NUMBER" | "MONEY" => Kind::Real,
            _ if name.starts_with("TIMESTAMP") || name.starts_with("DATETIME") => Kind::Timestamp,
            _ if has("INT") => Kind::Integer,
            _ if has("CHAR") || has("CLOB") || has("TEXT") => Kind::Text,
            _ if has("BLOB") => Kind::Blob,
            _ if has("REAL") || has("FLOA") || has("DOUB") => Kind::Real,
            _ => return None,
        })
    }

    /// The name with its article, as errors say it: `an INTEGER`.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Kind::Boolean => "a BOOLEAN",
            Kind::Integer => "an INTEGER",
            Kind::Real => "a REAL number",
            Kind::Text => "TEXT",
            Kind::Date => "a DATE such as 2024-02-29",
            Kind::Timestamp => "a TIMESTAMP such as 2024-02-29T13:00:00",
            Kind::Json => "JSON",
            Kind::Blob => "a BLOB in hexadecimal such as \\x00ff",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types() {
        let cases = [
            ("INTEGER", Some(Kind::Integer)),
            ("int", Some(Kind::Integer)),
            ("UNSIGNED BIG INT", Some(Kind::Integer)),
            ("tinyint(1)", Some(Kind::Integer)),
            ("varchar(255)", Some(Kind::Text)),
            ("NVARCHAR (100)", Some(Kind::Text)),
            ("CLOB", Some(Kind::Text)),
            ("double precision", Some(Kind::Real)),
            ("FLOAT", Some(Kind::Real)),
            ("DECIMAL(10,2)", Some(Kind::Real)),
            ("NUM", Some(Kind::Real)),
            ("Boolean", Some(Kind::Boolean)),
            ("DATE", Some(Kind::Date)),
            ("DATETIME", Some(Kind::Timestamp)),
            ("timestamp with time zone", Some(Kind::Timestamp)),
            ("TIMESTAMP(6)", Some(Kind::Timestamp)),
            ("TIME", Some(Kind::Text)),
            ("jsonb", Some(Kind::Json)),
            ("BLOB", Some(Kind::Blob)),
            ("bytea", Some(Kind::Blob)),
            ("", None),
            ("ANY", None),
            ("\"weird\"", None),
        ];
        for (declared, kind) in cases {
            assert_eq!(Kind::of_declared(declared), kind, "{declared}");
        }
    }

    #[test]
    fn every_kind_is_declared_and_scanned_as_itself() {
        use Kind::{Blob, Boolean, Date, Integer, Json, Real, Text, Timestamp};
        for kind in [Boolean, Integer, Real, Text, Date, Timestamp, Json, Blob] {
            assert_eq!(Kind::of_declared(kind.name()), Some(kind));
            if kind != Json {
                assert_eq!(Kind::of_data_type(&kind.data_type()), Some(kind));
            }
        }
    }
}
