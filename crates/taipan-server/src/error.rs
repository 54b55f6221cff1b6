//! What the server answers when a request cannot be served: PostgREST's error object and its HTTP status.
//!
//! Every failure under `/api`, `/models` and `/plots` becomes one [`Error`], which knows its status, its code
//! (PostgREST's or PostgreSQL's where they have one) and the words a person reads. Nothing of the database's
//! own text passes through: causes that a caller cannot mend are named by kind only.

use serde::Serialize;
use taipan::runtime::ErrorKind as RunKind;
use taipan::store;
use taipan::store::{Kind, Table};
use taipan_web::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, WWW_AUTHENTICATE};
use taipan_web::{Body, HeaderValue, IntoResponse, Problem, Response, StatusCode};

/// The answer to a request that failed. Its JSON form is `{code, message, details, hint}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub(crate) struct Error {
    code: &'static str,
    message: String,
    details: Option<String>,
    hint: Option<String>,
    #[serde(skip)]
    extra: Extra,
    #[serde(skip)]
    status: u16,
}

/// What goes with some errors beside their body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Extra {
    None,
    /// The methods that would have been answered.
    Allow(&'static str),
    /// The number of rows there are.
    Total(u64),
    /// The reason, for the log only.
    Log(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, hint: None, extra: Extra::None, status: status.as_u16() }
    }

    pub(crate) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn code_is(&self, code: &str) -> bool {
        self.code == code
    }

    /// The code, such as `42501`.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// One line for a page: the message, and what would mend it.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What may mend it, if that is told.
    pub(crate) fn told_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether something is told that may mend it.
    pub(crate) fn has_hint(&self) -> bool {
        self.hint.is_some()
    }

    /// What happened, for those who may know all.
    pub(crate) fn reason(&self) -> String {
        match &self.extra {
            Extra::Log(reason) => reason.clone(),
            _ => self.message.clone(),
        }
    }

    /// The query string does not follow the grammar. `what` is the part it failed in, `text` that part's value,
    /// `at` the byte where reading stopped.
    pub(crate) fn syntax(what: &str, text: &str, at: usize, expected: &str) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let found = text.get(at..).and_then(|rest| rest.chars().next());
        let column = before.chars().count() + 1;
        let found = found.map_or_else(|| "end of input".to_owned(), |found| format!("\"{found}\""));
        Self::new(
            StatusCode::BAD_REQUEST,
            "PGRST100",
            format!("failed to parse {what} ({text}) (line 1, column {column})"),
        )
        .details(format!("unexpected {found}, expecting {expected}"))
    }

    /// A request that follows the grammar and asks for more than one request may.
    pub(crate) fn too_much(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST100", message)
    }

    pub(crate) fn unknown_table(name: &str, nearest: Option<&str>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "PGRST205", format!("Could not find the table '{name}'"))
            .maybe_hint(nearest.map(|nearest| format!("Perhaps you meant the table '{nearest}'")))
    }

    pub(crate) fn unknown_column(table: &str, name: &str, nearest: Option<&str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "42703", format!("column {table}.{name} does not exist")).maybe_hint(
            nearest.map(|nearest| format!("Perhaps you meant to reference the column \"{table}.{nearest}\".")),
        )
    }

    /// A value that its column's type cannot hold.
    pub(crate) fn invalid_value(kind: Kind, value: &str) -> Self {
        let code = if matches!(kind, Kind::Date | Kind::Timestamp) { "22007" } else { "22P02" };
        let kind = type_name(kind);
        Self::new(StatusCode::BAD_REQUEST, code, format!("invalid input syntax for type {kind}: \"{value}\""))
    }

    /// A pattern operator on a column that holds no text. PostgreSQL has no such operator, hence its 404.
    pub(crate) fn no_operator(kind: Kind, operator: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "42883",
            format!("operator does not exist: {} {operator} text", type_name(kind)),
        )
        .hint("Pattern operators work on text columns.")
    }

    /// `is.true` and its kin on a column that is not boolean.
    pub(crate) fn not_boolean(kind: Kind, is: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "42804",
            format!("argument of IS {is} must be type boolean, not type {}", type_name(kind)),
        )
    }

    /// An offset beyond the last row, known because the rows were counted.
    pub(crate) fn out_of_bounds(offset: u64, total: u64) -> Self {
        let mut error = Self::range(format!("An offset of {offset} was requested, but there are only {total} rows."));
        error.extra = Extra::Total(total);
        error
    }

    /// A range of rows that cannot be.
    pub(crate) fn range(details: impl Into<String>) -> Self {
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "PGRST103", "Requested range not satisfiable").details(details)
    }

    /// One object was asked for, and there was not exactly one.
    pub(crate) fn not_single(rows: u64) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "PGRST116", "Cannot coerce the result to a single JSON object")
            .details(format!("The result contains {rows} rows"))
    }

    pub(crate) fn not_acceptable(accept: &str, available: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "PGRST107", format!("None of these media types are available: {accept}"))
            .hint(format!("Available: {available}"))
    }

    pub(crate) fn method_not_allowed(method: &str, allow: &'static str) -> Self {
        let mut error =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST117", format!("Unsupported HTTP method: {method}"));
        error.extra = Extra::Allow(allow);
        error
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "PGRST125", "Invalid path specified in request URL")
    }

    /// Somebody unknown asked for what is not for everybody.
    pub(crate) fn unknown_asker(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "42501", message).hint("Log in, or send a token: Authorization: Bearer …")
    }

    /// A token that is not, or no longer, worth anything.
    pub(crate) fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "PGRST301", "The token is not valid, or not any more")
            .hint("Send a token of your account page: Authorization: Bearer …")
    }

    /// A function that is not there, in PostgREST's words.
    pub(crate) fn unknown_function(name: &str, nearest: Option<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "PGRST202", format!("Could not find the function {name} in the schema cache"))
            .details(format!("Searched for the function {name}, but no matches were found in the schema cache."))
            .maybe_hint(nearest)
    }

    /// A failure that no client can mend; it is told that the log has the reason.
    pub(crate) fn internal(reason: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "XX000", "");
        error.extra = Extra::Log(reason.to_string());
        error
    }
}

