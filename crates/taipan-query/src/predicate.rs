//! Conditions that a file is read by: the engine's expressions as text, as a test of rows, and as bounds of columns.
//!
//! A plan must be able to go to another machine, so a condition is taken by a scan only if it can be written as SQL and
//! read back ([`to_sql`]). The test of rows is the engine's own evaluation, so its answer is exact.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::error::ArrowError;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use taipan_io::{ColumnRange, RowTest};

/// A condition on the rows of a file.
#[derive(Clone)]
pub(crate) struct Predicate {
    exprs: Vec<Expr>,
    test: RowTest,
    pub(crate) physical: Arc<dyn PhysicalExpr>,
    failure: Failure,
}

/// The error that the last test of rows ended with, in the engine's own terms.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<DataFusionError>>>);

impl Failure {
    pub(crate) fn take(&self) -> Option<DataFusionError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, error: DataFusionError) -> ArrowError {
        let told = ArrowError::ComputeError(error.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        told
    }
}

impl Predicate {
    /// The condition that all of these hold; none if there are none.
    pub(crate) fn new(exprs: &[Expr], schema: &Schema, session: &dyn Session) -> Result<Option<Self>> {
        let Some(all) = conjunction(exprs.iter().cloned()) else { return Ok(None) };
        let physical = session.create_physical_expr(all, &DFSchema::try_from(schema.clone())?)?;
        let columns: BTreeSet<usize> = collect_columns(&physical).iter().map(Column::index).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let tested = reassign_expr_columns(Arc::clone(&physical), &schema.project(&columns)?)?;
        let failure = Failure::default();
        let failed = failure.clone();
        let test = RowTest::new(columns, move |batch| {
            let passes = tested.evaluate(batch).and_then(|value| value.into_array(batch.num_rows()));
            let passes = passes.map_err(|error| failed.keep(error))?;
            passes.as_boolean_opt().cloned().ok_or_else(|| ArrowError::ComputeError("no answer of yes or no".into()))
        });
        Ok(Some(Self { exprs: exprs.to_vec(), test, physical, failure }))
    }

    pub(crate) fn test(&self) -> RowTest {
        self.test.clone()
    }

    pub(crate) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    /// What is known of columns where the condition holds.
    pub(crate) fn ranges(&self, schema: &Schema) -> Vec<ColumnRange> {
        let parts = self.exprs.iter().flat_map(split_conjunction);
        parts.filter_map(|part| range(part, schema)).collect()
    }

    /// The condition as SQL, part by part.
    pub(crate) fn sql(&self) -> Vec<String> {
        self.exprs.iter().filter_map(to_sql).collect()
    }
}

/// An expression as SQL that is read back as the same; none for what is not among columns, plain values, comparisons,
/// arithmetic and logic.
pub(crate) fn to_sql(expr: &Expr) -> Option<String> {
    let list = |exprs: &[Expr]| exprs.iter().map(to_sql).collect::<Option<Vec<_>>>().map(|parts| parts.join(", "));
    let not = |negated: bool| if negated { "NOT " } else { "" };
    Some(match expr {
        Expr::Column(column) => format!("\"{}\"", column.name.replace('"', "\"\"")),
        Expr::Literal(value, _) => literal(value)?,
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            format!("({} {} {})", to_sql(left)?, operator(*op)?, to_sql(right)?)
        }
        Expr::Not(inner) => format!("(NOT {})", to_sql(inner)?),
        Expr::Negative(inner) => format!("(- {})", to_sql(inner)?),
        Expr::IsNull(inner) => format!("({} IS NULL)", to_sql(inner)?),
        Expr::IsNotNull(inner) => format!("({} IS NOT NULL)", to_sql(inner)?),
        Expr::IsTrue(inner) => format!("({} IS TRUE)", to_sql(inner)?),
        Expr::IsFalse(inner) => format!("({} IS FALSE)", to_sql(inner)?),
        Expr::IsNotTrue(inner) => format!("({} IS NOT TRUE)", to_sql(inner)?),
        Expr::IsNotFalse(inner) => format!("({} IS NOT FALSE)", to_sql(inner)?),
        Expr::Between(Between { expr, negated, low, high }) => {
            format!("({} {}BETWEEN {} AND {})", to_sql(expr)?, not(*negated), to_sql(low)?, to_sql(high)?)
        }
        Expr::InList(inner) if !inner.list.is_empty() => {
            format!("({} {}IN ({}))", to_sql(&inner.expr)?, not(inner.negated), list(&inner.list)?)
        }
        Expr::Like(like) if like.escape_char.is_none() => {
            let word = if like.case_insensitive { "ILIKE" } else { "LIKE" };
            format!("({} {}{word} {})", to_sql(&like.expr)?, not(like.negated), to_sql(&like.pattern)?)
        }
        Expr::Cast(Cast { expr, field }) => format!("CAST({} AS {})", to_sql(expr)?, type_name(field.data_type())?),
        _ => return None,
    })
}

fn literal(value: &ScalarValue) -> Option<String> {
    Some(match value {
        ScalarValue::Null => "NULL".to_owned(),
        ScalarValue::Boolean(Some(value)) => value.to_string(),
        ScalarValue::Int64(Some(value)) => format!("CAST('{value}' AS BIGINT)"),
        ScalarValue::Float64(Some(value)) => format!("CAST('{value:?}' AS DOUBLE)"),
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        ScalarValue::Date32(Some(_)) | ScalarValue::TimestampMicrosecond(Some(_), None) => {
            format!("CAST('{value}' AS {})", type_name(&value.data_type())?)
        }
        ScalarValue::Boolean(None)
        | ScalarValue::Int64(None)
        | ScalarValue::Float64(None)
        | ScalarValue::Utf8(None)
        | ScalarValue::Date32(None)
        | ScalarValue::TimestampMicrosecond(None, None) => {
            format!("CAST(NULL AS {})", type_name(&value.data_type())?)
        }
        _ => return None,
    })
}

