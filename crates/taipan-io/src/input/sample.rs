//! What a file is, told by its first bytes: format, layout and schema.

use std::io::{self, Read};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::{Input, Layout, Opened, ReadOptions, TYPED};
use crate::blocks::{Position, broken, place_in};
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::format::{Format, after_bom, refuse_binary};
use crate::json::Document;
use crate::reject::OnError;
use crate::source::Source;
use crate::{columnar, csv, json, xml};

/// Files up to this size are kept in memory once their types were inferred, and not read again.
const KEEP: usize = 1 << 20;

/// A sample's inference: layout, offset of the first record behind a byte order mark, schema, rows.
type Inferred = (Layout, usize, SchemaRef, u64);

impl Input {
    pub(super) fn of_source(mut source: Source, options: &ReadOptions) -> Result<Self> {
        let mut bytes = source.bytes(0)?;
        let mut sample = Vec::new();
        let mut size = options.sample_bytes;
        loop {
            let whole = read(&mut bytes, source.length(), size, &mut sample)
                .map_err(|error| broken(&source, error, Position::default(), &sample))?;
            let of_kind = |kind| Error::new(kind).in_source(source.name());
            if let Some(format) = columnar::of_content(&sample) {
                return Self::of_columns(source, format, options);
            }
            let known = options.format.or_else(|| Format::of_path(&source.format_name())).is_some();
            // JSON's own parser knows at which line and column a NUL stands.
            let json = format(&source, after_bom(&sample), options) == Ok(Format::Json);
            let strict = !(json || known && options.on_error == OnError::Reject);
            refuse_binary(&sample, strict).map_err(of_kind)?;
            let text = after_bom(&sample);
            let mark = (sample.len() - text.len()) as u64;
            let start = Position { byte: mark, lines: 0, characters: 0 };
            let format = format(&source, text, options);
            if format == Ok(Format::Csv)
                && options.encoding.is_none()
                && let Some(western) = source.western(text)
            {
                source = western;
                bytes = source.bytes(0)?;
                sample.clear();
                continue;
            }
            if format == Ok(Format::Json)
                && !source.is_pointed()
                && let Some(pointer) = options
                    .record
                    .as_ref()
                    .and_then(|record| json::Pointer::parse(&record.text, options.refused().depth()))
            {
                source = source.pointed(pointer);
                bytes = source.bytes(0)?;
                sample.clear();
                continue;
            }
            if format == Ok(Format::Json)
                && !source.is_pointed()
                && options.record.is_none()
                && !names_lines(&source)
                && let Some(pointer) = json::held(text, whole, options.refused().depth())
            {
                source = source.pointed(pointer);
                bytes = source.bytes(0)?;
                sample.clear();
                continue;
            }
            let (newline, mut inferred) = infer_sample(&source, format.clone(), text, whole, options);
            let mut whole = whole;
            if let (true, Err(fault)) = (options.in_turn, &inferred) {
                let before = text.get(..fault.at).unwrap_or_default();
                if let (_, Ok(Some(found))) = infer_sample(&source, format.clone(), before, false, options) {
                    (inferred, whole) = (Ok(Some(found)), false);
                }
            }
            let inferred = inferred.map_err(|fault| place_in(&source, newline, fault, start, text))?;
            let limit = options.max_record;
            let rejects = options.on_error == OnError::Reject;
            let (layout, data, schema, sampled_rows) = match inferred {
                Some(found) => found,
                // Twice as much, to see what comes behind a record that is rejected for its length.
                None if sample.len() < limit.saturating_mul(if rejects { 2 } else { 1 }) => {
                    size = size.saturating_mul(2);
                    continue;
                }
                None => {
                    // Behind the names of columns, which are all there is besides.
                    let begins = match &format {
                        Ok(Format::Csv) => {
                            let (dialect, _) = csv::dialect(text, &options.csv);
                            csv::last_boundary(text, dialect, false, usize::MAX).0
                        }
                        _ => 0,
                    };
                    let Some(found) = without_records(&source, &format, text, begins, options).filter(|_| rejects)
                    else {
                        let fault = Fault::on_line(begins, ErrorKind::TooLong { limit });
                        return Err(place_in(&source, newline, fault, start, text));
                    };
                    whole = false;
                    found
                }
            };
            let open = !matches!(layout, Layout::Csv(_));
            let schema = options.given.apply(&schema, open).map_err(of_kind)?;
            let schema = Arc::new(schema);
            let data = start.after(text.get(..data).unwrap_or_default(), newline);
            let content = (whole && sample.len() <= KEEP).then(|| Arc::from(sample));
            let options = Arc::new(options.clone());
            let file = Arc::new(Opened { source, layout, data, content, sampled_rows, whole });
            return Ok(Self { file, options, schema, ranges: Arc::default(), test: None, several: None });
        }
    }

    fn of_columns(source: Source, format: Format, options: &ReadOptions) -> Result<Self> {
        let (table, schema, rows) = columnar::Table::open(&source, format)?;
        if !options.given.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOption(TYPED.to_owned())).in_source(source.name()));
        }
        let file = Opened {
            source,
            layout: Layout::Columnar(table),
            data: Position::default(),
            content: None,
            sampled_rows: rows,
            whole: true,
        };
        Ok(Self {
            file: Arc::new(file),
            options: Arc::new(options.clone()),
            schema,
            ranges: Arc::default(),
            test: None,
            several: None,
        })
    }
}

