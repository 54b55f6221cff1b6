//! What transactions see of each other, measured in the manner of Martin Kleppmann's "Hermitage": two transactions take
//! their steps in a fixed order, and what comes of it is compared with the table in `docs/isolation.md`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use taipan_store::{ErrorKind, Isolation, Result, Store, Transaction, TransactionOptions, Value};

use crate::sample::{memory, postgres};

/// An anomaly that may come of two transactions at once.
#[derive(Debug, Clone, Copy)]
enum Anomaly {
    /// One sees what the other has not committed.
    DirtyRead,
    /// One reads a row twice and sees two values.
    NonRepeatableRead,
    /// One asks twice which rows meet a condition, and gets more the second time.
    Phantom,
    /// Both read a number and add to it; one addition is gone.
    LostUpdate,
    /// Both see that a rule of two rows holds, and change one row each; then it does not.
    WriteSkew,
}

const ANOMALIES: [Anomaly; 5] =
    [Anomaly::DirtyRead, Anomaly::NonRepeatableRead, Anomaly::Phantom, Anomaly::LostUpdate, Anomaly::WriteSkew];

/// The table of the docs: for each level, whether each anomaly comes about.
const SQLITE: [(Isolation, [bool; 5]); 3] = [
    (Isolation::ReadCommitted, [false; 5]),
    (Isolation::RepeatableRead, [false; 5]),
    (Isolation::Serializable, [false; 5]),
];
const POSTGRES: [(Isolation, [bool; 5]); 3] = [
    (Isolation::ReadCommitted, [false, true, true, true, true]),
    (Isolation::RepeatableRead, [false, false, false, false, true]),
    (Isolation::Serializable, [false; 5]),
];

#[test]
fn anomalies_are_those_of_the_docs() {
    let (name, table) = if postgres().is_some() { ("PostgreSQL", POSTGRES) } else { ("SQLite", SQLITE) };
    for (level, expected) in table {
        for (anomaly, expected) in ANOMALIES.into_iter().zip(expected) {
            assert_eq!(occurs(anomaly, level), expected, "{name}, {level:?}: {anomaly:?}");
        }
    }
    // The docs say the same, row by row.
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/isolation.md")).unwrap();
    for (level, expected) in table {
        let cells = expected.map(|occurs| if occurs { "possible" } else { "–" }).join(" | ");
        let row = format!("| {name} | {level:?} | {cells} |");
        assert!(docs.contains(&row), "docs/isolation.md has not the row {row}");
    }
}

fn number(tx: &mut Transaction<'_>, sql: &str) -> Result<i64> {
    match tx.query(sql, &[])?.rows.first().map(Vec::as_slice) {
        Some([Value::Integer(number)]) => Ok(*number),
        other => panic!("{other:?}"),
    }
}

/// The other transaction's place in the play: it waits for its cue, and tells when it has done its part. Where the two
/// cannot be open at once, the first waits in vain and goes on alone.
struct Cue {
    tell: Sender<()>,
    hear: Receiver<()>,
}

impl Cue {
    fn pair() -> (Cue, Cue) {
        let ((a, from_a), (b, from_b)) = (channel(), channel());
        (Cue { tell: a, hear: from_b }, Cue { tell: b, hear: from_a })
    }

    /// Lets the other go on, and waits until it has, or is stuck behind this one.
    fn pass(&self) {
        let _ = self.tell.send(());
        self.wait();
    }

    fn wait(&self) {
        // A server's answer may take its time; on SQLite the other cannot begin anyway.
        let most = if postgres().is_some() { 5000 } else { 200 };
        let _ = self.hear.recv_timeout(Duration::from_millis(most));
    }

    fn done(&self) {
        let _ = self.tell.send(());
    }
}

