//! Logging as its users see it. Each test has loggers of its own, since the tree of loggers is the process's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use taipan_runtime::Error;
use taipan_runtime::logging::{self, Format, Handler, Instrument, Level, Logger, get_logger};
use taipan_runtime::task::{create_task, gather, run, sleep};

const LONG: Duration = Duration::from_mins(2);

/// A writer whose content can be looked at, and which can be blocked.
#[derive(Clone, Default)]
struct Shared(Arc<(Mutex<Content>, Condvar)>);

/// What was written, and whether writing is blocked.
type Content = (Vec<u8>, bool);

impl Shared {
    fn block(&self, blocked: bool) {
        self.0.0.lock().expect("no panic").1 = blocked;
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().expect("no panic").0.clone()).expect("text")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let state = self.0.0.lock().expect("no panic");
        let mut state = self.0.1.wait_while(state, |state| state.1).expect("no panic");
        state.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A logger that writes to what is returned beside it, and nowhere else.
fn logger(name: &str, format: &str) -> (Logger, Handler, Shared) {
    let written = Shared::default();
    let handler =
        Handler::writer(written.clone()).format(Format::text(format).expect("a format")).build().expect("a thread");
    let logger = get_logger(name);
    logger.set_propagate(false);
    logger.set_level(logging::DEBUG);
    logger.add_handler(handler.clone());
    (logger, handler, written)
}

#[test]
fn levels_filter_in_order_and_by_logger() {
    logging::add_level_name(25, "NOTICE");
    let (app, handler, written) = logger("filter", "{levelname}:{name}:{message}");
    let [db, pool] = ["filter.db", "filter.db.pool"].map(get_logger);
    db.set_level(25);
    let levels = [logging::DEBUG, logging::INFO, Level(24), Level(25), Level(26), logging::CRITICAL];
    for level in levels {
        for logger in [&app, &db, &pool] {
            logger.log(level, "hi");
        }
    }
    assert_eq!(pool.effective_level(), Level(25));
    assert!(!pool.is_enabled_for(24) && pool.is_enabled_for(25));
    handler.set_level(logging::ERROR);
    app.warning("not for this handler");
    assert!(handler.flush(LONG));
    let mut expected = String::new();
    for level in levels {
        expected.extend([level.to_string().as_str(), ":filter:hi\n"]);
        if level >= Level(25) {
            let level = level.to_string();
            expected.extend([level.as_str(), ":filter.db:hi\n", &level, ":filter.db.pool:hi\n"]);
        }
    }
    assert_eq!(written.text(), expected);
    assert!(written.text().contains("NOTICE:filter.db:hi\n"));
}

#[test]
fn handlers_are_inherited_unless_told_otherwise() {
    let (_, above, seen_above) = logger("inherit", "{name} {message}");
    let below = get_logger("inherit.below");
    let written = Shared::default();
    let own = Handler::writer(written.clone())
        .format(Format::text("{message}").expect("a format"))
        .build()
        .expect("a thread");
    below.add_handler(own.clone());
    below.info("both");
    below.set_propagate(false);
    below.info("own");
    below.remove_handler(&own);
    below.info("nobody");
    assert!(own.flush(LONG) && above.flush(LONG));
    assert_eq!(written.text(), "both\nown\n");
    assert_eq!(seen_above.text(), "inherit.below both\n");
}

#[derive(Debug)]
struct Outer(io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the file is lost")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn fields_errors_and_libraries_events_are_written() {
    let (app, handler, written) = logger("fields", "{levelname} {name} {message}{fields}");
    let name = "Ann";
    logging::info!(logger: app, user = name, rows = 3, ok = true, "read {} of {}", 3, 4);
    logging::log!(logger: app, 12, share = 0.5, "odd level");
    logging::critical!(logger: app, "the end");
    let error = Outer(io::Error::other("no such disk"));
    logging::exception!(logger: app, error, "while reading");
    app.exception(&error, "again");
    tracing::info!(target: "fields::guest", bytes = 7_u64, "from a library");
    tracing::trace!(target: "fields::guest", "too fine");
    assert!(handler.flush(LONG));
    assert_eq!(
        written.text(),
        "INFO fields read 3 of 4 user=Ann rows=3 ok=true\n\
         Level 12 fields odd level share=0.5\n\
         CRITICAL fields the end\n\
         ERROR fields while reading\n  error: the file is lost\n  caused by: no such disk\n\
         ERROR fields again\n  error: the file is lost\n  caused by: no such disk\n\
         INFO fields.guest from a library bytes=7\n"
    );
}

#[test]
fn each_task_has_its_own_context() {
    let (app, handler, written) = logger("tasks", "{request}{user} {message}");
    run(async {
        let tasks = (0..20).map(|number| {
            let app = app.clone();
            async move {
                app.info(number);
                sleep(Duration::from_millis(1)).await;
                // A task started here carries the same fields.
                let inner = app.clone();
                create_task(async move {
                    inner.info(number);
                    Ok::<_, Error>(())
                })
                .await?;
                app.info(number);
                Ok::<_, Error>(())
            }
            .instrument(logging::context!(request = number))
        });
        gather(tasks).await
    })
    .expect("done");
    let outer = logging::context!(user = "Ann", request = 5).entered();
    let inner = logging::context!(request = 6).entered();
    app.info("both");
    drop((inner, outer));
    app.info("none");
    assert!(handler.flush(LONG));
    let text = written.text();
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.split_off(60), ["6Ann both", " none"]);
    for number in 0..20 {
        let own = format!("{number} {number}");
        assert_eq!(lines.iter().filter(|line| **line == own).count(), 3, "{number}");
    }
}

