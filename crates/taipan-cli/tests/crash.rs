//! `taipan serve` ends as by a power cut while many clients write: whatever was acknowledged is there afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{Server, Workplace};

const CLIENTS: u64 = 8;
/// So many writes are acknowledged before the end comes.
const BEFORE: usize = 200;

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let place = Workplace::new();
    place.write("log.csv", "id,text\n1,first\n");
    place.write("taipan.toml", "[app]\nname = \"log\"\ndatabase = \"sqlite:log.db\"\n\n[source.log]\nfile = \"log.csv\"\nprimary_key = \"id\"\n");
    let args = [".", "--write", "public"];
    let mut written = BTreeSet::from([1]);
    let next = AtomicU64::new(2);
    for round in 0..3 {
        let server = place.serve(&args);
        let address = server.address.clone();
        let (acknowledged, over) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| write(&Server::at(&address), &next, &acknowledged, &over));
            }
            let start = std::time::Instant::now();
            while acknowledged.lock().unwrap().len() < BEFORE {
                assert!(start.elapsed() < Duration::from_mins(2), "writes are too slow to be tested");
                std::thread::sleep(Duration::from_millis(1));
            }
            // In the middle of whatever is being written.
            server.kill();
            over.store(true, Ordering::Relaxed);
        });
        let acknowledged = acknowledged.into_inner().unwrap();
        assert!(acknowledged.len() >= BEFORE, "{round}");
        written.extend(acknowledged);

        let server = place.serve(&args);
        let rows = server.get("/api/log?select=id,text&order=id").json();
        let found: BTreeSet<u64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
        let lost: Vec<&u64> = written.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let whole = |row: &serde_json::Value| row["id"] == 1 || row["text"] == format!("row {}", row["id"]);
        assert!(rows.as_array().unwrap().iter().all(whole), "nothing is there by half");
        server.kill();
    }
}

/// Writes rows until the server is gone.
fn write(server: &Server, next: &AtomicU64, acknowledged: &Mutex<BTreeSet<u64>>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let row = format!("{{\"id\":{id},\"text\":\"row {id}\"}}");
        let sent = server.try_send("POST", "/api/log", &[("content-type", "application/json")], Some(&row));
        match sent {
            Some(answer) if answer.status == 201 => {
                acknowledged.lock().unwrap().insert(id);
            }
            Some(answer) => panic!("{}: {}", answer.status, answer.body),
            None => return,
        }
    }
}
