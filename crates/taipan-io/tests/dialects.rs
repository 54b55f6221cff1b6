//! CSV as it really is, read without being told how: every deviation from RFC 4180 alone, and all of them combined.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use taipan_io::{BatchWriter, Input, OnError, Output, Ragged, ReadOptions, Result};

fn read(content: &[u8], options: &ReadOptions) -> Result<RecordBatch> {
    let input = Input::from_reader("t.csv", Cursor::new(content.to_vec()), options)?.settled(None)?;
    let batches = input.batches(None)?.collect::<Result<Vec<_>>>()?;
    Ok(concat_batches(input.schema(), &batches).unwrap())
}

/// The columns with their types, and the rows, as NDJSON that shows nulls apart from empty texts.
fn shown(table: &RecordBatch) -> (String, String) {
    let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), &table.schema());
    writer.write(table).unwrap();
    let rows = String::from_utf8(writer.finish().unwrap()).unwrap();
    let schema = table.schema();
    let columns: Vec<String> =
        schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type())).collect();
    (columns.join(" "), rows)
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a deviation that is there or not")]
struct Writing {
    delimiter: char,
    quote: char,
    /// Newlines in turn.
    newlines: &'static [&'static str],
    /// Quotes inside quotes are escaped, not doubled.
    escapes: bool,
    quoted_newlines: bool,
    /// What stands above the table.
    preamble: &'static str,
    comments: bool,
    header: Header,
    mark: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Header {
    Plain,
    /// A name twice, and none.
    Odd,
    Missing,
}

const ROWS: [[&str; 4]; 5] = [
    ["1", "O'Brien; said \"no\", \"yes\"", "2.5", "a"],
    ["2", "plain", "", "b|c"],
    ["-3", "tab\there, 'x'", "0.25", "NEWLINE"],
    ["4", "x \"y\" 'z', and ; so | on", "-1e3", ""],
    ["5", "ü", "7", "last"],
];

impl Writing {
    fn field(self, text: &str) -> String {
        let text = text.replace("NEWLINE", if self.quoted_newlines { "two\nlines\n\n# and more" } else { "one" });
        let special = |c: char| c == self.delimiter || c == self.quote || matches!(c, '\n' | '\r' | '"');
        if !text.contains(special) {
            return text;
        }
        let quote = self.quote.to_string();
        let inner = if self.escapes {
            text.replace(&quote, &format!("\\{quote}"))
        } else {
            text.replace(&quote, &quote.repeat(2))
        };
        format!("{quote}{inner}{quote}")
    }

    fn file(self) -> Vec<u8> {
        let mut lines: Vec<String> = self.preamble.lines().map(str::to_owned).collect();
        let delimiter = self.delimiter.to_string();
        let mut row = |cells: [&str; 4]| lines.push(cells.map(|cell| self.field(cell)).join(&delimiter));
        match self.header {
            Header::Plain => row(["id", "name", "price", "note"]),
            Header::Odd => row(["id", "name", "name", ""]),
            Header::Missing => {}
        }
        ROWS.into_iter().for_each(row);
        if self.comments {
            lines.insert(lines.len() - 1, "# the last one, \"really\"; it is".to_owned());
            lines.insert(lines.len() - 4, "#".to_owned());
        }
        let mut content = if self.mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        for (line, newline) in lines.iter().zip(self.newlines.iter().cycle()) {
            content.extend_from_slice(line.as_bytes());
            content.extend_from_slice(newline.as_bytes());
        }
        content
    }

    fn expected(self) -> (String, String) {
        let names = match self.header {
            Header::Plain => ["id", "name", "price", "note"],
            Header::Odd => ["id", "name", "name_2", "column_4"],
            Header::Missing => ["column_1", "column_2", "column_3", "column_4"],
        };
        let types = ["Int64", "Utf8", "Float64", "Utf8"];
        let columns: Vec<String> = names.iter().zip(types).map(|(name, kind)| format!("{name}:{kind}")).collect();
        let mut rows = String::new();
        for cells in ROWS {
            let values: Vec<String> = cells
                .iter()
                .zip(names)
                .zip(types)
                .map(|((cell, name), kind)| {
                    let cell =
                        cell.replace("NEWLINE", if self.quoted_newlines { "two\nlines\n\n# and more" } else { "one" });
                    let value = match (cell.as_str(), kind) {
                        ("", _) => "null".to_owned(),
                        ("7" | "-1e3", "Float64") => format!("{:?}", cell.parse::<f64>().unwrap()),
                        (_, "Utf8") => serde_json::to_string(&cell).unwrap(),
                        _ => cell,
                    };
                    format!("\"{name}\":{value}")
                })
                .collect();
            rows = [rows, format!("{{{}}}\n", values.join(","))].concat();
        }
        (columns.join(" "), rows)
    }
}

