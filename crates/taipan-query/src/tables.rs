//! The catalog of a query: the store's tables by name, files by path, and files read as they are told by `read(…)`.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use taipan_io::fetch::FetchOptions;
use taipan_io::{Input, ReadOptions, is_url};
use taipan_store::{Filter, Select, Selected, Store, Table};

use crate::error::{Error, ErrorKind};
use crate::files::{FileTable, Settled, Words, blocking_stream};
use crate::names::nearest;

/// How many URLs are kept that statements of others named.
const KEPT: usize = 16;

/// The most bytes that compressed data of others may unpack to.
const MOST: u64 = 1 << 30;

/// What a statement may read beside the tables of the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Any file that the process may read, and any URL.
    #[default]
    Everything,
    /// URLs of public addresses, also behind redirects, and no file: fit for statements of others.
    PublicUrls,
    /// Nothing.
    Tables,
}

/// What statements do not see of a table of the database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Withheld {
    /// Columns that are as if they were not there.
    pub columns: Vec<String>,
    /// What is true of the rows that are seen; all are where there is none.
    pub rows: Option<Filter>,
}

/// Finds the tables of a statement. Opened files are kept, with what was learnt of their types.
pub(crate) struct Catalog {
    store: Option<Store>,
    reach: Reach,
    withheld: Arc<HashMap<String, Withheld>>,
    /// How files are read of which a statement says no more than their name.
    options: Words,
    files: Mutex<HashMap<String, FileTable>>,
}

impl Catalog {
    pub(crate) fn new(store: Option<Store>, reach: Reach, options: Words) -> Self {
        Self { store, reach, withheld: Arc::default(), options, files: Mutex::default() }
    }

    /// A catalog of the same tables that reaches no further than it may.
    pub(crate) fn within(&self, reach: Reach) -> Self {
        let withheld = Arc::clone(&self.withheld);
        Self { withheld, ..Self::new(self.store.clone(), reach, self.options.clone()) }
    }

    /// A catalog of the same tables that keeps some of them back.
    pub(crate) fn withholding(&self, withheld: HashMap<String, Withheld>) -> Self {
        let withheld = Arc::new(withheld);
        Self { withheld, ..Self::new(self.store.clone(), self.reach, self.options.clone()) }
    }

    /// The table of the database that a statement calls `name`.
    pub(crate) fn stored(&self, name: &str) -> std::result::Result<Option<Arc<Table>>, Error> {
        let Some(store) = &self.store else { return Ok(None) };
        let tables = store.tables()?;
        let folded = name.to_lowercase();
        let exact = tables.iter().find(|table| table.name == name);
        Ok(exact.or_else(|| tables.iter().find(|table| table.name.to_lowercase() == folded)).cloned())
    }

    /// How files are read before a statement says more.
    pub(crate) fn reading(&self) -> ReadOptions {
        let options = ReadOptions::default();
        match self.reach {
            Reach::Everything => options,
            // Whoever asks is not the one who pays: a URL takes so long and has so much, and no more.
            Reach::PublicUrls | Reach::Tables => {
                options.fetch(FetchOptions::default().public_only(true)).max_unpacked(MOST)
            }
        }
    }

    /// The table, view or file that a statement calls `name`.
    pub(crate) fn find(&self, name: &str) -> std::result::Result<Arc<dyn TableProvider>, Error> {
        let mut known = Vec::new();
        if let Some(store) = &self.store {
            if let Some(table) = self.stored(name)? {
                let withheld = self.withheld.get(&table.name).cloned().unwrap_or_default();
                return Ok(Arc::new(StoreTable::new(store.clone(), &table, withheld)));
            }
            known = store.tables()?.iter().map(|table| table.name.clone()).collect();
        }
        let path = Path::new(name);
        let is_file = path.extension().is_some() || path.components().count() > 1;
        if self.reach == Reach::Everything && (is_file || path.exists()) || is_url(name) {
            return Ok(Arc::new(self.open(name)?));
        }
        if is_file {
            return Err(self.refused(name));
        }
        let error = Error::new(ErrorKind::UnknownTable(name.to_owned()));
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(match nearest(name, &names) {
            Some(name) => error.with_hint(format!("did you mean '{name}'?")),
            None if self.reach != Reach::Everything => error,
            None => {
                error.with_hint("name a file in quotes: FROM 'tips.csv'; or a table of the database given with --db")
            }
        })
    }

