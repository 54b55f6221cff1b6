//! The description of the interface, OpenAPI 3.1, made from what the application has at this moment: a path for each
//! table with its columns, one for each model with its training columns, one for each plot.
//!
//! `GET /openapi.json` and `GET /api/` serve it; `docs.rs` shows it to people.

mod models;
mod queries;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use taipan::store::resource::Declared;
use taipan::store::schema::Preset;
use taipan::store::{Column, Kind, Table};
use taipan_web::{Json, Request, State as Shared, format};

use crate::State;
use crate::access::Verb;
use crate::error::{Error, Result, type_name};
use crate::rights::Asker;

/// Parameters of PostgREST that a column's filter must be quoted to tell apart from.
const RESERVED: [&str; 10] =
    ["select", "order", "limit", "offset", "and", "or", "not.and", "not.or", "columns", "on_conflict"];

/// The document, for a program.
pub(crate) async fn document(Shared(state): Shared<State>, request: Request) -> Result<Json<Value>> {
    let asker = state.access.asker(request.headers(), request.extensions(), Verb::Write)?;
    drop(request);
    crate::work::blocking(move || describe(&state, &asker)).await.map(Json)
}

/// Describes what this asker may call, and no more.
///
/// # Errors
/// The tables cannot be listed.
pub(crate) fn describe(state: &State, asker: &Asker) -> Result<Value> {
    let project = &state.project;
    let mut document = Document::default();
    let stranger = Asker::new(&state.access, None);
    let needs = |reads: &[String]| of_login(!stranger.reads_whole(project.store(), reads));
    for table in project.tables().map_err(Error::from)? {
        let is_readable = asker.rows(&table, Verb::Read).is_some();
        let is_writable = asker.may_write(&table);
        if is_readable || is_writable {
            let described = Described {
                shown: &asker.columns(&table),
                whole: &table,
                class: state.access.class_of(&table.name),
                read: is_readable.then(|| of_login(stranger.rows(&table, Verb::Read).is_none())),
                write: is_writable.then(|| of_login(!stranger.may_write(&table))),
                has_changes: is_readable && !table.is_view && asker.hears(&table).is_ok(),
            };
            document.table(&described);
        }
    }
    document.models();
    for model in state.models_for(asker) {
        document.model(&model, &needs(&model.reads));
    }
    for query in state.queries_for(asker)? {
        document.query(&query, &needs(&query.reads));
    }
    document.plots();
    for plot in state.plots_for(asker) {
        document.plot(&plot.name, &needs(&plot.reads));
    }
    if state.access.allows(asker.user(), Verb::Write) {
        document.jobs();
    }
    document.rest();
    Ok(document.finish(project.name()))
}

/// A table, and what somebody may do with it.
struct Described<'a> {
    /// With the columns that are shown.
    shown: &'a Table,
    /// With all that it has, for those who write it.
    whole: &'a Table,
    class: Option<&'a Declared>,
    /// What reading it needs, if it may be read.
    read: Option<Security>,
    write: Option<Security>,
    has_changes: bool,
}

/// What a call needs, as OpenAPI has it.
type Security = Value;

/// A token, or nothing.
fn of_login(is_needed: bool) -> Security {
    if is_needed { json!([{ "token": [] }]) } else { json!([]) }
}

#[derive(Default)]
struct Document {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    names: BTreeSet<String>,
}

