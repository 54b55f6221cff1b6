//! The reader held to serde_json: it takes the same records, and makes of them what serde_json makes of them, whatever
//! their bytes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::given::Given;
use crate::reject::OnError;
use crate::write::json_value;

/// The records that serde_json reads, too, and that hold no half of a surrogate pair, which serde_json lets pass in what
/// it does not look at.
fn is_valid(record: &[u8]) -> bool {
    std::str::from_utf8(record).is_ok_and(|text| serde_json::from_str::<Value>(text).is_ok() || too_large(text))
}

/// Numbers beyond all floats are valid JSON, but none of serde_json's values.
fn too_large(text: &str) -> bool {
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return false };
    let inner = raw.get().trim_start();
    let all = |texts: Vec<&RawValue>| texts.iter().all(|text| is_valid(text.get().as_bytes()));
    match inner.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Members>(inner).is_ok_and(|Members(members)| all(members)),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(inner).is_ok_and(all),
        Some(b'"') => false,
        _ => true,
    }
}

/// All values of an object, those of equal keys too.
struct Members<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> serde::de::Visitor<'de> for Each {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some((_, value)) = map.next_entry::<String, &'de RawValue>()? {
                    values.push(value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(Each).map(Self)
    }
}

/// What a value of a column of a type is, as JSON; nothing if it does not fit.
fn plainly(text: &str, data_type: &DataType) -> Option<Value> {
    let text = text.trim();
    if text == "null" {
        return Some(Value::Null);
    }
    let number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    match data_type {
        DataType::Boolean => text.parse::<bool>().ok().map(Value::from),
        DataType::Int64 if text != "-0" => text.parse::<i64>().ok().map(Value::from),
        // Written and read again as the column's floats are.
        DataType::Float64 if number => {
            crate::value::float(text.as_bytes()).map(|float| json_value(&Float64Array::from(vec![float]), 0).unwrap())
        }
        DataType::Struct(fields) => {
            let members: HashMap<String, &RawValue> =
                serde_json::from_str(text).ok().filter(|_| text.starts_with('{'))?;
            if !members.keys().all(|key| fields.find(key).is_some()) {
                return None;
            }
            let member = |name: &String| members.get(name).map_or("null", |raw| raw.get());
            let fields = fields
                .iter()
                .map(|field| Some((field.name().clone(), plainly(member(field.name()), field.data_type())?)));
            fields.collect::<Option<_>>().map(Value::Object)
        }
        DataType::List(item) => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok().filter(|_| text.starts_with('['))?;
            items.iter().map(|raw| plainly(raw.get(), item.data_type())).collect::<Option<_>>().map(Value::Array)
        }
        DataType::Date32 | DataType::Timestamp(..) => {
            let text: String = serde_json::from_str(text).ok()?;
            match data_type {
                DataType::Date32 => crate::value::date(text.as_bytes()).map(|_| Value::from(text)),
                _ if text.len() == 10 => {
                    crate::value::timestamp(text.as_bytes()).map(|_| format!("{text}T00:00:00").into())
                }
                _ => crate::value::timestamp(text.as_bytes()).map(|_| Value::from(text)),
            }
        }
        DataType::Utf8 => {
            Some(serde_json::from_str(text).map_or_else(|_| Value::from(text), |text: String| text.into()))
        }
        _ => None,
    }
}

fn record(record: &[u8], schema: &Schema) -> Option<Value> {
    let text = std::str::from_utf8(record).ok()?;
    let object = DataType::Struct(schema.fields().clone());
    let whole = match record.first() {
        Some(b'{') => text.to_owned(),
        _ => format!("{{\"value\":{text}}}"),
    };
    plainly(&whole, &object)
}

fn rows(batch: &RecordBatch) -> Vec<Value> {
    let row = |i| {
        let fields = batch.schema();
        let values = fields.fields().iter().zip(batch.columns());
        Value::Object(values.map(|(field, column)| (field.name().clone(), json_value(column, i).unwrap())).collect())
    };
    (0..batch.num_rows()).map(row).collect()
}

fn found(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Found::default();
    split(&mut Splitter::default(), bytes, true, &mut found);
    found.records
}

fn records_of(records: &[Range<usize>]) -> Found {
    Found { records: records.to_vec(), ..Found::default() }
}

/// Infers and reads the records of a text, bad ones left out, and compares all of it with serde_json.
fn check(bytes: &[u8]) {
    let given = Given::default();
    let shown = String::from_utf8_lossy(bytes);
    let records = found(bytes);
    let mut refused = Refused::new(OnError::Reject, &given, 1024);
    let members = survey(bytes, &records, super::Members::default(), &mut refused).unwrap();
    let good: Vec<_> = records.iter().filter(|record| is_valid(&bytes[(*record).clone()])).cloned().collect();
    let bad: Vec<_> = refused.into_bad().into_iter().map(|bad| bad.record).collect();
    let expected: Vec<_> = records.iter().filter(|record| !good.contains(record)).cloned().collect();
    assert_eq!(bad, expected, "{shown}");
    // Whoever fails, fails at the first of them.
    let failed = check_records(bytes, &records, &given);
    assert_eq!(failed.is_err(), !bad.is_empty(), "{shown}");
    if let (Err(fault), Some(first)) = (failed, bad.first()) {
        assert!((first.start..=first.end).contains(&fault.at), "{} of {first:?}: {shown}", fault.at);
    }
    let schema = Arc::new(Schema::new(members.fields()));
    let mut refused = Refused::new(OnError::Reject, &given, 1024);
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let batch = parse(bytes, &records_of(&records), &schema, &all, &schema, &mut refused).unwrap();
    assert_eq!(refused.into_bad().len(), bad.len(), "{shown}");
    let expected: Vec<_> = good.iter().map(|range| record(&bytes[range.clone()], &schema)).collect();
    assert_eq!(rows(&batch).into_iter().map(Some).collect::<Vec<_>>(), expected, "{schema}: {shown}");
}

