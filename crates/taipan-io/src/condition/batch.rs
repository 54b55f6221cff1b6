//! Conditions on Arrow batches: fields become columns, rows become scalars, so that a batch is kept by the same rules as
//! a record of text.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Date32Array, Float64Array, Int64Array, LargeStringArray,
    RecordBatch, StringArray, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;

use super::{Condition, ConditionError, FieldPath, Mismatch, Scalar};

/// A condition whose fields were found in a schema.
#[derive(Debug, Clone)]
pub struct Bound {
    condition: Condition,
    /// For each field of the condition, the column and the members of structs down to it.
    paths: Vec<Vec<usize>>,
}

/// A batch under a condition: its rows are judged one by one, or all at once.
#[derive(Debug)]
pub struct Rows<'a> {
    condition: &'a Condition,
    columns: Vec<Column>,
    count: usize,
}

#[derive(Debug)]
struct Column {
    values: Values,
    nulls: Option<NullBuffer>,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanArray),
    Int(Int64Array),
    Float(Float64Array),
    /// Numbers as text.
    Number(LargeStringArray),
    Text(StringArray),
    LongText(LargeStringArray),
    Date(Date32Array),
    /// Counts of so many nanoseconds.
    Timestamp(Int64Array, i128),
    Nested,
}

impl Bound {
    pub(super) fn new(condition: &Condition, schema: &Schema) -> Result<Self, ConditionError> {
        let paths = condition.fields.iter().enumerate().map(|(i, path)| {
            find(path, schema.fields()).ok_or_else(|| {
                let names = names(schema.fields());
                condition.unknown_field(i, names.iter().map(String::as_str))
            })
        });
        Ok(Self { paths: paths.collect::<Result<_, _>>()?, condition: condition.clone() })
    }

    /// The condition.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The columns of the schema that the condition looks at, in their order.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self.paths.iter().filter_map(|path| path.first().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The column that each field of the condition is in.
    pub(crate) fn field_columns(&self) -> impl Iterator<Item = usize> {
        self.paths.iter().map(|path| path.first().copied().unwrap_or_default())
    }

    /// Prepares a batch of the schema.
    ///
    /// # Errors
    /// Those of Arrow, for a batch of another schema.
    pub fn rows(&self, batch: &RecordBatch) -> Result<Rows<'_>, ArrowError> {
        let columns = self.paths.iter().map(|path| Column::new(batch, path)).collect::<Result<_, _>>()?;
        Ok(Rows { condition: &self.condition, columns, count: batch.num_rows() })
    }
}

impl Rows<'_> {
    /// Whether a row meets the condition, as [`Condition::evaluate`] says.
    ///
    /// # Errors
    /// [`Mismatch`] for values that do not compare.
    pub fn evaluate(&self, row: usize) -> Result<Option<bool>, Mismatch> {
        self.condition.evaluate(|field| self.columns.get(field).map_or(Scalar::Null, |column| column.scalar(row)))
    }

    /// The answers for all rows.
    ///
    /// # Errors
    /// The first row whose values do not compare, and its [`Mismatch`].
    pub fn mask(&self) -> Result<BooleanArray, (usize, Mismatch)> {
        let mut mask = BooleanBuilder::with_capacity(self.count);
        for row in 0..self.count {
            mask.append_option(self.evaluate(row).map_err(|mismatch| (row, mismatch))?);
        }
        Ok(mask.finish())
    }
}

impl Column {
    fn new(batch: &RecordBatch, path: &[usize]) -> Result<Self, ArrowError> {
        let gone = || ArrowError::SchemaError("a batch of another schema".to_owned());
        let (first, members) = path.split_first().ok_or_else(gone)?;
        let mut array: ArrayRef = batch.columns().get(*first).ok_or_else(gone)?.clone();
        let mut nulls = array.logical_nulls();
        for &member in members {
            let fields: &StructArray = array.as_struct_opt().ok_or_else(gone)?;
            let child = fields.columns().get(member).ok_or_else(gone)?.clone();
            nulls = NullBuffer::union(nulls.as_ref(), child.logical_nulls().as_ref());
            array = child;
        }
        Ok(Self { values: Values::new(&array)?, nulls })
    }

    fn scalar(&self, row: usize) -> Scalar<'_> {
        if self.nulls.as_ref().is_some_and(|nulls| row >= nulls.len() || nulls.is_null(row)) {
            return Scalar::Null;
        }
        match &self.values {
            Values::Boolean(array) if row < array.len() => Scalar::Boolean(array.value(row)),
            Values::Int(array) if row < array.len() => Scalar::Int(array.value(row)),
            Values::Float(array) if row < array.len() => Scalar::Float(array.value(row)),
            Values::Number(array) if row < array.len() => Scalar::Number(array.value(row)),
            Values::Text(array) if row < array.len() => Scalar::Text(array.value(row)),
            Values::LongText(array) if row < array.len() => Scalar::Text(array.value(row)),
            Values::Date(array) if row < array.len() => Scalar::Date(array.value(row)),
            Values::Timestamp(array, nanos) if row < array.len() => {
                Scalar::Timestamp(i128::from(array.value(row)) * nanos)
            }
            Values::Nested => Scalar::Nested(""),
            _ => Scalar::Null,
        }
    }
}

