//! Reading in chunks: the same bytes as in one piece, nothing held afterwards, and no end that is not one.

use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use taipan_store::{
    Compare, Count, Error, ErrorKind, Filter, Mode, Opening, Order, Part, RowWriter, Select, Store, StreamOptions,
    Value, WriteOptions,
};

use crate::sample::{batch, integers, memory, texts, write};

/// A table of numbers, each with a text of a length that varies.
fn fill(store: &Store, rows: i64, options: &WriteOptions) {
    let words: Vec<String> = (0..rows).map(|row| "w\"".repeat((row % 13) as usize)).collect();
    let columns = vec![("n", integers(0..rows)), ("word", texts(words.iter().map(String::as_str)))];
    write(store, "t", &batch(columns), options).unwrap();
}

/// What a stream gave, put together.
#[derive(Debug, Default)]
struct Taken {
    body: Vec<u8>,
    rows: u64,
    total: Option<u64>,
    chunks: Vec<usize>,
    has_ended: bool,
}

impl Taken {
    fn take(&mut self, part: Part) {
        assert!(!self.has_ended, "nothing follows the end");
        let is_first = self.chunks.is_empty();
        assert_eq!(is_first, matches!(part, Part::Whole(_) | Part::First(_)));
        self.has_ended = matches!(part, Part::Whole(_) | Part::Last(_));
        let bytes = match part {
            Part::Whole(Opening { body, rows, total }) | Part::First(Opening { body, rows, total }) => {
                (self.rows, self.total) = (rows, total);
                body
            }
            Part::Next(bytes) | Part::Last(bytes) => bytes,
        };
        self.chunks.push(bytes.len());
        self.body.extend(bytes);
    }
}

fn stream(store: &Store, select: &Select, options: StreamOptions) -> (Taken, Result<(), Error>) {
    let mut taken = Taken::default();
    let ended = store.stream_json(select, options, |part| {
        taken.take(part);
        ControlFlow::Continue(())
    });
    (taken, ended)
}

#[test]
fn chunks_are_the_page_in_pieces() {
    for rows in [0, 1, 2, 3, 40, 41, 500] {
        let store = memory();
        fill(&store, rows, &WriteOptions::default().index("n"));
        let some = Filter::compare("n", Compare::Gte, Value::Integer(5));
        let selects = [
            Select::new("t"),
            Select::new("t").limit(0),
            Select::new("t").limit(33).offset(2),
            Select::new("t").offset(rows as u64 + 1),
            Select::new("t").filter(some).order(Order::desc("n")).limit(20),
        ];
        for select in selects {
            for count in [Count::None, Count::Exact] {
                let page = store.read_json(&select, count).unwrap();
                let around = page.body.len().saturating_sub(2)..page.body.len() + 2;
                for chunk_bytes in [0, 1, 2, 30, 64, 65, 1000, usize::MAX].into_iter().chain(around) {
                    let options = StreamOptions::default().count(count).chunk_bytes(chunk_bytes);
                    let (taken, ended) = stream(&store, &select, options);
                    ended.unwrap();
                    let shown = format!("{rows} rows, chunks of {chunk_bytes}, {select:?}");
                    assert!(taken.has_ended, "{shown}");
                    assert_eq!(taken.body, page.body, "{shown}");
                    assert_eq!((taken.rows, taken.total), (page.rows, page.total), "{shown}");
                    // A row is 70 bytes at most.
                    assert!(taken.chunks.iter().all(|bytes| *bytes <= chunk_bytes.saturating_add(70)), "{shown}");
                }
            }
        }
    }
}

