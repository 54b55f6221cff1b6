//! Runs every example and compares what it prints with `tests/expected/NAME.txt`.
//!
//! An example has a row in [`PROGRAMS`], a `[[example]]` in `Cargo.toml`, and its expected output: `NAME.txt` is what it
//! prints, `NAME.err.txt` what it logs, `NAME.out.txt` what it writes to the file `{folder}/out`. It may name nothing but
//! the standard library and `taipan::prelude`, and is at most 1.3 times as long as the Python program that does the same
//! job, or eight lines longer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use taipan::prelude::*;

/// An example, its arguments, and the lines of its Python twin without comments and blank lines.
struct Program {
    name: &'static str,
    /// `{folder}` is an empty folder, `{server}` a server with the pages `/one`, `/two` and `/three`.
    arguments: &'static [&'static str],
    python_lines: usize,
}

const fn program(name: &'static str, arguments: &'static [&'static str], python_lines: usize) -> Program {
    Program { name, arguments, python_lines }
}

const PROGRAMS: &[Program] = &[
    program("metaclass", &[], 8),
    program("mro", &[], 14),
    program("scrape", &["{server}/one", "{server}/two", "{server}/three"], 21),
    program("primes", &[], 24),
    program("pool_map", &[], 7),
    program("top_employees", &["sqlite:{folder}/employees.db"], 18),
    program("products", &["sqlite:{folder}/products.db"], 20),
    program("array_mask", &[], 4),
    program("frame_filter", &[], 5),
    program("linear_regression", &[], 11),
    program("tips_scatter", &["examples/demo/tips.csv", "{folder}/out"], 5),
    program("grid_search", &[], 13),
    program("pca", &["examples/demo/iris.csv", "{folder}/out"], 12),
    program("csv_head", &[], 4),
    program("json_filter", &["examples/data/large_file.json", "{folder}/out"], 8),
    program("xml_filter", &["examples/data/large_file.xml"], 7),
    program("logging_basic", &[], 4),
    program("logging_level", &["INFO"], 4),
    program("divide_by_zero", &[], 10),
    program("managed_file", &["{folder}/out"], 12),
    program("queue_workers", &["0.01"], 24),
];

/// Programs whose threads print in whatever order they come.
const UNORDERED: &[&str] = &["queue_workers"];

/// Pictures, and what must be seen on them.
const PICTURES: &[(&str, &[&str])] = &[
    ("tips_scatter", &["total_bill", "tip"]),
    ("pca", &["PCA on Iris Dataset", "PCA Component 1", "PCA Component 2", "setosa", "versicolor", "virginica"]),
];

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source(name: &str) -> String {
    fs::read_to_string(folder().join(name).with_extension("rs")).unwrap()
}

fn expected(name: &str) -> Option<String> {
    fs::read_to_string(folder().join("tests/expected").join(name)).ok()
}

/// Cargo builds the examples with the tests, into the folder beside them.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Runs an example in the workspace's folder.
fn run(program: &Program, scratch: &Path, server: SocketAddr) -> Output {
    let arguments = program.arguments.iter().map(|argument| {
        argument.replace("{folder}", scratch.to_str().unwrap()).replace("{server}", &format!("http://{server}"))
    });
    let output = Command::new(built(program.name)).args(arguments).current_dir(folder().join("..")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{error}", program.name, output.status);
    output
}

/// Serves the pages of `scrape` as long as the test runs.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let path = request.split(' ').nth(1).unwrap();
                let page = format!("<html><title>{path}</title>{}</html>", "<p>text".repeat(50));
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: ";
                write!(stream, "{head}{}\r\n\r\n{page}", page.len()).unwrap();
            });
        }
    });
    address
}

/// The database that `top_employees` reads.
fn fill(scratch: &Path) {
    let store = Store::open(&format!("sqlite:{}/employees.db", scratch.display())).unwrap();
    let employees = folder().join("demo/employees.csv");
    import_file(&store, &employees, &ImportOptions::default(), &|_, _| ()).unwrap();
}

/// The same lines in alphabetical order.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn every_program_prints_what_is_expected() {
    let server = serve();
    for program in PROGRAMS {
        let name = program.name;
        let scratch = std::env::temp_dir().join(format!("taipan-example-{name}-{}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        if name == "top_employees" {
            fill(&scratch);
        }
        let output = run(program, &scratch, server);
        let mut printed = String::from_utf8(output.stdout).unwrap().replace(&server.to_string(), "{server}");
        if UNORDERED.contains(&name) {
            printed = sorted(&printed);
        }
        assert_eq!(printed, expected(&format!("{name}.txt")).unwrap_or_default(), "{name}");
        let logged = String::from_utf8(output.stderr).unwrap();
        assert_eq!(logged, expected(&format!("{name}.err.txt")).unwrap_or_default(), "{name}");
        let written = fs::read_to_string(scratch.join("out")).unwrap_or_default();
        match PICTURES.iter().find(|(picture, _)| *picture == name) {
            Some((_, texts)) => {
                assert!(written.contains("<svg"), "{name}");
                for text in *texts {
                    assert!(written.contains(text), "{name}: {text}");
                }
            }
            None => assert_eq!(written, expected(&format!("{name}.out.txt")).unwrap_or_default(), "{name}"),
        }
        fs::remove_dir_all(scratch).unwrap();
    }
}

#[test]
fn a_level_below_warning_is_quiet_as_in_python() {
    let quiet = program("logging_level", &[], 4);
    let output = run(&quiet, folder(), SocketAddr::from(([127, 0, 0, 1], 1)));
    assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
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