fn check_records(bytes: &[u8], records: &[Range<usize>], given: &Given) -> Result<(), Fault> {
    super::check(bytes, records, &mut Refused::new(OnError::Fail, given, 1024))
}

/// Reads records with types that were given: what does not fit is a reject, and leaves nothing behind.
fn check_given(bytes: &[u8], schema: &Schema) {
    let mut given = Given::default();
    given.add_all(schema);
    let shown = String::from_utf8_lossy(bytes);
    let records = found(bytes);
    let schema = Arc::new(schema.clone());
    for projection in [(0..schema.fields().len()).collect::<Vec<_>>(), vec![1]] {
        let projected = Arc::new(schema.project(&projection).unwrap());
        let mut refused = Refused::new(OnError::Reject, &given, 1024);
        let batch = parse(bytes, &records_of(&records), &schema, &projection, &projected, &mut refused).unwrap();
        // A value that is not asked for need not fit, but its name must be known.
        let fits = |range: &Range<usize>| {
            let record = &bytes[range.clone()];
            let fields = schema.fields().iter().enumerate().map(|(i, field)| {
                let any = field.as_ref().clone().with_data_type(DataType::Utf8);
                if projection.contains(&i) { field.as_ref().clone() } else { any }
            });
            let row = self::record(record, &Schema::new(fields.collect::<Vec<_>>())).filter(|_| is_valid(record))?;
            let Value::Object(mut row) = row else { return None };
            row.retain(|name, _| projected.field_with_name(name).is_ok());
            Some(Value::Object(row))
        };
        let expected: Vec<Value> = records.iter().filter_map(fits).collect();
        assert_eq!(rows(&batch), expected, "{shown}");
        assert_eq!(refused.into_bad().len(), records.len() - expected.len(), "{shown}");
    }
}

/// Texts of JSON values, with blanks and escapes.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        prop::bool::ANY.prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        (-99i64..99).prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][-+]?[0-9]{1,3})?",
        string(),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), blanks())
                .prop_map(|(items, blanks)| format!("[{blanks}{}]", items.join(&format!("{blanks},")))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop_oneof![8 => "[a-d]".prop_map(|key| format!("\"{key}\"")), 1 => Just("\"\\u0061\"".to_owned()), 1 => string()];
    (prop::collection::vec((key, value), 0..5), blanks()).prop_map(|(members, blanks)| {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}{blanks}:{blanks}{value}")).collect();
        format!("{{{blanks}{}{blanks}}}", members.join(&format!("{blanks},")))
    })
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -!#-\\[\\]-~é\u{1F600}]{0,12}".prop_map(|text| format!("\"{text}\"")),
        "(\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-fA-F]{2}|\\\\ud83d\\\\ude00|a){0,5}".prop_map(|text| format!("\"{text}\"")),
        Just("\"2024-02-29\"".to_owned()),
        Just("\"2024-02-29T10:00:00\"".to_owned()),
    ]
}

fn blanks() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t "), 1 => Just("\r\n")]
}

/// Several records, as lines or as one array.
fn text() -> impl Strategy<Value = String> {
    let record = prop_oneof![9 => object(value()), 1 => value()];
    (prop::collection::vec(record, 0..12), any::<bool>())
        .prop_map(|(records, array)| if array { format!("[{}]", records.join(",\n")) } else { records.join("\n") })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn reads_what_serde_json_reads(text in text()) {
        check(text.as_bytes());
    }

    /// Bytes are changed, taken out and put in.
    #[test]
    fn whatever_the_bytes(
        text in text(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3, prop::sample::select(&b"{}[],:\"\\ 01-.eEtrufalsn\n\xff\xc3\x80\x00/'#"[..])),
            1..5,
        ),
    ) {
        let mut bytes = text.into_bytes();
        for (at, kind, byte) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        check(&bytes);
        check_given(&bytes, &types());
    }

    #[test]
    fn types_that_are_given_stand(text in text()) {
        check_given(text.as_bytes(), &types());
    }
}

/// Types for some of the names that the records have.
fn types() -> Schema {
    let of = |name: &str, data_type| arrow::datatypes::Field::new(name, data_type, true);
    let list = DataType::List(Arc::new(arrow::datatypes::Field::new_list_field(DataType::Int64, true)));
    Schema::new(vec![
        of("a", DataType::Int64),
        of("b", DataType::Struct(vec![of("a", DataType::Utf8), of("c", list)].into())),
        of("c", DataType::Timestamp(TimeUnit::Microsecond, None)),
        of("d", DataType::Date32),
        of("value", DataType::Float64),
    ])
}