/// Reads what a rotating file has left: the oldest first.
fn rotated(folder: &Path, name: &str) -> String {
    let mut files: BTreeMap<usize, String> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_str().expect("text").to_owned();
        let age = file.strip_prefix(name).expect("a log").trim_start_matches('.').parse().unwrap_or(0);
        files.insert(usize::MAX - age, fs::read_to_string(&path).expect("text"));
    }
    files.into_values().collect()
}

#[test]
fn eight_threads_log_while_the_file_rotates() {
    const THREADS: usize = 8;
    const RECORDS: usize = 100_000;
    let folder = tempfile::tempdir().expect("a folder");
    let handler = Handler::file(folder.path().join("a.log"))
        .format(Format::text("{message}{thread} {number} ends here").expect("a format"))
        .buffer(64 << 20)
        .rotate_by_size(2 << 20, 1000)
        .build()
        .expect("a file");
    let app = get_logger("threads");
    app.set_propagate(false);
    app.set_level(logging::INFO);
    app.add_handler(handler.clone());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let app = &app;
            scope.spawn(move || {
                for number in 0..RECORDS {
                    logging::info!(logger: app, thread, number, "record ");
                }
            });
        }
    });
    assert!(handler.flush(LONG));
    let text = rotated(folder.path(), "a.log");
    let mut next = [0; THREADS];
    let (mut seen, mut told) = (0, 0);
    for line in text.lines() {
        if let Some(dropped) = line.strip_suffix(" records were dropped: the log is written too slowly  ends here") {
            told += dropped.parse::<u64>().expect("a number");
            continue;
        }
        let numbers = line.strip_prefix("record ").and_then(|line| line.strip_suffix(" ends here"));
        let (thread, number) = numbers.and_then(|numbers| numbers.split_once(' ')).expect("a whole line");
        let (thread, number): (usize, usize) = (thread.parse().expect("a thread"), number.parse().expect("a number"));
        let next = next.get_mut(thread).expect("a thread");
        assert!(number >= *next, "thread {thread}: {number} after {next}");
        *next = number + 1;
        seen += 1;
    }
    assert_eq!(told, handler.dropped());
    assert_eq!(seen + told, (THREADS * RECORDS) as u64);
    assert!(fs::read_dir(folder.path()).expect("the folder").count() > 5);
}

