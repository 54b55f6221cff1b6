//! The engine: a planner, its threads and its memory, each made when first needed.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{ExecutionPlan, collect, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use taipan_store::Store;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, ErrorKind, Result};
use crate::files::{FileScan, Recipe};
use crate::joins::in_memory;
use crate::names::resolve;
use crate::parameters::{Named, Param, bind};
use crate::rows::Rows;
use crate::shape::Shape;
use crate::tables::{Catalog, Reach, ReadFile, Withheld};
use crate::walk::{Pass, walk};
use crate::whole::WholeFile;

const CATALOG: &str = "taipan";
const SCHEMA: &str = "public";

/// What an engine may use. The default is every core and half a gigabyte for sorting, joining and grouping
/// (beyond it, such steps spill to disk), and no database.
#[derive(Clone, Default)]
pub struct EngineOptions {
    threads: Option<NonZeroUsize>,
    memory_limit: Option<usize>,
    store: Option<Store>,
    reach: Reach,
    reading: Vec<(String, String)>,
}

impl EngineOptions {
    /// Uses `threads` threads; the default is one per core.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Uses at most `bytes` for the working state of a query.
    #[must_use]
    pub fn memory_limit(mut self, bytes: Option<usize>) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Lets statements name the tables of `store`.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }
}

impl EngineOptions {
    /// What statements may read beside the tables of the store.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// How files are read, by a name and a value as [`ReadOptions::set`](taipan_io::ReadOptions::set) takes them.
    #[must_use]
    pub fn reading(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.reading.push((name.into(), value.into()));
        self
    }
}

/// Plans and runs queries. Cheap to clone; clones share threads and memory.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Arc<Catalog>,
    resources: Arc<Resources>,
    session: Made<SessionContext>,
}

/// What engines share that differ only in their reach.
struct Resources {
    threads: usize,
    memory: usize,
    runtime: Made<Runtime>,
    environment: Made<Arc<RuntimeEnv>>,
}

/// What is made when it is first needed, or why it could not be.
type Made<T> = OnceLock<std::result::Result<T, String>>;

impl Engine {
    /// An engine, whose threads start with its first query.
    ///
    /// Errors: those of options that [`ReadOptions::set`](taipan_io::ReadOptions::set) refuses.
    pub fn new(options: &EngineOptions) -> Result<Self> {
        let threads = options.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let memory = options.memory_limit.unwrap_or(512 << 20);
        let catalog = Catalog::new(options.store.clone(), options.reach, options.reading.clone().into());
        // A wrong option is told at once, not by the first file.
        options.reading.iter().try_fold(catalog.reading(), |reading, (name, value)| reading.set(name, value))?;
        let (runtime, environment) = (OnceLock::new(), OnceLock::new());
        Ok(Self::over(catalog, Arc::new(Resources { threads, memory, runtime, environment })))
    }

    /// An engine on the same threads and in the same memory whose statements reach no further.
    #[must_use]
    pub fn within(&self, reach: Reach) -> Self {
        Self::over(self.inner.catalog.within(reach), Arc::clone(&self.inner.resources))
    }

    /// An engine on the same threads and in the same memory whose statements do not see all of the named tables.
    #[must_use]
    pub fn withholding(&self, withheld: HashMap<String, Withheld>) -> Self {
        Self::over(self.inner.catalog.withholding(withheld), Arc::clone(&self.inner.resources))
    }

    /// The tables of the store that a statement names, each once.
    ///
    /// Errors: the statement cannot be parsed, by its place; the tables cannot be listed.
    pub fn tables(&self, text: &str) -> Result<Vec<String>> {
        let mut names = TableNames::default();
        self.parsed(text, &mut names)?;
        let mut tables = Vec::new();
        for name in names.0 {
            if let Some(table) = self.inner.catalog.stored(&name)?
                && !tables.contains(&table.name)
            {
                tables.push(table.name.clone());
            }
        }
        Ok(tables)
    }

