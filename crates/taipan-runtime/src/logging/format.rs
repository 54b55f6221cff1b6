//! How a record becomes a line.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::record::{Record, write_escaped, write_json_text};
use crate::error::{Error, Result};
use crate::task::context::current_name;

/// The form of a handler's lines.
#[derive(Debug, Clone)]
pub struct Format(Form);

#[derive(Debug, Clone)]
enum Form {
    Text(Arc<[Piece]>),
    Json,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    Field { name: Name, align: Align, width: usize },
}

#[derive(Debug, Clone, PartialEq)]
enum Name {
    Time,
    Level,
    LevelNumber,
    Logger,
    Message,
    File,
    Line,
    Module,
    Thread,
    Task,
    Process,
    Fields,
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Align {
    Left,
    Right,
}

/// What Python's logging writes, and the fields that it has not.
const DEFAULT: &str = "{levelname}:{name}:{message}{fields}";

impl Default for Format {
    fn default() -> Self {
        // The text is known to be right; the tests read it.
        Self::text(DEFAULT).unwrap_or(Self(Form::Json))
    }
}

impl Format {
    /// Lines made from a text with names in braces, those of Python's `logging` with `style="{"`: `asctime` (UTC),
    /// `levelname`, `levelno`, `name`, `message`, `filename`, `lineno`, `module`, `threadName`, `taskName`, `process`.
    /// `fields` stands for all fields as ` key=value`; any other name for the field of that name. `{levelname:<8}` and
    /// `{lineno:>5}` fill up to a width; `{{` is a brace.
    ///
    /// Errors: a brace without its other half, a width that is no number.
    pub fn text(text: &str) -> Result<Self> {
        let fault = |what: &str| Error::invalid(format!("log format '{text}': {what}"));
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '{' | '}' if rest.peek() == Some(&character) => {
                    literal.push(character);
                    rest.next();
                }
                '{' => {
                    let mut inside = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(character) => inside.push(character),
                            None => return Err(fault("a '{' is never closed; '{{' writes one")),
                        }
                    }
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    let (name, spec) = inside.split_once(':').unwrap_or((&inside, ""));
                    let (align, width) = match spec.strip_prefix('>') {
                        Some(width) => (Align::Right, width),
                        None => (Align::Left, spec.strip_prefix('<').unwrap_or(spec)),
                    };
                    let width = match width {
                        "" => 0,
                        width => width
                            .parse::<u16>()
                            .map_err(|_| fault(&format!("'{spec}' is no width; '<8' and '>5' are")))?
                            .into(),
                    };
                    pieces.push(Piece::Field { name: Name::of(name), align, width });
                }
                '}' => return Err(fault("a '}' was never opened; '}}' writes one")),
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(Form::Text(pieces.into())))
    }

    /// One JSON object a line: `time`, `level`, `levelno`, `logger`, `message`, `thread`, and where there are some
    /// `task`, `fields`, `error` (with its causes), `file`, `line`.
    pub fn json() -> Self {
        Self(Form::Json)
    }

    /// Writes the record, with a line break at its end.
    pub(super) fn write(&self, record: &Record<'_>, out: &mut String) {
        match &self.0 {
            Form::Text(pieces) => write_text(pieces, record, out),
            Form::Json => write_json(record, out),
        }
    }
}

impl Name {
    fn of(name: &str) -> Self {
        match name {
            "asctime" => Self::Time,
            "levelname" => Self::Level,
            "levelno" => Self::LevelNumber,
            "name" => Self::Logger,
            "message" => Self::Message,
            "filename" | "pathname" => Self::File,
            "lineno" => Self::Line,
            "module" => Self::Module,
            "threadName" => Self::Thread,
            "taskName" => Self::Task,
            "process" => Self::Process,
            "fields" => Self::Fields,
            other => Self::Other(other.to_owned()),
        }
    }

    fn write(&self, record: &Record<'_>, out: &mut String) {
        let written = match self {
            Self::Time => {
                write_time(record.time, out);
                Ok(())
            }
            Self::Level => {
                out.push_str(&record.level.name());
                Ok(())
            }
            Self::LevelNumber => write!(out, "{}", record.level.0),
            Self::Logger => {
                out.push_str(record.logger);
                Ok(())
            }
            Self::Message => {
                write_escaped(record.message, out);
                Ok(())
            }
            Self::File => {
                out.push_str(record.file.unwrap_or_default());
                Ok(())
            }
            Self::Line => write!(out, "{}", record.line.unwrap_or_default()),
            Self::Module => {
                out.push_str(record.module.unwrap_or_default());
                Ok(())
            }
            Self::Thread => {
                write_thread(out);
                Ok(())
            }
            Self::Task => {
                if let Some(name) = current_name() {
                    write_escaped(&name, out);
                }
                Ok(())
            }
            Self::Process => write!(out, "{}", std::process::id()),
            Self::Fields => {
                for (name, value) in record.fields {
                    out.push(' ');
                    out.push_str(name);
                    out.push('=');
                    value.write_text(out);
                }
                Ok(())
            }
            Self::Other(wanted) => {
                if let Some((_, value)) = record.fields.iter().rev().find(|(name, _)| name == wanted) {
                    value.write_text(out);
                }
                Ok(())
            }
        };
        // Writing into a string never fails.
        debug_assert!(written.is_ok());
    }
}