#[test]
fn rows_are_written_by_the_callers_writer() {
    struct Lines;
    impl RowWriter for Lines {
        fn begin(&mut self, out: &mut Vec<u8>, columns: &[&str]) {
            out.extend_from_slice(columns.join(" ").as_bytes());
        }
        fn row(&mut self, out: &mut Vec<u8>, values: &[Value]) {
            out.extend_from_slice(format!("\n{values:?}").as_bytes());
        }
    }
    let store = memory();
    fill(&store, 30, &WriteOptions::default());
    let select = Select::new("t");
    let rows = store.read_rows(&select).unwrap();
    let lines: Vec<String> = rows.rows.iter().map(|row| format!("{row:?}")).collect();
    for chunk_bytes in [0, 100, 1 << 20] {
        let mut taken = Taken::default();
        let options = StreamOptions::default().chunk_bytes(chunk_bytes);
        let ended = store.stream_rows(&select, options, &mut Lines, |part| {
            taken.take(part);
            ControlFlow::Continue(())
        });
        ended.unwrap();
        assert_eq!((taken.rows, taken.has_ended), (30, true));
        assert_eq!(String::from_utf8(taken.body).unwrap(), format!("n word\n{}", lines.join("\n")));
    }
}

#[test]
fn wrong_queries_fail_before_the_first_part() {
    let store = memory();
    fill(&store, 3, &WriteOptions::default());
    for select in [Select::new("nothing"), Select::new("t").column("m"), Select::new("t").order(Order::asc("m"))] {
        let expected = store.read_json(&select, Count::None).unwrap_err().to_string();
        let (taken, ended) = stream(&store, &select, StreamOptions::default());
        assert_eq!(ended.unwrap_err().to_string(), expected);
        assert!(taken.chunks.is_empty());
    }
}

#[test]
fn a_stream_keeps_its_moment() {
    let store = memory();
    fill(&store, 500, &WriteOptions::default());
    let page = store.read_json(&Select::new("t"), Count::None).unwrap();
    let (mut taken, mut dropped) = (Taken::default(), false);
    let ended = store.stream_json(&Select::new("t"), StreamOptions::default().chunk_bytes(100), |part| {
        taken.take(part);
        if !dropped {
            store.drop_table("t").unwrap();
            dropped = true;
        }
        ControlFlow::Continue(())
    });
    ended.unwrap();
    assert!(taken.has_ended && taken.body == page.body);
    assert_eq!(taken.rows, 500);
}

#[test]
fn a_stream_that_was_ended_early_holds_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = Store::open(path.to_str().unwrap()).unwrap();
    fill(&store, 50_000, &WriteOptions::default());
    for most in [1, 2, 5] {
        let mut parts = 0;
        let ended = store.stream_json(&Select::new("t"), StreamOptions::default().chunk_bytes(1000), |_| {
            parts += 1;
            if parts == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        ended.unwrap();
        assert_eq!(parts, most);
    }
    // One that finds no row, and is not wanted any more at the third look.
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&looks);
    let none = Filter::compare("word", Compare::Eq, Value::Text("none".into()));
    let options = StreamOptions::default().stopped(move || seen.fetch_add(1, Ordering::Relaxed) == 2);
    let (taken, ended) = stream(&store, &Select::new("t").filter(none.clone()), options);
    ended.unwrap();
    assert!(taken.chunks.is_empty());
    assert_eq!(looks.load(Ordering::Relaxed), 3);
    // The connection is as good as before: the test is not asked again.
    assert_eq!(store.count("t", Some(&none)).unwrap(), 0);
    assert_eq!(looks.load(Ordering::Relaxed), 3);

    fill(&store, 10, &WriteOptions::default().mode(Mode::Replace));
    let other = rusqlite::Connection::open(&path).unwrap();
    let busy: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
    store.drop_table("t").unwrap();
}

#[test]
fn damage_midway_is_an_error_and_no_end() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let text = path.to_str().unwrap();
    fill(&Store::open(text).unwrap(), 5000, &WriteOptions::default().index("n"));
    let mut file = fs::read(&path).unwrap();
    // The last page of rows; the rows are counted by their index, which is whole.
    let rows = file.chunks(4096).rposition(|page| page[0] == 0x0d).unwrap();
    file[rows * 4096..(rows + 1) * 4096].fill(0xa5);
    fs::write(&path, file).unwrap();
    let store = Store::open(text).unwrap();
    let (taken, ended) = stream(&store, &Select::new("t"), StreamOptions::default().chunk_bytes(1000));
    assert!(matches!(ended.unwrap_err().kind(), ErrorKind::Corrupt(_)));
    assert!(taken.chunks.len() > 10 && !taken.has_ended);
    assert_eq!(taken.rows, 5000);
}
