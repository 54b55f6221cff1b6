//! Tables in memory: made of columns or read from files, filtered, looked at, and turned into matrices.
//!
//! What does not fit in memory is queried by [`Engine`](crate::query::Engine); [`read_csv`] and its kin read no more of a
//! file than is asked for.

use std::fmt;
use std::ops::{Index, Not};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, Scalar, StringArray,
};
use arrow::compute::kernels::cmp;
use arrow::compute::{and_kleene, cast, filter_record_batch, is_null, not, or_kleene, take_record_batch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ndarray::{Array1, Array2};
use taipan_query::{Engine, EngineOptions};
use taipan_store::{Mode, Store, WriteError, WriteOptions};
use unicode_width::UnicodeWidthStr;

use crate::error::{Error, Result};
use crate::relation::{Relation, quoted};

/// Named columns of equal length.
///
/// ```
/// use taipan::prelude::*;
///
/// let scores = DataFrame::new([
///     ("Name", ["Alice", "Bob", "Charlie"].into()),
///     ("Score", [45, 85, 60].into()),
/// ])?;
/// let good = scores.filter(col("Score").gt(50))?;
/// assert_eq!(good.to_string(), "Name     Score\nBob         85\nCharlie     60");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DataFrame {
    batch: RecordBatch,
}

/// One column: values of one type, any of which may be missing.
#[derive(Debug, Clone)]
pub struct Series(ArrayRef);

impl Series {
    /// The values as an Arrow array.
    pub fn array(&self) -> &ArrayRef {
        &self.0
    }
}

impl From<ArrayRef> for Series {
    fn from(array: ArrayRef) -> Self {
        Self(array)
    }
}

