//! Runs every example and compares what it prints with `tests/expected/NAME.txt`.
//!
//! An example has a row in [`PROGRAMS`], a `[[example]]` in `Cargo.toml`, and its expected output. It may name nothing
//! but the standard library and `taipan::prelude`, and is at most 1.3 times as long as the Python program that does the
//! same job, or eight lines longer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An example, its arguments, and the lines of its Python twin without comments and blank lines.
struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    python_lines: usize,
}

const PROGRAMS: &[Program] = &[
    Program { name: "metaclass", arguments: &[], python_lines: 8 },
    Program { name: "mro", arguments: &[], python_lines: 14 },
];

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(name: &str) -> String {
    fs::read_to_string(folder().join(name).with_extension("rs")).unwrap()
}

/// Cargo builds the examples with the tests, into the folder beside them.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Runs an example in the workspace's folder and gives what it prints.
fn output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(built(name)).args(arguments).current_dir(folder().join("..")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_program_prints_what_is_expected() {
    for program in PROGRAMS {
        let expected = folder().join("tests/expected").join(program.name).with_extension("txt");
        let expected = fs::read_to_string(expected).unwrap();
        assert_eq!(output(program.name, program.arguments), expected, "{}", program.name);
    }
}

#[test]
fn every_program_is_short_and_uses_the_prelude_alone() {
    for program in PROGRAMS {
        let source = source(program.name);
        let lines: Vec<&str> =
            source.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")).collect();
        let most = (program.python_lines * 13 / 10).max(program.python_lines + 8);
        assert!(lines.len() <= most, "{}: {} lines, at most {most}", program.name, lines.len());
        for line in lines {
            let named = line.match_indices("taipan").all(|(at, _)| line[at..].starts_with("taipan::prelude"));
            let used = !line.starts_with("use ") || line == "use taipan::prelude::*;" || line.starts_with("use std::");
            assert!(named && used, "{}: {line}", program.name);
        }
    }
}

#[test]
fn every_source_file_is_run() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut known: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}
