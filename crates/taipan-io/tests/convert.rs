//! Files converted: from every format to every other, rejects beside them, whole or not at all.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::format_collect,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "short and slow is fine here"
)]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use arrow::array::{Int64Builder, MapBuilder, RecordBatch, StringBuilder};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use proptest::prelude::*;
use taipan_io::{BatchWriter, Conversion, ErrorKind, Input, OnError, Output, ReadOptions, Result};

const OUTPUTS: [(Output, &str); 8] = [
    (Output::Csv, "csv"),
    (Output::Tsv, "tsv"),
    (Output::Csv, "csv.gz"),
    (Output::NdJson, "ndjson.zst"),
    (Output::Json, "json"),
    (Output::NdJson, "ndjson"),
    (Output::Parquet, "parquet"),
    (Output::Arrow, "arrow"),
];

fn rows(path: &Path) -> RecordBatch {
    let input = Input::open(path, &ReadOptions::default()).unwrap().settled(None).unwrap();
    let batches: Vec<_> = input.batches(None).unwrap().map(Result::unwrap).collect();
    concat_batches(input.schema(), &batches).unwrap()
}

fn text(table: &RecordBatch) -> String {
    let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), &table.schema());
    writer.write(table).unwrap();
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn from_every_format_to_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.csv");
    let lines: String =
        (0..3000).map(|i| format!("{i},\"n, {}\",{}.5,2024-01-01,{}\n", i % 7, i, i % 2 == 0)).collect();
    fs::write(&first, format!("id,name,price,day,open\n{lines}")).unwrap();
    let expected = rows(&first);
    for (output, extension) in OUTPUTS {
        let from = folder.path().join(format!("from.{extension}"));
        let converted =
            Conversion::new(output).to_file(&Input::open(&first, &ReadOptions::default()).unwrap(), &from).unwrap();
        assert_eq!((converted.rows, converted.rejects), (3000, 0));
        for (output, extension) in OUTPUTS {
            let to = folder.path().join(format!("to.{extension}"));
            let options = ReadOptions::default().sample_bytes(1000).block_bytes(5000);
            Conversion::new(output).to_file(&Input::open(&from, &options).unwrap(), &to).unwrap();
            let found = rows(&to);
            // JSON has no dates: they have become text, which reads the same.
            assert_eq!(text(&found), text(&expected), "{} to {extension}", from.display());
            if !from.to_string_lossy().contains("json") && !extension.contains("json") {
                assert_eq!(found, expected, "{} to {extension}", from.display());
            }
            let mut bytes = Vec::new();
            Conversion::new(output).to_writer(&Input::open(&from, &options).unwrap(), &mut bytes).unwrap();
            let packed = extension.contains('.');
            assert!(packed || output == Output::Parquet || bytes == fs::read(&to).unwrap(), "the same as the file");
        }
    }
}

#[test]
fn late_values_widen_and_bad_ones_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let content = format!("a,b\n{}x,2\n3\n0.5,9\n", "1,2\n".repeat(1000));
    for (output, extension) in OUTPUTS {
        let target = folder.path().join(format!("out.{extension}"));
        let options = ReadOptions::default().on_error(OnError::Reject).sample_bytes(100).block_bytes(700);
        let open = |options: &ReadOptions| Input::from_reader("in.csv", Cursor::new(content.clone()), options).unwrap();
        let converted = Conversion::new(output).to_file(&open(&options), &target).unwrap();
        assert_eq!((converted.rows, converted.rejects), (1002, 1));
        assert_eq!(rows(&target).num_rows(), 1002);
        let rejects = folder.path().join(format!("out.{extension}.rejects.ndjson"));
        let line =
            "{\"source\":\"in.csv\",\"line\":1003,\"byte\":4008,\"reason\":\"1 field, expected 2\",\"raw\":\"3\"}\n";
        assert_eq!(fs::read_to_string(&rejects).unwrap(), line);

        let given = options.clone().column("a", DataType::Int64);
        let converted = Conversion::new(output).rejects(&rejects).to_file(&open(&given), &target).unwrap();
        assert_eq!((converted.rows, converted.rejects), (1000, 3));
        assert_eq!(fs::read_to_string(&rejects).unwrap().lines().count(), 3);

        // What stood there before stays when it fails.
        let before = fs::read(&target).unwrap();
        for options in [given.max_rejects(2), ReadOptions::default().sample_bytes(100).block_bytes(700)] {
            let error = Conversion::new(output).to_file(&open(&options), &target).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::TooManyRejects { .. } | ErrorKind::Ragged { .. }), "{error}");
            assert_eq!(fs::read(&target).unwrap(), before);
            assert_eq!(fs::read_to_string(&rejects).unwrap().lines().count(), 3);
        }
    }
    assert!(names(folder.path()).iter().all(|name| !name.ends_with(".part")), "{:?}", names(folder.path()));
}