/// For a chart: numbers as numbers, anything else as texts.
impl From<Series> for taipan_plot::Data {
    fn from(Series(array): Series) -> Self {
        match cast(&array, &DataType::Float64) {
            Ok(numbers) if array.data_type().is_numeric() => {
                let numbers = numbers.as_primitive::<Float64Type>();
                Self::Numbers(numbers.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
            }
            _ => {
                let options = FormatOptions::default();
                let shown = ArrayFormatter::try_new(&array, &options).ok();
                let text =
                    |row| shown.as_ref().filter(|_| array.is_valid(row)).map(|shown| shown.value(row).to_string());
                Self::Text((0..array.len()).map(text).collect())
            }
        }
    }
}

macro_rules! series {
    ($($value:ty => $array:ty, $convert:expr;)*) => {$(
        impl From<Vec<$value>> for Series {
            fn from(values: Vec<$value>) -> Self {
                Self(Arc::new(values.into_iter().map(|value| Some($convert(value))).collect::<$array>()))
            }
        }

        impl From<Vec<Option<$value>>> for Series {
            fn from(values: Vec<Option<$value>>) -> Self {
                Self(Arc::new(values.into_iter().map(|value| value.map($convert)).collect::<$array>()))
            }
        }

        impl<const N: usize> From<[$value; N]> for Series {
            fn from(values: [$value; N]) -> Self {
                Self::from(Vec::from(values))
            }
        }
    )*};
}

series! {
    i32 => Int64Array, i64::from;
    i64 => Int64Array, |value: i64| value;
    f64 => Float64Array, |value: f64| value;
    bool => BooleanArray, |value: bool| value;
    &str => StringArray, |value: &str| value.to_owned();
    String => StringArray, |value: String| value;
}

impl DataFrame {
    /// A frame of these columns.
    ///
    /// Errors: columns of different lengths, or two of one name.
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, Series)>) -> Result<Self> {
        let mut fields: Vec<Field> = Vec::new();
        let mut arrays = Vec::new();
        for (name, Series(array)) in columns {
            let name = name.into();
            if fields.iter().any(|field| *field.name() == name) {
                return Err(Error::invalid(format!("two columns are named '{name}'")));
            }
            if let (Some(first), Some(other)) = (arrays.first().map(|first: &ArrayRef| first.len()), fields.first())
                && first != array.len()
            {
                let length = array.len();
                return Err(Error::invalid(format!(
                    "column '{name}' has {length} values and column '{}' has {first}",
                    other.name()
                )));
            }
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        if arrays.is_empty() {
            return Err(Error::invalid("a frame needs a column at least"));
        }
        Ok(Self { batch: RecordBatch::try_new(Schema::new(fields).into(), arrays).map_err(wrong)? })
    }

    /// How many rows and columns there are.
    pub fn shape(&self) -> (usize, usize) {
        (self.batch.num_rows(), self.batch.num_columns())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<&str> {
        self.batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The frame as an Arrow record batch.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// One column.
    ///
    /// Errors: there is none of this name; the nearest one is the hint.
    pub fn column(&self, name: &str) -> Result<Series> {
        match self.batch.column_by_name(name) {
            Some(array) => Ok(Series(array.clone())),
            None => Err(Error::unknown_column(name, "the frame", self.columns())),
        }
    }

    /// Some of the columns, in this order.
    ///
    /// Errors: those of [`column`](Self::column).
    pub fn select(&self, names: &[&str]) -> Result<Self> {
        let columns = names.iter().map(|name| Ok((*name, self.column(name)?))).collect::<Result<Vec<_>>>()?;
        Self::new(columns)
    }

    /// The first `rows` rows.
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        Self { batch: self.batch.slice(0, rows.min(self.len())) }
    }

    /// The rows of which the condition holds; a missing value is neither above nor below anything.
    ///
    /// Errors: an unknown column, values that do not compare.
    pub fn filter(&self, condition: Expr) -> Result<Self> {
        let holds = condition.evaluate(self)?;
        let Some(holds) = holds.as_boolean_opt() else {
            return Err(Error::invalid("a filter wants a condition, such as col(\"Score\").gt(50)"));
        };
        Ok(Self { batch: filter_record_batch(&self.batch, holds).map_err(wrong)? })
    }

    /// The rows of these numbers, from 0, in this order.
    ///
    /// Errors: a number beyond the last row.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|row| **row >= self.len()) {
            return Err(Error::invalid(format!("row {row} of a frame with {} rows", self.len())));
        }
        let rows = arrow::array::UInt64Array::from_iter_values(rows.iter().map(|row| *row as u64));
        Ok(Self { batch: take_record_batch(&self.batch, &rows).map_err(wrong)? })
    }

    /// The columns as a matrix, one row for each row; a missing value is NaN.
    ///
    /// Errors: an unknown column, one that holds no numbers.
    pub fn matrix(&self, names: &[&str]) -> Result<Array2<f64>> {
        let mut matrix = Array2::zeros((self.len(), names.len()));
        for (name, mut column) in names.iter().zip(matrix.columns_mut()) {
            column.assign(&self.vector(name)?);
        }
        Ok(matrix)
    }

    /// One column as a vector; a missing value is NaN.
    ///
    /// Errors: those of [`matrix`](Self::matrix).
    pub fn vector(&self, name: &str) -> Result<Array1<f64>> {
        let Series(array) = self.column(name)?;
        if !array.data_type().is_numeric() && *array.data_type() != DataType::Boolean {
            return Err(Error::invalid(format!("column '{name}' holds no numbers")));
        }
        let numbers = cast(&array, &DataType::Float64).map_err(wrong)?;
        Ok(numbers.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

impl DataFrame {
    /// Writes the frame to a table, which is made, or made anew, in one transaction; a column `id` identifies the rows.
    /// Gives the number of rows.
    ///
    /// Errors: those of the database.
    pub fn to_sql(&self, store: &Store, table: &str) -> Result<u64> {
        let mut options = WriteOptions::default().mode(Mode::Replace);
        if self.columns().contains(&"id") {
            options = options.primary_key("id");
        }
        let batches = std::iter::once(Ok::<_, Error>(self.batch.clone()));
        store.write_table(table, self.batch.schema_ref(), &options, batches).map_err(|error| match error {
            WriteError::Input(error) => error,
            WriteError::Store(error) => error.into(),
        })
    }

    /// The rows as texts, to be shown.
    pub fn rows(&self) -> Vec<Row> {
        let names: Arc<[String]> = self.columns().into_iter().map(str::to_owned).collect();
        let options = FormatOptions::default();
        let cells = |array: &ArrayRef| {
            let shown = ArrayFormatter::try_new(array, &options).ok();
            (0..array.len())
                .map(|row| shown.as_ref().map(|shown| shown.value(row).to_string()).unwrap_or_default())
                .collect()
        };
        let columns: Vec<Vec<String>> = self.batch.columns().iter().map(cells).collect();
        (0..self.len())
            .map(|row| {
                let cells = columns.iter().map(|column| column.get(row).cloned().unwrap_or_default()).collect();
                Row { names: names.clone(), cells }
            })
            .collect()
    }
}

/// A row of a [`DataFrame`] as texts: `row["name"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    names: Arc<[String]>,
    cells: Vec<String>,
}

impl Row {
    /// The text of a column.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.place(name).map(String::as_str)
    }

    fn place(&self, name: &str) -> Option<&String> {
        self.cells.get(self.names.iter().position(|known| known == name)?)
    }
}

