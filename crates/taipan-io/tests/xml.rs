//! Reading XML as a caller does: what columns and rows come out, what the errors say, what hostile files do.

#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a test may panic, and need not be fast")]

use std::fs;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use proptest::prelude::*;
use taipan_io::{BatchWriter, ErrorKind, Format, Input, OnError, Output, ReadOptions, Reject, Result};
use tempfile::TempDir;

fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// Everything in a file and what was rejected of it, widened as often as it asks for.
fn read(path: &PathBuf, options: &ReadOptions) -> Result<(RecordBatch, Vec<Reject>)> {
    let mut input = Input::open(path, options)?;
    loop {
        let mut batches = input.batches(None)?;
        match batches.by_ref().collect::<Result<Vec<_>>>() {
            Ok(rows) => return Ok((concat_batches(input.schema(), &rows).unwrap(), batches.take_rejects())),
            Err(error) => match error.kind() {
                ErrorKind::Misfit(misfit) => input = input.widen(misfit),
                _ => return Err(error),
            },
        }
    }
}

/// The schema as `name:Type …`, then the rows as NDJSON.
fn show(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let columns: Vec<String> =
        schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type())).collect();
    let mut writer = BatchWriter::new(Output::NdJson, Vec::new(), &schema);
    writer.write(batch).unwrap();
    let rows = String::from_utf8(writer.finish().unwrap()).unwrap();
    format!("{}\n{rows}", columns.join(" ")).trim_end().to_owned()
}

/// Reads with blocks and samples of every size, which must not matter, and compares.
#[track_caller]
fn check_with(options: &ReadOptions, content: impl AsRef<[u8]>, expected: &str) {
    let (folder, path) = file("t.xml", content);
    let folder = format!("{}/", folder.path().display());
    for block in [1, 7, 64, 1 << 20] {
        let options = options.clone().block_bytes(block);
        let shown = read(&path, &options)
            .map_or_else(|error| error.to_string().replace(&folder, ""), |(batch, _)| show(&batch));
        assert_eq!(shown, expected, "with blocks of {block}");
    }
}

#[track_caller]
fn check(content: impl AsRef<[u8]>, expected: &str) {
    check_with(&ReadOptions::default(), content, expected);
}

fn utf_16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[test]
fn elements_and_attributes_become_columns() {
    check(
        "<?xml version=\"1.0\"?>\n<!-- three of them -->\n<rows kind='x'>\n\
         <row id='1'><name>Ada</name><born>1815-12-10</born><ok>true</ok><score>1</score></row>\n\
         <row id='2'><name>&lt;B&amp;C&gt; &#x1F600;</name><score>2.5</score></row>\n\
         <row id='3'><name/><born></born></row>\n</rows>\n",
        "@id:Int64 name:Utf8 born:Date32 ok:Boolean score:Float64\n\
         {\"@id\":1,\"name\":\"Ada\",\"born\":\"1815-12-10\",\"ok\":true,\"score\":1.0}\n\
         {\"@id\":2,\"name\":\"<B&C> 😀\",\"born\":null,\"ok\":null,\"score\":2.5}\n\
         {\"@id\":3,\"name\":\"\",\"born\":null,\"ok\":null,\"score\":null}",
    );
}

#[test]
fn nested_repeated_and_mixed_elements() {
    check(
        "<r><i><user><country>DE</country></user><tag>a</tag><tag>b</tag></i>\
         <i><user id='7'>x<country>FR</country> y </user><p unit='kg'>3</p></i></r>",
        "user:Struct(\"country\": Utf8, \"@id\": Int64, \"#text\": Utf8) tag:List(Utf8) \
         p:Struct(\"@unit\": Utf8, \"#text\": Int64)\n\
         {\"user\":{\"country\":\"DE\",\"@id\":null,\"#text\":null},\"tag\":[\"a\",\"b\"],\"p\":null}\n\
         {\"user\":{\"country\":\"FR\",\"@id\":7,\"#text\":\"x y\"},\"tag\":null,\"p\":{\"@unit\":\"kg\",\"#text\":3}}",
    );
}

#[test]
fn namespaces_entities_and_sections() {
    check(
        "<!DOCTYPE r [<!ENTITY co 'Smith &amp; Sons'><!ATTLIST i lang CDATA 'en'>]>\
         <r xmlns='urn:a' xmlns:d='urn:d'><i><d:by>&co;</d:by><t><![CDATA[<b>]]></t></i>\
         <i lang='de' xmlns:e='urn:e'><e:x>1</e:x></i></r>",
        "@lang:Utf8 d:by:Utf8 t:Utf8 e:x:Int64\n\
         {\"@lang\":\"en\",\"d:by\":\"Smith & Sons\",\"t\":\"<b>\",\"e:x\":null}\n\
         {\"@lang\":\"de\",\"d:by\":null,\"t\":null,\"e:x\":1}",
    );
}