#[test]
fn every_deviation_alone_and_with_all_others() {
    let newlines: [&[&str]; 4] = [&["\n"], &["\r\n"], &["\r"], &["\n", "\r\n", "\r"]];
    let preambles = ["", "Report of 2024\n", "Report, by: me; and you\nof 2024\n\n"];
    let mut count = 0;
    for delimiter in [',', ';', '\t', '|'] {
        for quote in ['"', '\''] {
            for newlines in newlines {
                for preamble in preambles {
                    for flags in 0..16 {
                        let on = |bit: u32| flags >> bit & 1 == 1;
                        for header in [Header::Plain, Header::Odd, Header::Missing] {
                            // A title above rows without names could as well be the name of a column.
                            if header == Header::Missing && preamble.lines().count() == 1
                                || (header == Header::Odd && preamble.lines().count() == 1)
                            {
                                continue;
                            }
                            let writing = Writing {
                                delimiter,
                                quote,
                                newlines,
                                escapes: on(0),
                                quoted_newlines: on(1),
                                preamble,
                                comments: on(2),
                                header,
                                mark: on(3),
                            };
                            let content = writing.file();
                            let table = read(&content, &ReadOptions::default());
                            let text = String::from_utf8_lossy(&content);
                            let table = table.unwrap_or_else(|error| panic!("{error}: {writing:?}\n{text}"));
                            assert_eq!(shown(&table), writing.expected(), "{writing:?}\n{text}");
                            count += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(count, 4 * 2 * 4 * 16 * 7);
}

/// What is found in small files of one oddity each.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn oddities() {
    let cases = [
        // Rows that begin as notes do, of the table's own width.
        (
            "tag,n\n# one,1\n# two,2\nred,3\n",
            "tag:Utf8 n:Int64",
            "{\"tag\":\"# one\",\"n\":1}\n{\"tag\":\"# two\",\"n\":2}\n{\"tag\":\"red\",\"n\":3}\n",
        ),
        ("# id,n\n1,2\n3,4\n", "# id:Int64 n:Int64", "{\"# id\":1,\"n\":2}\n{\"# id\":3,\"n\":4}\n"),
        ("# id,n\na,x\n", "# id:Utf8 n:Utf8", "{\"# id\":\"a\",\"n\":\"x\"}\n"),
        // Where values begin so, what is no note is no comment.
        ("a,b\n#x,1\n# no row\n2,2\n", "a:Utf8 b:Int64", "{\"a\":\"#x\",\"b\":1}\n{\"a\":\"2\",\"b\":2}\n"),
        // Decimal commas are no delimiters; a list of codes is one column.
        (
            "Anna;1,5\nBob;-2,75\n",
            "column_1:Utf8 column_2:Utf8",
            "{\"column_1\":\"Anna\",\"column_2\":\"1,5\"}\n{\"column_1\":\"Bob\",\"column_2\":\"-2,75\"}\n",
        ),
        (
            "1,50\tx\n3,5\ty\n",
            "column_1:Utf8 column_2:Utf8",
            "{\"column_1\":\"1,50\",\"column_2\":\"x\"}\n{\"column_1\":\"3,5\",\"column_2\":\"y\"}\n",
        ),
        (
            "1,2,3;4\n5,6,7;8\n",
            "column_1:Int64 column_2:Int64 column_3:Utf8",
            "{\"column_1\":1,\"column_2\":2,\"column_3\":\"3;4\"}\n{\"column_1\":5,\"column_2\":6,\"column_3\":\"7;8\"}\n",
        ),
        ("a\nx;y\nz;w\n", "a:Utf8", "{\"a\":\"x;y\"}\n{\"a\":\"z;w\"}\n"),
        // A quote that is all of a field, escaped.
        ("a,b\n\"\\\"\",2\n", "a:Utf8 b:Int64", "{\"a\":\"\\\"\",\"b\":2}\n"),
        // A title as spreadsheets write it: as wide as the table.
        (
            "Report 2024;;;\n;;;\nid;name;qty;price\n1;a;2;3\n2;b;3;4\n",
            "id:Int64 name:Utf8 qty:Int64 price:Int64",
            "{\"id\":1,\"name\":\"a\",\"qty\":2,\"price\":3}\n{\"id\":2,\"name\":\"b\",\"qty\":3,\"price\":4}\n",
        ),
        (
            "name,,\nAnn,x,5\nBob,y,6\n",
            "column_1:Utf8 column_2:Utf8 column_3:Int64",
            "{\"column_1\":\"name\",\"column_2\":null,\"column_3\":null}\n{\"column_1\":\"Ann\",\"column_2\":\"x\",\"column_3\":5}\n{\"column_1\":\"Bob\",\"column_2\":\"y\",\"column_3\":6}\n",
        ),
        // Among comments, too.
        (
            "# comment\ncolor,n\nred,1\n#ff0000,2\n# more\n",
            "color:Utf8 n:Int64",
            "{\"color\":\"red\",\"n\":1}\n{\"color\":\"#ff0000\",\"n\":2}\n",
        ),
        (
            "##version=4\n##by=us\n#chrom\tpos\nx\t5\ny\t6\n",
            "#chrom:Utf8 pos:Int64",
            "{\"#chrom\":\"x\",\"pos\":5}\n{\"#chrom\":\"y\",\"pos\":6}\n",
        ),
        ("text\n# Title\nhello\n", "text:Utf8", "{\"text\":\"# Title\"}\n{\"text\":\"hello\"}\n"),
        // A note above names is none of them, though it has as many commas.
        ("# made by us, on Monday\nid,n\n1,2\n", "id:Int64 n:Int64", "{\"id\":1,\"n\":2}\n"),
        // R names its rows, but not the column of the names.
        (
            "x,y\nr1,foo,bar\nr2,foo,3\n",
            "column_1:Utf8 x:Utf8 y:Utf8",
            "{\"column_1\":\"r1\",\"x\":\"foo\",\"y\":\"bar\"}\n{\"column_1\":\"r2\",\"x\":\"foo\",\"y\":\"3\"}\n",
        ),
        (
            "\"x\",\"y\"\n\"1\",5,a\n\"2\",6,b\n",
            "column_1:Int64 x:Int64 y:Utf8",
            "{\"column_1\":1,\"x\":5,\"y\":\"a\"}\n{\"column_1\":2,\"x\":6,\"y\":\"b\"}\n",
        ),
        ("sep=;\na;b\n1;x,y\n", "a:Int64 b:Utf8", "{\"a\":1,\"b\":\"x,y\"}\n"),
        ("sep=|\r\na|b\r\n1|2\r\n", "a:Int64 b:Int64", "{\"a\":1,\"b\":2}\n"),
        ("'a','b'\n'x','1'\n", "a:Utf8 b:Int64", "{\"a\":\"x\",\"b\":1}\n"),
        // A lone quote is no mark of one.
        ("a,b\n'tis,1\nit's,2\n", "a:Utf8 b:Int64", "{\"a\":\"'tis\",\"b\":1}\n{\"a\":\"it's\",\"b\":2}\n"),
        ("a,b\n\"x\",'n'\n", "a:Utf8 b:Utf8", "{\"a\":\"x\",\"b\":\"'n'\"}\n"),
        // A backslash at the end of a path is text.
        (
            "a,b\n\"C:\\dir\\\",1\n\"D:\\\",2\n",
            "a:Utf8 b:Int64",
            "{\"a\":\"C:\\\\dir\\\\\",\"b\":1}\n{\"a\":\"D:\\\\\",\"b\":2}\n",
        ),
        // Marks of a number, not of a comment.
        (
            "#id,name\n#1,x\n#2,y\n",
            "#id:Utf8 name:Utf8",
            "{\"#id\":\"#1\",\"name\":\"x\"}\n{\"#id\":\"#2\",\"name\":\"y\"}\n",
        ),
        ("# made by us\n# on Monday\na\n1\n", "a:Int64", "{\"a\":1}\n"),
        ("a\n# one\n1\n#two,three\n2\n", "a:Int64", "{\"a\":1}\n{\"a\":2}\n"),
        ("a\rb\r", "a:Utf8", "{\"a\":\"b\"}\n"),
        ("a,b\r\n1,2\r\n\r\n3,4", "a:Int64 b:Int64", "{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n"),
        (
            "a,a,A,\n1,2,3,4\n",
            "a:Int64 a_2:Int64 A_3:Int64 column_4:Int64",
            "{\"a\":1,\"a_2\":2,\"A_3\":3,\"column_4\":4}\n",
        ),
        // Empty, empty in quotes and the word for it are three things, where a column is text.
        (
            "a,b\n,1\n\"\",\nNULL,NULL\n",
            "a:Utf8 b:Int64",
            "{\"a\":null,\"b\":1}\n{\"a\":\"\",\"b\":null}\n{\"a\":\"NULL\",\"b\":null}\n",
        ),
        (
            "n,m\n12345678901234567890,1\n0.5,9007199254740993\n2,0.5\n",
            "n:Utf8 m:Utf8",
            "{\"n\":\"12345678901234567890\",\"m\":\"1\"}\n{\"n\":\"0.5\",\"m\":\"9007199254740993\"}\n{\"n\":\"2\",\"m\":\"0.5\"}\n",
        ),
        ("zip\n00501\n10001\n", "zip:Utf8", "{\"zip\":\"00501\"}\n{\"zip\":\"10001\"}\n"),
        (
            "day\n2024-01-01\n2024-01-02 10:30\n",
            "day:Timestamp(µs)",
            "{\"day\":\"2024-01-01T00:00:00\"}\n{\"day\":\"2024-01-02T10:30:00\"}\n",
        ),
    ];
    for (content, columns, rows) in cases {
        let table = read(content.as_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!(shown(&table), (columns.to_owned(), rows.to_owned()), "{content:?}");
    }
}

/// What cannot be told is not guessed at: the row is named that does not fit.
#[test]
fn doubts_are_errors() {
    let merged = format!("a,b\n{}'tis,5\nfoo,6\n'z',7\n", "'x1',1\n".repeat(80));
    let guessed = ":82:1: a field goes on behind its closing quote, so the file's quotes, which were guessed, are others: \
                   say which with `--quote` and `--escape`";
    let cases = [
        (merged.as_str(), guessed),
        // A delimiter at the end of each row names no row.
        ("a,b\nx,2,\ny,4,\n", ":2: 3 fields, expected 2"),
        ("x,y,z\nr1,1\nr2,2\n", ":2: 2 fields, expected 3"),
        ("a,b\n1,2,3\n4,5,6\n", ":2: 3 fields, expected 2"),
        ("a\nx,y\nz,w\n", ":2: 2 fields, expected 1"),
        ("name\nSmith, John\nDoe, Jane\n", ":2: 2 fields, expected 1"),
        ("a,b\n1,2\nsum\n", ":3: 1 field, expected 2"),
    ];
    for (content, expected) in cases {
        let error = read(content.as_bytes(), &ReadOptions::default()).unwrap_err().to_string();
        assert_eq!(error, format!("t.csv{expected}"), "{content:?}");
    }
}

#[test]
fn what_is_said_stands() {
    let plain = ReadOptions::default;
    let cases: [(&str, ReadOptions, &str, &str); 11] = [
        ("a;b\n1,5;2\n", plain().delimiter(b','), "a;b", ""),
        ("a,b\n'x,y',2\n", plain().quote(b'\''), "a:Utf8 b:Int64", "{\"a\":\"x,y\",\"b\":2}\n"),
        ("'a'\n'x'\n", plain().quote(b'"'), "'a':Utf8", "{\"'a'\":\"'x'\"}\n"),
        ("a\n\"x^\"y\"\n", plain().escape(Some(b'^')), "a:Utf8", "{\"a\":\"x\\\"y\"}\n"),
        ("a\n# 1\n", plain().comment(None), "a:Utf8", "{\"a\":\"# 1\"}\n"),
        ("a\n;x\n1\n", plain().delimiter(b',').comment(Some(b';')), "a:Int64", "{\"a\":1}\n"),
        ("x\ny\na,b\np,q\n", plain().skip_lines(2), "a:Utf8 b:Utf8", "{\"a\":\"p\",\"b\":\"q\"}\n"),
        // A carriage return in a text does not make two lines of one.
        ("x\r\ny\r\na,b\r\n\"p\rp\",q\r\n", plain().skip_lines(2), "a:Utf8 b:Utf8", "{\"a\":\"p\\rp\",\"b\":\"q\"}\n"),
        (
            "a,b\n1\n2,3,\n",
            plain().ragged(Ragged::Pad).delimiter(b','),
            "a:Int64 b:Int64",
            "{\"a\":1,\"b\":null}\n{\"a\":2,\"b\":3}\n",
        ),
        ("a,b\n-,-\n1,\n", plain().nulls(["-"]), "a:Int64 b:Utf8", "{\"a\":null,\"b\":null}\n{\"a\":1,\"b\":\"\"}\n"),
        (
            "a,b\nNA,\"\"\n1,x\n",
            plain().nulls(["", "NA"]),
            "a:Int64 b:Utf8",
            "{\"a\":null,\"b\":\"\"}\n{\"a\":1,\"b\":\"x\"}\n",
        ),
    ];
    for (content, options, columns, rows) in cases {
        match read(content.as_bytes(), &options) {
            Ok(table) => assert_eq!(shown(&table), (columns.to_owned(), rows.to_owned()), "{content:?}"),
            Err(error) => assert_eq!((error.to_string().as_str(), columns), ("t.csv:2: 2 fields, expected 1", "a;b")),
        }
    }
    let message = |options: ReadOptions| read(b"a\n1\n", &options).unwrap_err().to_string();
    let instead = "expected an ASCII character but no delimiter or newline";
    assert_eq!(message(plain().quote(b',')), format!("`,` cannot be a quote: {instead}"));
    let instead = "expected an ASCII character but no quote, delimiter or newline";
    assert_eq!(message(plain().comment(Some(b'"'))), format!("`\\\"` cannot be a comment: {instead}"));
}

/// A bad row among the first ones leaves the delimiter and the names what they are, and is told or set aside.
#[test]
fn bad_rows_do_not_hide_the_dialect() {
    for delimiter in [';', '\t', '|', ','] {
        for bad in ["2", "2;b", "2;b;1;9;8", "2;\"two\nlines; 2\""] {
            for (place, rows) in [(1, 3), (2, 30), (10, 30), (40, 200)] {
                for title in ["", "A report\nof many lines\n"] {
                    if !title.is_empty() && rows < 30 {
                        continue;
                    }
                    let mut lines = vec!["id;name;qty".to_owned()];
                    lines.extend((0..rows).map(|n| format!("{n};\"n {n}\";{}", n % 5)));
                    lines.insert(place, bad.to_owned());
                    let text = lines.join("\n").replace(';', &delimiter.to_string());
                    let text = format!("{title}{text}\n");
                    let error = read(text.as_bytes(), &ReadOptions::default()).unwrap_err().to_string();
                    let line = title.lines().count() + place + 1;
                    assert!(error.starts_with(&format!("t.csv:{line}")), "{error}\n{text}");
                    let options = ReadOptions::default().on_error(OnError::Reject);
                    let table = read(text.as_bytes(), &options).unwrap();
                    assert_eq!((table.num_rows(), table.num_columns()), (rows, 3), "{text}");
                    assert_eq!(table.schema().field(2).name(), "qty");
                }
            }
        }
    }
}

#[test]
fn titles_may_be_longer_than_the_table() {
    for (above, rows) in [(5, 4), (10, 8), (25, 1000), (40, 5)] {
        let title = (0..above).fold(String::new(), |text, n| text + &format!("line {n} of a title\n"));
        let table = (0..rows).fold(String::new(), |text, n| text + &format!("{n},{}\n", n * 2));
        let read = read(format!("{title}a,b\n{table}").as_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!((read.num_rows(), read.schema().field(0).name().as_str()), (rows, "a"), "{above} {rows}");
    }
}