impl Index<&str> for Row {
    type Output = String;

    /// # Panics
    /// When there is no such column; [`get`](Self::get) tells.
    fn index(&self, name: &str) -> &String {
        match self.place(name) {
            Some(cell) => cell,
            None => panic!("no column '{name}' in the row"),
        }
    }
}

/// As a tuple: `(1, Laptop, 999.99)`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.cells.join(", "))
    }
}

fn wrong(error: ArrowError) -> Error {
    Error::invalid(error.to_string())
}

/// Aligned columns: numbers to the right, text to the left, two spaces between, a missing value as nothing.
impl fmt::Display for DataFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![String::new(); self.len() + 1];
        let last = self.batch.num_columns().saturating_sub(1);
        for (number, (field, array)) in self.batch.schema_ref().fields().iter().zip(self.batch.columns()).enumerate() {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &options).map_err(|_| fmt::Error)?;
            let cells = (0..array.len()).map(|row| formatter.value(row).to_string().replace(['\n', '\r'], " "));
            let cells: Vec<String> = std::iter::once(field.name().clone()).chain(cells).collect();
            let width = cells.iter().map(|cell| cell.width()).max().unwrap_or_default();
            for (line, cell) in lines.iter_mut().zip(cells) {
                if number > 0 {
                    line.push_str("  ");
                }
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                if field.data_type().is_numeric() {
                    *line += &padding;
                    *line += &cell;
                } else {
                    *line += &cell;
                    if number < last {
                        *line += &padding;
                    }
                }
            }
        }
        f.write_str(&lines.join("\n"))
    }
}

/// A file that is read when something is wanted of it; made by [`read_csv`] or [`read_file`].
#[derive(Clone)]
pub struct LazyFrame {
    engine: Engine,
    path: String,
}

/// A CSV file as a frame to be: `read_csv("tips.csv")?.head(5)?`.
///
/// Errors: the query engine could not start.
pub fn read_csv(path: impl AsRef<Path>) -> Result<LazyFrame> {
    read_file(path)
}

/// Any data file as a frame to be: CSV, JSON, NDJSON, XML, Parquet, Arrow, told by its content, compressed or not.
///
/// Errors: the query engine could not start.
pub fn read_file(path: impl AsRef<Path>) -> Result<LazyFrame> {
    let engine = Engine::new(&EngineOptions::default())?;
    Ok(LazyFrame { engine, path: path.as_ref().display().to_string() })
}

impl LazyFrame {
    /// The first `rows` rows; no more of the file is read than that takes.
    ///
    /// Errors: those of reading the file.
    pub fn head(&self, rows: usize) -> Result<DataFrame> {
        self.read(&format!("SELECT * FROM {} LIMIT {rows}", quoted(&self.path)))
    }

    /// All rows, which must fit in memory.
    ///
    /// Errors: those of reading the file.
    pub fn collect(&self) -> Result<DataFrame> {
        self.read(&format!("SELECT * FROM {}", quoted(&self.path)))
    }

    fn read(&self, sql: &str) -> Result<DataFrame> {
        Ok(DataFrame { batch: Relation::Query(sql.to_owned()).read(&self.engine, None)? })
    }
}

