//! `/admin/models/{name}`: what a model learnt and how well, and a form that predicts.
//!
//! The form asks by GET, so that a prediction is a link too: `/admin/models/prices?Area=3000`.

use serde::Serialize;
use serde_json::{Map, Number, Value};
use taipan::learn::Attribute;
use taipan::{ErrorKind, NamedModel};
use taipan_web::{HeaderMap, IntoResponse, Path, Problem, Query, State as Shared, StatusCode, format, header};

use super::shell::{Link, Shell};
use super::{Answer, cell, missing, model_path, page as render};
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
    features: &'a [String],
    trained: &'a str,
    took: String,
    scores: Vec<Score<'a>>,
    coefficients: Vec<Pair>,
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

/// A feature in the form, with what was typed and what is wrong with it.
#[derive(Debug, PartialEq, Serialize)]
struct Field<'a> {
    name: &'a str,
    value: String,
    error: Option<String>,
    #[serde(skip)]
    number: Option<f64>,
}

pub(super) async fn page(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Answer {
    render(state, move |state| match state.project.model(&name) {
        Ok(model) => show(state, &model, &pairs, &headers),
        Err(error) => missing(state, format!("There is no model “{name}”."), error.hint().map(super::sentence), None),
    })
    .await
}

fn show(state: &State, named: &NamedModel, pairs: &[(String, String)], headers: &HeaderMap) -> Answer {
    let form = fields(&named.model.features, pairs);
    let complete = form.iter().all(|field| field.number.is_some());
    let asked = complete || form.iter().any(|field| field.error.is_some());
    let (answer, error) = match (complete, row(&form)) {
        (true, row) => predict(state, &named.name, row)?,
        (false, _) => (None, None),
    };
    let status = if asked && answer.is_none() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let values = View {
        shell: Shell::new(state, &named.name, &model_path(&named.name))?.under([Link::new("Models", "/#models")]),
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
fn fields<'a>(features: &'a [String], pairs: &[(String, String)]) -> Vec<Field<'a>> {
    let sent = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
    let asked = features.iter().any(|feature| sent(feature).is_some());
    let field = |name: &'a String| {
        let value = sent(name).unwrap_or_default();
        let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
        let error = match (asked, number, value) {
            (false, ..) | (_, Some(_), _) => None,
            (true, None, "") => Some("A number is needed here.".to_owned()),
            (true, None, value) => Some(format!("“{value}” is not a number.")),
        };
        Field { name, value: value.to_owned(), error, number }
    };
    features.iter().map(field).collect()
}

/// The row that the form describes; a field that is not filled yet counts as 1, for the example.
fn row(form: &[Field<'_>]) -> Map<String, Value> {
    let number = |field: &Field<'_>| {
        let number = field.number.unwrap_or(1.0);
        // A whole number is written as one.
        let whole = format!("{number}").parse::<i64>().ok().map(Number::from);
        whole.or_else(|| Number::from_f64(number)).map_or(Value::Null, Value::Number)
    };
    form.iter().map(|field| (field.name.to_owned(), number(field))).collect()
}

/// A prediction, or why there is none.
fn predict(state: &State, name: &str, row: Map<String, Value>) -> Result<(Option<String>, Option<String>), Problem> {
    match state.project.predict(name, &[row]) {
        Ok(values) => Ok((values.first().map(|value| format::thousands(&cell::number(*value))), None)),
        Err(error) => match error.kind() {
            ErrorKind::InvalidInput(_) | ErrorKind::Learn(_) => Ok((None, Some(error.to_string()))),
            _ => Err(Problem::internal(error)),
        },
    }
}

fn facts(named: &NamedModel) -> Facts<'_> {
    let model = &named.model;
    let told = ["trained", "seconds"];
    let (coefficients, attributes) = learnt(model);
    Facts {
        name: &named.name,
        estimator: &model.estimator,
        target: &model.target,
        features: &model.features,
        trained: &named.trained,
        took: duration(named.seconds),
        scores: model.scores.iter().map(|(name, value)| Score { name, value }).collect(),
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
            Attribute::Vector(values) if name == "coef" && values.len() == model.features.len() => {
                let named = model.features.iter().zip(values);
                coefficients.extend(named.map(|(feature, value)| Pair::new(feature, cell::number(value))));
            }
            Attribute::Vector(values) => {
                let text: Vec<String> = values.into_iter().map(cell::number).collect();
                attributes.push(Pair::new(name, text.join(", ")));
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
        let features = ["a".to_owned(), "b".to_owned()];
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        // what was sent; the error of each field
        let cases = [
            (pairs(&[]), [None, None]),
            (pairs(&[("other", "1")]), [None, None]),
            (pairs(&[("a", " 1.5 "), ("b", "-2e3")]), [None, None]),
            (pairs(&[("a", "1")]), [None, Some("A number is needed here.")]),
            (pairs(&[("a", "two"), ("b", "inf")]), [Some("“two” is not a number."), Some("“inf” is not a number.")]),
        ];
        for (pairs, errors) in cases {
            let form = fields(&features, &pairs);
            assert_eq!([form[0].error.as_deref(), form[1].error.as_deref()], errors, "{pairs:?}");
        }
    }

    #[test]
    fn the_command_cannot_be_broken_out_of() {
        let features = ["it's".to_owned(), "n".to_owned()];
        let form = fields(&features, &[("n".to_owned(), "2.5".to_owned())]);
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
