//! The arguments of a small program.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The argument of this number, from 1, or what `default` says.
///
/// ```
/// let n: u64 = taipan::argument(1, "100000")?;
/// # Ok::<(), taipan::Error>(())
/// ```
///
/// Errors: it cannot be read as what is wanted.
pub fn argument<T>(number: usize, default: &str) -> Result<T>
where
    T: FromStr<Err: Display>,
{
    let given = std::env::args_os().nth(number);
    let text = match &given {
        Some(given) => given.to_str().ok_or_else(|| Error::invalid(format!("argument {number} is no text")))?,
        None => default,
    };
    text.parse().map_err(|error| Error::invalid(format!("argument {number}, '{text}': {error}")))
}

/// All arguments, or what `default` says when there are none.
pub fn arguments(default: &[&str]) -> Vec<String> {
    let given: Vec<String> = std::env::args_os().skip(1).map(|given| given.to_string_lossy().into_owned()).collect();
    if given.is_empty() { default.iter().map(|&text| text.to_owned()).collect() } else { given }
}