    /// Reads a file whole to learn types of its columns that hold for every value.
    ///
    /// Only the `wanted` columns are looked at (all when `None`): the query that asks reads no others.
    pub(crate) fn settle(&self, name: &str, wanted: Option<&[usize]>) -> std::result::Result<(), Error> {
        let FileTable { input, key, options, .. } = self.open(name)?;
        let input = input.settled(wanted)?;
        let settled = if wanted.is_none_or(|wanted| wanted.len() == input.schema().fields().len()) {
            Settled::Yes
        } else {
            Settled::No
        };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(name.to_owned(), FileTable { input, key, settled, options });
        Ok(())
    }

    /// The error for what may not be read.
    fn refused(&self, name: &str) -> Error {
        let what = if self.reach == Reach::Tables { "tables of the database" } else { "tables and public URLs" };
        Error::new(ErrorKind::OutOfReach(format!("'{name}' is out of reach: only {what} can be read here")))
    }

    /// A file that is read as a statement tells, beyond what holds for all.
    fn read(&self, name: &str, words: &[(String, String)]) -> std::result::Result<FileTable, Error> {
        // No name has a NUL in it.
        let key = words.iter().fold(name.to_owned(), |key, (option, value)| format!("{key}\0{option}={value}"));
        let options = self.options.iter().chain(words).cloned().collect();
        self.open_as(&key, name, options)
    }

    /// Settles every file that was opened so far and may mend this error; false when there is none.
    pub(crate) fn settle_for(&self, error: &Error) -> std::result::Result<bool, Error> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let may_mend = |table: &FileTable| !table.settled() && error.is_of_sample(table.input.format());
        let unsettled = files.iter().filter(|(_, table)| may_mend(table)).map(|(name, _)| name.clone());
        let unsettled: Vec<String> = unsettled.collect();
        drop(files);
        for name in &unsettled {
            self.settle(name, None)?;
        }
        Ok(!unsettled.is_empty())
    }

    /// Refuses a file or URL that is out of reach.
    pub(crate) fn may_read(&self, name: &str) -> std::result::Result<(), Error> {
        match self.reach {
            Reach::Everything => Ok(()),
            Reach::PublicUrls if is_url(name) => Ok(()),
            Reach::PublicUrls | Reach::Tables => Err(self.refused(name)),
        }
    }

    /// A file or URL, opened or as it was opened before.
    pub(crate) fn open(&self, name: &str) -> std::result::Result<FileTable, Error> {
        self.open_as(name, name, self.options.clone())
    }

    fn open_as(&self, key: &str, name: &str, options: Words) -> std::result::Result<FileTable, Error> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = files.get(key) {
            return Ok(table.clone());
        }
        self.may_read(name)?;
        let reading = options.iter().try_fold(self.reading(), |reading, (name, value)| reading.set(name, value))?;
        let input = Input::open(name, &reading)?;
        let table = FileTable { input, key: key.to_owned(), settled: Settled::No, options };
        if self.reach != Reach::Everything && files.len() >= KEPT {
            // Statements of others must not fill the disk with what they once named.
            files.clear();
        }
        files.insert(key.to_owned(), table.clone());
        Ok(table)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog")
    }
}