/// Whether an anomaly comes about at a level.
fn occurs(anomaly: Anomaly, level: Isolation) -> bool {
    let store = memory();
    let options = TransactionOptions::default().isolation(level);
    store
        .transaction(&TransactionOptions::default(), |tx| {
            tx.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)", &[])?;
            tx.execute("INSERT INTO t VALUES (1, 10), (2, 10)", &[]).map(drop)
        })
        .unwrap();
    let first = "SELECT n FROM t WHERE id = 1";
    let sum = "SELECT CAST(sum(n) AS BIGINT) FROM t";
    match anomaly {
        Anomaly::DirtyRead => {
            let seen = play(
                &store,
                &options,
                |tx, cue| {
                    tx.execute("UPDATE t SET n = 99 WHERE id = 1", &[])?;
                    cue.pass();
                    Ok(0)
                },
                |tx, _| number(tx, first),
                Undo::First,
            );
            seen.1 == Some(99)
        }
        Anomaly::NonRepeatableRead => reads_twice(&store, &options, first, "UPDATE t SET n = 99 WHERE id = 1"),
        Anomaly::Phantom => {
            let count = "SELECT count(*) FROM t WHERE n = 10";
            reads_twice(&store, &options, count, "INSERT INTO t VALUES (3, 10)")
        }
        Anomaly::LostUpdate => {
            let add = |tx: &mut Transaction<'_>, cue: &Cue| {
                let n = number(tx, first)?;
                cue.pass();
                tx.execute("UPDATE t SET n = $1 WHERE id = 1", &[Value::Integer(n + 1)])?;
                Ok(n)
            };
            let done = play(&store, &options, add, add, Undo::None);
            let added = i64::from(done.0.is_some()) + i64::from(done.1.is_some());
            now(&store, first) != 10 + added
        }
        Anomaly::WriteSkew => {
            let take = |id: i64| {
                move |tx: &mut Transaction<'_>, cue: &Cue| {
                    let left = number(tx, sum)?;
                    cue.pass();
                    if left >= 20 {
                        tx.execute("UPDATE t SET n = n - 10 WHERE id = $1", &[Value::Integer(id)])?;
                    }
                    Ok(left)
                }
            };
            play(&store, &options, take(1), take(2), Undo::None);
            now(&store, sum) < 10
        }
    }
}

fn now(store: &Store, sql: &str) -> i64 {
    store.transaction(&TransactionOptions::default(), |tx| number(tx, sql)).unwrap()
}

fn reads_twice(store: &Store, options: &TransactionOptions, read: &str, change: &str) -> bool {
    let done = play(
        store,
        options,
        |tx, cue| {
            let before = number(tx, read)?;
            cue.pass();
            Ok(number(tx, read)? - before)
        },
        |tx, _| tx.execute(change, &[]).map(|rows| rows as i64),
        Undo::None,
    );
    done.0.is_some_and(|difference| difference != 0)
}

#[derive(Clone, Copy, PartialEq)]
enum Undo {
    None,
    First,
}

/// Plays two transactions against each other; what each returned, none where it was ended as a conflict.
fn play(
    store: &Store,
    options: &TransactionOptions,
    first: impl Fn(&mut Transaction<'_>, &Cue) -> Result<i64> + Send,
    second: impl Fn(&mut Transaction<'_>, &Cue) -> Result<i64> + Send,
    undo: Undo,
) -> (Option<i64>, Option<i64>) {
    let (mine, theirs) = Cue::pair();
    let value = |outcome: Result<i64>| match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            let is_conflict =
                matches!(error.kind(), ErrorKind::Conflict(_) | ErrorKind::Deadlock | ErrorKind::Aborted(_));
            assert!(is_conflict, "{error:?}");
            None
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            theirs.wait();
            let done = store.transaction(options, |tx| second(tx, &theirs));
            theirs.done();
            done
        });
        let done = store.transaction(options, |tx| {
            let value = first(tx, &mine)?;
            if undo == Undo::First { Err(taipan_store::Error::abort("undone")) } else { Ok(value) }
        });
        mine.done();
        (value(done), value(other.join().unwrap()))
    })
}
