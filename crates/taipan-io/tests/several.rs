//! A directory or a pattern is its files, one behind the other.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use taipan_io::{BatchWriter, Condition, Conversion, ErrorKind, Filter, Input, OnError, Output, ReadOptions, profile};

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// Rows as NDJSON, whatever has to be widened on the way.
fn rows(path: &Path, options: &ReadOptions) -> taipan_io::Result<String> {
    let input = Input::open(path, options)?.settled(None)?;
    let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), input.schema());
    for batch in input.batches(None)? {
        writer.write(&batch?)?;
    }
    Ok(String::from_utf8(writer.finish()?).unwrap())
}

fn converted(path: PathBuf, target: &Path) -> taipan_io::Result<String> {
    Conversion::new(Output::Csv).to_file(&Input::open(path, &ReadOptions::default())?, target)?;
    Ok(fs::read_to_string(target).unwrap())
}

#[test]
fn files_are_read_in_order_as_one() {
    let folder = folder(&[("b.csv", "a;b\n3;x\n"), ("a.csv", "a,b\n1,y\n2,\n"), ("c.txt", "no data")]);
    let expected = "{\"a\":1,\"b\":\"y\"}\n{\"a\":2,\"b\":null}\n{\"a\":3,\"b\":\"x\"}\n";
    let options = ReadOptions::default();
    for path in [folder.path().to_owned(), folder.path().join("*.csv"), folder.path().join("[ab].csv")] {
        assert_eq!(rows(&path, &options).unwrap(), expected, "{}", path.display());
        let input = Input::open(&path, &options).unwrap();
        assert_eq!(input.path(), path);
        assert_eq!(input.sampled_rows(), (2, false));
        assert_eq!(profile(&input).unwrap().rows, 3);
        assert_eq!(converted(path, &folder.path().join("out.ndjson")).unwrap(), "a,b\n1,y\n2,\n3,x\n");
        fs::remove_file(folder.path().join("out.ndjson")).unwrap();
    }
}

#[test]
fn later_files_widen_types_and_add_keys() {
    let of_csv = folder(&[("1.csv", "a\n1\n"), ("2.csv", "a\n1.5\n"), ("3.csv", "a\nx\n")]);
    let target = of_csv.path().join("out");
    assert_eq!(converted(of_csv.path().join("*.csv"), &target).unwrap(), "a\n1\n1.5\nx\n");
    let of_json = folder(&[("1.json", "[{\"a\":1}]"), ("2.json", "{\"a\":2,\"b\":true}\n{\"a\":3}\n")]);
    let expected = "{\"a\":1,\"b\":null}\n{\"a\":2,\"b\":true}\n{\"a\":3,\"b\":null}\n";
    assert_eq!(rows(of_json.path(), &ReadOptions::default()).unwrap(), expected);
}

#[test]
fn a_file_with_other_columns_is_named() {
    let cases = [
        ("c.csv", "a,c\n1,2\n", "c.csv: this is CSV (a, c), where a.csv is CSV (a, b)"),
        ("b.json", "[{\"a\":1}]", "b.json: this is JSON, where a.csv is CSV (a, b)"),
        ("b.csv", "", "b.csv: the file is empty"),
    ];
    for (name, content, expected) in cases {
        let folder = folder(&[("a.csv", "a,b\n1,2\n"), ("aa.csv", "a,b\n3,4\n"), (name, content)]);
        let error = rows(folder.path(), &ReadOptions::default()).unwrap_err();
        let message = error.to_string().replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(message, expected);
        assert_eq!(matches!(error.kind(), ErrorKind::Unlike(_)), !content.is_empty());
    }
}

#[test]
fn faults_and_rejects_name_their_file() {
    let folder = folder(&[("a.csv", "a,b\n1,2\n"), ("b.csv", "a,b\n3,4\n5\n6,7\n")]);
    let message = rows(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}:3: ", folder.path().join("b.csv").display())), "{message}");
    let options = ReadOptions::default().on_error(OnError::Reject);
    let input = Input::open(folder.path(), &options).unwrap();
    let mut out = Vec::new();
    let mut rejects = Vec::new();
    let filter = Filter::new(input, &Condition::parse("a > 1").unwrap()).unwrap();
    let done = filter
        .run(&mut out, |bad| {
            rejects.extend_from_slice(bad);
            Ok(())
        })
        .unwrap();
    assert_eq!((done.records, done.kept, done.rejected), (3, 2, 1));
    assert_eq!(String::from_utf8(out).unwrap(), "a,b\n3,4\n6,7\n");
    assert_eq!((rejects[0].source.ends_with("b.csv"), rejects[0].line), (true, 3));
}

#[test]
fn many_blocks_of_many_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    for file in 0..20 {
        let lines: Vec<String> = (0..file * 50).map(|row| format!("{{\"n\":{}}}\n", file * 1000 + row)).collect();
        expected.extend(lines.iter().map(String::as_str));
        fs::write(folder.path().join(format!("{file:02}.ndjson")), "{\"n\":-1}\n".to_owned() + &lines.concat())
            .unwrap();
    }
    let options = ReadOptions::default().block_bytes(100).sample_bytes(50);
    let all = rows(folder.path(), &options).unwrap();
    assert_eq!(all.matches("{\"n\":-1}\n").count(), 20);
    assert_eq!(all.replace("{\"n\":-1}\n", ""), expected);
}

#[test]
fn what_stands_for_no_file() {
    let folder = folder(&[("notes.txt", "x")]);
    let message = |name: &str| {
        let path = folder.path().join(name);
        let message = Input::open(&path, &ReadOptions::default()).unwrap_err().to_string();
        message.replace(&path.display().to_string(), "PATH")
    };
    assert_eq!(message("*.csv"), "PATH: no such file");
    assert!(message("").starts_with("PATH: no data files"), "{}", message(""));
}