impl Document {
    fn table(&mut self, described: &Described<'_>) {
        let table = described.shown;
        let schema = self.unique("row", &table.name);
        let properties: Map<String, Value> =
            table.columns.iter().map(|column| (column.name.clone(), column_schema(column))).collect();
        self.schemas.insert(schema.clone(), json!({ "type": "object", "properties": properties }));

        let mut parameters: Vec<Value> = table.columns.iter().map(filter_parameter).collect();
        for name in ["select", "order", "limit", "offset", "and", "or", "Range", "Prefer"] {
            parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
        }
        let rows = json!({ "$ref": format!("#/components/schemas/{schema}") });
        let page = |description: &str| {
            json!({
                "description": description,
                "headers": { "Content-Range": { "$ref": "#/components/headers/Content-Range" } },
                "content": {
                    "application/json": { "schema": { "type": "array", "items": rows } },
                    "application/vnd.pgrst.object+json": { "schema": rows },
                    "text/csv": { "schema": { "type": "string" } },
                },
            })
        };
        let head = |description: &str| {
            json!({
                "description": description,
                "headers": { "Content-Range": { "$ref": "#/components/headers/Content-Range" } },
            })
        };
        let id = self.unique("read", &table.name);
        let head_id = self.unique("head", &table.name);
        let what = if table.is_view { "view" } else { "table" };
        let get = json!({
            "operationId": id,
            "tags": ["tables"],
            "summary": format!("Rows of the {what} {}", table.name),
            "parameters": parameters,
            "responses": {
                "200": page("The rows asked for."),
                "206": page("Some of the rows that match, when they were counted."),
                "400": error("A filter, column or value that cannot be read."),
                "404": error("There is no such table."),
                "406": error("A form that cannot be given."),
                "416": error("A range beyond the last row."),
            },
        });
        let head = json!({
            "operationId": head_id,
            "tags": ["tables"],
            "summary": format!("The headers of a read of {}, for its count", table.name),
            "parameters": parameters,
            "responses": {
                "200": head("The headers of the rows."),
                "206": head("The headers of some rows."),
                "400": { "description": "A filter, column or value that cannot be read." },
                "404": { "description": "There is no such table." },
                "406": { "description": "A form that cannot be given." },
                "416": { "description": "A range beyond the last row." },
            },
        });
        let path = format!("/api/{}", format::url_part(&table.name));
        let mut item = json!({});
        if let Some(security) = &described.read {
            (item["get"], item["head"]) = (get, head);
            (item["get"]["security"], item["head"]["security"]) = (security.clone(), security.clone());
            if described.has_changes {
                let changes = self.changes(&table.name, security);
                self.paths.insert(format!("{path}/changes"), json!({ "get": changes }));
            }
        }
        if let Some(security) = &described.write {
            let new = self.unique("new", &table.name);
            self.schemas.insert(new.clone(), new_row(described.whole, described.class));
            let new = json!({ "$ref": format!("#/components/schemas/{new}") });
            self.writes(table, &rows, &new, &mut item, security);
        }
        self.paths.insert(path, item);
    }

    fn changes(&mut self, name: &str, security: &Security) -> Value {
        json!({
            "operationId": self.unique("changes", name),
            "tags": ["tables"],
            "summary": format!("Rows of {name} as they are inserted, updated and deleted, until whoever listens hangs up"),
            "responses": {
                "200": {
                    "description": "Events `insert`, `update` and `delete`, the data of which are arrays of rows.",
                    "content": { "text/event-stream": { "schema": { "type": "string" } } },
                },
                "400": error("A parameter: there is none."),
            },
            "security": security,
        })
    }

    fn writes(&mut self, table: &Table, rows: &Value, new: &Value, item: &mut Value, security: &Security) {
        let filters: Vec<Value> = table.columns.iter().map(filter_parameter).collect();
        let prefer = json!({ "$ref": "#/components/parameters/Prefer" });
        let select = json!({ "$ref": "#/components/parameters/select" });
        let filtered: Vec<Value> = filters.into_iter().chain([select.clone(), prefer.clone()]).collect();
        let many = json!({ "schema": { "oneOf": [{ "type": "array", "items": new }, new] } });
        let body = |content: &Value| json!({ "required": true, "content": { "application/json": content } });
        let shown = |description: &str| {
            json!({
                "description": description,
                "content": { "application/json": { "schema": { "type": "array", "items": rows } } },
            })
        };
        let common = |mut responses: Value| {
            for (status, description) in [
                ("400", "A column, value or rule that does not fit."),
                ("401", "A login or token is needed."),
                ("403", "The login or token may not write."),
                ("404", "There is no such table."),
                ("405", "This table cannot be written so."),
                ("406", "A form that cannot be given."),
                ("409", "A row that is there already, or that others refer to."),
                ("412", "The row has changed since it was read."),
                ("413", "The body is too large."),
                ("415", "A body of a type that is not read."),
            ] {
                responses[status] = error(description);
            }
            responses
        };
        let name = &table.name;
        // Nothing comes back unless it is asked for.
        let added = |what: &str| json!({ "description": format!("{what}; `Prefer: return=representation` shows it.") });
        let mut call = |verb: &str, summary: String, parameters: &[Value], body: Option<Value>, responses: Value| {
            let mut call = json!({
                "operationId": self.unique(verb, name),
                "tags": ["tables"],
                "summary": summary,
                "parameters": parameters,
                "responses": common(responses),
                "security": security,
            });
            if let Some(body) = body {
                call["requestBody"] = body;
            }
            call
        };
        let post_body = json!({ "required": true, "content": {
            "application/json": many, "text/csv": { "schema": { "type": "string" } },
        } });
        item["post"] = call(
            "insert",
            format!("Add rows to {name}"),
            &[select, prefer],
            Some(post_body),
            json!({ "201": added("The rows are added"), "200": shown("Rows that were there are merged.") }),
        );
        let done = || json!({ "200": shown("The rows as they are now."), "204": { "description": "It is done." } });
        item["patch"] =
            call("update", format!("Change rows of {name}"), &filtered, Some(body(&json!({ "schema": rows }))), done());
        if table.primary_key().next().is_some() {
            let keys: Vec<Value> = table.primary_key().map(filter_parameter).collect();
            item["put"] = call(
                "replace",
                format!("Add or replace the row of {name} with a key"),
                &keys,
                Some(body(&json!({ "schema": new }))),
                json!({
                    "200": shown("The row as it is now."), "201": added("The row is added"),
                    "204": { "description": "It is done." },
                }),
            );
        }
        item["delete"] = call("delete", format!("Remove rows of {name}"), &filtered, None, done());
    }