#[test]
fn records_are_found_or_given() {
    let rss = "<rss><channel><title>News</title><item><title>A</title></item>\
               <item><title>B</title><item>inner</item></item></channel></rss>";
    let items = "title:Utf8 item:Utf8\n{\"title\":\"A\",\"item\":null}\n{\"title\":\"B\",\"item\":\"inner\"}";
    check(rss, items);
    for path in ["item", "channel/item", "/rss/channel/item"] {
        check_with(&ReadOptions::default().record(path).unwrap(), rss, items);
    }
    check_with(&ReadOptions::default().record("item/item").unwrap(), rss, "#text:Utf8\n{\"#text\":\"inner\"}");
    let nowhere = "t.xml:1: no element of the document is a record by the path `/item`";
    check_with(&ReadOptions::default().record("/item").unwrap(), rss, nowhere);
    check(
        "<person><name>Ada</name><born>1815</born></person>",
        "name:Utf8 born:Int64\n{\"name\":\"Ada\",\"born\":1815}",
    );
    check("<r><i>1</i><i>2</i></r>", "#text:Int64\n{\"#text\":1}\n{\"#text\":2}");
    let error = ReadOptions::default().record("a//b").unwrap_err().to_string();
    assert_eq!(error, "`a//b` is no path of elements, such as `item`, `channel/item` or `/rss/channel/item`");
}

#[test]
fn encodings() {
    let expected = "a:Utf8\n{\"a\":\"é\"}\n{\"a\":\"x\"}";
    let document = |head: &str| format!("{head}<r><i><a>é</a></i><i><a>x</a></i></r>");
    check(document(""), expected);
    check(document("\u{feff}"), expected);
    check(document("<?xml version='1.0' encoding='UTF-8'?>"), expected);
    check(utf_16(&document("")), expected);
    check(utf_16(&document("<?xml version='1.0' encoding='UTF-16'?>")), expected);
    let latin: Vec<u8> =
        document("<?xml version='1.0' encoding='ISO-8859-1'?>").chars().map(|letter| letter as u8).collect();
    check(&latin, expected);
    check(
        utf_16(&document("<?xml version='1.0' encoding='UTF-8'?>")),
        "t.xml:1:31: the document says that it is UTF-8, but it is UTF-16BE",
    );
    check(b"<r><a>\xc0\xaf</a></r>", "t.xml:1:7: invalid UTF-8");
    check(document("<?xml version='1.0' encoding='martian'?>"), "t.xml: unknown text encoding `martian`");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let rows = "<row><a>1</a></row>\n".repeat(50);
    let cases = [
        (format!("<r>\n{rows}<row><a>1</b></row>\n{rows}</r>"), "t.xml:52:10: `</b>` where `</a>` was expected"),
        (format!("<r>\n{rows}<row>&nbsp;</row>\n{rows}</r>"), "t.xml:52:6: entity `nbsp` is not declared"),
        (format!("<r>\n{rows}</x>"), "t.xml:52:1: `</x>` where `</r>` was expected"),
        (format!("<r>\n{rows}"), "t.xml:52:1: the document ends inside element `r`"),
        (format!("<r>\n{rows}<row><a>1</a></ro"), "t.xml:52:18: the document ends inside a tag"),
        (format!("<r>\n{rows}</r>\n<r/>"), "t.xml:53:1: a second root element; a document has one"),
        (format!("<r>\n{rows}<row>\u{1}</row>{rows}</r>"), "t.xml:52:6: U+0001, a character that no document may hold"),
        (format!("<r>\n{rows}<row x:a='1'/></r>"), "t.xml:52:1: prefix `x` of attribute `x:a` is not declared"),
        (String::new(), "t.xml: the file is empty"),
    ];
    for (content, expected) in cases {
        check(&content, expected);
        // Behind the sample, and in columns that nobody asks for.
        let (folder, path) = file("t.xml", &content);
        let input = Input::open(&path, &ReadOptions::default().sample_bytes(30).block_bytes(50));
        let error = input
            .and_then(|input| {
                let none: &[usize] = &[];
                input.batches(Some(none))?.find_map(Result::err).map_or(Ok(()), Err)
            })
            .unwrap_err();
        assert_eq!(error.to_string().replace(&format!("{}/", folder.path().display()), ""), expected);
    }
}