#[test]
fn rows_without_data() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [(Output::Csv, "a,b\n"), (Output::Json, "[]\n"), (Output::NdJson, "")];
    for (output, expected) in cases {
        let target = folder.path().join("out");
        let input = Input::from_reader("in.csv", Cursor::new("a,b\n"), &ReadOptions::default()).unwrap();
        Conversion::new(output).to_file(&input, &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn the_same_output_whatever_the_threads_and_blocks(
        cells in prop::collection::vec("[a-z0-9\",.\n=-]{0,9}", 1..120),
        block in 1usize..400,
        sample in 1usize..400,
        threads in 1usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let quoted: String = cells.iter().map(|cell| format!("1,\"{}\"\n", cell.replace('"', "\"\""))).collect();
        let content = format!("n,text\n{quoted}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let convert = |output: Output, options: &ReadOptions| {
            let target = folder.path().join("out");
            let options = options.clone().header(true).delimiter(b',').quote(b'"').escape(None).comment(None).skip_lines(0);
            // A type that the sample leaves open is text, so it is given.
            let input = Input::from_reader("in.csv", Cursor::new(content.clone()), &options.column("text", DataType::Utf8)).unwrap();
            let converted = pool.install(|| Conversion::new(output).to_file(&input, &target)).unwrap();
            assert_eq!(converted.rows, cells.len() as u64);
            (fs::read(&target).unwrap(), rows(&target))
        };
        for output in [Output::Csv, Output::Json, Output::NdJson] {
            let whole = convert(output, &ReadOptions::default()).0;
            let parts = convert(output, &ReadOptions::default().block_bytes(block).sample_bytes(sample)).0;
            prop_assert_eq!(String::from_utf8(whole), String::from_utf8(parts));
        }
    }
}

/// What the child of [`killed_at_any_moment_nothing_is_left`] does: convert a file over and over.
#[test]
#[ignore = "long"]
fn child() {
    let Some(folder) = std::env::var_os("TAIPAN_CONVERT_FOLDER") else { return };
    let folder = PathBuf::from(folder);
    let input = Input::open(folder.join("in.csv"), &ReadOptions::default().on_error(OnError::Reject)).unwrap();
    for (output, extension) in OUTPUTS.into_iter().cycle() {
        let target = folder.join(format!("out.{extension}"));
        let _ = fs::remove_file(&target);
        Conversion::new(output).to_file(&input, &target).unwrap();
    }
}

#[test]
#[ignore = "long"]
fn killed_at_any_moment_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let count = 60_000;
    let text: String = (0..count)
        .map(|i| format!("{i},name {i},{}.25\n{}", i * 3, if i % 1000 == 7 { "bad\n" } else { "" }))
        .collect();
    fs::write(folder.path().join("in.csv"), format!("id,name,price\n{text}")).unwrap();
    let mut seen = 0;
    for round in 0..200u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored"])
            .env("TAIPAN_CONVERT_FOLDER", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + round * 7919 % 700));
        // In turn with and without mercy. What Ctrl-C sends would be ignored where the tests run in the background.
        let signal = if round % 2 == 0 { "-KILL" } else { "-TERM" };
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap();
        for (_, extension) in OUTPUTS {
            let target = folder.path().join(format!("out.{extension}"));
            if target.exists() {
                seen += 1;
                assert_eq!(rows(&target).num_rows(), count, "round {round}: {extension}");
            }
        }
        for name in names(folder.path()).iter().filter(|name| name.ends_with(".part")) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    assert!(seen > 0, "no conversion ever came to its end");
}