    fn plots(&mut self) {
        let list = json!({
            "operationId": "plots",
            "tags": ["plots"],
            "summary": "The plots",
            "responses": { "200": answer("The plots.", &json!({ "type": "array", "items": { "type": "object" } })) },
        });
        self.paths.insert("/plots".to_owned(), json!({ "get": list }));
    }

    fn plot(&mut self, name: &str, security: &Security) {
        let theme = json!({
            "name": "theme", "in": "query", "description": "The page that the picture is for.",
            "schema": { "type": "string", "enum": ["light", "dark"], "default": "light" },
        });
        let interactive = json!({
            "name": "interactive", "in": "query",
            "description": "With what the script of the plot's page needs to show values, zoom and hide series.",
            "schema": { "type": "boolean", "default": false },
        });
        let get = json!({
            "operationId": self.unique("plot", name),
            "tags": ["plots"],
            "summary": format!("The plot {name}"),
            "parameters": [theme, interactive],
            "responses": {
                "200": { "description": "The picture.", "content": { "image/svg+xml": { "schema": { "type": "string" } } } },
                "304": { "description": "The picture has not changed." },
                "400": error("A theme that there is not."),
            },
            "security": security,
        });
        self.paths.insert(format!("/plots/{}.svg", format::url_part(name)), json!({ "get": get }));
    }