fn write_text(pieces: &[Piece], record: &Record<'_>, out: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Field { name, align, width } => {
                let start = out.len();
                name.write(record, out);
                let missing = width.saturating_sub(out.get(start..).unwrap_or_default().chars().count());
                match align {
                    Align::Left => out.extend(std::iter::repeat_n(' ', missing)),
                    Align::Right => out.insert_str(start, &" ".repeat(missing)),
                }
            }
        }
    }
    for (number, error) in record.error.iter().enumerate() {
        out.push_str(if number == 0 { "\n  error: " } else { "\n  caused by: " });
        write_escaped(error, out);
    }
    out.push('\n');
}

fn write_json(record: &Record<'_>, out: &mut String) {
    out.push_str("{\"time\":\"");
    write_time(record.time, out);
    out.push_str("\",\"level\":");
    write_json_text(&record.level.name(), out);
    let _ = write!(out, ",\"levelno\":{},\"logger\":", record.level.0);
    write_json_text(record.logger, out);
    out.push_str(",\"message\":");
    write_json_text(record.message, out);
    out.push_str(",\"thread\":");
    let mut thread = String::new();
    write_thread(&mut thread);
    write_json_text(&thread, out);
    if let Some(task) = current_name() {
        out.push_str(",\"task\":");
        write_json_text(&task, out);
    }
    if !record.fields.is_empty() {
        out.push_str(",\"fields\":{");
        for (number, (name, value)) in record.fields.iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            write_json_text(name, out);
            out.push(':');
            value.write_json(out);
        }
        out.push('}');
    }
    if !record.error.is_empty() {
        out.push_str(",\"error\":[");
        for (number, error) in record.error.iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            write_json_text(error, out);
        }
        out.push(']');
    }
    if let (Some(file), Some(line)) = (record.file, record.line) {
        out.push_str(",\"file\":");
        write_json_text(file, out);
        let _ = write!(out, ",\"line\":{line}");
    }
    out.push_str("}\n");
}

fn write_thread(out: &mut String) {
    let thread = thread::current();
    match thread.name() {
        Some(name) => write_escaped(name, out),
        None => {
            let _ = write!(out, "{:?}", thread.id());
        }
    }
}

thread_local! {
    /// The last second that was written, and how: most records of a second have it from here.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// Writes the time as `2026-11-22T14:41:58.123456Z`.
pub(super) fn write_time(time: SystemTime, out: &mut String) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    // Gone only while the thread ends.
    let known = SECOND.try_with(|known| {
        let mut known = known.borrow_mut();
        if known.0 != seconds {
            known.0 = seconds;
            known.1.clear();
            write_second(seconds, &mut known.1);
        }
        out.push_str(&known.1);
    });
    if known.is_err() {
        write_second(seconds, out);
    }
    let _ = write!(out, ".{:06}Z", since.subsec_micros());
}

fn write_second(seconds: u64, out: &mut String) {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. The year is taken to begin in March,
/// so that the leap day is its last.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::level::{INFO, Level};
    use super::super::record::Value;
    use super::*;

    fn written(format: &Format, message: &str) -> String {
        let fields = [("user", Value::Text("Ann\n".to_owned())), ("rows", Value::Unsigned(3))];
        let error = ["lost".to_owned(), "no disk".to_owned()];
        let record = Record {
            time: UNIX_EPOCH + Duration::from_micros(1_795_358_518_123_456),
            level: INFO,
            logger: "app.db",
            message,
            fields: &fields,
            error: if message.is_empty() { &error } else { &[] },
            file: Some("a.rs"),
            line: Some(7),
            module: None,
        };
        let mut out = String::new();
        format.write(&record, &mut out);
        out
    }

    #[test]
    fn formats_are_read() {
        let cases = [
            (DEFAULT, "INFO:app.db:hi user=Ann\\n rows=3\n"),
            ("{asctime} {levelno} {message}", "2026-11-22T14:41:58.123456Z 20 hi\n"),
            ("[{levelname:<8}][{lineno:>4}] {{{user}}}{nothing}", "[INFO    ][   7] {Ann\\n}\n"),
            ("{filename}:{module}", "a.rs:\n"),
            ("", "\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(written(&Format::text(text).unwrap(), "hi"), expected, "{text}");
        }
        let wrong = [
            ("{name", "log format '{name': a '{' is never closed; '{{' writes one"),
            ("name}", "log format 'name}': a '}' was never opened; '}}' writes one"),
            ("{name:x}", "log format '{name:x}': 'x' is no width; '<8' and '>5' are"),
        ];
        for (text, expected) in wrong {
            assert_eq!(Format::text(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn no_message_forges_a_line() {
        assert_eq!(
            written(&Format::text("{message}").unwrap(), "a\nERROR:root:b\u{1b}[0m"),
            "a\\nERROR:root:b\\u{1b}[0m\n"
        );
    }

    #[test]
    fn errors_are_written_with_their_causes() {
        assert_eq!(written(&Format::text("{levelname}").unwrap(), ""), "INFO\n  error: lost\n  caused by: no disk\n");
    }

    #[test]
    fn json_is_json() {
        let line = written(&Format::json(), "a \"b\"\n\u{1}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "a \"b\"\n\u{1}");
        assert_eq!(value["fields"], serde_json::json!({"user": "Ann\n", "rows": 3}));
        assert_eq!((&value["level"], &value["levelno"]), (&"INFO".into(), &20.into()));
        let line = written(&Format::json(), "");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["error"], serde_json::json!(["lost", "no disk"]));
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Level(20), INFO);
    }

    #[test]
    fn days_are_dates() {
        let cases = [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_779, (2026, 11, 22)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ];
        for (days, expected) in cases {
            assert_eq!(date(days), expected);
        }
    }
}
