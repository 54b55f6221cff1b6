//! `/admin/models/{name}`: what a model learnt and how well, and a form that predicts.
//!
//! The form asks by GET, so that a prediction is a link too: `/admin/models/prices?Area=3000`.

use serde::Serialize;
use serde_json::{Map, Number, Value};
use taipan::learn::Attribute;
use taipan::{ErrorKind, NamedModel, class_names, inputs};
use taipan_web::{HeaderMap, IntoResponse, Path, Problem, Query, Session, State as Shared, StatusCode, format, header};

use super::shell::{Link, Shell};
use super::{Answer, cell, model_path, page as render, unseen};
use crate::State;

#[derive(Serialize)]
struct View<'a> {
    shell: Shell,
    path: String,
    model: Facts<'a>,
    form: Vec<Field<'a>>,
    answer: Option<String>,
    error: Option<String>,
    call: String,
}

#[derive(Serialize)]
struct Facts<'a> {
    name: &'a str,
    estimator: &'a str,
    target: &'a str,
    predicts: bool,
    inputs: usize,
    classes: Vec<String>,
    trained: &'a str,
    took: String,
    scores: Vec<Score<'a>>,
    coefficients: Vec<Pair>,
    /// What they are.
    weights: &'static str,
    attributes: Vec<Pair>,
    parameters: Vec<Pair>,
    lineage: Vec<Pair>,
}

#[derive(Serialize)]
struct Score<'a> {
    name: &'a str,
    value: Option<f64>,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    value: String,
}

/// The name of a column that a model looks at, and the texts it may hold unless it holds numbers.
type Column<'a> = (&'a str, Option<&'a [String]>);

/// A column that the model looks at in the form, with what was typed and what is wrong with it.
#[derive(Debug, PartialEq, Serialize)]
struct Field<'a> {
    name: &'a str,
    /// What can be chosen; none for a number.
    texts: Option<&'a [String]>,
    value: String,
    error: Option<String>,
    #[serde(skip)]
    sent: Option<Value>,
}

pub(super) async fn page(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    session: Session,
) -> Answer {
    render(state, move |state| match state.model_for(&state.access.visitor(&session), &name) {
        Ok(model) => show(state, &model, &pairs, &headers, &session),
        Err(error) => unseen(state, &error, format!("There is no model “{name}”."), &model_path(&name)),
    })
    .await
}

fn show(
    state: &State,
    named: &NamedModel,
    pairs: &[(String, String)],
    headers: &HeaderMap,
    session: &Session,
) -> Answer {
    let user = state.access.logged_in(session);
    let columns: Vec<Column<'_>> = inputs(&named.model).iter().map(|input| (input.name, input.texts)).collect();
    let form = fields(&columns, pairs);
    let complete = form.iter().all(|field| field.sent.is_some());
    let asked = complete || form.iter().any(|field| field.error.is_some());
    let (answer, error) = match (complete, row(&form)) {
        (true, row) => predict(state, &named.name, row)?,
        (false, _) => (None, None),
    };
    let status = if asked && answer.is_none() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let values = View {
        shell: Shell::new(state, &named.name, &model_path(&named.name))?
            .of(session, user.as_ref())
            .under([Link::new("Models", "/#models")]),
        path: model_path(&named.name),
        model: facts(named),
        call: call(&named.name, row(&form), headers),
        form,
        answer,
        error,
    };
    Ok(state.templates.render("model.html", &values)?.status(status).into_response())
}

/// The form's fields, judged once any of them was sent.
fn fields<'a>(columns: &[Column<'a>], pairs: &[(String, String)]) -> Vec<Field<'a>> {
    let sent = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
    let asked = columns.iter().any(|(name, _)| sent(name).is_some());
    let field = |&(name, texts): &Column<'a>| {
        let value = sent(name).unwrap_or_default();
        let (sent, error) = match texts {
            Some(texts) if texts.iter().any(|text| text == value) => (Some(Value::from(value)), None),
            Some(_) if value.is_empty() => (None, Some("Choose one of these.".to_owned())),
            Some(_) => (None, Some(format!("The model has not learnt “{value}”."))),
            None => match (number(value), value) {
                (Some(number), _) => (Some(number), None),
                (None, "") => (None, Some("A number is needed here.".to_owned())),
                (None, value) => (None, Some(format!("“{value}” is not a number."))),
            },
        };
        let error = if asked { error } else { None };
        Field { name, texts, value: value.to_owned(), error, sent }
    };
    columns.iter().map(field).collect()
}

/// A finite number; a whole one is written as such.
fn number(text: &str) -> Option<Value> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let whole = format!("{number}").parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(number)).map(Value::Number)
}

