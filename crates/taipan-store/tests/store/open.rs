//! Opening: what is made, what is refused, and what the refusal says.

use std::error::Error as _;
use std::fs;
use std::path::Path;

use taipan_store::{ErrorKind, Select, Store, WriteOptions};
use tempfile::TempDir;

use crate::sample::{json, people, write};

fn refused(url: &str) -> String {
    Store::open(url).map(|_| ()).unwrap_err().to_string()
}

fn file(folder: &TempDir, name: &str, content: &[u8]) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A database of one table with enough rows for several pages, closed.
fn database(folder: &TempDir, name: &str) -> String {
    let path = folder.path().join(name).to_str().unwrap().to_owned();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO t SELECT i, 'a text of some length ' || i FROM n;",
        )
        .unwrap();
    path
}

#[test]
fn a_missing_file_is_made_and_kept() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new name.db");
    for url in
        [format!("sqlite:{}", path.display()), path.display().to_string(), format!("sqlite://{}", path.display())]
    {
        let store = Store::open(&url).unwrap();
        assert_eq!(store.path(), Some(path.as_path()));
        assert!(path.exists());
        if store.tables().unwrap().is_empty() {
            write(&store, "people", &people(), &WriteOptions::default()).unwrap();
        }
        assert_eq!(store.tables().unwrap()[0].name, "people", "{url}");
    }
}

#[test]
fn a_name_that_looks_like_a_uri_is_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file:x?mode=memory");
    Store::open(path.to_str().unwrap()).unwrap();
    assert!(path.exists());
}

#[test]
fn memory_is_private_and_leaves_nothing() {
    let (one, other) = (Store::open("sqlite::memory:").unwrap(), Store::open("sqlite::memory:").unwrap());
    write(&one, "people", &people(), &WriteOptions::default()).unwrap();
    assert_eq!(one.path(), None);
    assert!(other.tables().unwrap().is_empty());
}

#[test]
fn other_databases_are_refused_without_their_password() {
    let cases = [
        ("postgres://me:secret@host/db?ssl=on", "postgres://…: the option \"ssl\" is not known"),
        (
            "mysql://me:secret@host/db",
            "mysql://…: databases of the scheme \"mysql\" are not supported; use a SQLite file, such as sqlite:demo.db, \
             or PostgreSQL",
        ),
        ("", "the database has no name; give a file, such as sqlite:demo.db"),
        ("sqlite:", "the database has no name; give a file, such as sqlite:demo.db"),
    ];
    for (url, message) in cases {
        assert_eq!(refused(url), message);
    }
}

#[test]
fn what_is_not_a_database_is_named() {
    let folder = TempDir::new().unwrap();
    let text = file(&folder, "notes.db", &b"not a database at all, but a text. ".repeat(100));
    assert_eq!(refused(&text), format!("{text}: not a SQLite database"));

    let here = folder.path().to_str().unwrap();
    assert_eq!(refused(here), format!("{here}: is a folder, not a database file"));

    let missing = folder.path().join("no/such/demo.db");
    let expected = format!("{}: there is no folder \"{}\"", missing.display(), missing.parent().unwrap().display());
    assert_eq!(refused(missing.to_str().unwrap()), expected);

    let below_a_file = format!("{text}/demo.db");
    assert!(refused(&below_a_file).starts_with(&format!("{below_a_file}: ")));
}

#[test]
fn an_empty_file_is_an_empty_database() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "empty.db", b"");
    let store = Store::open(&path).unwrap();
    assert!(store.tables().unwrap().is_empty());
    write(&store, "people", &people(), &WriteOptions::default()).unwrap();
    assert_eq!(store.count("people", None).unwrap(), 5);
}

#[test]
fn a_damaged_database_is_named() {
    let folder = TempDir::new().unwrap();
    let whole = fs::read(database(&folder, "whole.db")).unwrap();

    let cut = file(&folder, "cut.db", &whole[..whole.len() / 2]);
    assert_eq!(refused(&cut), format!("{cut}: the database is damaged: database disk image is malformed"));

    // The text of the schema, spoilt: CREATE TABLE t (id ... becomes CREATE TABLE t )id ...
    let mut spoilt = whole.clone();
    let at = spoilt.windows(15).position(|part| part == b"CREATE TABLE t ").unwrap();
    spoilt[at + 15] = b')';
    let spoilt = file(&folder, "schema.db", &spoilt);
    let error = Store::open(&spoilt).map(|_| ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error:?}");
    assert!(error.to_string().starts_with(&format!("{spoilt}: the database is damaged: malformed database schema")));
    assert!(error.source().is_some());

    // A page of rows, overwritten: found when it is read.
    let mut holed = whole.clone();
    holed[3 * 4096..6 * 4096].fill(0xa5);
    let holed = file(&folder, "holed.db", &holed);
    let store = Store::open(&holed).unwrap();
    let error = store.read_rows(&Select::new("t")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error:?}");
    let last = store.scan(&Select::new("t")).unwrap().last().unwrap();
    assert!(matches!(last.unwrap_err().kind(), ErrorKind::Corrupt(_)));
}

#[test]
fn any_damage_is_an_error_never_a_panic() {
    let folder = TempDir::new().unwrap();
    let whole = fs::read(database(&folder, "whole.db")).unwrap();
    let mut random = 12345_u64;
    for round in 0..60 {
        let mut damaged = whole.clone();
        for _ in 0..=round % 5 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let most = if round % 2 == 0 { 200 } else { damaged.len() };
            let at = (random >> 33) as usize % most;
            damaged[at] = (random >> 20) as u8;
        }
        let path = file(&folder, &format!("{round}.db"), &damaged);
        if let Ok(store) = Store::open(&path) {
            for table in store.tables().unwrap_or_default() {
                let _ = store.read_rows(&Select::new(&table.name));
                let _ = store.scan(&Select::new(&table.name)).map(|mut scan| scan.all(|batch| batch.is_ok()));
            }
        }
    }
}

#[test]
fn reading_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "foreign.db");
    let before = fs::read(&path).unwrap();
    {
        let store = Store::open(&path).unwrap();
        assert_eq!(store.count("t", None).unwrap(), 2000);
        assert_eq!(store.origin("t").unwrap(), None);
        assert!(store.artifacts("model").unwrap().is_empty());
        assert_eq!(json(&store, &Select::new("t").column("id").limit(2)), r#"[{"id":1},{"id":2}]"#);
        assert_eq!(store.scan(&Select::new("t")).unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2000);
    }
    assert!(fs::read(&path).unwrap() == before, "the file was written");
    assert!(!Path::new(&format!("{path}-wal")).exists());
}

#[test]
fn a_file_that_cannot_be_written_is_read_and_says_so() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "locked.db");
    let mut rights = fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(&path, rights).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        // A superuser writes it all the same.
        return;
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.count("t", None).unwrap(), 2000);
    let error = store.drop_table("t").unwrap_err();
    assert_eq!(error.to_string(), format!("{path}: cannot be written: the file or its folder is read-only"));
}

#[test]
fn a_database_that_another_program_holds_is_busy() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "busy.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    let store = Store::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = store.count("t", None).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Busy), "{error:?}");
    assert_eq!(error.to_string(), format!("{path}: locked by another program; try again when it has finished"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.count("t", None).unwrap(), 2000);
}