    /// Walks through a statement that is not planned.
    fn parsed(&self, text: &str, pass: &mut dyn Pass) -> Result<()> {
        let state = self.session()?.state();
        let dialect = state.config().options().sql_parser.dialect;
        if let Statement::Statement(mut statement) =
            state.sql_to_statement(text, &dialect).map_err(Error::from_datafusion)?
        {
            walk(&mut statement, pass);
        }
        Ok(())
    }

    fn over(catalog: Catalog, resources: Arc<Resources>) -> Self {
        Self { inner: Arc::new(Inner { catalog: Arc::new(catalog), resources, session: OnceLock::new() }) }
    }

    fn session(&self) -> Result<&SessionContext> {
        let made = self.inner.session.get_or_init(|| self.make_session().map_err(|error| error.to_string()));
        made.as_ref().map_err(not_started)
    }

    fn make_session(&self) -> datafusion::error::Result<SessionContext> {
        let resources = &self.inner.resources;
        let mut config = SessionConfig::new()
            .with_target_partitions(resources.threads)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let session = SessionContext::new_with_config_rt(config, resources.environment()?);
        let schemas = MemoryCatalogProvider::new();
        schemas.register_schema(SCHEMA, Arc::clone(&self.inner.catalog) as Arc<dyn SchemaProvider>)?;
        session.register_catalog(CATALOG, Arc::new(schemas));
        session.register_udtf("read", Arc::new(ReadFile(Arc::clone(&self.inner.catalog))));
        Ok(session)
    }

    /// The named columns of a file as they are (all when `None`), in its order, without a plan. For one who takes batches
    /// of wider types behind a value that does not fit (`widening`) the file is read once.
    ///
    /// Errors: those of opening the file; [`ErrorKind::UnknownColumn`] with the nearest name; [`ErrorKind::OutOfReach`].
    pub fn file(&self, name: &str, columns: Option<&[String]>, widening: bool) -> Result<Rows> {
        Rows::of_file(WholeFile::new(Arc::clone(&self.inner.catalog), name, columns, widening)?)
    }

    /// The scans of files in the plan of a statement, each as plain data that [`scan`](Self::scan) of another engine
    /// takes. They are in the order of the plan.
    ///
    /// Errors: as [`sql`](Self::sql).
    pub fn scans(&self, text: &str) -> Result<Vec<String>> {
        let query = Query { text: text.to_owned(), ..Query::default() };
        let physical = self.block_on(async {
            let (physical, ..) = self.physical(&query, Types::Settled).await?;
            Ok::<_, Error>(physical)
        })??;
        let mut recipes = Vec::new();
        gather(&physical, &mut recipes);
        let written = recipes.iter().map(serde_json::to_string).collect::<std::result::Result<Vec<_>, _>>();
        written.map_err(|error| Error::new(ErrorKind::Start(error.to_string())))
    }

    /// Does a scan that the plan of another engine has, and returns its rows.
    ///
    /// Errors: [`ErrorKind::Invalid`] if it is none; [`ErrorKind::OutOfReach`]; those of reading the file.
    pub fn scan(&self, recipe: &str) -> Result<Vec<RecordBatch>> {
        let recipe: Recipe = serde_json::from_str(recipe)
            .map_err(|error| Error::new(ErrorKind::Invalid(format!("this is no scan: {error}"))))?;
        self.inner.catalog.may_read(&recipe.file)?;
        self.block_on(async {
            let state = self.session()?.state();
            let scan = FileScan::of_recipe(&recipe, self.inner.catalog.reading(), &state);
            let scan = Arc::new(scan.map_err(Error::from_datafusion)?);
            collect(scan, state.task_ctx()).await.map_err(Error::from_datafusion)
        })?
    }

    /// Plans `text`, one `SELECT` (or `WITH`, `VALUES`, `EXPLAIN`), starts it and returns its rows.
    ///
    /// Errors name the place in the text, or the unknown name with the nearest known one. Rows of a plain
    /// filter or projection come in the order of the file or table.
    pub fn sql(&self, text: &str) -> Result<Rows> {
        self.sql_with(text, &[])
    }

