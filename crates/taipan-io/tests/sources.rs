//! Where bytes come from: compressed files, other encodings, streams that can be read only once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use taipan_io::{BatchWriter, ErrorKind, Input, Output, ReadOptions, Result};

/// The rows as NDJSON.
fn rows(input: &Input) -> Result<String> {
    let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), input.schema());
    for batch in input.batches(None)? {
        writer.write(&batch?)?;
    }
    Ok(String::from_utf8(writer.finish()?).unwrap())
}

fn read(name: &str, content: &[u8], options: &ReadOptions) -> Result<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let of_file = Input::open(&path, options).and_then(|input| rows(&input));
    let of_stream = Input::from_reader(name, Cursor::new(content.to_vec()), options).and_then(|input| rows(&input));
    let shown = |read: &Result<String>| match read {
        Ok(rows) => rows.clone(),
        Err(error) => error.to_string().replace(&format!("{}/", folder.path().display()), ""),
    };
    assert_eq!(shown(&of_file), shown(&of_stream), "{name} as a file and as a stream");
    of_stream
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn content_tells_compression_and_encoding() {
    let text = "name,n\nMüller,1\n東京,2\n";
    let expected = "{\"name\":\"Müller\",\"n\":1}\n{\"name\":\"東京\",\"n\":2}\n";
    let (head, tail) = text.split_at(10);
    let (head, tail) = (head.as_bytes(), tail.as_bytes());
    let cases: [(&str, Vec<u8>); 13] = [
        ("t.csv.gz", gzip(text.as_bytes())),
        // The name is not asked.
        ("t.csv", gzip(text.as_bytes())),
        ("t.gz", text.into()),
        ("t.csv.gz", [gzip(head), gzip(b""), gzip(tail)].concat()),
        ("t.csv.zst", [zstd::encode_all(head, 1).unwrap(), zstd::encode_all(tail, 1).unwrap()].concat()),
        ("t.csv.bz2", [bzip2(head), bzip2(tail)].concat()),
        ("t.csv.xz", [liblzma::encode_all(head, 1).unwrap(), liblzma::encode_all(tail, 1).unwrap()].concat()),
        ("t.csv.gz", gzip(&gzip(text.as_bytes()))),
        ("t.csv", utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
        ("t.csv", utf_16(text, u16::to_be_bytes)),
        ("t.csv", utf_16(text, u16::to_le_bytes)),
        ("t", gzip(&utf_16(text, u16::to_le_bytes))),
        ("t.csv", format!("\u{feff}{text}").into()),
    ];
    for (name, content) in cases {
        for block in [1, 1 << 20] {
            let options = ReadOptions::default().block_bytes(block);
            assert_eq!(read(name, &content, &options).unwrap(), expected, "{name}");
        }
    }
    let tabs = gzip(b"a\tb\n1\tx, y; z\n");
    assert_eq!(read("t.tsv.gz", &tabs, &ReadOptions::default()).unwrap(), "{\"a\":1,\"b\":\"x, y; z\"}\n");
    let json = utf_16("[{\"a\":\"ü\"}]", u16::to_be_bytes);
    assert_eq!(read("t.json", &json, &ReadOptions::default()).unwrap(), "{\"a\":\"ü\"}\n");
}

#[test]
fn western_letters_are_guessed_or_given() {
    let latin1 = b"name,price\nM\xfcller,1\nCaf\xe9,2\n";
    let expected = "{\"name\":\"Müller\",\"price\":1}\n{\"name\":\"Café\",\"price\":2}\n";
    let options = ReadOptions::default();
    assert_eq!(read("t.csv", latin1, &options).unwrap(), expected);
    assert_eq!(read("t.csv", latin1, &options.clone().encoding("latin1")).unwrap(), expected);
    assert_eq!(
        read("t.csv", latin1, &options.clone().encoding("iso-8859-2")).unwrap(),
        expected,
        "these letters stand in both"
    );
    assert_eq!(
        read("t.csv", latin1, &options.clone().encoding("utf-8")).unwrap_err().to_string(),
        "t.csv:2:2: invalid UTF-8"
    );
    assert_eq!(
        read("t.csv", b"a\n1\n", &options.clone().encoding("nope")).unwrap_err().to_string(),
        "t.csv: unknown text encoding `nope`"
    );
    // JSON is UTF-8 or it is invalid.
    assert_eq!(read("t.json", b"{\"a\":\"\xfc\"}", &options).unwrap_err().to_string(), "t.json:1:7: invalid UTF-8");
    // One fault among letters that are UTF-8 is a fault.
    let mixed = b"name\nM\xc3\xbcller\nM\xfcller\n";
    assert_eq!(read("t.csv", mixed, &options).unwrap_err().to_string(), "t.csv:3:2: invalid UTF-8");
}

#[test]
fn faults_are_named_by_their_line() {
    let lone = [utf_16("a,b\n1,x\n2,", u16::to_le_bytes), vec![0x3d, 0xd8], utf_16("\n3,y\n", u16::to_le_bytes)];
    let many = format!("a\n{}", "1\n".repeat(50_000));
    let cut = gzip(many.as_bytes());
    let bomb = ReadOptions::default().max_unpacked(1000).sample_bytes(100);
    let cases: [(&str, Vec<u8>, ReadOptions, &str); 5] = [
        ("t.csv", lone.concat(), ReadOptions::default(), "t.csv:3:3: invalid UTF-16LE"),
        (
            "t.csv",
            utf_16("a\n\0\n", u16::to_le_bytes),
            ReadOptions::default(),
            "t.csv: the file is binary, expected CSV, JSON or XML",
        ),
        ("t.csv", cut[..cut.len() / 2].to_vec(), ReadOptions::default(), "the gzip data ends too soon"),
        ("t.csv", cut, bomb, "the gzip data unpacks to more than 1000 bytes: refused as a decompression bomb"),
        (
            "t.csv",
            b"\xff\xfe\0\0a\0\0\0".to_vec(),
            ReadOptions::default(),
            "t.csv: the file is UTF-32 text, expected CSV, JSON or XML",
        ),
    ];
    for (name, content, options, expected) in cases {
        let error = read(name, &content, &options).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        if matches!(error.kind(), ErrorKind::Compression(_)) {
            assert!(error.place().unwrap().line.is_some());
        }
    }
}

#[test]
fn streams_are_read_again_unless_said_otherwise() {
    let content = format!("a,b\n{}0.5,z\n", "1,x\n".repeat(20_000));
    let stream = || Cursor::new(content.clone());
    let options = ReadOptions::default().sample_bytes(100).block_bytes(5000);
    let open = || Input::from_reader("t.csv", stream(), &options).unwrap();

    let input = open();
    assert_eq!(input.len_bytes(), None);
    let error = rows(&input).unwrap_err();
    let ErrorKind::Misfit(misfit) = error.kind() else { panic!("{error}") };
    assert_eq!(rows(&input.widen(misfit)).unwrap().lines().count(), 20_001);
    assert_eq!(rows(&input.settled(None).unwrap()).unwrap().lines().count(), 20_001);

    let once = open().settled(None).unwrap().read_once();
    assert_eq!(rows(&once).unwrap().lines().count(), 20_001);
    let error = rows(&once.clone()).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (&ErrorKind::ReadOnce, "t.csv: can be read only once"));
}

