//! The models of the application, and how to have them predict.

use serde_json::{Map, Value, json};
use taipan::NamedModel;
use taipan_web::format;

use super::{Document, Security, answer, error};
use crate::rest::csv_field;

impl Document {
    pub(super) fn models(&mut self) {
        let list = json!({
            "operationId": "models",
            "tags": ["models"],
            "summary": "The trained models",
            "responses": { "200": answer("The models.", &json!({ "type": "array", "items": { "type": "object" } })) },
        });
        self.paths.insert("/models".to_owned(), json!({ "get": list }));
    }

    pub(super) fn model(&mut self, named: &NamedModel, security: &Security) {
        let path = format!("/models/{}", format::url_part(&named.name));
        let row = self.unique("features", &named.name);
        let prediction = self.unique("prediction", &named.name);
        let inputs = taipan::inputs(&named.model);
        let names: Vec<String> = inputs.iter().map(|input| input.name.to_owned()).collect();
        let schema = |input: &taipan::Input<'_>| match input.texts {
            None => json!({ "type": "number" }),
            Some(texts) => json!({ "type": "string", "enum": texts }),
        };
        let features: Map<String, Value> = inputs.iter().map(|input| (input.name.to_owned(), schema(input))).collect();
        // A model that was trained can be asked what it answers.
        let answers = taipan::answer_schema(&named.model).unwrap_or_default();
        let required: Vec<String> = answers.keys().cloned().collect();
        self.schemas.insert(row.clone(), json!({ "type": "object", "properties": features, "required": names }));
        self.schemas
            .insert(prediction.clone(), json!({ "type": "object", "properties": answers, "required": required }));
        let describe = json!({
            "operationId": self.unique("model", &named.name),
            "tags": ["models"],
            "summary": format!("The model {}: parameters, coefficients, scores, lineage", named.name),
            "responses": { "200": answer("The model.", &json!({ "type": "object" })) },
            "security": security,
        });
        self.paths.insert(path.clone(), json!({ "get": describe }));

        let row = json!({ "$ref": format!("#/components/schemas/{row}") });
        let prediction = json!({ "$ref": format!("#/components/schemas/{prediction}") });
        let value = |input: &taipan::Input<'_>| input.texts.map_or(json!(0), |texts| json!(texts.first()));
        let example: Map<String, Value> = inputs.iter().map(|input| (input.name.to_owned(), value(input))).collect();
        let csv_example = csv_example(&example);
        let predict = json!({
            "operationId": self.unique("predict", &named.name),
            "tags": ["models"],
            "summary": format!("Predict {} by the model {}", required.join(", "), named.name),
            "security": security,
            "parameters": [{
                "name": "proba", "in": "query", "description": "With the probabilities of the classes.",
                "schema": { "type": "boolean", "default": false },
            }],
            "requestBody": {
                "required": true,
                "content": {
                    "application/json": {
                        "schema": { "oneOf": [{ "type": "array", "items": row }, row] },
                        "example": [example],
                    },
                    "text/csv": { "schema": { "type": "string" }, "example": csv_example },
                    "application/vnd.apache.arrow.stream": {},
                },
            },
            "responses": {
                "200": {
                    "description": "A prediction for each row, in the form of the rows.",
                    "content": {
                        "application/json": { "schema": { "type": "array", "items": prediction } },
                        "text/csv": { "schema": { "type": "string" } },
                        "application/x-ndjson": { "schema": { "type": "string" } },
                        "application/vnd.apache.arrow.stream": { "schema": {} },
                    },
                },
                "400": error("A row that cannot be read, by row and field."),
                "406": error("A form that cannot be given."),
                "413": error("More rows than one request may hold."),
                "415": error("Rows in a form that cannot be read."),
            },
        });
        let mut call = predict.clone();
        call["operationId"] = json!(self.unique("call", &named.name));
        self.paths.insert(format!("/api/rpc/{}", format::url_part(&named.name)), json!({ "post": call }));
        self.paths.insert(format!("{path}/predict"), json!({ "post": predict }));
    }
}

/// A header and one row.
fn csv_example(row: &Map<String, Value>) -> String {
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (position, cell) in cells.enumerate() {
            text.push_str(if position == 0 { "" } else { "," });
            csv_field(&mut text, cell);
        }
        text.push('\n');
    };
    line(&mut row.keys().map(String::as_str));
    line(&mut row.values().map(|value| value.as_str().unwrap_or("0")));
    text
}
