//! The types that hold every value of a file: one pass over all of it, as inference makes one over the sample.
//!
//! Each column starts from the type it has, which can only become wider, and each block adds what it holds. The order
//! of the blocks matters for the order of new JSON keys alone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use crate::ahead::Ahead;
use crate::blocks::Blocks;
use crate::csv;
use crate::error::Result;
use crate::given::Given;
use crate::infer::Guess;
use crate::input::{Input, Layout};
use crate::json::{self, Members};
use crate::xml::{self, Shapes};

/// The schema of an input with the columns that `blocks` projects settled.
pub(crate) fn schema(input: &Input, blocks: Blocks) -> Result<SchemaRef> {
    let columns: BTreeSet<usize> = blocks.projection().iter().copied().collect();
    match input.layout() {
        Layout::Csv(_) => of_csv(input.schema(), blocks, &columns, input.options().given_types()),
        Layout::Json(_) => of_json(input.schema(), blocks, &columns),
        Layout::Xml(_) => of_xml(input.schema(), blocks, &columns),
        Layout::Columnar(_) => Ok(input.schema().clone()),
    }
}

fn of_csv(schema: &SchemaRef, blocks: Blocks, columns: &BTreeSet<usize>, given: &Given) -> Result<SchemaRef> {
    // Text takes whatever comes, and a type that was given stands.
    let settled = |field: &Field| *field.data_type() == DataType::Utf8 || given.is_given(field.name());
    let columns: Vec<usize> = columns.iter().copied().filter(|i| !settled(schema.field(*i))).collect();
    if columns.is_empty() {
        return Ok(schema.clone());
    }
    // Shared, so that a column that one block made text is no work for the later ones.
    let start: Vec<Guess> = schema.fields().iter().map(|field| Guess::of(field.data_type())).collect();
    let shared = Arc::new(Mutex::new(start));
    let all = shared.clone();
    let surveyed_columns = columns.clone();
    let mut surveyed = Ahead::new(blocks, move |blocks, block| {
        let mut guesses = all.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Layout::Csv(dialect) = *block.input().layout() else { return Ok(()) };
        let reading = csv::Reading { dialect, nulls: blocks.input().options().null_texts() };
        blocks
            .work(block, |bytes, _, refused| csv::survey(bytes, reading, &surveyed_columns, &mut guesses, refused))?;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().zip(guesses).for_each(|(all, one)| all.merge(one));
        Ok(())
    });
    while surveyed.next()?.is_some() {}
    let guesses = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(guesses.iter())
        .enumerate()
        .map(|(i, (field, guess))| {
            let field = field.as_ref().clone();
            if columns.contains(&i) { field.with_data_type(guess.kind().data_type()) } else { field }
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn of_json(schema: &SchemaRef, blocks: Blocks, columns: &BTreeSet<usize>) -> Result<SchemaRef> {
    let known = Members::of(schema.fields(), |i| columns.contains(&i));
    let mut all = known.clone();
    let mut surveyed = Ahead::new(blocks, move |blocks, block| {
        let survey =
            blocks.work(block, |bytes, found, refused| json::survey(bytes, &found.records, known.clone(), refused));
        survey.map(|(members, _)| members)
    });
    while let Some(members) = surveyed.next()? {
        all.merge(members);
    }
    Ok(Arc::new(merged(schema, &all.fields(), columns)))
}

fn of_xml(schema: &SchemaRef, blocks: Blocks, columns: &BTreeSet<usize>) -> Result<SchemaRef> {
    let known = Shapes::of(schema.fields(), |i| columns.contains(&i));
    let mut all = known.clone();
    let mut surveyed = Ahead::new(blocks, move |blocks, block| {
        let survey = blocks.work(block, |bytes, found, refused| xml::survey(bytes, found, known.clone(), refused));
        survey.map(|(shapes, _)| shapes)
    });
    while let Some(shapes) = surveyed.next()? {
        all.merge(&shapes);
    }
    Ok(Arc::new(merged(schema, &all.fields(), columns)))
}

/// The fields found, but for the known ones among them that were not looked at.
fn merged(schema: &Schema, found: &Fields, columns: &BTreeSet<usize>) -> Schema {
    let fields: Vec<Field> = found
        .iter()
        .enumerate()
        .map(|(i, field)| schema.fields().get(i).filter(|_| !columns.contains(&i)).unwrap_or(field).as_ref().clone())
        .collect();
    Schema::new(fields)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;
    use crate::infer::join;
    use crate::input::ReadOptions;

    /// A file in a folder that lives as long, and options that see little of it.
    fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn small() -> ReadOptions {
        ReadOptions::default().sample_bytes(100).block_bytes(700)
    }

    fn shown(input: &Input) -> String {
        let fields = input.schema().fields().iter();
        fields.map(|field| format!("{}:{}", field.name(), field.data_type())).collect::<Vec<_>>().join(" ")
    }

    fn rows(input: &Input, projection: Option<&[usize]>) -> usize {
        input.batches(projection).unwrap().map(|batch| batch.unwrap().num_rows()).sum()
    }

    #[test]
    fn late_values_of_csv_widen_what_is_projected() {
        let mut content = "a,b,c,d\n".to_owned();
        content.extend((0..3000).map(|_| "1,2024-01-01,7,\n"));
        content.push_str("0.5,2024-01-01T10:00,x,5\n9007199254740993,2024-01-01,7,\n");
        let (_folder, path) = file("t.csv", &content);
        let input = Input::open(&path, &small()).unwrap();
        assert_eq!(shown(&input), "a:Int64 b:Date32 c:Int64 d:Utf8");
        let cases: [(Option<&[usize]>, &str); 5] = [
            (None, "a:Utf8 b:Timestamp(µs) c:Utf8 d:Utf8"),
            (Some(&[1]), "a:Int64 b:Timestamp(µs) c:Int64 d:Utf8"),
            (Some(&[2, 1, 2]), "a:Int64 b:Timestamp(µs) c:Utf8 d:Utf8"),
            (Some(&[3]), "a:Int64 b:Date32 c:Int64 d:Utf8"),
            (Some(&[]), "a:Int64 b:Date32 c:Int64 d:Utf8"),
        ];
        for (projection, expected) in cases {
            let settled = input.settled(projection).unwrap();
            assert_eq!(shown(&settled), expected, "{projection:?}");
            assert_eq!(rows(&settled, projection), 3002);
        }
        assert_eq!(shown(&Input::open(&path, &small()).unwrap().settled(None).unwrap()), cases[0].1);
    }

    #[test]
    fn a_type_widened_before_stays_as_wide() {
        let content = format!("a\n{}9007199254740993\n", "1\n".repeat(500));
        let (_folder, path) = file("t.csv", &content);
        let input = Input::open(&path, &small()).unwrap();
        let misfit = |to| crate::Misfit { column: "a".into(), value: String::new(), from: DataType::Int64, to };
        assert_eq!(shown(&input.settled(None).unwrap()), "a:Int64");
        // Among floats the late integer would be rounded.
        assert_eq!(shown(&input.widen(&misfit(DataType::Float64)).settled(None).unwrap()), "a:Utf8");
    }

    #[test]
    fn late_keys_of_json_become_columns_in_order() {
        let mut content = String::new();
        content.extend((0..300).map(|i| format!("{{\"a\":{i},\"o\":{{\"x\":1}},\"l\":[1]}}\n")));
        content.extend((0..1000).map(|i| format!("{{\"k{i}\":{i}}}\n")));
        content.push_str("{\"l\":[0.5,null],\"o\":{\"y\":[true],\"x\":2.5},\"a\":\"x\",\"k0\":null}\n");
        let (_folder, path) = file("t.ndjson", &content);
        let input = Input::open(&path, &small()).unwrap();
        let keys: String = (0..1000).map(|i| format!(" k{i}:Int64")).collect::<Vec<_>>().concat();
        let settled = input.settled(None).unwrap();
        let first = "a:Utf8 o:Struct(\"x\": Float64, \"y\": List(Boolean)) l:List(Float64)";
        assert_eq!(shown(&settled), format!("{first}{keys}"));
        assert_eq!(rows(&settled, None), 1301);
        let settled = input.settled(Some(&[2])).unwrap();
        assert_eq!(shown(&settled), format!("a:Int64 o:Struct(\"x\": Int64) l:List(Float64){keys}"));
        assert_eq!(rows(&settled, Some(&[2])), 1301);
    }

    #[test]
    fn a_fault_on_the_way_is_the_error_it_is_elsewhere() {
        let csv = format!("a,b\n{}1,2,3\n{}", "1,2\n".repeat(2000), "x\n".repeat(2000));
        let json = format!("{}{{\"a\":1,}}\n{{\"b\"\n", "{\"a\":1}\n".repeat(2000));
        let cases = [
            ("t.csv", csv, ":2002: 3 fields, expected 2"),
            ("t.json", json, ":2001:8: trailing comma before `}` or `]`"),
        ];
        for (name, content, expected) in cases {
            let (_folder, path) = file(name, &content);
            let input = Input::open(&path, &small()).unwrap();
            let error = input.settled(None).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
            assert_eq!(input.batches(None).unwrap().find_map(Result::err).unwrap().to_string(), error);
            let error = input.settled(Some(&[9])).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::InvalidOption(_)), "{error}");
        }
    }

    #[test]
    fn what_was_wholly_sampled_or_is_text_is_not_read_again() {
        let (_folder, path) = file("t.csv", &format!("a,b\n{}", "1,x\n".repeat(600_000)));
        let whole = Input::open(&path, &ReadOptions::default()).unwrap();
        let part = Input::open(&path, &small()).unwrap();
        // Reading would now meet a row of another width.
        fs::write(&path, format!("a,b\n{}", "1,x,\n".repeat(600_000))).unwrap();
        assert_eq!(shown(&whole.settled(None).unwrap()), "a:Int64 b:Utf8");
        assert_eq!(shown(&part.settled(Some(&[1])).unwrap()), "a:Int64 b:Utf8");
        assert!(part.settled(None).is_err());
    }

    #[test]
    fn a_file_cut_short_is_told() {
        let (_folder, path) = file("t.csv", &format!("a,b\n{}", "1,x\n".repeat(600_000)));
        let input = Input::open(&path, &small()).unwrap();
        let mut started = input.batches(None).unwrap();
        assert!(started.next().unwrap().is_ok());
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1_200_000).unwrap();
        let expected = format!("{}: the file changed while it was read", path.display());
        assert_eq!(started.find_map(Result::err).unwrap().to_string(), expected);
        assert_eq!(input.batches(None).unwrap_err().to_string(), expected);
        let error = input.settled(None).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (&ErrorKind::Io, expected));
    }

    #[test]
    fn threads_of_the_pool_settle_too() {
        let (_folder, path) = file("t.csv", &format!("a,b\n{}0.5,1\n", "1,x\n".repeat(20_000)));
        let input = Input::open(&path, &small()).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(shown(&pool.install(|| input.settled(None)).unwrap()), "a:Float64 b:Utf8");
    }

    fn csv_content() -> impl Strategy<Value = String> {
        let cell = prop::sample::select(vec![
            "1",
            "-7",
            "0.5",
            "9007199254740993",
            "12345678901234567890",
            "true",
            "FALSE",
            "2024-01-01",
            "2024-01-01T01:00:00",
            "x",
            "007",
            "NA",
            "",
            "inf",
            "\"5\"",
            "\" 2.5 \"",
            "\"a\nb\"",
            " 3",
            "-0",
        ]);
        let row = prop::collection::vec(cell, 3).prop_map(|cells| cells.join(",") + "\n");
        (0usize..8, prop::collection::vec(row, 0..30))
            .prop_map(|(head, tail)| format!("a,b,c\n{}{}", "1,0.5,2024-01-01\n".repeat(head), tail.concat()))
    }

    fn json_content() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "1",
            "-0",
            "0.5",
            "9007199254740993",
            "1e400",
            "true",
            "null",
            "\"x\"",
            "[]",
            "{}",
        ]);
        let value = leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, |value| {
            prop_oneof![
                prop::collection::vec(value.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
                object(value),
            ]
        });
        let record = prop_oneof![8 => object(value.clone()), 1 => value];
        (0usize..8, prop::collection::vec(record, 1..30)).prop_map(|(head, tail)| {
            let head = "{\"a\":1,\"b\":[0.5],\"c\":{\"a\":true}},\n".repeat(head);
            // An array, as a list that stands first would be taken for the array of all records.
            format!("[{head}{}]", tail.join(",\n"))
        })
    }

    fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec!["a", "b", "c", "d", "value", "\\u00e9"]);
        prop::collection::vec((key, value), 0..4).prop_map(|members| {
            let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    }

    fn check(name: &str, content: &str, block: usize, sample: usize, projection: Option<&[usize]>) {
        let (_folder, path) = file(name, content);
        let options = ReadOptions::default().header(true).delimiter(b',').block_bytes(block);
        let whole = Input::open(&path, &options).unwrap();
        let input = Input::open(&path, &options.sample_bytes(sample)).unwrap();
        let projection = projection.filter(|columns| columns.iter().all(|i| *i < input.schema().fields().len()));
        let settled = input.settled(projection).unwrap();
        // The same rows, and never a misfit.
        assert_eq!(rows(&settled, projection), rows(&whole, None));
        let names = |input: &Input| -> Vec<String> {
            input.schema().fields().iter().map(|field| field.name().clone()).collect()
        };
        assert_eq!(names(&settled), names(&whole));
        for (i, field) in settled.schema().fields().iter().enumerate() {
            let known = input.schema().fields().get(i);
            let (found, best) = (field.data_type(), whole.schema().field(i).data_type());
            match known {
                Some(known) if projection.is_some_and(|columns| !columns.contains(&i)) => assert_eq!(field, known),
                // Text in the sample, at the top or inside, stays text, which is wider.
                _ => assert_eq!(&join(found, best), found, "{} in {content}", field.name()),
            }
            if known.is_none_or(|known| !known.data_type().to_string().contains("Utf8")) && projection.is_none() {
                assert_eq!(found, best, "{} in {content}", field.name());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn settled_csv_never_misfits(
            content in csv_content(),
            block in 1usize..200,
            sample in 1usize..200,
            projection in prop::option::of(prop::collection::vec(0usize..3, 0..4)),
        ) {
            check("t.csv", &content, block, sample, projection.as_deref());
        }

        #[test]
        fn settled_json_never_misfits(
            content in json_content(),
            block in 1usize..200,
            sample in 1usize..200,
            projection in prop::option::of(prop::collection::vec(0usize..3, 0..4)),
        ) {
            check("t.json", &content, block, sample, projection.as_deref());
        }
    }
}
