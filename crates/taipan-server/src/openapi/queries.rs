//! The queries of the app file as calls.

use serde_json::{Map, Value, json};
use taipan::NamedQuery;
use taipan_web::format;

use super::{Document, Security, error};

impl Document {
    pub(super) fn query(&mut self, query: &NamedQuery, security: &Security) {
        let summary = query.title.clone().unwrap_or_else(|| format!("The query {}", query.name));
        let any: Map<String, Value> = query.parameters.iter().map(|name| (name.clone(), json!({}))).collect();
        let body = json!({ "type": "object", "properties": any, "required": query.parameters });
        let parameter = |name: &String| json!({ "name": name, "in": "query", "required": true, "schema": {} });
        let parameters: Vec<Value> = query.parameters.iter().map(parameter).collect();
        let responses = json!({
            "200": {
                "description": "The rows.",
                "content": {
                    "application/json": { "schema": { "type": "array", "items": { "type": "object" } } },
                    "text/csv": { "schema": { "type": "string" } },
                },
            },
            "400": error("A value that does not fit its parameter, or cannot be computed with."),
            "404": error("Other parameters than those of the query."),
            "406": error("No form in which the rows can be sent."),
            "500": error("It took longer than it may."),
            "503": error("It needs more memory than there is for it."),
        });
        let call = |id: String| json!({ "operationId": id, "tags": ["queries"], "summary": summary, "responses": responses, "security": security });
        let mut get = call(self.unique("call", &query.name));
        get["parameters"] = json!(parameters);
        let mut post = call(self.unique("post", &query.name));
        let content = json!({ "application/json": { "schema": body } });
        post["requestBody"] = json!({ "required": !query.parameters.is_empty(), "content": content });
        let path = format!("/api/rpc/{}", format::url_part(&query.name));
        self.paths.insert(path, json!({ "get": get, "post": post }));
    }
}