#[test]
fn late_values_widen() {
    let content = format!(
        "<r>{}<i><a>x</a><b>1</b><b>2</b><c d='1'>5</c><e/></i></r>",
        "<i><a>1</a><b>1</b><c>2</c></i>".repeat(100)
    );
    let (_folder, path) = file("t.xml", &content);
    let small = ReadOptions::default().sample_bytes(100).block_bytes(300);
    let (widened, _) = read(&path, &small).unwrap();
    let (whole, _) = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(show(&widened), show(&whole));
    let first = "a:Utf8 b:List(Int64) c:Struct(\"@d\": Int64, \"#text\": Int64) e:Utf8";
    assert!(show(&whole).starts_with(first), "{}", show(&whole));
    let settled = Input::open(&path, &small).unwrap().settled(None).unwrap();
    assert_eq!(settled.schema(), &whole.schema());
    assert_eq!(settled.format(), Format::Xml);
}

#[test]
fn bad_records_are_set_aside() {
    let content = "<r>\n<i><a>1</a></i>\n<i><a>2</b></i>\n<i><a>x</a></i>\n<i><a>3</a></i>\n</r>";
    let (_folder, path) = file("t.xml", content);
    for block in [1, 30, 1 << 20] {
        let options = ReadOptions::default().block_bytes(block).on_error(OnError::Reject);
        let options = options.column("a", arrow::datatypes::DataType::Int64);
        let (batch, rejects) = read(&path, &options).unwrap();
        assert_eq!(show(&batch), "a:Int64\n{\"a\":1}\n{\"a\":3}", "{block}");
        let rejects: Vec<_> = rejects.iter().map(|r| (r.line, r.byte, r.reason.as_str(), r.raw.as_str())).collect();
        let expected = [
            (3, 20, "`</b>` where `</a>` was expected (line 3, column 8)", "<i><a>2</b></i>"),
            (
                4,
                36,
                "`x` does not fit column `a` of integers, as the schema says (line 4, column 4)",
                "<i><a>x</a></i>",
            ),
        ];
        assert_eq!(rejects, expected, "{block}");
    }
}

#[test]
fn a_record_that_is_too_long_is_a_reject() {
    let long = format!("<i><a>{}</a></i>", "x".repeat(100_000));
    let content = format!("<r><i><a>1</a></i>{long}<i><a>2</a></i></r>");
    let (folder, path) = file("t.xml", &content);
    let options = ReadOptions::default().max_record(10_000).sample_bytes(20).block_bytes(100);
    let error = read(&path, &options).unwrap_err().to_string();
    assert!(error.ends_with("t.xml:1: a record is longer than 10000 bytes"), "{error}");
    let options = options.on_error(OnError::Reject);
    let (batch, rejects) = read(&path, &options).unwrap();
    assert_eq!(show(&batch), "a:Int64\n{\"a\":1}\n{\"a\":2}");
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].reason, "a record is longer than 10000 bytes");
    drop(folder);
}

#[test]
fn hostile_documents_end_with_an_error() {
    let lol: String = (1..10).map(|i| format!("<!ENTITY e{i} '{}'>", format!("&e{};", i - 1).repeat(10))).collect();
    let dtd = format!("<!DOCTYPE r [<!ENTITY e0 'lol'>{lol}]>");
    let message = |content: String| {
        let (_folder, path) = file("t.xml", content);
        let error = read(&path, &ReadOptions::default()).unwrap_err().to_string();
        error.rsplit_once(": ").unwrap().1.to_owned()
    };
    let ratio = "entities stand for more than 100 times the document's own text";
    assert_eq!(message(format!("{dtd}<r><i>&e9;</i><i/></r>")), ratio);
    assert_eq!(message(format!("{dtd}<r><i a='&e9;'/><i/></r>")), ratio);
    let quadratic = format!("<!DOCTYPE r [<!ENTITY e '{}'>]><r>", "x".repeat(50_000));
    assert_eq!(message(format!("{quadratic}{}</r>", "<i>&e;</i>".repeat(50_000))), ratio);
    assert_eq!(message(format!("<r><i/><i>{}", "<a>".repeat(100_000))), "nested deeper than 1024 levels");
    assert_eq!(
        message(format!("<r><i/><i>{}\0</i></r>", "x".repeat(5000))),
        "the file is binary, expected CSV, JSON or XML"
    );
    // Nothing outside is asked for.
    let (_folder, path) = file(
        "t.xml",
        "<!DOCTYPE r SYSTEM 'http://127.0.0.1:1/x.dtd' [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><r><i>&x;</i><i>1</i></r>",
    );
    let (batch, _) = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(show(&batch), "#text:Utf8\n{\"#text\":\"&x;\"}\n{\"#text\":\"1\"}");
}