#[test]
fn a_blocked_sink_holds_up_nobody_and_drops_are_told() {
    let written = Shared::default();
    written.block(true);
    let handler = Handler::writer(written.clone())
        .format(Format::text("{message}").expect("a format"))
        .buffer(1000)
        .build()
        .expect("a thread");
    let app = get_logger("blocked");
    app.set_propagate(false);
    app.add_handler(handler.clone());
    // Were the caller held up, this would never end.
    for number in 0..1000 {
        app.warning(format_args!("{number:08}"));
    }
    let dropped = handler.dropped();
    assert!((700..1000).contains(&dropped), "{dropped} dropped");
    assert!(!handler.flush(Duration::from_millis(5)));
    written.block(false);
    assert!(handler.flush(LONG));
    let text = written.text();
    let lines: Vec<&str> = text.lines().collect();
    // Drops are told with what is written next: in several parts if the thread began late.
    let told =
        |line: &&str| line.strip_suffix(" records were dropped: the log is written too slowly").map(str::to_owned);
    let parts: Vec<u64> = lines.iter().filter_map(told).map(|number| number.parse().expect("a number")).collect();
    assert_eq!(parts.iter().sum::<u64>(), dropped, "{text}");
    assert_eq!((lines.len() - parts.len()) as u64, 1000 - dropped);
}

/// Fails until it is told not to.
struct Failing(Arc<Mutex<bool>>, Shared);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.0.lock().expect("no panic") { Err(io::ErrorKind::StorageFull.into()) } else { self.1.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_failed_gets_everything_later() {
    let (failing, written) = (Arc::new(Mutex::new(true)), Shared::default());
    let handler = Handler::writer(Failing(Arc::clone(&failing), written.clone()))
        .format(Format::text("{message}").expect("a format"))
        .build()
        .expect("a thread");
    let app = get_logger("failing");
    app.set_propagate(false);
    app.add_handler(handler.clone());
    for number in 0..100 {
        app.warning(number);
    }
    assert!(!handler.flush(Duration::from_millis(5)));
    *failing.lock().expect("no panic") = false;
    assert!(handler.flush(LONG));
    assert_eq!(written.text(), (0..100).flat_map(|number| [number.to_string(), "\n".to_owned()]).collect::<String>());
    assert_eq!(handler.dropped(), 0);
}

/// A disk that is full from the beginning.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_holds_up_nobody_and_its_drops_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let format = || Format::text("{message}").expect("a format");
    let full = Handler::file("/dev/full").format(format()).buffer(1000).build().expect("a device");
    let app = get_logger("full");
    app.set_propagate(false);
    app.add_handler(full.clone());
    for number in 0..1000 {
        app.warning(format_args!("{number:08}"));
    }
    // Those that wait for room on the disk, and those that wait in the buffer: 111 of either at most.
    let dropped = full.dropped();
    assert!((778..=889).contains(&dropped), "{dropped} dropped");
    assert!(!full.flush(Duration::from_millis(5)));
    let other = Handler::file(folder.path().join("a.log")).format(format()).build().expect("a file");
    app.remove_handler(&full);
    app.add_handler(other.clone());
    drop(full);
    app.warning("there is room");
    assert!(other.flush(LONG));
    assert_eq!(fs::read_to_string(folder.path().join("a.log")).expect("text"), "there is room\n");
    assert_eq!(other.dropped(), 0);
}

#[test]
fn records_travel_over_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let handler = Handler::tcp(listener.local_addr().expect("an address").to_string()).build().expect("a thread");
    let app = get_logger("network");
    app.set_propagate(false);
    app.add_handler(handler.clone());
    app.warning("one");
    app.warning("two");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a socket");
    let mut lines = BufReader::new(stream);
    for message in ["one", "two"] {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&record["message"], &record["logger"]), (&message.into(), &"network".into()));
    }
    assert!(handler.flush(LONG));
    app.remove_handler(&handler);
    drop(handler);
    let mut rest = Vec::new();
    lines.read_to_end(&mut rest).expect("the end");
    assert!(rest.is_empty());
}
