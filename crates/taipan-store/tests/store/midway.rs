//! Migrations that are killed midway: the database is as before or as after, never between, and its rows are all there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use taipan_store::schema::{Field, ForeignKey, Index, Preset, Table};
use taipan_store::{Kind, Order, Select, Store, Value};
use tempfile::TempDir;

use crate::sample::{batch, fresh, integers, postgres, texts, write};

/// Names the database to a child process.
const CHILD: &str = "TAIPAN_STORE_MIDWAY";
const ROWS: i64 = 3000;

fn things() -> Table {
    Table::new("things").field(Field::new("id", Kind::Integer)).primary_key(["id"])
}

/// The tables on one side of the migration.
fn before() -> Vec<Table> {
    vec![things().field(Field::new("name", Kind::Text).renamed_from("title")).field(Field::new("n", Kind::Integer))]
}

/// The tables on the other: a field has another name, one is new, a rule and an index are there, and another table refers
/// to this one.
fn after() -> Vec<Table> {
    let things = things()
        .field(Field::new("title", Kind::Text).required().preset(Preset::Text(String::new())).renamed_from("name"))
        .field(Field::new("n", Kind::Integer).check("n >= 0"))
        .field(Field::new("extra", Kind::Real).preset(Preset::Real(0.5)))
        .index(Index::on(["title", "n"]));
    let more = Table::new("more")
        .field(Field::new("id", Kind::Integer))
        .field(Field::new("thing", Kind::Integer))
        .primary_key(["id"])
        .foreign_key(ForeignKey::new(["thing"], "things", ["id"]));
    vec![things, more]
}

fn migrate(store: &Store, wanted: &[Table]) {
    store.migrate(wanted, &["things.extra", "more"]).unwrap();
}

/// Not a test of its own: what the killed process does, which is to migrate there and back for ever.
#[test]
fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = Store::open(&url).unwrap();
    loop {
        for wanted in [after(), before()] {
            let mut out = std::io::stdout();
            writeln!(out, "\nbegins").unwrap();
            out.flush().unwrap();
            migrate(&store, &wanted);
        }
    }
}

fn spawn(url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["midway::child", "--exact", "--nocapture", "--test-threads", "1"]).env(CHILD, url);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill_often(kills: usize) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("midway.db");
    let url = if postgres().is_some() { fresh() } else { file.to_str().unwrap().to_owned() };
    let store = Store::open(&url).unwrap();
    migrate(&store, &before());
    let names: Vec<String> = (1..=ROWS).map(|id| format!("thing {id}")).collect();
    let rows = batch(vec![
        ("id", integers(1..=ROWS)),
        ("name", texts(names.iter().map(String::as_str))),
        ("n", integers((1..=ROWS).map(|id| id * 7))),
    ]);
    let append = taipan_store::WriteOptions::default().mode(taipan_store::Mode::Append);
    write(&store, "things", &rows, &append).unwrap();
    drop(store);
    let (mut found_before, mut found_after) = (0, 0);
    let mut random = 88_172_645_463_325_252_u64;
    for _ in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut child = spawn(&url);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed as soon as one has begun, or a little later: as long as it takes to count.
        let begun = lines.map_while(Result::ok).filter(|line| line == "begins").nth((random % 4) as usize);
        assert!(begun.is_some(), "the child migrates until it is killed");
        (0..random % 4_000_000).for_each(|number| {
            std::hint::black_box(number);
        });
        child.kill().unwrap();
        child.wait().unwrap();

        let store = Store::open(&url).unwrap();
        if postgres().is_some() {
            // The server may be about to end what the killed one began, which holds the lock of migrations.
            let wait = |tx: &mut taipan_store::Transaction<'_>| tx.query("SELECT pg_advisory_xact_lock(7089257)", &[]);
            store.transaction(&taipan_store::TransactionOptions::default(), wait).unwrap();
        }
        let (is_before, is_after) = (is_there(&store, &before()), is_there(&store, &after()));
        assert!(is_before != is_after, "between: {} {}", store.plan(&before()).unwrap(), store.plan(&after()).unwrap());
        (found_before, found_after) = (found_before + u32::from(is_before), found_after + u32::from(is_after));
        let name = if is_before { "name" } else { "title" };
        let select = Select::new("things").column("id").column(name).column("n").order(Order::asc("id"));
        let rows = store.read_rows(&select).unwrap().rows;
        assert_eq!(rows.len() as i64, ROWS);
        for (id, row) in (1..).zip(rows) {
            assert_eq!(row, [Value::Integer(id), Value::Text(format!("thing {id}")), Value::Integer(id * 7)]);
        }
        assert_eq!(store.table("more").is_ok(), is_after);
        drop(store);
        if postgres().is_none() {
            let connection = rusqlite::Connection::open(&file).unwrap();
            let said: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(said, "ok");
        }
    }
    println!("killed {kills} times: {found_before} times as before, {found_after} times as after");
}

/// Whether the tables are exactly these.
fn is_there(store: &Store, wanted: &[Table]) -> bool {
    store.plan(wanted).unwrap().is_empty()
}

#[test]
fn a_killed_migration_is_whole_or_not_at_all() {
    kill_often(12);
}

#[test]
#[ignore = "long"]
fn five_hundred_killed_migrations_are_whole_or_not_at_all() {
    kill_often(500);
}
