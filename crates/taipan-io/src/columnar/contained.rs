//! Decoders of others assert what a sound file fulfils. A file that does not is an error here, and no panic.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::error::{Error, ErrorKind, Result};

thread_local! {
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder over a file of this name. What it asserted and did not find is told as a fault of the file, and
/// printed nowhere else.
pub(super) fn contained<T>(name: &str, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !WITHIN.get() {
                others(info);
            }
        }));
    });
    let outer = WITHIN.replace(true);
    // What the decoder leaves behind is dropped by whoever sees the error: a reader ends at its first.
    let outcome = panic::catch_unwind(AssertUnwindSafe(decode));
    WITHIN.set(outer);
    outcome.unwrap_or_else(|panic| {
        let message = format!("the file contradicts itself ({})", first_line(panic.as_ref()));
        Err(Error::new(ErrorKind::Syntax(message)).in_source(name))
    })
}

fn first_line(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.and_then(|text| text.lines().next()).unwrap_or("its decoder gave up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let outcomes: [Result<i32>; 3] = [
            contained("a", || Ok(1)),
            contained("b", || panic!("no\nroom")),
            contained("c", || contained("d", || panic!("{} too many", 3))),
        ];
        let told = outcomes.map(|outcome| outcome.map_err(|error| error.to_string()));
        let expected = [
            Ok(1),
            Err("b: the file contradicts itself (no)".to_owned()),
            Err("d: the file contradicts itself (3 too many)".to_owned()),
        ];
        assert_eq!(told, expected);
        assert!(!WITHIN.get());
    }
}
