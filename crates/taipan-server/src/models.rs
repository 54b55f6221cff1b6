//! The application's models: `GET /models`, `GET /models/{name}`, and `POST /models/{name}/predict`.
//!
//! Rows to predict for come as JSON objects, as CSV with a header or as Arrow's stream, and predictions go back in the same
//! form unless another is asked for, under the name of the model's target, of a cluster, or of a transformer's new columns;
//! with `proba=true`, the probabilities of the classes beside them.

use serde_json::{Map, Value, json};
use taipan::arrow::array::RecordBatch;
use taipan::learn::Attribute;
use taipan::{NamedModel, Predictions, Samples, attribute_json, class_names, inputs};
use taipan_web::axum::http::Extensions;
use taipan_web::header::{ACCEPT, CONTENT_TYPE};
use taipan_web::{
    Bytes, HeaderMap, IntoResponse, Json, Path, RawQuery, Response, Router, State as Shared, StatusCode, format, get,
};

use crate::State;
use crate::error::{Error, Result};
use crate::rest::Media;
use crate::{forms, rows};

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

/// Rows in a request's body.
enum Sent {
    Objects(Vec<Map<String, Value>>),
    Batches(Vec<RecordBatch>),
}

impl Sent {
    /// Errors: rows that cannot be read, by row and place.
    fn read(form: Media, body: &Bytes) -> Result<Self> {
        Ok(match form {
            Media::Csv => Self::Objects(rows::from_csv(body)?),
            Media::Arrow => Self::Batches(rows::from_arrow(body)?),
            _ => Self::Objects(rows::from_json(body)?),
        })
    }

    fn samples(&self) -> Samples<'_> {
        match self {
            Self::Objects(rows) => Samples::Objects(rows),
            Self::Batches(batches) => Samples::Batches(batches),
        }
    }
}

/// The form of a body, by its content type; JSON where none is said.
fn sent_form(headers: &HeaderMap) -> Result<Media> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(Media::Json);
    };
    let text = value.to_str().unwrap_or("?");
    let kind = text.split(';').next().unwrap_or_default().trim();
    let is = |known: &str| kind.eq_ignore_ascii_case(known);
    if is("application/json") {
        Ok(Media::Json)
    } else if is("text/csv") {
        Ok(Media::Csv)
    } else if is("application/vnd.apache.arrow.stream") {
        Ok(Media::Arrow)
    } else {
        Err(Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("rows cannot be read from '{text}'"),
        )
        .hint("Send application/json, text/csv or application/vnd.apache.arrow.stream."))
    }
}

/// The form of the answer: as asked for, and where anything will do, as the rows came.
fn answer_form(headers: &HeaderMap, sent: Media) -> Result<Media> {
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() || ranges.any(|value| value.contains("*/*")) {
        return Ok(sent);
    }
    Media::negotiate(headers)
}

pub(crate) async fn predict(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let form = sent_form(&headers)?;
    let media = answer_form(&headers, form)?;
    let proba = proba(query.as_deref().unwrap_or_default())?;
    // Known before the body is read, so that a wrong name is told as such.
    let named = state.model_for(&state.reader(&headers, &extensions)?, &name)?;
    crate::work::blocking(move || {
        let sent = Sent::read(form, &body)?;
        let predictions = Predictions::of(&named.model, sent.samples(), proba)?;
        answer(&predictions, media)
    })
    .await
}

/// Whether the probabilities of the classes are asked for; a parameter that there is not is an error, lest it be a typing slip.
fn proba(query: &str) -> Result<bool> {
    let mut wanted = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        wanted = match pair {
            "proba" | "proba=true" => true,
            "proba=false" => false,
            other => {
                let message = match other.strip_prefix("proba=") {
                    Some(value) => format!("proba is true or false, not '{value}'"),
                    None => format!("there is no parameter '{}'", other.split('=').next().unwrap_or(other)),
                };
                return Err(
                    Error::new(StatusCode::BAD_REQUEST, "invalid_input", message).hint("The only one is proba=true")
                );
            }
        };
    }
    Ok(wanted)
}

fn answer(predictions: &Predictions, media: Media) -> Result<Response> {
    if media == Media::Json {
        return Ok(Json(predictions.objects()).into_response());
    }
    let batch = predictions.batch()?;
    forms::answer(&batch.schema(), std::slice::from_ref(&batch), media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_says_the_form() {
        let cases = [
            (None, Ok(Media::Json)),
            (Some("application/json"), Ok(Media::Json)),
            (Some("Application/JSON; charset=utf-8"), Ok(Media::Json)),
            (Some("text/csv; header=present"), Ok(Media::Csv)),
            (Some("application/vnd.apache.arrow.stream"), Ok(Media::Arrow)),
            (Some("application/xml"), Err("unsupported_media_type")),
        ];
        for (kind, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(kind) = kind {
                headers.insert(CONTENT_TYPE, kind.parse().expect("a header value"));
            }
            assert_eq!(sent_form(&headers).map_err(|error| error.code()), expected, "{kind:?}");
        }
    }

    #[test]
    fn probabilities_are_asked_for_and_a_slip_is_told() {
        let cases = [
            ("", Ok(false)),
            ("proba", Ok(true)),
            ("proba=true", Ok(true)),
            ("proba=false", Ok(false)),
            ("proba=yes", Err("proba is true or false, not 'yes'")),
            ("probability=true", Err("there is no parameter 'probability'")),
            ("proba=true&x=1", Err("there is no parameter 'x'")),
        ];
        for (query, expected) in cases {
            let found = proba(query).map_err(|error| error.message().to_owned());
            assert_eq!(found, expected.map_err(str::to_owned), "{query}");
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