fn document() -> impl Strategy<Value = (String, usize)> {
    let field = prop::sample::select(vec![
        "<a>1</a>",
        "<a>2.5</a>",
        "<a>x</a>",
        "<a/>",
        "<b c='1'/>",
        "<b>1</b>",
        "<b><d>2024-01-01</d></b>",
        "<!-- </i> -->",
        "<i>3</i>",
        "text",
        "<![CDATA[<i>]]>",
        "&amp;",
        "<n:x xmlns:n='u'>1</n:x>",
        "\n",
        "<a e='9007199254740993'>0.5</a>",
    ]);
    let record = prop::collection::vec(field, 0..5).prop_map(|fields| format!("<i>{}</i>", fields.concat()));
    let bad = prop::sample::select(vec!["<i><a></i>", "<i>&no;</i>", "<i><a b='1' b='2'/></i>", "<i></a></i>"]);
    let records = prop::collection::vec(prop_oneof![9 => record, 1 => bad.prop_map(str::to_owned)], 2..20);
    records.prop_map(|records| {
        let count = records.len();
        (format!("<r>\n{}\n</r>\n", records.join("\n")), count)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_in_are_rows_out_and_rejects((content, count) in document(), block in 1usize..300, sample in 1usize..300) {
        let (_folder, path) = file("t.xml", &content);
        let options = ReadOptions::default().record("/r/i").unwrap().on_error(OnError::Reject);
        let (whole, bad) = read(&path, &options).unwrap();
        prop_assert_eq!(whole.num_rows() + bad.len(), count, "{}", content);
        let pieces = options.clone().block_bytes(block).sample_bytes(sample);
        let (batch, rejects) = read(&path, &pieces).unwrap();
        prop_assert_eq!(&rejects, &bad, "{}", content);
        prop_assert_eq!(batch.num_rows(), whole.num_rows());
        let input = Input::open(&path, &pieces).unwrap();
        let settled = input.settled(None).unwrap();
        let rows: usize = settled.batches(None).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        prop_assert_eq!(rows, whole.num_rows());
    }
}

#[test]
fn records_found_in_the_beginning_are_those_of_the_whole() {
    let tags = "<tag>1</tag>".repeat(20);
    let rows = "<row><a>1</a></row>".repeat(200);
    let document = format!("<r><meta>{tags}</meta>{rows}</r>");
    let small = ReadOptions::default().sample_bytes(200);
    let expected = "t.xml:1: the records were taken to be `r/meta/tag`, as in the beginning of the document, but in all of it they \
are `r/row`: say which with `--record`";
    check_with(&small, &document, expected);
    // What was seen whole, or said, is no guess; and whole groups of records lose none.
    let (_folder, path) = file("t.xml", &document);
    assert_eq!(read(&path, &ReadOptions::default()).unwrap().0.num_rows(), 200);
    assert_eq!(read(&path, &small.clone().record("row").unwrap()).unwrap().0.num_rows(), 200);
    let groups = format!("<r>{}</r>", format!("<group>{}</group>", "<row><a>1</a></row>".repeat(50)).repeat(3));
    let (_folder, path) = file("t.xml", &groups);
    assert_eq!(read(&path, &small).unwrap().0.num_rows(), 150);
}

#[test]
fn a_path_that_leads_nowhere_is_told() {
    let document = "<r><list><row><a>1</a></row></list><none/></r>";
    let at = |path: &str| ReadOptions::default().record(path).unwrap();
    let nowhere = |path: &str| format!("t.xml:1: no element of the document is a record by the path `{path}`");
    check_with(&at("nope"), document, &nowhere("nope"));
    check_with(&at("nope/row"), document, &nowhere("nope/row"));
    check_with(&at("/r/row/a"), document, &nowhere("/r/row/a"));
    // The list is there, and has no such record.
    check_with(&at("none/row"), document, "");
    check_with(&at("list/row"), document, "a:Int64\n{\"a\":1}");
}

#[test]
fn times_keep_their_zone() {
    check(
        "<r><i at='2024-01-01T10:00:00Z'/><i at='2024-01-01T10:00:00+02:00'/></r>",
        "@at:Timestamp(µs, \"UTC\")\n{\"@at\":\"2024-01-01T10:00:00Z\"}\n{\"@at\":\"2024-01-01T08:00:00Z\"}",
    );
    check(
        "<r><i at='2024-01-01T10:00:00Z'/><i at='2024-01-01T10:00:00'/></r>",
        "@at:Utf8\n{\"@at\":\"2024-01-01T10:00:00Z\"}\n{\"@at\":\"2024-01-01T10:00:00\"}",
    );
}