impl fmt::Debug for LazyFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyFrame").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Relation {
    /// All rows of the relation, which must fit in memory.
    ///
    /// Errors: those of reading it.
    pub fn collect(&self, engine: &Engine) -> Result<DataFrame> {
        Ok(DataFrame { batch: self.read(engine, None)? })
    }
}

/// A column in an expression: `col("Score").gt(50)`.
pub fn col(name: impl Into<String>) -> Expr {
    Expr(Node::Column(name.into()))
}

/// Something to be worked out for each row; begins with [`col`].
#[derive(Debug, Clone)]
pub struct Expr(Node);

#[derive(Debug, Clone)]
enum Node {
    Column(String),
    Literal(Series),
    Compare(Box<Node>, Comparison, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    IsNull(Box<Node>),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Eq,
    Ne,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

macro_rules! literals {
    ($($value:ty),*) => {$(
        impl From<$value> for Expr {
            fn from(value: $value) -> Self {
                Self(Node::Literal(Series::from(vec![value])))
            }
        }
    )*};
}

literals!(i32, i64, f64, bool, &str, String);

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $comparison:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(self, other: impl Into<Expr>) -> Expr {
            Expr(Node::Compare(Box::new(self.0), Comparison::$comparison, Box::new(other.into().0)))
        }
    )*};
}

impl Expr {
    comparisons! {
        /// Whether it equals the other.
        eq => Eq;
        /// Whether it is another.
        ne => Ne;
        /// Whether it is less.
        lt => Lt;
        /// Whether it is less or equal.
        lt_eq => LtEq;
        /// Whether it is greater.
        gt => Gt;
        /// Whether it is greater or equal.
        gt_eq => GtEq;
    }

    /// Whether both hold.
    #[must_use]
    pub fn and(self, other: Expr) -> Expr {
        Expr(Node::And(Box::new(self.0), Box::new(other.0)))
    }

    /// Whether one of them holds, or both.
    #[must_use]
    pub fn or(self, other: Expr) -> Expr {
        Expr(Node::Or(Box::new(self.0), Box::new(other.0)))
    }

    /// Whether the value is missing.
    #[must_use]
    pub fn is_null(self) -> Expr {
        Expr(Node::IsNull(Box::new(self.0)))
    }

    fn evaluate(&self, frame: &DataFrame) -> Result<ArrayRef> {
        self.0.evaluate(frame)
    }
}

/// Whether it does not hold.
impl Not for Expr {
    type Output = Self;

    fn not(self) -> Self {
        Self(Node::Not(Box::new(self.0)))
    }
}

impl Node {
    fn evaluate(&self, frame: &DataFrame) -> Result<ArrayRef> {
        let condition = |node: &Self| {
            let array = node.evaluate(frame)?;
            array.as_boolean_opt().cloned().ok_or_else(|| Error::invalid("and, or and not want conditions"))
        };
        let outcome = match self {
            Self::Column(name) => return Ok(frame.column(name)?.0),
            Self::Literal(value) => return Ok(value.0.clone()),
            Self::Compare(left, comparison, right) => return compare(left, *comparison, right, frame),
            Self::And(left, right) => and_kleene(&condition(left)?, &condition(right)?),
            Self::Or(left, right) => or_kleene(&condition(left)?, &condition(right)?),
            Self::Not(node) => not(&condition(node)?),
            Self::IsNull(node) => is_null(&node.evaluate(frame)?),
        };
        Ok(Arc::new(outcome.map_err(wrong)?))
    }
}

