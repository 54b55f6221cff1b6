//! What is said on standard error: one clear line, and a hint where there is one.

use std::io::{self, IsTerminal, Write};

use taipan::{Error, ErrorKind};

/// Prints `error: …` and, where there is one, `hint: …`; when told to say more, the causes below, each once.
pub(crate) fn print_error(error: &anyhow::Error, verbose: u8) {
    let mut stderr = io::stderr().lock();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (red, cyan, reset) = if colour { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
    let text = match byte_of(error) {
        Some(byte) => format!("{error} (byte {byte})"),
        None => error.to_string(),
    };
    let _ = writeln!(stderr, "{red}error{reset}: {}", printable(&text));
    if let Some(hint) = error.downcast_ref::<Error>().and_then(Error::hint) {
        let _ = writeln!(stderr, "{cyan}hint{reset}: {}", printable(hint));
    }
    if verbose > 0 {
        let mut said = text;
        for cause in error.chain().skip(1).map(ToString::to_string) {
            // What an error above has said already is not said again.
            if !said.contains(&cause) {
                let _ = writeln!(stderr, "{cyan}cause{reset}: {}", printable(&cause));
                said = cause;
            }
        }
    }
}

/// Where in a file something is wrong, beside the line that the message names.
fn byte_of(error: &anyhow::Error) -> Option<u64> {
    let read = match error.downcast_ref::<Error>().map(Error::kind) {
        Some(ErrorKind::Read(read)) => read,
        _ => error.downcast_ref::<taipan::io::Error>()?,
    };
    read.place().filter(|place| place.line.is_some())?.byte
}

/// Whether the failure only says that nobody reads our output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// The text without characters that would move a terminal's cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A whole number with thousands separated: `336,776`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 row`, `336,776 rows`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number))
}

/// A time as people say it: `2 ms`, `0.31 s`, `75 s`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.1} ms", s * 1000.0),
        s if s < 0.1 => format!("{:.0} ms", s * 1000.0),
        s if s < 10.0 => format!("{s:.2} s"),
        s => format!("{s:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (336_776, "336,776"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
        for (seconds, expected) in [(0.000_21, "0.2 ms"), (0.0021, "2 ms"), (0.314, "0.31 s"), (75.2, "75 s")] {
            assert_eq!(duration(seconds), expected);
        }
        assert_eq!((counted(1, "row"), counted(1500, "row")), ("1 row".into(), "1,500 rows".into()));
    }
}
