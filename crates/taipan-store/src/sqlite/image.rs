//! Rows as the pages of a database, which SQLite's "Database File Format" describes: an image of one table.
//!
//! Between two tables of the same shape SQLite moves rows record by record without looking into them, so that rows which
//! are encoded here cost it a quarter of what they do value by value. What is stored is the same, to the byte.

use std::ops::Range;

use crate::cells::Cells;
use crate::kind::Kind;
use crate::value::Cell;

/// The bytes of a page, the most that SQLite knows.
const PAGE: usize = 1 << 16;
/// The most bytes of a record that lies in its page whole.
const MOST_RECORD: usize = PAGE - 35;
/// The pages after which an image is full.
const MOST_PAGES: usize = 64;
/// The bytes of the database's header, which the first page begins with.
const HEADER: usize = 100;
/// The most bytes of a number in a record.
const LONGEST_VARINT: usize = 9;
/// A whole REAL from its negative up to it is stored as an integer, which takes fewer bytes.
const SHORT: i64 = 1 << 47;

/// How a column is encoded.
#[derive(Clone)]
struct Column {
    kind: Kind,
    nullable: bool,
    is_key: bool,
}

/// Encodes rows of one table.
pub(super) struct Encoder {
    name: String,
    /// The statement that made the table, as the schema has it.
    sql: String,
    columns: Vec<Column>,
    record: Record,
    pages: Vec<u8>,
}

/// The first of some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) rows: usize,
    /// Whether the row behind them cannot be encoded.
    pub(super) refused: bool,
}

/// A record being put together: the types of its values with their sizes, and the values up to an end.
struct Record {
    types: Vec<u8>,
    values: Vec<u8>,
    end: usize,
}

/// The last page of an image, into which rows are put from its end.
struct Leaf {
    begin: usize,
    rows: usize,
    /// Where the last row was put, counted from the page's begin.
    content: usize,
}

impl Encoder {
    /// For a table of this name that a statement made, whose columns are of some kinds and may hold nulls or not. One of
    /// them may be its `INTEGER PRIMARY KEY`.
    ///
    /// None for a statement that does not fit a page.
    pub(super) fn new(name: &str, sql: String, columns: &[(Kind, bool)], key: Option<usize>) -> Option<Self> {
        let fits = 2 * name.len() + sql.len() < MOST_RECORD - HEADER;
        let column = |(index, (kind, nullable)): (usize, &(Kind, bool))| Column {
            kind: *kind,
            nullable: *nullable && key != Some(index),
            is_key: key == Some(index),
        };
        let columns = columns.iter().enumerate().map(column).collect();
        fits.then(|| Encoder { name: name.to_owned(), sql, columns, record: Record::new(), pages: Vec::new() })
    }

    /// Another for the same table.
    pub(super) fn twin(&self) -> Self {
        let (name, sql, columns) = (self.name.clone(), self.sql.clone(), self.columns.clone());
        Encoder { name, sql, columns, record: Record::new(), pages: Vec::new() }
    }

    /// Encodes the first of some rows, as many as fit an image. It ends before a row that does not lie in a page whole,
    /// that would be stored otherwise than it is given, that lacks a value which must be there, or whose key does not
    /// come after that of the row before: this one has to be inserted.
    pub(super) fn encode(&mut self, cells: &[Cells], rows: Range<usize>) -> Encoded {
        let begin = rows.start;
        self.pages.clear();
        self.pages.resize(2 * PAGE, 0);
        let mut leaf = Leaf::new(PAGE);
        let (mut last, mut last_ids) = (None, Vec::new());
        let (mut end, mut refused) = (rows.end, false);
        for row in rows {
            let id = self.record.fill(&self.columns, cells, row, (row - begin) as i64 + 1);
            let Some(id) = id.filter(|id| last.is_none_or(|last| last < *id)) else {
                (end, refused) = (row, true);
                break;
            };
            if !leaf.put(&mut self.pages, &self.record, id) {
                last_ids.extend(last);
                leaf.close(&mut self.pages);
                if last_ids.len() == MOST_PAGES {
                    end = row;
                    leaf.rows = 0;
                    break;
                }
                leaf = Leaf::new(self.pages.len());
                self.pages.resize(leaf.begin + PAGE, 0);
                leaf.put(&mut self.pages, &self.record, id);
            }
            last = Some(id);
        }
        if leaf.rows > 0 {
            last_ids.extend(last);
            leaf.close(&mut self.pages);
        }
        self.close(&last_ids);
        Encoded { rows: end - begin, refused }
    }