/// The row that the form describes; for the example, a field that is not filled yet counts as 1 or its first text.
fn row(form: &[Field<'_>]) -> Map<String, Value> {
    let example = |field: &Field<'_>| field.texts.map_or(Value::from(1), |texts| Value::from(texts.first().cloned()));
    form.iter().map(|field| (field.name.to_owned(), field.sent.clone().unwrap_or_else(|| example(field)))).collect()
}

/// A prediction, or why there is none.
fn predict(state: &State, name: &str, row: Map<String, Value>) -> Result<(Option<String>, Option<String>), Problem> {
    match state.project.predict(name, &[row]) {
        Ok(answers) => Ok((answers.first().map(told), None)),
        Err(error) => match error.kind() {
            ErrorKind::InvalidInput(_) | ErrorKind::Learn(_) => Ok((None, Some(error.to_string()))),
            _ => Err(Problem::internal(error)),
        },
    }
}

/// An answer for people: its one value, or all with their names.
fn told(answer: &Map<String, Value>) -> String {
    let text = |value: &Value| match value {
        Value::Number(number) => format::thousands(&cell::number(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if answer.len() == 1 {
        return answer.values().map(text).collect();
    }
    let named: Vec<String> = answer.iter().map(|(name, value)| format!("{name} {}", text(value))).collect();
    named.join(", ")
}

fn facts(named: &NamedModel) -> Facts<'_> {
    let model = &named.model;
    let told = ["trained", "seconds"];
    let (coefficients, attributes) = learnt(model);
    Facts {
        name: &named.name,
        estimator: &model.estimator,
        target: if model.target.is_empty() { "cluster" } else { &model.target },
        predicts: taipan::answer_schema(model).is_ok_and(|answers| answers.len() == 1),
        inputs: inputs(model).len(),
        classes: class_names(model),
        trained: &named.trained,
        took: duration(named.seconds),
        scores: model.scores.iter().map(|(name, value)| Score { name, value }).collect(),
        weights: if model.predictor().attributes().into_iter().any(|(name, _)| name == "feature_importances") {
            "Importance"
        } else {
            "Coefficients"
        },
        coefficients,
        attributes,
        parameters: model.params.iter().map(|(name, value)| Pair::new(name, value.to_string())).collect(),
        lineage: model
            .lineage
            .iter()
            .filter(|(name, _)| !told.contains(&name.as_str()))
            .map(|(name, value)| Pair::new(name, value.clone()))
            .collect(),
    }
}

/// What was learnt: the coefficients by feature, with the intercept, and whatever else the fit says.
fn learnt(model: &taipan::learn::Model) -> (Vec<Pair>, Vec<Pair>) {
    let (mut coefficients, mut attributes) = (Vec::new(), Vec::new());
    for (name, attribute) in model.predictor().attributes() {
        match attribute {
            Attribute::Scalar(value) if name == "intercept" => coefficients.push(Pair::new(name, cell::number(value))),
            Attribute::Scalar(value) => attributes.push(Pair::new(name, cell::number(value))),
            Attribute::Vector(values)
                if matches!(name, "coef" | "feature_importances") && values.len() == model.features.len() =>
            {
                let named = model.features.iter().zip(values);
                coefficients.extend(named.map(|(feature, value)| Pair::new(feature, cell::number(value))));
            }
            Attribute::Vector(values) => {
                let text: Vec<String> = values.into_iter().map(cell::number).collect();
                attributes.push(Pair::new(name, text.join(", ")));
            }
            Attribute::Text(text) => attributes.push(Pair::new(name, text)),
            Attribute::Matrix(values) => {
                attributes.push(Pair::new(name, format!("{} × {} numbers", values.nrows(), values.ncols())));
            }
            _ => {}
        }
    }
    (coefficients, attributes)
}

impl Pair {
    fn new(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), value }
    }
}

/// The same prediction as a command for a shell.
fn call(name: &str, row: Map<String, Value>, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| {
        // It is pasted into a shell: nothing but what a host name is made of.
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    });
    let body = Value::Array(vec![Value::Object(row)]).to_string().replace('\'', r"'\''");
    let path = format::url_part(name);
    format!(
        "curl http://{}/models/{path}/predict -H 'content-type: application/json' -d '{body}'",
        host.unwrap_or("localhost")
    )
}

fn duration(seconds: f64) -> String {
    if seconds < 0.001 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_judged_once_one_was_sent() {
        let days = ["Sat".to_owned(), "Sun".to_owned()];
        let columns: [Column<'_>; 3] = [("a", None), ("b", None), ("day", Some(&days))];
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        // what was sent; the error of each field
        let cases = [
            (pairs(&[]), [None, None, None]),
            (pairs(&[("other", "1")]), [None, None, None]),
            (pairs(&[("a", " 1.5 "), ("b", "-2e3"), ("day", "Sun")]), [None, None, None]),
            (pairs(&[("a", "1")]), [None, Some("A number is needed here."), Some("Choose one of these.")]),
            (
                pairs(&[("a", "two"), ("b", "inf"), ("day", "Mon")]),
                [
                    Some("“two” is not a number."),
                    Some("“inf” is not a number."),
                    Some("The model has not learnt “Mon”."),
                ],
            ),
        ];
        for (pairs, errors) in cases {
            let form = fields(&columns, &pairs);
            let found: Vec<Option<&str>> = form.iter().map(|field| field.error.as_deref()).collect();
            assert_eq!(found, errors, "{pairs:?}");
        }
    }

    #[test]
    fn the_command_cannot_be_broken_out_of() {
        let form = fields(&[("it's", None), ("n", None)], &[("n".to_owned(), "2.5".to_owned())]);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "x;rm".parse().expect("a header value"));
        assert_eq!(
            call("a b", row(&form), &headers),
            r#"curl http://localhost/models/a%20b/predict -H 'content-type: application/json' -d '[{"it'\''s":1,"n":2.5}]'"#
        );
    }

    #[test]
    fn durations() {
        for (seconds, text) in [(0.000_02, "20 µs"), (0.0021, "2 ms"), (1.25, "1.2 s"), (90.0, "90.0 s")] {
            assert_eq!(duration(seconds), text);
        }
    }
}