/// Reads on until the sample has its size; true if that is the whole text.
fn read(bytes: &mut impl Read, length: Option<u64>, size: usize, sample: &mut Vec<u8>) -> io::Result<bool> {
    let wanted = size.saturating_sub(sample.len());
    if let Some(length) = length {
        let expected = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(sample.len());
        sample.reserve_exact(wanted.min(expected.saturating_add(1)));
    }
    let got = bytes.take(wanted as u64).read_to_end(sample)?;
    Ok(got < wanted || length.is_some_and(|length| sample.len() as u64 >= length))
}

/// The format that was asked for, else the name's, else the content's.
fn format(source: &Source, text: &[u8], options: &ReadOptions) -> std::result::Result<Format, ErrorKind> {
    match options.format.or_else(|| Format::of_path(&source.format_name())) {
        Some(format) => Ok(format),
        None => Format::of_content(text),
    }
}

/// What is known where the first record, which begins there, is longer than a sample may be: the names above it, or that
/// there are records. The columns come with those behind it.
fn without_records(
    source: &Source,
    format: &std::result::Result<Format, ErrorKind>,
    text: &[u8],
    begins: usize,
    options: &ReadOptions,
) -> Option<Inferred> {
    let known = match format {
        Ok(Format::Csv) if begins > 0 => text.get(..begins)?,
        Ok(Format::Xml) => {
            let path = options.record.as_ref()?.elements.as_ref()?;
            let unseen = xml::unseen(path, xml_rules(source, options));
            return Some((Layout::Xml(unseen.records), 0, unseen.schema, unseen.rows));
        }
        Ok(Format::Json) if names_lines(source) || !json::may_hold_records(text, options.refused().depth()) => b"[]",
        _ => return None,
    };
    infer_sample(source, format.clone(), known, true, options).1.ok().flatten()
}

/// Whether a name says that each line is a record, which is believed.
fn names_lines(source: &Source) -> bool {
    let name = source.format_name();
    name.extension().is_some_and(|name| name.eq_ignore_ascii_case("ndjson") || name.eq_ignore_ascii_case("jsonl"))
}

/// The newline for lines in messages, and what the format's own inference says.
fn infer_sample(
    source: &Source,
    format: std::result::Result<Format, ErrorKind>,
    text: &[u8],
    whole: bool,
    options: &ReadOptions,
) -> (u8, std::result::Result<Option<Inferred>, Fault>) {
    let mut refused = options.refused();
    match format {
        Err(kind) => (b'\n', Err(Fault::on_line(0, kind))),
        Ok(Format::Csv) => {
            let tabs = source
                .format_name()
                .extension()
                .is_some_and(|name| name.eq_ignore_ascii_case("tsv") || name.eq_ignore_ascii_case("tab"));
            let mut asked = options.csv.clone();
            asked.delimiter = asked.delimiter.or(tabs.then_some(b'\t'));
            let (dialect, top) = csv::dialect(text, &asked);
            let reading = csv::Reading { dialect, nulls: &asked.nulls };
            let inferred = csv::infer(text, reading, top, asked.header, whole, &mut refused);
            let layout =
                |inferred: csv::Inferred| (Layout::Csv(dialect), inferred.data, inferred.schema, inferred.rows);
            (dialect.line_byte(), inferred.map(|inferred| inferred.map(layout)))
        }
        Ok(format @ (Format::Parquet | Format::Arrow)) => {
            let message = format!("this is no {format} file");
            (b'\n', Err(Fault::on_line(0, ErrorKind::Syntax(message))))
        }
        Ok(Format::Json) => {
            let lines = names_lines(source);
            let depth = refused.depth();
            // Of `/`, an object is the record itself if it does not hold records.
            let is_root = options.record.as_ref().is_some_and(|record| record.text == "/");
            let named = source.is_pointed() || is_root;
            let is_keyed = if source.is_pointed() {
                text.trim_ascii_start().first() == Some(&b'{')
            } else if is_root {
                json::holds_objects(text, whole, depth)
            } else {
                !lines && json::is_keyed(text, whole, depth)
            };
            let document = match is_keyed {
                true => Document::Keyed,
                false if !named && json::is_of_arrays(text, depth) => Document::Sequence,
                false => Document::Told,
            };
            let inferred = json::infer(text, whole, document, &mut refused);
            (b'\n', inferred.map(|layout| layout.map(|l| (Layout::Json(document), 0, l.schema, l.rows))))
        }
        Ok(Format::Xml) => {
            let rules = xml_rules(source, options);
            let path = match &options.record {
                Some(record) if record.elements.is_none() => {
                    return (b'\n', Err(Fault::on_line(0, record.no_elements())));
                }
                record => record.as_ref().and_then(|record| record.elements.as_ref()),
            };
            let inferred = xml::infer(text, whole, path, rules, &mut refused);
            (b'\n', inferred.map(|layout| layout.map(|l| (Layout::Xml(l.records), 0, l.schema, l.rows))))
        }
    }
}

fn xml_rules(source: &Source, options: &ReadOptions) -> xml::Rules {
    // Whoever names the encoding knows it better than the document.
    let encoding = if options.encoding.is_some() { "" } else { source.foreign_encoding().unwrap_or("UTF-8") };
    let (depth, record) = (options.max_depth, options.max_record);
    xml::Rules { depth, record, encoding, any_records: options.any_records, ..xml::Rules::default() }
}