#[async_trait]
impl SchemaProvider for Catalog {
    fn table_names(&self) -> Vec<String> {
        let tables = self.store.as_ref().and_then(|store| store.tables().ok()).unwrap_or_default();
        tables.iter().map(|table| table.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.find(name) {
            Ok(table) => Ok(Some(table)),
            // It may yet be a table function.
            Err(error) if matches!(error.kind(), ErrorKind::UnknownTable(_)) => Ok(None),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }
}

/// `read('feed.xml', 'record=channel/item', 'encoding=latin1')`: a file read as it is told.
#[derive(Debug)]
pub(crate) struct ReadFile(pub(crate) Arc<Catalog>);

impl TableFunctionImpl for ReadFile {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let usage = || {
            let text = "read takes the name of a file and its options: read('feed.xml', 'record=item')";
            DataFusionError::External(Box::new(Error::new(ErrorKind::Invalid(text.to_owned()))))
        };
        let mut texts = args.exprs().iter().map(|expr| match expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Ok(text.as_str()),
            _ => Err(usage()),
        });
        let name = texts.next().ok_or_else(usage)??;
        let words = texts.map(|text| {
            let (option, value) = text?.split_once('=').ok_or_else(usage)?;
            Ok((option.trim().to_owned(), value.to_owned()))
        });
        let table = self.0.read(name, &words.collect::<Result<Vec<_>>>()?);
        Ok(Arc::new(table.map_err(|error| DataFusionError::External(Box::new(error)))?))
    }
}

/// A database table, read through the store.
struct StoreTable {
    store: Store,
    name: String,
    schema: SchemaRef,
    rows: Option<Filter>,
}

impl StoreTable {
    fn new(store: Store, table: &Table, withheld: Withheld) -> Self {
        let mut schema = table.schema();
        let is_seen = |name: &String| !withheld.columns.contains(name);
        let seen: Vec<usize> = (0..schema.fields().len()).filter(|at| is_seen(schema.field(*at).name())).collect();
        if seen.len() < schema.fields().len() {
            schema = schema.project(&seen).map_or(schema, Arc::new);
        }
        Self { store, name: table.name.clone(), schema, rows: withheld.rows }
    }
}

impl fmt::Debug for StoreTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreTable({})", self.name)
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut schema = Arc::clone(&self.schema);
        if let Some(columns) = projection {
            schema = Arc::new(schema.project(columns)?);
        }
        let mut select = Select::new(&self.name);
        // A query that names no column (`count(*)`) still needs the rows: the first column stands for them.
        let read = if schema.fields().is_empty() {
            self.schema.fields().iter().take(1)
        } else {
            schema.fields().iter().take(usize::MAX)
        };
        select.columns = read.map(|field| Selected { column: field.name().clone(), alias: None }).collect();
        select.limit = limit.map(|limit| limit as u64);
        select.filter.clone_from(&self.rows);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Arc::new(StoreScan { store: self.store.clone(), select, properties }))
    }
}

/// Reads some columns of a database table, in constant memory.
struct StoreScan {
    store: Store,
    select: Select,
    properties: Arc<PlanProperties>,
}

impl fmt::Debug for StoreScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreScan({})", self.select.table)
    }
}

impl DisplayAs for StoreScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.select.columns.iter().map(|selected| selected.column.as_str()).collect();
        write!(f, "StoreScan: table={}, columns=[{}]", self.select.table, columns.join(", "))
    }
}

impl ExecutionPlan for StoreScan {
    fn name(&self) -> &'static str {
        "StoreScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let (store, select, wanted) = (self.store.clone(), self.select.clone(), Arc::clone(&schema));
        Ok(blocking_stream(schema, move || {
            let scan = store.scan(&select)?;
            Ok::<_, taipan_store::Error>(scan.map(move |batch| batch.map(|batch| only_rows(batch, &wanted))))
        }))
    }
}

/// The batch itself, or only its number of rows when no column is wanted.
fn only_rows(batch: arrow::record_batch::RecordBatch, wanted: &SchemaRef) -> arrow::record_batch::RecordBatch {
    if !wanted.fields().is_empty() {
        return batch;
    }
    let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    arrow::record_batch::RecordBatch::try_new_with_options(Arc::clone(wanted), Vec::new(), &options).unwrap_or(batch)
}
