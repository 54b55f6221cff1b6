//! The options of a reading as words, `record=channel/item`: how SQL, app files and plans on their way to another machine
//! say what the command line says by flags.

use crate::csv::Ragged;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Format;
use crate::input::ReadOptions;
use crate::schema::column;

/// What [`ReadOptions::set`] knows.
const NAMES: [&str; 16] = [
    "column",
    "comment",
    "delimiter",
    "encoding",
    "escape",
    "format",
    "header",
    "max_depth",
    "max_ratio",
    "max_record",
    "null",
    "pad",
    "quote",
    "record",
    "sample",
    "skip_lines",
];

impl ReadOptions {
    /// The options with one set by its name, which is that of the command line's flag with `_` for `-`.
    ///
    /// ```
    /// let options = taipan_io::ReadOptions::default().set("record", "channel/item")?.set("column", "id:text")?;
    /// assert!(options.clone().set("delimiter", "tab").is_ok());
    /// let error = options.set("recrod", "item").unwrap_err();
    /// assert_eq!(error.to_string(), "no option `recrod` for reading files; did you mean `record`?");
    /// # Ok::<(), taipan_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a name that there is not, or a value that it does not take.
    pub fn set(self, name: &str, value: &str) -> Result<Self> {
        let invalid = |expected: &str| {
            let message = format!("`{value}` is no value of `{name}`: expected {expected}");
            Error::new(ErrorKind::InvalidOption(message))
        };
        let flag = || match value {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(invalid("true or false")),
        };
        let number = || value.parse::<usize>().map_err(|_| invalid("a whole number"));
        let character = || match value.as_bytes() {
            [byte] => Ok(*byte),
            b"tab" | b"\\t" => Ok(b'\t'),
            _ => Err(invalid("one ASCII character")),
        };
        let mark = || if value == "none" { Ok(None) } else { character().map(Some) };
        Ok(match name {
            "column" => {
                let (name, data_type) = column(value)?;
                self.column(name, data_type)
            }
            "comment" => self.comment(mark()?),
            "delimiter" => self.delimiter(character()?),
            "encoding" => self.encoding(value),
            "escape" => self.escape(mark()?),
            "format" => self.format(match value {
                "csv" => Format::Csv,
                "json" | "ndjson" => Format::Json,
                "xml" => Format::Xml,
                "parquet" => Format::Parquet,
                "arrow" => Format::Arrow,
                _ => return Err(invalid("csv, json, xml, parquet or arrow")),
            }),
            "header" => self.header(flag()?),
            "max_depth" => self.max_depth(number()?),
            "max_ratio" => self.max_ratio(number()? as u64),
            "max_record" => self.max_record(number()?),
            "null" => self.null(value),
            "pad" => self.ragged(if flag()? { Ragged::Pad } else { Ragged::Error }),
            "quote" => self.quote(character()?),
            "record" => self.record(value)?,
            "sample" => self.sample_bytes(number()?),
            "skip_lines" => self.skip_lines(number()?),
            _ => {
                let nearest = NAMES.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
                let hint = nearest.filter(|known| strsim::damerau_levenshtein(name, known) <= 2);
                let hint = hint.map_or_else(
                    || format!("; there are {}", NAMES.join(", ")),
                    |known| format!("; did you mean `{known}`?"),
                );
                let message = format!("no option `{name}` for reading files{hint}");
                return Err(Error::new(ErrorKind::InvalidOption(message)));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_takes_what_it_should_and_nothing_else() {
        let good = [
            ("column", "a:integer"),
            ("comment", "none"),
            ("comment", "#"),
            ("delimiter", "|"),
            ("encoding", "latin1"),
            ("escape", "\\"),
            ("format", "xml"),
            ("header", "false"),
            ("max_depth", "10"),
            ("max_ratio", "10"),
            ("max_record", "1000"),
            ("null", "-"),
            ("pad", "true"),
            ("quote", "'"),
            ("record", "a/b"),
            ("sample", "100"),
            ("skip_lines", "2"),
        ];
        for (name, value) in good {
            assert!(ReadOptions::default().set(name, value).is_ok(), "{name}={value}");
        }
        assert!(NAMES.iter().all(|known| good.iter().any(|(name, _)| name == known)));
        for (name, value, message) in [
            ("header", "maybe", "`maybe` is no value of `header`: expected true or false"),
            ("max_depth", "-1", "`-1` is no value of `max_depth`: expected a whole number"),
            ("delimiter", "ab", "`ab` is no value of `delimiter`: expected one ASCII character"),
            ("format", "doc", "`doc` is no value of `format`: expected csv, json, xml, parquet or arrow"),
        ] {
            assert_eq!(ReadOptions::default().set(name, value).unwrap_err().to_string(), message);
        }
    }
}