/// A type's name as PostgreSQL's messages have it.
pub(crate) fn type_name(kind: Kind) -> String {
    kind.name().to_ascii_lowercase()
}

/// Finds a column or says which one may have been meant.
pub(crate) fn column<'t>(table: &'t Table, name: &str) -> Result<&'t store::Column> {
    table.column(name).map_err(Error::from)
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::of_store(&error)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::new(problem.status(), "57P01", problem.message())
    }
}

impl From<taipan_web::Error> for Error {
    fn from(error: taipan_web::Error) -> Self {
        Self::internal(error)
    }
}

impl From<taipan::Error> for Error {
    fn from(error: taipan::Error) -> Self {
        use taipan::ErrorKind as Kind;
        let hint = error.hint().map(str::to_owned);
        match error.kind() {
            Kind::UnknownModel(name) => {
                Self::new(StatusCode::NOT_FOUND, "unknown_model", format!("no model '{name}'")).maybe_hint(hint)
            }
            Kind::UnknownPlot(name) => {
                Self::new(StatusCode::NOT_FOUND, "unknown_plot", format!("no plot '{name}'")).maybe_hint(hint)
            }
            Kind::UnknownTable(name) => Self::unknown_table(name, None).maybe_hint(hint),
            Kind::InvalidInput(message) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_input", message.clone()).maybe_hint(hint)
            }
            Kind::UnknownColumn { .. } | Kind::Learn(_) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_input", error.to_string()).maybe_hint(hint)
            }
            Kind::Store(error) => Self::of_store(error),
            Kind::Run(run) => match run.kind() {
                RunKind::UnknownJob(id) => Self::new(StatusCode::NOT_FOUND, "unknown_job", format!("no job {id}")),
                _ => Self::internal(error),
            },
            _ => Self::internal(error),
        }
    }
}

