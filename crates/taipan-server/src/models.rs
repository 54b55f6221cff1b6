//! The application's models: `GET /models`, `GET /models/{name}`, and `POST /models/{name}/predict`.
//!
//! Rows to predict for come as JSON objects or as CSV with a header, and predictions go back in the same form, under
//! the name of the model's target, of a cluster, or of a transformer's new columns.

use serde_json::{Map, Value, json};
use taipan::learn::Attribute;
use taipan::{NamedModel, attribute_json, class_names, inputs};
use taipan_web::axum::http::Extensions;
use taipan_web::header::CONTENT_TYPE;
use taipan_web::{
    Bytes, HeaderMap, HeaderValue, IntoResponse, Json, Path, Response, Router, State as Shared, StatusCode, format, get,
};

use crate::State;
use crate::error::{Error, Result};
use crate::rest::csv_field;
use crate::rows;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/models", get(list))
        .route("/models/{name}", get(describe))
        .route("/models/{name}/predict", taipan_web::post(predict))
}

async fn list(Shared(state): Shared<State>, extensions: Extensions, headers: HeaderMap) -> Result<Json<Vec<Value>>> {
    let models = state.models_for(&state.reader(&headers, &extensions)?);
    let entry = |model: &NamedModel| {
        let mut entry = summary(model);
        entry["url"] = json!(format!("/models/{}", format::url_part(&model.name)));
        entry
    };
    Ok(Json(models.iter().map(|model| entry(model)).collect()))
}

async fn describe(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Json<Value>> {
    let named = state.model_for(&state.reader(&headers, &extensions)?, &name)?;
    let mut body = summary(&named);
    let model = &named.model;
    body["params"] = json!(model.params);
    let mut attributes = Map::new();
    for (name, attribute) in model.predictor().attributes() {
        let value = match attribute {
            Attribute::Vector(values) => by_feature(name, &model.features, &values),
            other => attribute_json(&other),
        };
        attributes.insert(name.to_owned(), value);
    }
    body["attributes"] = Value::Object(attributes);
    body["lineage"] = json!(model.lineage);
    body["predict"] = json!(format!("/models/{}/predict", format::url_part(&named.name)));
    Ok(Json(body))
}

/// One number for each feature is told by the features' names; other vectors are lists.
fn by_feature(attribute: &str, features: &[String], values: &[f64]) -> Value {
    let told_by_feature = matches!(attribute, "coef" | "feature_importances" | "mean");
    if told_by_feature && values.len() == features.len() {
        let pairs = features.iter().zip(values).map(|(feature, value)| (feature.clone(), json!(value)));
        Value::Object(pairs.collect())
    } else {
        json!(values)
    }
}

fn summary(named: &NamedModel) -> Value {
    let model = &named.model;
    json!({
        "name": named.name,
        "estimator": model.estimator,
        "features": model.features,
        "inputs": inputs(model).iter().map(|input| input.name).collect::<Vec<_>>(),
        "target": if model.target.is_empty() { Value::Null } else { json!(model.target) },
        "classes": if model.classes().is_empty() { Value::Null } else { json!(class_names(model)) },
        "scores": model.scores,
        "trained": named.trained,
        "seconds": named.seconds,
    })
}

/// The forms in which rows come and predictions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

impl Form {
    /// The form of a body, by its content type; JSON where none is said.
    fn of(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        let text = value.to_str().unwrap_or("?");
        let kind = text.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else if kind.eq_ignore_ascii_case("text/csv") {
            Ok(Self::Csv)
        } else {
            Err(Error::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("rows cannot be read from '{text}'"),
            )
            .hint("Send application/json or text/csv."))
        }
    }
}

pub(crate) async fn predict(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let form = Form::of(&headers)?;
    // Known before the body is read, so that a wrong name is told as such.
    let _ = state.model_for(&state.reader(&headers, &extensions)?, &name)?;
    crate::work::blocking(move || {
        let rows = match form {
            Form::Json => rows::from_json(&body)?,
            Form::Csv => rows::from_csv(&body)?,
        };
        let predictions = state.project.predict(&name, &rows)?;
        Ok::<_, Error>(match form {
            Form::Json => Json(predictions).into_response(),
            Form::Csv => csv_answer(&predictions),
        })
    })
    .await
}

fn csv_answer(predictions: &[Map<String, Value>]) -> Response {
    let mut text = String::with_capacity(predictions.len() * 20 + 64);
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (at, cell) in cells.enumerate() {
            text.push_str(if at > 0 { "," } else { "" });
            csv_field(&mut text, cell);
        }
        text.push('\n');
    };
    if let Some(first) = predictions.first() {
        line(&mut first.keys().map(String::as_str));
    }
    for row in predictions {
        let cells: Vec<String> = row.values().map(cell).collect();
        line(&mut cells.iter().map(String::as_str));
    }
    ([(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"))], text).into_response()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_says_the_form() {
        let cases = [
            (None, Ok(Form::Json)),
            (Some("application/json"), Ok(Form::Json)),
            (Some("Application/JSON; charset=utf-8"), Ok(Form::Json)),
            (Some("text/csv; header=present"), Ok(Form::Csv)),
            (Some("application/xml"), Err("unsupported_media_type")),
        ];
        for (kind, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(kind) = kind {
                headers.insert(CONTENT_TYPE, kind.parse().expect("a header value"));
            }
            assert_eq!(Form::of(&headers).map_err(|error| error.code()), expected, "{kind:?}");
        }
    }

    #[test]
    fn coefficients_are_told_by_feature() {
        let features = ["a".to_owned(), "b".to_owned()];
        assert_eq!(by_feature("coef", &features, &[1.5, 2.0]), json!({ "a": 1.5, "b": 2.0 }));
        assert_eq!(by_feature("coef", &features, &[1.5]), json!([1.5]));
        assert_eq!(by_feature("classes", &features, &[0.0, 1.0]), json!([0.0, 1.0]));
    }
}
