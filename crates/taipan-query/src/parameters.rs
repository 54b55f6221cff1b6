//! Parameters of a statement: `$name` in its text, bound to a value each.

use std::collections::HashMap;

use arrow::datatypes::DataType;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Expr, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::walk::Pass;

/// A value for a parameter. A text is read as what the parameter is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text, or anything that can be read from one.
    Text(String),
}

impl Param {
    fn scalar(&self) -> ScalarValue {
        match self {
            Self::Null => ScalarValue::Null,
            Self::Boolean(value) => ScalarValue::Boolean(Some(*value)),
            Self::Integer(value) => ScalarValue::Int64(Some(*value)),
            Self::Real(value) => ScalarValue::Float64(Some(*value)),
            Self::Text(text) => ScalarValue::Utf8(Some(text.clone())),
        }
    }
}

/// A text as a value of this type; a fraction stays one beside whole numbers.
fn read(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    let value = ScalarValue::Utf8(Some(text.to_owned())).cast_to(data_type).ok();
    match value {
        None if data_type.is_integer() => text.parse().ok().map(|number| ScalarValue::Float64(Some(number))),
        value => value,
    }
}

/// The names of the parameters in a statement, each once.
#[derive(Default)]
pub(crate) struct Named(pub(crate) Vec<String>);

impl Pass for Named {
    fn expr(&mut self, expr: &mut Expr) {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
        {
            let name = name.trim_start_matches('$');
            if !self.0.iter().any(|known| known == name) {
                self.0.push(name.to_owned());
            }
        }
    }
}

/// The plan with a value for each parameter.
pub(crate) fn bind(plan: LogicalPlan, values: &[(String, Param)]) -> Result<LogicalPlan> {
    let types = plan.get_parameter_types().map_err(Error::from_datafusion)?;
    if types.is_empty() {
        return Ok(plan);
    }
    let mut bound = HashMap::new();
    for (name, data_type) in &types {
        let name = name.trim_start_matches('$');
        let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
            return Err(Error::new(ErrorKind::Invalid(format!("the parameter ${name} has no value"))));
        };
        let scalar = match (value, data_type) {
            (Param::Text(text), Some(data_type)) => read(text, data_type).ok_or_else(|| {
                let kind = data_type.to_string().to_lowercase();
                Error::new(ErrorKind::Invalid(format!("the parameter ${name} is {kind}, and cannot be '{text}'")))
            })?,
            // A number stays as exact as it was given, whatever it is compared with.
            _ => value.scalar(),
        };
        bound.insert(name.to_owned(), ScalarAndMetadata::from(scalar));
    }
    plan.with_param_values(ParamValues::Map(bound)).map_err(Error::from_datafusion)
}