fn compare(left: &Node, comparison: Comparison, right: &Node, frame: &DataFrame) -> Result<ArrayRef> {
    let (mut first, mut second) = (left.evaluate(frame)?, right.evaluate(frame)?);
    let (a, b) = (first.data_type().clone(), second.data_type().clone());
    if a != b {
        // An integer beside a number with a fraction is one, too; else the literal is read as what the column holds.
        let common = match (a.is_numeric(), b.is_numeric()) {
            (true, true) if a.is_integer() && b.is_integer() => DataType::Int64,
            (true, true) => DataType::Float64,
            _ if matches!(right, Node::Literal(_)) && !a.is_numeric() && !b.is_numeric() => a.clone(),
            _ => return Err(Error::invalid(format!("{a} and {b} do not compare"))),
        };
        first = cast(&first, &common).map_err(wrong)?;
        second = cast(&second, &common).map_err(wrong)?;
        if second.null_count() > 0 && matches!(right, Node::Literal(_)) {
            return Err(Error::invalid(format!("the value compared with is no {common}")));
        }
    }
    let one = |array: &ArrayRef, node: &Node| {
        if matches!(node, Node::Literal(_)) { Err(Scalar::new(array.clone())) } else { Ok(array.clone()) }
    };
    let call = |left: &dyn arrow::array::Datum, right: &dyn arrow::array::Datum| match comparison {
        Comparison::Eq => cmp::eq(left, right),
        Comparison::Ne => cmp::neq(left, right),
        Comparison::Lt => cmp::lt(left, right),
        Comparison::LtEq => cmp::lt_eq(left, right),
        Comparison::Gt => cmp::gt(left, right),
        Comparison::GtEq => cmp::gt_eq(left, right),
    };
    let outcome = match (one(&first, left), one(&second, right)) {
        (Ok(left), Ok(right)) => call(&left, &right),
        (Ok(left), Err(right)) => call(&left, &right),
        (Err(left), Ok(right)) => call(&left, &right),
        (Err(left), Err(right)) => call(&left, &right),
    };
    Ok(Arc::new(outcome.map_err(wrong)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> DataFrame {
        DataFrame::new([
            ("name", vec![Some("Ann"), Some("Bob"), None].into()),
            ("age", [31, 45, 60].into()),
            ("share", [0.5, 1.5, 2.5].into()),
        ])
        .unwrap()
    }

    #[test]
    fn conditions_choose_rows() {
        let cases: [(Expr, &[f64]); 9] = [
            (col("age").gt(31), &[45.0, 60.0]),
            (col("age").gt_eq(31.0), &[31.0, 45.0, 60.0]),
            (col("age").lt(44.5), &[31.0]),
            (col("share").lt_eq(1.5), &[31.0, 45.0]),
            (col("name").eq("Bob"), &[45.0]),
            (col("name").ne("Bob"), &[31.0]),
            (col("name").is_null(), &[60.0]),
            (!col("name").is_null().or(col("age").eq(31)), &[45.0]),
            (col("share").lt(col("age")).and(col("age").ne(45)), &[31.0, 60.0]),
        ];
        for (condition, expected) in cases {
            let text = format!("{condition:?}");
            let chosen = frame().filter(condition).unwrap().vector("age").unwrap();
            assert_eq!(chosen.to_vec(), expected, "{text}");
        }
    }

    #[test]
    fn faults_are_named() {
        let fault = |outcome: Result<DataFrame>| outcome.unwrap_err().to_string();
        let cases = [
            (frame().filter(col("agee").gt(1)), "no column 'agee' in the frame"),
            (frame().filter(col("age")), "a filter wants a condition, such as col(\"Score\").gt(50)"),
            (frame().filter(col("age").gt("x")), "Int64 and Utf8 do not compare"),
            (frame().take(&[7]), "row 7 of a frame with 3 rows"),
            (DataFrame::new([("a", [1].into()), ("a", [2].into())]), "two columns are named 'a'"),
            (DataFrame::new([("a", [1].into()), ("b", [2, 3].into())]), "column 'b' has 2 values and column 'a' has 1"),
        ];
        for (outcome, expected) in cases {
            assert_eq!(fault(outcome), expected);
        }
        assert_eq!(frame().vector("name").unwrap_err().to_string(), "column 'name' holds no numbers");
        assert_eq!(frame().column("agee").unwrap_err().hint(), Some("did you mean 'age'?"));
    }

    #[test]
    fn a_frame_is_shown_as_aligned_columns() {
        assert_eq!(frame().to_string(), "name  age  share\nAnn    31    0.5\nBob    45    1.5\n       60    2.5");
        assert_eq!(frame().select(&["age", "name"]).unwrap().head(1).to_string(), "age  name\n 31  Ann");
        assert_eq!(frame().take(&[2, 0]).unwrap().vector("age").unwrap().to_vec(), [60.0, 31.0]);
    }
}