#[cfg(unix)]
#[test]
fn pipes_are_streams() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let name = pipe.clone();
    let writer = std::thread::spawn(move || fs::write(name, gzip(b"a\n1\n2\n")).unwrap());
    let input = Input::open(&pipe, &ReadOptions::default()).unwrap();
    assert_eq!(rows(&input).unwrap(), rows(&input).unwrap());
    assert_eq!(rows(&input).unwrap(), "{\"a\":1}\n{\"a\":2}\n");
    writer.join().unwrap();
    let error = Input::open(Path::new("/dev/zero"), &ReadOptions::default().sample_bytes(10)).unwrap_err();
    assert_eq!(error.to_string(), "/dev/zero: the file is binary, expected CSV, JSON or XML");
}

#[test]
fn a_broken_stream_is_no_short_one() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let content = format!("a\n{}", "1\n".repeat(1_000_000));
    let stream = Cursor::new(content).chain(Broken);
    let input = Input::from_reader("t.csv", stream, &ReadOptions::default().sample_bytes(1000)).unwrap();
    for _ in 0..2 {
        assert_eq!(rows(&input).unwrap_err().to_string(), "t.csv: connection reset");
    }
}

#[test]
fn records_are_as_long_as_allowed() {
    let long = format!("a,b\n1,x\n2,{}\n3,y\n", "z".repeat(5000));
    let options = ReadOptions::default().max_record(1000).block_bytes(300).sample_bytes(10);
    assert_eq!(
        read("t.csv", long.as_bytes(), &options).unwrap_err().to_string(),
        "t.csv:3: a record is longer than 1000 bytes"
    );
    assert_eq!(read("t.csv", long.as_bytes(), &options.max_record(6000)).unwrap().lines().count(), 3);
}

#[test]
fn packed_columns_are_read_from_a_stream_that_is_not_kept() {
    let source =
        Input::from_reader("t.csv", Cursor::new(b"a,b\n1,x\n2,y\n".to_vec()), &ReadOptions::default()).unwrap();
    let mut writer = BatchWriter::new(Output::Arrow, Vec::new(), source.schema());
    for batch in source.batches(None).unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    let packed = gzip(&writer.finish().unwrap());
    let input = Input::from_reader("-", Cursor::new(packed), &ReadOptions::default()).unwrap().read_once();
    assert_eq!(rows(&input).unwrap(), "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n");
}

#[test]
fn letters_of_western_encodings_alone_and_signs() {
    let latin = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let cases = [
        ("name,n\nÉ,1\n", "{\"name\":\"É\",\"n\":1}\n"),
        ("sum,n\n£5,1\n20°,2\n", "{\"sum\":\"£5\",\"n\":1}\n{\"sum\":\"20°\",\"n\":2}\n"),
        ("text\nil est à la maison\n", "{\"text\":\"il est à la maison\"}\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(read("t.csv", &latin(text), &ReadOptions::default()).unwrap(), expected);
    }
    // A byte order mark knows better than whoever names an encoding.
    let marked = format!("\u{feff}{}", "a\né\n");
    let latin1 = ReadOptions::default().encoding("latin1");
    assert_eq!(read("t.csv", marked.as_bytes(), &latin1).unwrap(), "{\"a\":\"é\"}\n");
    let plain16 = ReadOptions::default().encoding("utf-16");
    let big = utf_16("\u{feff}a\né\n", u16::to_be_bytes);
    assert_eq!(read("t.csv", &big, &plain16).unwrap(), "{\"a\":\"é\"}\n");
    // Behind the sample nothing is guessed any more, but said.
    let late = [b"a\n".repeat(200), latin("é\n")].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, late).unwrap();
    let error =
        Input::open(&path, &ReadOptions::default().sample_bytes(50)).and_then(|input| rows(&input)).unwrap_err();
    assert!(error.to_string().ends_with("t.csv:201:1: invalid UTF-8"), "{error}");
    assert_eq!(error.hint(), Some("say what the text is in with `--encoding`, such as `--encoding latin1`"));
}