    /// The same for a statement with parameters (`$name`), each with its value.
    ///
    /// Errors: besides those of [`sql`](Self::sql), a parameter without a value, or one that does not fit.
    pub fn sql_with(&self, text: &str, values: &[(String, Param)]) -> Result<Rows> {
        self.run(Query { text: text.to_owned(), values: values.to_vec(), ..Query::default() })
    }

    /// The names of a statement's parameters, each once, in order.
    ///
    /// Errors: the statement cannot be parsed, by its place.
    pub fn parameters(&self, text: &str) -> Result<Vec<String>> {
        let mut named = Named::default();
        self.parsed(text, &mut named)?;
        Ok(named.0)
    }

    /// The same, of whose columns only `columns` are wanted, in that order.
    ///
    /// Errors: besides those of [`sql`](Self::sql), [`ErrorKind::UnknownColumn`] with the nearest name.
    pub fn select(&self, text: &str, columns: &[String]) -> Result<Rows> {
        self.run(Query { text: text.to_owned(), columns: Some(columns.to_vec()), ..Query::default() })
    }

    /// The same for one who takes batches as their types are known: of a plain `SELECT` of a file's columns they are those
    /// of its first megabytes, so that the file is read once; behind a value that does not fit, [`Rows::schema`] and the
    /// batches are wider.
    ///
    /// Errors: those of [`select`](Self::select).
    pub fn select_widening(&self, text: &str, columns: &[String]) -> Result<Rows> {
        let columns = Some(columns.to_vec());
        self.run(Query { text: text.to_owned(), columns, widening: true, ..Query::default() })
    }

    fn run(&self, query: Query) -> Result<Rows> {
        let started = self.start(&query, Types::AsNeeded)?;
        Ok(Rows::new(self.clone(), query, started))
    }

    /// Waits for `work`, whose tasks run on the engine's own threads.
    ///
    /// The waiting itself is not the runtime's: that one panics when the caller happens to stand on another runtime.
    pub(crate) fn block_on<F: Future>(&self, work: F) -> Result<F::Output> {
        let _entered = self.inner.resources.runtime()?.enter();
        Ok(futures::executor::block_on(work))
    }

    /// Starts the query again after the types of its files have been settled by reading them whole.
    pub(crate) fn start_settled(&self, query: &Query) -> Result<Started> {
        self.start(query, Types::Settled)
    }

    fn start(&self, query: &Query, types: Types) -> Result<Started> {
        self.block_on(async {
            let (physical, schema, resumable, state) = self.physical(query, types).await?;
            let stream = execute_stream(physical, state.task_ctx()).map_err(Error::from_datafusion)?;
            Ok(Started { schema, stream, resumable })
        })?
    }

    /// The plan of a query, the schema of its rows, whether wider types would give the same ones, and the state to run it
    /// in.
    async fn physical(
        &self,
        query: &Query,
        types: Types,
    ) -> Result<(Arc<dyn ExecutionPlan>, SchemaRef, bool, SessionState)> {
        let mut state = self.session()?.state();
        let mut plan = match self.optimized(query, &state).await {
            // What does not fit the names and types seen so far may fit those of the whole files.
            Err(error) if self.inner.catalog.settle_for(&error)? => self.optimized(query, &state).await?,
            plan => plan?,
        };
        let shape = Shape::of(&plan);
        if types == Types::Settled || shape.must_settle(query.widening) {
            for (input, columns) in &shape.unsettled {
                self.inner.catalog.settle(input, columns.as_deref())?;
            }
            plan = self.optimized(query, &state).await?;
        }
        if shape.in_order {
            state.config_mut().options_mut().execution.target_partitions = 1;
        }
        let schema = Arc::clone(plan.schema().inner());
        let physical = state.query_planner().create_physical_plan(&plan, &state).await;
        let physical = physical.and_then(|plan| in_memory(plan, &state)).map_err(Error::from_datafusion)?;
        Ok((physical, schema, shape.resumable(query.widening), state))
    }

