//! The catalog of a query: the store's tables by name, and files by path.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use taipan_io::{Input, ReadOptions};
use taipan_store::{Select, Selected, Store};

use crate::error::{Error, ErrorKind};
use crate::files::{FileTable, Settled, blocking_stream};
use crate::names::nearest;

/// Finds the tables of a statement. Opened files are kept, with what was learnt of their types.
pub(crate) struct Catalog {
    store: Option<Store>,
    files: Mutex<HashMap<String, FileTable>>,
}

impl Catalog {
    pub(crate) fn new(store: Option<Store>) -> Self {
        Self { store, files: Mutex::default() }
    }

    /// The table, view or file that a statement calls `name`.
    pub(crate) fn find(&self, name: &str) -> std::result::Result<Arc<dyn TableProvider>, Error> {
        let mut known = Vec::new();
        if let Some(store) = &self.store {
            let tables = store.tables()?;
            let exact = tables.iter().find(|table| table.name == name);
            let folded = name.to_lowercase();
            if let Some(table) = exact.or_else(|| tables.iter().find(|table| table.name.to_lowercase() == folded)) {
                return Ok(Arc::new(StoreTable::new(store.clone(), &table.name)?));
            }
            known = tables.iter().map(|table| table.name.clone()).collect();
        }
        let path = Path::new(name);
        if path.extension().is_some() || path.components().count() > 1 || path.exists() {
            return Ok(Arc::new(self.open(name)?));
        }
        let error = Error::new(ErrorKind::UnknownTable(name.to_owned()));
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(match nearest(name, &names) {
            Some(name) => error.with_hint(format!("did you mean '{name}'?")),
            None => {
                error.with_hint("name a file in quotes: FROM 'tips.csv'; or a table of the database given with --db")
            }
        })
    }

    /// Reads a file whole to learn types of its columns that hold for every value.
    ///
    /// Only the `wanted` columns are looked at (all when `None`): the query that asks reads no others.
    pub(crate) fn settle(&self, name: &str, wanted: Option<&[usize]>) -> std::result::Result<(), Error> {
        let table = self.open(name)?;
        let input = table.input.settled(wanted)?;
        let settled = if wanted.is_none_or(|wanted| wanted.len() == input.schema().fields().len()) {
            Settled::Yes
        } else {
            Settled::No
        };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(name.to_owned(), FileTable { input, settled });
        Ok(())
    }

    /// Settles every file that was opened so far; false when all were.
    pub(crate) fn settle_all(&self) -> std::result::Result<bool, Error> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let unsettled = files.iter().filter(|(_, table)| !table.settled()).map(|(name, _)| name.clone());
        let unsettled: Vec<String> = unsettled.collect();
        drop(files);
        for name in &unsettled {
            self.settle(name, None)?;
        }
        Ok(!unsettled.is_empty())
    }

    fn open(&self, name: &str) -> std::result::Result<FileTable, Error> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = files.get(name) {
            return Ok(table.clone());
        }
        let table = FileTable { input: Input::open(name, &ReadOptions::default())?, settled: Settled::No };
        files.insert(name.to_owned(), table.clone());
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

/// A database table, read through the store.
struct StoreTable {
    store: Store,
    name: String,
    schema: SchemaRef,
}

impl StoreTable {
    fn new(store: Store, name: &str) -> std::result::Result<Self, Error> {
        let schema = store.table(name)?.schema();
        Ok(Self { store, name: name.to_owned(), schema })
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
