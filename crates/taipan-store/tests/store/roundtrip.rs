//! Arrow to table to Arrow: what was written is what is scanned.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use taipan_store::{Select, WriteOptions};

use crate::sample::{batch, integers, memory, texts, write};

fn nullable<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
    rows: usize,
) -> impl Strategy<Value = Vec<Option<T>>> {
    prop::collection::vec(prop::option::weighted(0.8, value), rows)
}

/// A number that SQLite keeps: it stores NaN as null, and -0.0 as 0.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<i32>().prop_map(f64::from), Just(f64::MAX), Just(f64::MIN_POSITIVE), Just(5e-324)]
        .prop_map(|number| if number.is_nan() || number == 0.0 { 0.0 } else { number })
}

fn any_batch() -> impl Strategy<Value = RecordBatch> {
    (0..40_usize).prop_flat_map(|rows| {
        let days = -719_528..=2_932_896_i32;
        let moments = -62_167_219_200_000_000..253_402_300_800_000_000_i64;
        let integers = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..3_i64];
        let columns = (
            nullable(any::<bool>(), rows),
            nullable(integers, rows),
            nullable(number(), rows),
            nullable(any::<String>(), rows),
            nullable(days, rows),
            nullable(moments, rows),
            nullable(any::<Vec<u8>>(), rows),
        );
        columns.prop_map(|(booleans, integers, reals, texts, days, moments, blobs)| {
            let blobs: BinaryArray = blobs.iter().map(|blob| blob.as_deref()).collect();
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("b", Arc::new(BooleanArray::from(booleans))),
                ("i", Arc::new(Int64Array::from(integers))),
                ("r", Arc::new(Float64Array::from(reals))),
                ("s", Arc::new(StringArray::from(texts))),
                ("d", Arc::new(Date32Array::from(days))),
                ("t", Arc::new(TimestampMicrosecondArray::from(moments))),
                ("x", Arc::new(blobs)),
            ];
            batch(columns)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_batch_comes_back(given in any_batch()) {
        let store = memory();
        write(&store, "t", &given, &WriteOptions::default()).unwrap();
        let scan = store.scan(&Select::new("t")).unwrap();
        prop_assert_eq!(scan.schema(), given.schema());
        let batches: Vec<RecordBatch> = scan.map(Result::unwrap).collect();
        prop_assert_eq!(concat_batches(&given.schema(), &batches).unwrap(), given);
    }
}

#[test]
fn many_rows_come_in_batches_in_order() {
    let rows = 20_000;
    let given = batch(vec![("i", integers(0..rows)), ("s", texts((0..rows).map(|_| "text")))]);
    let store = memory();
    let parts = (0..20).map(|part| Ok::<_, String>(given.slice(part * 1000, 1000)));
    assert_eq!(store.write_table("t", &given.schema(), &WriteOptions::default(), parts).unwrap(), 20_000);
    let batches: Vec<RecordBatch> = store.scan(&Select::new("t")).unwrap().map(Result::unwrap).collect();
    assert!(batches.len() > 1 && batches.iter().all(|batch| batch.num_rows() <= 8192));
    assert_eq!(concat_batches(&given.schema(), &batches).unwrap(), given);
}

#[test]
fn long_texts_make_small_batches() {
    let long = "x".repeat(1 << 20);
    let given = batch(vec![("s", texts(vec![long.as_str(); 40]))]);
    let store = memory();
    write(&store, "t", &given, &WriteOptions::default()).unwrap();
    let rows: Vec<usize> = store.scan(&Select::new("t")).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
    assert!(rows.iter().all(|rows| *rows <= 8) && rows.iter().sum::<usize>() == 40, "{rows:?}");
}