    /// The image of the rows encoded last.
    pub(super) fn image(&self) -> &[u8] {
        &self.pages
    }

    /// Adds the page from which the others are found by the last id of each, and tells in the first page where it is.
    fn close(&mut self, last_ids: &[i64]) {
        let mut root = 2;
        if let [before @ .., _] = last_ids
            && !before.is_empty()
        {
            root = last_ids.len() + 2;
            let begin = self.pages.len();
            self.pages.resize(begin + PAGE, 0);
            let page = &mut self.pages[begin..];
            let mut content = PAGE;
            for (index, id) in before.iter().enumerate() {
                let mut cell = [0; 13];
                cell[..4].copy_from_slice(&number(index + 2));
                let bytes = 4 + varint(&mut cell[4..], *id as u64);
                content -= bytes;
                page[content..content + bytes].copy_from_slice(&cell[..bytes]);
                let pointer = 12 + 2 * index;
                page[pointer..pointer + 2].copy_from_slice(&short(content));
            }
            page[0] = 5;
            page[3..5].copy_from_slice(&short(before.len()));
            page[5..7].copy_from_slice(&short(content));
            page[8..12].copy_from_slice(&number(root - 1));
        }
        let pages = self.pages.len() / PAGE;
        let filled = self.record.fill_schema(&self.name, root, &self.sql);
        debug_assert!(filled.is_some(), "`new` looked at it");
        let page = &mut self.pages[..PAGE];
        page[..16].copy_from_slice(b"SQLite format 3\0");
        // The size of a page (1 stands for 65536), no log, nothing reserved, and three constants.
        page[16..24].copy_from_slice(&[0, 1, 1, 1, 0, 64, 32, 32]);
        // Changes counted; the pages.
        page[24..28].copy_from_slice(&number(1));
        page[28..32].copy_from_slice(&number(pages));
        // The schema's version, its format, the encoding UTF-8.
        page[40..44].copy_from_slice(&number(1));
        page[44..48].copy_from_slice(&number(4));
        page[56..60].copy_from_slice(&number(1));
        // The number of pages is of that change.
        page[92..96].copy_from_slice(&number(1));
        let mut schema = Leaf::new(0);
        schema.put(page, &self.record, 1);
        schema.close(page);
    }
}

impl Record {
    fn new() -> Self {
        // Eight more, since an integer is put there whole and then counted by its last bytes.
        Record { types: Vec::new(), values: vec![0; MOST_RECORD + 8], end: 0 }
    }

    /// Makes it that of a row, and returns the row's id: that of its key, or that given. None for a row that has to be
    /// inserted.
    fn fill(&mut self, columns: &[Column], cells: &[Cells], row: usize, mut id: i64) -> Option<i64> {
        self.clear();
        for (column, cells) in columns.iter().zip(cells) {
            match cells.cell(row) {
                Cell::Integer(value) if column.is_key => {
                    id = value;
                    self.types.push(0);
                }
                Cell::Integer(value) => self.integer(value)?,
                Cell::Real(value) if !value.is_nan() => {
                    let whole = value as i64;
                    if (whole as f64).to_bits() == (value + 0.0).to_bits() && (-SHORT..SHORT).contains(&whole) {
                        self.integer(whole)?;
                    } else {
                        self.types.push(7);
                        self.bytes(&value.to_be_bytes())?;
                    }
                }
                Cell::Text(text) if column.kind == Kind::Json && may_be_number(text) => return None,
                Cell::Text(text) => self.text(text)?,
                Cell::Blob(bytes) => {
                    put_varint(&mut self.types, 12 + 2 * bytes.len() as u64);
                    self.bytes(bytes)?;
                }
                // NaN is none to SQLite.
                Cell::Null | Cell::Real(_) if column.nullable => self.types.push(0),
                Cell::Null | Cell::Real(_) | Cell::Day(_) | Cell::Moment(_) => return None,
            }
        }
        (self.types.len() + self.end < MOST_RECORD - LONGEST_VARINT).then_some(id)
    }

    /// Makes it that of a table in the schema.
    fn fill_schema(&mut self, name: &str, root: usize, sql: &str) -> Option<()> {
        self.clear();
        for text in ["table", name, name] {
            self.text(text.as_bytes())?;
        }
        self.integer(root as i64)?;
        self.text(sql.as_bytes())
    }