impl Error {
    /// A rule of the table that a row breaks, in PostgreSQL's words.
    fn of_violation(table: &str, column: Option<&str>, row: Option<u64>, violation: &store::Violation) -> Self {
        use store::Violation as Rule;
        let error = match violation {
            Rule::Duplicate => {
                let key = column.map(|column| format!(" of column \"{column}\"")).unwrap_or_default();
                let message = format!("duplicate key value{key} violates unique constraint of \"{table}\"");
                Self::new(StatusCode::CONFLICT, "23505", message)
            }
            Rule::Null => {
                let column = column.map(|column| format!(" in column \"{column}\"")).unwrap_or_default();
                let message = format!("null value{column} of relation \"{table}\" violates not-null constraint");
                Self::new(StatusCode::BAD_REQUEST, "23502", message)
            }
            Rule::Foreign => Self::new(
                StatusCode::CONFLICT,
                "23503",
                format!("insert, update or delete on table \"{table}\" violates foreign key constraint"),
            )
            .details("A row that it refers to is missing, or another row still refers to it."),
            _ => Self::new(
                StatusCode::BAD_REQUEST,
                "23514",
                format!("new row for relation \"{table}\" violates check constraint"),
            ),
        };
        match row {
            Some(row) if error.details.is_none() => error.details(format!("Row {row} of the request.")),
            _ => error,
        }
    }

    /// What a failure of the database means to a client. Its own words stay here: they may hold SQL or paths.
    fn of_store(error: &store::Error) -> Self {
        use store::ErrorKind as Kind;
        match error.kind() {
            Kind::UnknownTable { name, nearest } => Self::unknown_table(name, nearest.as_deref()),
            Kind::UnknownColumn { table, name, nearest } => Self::unknown_column(table, name, nearest.as_deref()),
            Kind::InvalidValue { value, expected, .. } => {
                Self::new(StatusCode::BAD_REQUEST, "22P02", format!("\"{value}\" is not {expected}"))
            }
            Kind::Constraint { table, column, row, violation, .. } => {
                Self::of_violation(table, column.as_deref(), *row, violation)
            }
            Kind::Forbidden { table } => Self::new(
                StatusCode::FORBIDDEN,
                "42501",
                format!("new row violates row-level security policy for table \"{table}\""),
            ),
            Kind::Stale => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "412",
                "The row has changed since it was read; nothing was written",
            )
            .hint("Read it again, and send its new ETag in If-Match."),
            Kind::Missing => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "412",
                "The row is not there, or not yours to change; nothing was written",
            )
            .hint("If-Match asks for a row that is there; send the request without it to do without."),
            Kind::TooMany { affected, .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "PGRST124",
                "Query result exceeds max-affected preference constraint",
            )
            .details(format!("The query affects {affected} rows")),
            Kind::NotUnique { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "42P10",
                "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            ),
            Kind::ReadOnly => Self::new(StatusCode::METHOD_NOT_ALLOWED, "25006", "The database is read-only"),
            Kind::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "53100", "No space is left to write; nothing was changed")
            }
            Kind::Unsupported(what) => Self::new(StatusCode::BAD_REQUEST, "0A000", what.clone()),
            Kind::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "55P03",
                "The database is locked by another program; try again",
            ),
            _ => Self::internal(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Extra::Log(reason) = &self.extra {
            return Problem::internal(reason).into_response();
        }
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            let is_wrong_token = self.code == "PGRST301";
            let how = if is_wrong_token { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(how));
        }
        match self.extra {
            Extra::None | Extra::Log(_) => {}
            Extra::Allow(allow) => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Extra::Total(total) => {
                if let Ok(range) = HeaderValue::try_from(format!("*/{total}")) {
                    headers.insert(CONTENT_RANGE, range);
                }
            }
        }
        response
    }
}