    async fn optimized(&self, query: &Query, state: &SessionState) -> Result<LogicalPlan> {
        let mut plan = bind(self.plan(&query.text, state).await?, &query.values)?;
        if let Some(columns) = &query.columns {
            let wanted = columns.iter().map(|name| Expr::Column(Column::from_name(name)));
            plan = LogicalPlanBuilder::from(plan)
                .project(wanted)
                .and_then(LogicalPlanBuilder::build)
                .map_err(Error::from_datafusion)?;
        }
        state.optimize(&plan).map_err(Error::from_datafusion)
    }

    async fn plan(&self, text: &str, state: &SessionState) -> Result<LogicalPlan> {
        if text.trim().is_empty() {
            return Err(Error::new(ErrorKind::NotAQuery("the query is empty".into())));
        }
        let dialect = state.config().options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(text, &dialect).map_err(Error::from_datafusion)?;
        if let Statement::Statement(inner) = &mut statement {
            let mut tables = TableNames::default();
            walk(inner, &mut tables);
            let mut columns = Vec::new();
            for name in tables.0 {
                if let Ok(table) = self.inner.catalog.find(&name) {
                    columns.extend(table.schema().fields().iter().map(|field| field.name().clone()));
                }
            }
            resolve(inner, &columns);
        }
        let plan = state.statement_to_plan(statement).await.map_err(|error| {
            let error = Error::from_datafusion(error);
            match error.kind() {
                // The catalog knows what else could be meant.
                ErrorKind::UnknownTable(name) => self.inner.catalog.find(name).err().unwrap_or(error),
                _ => error,
            }
        })?;
        let only_queries = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_queries.verify_plan(&plan).map_err(|_| Error::not_a_query())?;
        Ok(plan)
    }
}

/// What was asked for.
#[derive(Clone, Default)]
pub(crate) struct Query {
    text: String,
    values: Vec<(String, Param)>,
    columns: Option<Vec<String>>,
    /// Whether later batches may have wider types.
    widening: bool,
}

/// A query that runs.
pub(crate) struct Started {
    pub(crate) schema: SchemaRef,
    pub(crate) stream: SendableRecordBatchStream,
    /// Whether wider types would give the same rows in the same order.
    pub(crate) resumable: bool,
}

/// How sure the types of files must be before a query starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Types {
    AsNeeded,
    Settled,
}

/// The scans of files in a plan.
fn gather(plan: &Arc<dyn ExecutionPlan>, recipes: &mut Vec<Recipe>) {
    if let Some(scan) = plan.downcast_ref::<FileScan>() {
        recipes.push(scan.recipe());
    }
    plan.children().into_iter().for_each(|child| gather(child, recipes));
}

impl Resources {
    fn runtime(&self) -> Result<&Runtime> {
        let made = self.runtime.get_or_init(|| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(self.threads).thread_name("taipan-query").enable_time();
            builder.build().map_err(|error| error.to_string())
        });
        made.as_ref().map_err(not_started)
    }

    /// Sorting, joining and grouping of all engines stay within one limit.
    fn environment(&self) -> datafusion::error::Result<Arc<RuntimeEnv>> {
        let made = self.environment.get_or_init(|| {
            let builder = RuntimeEnvBuilder::new().with_memory_limit(self.memory, 1.0);
            builder.build_arc().map_err(|error| error.to_string())
        });
        made.clone().map_err(DataFusionError::Execution)
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        // An engine may be dropped on a server's thread, where waiting for its own threads is not allowed.
        if let Some(Ok(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn not_started(error: &String) -> Error {
    Error::new(ErrorKind::Start(format!("the query engine could not start: {error}")))
}

/// The relations that a statement names.
#[derive(Default)]
struct TableNames(Vec<String>);

impl Pass for TableNames {
    fn relation(&mut self, relation: &mut ast::ObjectName) {
        if let Some(ident) = relation.0.last().and_then(|part| part.as_ident()) {
            self.0.push(ident.value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineOptions;

    #[test]
    fn a_query_may_be_run_from_an_async_task() {
        let engine = Engine::new(&EngineOptions::default()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let rows = runtime.block_on(async {
            let batches = engine.sql("SELECT value FROM generate_series(1, 100000) WHERE value % 2 = 0").unwrap();
            batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>()
        });
        assert_eq!(rows, 50_000);
    }
}