fn type_name(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int64 => "BIGINT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::Utf8View => "VARCHAR",
        DataType::Date32 => "DATE",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP(6)",
        _ => return None,
    })
}

fn operator(op: Operator) -> Option<&'static str> {
    Some(match op {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::And => "AND",
        Operator::Or => "OR",
        Operator::IsDistinctFrom => "IS DISTINCT FROM",
        Operator::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
        _ => return None,
    })
}

/// The bounds of a column where a condition on it alone holds.
fn range(expr: &Expr, schema: &Schema) -> Option<ColumnRange> {
    let value = |expr: &Expr| match expr {
        Expr::Literal(value, _) if !value.is_null() => value.to_array_of_size(1).ok(),
        _ => None,
    };
    let column = |expr: &Expr| match expr {
        Expr::Column(column) => schema.index_of(&column.name).ok(),
        _ => None,
    };
    let (column, low, high): (usize, Option<ArrayRef>, Option<ArrayRef>) = match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (column, op, value) = match column(left) {
                Some(column) => (column, *op, value(right)?),
                None => (column(right)?, op.swap()?, value(left)?),
            };
            match op {
                Operator::Eq => (column, Some(value.clone()), Some(value)),
                Operator::Lt | Operator::LtEq => (column, None, Some(value)),
                Operator::Gt | Operator::GtEq => (column, Some(value), None),
                _ => return None,
            }
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            (column(expr)?, Some(value(low)?), Some(value(high)?))
        }
        _ => return None,
    };
    // Statistics leave out what is not a number, and for the engine that is beyond all numbers.
    let float = schema.field(column).data_type().is_floating();
    (!float || (low.is_some() && high.is_some())).then_some(ColumnRange { column, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::Field;
    use datafusion::prelude::SessionContext;

    fn batch() -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("B c", DataType::Utf8, true),
            Field::new("x", DataType::Float64, true),
            Field::new("d", DataType::Date32, true),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(-4)])),
            Arc::new(StringArray::from(vec![Some("it's"), Some("b"), Some(""), None])),
            Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN), Some(-0.0), Some(1e300)])),
            Arc::new(Date32Array::from(vec![Some(0), Some(19_000), None, Some(-1)])),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    #[test]
    fn conditions_are_written_and_read_back() {
        let context = SessionContext::new();
        let state = context.state();
        let batch = batch();
        let schema = DFSchema::try_from(batch.schema().as_ref().clone()).unwrap();
        let answers = |expr: &Expr| {
            let physical = state.create_physical_expr(expr.clone(), &schema).unwrap();
            physical.evaluate(&batch).unwrap().into_array(4).unwrap().as_boolean().clone()
        };
        for text in [
            "a > 1",
            "a + 1 * 2 <> 3 AND NOT (a IS NULL)",
            "\"B c\" = 'it''s' OR \"B c\" LIKE 'b%'",
            "\"B c\" NOT ILIKE 'B' AND \"B c\" IS NOT NULL",
            "x = 0.1 OR x > 1e299",
            "x BETWEEN -1 AND 0.5",
            "a IN (1, 3, NULL)",
            "a NOT IN (1, 2)",
            "d >= DATE '2022-01-08' OR d < DATE '1970-01-01'",
            "CAST(a AS VARCHAR) = '1'",
            "(a > 1) IS NOT TRUE",
            "a IS DISTINCT FROM 2",
        ] {
            let expr = state.create_logical_expr(text, &schema).unwrap();
            let written = to_sql(&expr).unwrap_or_else(|| panic!("{text} is not written: {expr:?}"));
            let read = state.create_logical_expr(&written, &schema).unwrap();
            assert_eq!(answers(&read), answers(&expr), "{written}");
        }
        for text in ["random() > 0.5", "abs(a) = 1", "length(\"B c\") > 1"] {
            assert_eq!(to_sql(&state.create_logical_expr(text, &schema).unwrap()), None);
        }
    }

    #[test]
    fn bounds_of_columns() {
        let context = SessionContext::new();
        let state = context.state();
        let schema = batch().schema();
        let df_schema = DFSchema::try_from(schema.as_ref().clone()).unwrap();
        let shown = |text: &str| {
            let expr = state.create_logical_expr(text, &df_schema).unwrap();
            let bound = |bound: &Option<ArrayRef>| {
                bound.as_ref().map(|array| ScalarValue::try_from_array(array, 0).unwrap().to_string())
            };
            split_conjunction(&expr)
                .into_iter()
                .filter_map(|part| range(part, &schema))
                .map(|range| (range.column, bound(&range.low), bound(&range.high)))
                .collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(shown("a = 5"), [(0, some("5"), some("5"))]);
        assert_eq!(shown("a > 5 AND 9 >= a"), [(0, some("5"), None), (0, None, some("9"))]);
        assert_eq!(shown("a BETWEEN 1 AND 2"), [(0, some("1"), some("2"))]);
        assert_eq!(shown("x > 1.5"), []);
        assert_eq!(shown("x = 1.5"), [(2, some("1.5"), some("1.5"))]);
        assert_eq!(shown("a > 5 OR a < 2"), []);
    }
}