/// Needs the right to mount a small file system; without it there is nothing to test.
#[test]
#[ignore = "long"]
fn a_full_disk_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let text: String = (0..200_000).map(|i| format!("{},name {i},{}.25\n", i * 7919 % 100_003, i * 3)).collect();
    let source = folder.path().join("in.csv");
    fs::write(&source, format!("id,name,price\n{text}")).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&disk).stderr(Stdio::null()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    }
    let input = Input::open(&source, &ReadOptions::default()).unwrap();
    let ends: Vec<_> = OUTPUTS
        .into_iter()
        .map(|(output, extension)| {
            let target = disk.join(format!("out.{extension}"));
            let error = Conversion::new(output).to_file(&input, &target).unwrap_err();
            (target, error.to_string(), names(&disk))
        })
        .collect();
    assert!(Command::new("umount").arg(&disk).status().unwrap().success());
    for (target, message, left) in ends {
        assert_eq!(message, format!("{}: no space left on device", target.display()));
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn names_say_how_files_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("t.csv");
    fs::write(&source, "a,b\n1,\"x\ty\"\n2,\"p,q\"\n").unwrap();
    let input = Input::open(&source, &ReadOptions::default()).unwrap();
    let to = |name: &str| {
        let path = folder.path().join(name);
        let output = Output::of_path(&path).unwrap_or(Output::Csv);
        Conversion::new(output).to_file(&input, &path).map(|_| fs::read(&path).unwrap())
    };
    assert_eq!(to("t.tsv").unwrap(), b"a\tb\n1\t\"x\ty\"\n2\tp,q\n");
    let mut text = String::new();
    let packed = to("t.tsv.GZ").unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut text).unwrap();
    assert_eq!(text, "a\tb\n1\t\"x\ty\"\n2\tp,q\n");
    assert_eq!(zstd::decode_all(to("t.json.zst").unwrap().as_slice()).unwrap(), to("t.json").unwrap());
    let error = to("t.csv.xz").unwrap_err().to_string();
    assert!(error.ends_with("`.xz` is read but not written: compressed files end in .gz or .zst"), "{error}");
    assert_eq!(Output::of_path(Path::new("t.parquet.gz")), None);
    assert!(!folder.path().join("t.csv.xz").exists());
}

#[test]
fn maps_are_objects() {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    builder.keys().append_value("k \"1\"");
    builder.values().append_value(1);
    builder.keys().append_value("l");
    builder.values().append_null();
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    let map: arrow::array::ArrayRef = std::sync::Arc::new(builder.finish());
    let mut numbers = MapBuilder::new(None, Int64Builder::new(), Int64Builder::new());
    numbers.keys().append_value(7);
    numbers.values().append_value(8);
    numbers.append(true).unwrap();
    numbers.append(true).unwrap();
    let numbers: arrow::array::ArrayRef = std::sync::Arc::new(numbers.finish());
    let table = RecordBatch::try_from_iter_with_nullable([("m", map, true), ("n", numbers, true)]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let mut writer = BatchWriter::new(Output::Parquet, fs::File::create(&path).unwrap(), &table.schema());
    writer.write(&table).unwrap();
    writer.finish().unwrap();
    let expected = "{\"m\":{\"k \\\"1\\\"\":1,\"l\":null},\"n\":{\"7\":8}}\n{\"m\":null,\"n\":{}}\n";
    assert_eq!(text(&rows(&path)), expected);
}

#[test]
fn times_keep_their_zone() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("t.csv"), folder.path().join("out.csv"));
    // The zone of the others is not known where one has none.
    let late = format!(
        "at,or\n{}2024-01-01T10:00:00+02:00,2024-01-01T10:00:00\n",
        "2024-01-01 10:00:00Z,2024-01-01T10:00:00Z\n".repeat(50)
    );
    fs::write(&source, late).unwrap();
    let input = Input::open(&source, &ReadOptions::default().sample_bytes(200).block_bytes(100)).unwrap();
    Conversion::new(Output::Csv).to_file(&input, &target).unwrap();
    let written = fs::read_to_string(&target).unwrap();
    assert!(written.starts_with("at,or\n2024-01-01T10:00:00Z,2024-01-01T10:00:00Z\n"), "{written}");
    assert!(written.ends_with("2024-01-01T08:00:00Z,2024-01-01T10:00:00\n"), "{written}");
}