impl Values {
    fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        use DataType::{
            Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, Float16, Float32,
            Float64, Int8, Int16, Int32, Int64, LargeUtf8, RunEndEncoded, Time32, Time64, Timestamp, UInt8, UInt16,
            UInt32, UInt64, Utf8, Utf8View,
        };
        let int = |array: &ArrayRef| Ok::<_, ArrowError>(cast(array, &Int64)?.as_primitive().clone());
        Ok(match array.data_type() {
            Boolean => Self::Boolean(array.as_boolean().clone()),
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => Self::Int(int(array)?),
            Float16 | Float32 | Float64 => Self::Float(cast(array, &Float64)?.as_primitive().clone()),
            UInt64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
                Self::Number(cast(array, &LargeUtf8)?.as_string().clone())
            }
            Utf8 => Self::Text(array.as_string().clone()),
            LargeUtf8 | Utf8View | Time32(_) | Time64(_) => {
                Self::LongText(cast(array, &LargeUtf8)?.as_string().clone())
            }
            Date32 => Self::Date(array.as_primitive().clone()),
            Date64 => Self::Timestamp(int(array)?, 1_000_000),
            Timestamp(unit, _) => {
                let nanos = match unit {
                    TimeUnit::Second => 1_000_000_000,
                    TimeUnit::Millisecond => 1_000_000,
                    TimeUnit::Microsecond => 1000,
                    TimeUnit::Nanosecond => 1,
                };
                Self::Timestamp(int(array)?, nanos)
            }
            Dictionary(_, values) => Self::new(&cast(array, values)?)?,
            RunEndEncoded(_, values) => Self::new(&cast(array, values.data_type())?)?,
            _ => Self::Nested,
        })
    }
}

/// Where a path leads: a column of that whole name, or struct members name by name.
fn find(path: &FieldPath, fields: &Fields) -> Option<Vec<usize>> {
    let walk = |names: &[String]| {
        let mut fields = fields;
        let mut places = Vec::new();
        for (depth, name) in names.iter().enumerate() {
            let place = position(fields, name)?;
            places.push(place);
            if depth + 1 < names.len() {
                match fields.get(place)?.data_type() {
                    DataType::Struct(members) => fields = members,
                    _ => return None,
                }
            }
        }
        Some(places)
    };
    walk(path.names()).or_else(|| walk(&[path.to_string()]))
}

