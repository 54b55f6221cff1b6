//! The columns of a file as they are: what a model learns of and a plot shows, for which nothing has to be planned.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};
use crate::files::FileTable;
use crate::tables::Catalog;

/// Some columns of a file, in an order of their own.
pub(crate) struct WholeFile {
    catalog: Arc<Catalog>,
    name: String,
    /// All when `None`.
    columns: Option<Vec<String>>,
}

type Read = (SchemaRef, Box<dyn Iterator<Item = Result<RecordBatch>> + Send>);

impl WholeFile {
    /// The named columns of a file. Unless the one who reads takes wider types behind a value that does not fit, they
    /// are settled first.
    pub(crate) fn new(catalog: Arc<Catalog>, name: &str, columns: Option<&[String]>, widening: bool) -> Result<Self> {
        let file = Self { catalog, name: name.to_owned(), columns: columns.map(<[String]>::to_vec) };
        if let Err(error) = file.places(file.table()?.input.schema()) {
            let _ = file.catalog.settle_for(&error)?;
        }
        if widening || file.table()?.settled() { Ok(file) } else { file.settle().map(|()| file) }
    }

    fn table(&self) -> Result<FileTable> {
        self.catalog.open(&self.name)
    }

    /// Where the wanted columns stand in the file.
    fn places(&self, schema: &SchemaRef) -> Result<Option<Vec<usize>>> {
        let place = |name: &String| {
            let place = schema.fields().iter().position(|field| field.name() == name);
            place.ok_or_else(|| {
                let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                Error::unknown_column(name, &names)
            })
        };
        self.columns.as_ref().map(|columns| columns.iter().map(place).collect()).transpose()
    }

    /// Reads the file once to learn types that hold for all of the wanted columns' values.
    pub(crate) fn settle(&self) -> Result<()> {
        let places = self.places(self.table()?.input.schema())?;
        self.catalog.settle(&self.name, places.as_deref())
    }

    /// Opens the file: the schema of the wanted columns, and their batches.
    pub(crate) fn read(&self) -> Result<Read> {
        let input = self.table()?.input;
        let Some(places) = self.places(input.schema())? else {
            let batches = input.batches(None)?.map(|batch| batch.map_err(Error::from));
            return Ok((Arc::clone(input.schema()), Box::new(batches)));
        };
        // A reader gives each column once, in the order of the file.
        let mut read = places.clone();
        read.sort_unstable();
        read.dedup();
        let order: Vec<usize> = places.iter().map(|place| read.partition_point(|column| column < place)).collect();
        let schema = Arc::new(input.schema().project(&places).map_err(|error| Error::from_datafusion(error.into()))?);
        let batches = input.batches(Some(&read))?.map(move |batch| {
            batch.map_err(Error::from)?.project(&order).map_err(|error| Error::from_datafusion(error.into()))
        });
        Ok((schema, Box::new(batches)))
    }
}