    fn clear(&mut self) {
        self.types.clear();
        self.end = 0;
    }

    #[inline]
    fn integer(&mut self, value: i64) -> Option<()> {
        // The bits but the sign.
        let bits = 64 - (value ^ (value >> 63)).leading_zeros();
        let (kind, bytes) = match bits {
            0 | 1 if value & 1 == value => (8 + value as u8, 0),
            0..=7 => (1, 1),
            8..=15 => (2, 2),
            16..=23 => (3, 3),
            24..=31 => (4, 4),
            32..=47 => (5, 6),
            _ => (6, 8),
        };
        self.types.push(kind);
        if bytes > 0 {
            let at = self.values.get_mut(self.end..self.end + 8)?;
            at.copy_from_slice(&(value << (64 - 8 * bytes)).to_be_bytes());
            self.end += bytes;
        }
        Some(())
    }

    #[inline]
    fn text(&mut self, text: &[u8]) -> Option<()> {
        put_varint(&mut self.types, 13 + 2 * text.len() as u64);
        self.bytes(text)
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.values.get_mut(self.end..self.end + bytes.len())?.copy_from_slice(bytes);
        self.end += bytes.len();
        Some(())
    }
}

impl Leaf {
    fn new(begin: usize) -> Self {
        Leaf { begin, rows: 0, content: PAGE }
    }

    /// Puts a row into its page; `false` if there is no room.
    fn put(&mut self, pages: &mut [u8], record: &Record, id: i64) -> bool {
        // The size of the record's head counts itself.
        let head = record.types.len() + if record.types.len() < 127 { 1 } else { 2 };
        let mut front = [0; 3 * LONGEST_VARINT];
        let mut before = varint(&mut front, (head + record.end) as u64);
        before += varint(&mut front[before..], id as u64);
        before += varint(&mut front[before..], head as u64);
        let bytes = before + record.types.len() + record.end;
        let pointers = self.header() + 8 + 2 * self.rows;
        if pointers + 2 + bytes > self.content {
            return false;
        }
        self.content -= bytes;
        self.rows += 1;
        let page = &mut pages[self.begin..self.begin + PAGE];
        page[pointers..pointers + 2].copy_from_slice(&short(self.content));
        let (at_front, rest) = page[self.content..][..bytes].split_at_mut(before);
        let (types, values) = rest.split_at_mut(record.types.len());
        at_front.copy_from_slice(&front[..before]);
        types.copy_from_slice(&record.types);
        values.copy_from_slice(&record.values[..record.end]);
        true
    }

    /// Writes the header of the page.
    fn close(&self, pages: &mut [u8]) {
        let header = &mut pages[self.begin + self.header()..][..8];
        header[0] = 13;
        header[3..5].copy_from_slice(&short(self.rows));
        header[5..7].copy_from_slice(&short(self.content));
    }

    /// Where its header is: in the first page behind the database's.
    fn header(&self) -> usize {
        if self.begin == 0 { HEADER } else { 0 }
    }
}

/// Whether SQLite may take a text for a number, as it does in columns that are neither TEXT nor BLOB.
fn may_be_number(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
    first.is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.'))
}

/// A number of 16 bits, as pages hold them.
fn short(number: usize) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

/// A number of 32 bits.
fn number(number: usize) -> [u8; 4] {
    (number as u32).to_be_bytes()
}

#[inline]
fn put_varint(to: &mut Vec<u8>, value: u64) {
    if value < 128 {
        return to.push(value as u8);
    }
    let mut bytes = [0; LONGEST_VARINT];
    let count = varint(&mut bytes, value);
    to.extend_from_slice(&bytes[..count]);
}

/// Writes a number in groups of seven bits, the highest first, all but the last marked; of nine bytes the last has eight.
#[inline]
fn varint(to: &mut [u8], value: u64) -> usize {
    if value < 128 {
        to[0] = value as u8;
        return 1;
    }
    if value >> 56 != 0 {
        for (index, byte) in to[..8].iter_mut().enumerate() {
            *byte = (value >> (57 - 7 * index)) as u8 | 0x80;
        }
        to[8] = value as u8;
        return 9;
    }
    let bytes = (64 - value.leading_zeros() as usize).div_ceil(7);
    for (index, byte) in to[..bytes].iter_mut().enumerate() {
        *byte = (value >> (7 * (bytes - 1 - index))) as u8 | 0x80;
    }
    to[bytes - 1] &= 0x7f;
    bytes
}
