//! The queries that an app file declares for others to ask: `[query.NAME]`.

use std::time::Duration;

use taipan_query::{Engine, Param, Rows};

use crate::config::QueryConfig;
use crate::error::{Result, nearest};
use crate::project::Project;

/// How long an answer may take where the app file does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A query of the application with its parameters.
#[derive(Debug, Clone)]
pub struct NamedQuery {
    /// The name after `query.` in the app file.
    pub name: String,
    /// What it tells, for people.
    pub title: Option<String>,
    /// The names of its parameters (`$name` in the text), in order.
    pub parameters: Vec<String>,
    /// The tables of the database that it reads.
    pub reads: Vec<String>,
    /// How long an answer may take.
    pub timeout: Duration,
    sql: String,
}

impl NamedQuery {
    pub(crate) fn new(engine: &Engine, name: &str, config: &QueryConfig) -> Result<Self> {
        let sql = config.sql.get_ref().clone();
        Ok(Self {
            name: name.to_owned(),
            title: config.title.clone(),
            parameters: engine.parameters(&sql)?,
            reads: engine.tables(&sql)?,
            timeout: config.timeout.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.get().into())),
            sql,
        })
    }
}

impl Project {
    /// The queries of the app file, in its order.
    ///
    /// Errors: the tables cannot be listed.
    pub fn named_queries(&self) -> Result<Vec<NamedQuery>> {
        let queries = self.config().queries.iter();
        queries.map(|(name, config)| NamedQuery::new(self.shown(), name, config)).collect()
    }

    /// The query of this name, if there is one.
    ///
    /// Errors: the tables cannot be listed.
    pub fn named_query(&self, name: &str) -> Result<Option<NamedQuery>> {
        let config = self.config().queries.get(name);
        config.map(|config| NamedQuery::new(self.shown(), name, config)).transpose()
    }

    /// The name of a query or model that is like this one, if one is.
    pub fn nearest_call(&self, name: &str) -> Option<String> {
        let config = self.config();
        nearest(name, config.queries.keys().chain(config.models.keys()).map(String::as_str)).map(str::to_owned)
    }

    /// Runs a query of the app file over what may be shown of the tables.
    ///
    /// Errors: a value that does not fit its parameter; those of reading the tables.
    pub fn run_query(&self, query: &NamedQuery, values: &[(String, Param)]) -> Result<Rows> {
        Ok(self.shown().sql_with(&query.sql, values)?)
    }
}
