//! Standard output belongs to the process, so this test has a process of its own.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{Write, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};

use taipan_runtime::scope::redirect_stdout;

// The test harness catches what println! prints, so these write to standard output itself.
fn say(text: &str) {
    stdout().write_all(text.as_bytes()).expect("standard output");
}

#[test]
fn output_goes_elsewhere_for_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let [outer, inner, lost] = ["outer", "inner", "lost"].map(|name| folder.path().join(name));
    let create = |path| File::create(path).expect("a file");

    let value = redirect_stdout(&create(&outer), || {
        say("one ");
        redirect_stdout(&create(&inner), || say("two")).expect("redirected");
        say("three");
        7
    });
    assert_eq!(value.expect("redirected"), 7);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        redirect_stdout(&create(&lost), || {
            say("four");
            panic!("lost")
        })
    }));
    assert!(panicked.is_err());
    say("\n");

    let read = |path| fs::read_to_string(path).expect("a file");
    assert_eq!([read(&outer), read(&inner), read(&lost)], ["one three", "two", "four"]);
}
