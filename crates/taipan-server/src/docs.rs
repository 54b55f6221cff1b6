//! `GET /docs`: the OpenAPI document as a page for people, on which every call can be tried.

use serde::Serialize;
use serde_json::Value;
use taipan_web::{Asset, Page, Router, Session, State as Shared, get};

use crate::admin::Shell;
use crate::error::{Error, Result};
use crate::{State, openapi};

const ASSETS: [Asset; 2] = [
    Asset::hashed("docs.css", include_bytes!("../assets/docs.css")),
    Asset::hashed("docs.js", include_bytes!("../assets/docs.js")),
];

/// The page's script and style.
pub(crate) fn assets() -> &'static [Asset] {
    &ASSETS
}

pub(crate) fn routes() -> Router<State> {
    Router::new().route("/docs", get(page))
}

async fn page(Shared(state): Shared<State>, session: Session) -> Result<Page> {
    crate::work::blocking(move || {
        let asker = state.access.visitor(&session);
        let document = openapi::describe(&state, &asker)?;
        let shell = Shell::new(&state, "API", "/docs")?.of(&session, asker.user());
        state.templates.render("docs.html", &View::of(shell, &document)).map_err(Error::from)
    })
    .await
}

/// The document as the template sees it.
#[derive(Serialize)]
struct View {
    shell: Shell,
    title: String,
    description: String,
    version: String,
    groups: Vec<Group>,
}

/// The calls of one tag.
#[derive(Debug, Serialize)]
struct Group {
    name: String,
    description: String,
    calls: Vec<Call>,
}

#[derive(Debug, Serialize)]
struct Call {
    id: String,
    method: String,
    path: String,
    summary: String,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    answers: Vec<Answer>,
}

#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    /// `query` or `header`.
    place: String,
    kind: String,
    description: String,
    example: String,
    choices: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Body {
    examples: Vec<Example>,
    fields: Vec<Field>,
}

/// A body of one media type.
#[derive(Debug, Serialize)]
struct Example {
    media: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: String,
    description: String,
    media: Vec<String>,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    name: String,
    kind: String,
}

impl View {
    fn of(shell: Shell, document: &Value) -> Self {
        let groups = items(&document["tags"]).map(|tag| Group::of(document, tag)).collect();
        let info = &document["info"];
        Self {
            shell,
            title: text(&info["title"]),
            description: text(&info["description"]),
            version: text(&info["version"]),
            groups,
        }
    }
}

impl Group {
    fn of(document: &Value, tag: &Value) -> Self {
        let calls = entries(&document["paths"]).flat_map(|(path, methods)| {
            let listed = entries(methods).filter(|(method, call)| {
                // A HEAD is the GET that the page shows already, without its body.
                *method != "head" && items(&call["tags"]).any(|name| name == &tag["name"])
            });
            listed.map(move |(method, call)| Call::of(document, path, method, call))
        });
        Self { name: text(&tag["name"]), description: text(&tag["description"]), calls: calls.collect() }
    }
}

impl Call {
    fn of(document: &Value, path: &str, method: &str, call: &Value) -> Self {
        let media = |content: &Value| entries(content).map(|(media, _)| media.to_owned()).collect::<Vec<_>>();
        let row = |content: &Value| row_fields(document, &content["application/json"]["schema"]);
        let body = call.get("requestBody").map(|body| Body {
            examples: entries(&body["content"])
                .map(|(media, content)| Example::of(media, &content["example"]))
                .collect(),
            fields: row(&body["content"]),
        });
        let answers = entries(&call["responses"]).map(|(status, answer)| Answer {
            status: status.to_owned(),
            description: text(&answer["description"]),
            media: media(&answer["content"]),
            fields: if status == "200" { row(&answer["content"]) } else { Vec::new() },
        });
        // A change is filtered as a read is, whose parameters the page shows already.
        let own = |_: &&Value| !matches!(method, "patch" | "delete");
        let parameters =
            items(&call["parameters"]).filter(own).map(|parameter| Parameter::of(resolve(document, parameter)));
        Self {
            id: text(&call["operationId"]),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            summary: text(&call["summary"]),
            parameters: parameters.collect(),
            body,
            answers: answers.collect(),
        }
    }
}

impl Example {
    fn of(media: &str, example: &Value) -> Self {
        let text = match example {
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_default(),
        };
        Self { media: media.to_owned(), text }
    }
}

impl Parameter {
    fn of(parameter: &Value) -> Self {
        Self {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            kind: kind(&parameter["schema"]),
            description: text(&parameter["description"]),
            example: text(&parameter["examples"]["filter"]["value"]),
            choices: items(&parameter["schema"]["enum"]).map(text).collect(),
        }
    }
}

/// The fields of a row in a body: of an object, or of an array's objects.
fn row_fields(document: &Value, schema: &Value) -> Vec<Field> {
    let schema = items(&schema["oneOf"]).next().unwrap_or(schema);
    let row = resolve(document, schema.get("items").unwrap_or(schema));
    entries(&row["properties"]).map(|(name, schema)| Field { name: name.to_owned(), kind: kind(schema) }).collect()
}

/// What a `$ref` stands for.
fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn kind(schema: &Value) -> String {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null => "any".to_owned(),
        kind => text(kind),
    };
    match schema["format"].as_str() {
        Some(format @ ("date" | "date-time")) => kind.replacen("string", format, 1),
        _ => kind,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_told_in_words() {
        let cases = [
            (json!({ "type": "integer", "format": "int64" }), "integer"),
            (json!({ "type": ["string", "null"], "format": "date" }), "date or null"),
            (json!({}), "any"),
        ];
        for (schema, expected) in cases {
            assert_eq!(kind(&schema), expected, "{schema}");
        }
    }
}