/// A field by name; in another case if it is the only one so called.
fn position(fields: &Fields, name: &str) -> Option<usize> {
    if let Some((place, _)) = fields.find(name) {
        return Some(place);
    }
    let folded = name.to_lowercase();
    let mut alike = fields.iter().enumerate().filter(|(_, field)| field.name().to_lowercase() == folded);
    match (alike.next(), alike.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

/// All names that a path could have: those of columns, and of the members of structs.
fn names(fields: &Fields) -> Vec<String> {
    let mut names = Vec::new();
    let mut open: Vec<(String, &Field)> = fields.iter().map(|field| (field.name().clone(), field.as_ref())).collect();
    while let Some((name, field)) = open.pop() {
        if let DataType::Struct(members) = field.data_type() {
            open.extend(members.iter().map(|member| (format!("{name}.{}", member.name()), member.as_ref())));
        }
        names.push(name);
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, DictionaryArray, Int32Array, StringViewArray, TimestampMillisecondArray, UInt64Array,
    };
    use arrow::datatypes::Int32Type;
    use proptest::prelude::*;

    use super::*;

    fn batch() -> RecordBatch {
        let country: ArrayRef = Arc::new(StringArray::from(vec![Some("DE"), None, Some("FR")]));
        let user = StructArray::try_new(
            vec![Field::new("country", DataType::Utf8, true)].into(),
            vec![country],
            Some(NullBuffer::from(vec![true, true, false])),
        )
        .unwrap();
        let decimal = Decimal128Array::from(vec![12345, -5, 0]).with_precision_and_scale(9, 2).unwrap();
        let word: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("7")].into_iter().collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("user", Arc::new(user)),
            ("Value", Arc::new(Int32Array::from(vec![Some(1), None, Some(300)]))),
            ("dec", Arc::new(decimal)),
            ("word", Arc::new(word)),
            ("big", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
            ("at", Arc::new(TimestampMillisecondArray::from(vec![0, 86_400_000, -1]))),
            ("view", Arc::new(StringViewArray::from(vec!["a", "b", "c"]))),
            ("a.b", Arc::new(Float64Array::from(vec![0.1, f64::NAN, -0.0]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    #[test]
    fn rows_are_kept() {
        let cases = [
            ("user.country = 'DE'", "T??"),
            ("user.country IS NULL", "FTT"),
            ("user IS NULL", "FFT"),
            ("value > 100", "F?T"),
            ("\"Value\" >= 1", "T?T"),
            ("dec = 123.45 OR dec < 0", "TTF"),
            ("word = 'x'", "T?F"),
            ("big > 18446744073709551614", "TFF"),
            ("at >= '1970-01-02'", "FTF"),
            ("at < '1970-01-01'", "FFT"),
            ("view BETWEEN 'b' AND 'bb'", "FTF"),
            ("a.b = 0", "FFT"),
            ("\"a.b\" > 0", "TTF"),
        ];
        for (text, expected) in cases {
            let bound = Condition::parse(text).unwrap().bind(&batch().schema()).unwrap();
            let mask = bound.rows(&batch()).unwrap().mask().unwrap();
            let shown: String = mask.iter().map(|truth| truth.map_or('?', |t| if t { 'T' } else { 'F' })).collect();
            assert_eq!(shown, expected, "{text}");
        }
        let bound = Condition::parse("word > 5").unwrap().bind(&batch().schema()).unwrap();
        let (row, mismatch) = bound.rows(&batch()).unwrap().mask().unwrap_err();
        assert_eq!(
            (row, mismatch.to_string().as_str()),
            (0, "`word` is `x`, which is no number but compared with one")
        );
        assert_eq!(bound.columns(), [3]);
    }

    #[test]
    fn unknown_fields_name_the_nearest() {
        let cases = [
            ("dec > 1 AND valeu > 1", "condition, column 13: no field `valeu`", Some("the nearest name is `Value`")),
            (
                "user.contry = 'DE'",
                "condition, column 1: no field `user.contry`",
                Some("the nearest name is `user.country`"),
            ),
            (
                "view = \"Berlin\"",
                "condition, column 8: no field `Berlin`",
                Some("text stands in single quotes: 'Berlin'"),
            ),
            ("view.x = 1", "condition, column 1: no field `view.x`", Some("the nearest name is `view`")),
            ("other = 1", "condition, column 1: no field `other`", None),
        ];
        for (text, message, hint) in cases {
            let error = Condition::parse(text).unwrap().bind(&batch().schema()).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.hint()), (message, hint));
        }
    }

    proptest! {
        /// A batch's rows are judged as records of the same values are.
        #[test]
        fn rows_are_judged_as_records_are(
            ints in prop::collection::vec(prop::option::of(-3i64..3), 8),
            floats in prop::collection::vec(prop::option::of(prop::sample::select(vec![-2.5, -0.0, 0.1, 1.0, 1e300])), 8),
            texts in prop::collection::vec(prop::option::of("[a1.]{0,2}"), 8),
            condition in "(NOT )?(i|f|t|1|'1'|0\\.1|null) (=|<>|<|<=|>|>=) (i|f|t|1|-1|'1'|'a'|0\\.1) (AND|OR) (i IN \\(1, -1, '2'\\)|t LIKE '%1'|f IS NULL|t IS NOT NULL|i BETWEEN f AND 2)",
        ) {
            let condition = Condition::parse(&condition).unwrap();
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("i", Arc::new(Int64Array::from(ints.clone()))),
                ("f", Arc::new(Float64Array::from(floats.clone()))),
                ("t", Arc::new(StringArray::from(texts.clone()))),
            ];
            let batch = RecordBatch::try_from_iter_with_nullable(
                columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
            let bound = condition.bind(&batch.schema()).unwrap();
            let rows = bound.rows(&batch).unwrap();
            for row in 0..8 {
                // As JSON has them: numbers as text.
                let (int, float) = (ints[row].map(|i| i.to_string()), floats[row].map(|f| f.to_string()));
                let scalars: Vec<Scalar> = condition.fields().iter().map(|path| match path.to_string().as_str() {
                    "i" => int.as_deref().map_or(Scalar::Null, Scalar::Number),
                    "f" => float.as_deref().map_or(Scalar::Null, Scalar::Number),
                    _ => texts[row].as_deref().map_or(Scalar::Null, Scalar::Text),
                }).collect();
                // `-0` is an integer as text, so only the field of a mismatch is the same, not what is shown of it.
                let field = |mismatch: Mismatch| mismatch.field().map(str::to_owned);
                let expected = condition.evaluate(|field| scalars[field]);
                prop_assert_eq!(rows.evaluate(row).map_err(field), expected.map_err(field));
            }
        }
    }
}
