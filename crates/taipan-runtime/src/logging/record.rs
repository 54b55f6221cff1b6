//! What is logged.

use std::fmt::Write;
use std::time::SystemTime;

use tracing::field::{Field, Visit};

use super::level::Level;

/// One record on its way to the handlers.
#[derive(Debug)]
pub struct Record<'a> {
    /// When it was logged.
    pub time: SystemTime,
    /// How much it matters.
    pub level: Level,
    /// The dotted name of the logger.
    pub logger: &'a str,
    /// The text.
    pub message: &'a str,
    /// The fields of the surrounding spans, outermost first, and then its own.
    pub fields: &'a [(&'static str, Value)],
    /// The error it is about and that error's causes, the outermost first.
    pub error: &'a [String],
    /// The source file.
    pub file: Option<&'a str>,
    /// The line in it.
    pub line: Option<u32>,
    /// The Rust module.
    pub module: Option<&'a str>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text, or whatever else was turned into one.
    Text(String),
    /// An integer.
    Signed(i64),
    /// An integer that may be too large for the other.
    Unsigned(u64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
}

impl Value {
    /// Writes the value as text; controls are escaped, so that no value can forge a line.
    pub(super) fn write_text(&self, out: &mut String) {
        // Writing into a string never fails.
        let _ = match self {
            Self::Text(text) => {
                write_escaped(text, out);
                Ok(())
            }
            Self::Signed(number) => write!(out, "{number}"),
            Self::Unsigned(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "{number}"),
            Self::Bool(value) => write!(out, "{value}"),
        };
    }

    pub(super) fn write_json(&self, out: &mut String) {
        match self {
            Self::Text(text) => write_json_text(text, out),
            Self::Float(number) if !number.is_finite() => write_json_text(&number.to_string(), out),
            other => other.write_text(out),
        }
    }
}

/// Writes a text with its control characters escaped.
pub(super) fn write_escaped(text: &str, out: &mut String) {
    if !text.bytes().any(|byte| byte < b' ' || byte == 0x7f || byte == 0xc2) {
        return out.push_str(text);
    }
    for character in text.chars() {
        if character.is_control() { out.extend(character.escape_default()) } else { out.push(character) }
    }
}

/// Writes a text as JSON.
pub(super) fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// What an event or a span says, field by field.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
    pub(super) error: Vec<String>,
    pub(super) level: Option<Level>,
    pub(super) logger: Option<String>,
}

/// The fields by which records carry what `tracing` has no place for.
pub(super) const LEVEL_FIELD: &str = "taipan.level";
pub(super) const LOGGER_FIELD: &str = "taipan.logger";

impl Said {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text)) => self.message = text,
            (LEVEL_FIELD, Value::Unsigned(number)) => self.level = Some(Level(number as u32)),
            (LOGGER_FIELD, Value::Text(name)) => self.logger = Some(name),
            (name, value) => match self.fields.iter_mut().find(|(other, _)| *other == name) {
                Some((_, old)) => *old = value,
                None => self.fields.push((name, value)),
            },
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message.clear();
            let _ = write!(self.message, "{value:?}");
        } else {
            self.push(field, Value::Text(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bool(value));
    }

    fn record_error(&mut self, _: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain = std::iter::successors(Some(value), |error| error.source());
        self.error.extend(chain.map(ToString::to_string));
    }
}