    /// The application's own work, for those who may write.
    fn jobs(&mut self) {
        let id = json!({ "type": "integer", "minimum": 1 });
        let progress = json!({
            "type": ["object", "null"],
            "properties": { "done": { "type": "integer" }, "total": { "type": ["integer", "null"] } },
            "required": ["done", "total"],
        });
        let job = json!({
            "type": "object",
            "properties": {
                "id": id,
                "kind": { "type": "string" },
                "table": { "type": "string" },
                "model": { "type": "string" },
                "state": { "type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"] },
                "attempts": { "type": "integer", "minimum": 0 },
                "progress": progress,
                "result": { "type": ["object", "null"] },
                "error": { "type": ["string", "null"] },
                "url": { "type": "string" },
            },
            "required": ["id", "kind", "state", "attempts", "progress", "result", "error", "url"],
        });
        self.schemas.insert("job".to_owned(), job);
        let job = json!({ "$ref": "#/components/schemas/job" });
        let common = |mut responses: Value| {
            for (status, description) in [
                ("400", "What cannot be read or done."),
                ("401", "A login or token is needed."),
                ("403", "The login or token may not write."),
                ("404", "There is no such job, table or model."),
                ("405", "The database is read-only."),
                ("413", "The body is too large."),
            ] {
                responses[status] = error(description);
            }
            responses
        };
        let call = |name: &str, summary: &str, parameters: Value, responses: Value| {
            json!({
                "operationId": name,
                "tags": ["jobs"],
                "summary": summary,
                "parameters": parameters,
                "responses": common(responses),
                "security": [{ "token": [] }],
            })
        };
        let shown = json!([
            { "name": "state", "in": "query", "schema": { "type": "string", "enum": ["waiting", "running", "done", "failed", "cancelled"] } },
            { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 0, "default": 50 } },
        ]);
        let jobs = json!({ "type": "array", "items": job });
        let list =
            call("jobs", "The latest jobs", shown, json!({ "200": answer("The jobs, the last one first.", &jobs) }));
        let key = json!([{
            "name": "Idempotency-Key", "in": "header", "description": "Requests of one key are one job.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" },
        }]);
        let accepted = json!({ "202": answer("The job, which will be done.", &job) });
        let mut ask = call("jobs.ask", "Import, train or draw anew what changed", key, accepted);
        let task = json!({ "oneOf": [
            { "type": "object", "properties": { "kind": { "const": "refresh" } }, "required": ["kind"], "additionalProperties": false },
            { "type": "object", "properties": { "kind": { "const": "import" }, "table": { "type": "string" } }, "required": ["kind"], "additionalProperties": false },
            { "type": "object", "properties": { "kind": { "const": "train" }, "model": { "type": "string" } }, "required": ["kind"], "additionalProperties": false },
        ] });
        ask["requestBody"] = json!({ "required": true, "content": { "application/json": {
            "schema": task, "example": { "kind": "refresh" },
        } } });
        self.paths.insert("/jobs".to_owned(), json!({ "get": list, "post": ask }));
        let number = json!([{ "name": "id", "in": "path", "required": true, "schema": id }]);
        let one = call("jobs.one", "A job", number.clone(), json!({ "200": answer("The job.", &job) }));
        let stop = call("jobs.cancel", "Stop a job", number, json!({ "200": answer("The job, asked to stop.", &job) }));
        self.paths.insert("/jobs/{id}".to_owned(), json!({ "get": one, "delete": stop }));
    }

    fn rest(&mut self) {
        let health = json!({
            "type": "object",
            "properties": {
                "status": { "type": "string", "const": "ok" },
                "version": { "type": "string" },
                "tables": { "type": "integer", "minimum": 0 },
                "models": { "type": "integer", "minimum": 0 },
            },
            "required": ["status", "version", "tables", "models"],
        });
        let health = json!({
            "operationId": "health",
            "tags": ["application"],
            "summary": "Whether the application can answer",
            "responses": { "200": answer("It can.", &health) },
        });
        self.paths.insert("/health".to_owned(), json!({ "get": health }));
        for (path, id) in [("/openapi.json", "openapi"), ("/api/", "api")] {
            let get = json!({
                "operationId": id,
                "tags": ["application"],
                "summary": "This description",
                "responses": { "200": answer("OpenAPI 3.1.", &json!({ "type": "object" })) },
            });
            self.paths.insert(path.to_owned(), json!({ "get": get }));
        }
    }

    /// A name for a component or operation, of the few characters that such names may have.
    fn unique(&mut self, prefix: &str, name: &str) -> String {
        let safe = |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '_' };
        let base = format!("{prefix}.{}", name.chars().map(safe).collect::<String>());
        let mut unique = base.clone();
        let mut number = 2;
        while !self.names.insert(unique.clone()) {
            unique = format!("{base}.{number}");
            number += 1;
        }
        unique
    }

    fn finish(mut self, title: &str) -> Value {
        let error = json!({
            "type": "object",
            "properties": {
                "code": { "type": "string" },
                "message": { "type": "string" },
                "details": { "type": ["string", "null"] },
                "hint": { "type": ["string", "null"] },
            },
            "required": ["code", "message", "details", "hint"],
        });
        self.schemas.insert("error".to_owned(), error);
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": title,
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Tables in the dialect of PostgREST, models and plots.",
            },
            "tags": [
                { "name": "tables", "description": "Rows, filtered, ordered and paged." },
                { "name": "models", "description": "What was learnt, and predictions." },
                { "name": "queries", "description": "What the application has ready to be asked." },
                { "name": "plots", "description": "Pictures of the data." },
                { "name": "jobs", "description": "Importing, training and drawing anew." },
                { "name": "application", "description": "The application itself." },
            ],
            "paths": self.paths,
            "components": { "schemas": self.schemas, "parameters": parameters(), "headers": headers(),
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
        })
    }
}

