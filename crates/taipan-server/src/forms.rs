//! Batches as the body of an answer, in the form that was asked for.

use arrow_ipc::writer::StreamWriter;
use serde_json::{Map, Value};
use taipan::arrow::array::RecordBatch;
use taipan::arrow::datatypes::SchemaRef;
use taipan::io::{BatchWriter, Output};
use taipan_web::header::CONTENT_TYPE;
use taipan_web::{HeaderValue, IntoResponse, Response};

use crate::error::{Error, Result};
use crate::rest::Media;

/// All rows of some batches.
///
/// # Errors
/// 406 where one object was asked for and there is not exactly one row.
pub(crate) fn answer(schema: &SchemaRef, batches: &[RecordBatch], media: Media) -> Result<Response> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let body = match media {
        Media::Arrow => stream(schema, batches)?,
        Media::Csv => text(schema, batches, Output::Csv)?,
        Media::Lines => text(schema, batches, Output::NdJson)?,
        Media::Json => text(schema, batches, Output::Json)?,
        Media::Object | Media::StrippedObject if rows != 1 => return Err(Error::not_single(rows as u64)),
        Media::Object => text(schema, batches, Output::NdJson)?.trim_ascii_end().to_vec(),
        Media::StrippedObject => {
            let rows = stripped(&text(schema, batches, Output::Json)?)?;
            serde_json::to_vec(&rows.first()).map_err(Error::internal)?
        }
        Media::Stripped => {
            serde_json::to_vec(&stripped(&text(schema, batches, Output::Json)?)?).map_err(Error::internal)?
        }
    };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(media.content_type()))], body).into_response())
}

fn text(schema: &SchemaRef, batches: &[RecordBatch], output: Output) -> Result<Vec<u8>> {
    let mut writer = BatchWriter::new(output, Vec::new(), schema);
    for batch in batches {
        writer.write(batch).map_err(Error::internal)?;
    }
    writer.finish().map_err(Error::internal)
}

fn stream(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema).map_err(Error::internal)?;
    for batch in batches {
        writer.write(batch).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}

fn stripped(rows: &[u8]) -> Result<Vec<Map<String, Value>>> {
    let mut rows: Vec<Map<String, Value>> = serde_json::from_slice(rows).map_err(Error::internal)?;
    for row in &mut rows {
        row.retain(|_, value| !value.is_null());
    }
    Ok(rows)
}
