//! The public suite JSONTestSuite, in the folder that `TAIPAN_JSON_SUITE` names: its `test_parsing/*.json`. What begins
//! with `y_` must be read, what begins with `n_` refused with line and column, and `i_` is up to us.
//!
//! Of the `i_` files we read numbers of any size, as text where no number holds them, and UTF-16, which we tell from
//! UTF-8. We refuse bytes that are not UTF-8, and lone surrogates,
//! which are no text either. A byte order mark is passed over, and nesting is read down to 1,024 levels.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says when it is skipped")]

use std::fs;
use std::path::Path;

use taipan_io::{Condition, ErrorKind, Filter, Input, ReadOptions, Result};

/// Files that are no JSON text but several, one after another, which is a form of files we read.
const SEQUENCES: [&str; 7] = [
    "n_array_comma_after_close.json",
    "n_object_trailing_comment.json",
    "n_object_with_trailing_garbage.json",
    "n_structure_object_followed_by_closing_object.json",
    "n_structure_object_with_trailing_garbage.json",
    "n_structure_trailing_#.json",
    "n_multidigit_number_then_00.json",
];

/// The `i_` files that are read.
const READ: [&str; 15] = [
    "i_number_double_huge_neg_exp.json",
    "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",
    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",
    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
    "i_string_UTF-16LE_with_BOM.json",
    "i_string_utf16BE_no_BOM.json",
    "i_string_utf16LE_no_BOM.json",
    "i_structure_500_nested_arrays.json",
    "i_structure_UTF-8_BOM_empty_object.json",
];

/// Reads with every column, one and none, and filters by each field.
fn read(path: &Path, options: &ReadOptions) -> Result<()> {
    let mut input = Input::open(path, options)?;
    loop {
        match input.batches(None)?.collect::<Result<Vec<_>>>() {
            Ok(_) => break,
            Err(error) => match error.kind() {
                ErrorKind::Misfit(misfit) => input = input.widen(misfit),
                _ => return Err(error),
            },
        }
    }
    Ok(())
}

/// The ways of reading, each of which must say the same.
fn verdicts(path: &Path) -> Vec<Result<()>> {
    let mut verdicts = Vec::new();
    for options in [ReadOptions::default(), ReadOptions::default().block_bytes(8).sample_bytes(1)] {
        verdicts.push(read(path, &options));
        for projection in [&[][..], &[0]] {
            let one = Input::open(path, &options).and_then(|input| {
                let projection = if input.schema().fields().is_empty() { &[] } else { projection };
                input.settled(None)?.batches(Some(projection))?.try_for_each(|batch| batch.map(|_| ()))
            });
            verdicts.push(one);
        }
        for condition in ["a IS NULL", "x IS NULL", "x.y IS NULL AND value IS NULL", "true"] {
            let condition = Condition::parse(condition).unwrap();
            let filtered = Input::open(path, &options)
                .and_then(|input| Filter::new(input, &condition)?.run(&mut Vec::new(), |_| Ok(())));
            verdicts.push(filtered.map(|_| ()));
        }
    }
    verdicts
}

/// The file alone, and as a value wherever one may stand.
fn contexts(content: &[u8]) -> Vec<Vec<u8>> {
    let within = |before: &str, after: &str| [before.as_bytes(), content, after.as_bytes()].concat();
    vec![
        content.to_vec(),
        within("[", "]"),
        within("[{\"a\":1},\n{\"a\":2,\"x\":", "},{\"a\":3}]"),
        within("{\"a\":1}\n{\"a\":2,\"x\":{\"z\":[0,", "]}}\n{\"a\":3}\n"),
    ]
}

#[test]
fn json_test_suite() {
    let Some(folder) = std::env::var_os("TAIPAN_JSON_SUITE") else {
        eprintln!("skipped: TAIPAN_JSON_SUITE names no folder with JSONTestSuite");
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("t.json");
    let (mut wrong, mut counts, mut read) = (Vec::new(), [0; 3], Vec::new());
    let mut files: Vec<_> =
        fs::read_dir(Path::new(&folder).join("test_parsing")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let content = fs::read(&file).unwrap();
        for (i, text) in contexts(&content).into_iter().enumerate() {
            fs::write(&path, text).unwrap();
            let verdicts = verdicts(&path);
            let read_all = verdicts.iter().all(Result::is_ok);
            match name.get(..2) {
                Some("y_") => {
                    counts[0] += 1;
                    let error = verdicts.into_iter().find_map(Result::err);
                    wrong.extend(error.map(|error| format!("{name} in context {i}: {error}")));
                }
                Some("n_") => {
                    counts[1] += 1;
                    // An array of nothing is an array.
                    if i == 0 && SEQUENCES.contains(&name.as_str()) || i == 1 && content.trim_ascii().is_empty() {
                        continue;
                    }
                    for (way, verdict) in verdicts.iter().enumerate() {
                        let placed = verdict.as_ref().err().is_some_and(|error| {
                            let place = error.place().filter(|place| place.line.is_some() && place.column.is_some());
                            place.is_some() || *error.kind() == ErrorKind::Empty
                        });
                        if !placed {
                            let said = verdict.as_ref().map_or_else(ToString::to_string, |()| "read".to_owned());
                            wrong.push(format!("{name} in context {i}, way {way}: {said}"));
                        }
                    }
                }
                _ => {
                    counts[2] += 1;
                    if read_all != verdicts.iter().any(Result::is_ok) {
                        wrong.push(format!("{name} in context {i}: read in some ways only"));
                    }
                    if i == 0 && read_all {
                        read.push(name.clone());
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(read, READ);
    assert!(counts[0] >= 95 && counts[1] >= 188, "{counts:?} files");
}