/// A row that is added: the columns that can be written, those that must be, and what the others get.
fn new_row(table: &Table, class: Option<&Declared>) -> Value {
    let written: Vec<&Column> = table.columns.iter().filter(|column| !column.generated).collect();
    let declared = class.and_then(|class| class.resource.as_ref());
    let property = |column: &&Column| {
        let mut schema = column_schema(column);
        let field = declared.and_then(|resource| resource.table.fields.iter().find(|field| field.name == column.name));
        let preset = field.and_then(|field| field.preset.as_ref()).and_then(|preset| match preset {
            Preset::Boolean(value) => Some(json!(value)),
            Preset::Integer(value) => Some(json!(value)),
            Preset::Real(value) => Some(json!(value)),
            Preset::Text(text) if column.kind != Kind::Json => Some(json!(text)),
            _ => None,
        });
        if let Some(preset) = preset {
            schema["default"] = preset;
        }
        if let Some(check) = field.and_then(|field| field.check.as_ref()) {
            schema["description"] = json!(format!("Must meet: {check}"));
        }
        if declared.is_some_and(|resource| resource.hidden.contains(&column.name)) {
            schema["writeOnly"] = json!(true);
        }
        (column.name.clone(), schema)
    };
    let properties: Map<String, Value> = written.iter().map(property).collect();
    let is_required = |column: &&&Column| !column.nullable && !column.has_default && !column.primary_key;
    let required: Vec<&str> = written.iter().filter(is_required).map(|column| column.name.as_str()).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn column_schema(column: &Column) -> Value {
    let mut schema = Map::new();
    let kind = match column.kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Real => "number",
        // A JSON column holds any value, null included.
        Kind::Json => return Value::Object(schema),
        _ => "string",
    };
    let nullable = column.nullable && !column.primary_key;
    schema.insert("type".to_owned(), if nullable { json!([kind, "null"]) } else { json!(kind) });
    let format = match column.kind {
        Kind::Integer => Some("int64"),
        Kind::Real => Some("double"),
        Kind::Date => Some("date"),
        _ => None,
    };
    if let Some(format) = format {
        schema.insert("format".to_owned(), json!(format));
    }
    if column.primary_key {
        schema.insert("description".to_owned(), json!("Primary key."));
    }
    Value::Object(schema)
}

fn filter_parameter(column: &Column) -> Value {
    let quoted = RESERVED.contains(&column.name.as_str()) || column.name.starts_with('"');
    let name = if quoted {
        format!("\"{}\"", column.name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        column.name.clone()
    };
    let operators = match column.kind {
        Kind::Text => "eq, neq, gt, gte, lt, lte, like, ilike, in, is",
        _ => "eq, neq, gt, gte, lt, lte, in, is",
    };
    let example = match column.kind {
        Kind::Boolean => "is.true",
        Kind::Integer | Kind::Real => "gte.1",
        Kind::Date => "gte.2024-01-31",
        Kind::Timestamp => "gte.2024-01-31T00:00:00",
        Kind::Text => "ilike.a*",
        _ => "not.is.null",
    };
    json!({
        "name": name,
        "in": "query",
        "description": format!("{}: {operators}", type_name(column.kind)),
        "schema": { "type": "string" },
        "examples": { "filter": { "value": example } },
    })
}

fn answer(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn error(description: &str) -> Value {
    answer(description, &json!({ "$ref": "#/components/schemas/error" }))
}

fn parameters() -> Value {
    let query = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "query", "description": description, "schema": schema });
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
    let text = || json!({ "type": "string" });
    let count = || json!({ "type": "integer", "format": "int64", "minimum": 0 });
    json!({
        "select": query("select", "Columns to return: a,alias:b,*", text()),
        "order": query("order", "Columns to order by: a.desc.nullslast,b", text()),
        "limit": query("limit", "Rows to return, at most.", count()),
        "offset": query("offset", "Rows to pass over.", count()),
        "and": query("and", "Conditions that must all hold: (a.gt.1,or(b.is.null,c.eq.x))", text()),
        "or": query("or", "Conditions of which one must hold: (a.gt.1,b.is.null)", text()),
        "Range": header("Range", "First and last row to return: 0-9"),
        "Prefer": header("Prefer", "count=exact counts all rows that match."),
    })
}

fn headers() -> Value {
    json!({
        "Content-Range": {
            "description": "First and last row returned, and how many there are where they were counted: 0-9/1000",
            "schema": { "type": "string" },
        },
    })
}
