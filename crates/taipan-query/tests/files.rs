//! Queries over files: what is pushed into the reading, what may be read, and scans done by another engine.
#![allow(clippy::unwrap_used, clippy::format_collect, clippy::format_push_string)]

use std::fmt::Write as _;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use taipan_query::{Engine, EngineOptions, ErrorKind, Reach};

/// Rows as lines of cells.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        let options = FormatOptions::default().with_null("null");
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        lines.extend(
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|")),
        );
    }
    lines
}

fn rows(engine: &Engine, sql: &str) -> Vec<String> {
    lines(&engine.sql(sql).unwrap().map(Result::unwrap).collect::<Vec<_>>())
}

fn engine() -> Engine {
    Engine::new(&EngineOptions::default()).unwrap()
}

/// Types inferred on a few rows, so that later ones can surprise.
fn hasty() -> Engine {
    Engine::new(&EngineOptions::default().reading("sample", "200")).unwrap()
}

/// The same 3,000 rows in three formats.
fn files(folder: &Path) -> Vec<String> {
    let (mut csv, mut json, mut xml) = (String::from("id,n,name\n"), String::new(), String::from("<r>"));
    for id in 0..3000 {
        let (n, name) = (id % 100, format!("n{}", id % 7));
        writeln!(csv, "{id},{n},{name}").unwrap();
        writeln!(json, "{{\"id\":{id},\"n\":{n},\"name\":\"{name}\"}}").unwrap();
        writeln!(xml, "<i><id>{id}</id><n>{n}</n><name>{name}</name></i>").unwrap();
    }
    xml.push_str("</r>");
    [("t.csv", csv), ("t.ndjson", json), ("t.xml", xml)]
        .into_iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        })
        .collect()
}

#[test]
fn conditions_are_judged_by_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(folder.path()) {
        for engine in [engine(), hasty()] {
            let sql = format!("SELECT id FROM '{file}' WHERE n = 42 AND name <> 'n3' AND id < 700");
            let plan = rows(&engine, &format!("EXPLAIN {sql}")).join("\n");
            assert!(plan.contains("FileScan: file="), "{plan}");
            assert!(plan.contains("filters=[") && !plan.contains("FilterExec"), "{plan}");
            assert_eq!(
                rows(&engine, &sql),
                ["42", "142", "242", "342", "442", "542", "642"][..]
                    .iter()
                    .filter(|id| id.parse::<i64>().unwrap() % 7 != 3)
                    .copied()
                    .collect::<Vec<_>>()
            );
            let counts = format!("SELECT count(*), sum(id) FROM '{file}' WHERE n BETWEEN 10 AND 19");
            assert_eq!(rows(&engine, &counts), ["300|439350"]);
            // What cannot be told to another machine is left to the engine.
            let sql = format!("SELECT count(*) FROM '{file}' WHERE abs(n) = 5 AND name LIKE 'n%'");
            let plan = rows(&engine, &format!("EXPLAIN {sql}")).join("\n");
            assert!(plan.contains("FilterExec: abs(") && plan.contains("filters=["), "{plan}");
            assert_eq!(rows(&engine, &sql), ["30"]);
            let limited = format!("SELECT id FROM '{file}' WHERE n = 1 LIMIT 2 OFFSET 1");
            assert_eq!(rows(&engine, &limited), ["101", "201"]);
        }
    }
}

#[test]
fn types_that_widen_late_change_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    let many: String = (0..5000).map(|id| format!("{id},1\n")).collect();
    std::fs::write(&file, format!("id,n\n{many}7,0.5\nx,3\n")).unwrap();
    let file = file.display();
    for engine in [engine(), hasty()] {
        // The column of the condition, and one beside it, of rows that pass and of rows that do not.
        assert_eq!(rows(&engine, &format!("SELECT id, n FROM '{file}' WHERE n < 1")), ["7|0.5"]);
        assert_eq!(rows(&engine, &format!("SELECT count(*) FROM '{file}' WHERE n < 1")), ["1"]);
        assert_eq!(rows(&engine, &format!("SELECT n FROM '{file}' WHERE id = 'x'")), ["3.0"]);
        assert_eq!(rows(&engine, &format!("SELECT max(n), count(id) FROM '{file}' WHERE n > 1")), ["3.0|1"]);
    }
}

#[test]
fn a_condition_that_fails_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(folder.path()) {
        let mut rows = match engine().sql(&format!("SELECT id FROM '{file}' WHERE 10 / n > 1")) {
            Err(error) => panic!("{error}"),
            Ok(rows) => rows,
        };
        let error = rows.find_map(Result::err).unwrap();
        assert_eq!(error.to_string(), "division by zero");
    }
}

#[test]
fn scans_are_done_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    for file in files(folder.path()) {
        let first = hasty();
        let sql = format!("SELECT name, id FROM '{file}' WHERE n > 97 AND name IN ('n1', 'it''s') OR id IS NULL");
        let expected = rows(&first, &sql);
        assert!(expected.len() > 5);
        let scans = first.scans(&sql).unwrap();
        let [scan] = scans.as_slice() else { panic!("{scans:?}") };
        assert!(scan.contains("\"options\":[[\"sample\",\"200\"]]"), "{scan}");
        let mut done = lines(&engine().scan(scan).unwrap());
        // The columns of a scan are in the order of the file.
        let swapped = |line: &String| line.split_once('|').map(|(id, name)| format!("{name}|{id}")).unwrap();
        done = done.iter().map(swapped).collect();
        let (mut done, mut expected) = (done, expected);
        done.sort();
        expected.sort();
        assert_eq!(done, expected);
        let error = engine().within(Reach::Tables).scan(scan).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::OutOfReach(_)), "{error}");
    }
    assert_eq!(
        engine().scan("{}").unwrap_err().to_string(),
        "this is no scan: missing field `file` at line 1 column 2"
    );
}

#[test]
fn files_are_read_as_they_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("t.json"), "{\"page\":1,\"data\":{\"items\":[{\"a\":1},{\"a\":2}]}}").unwrap();
    std::fs::write(path("t.xml"), "<r><x><i>1</i></x><y><i>2</i><i>3</i></y></r>").unwrap();
    std::fs::write(path("t.txt"), "a|b\n1|-\n").unwrap();
    let engine = engine();
    let read = |call: String| rows(&engine, &format!("SELECT * FROM read({call})"));
    assert_eq!(read(format!("'{}', 'record=/data/items'", path("t.json"))), ["1", "2"]);
    assert_eq!(read(format!("'{}', 'record=data.items'", path("t.json"))), ["1", "2"]);
    assert_eq!(read(format!("'{}', 'record=y/i'", path("t.xml"))), ["2", "3"]);
    assert_eq!(read(format!("'{}', 'delimiter=|', 'null=-', 'column=a:text'", path("t.txt"))), ["1|null"]);
    let sql = format!("SELECT a FROM read('{}', 'record=/data/items') WHERE a > 1", path("t.json"));
    assert_eq!(rows(&engine, &sql), ["2"]);
    for (call, message) in [
        ("'t.json', 'recrod=x'", "no option `recrod` for reading files; did you mean `record`?"),
        ("", "read takes the name of a file and its options: read('feed.xml', 'record=item')"),
        ("'t.json', 'x'", "read takes the name of a file and its options: read('feed.xml', 'record=item')"),
    ] {
        let error = engine.sql(&format!("SELECT * FROM read({call})")).err().unwrap().to_string();
        assert_eq!(error, message);
    }
    let wrong = Engine::new(&EngineOptions::default().reading("header", "maybe")).err().unwrap();
    assert_eq!(wrong.to_string(), "`maybe` is no value of `header`: expected true or false");
}

#[test]
fn statements_of_others_read_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = files(folder.path()).remove(0);
    let everything = engine();
    assert_eq!(rows(&everything, &format!("SELECT count(*) FROM '{file}'")), ["3000"]);
    for (reach, only) in [(Reach::Tables, "tables of the database"), (Reach::PublicUrls, "tables and public URLs")] {
        let engine = everything.within(reach);
        for from in [format!("'{file}'"), format!("read('{file}')"), "'/etc/hostname'".to_owned(), "'a.csv'".to_owned()]
        {
            let error = engine.sql(&format!("SELECT * FROM {from}")).err().unwrap();
            let told = error.to_string();
            assert!(matches!(error.kind(), ErrorKind::OutOfReach(_)), "{told}");
            assert!(told.ends_with(&format!("is out of reach: only {only} can be read here")), "{told}");
        }
        // Whether there is a file of a name is not told either.
        let error = engine.sql("SELECT * FROM etc").err().unwrap();
        assert_eq!(error.to_string(), "no table 'etc'");
        assert_eq!(rows(&engine, "SELECT 1 + 1"), ["2"]);
    }
    let local = "http://127.0.0.1:9/t.csv";
    let tables = everything.within(Reach::Tables);
    let error = tables.sql(&format!("SELECT * FROM '{local}'")).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::OutOfReach(_)), "{error}");
    let public = everything.within(Reach::PublicUrls);
    let error = public.sql(&format!("SELECT * FROM '{local}'")).err().unwrap().to_string();
    assert!(error.contains("public"), "{error}");
}

/// Whoever takes wider batches gets those of one reading, each row once and in order; everybody else one type for all.
#[test]
fn types_widen_on_the_way_only_for_those_who_ask() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let numbers = |last: &str| {
        format!("id,n\n{}300000,{last}\n", (0..300_000).map(|id| format!("{id},{id}\n")).collect::<String>())
    };
    let columns = ["id".to_owned(), "n".to_owned()];
    let sql = format!("SELECT * FROM '{}'", path.display());
    for (last, widened) in [("7", "Int64"), ("0.5", "Float64"), ("much", "Utf8")] {
        std::fs::write(&path, numbers(last)).unwrap();
        let engine = hasty();
        let mut widening = engine.select_widening(&sql, &columns).unwrap();
        let first = widening.next().unwrap().unwrap();
        assert_eq!(first.schema().field(1).data_type().to_string(), "Int64", "{last}");
        let batches: Vec<RecordBatch> = std::iter::once(first).chain(widening.by_ref().map(Result::unwrap)).collect();
        assert_eq!(widening.schema().field(1).data_type().to_string(), widened, "{last}");
        let ids: Vec<String> = lines(&batches).iter().map(|line| line.split('|').next().unwrap().to_owned()).collect();
        assert!(
            ids.iter().map(String::as_str).eq((0..=300_000)
                .map(|id| id.to_string())
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)),
            "{last}"
        );

        let engine = hasty();
        let whole = engine.select(&sql, &columns).unwrap();
        assert!(
            whole.map(Result::unwrap).all(|batch| batch.schema().field(1).data_type().to_string() == widened),
            "{last}"
        );
        // A condition may keep other rows of wider types, so that types are settled for everybody.
        let engine = hasty();
        let filtered = engine.select_widening(&format!("{sql} WHERE n > 5"), &columns);
        assert!(
            last == "much"
                || filtered
                    .unwrap()
                    .map(Result::unwrap)
                    .all(|batch| batch.schema().field(1).data_type().to_string() == widened),
            "{last}"
        );
    }
}

/// What needs no plan is the same as what a plan gives, in any order of columns, and says the same of a wrong name.
#[test]
fn columns_of_a_file_come_without_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..50_000).map(|n| format!("{n},{},word {n}\n", n * 2)).collect();
    for (last, n_type) in [("1,2,3", "Int64"), ("1,0.5,3", "Float64"), ("1,much,3", "Utf8")] {
        std::fs::write(&path, format!("id,n,text\n{rows}{last}\n")).unwrap();
        let name = path.display().to_string();
        for columns in [vec!["n"], vec!["text", "id"], vec!["id", "n", "text"], vec!["n", "id"]] {
            let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
            let planned = hasty().select(&format!("SELECT * FROM '{name}'"), &columns).unwrap();
            let planned: Vec<RecordBatch> = planned.map(Result::unwrap).collect();
            for widening in [false, true] {
                let mut plain = hasty().file(&name, Some(&columns), widening).unwrap();
                let batches: Vec<RecordBatch> = plain.by_ref().map(Result::unwrap).collect();
                assert_eq!(plain.schema(), &planned[0].schema(), "{columns:?} {last} {widening}");
                if let Ok(place) = plain.schema().index_of("n") {
                    assert_eq!(plain.schema().field(place).data_type().to_string(), n_type);
                }
                if !widening {
                    assert_eq!(lines(&batches), lines(&planned), "{columns:?} {last}");
                }
                assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 50_001);
            }
        }
        let error = hasty().file(&name, Some(&["tekst".to_owned()]), false).err().unwrap();
        assert!(matches!(error.kind(), ErrorKind::UnknownColumn(name) if name == "tekst"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("text")), "{error:?}");
    }
    let reach = hasty().within(Reach::Tables);
    let error = reach.file(&path.display().to_string(), None, false).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::OutOfReach(_)), "{error}");
}

/// A side of a join that does not fit in memory is an error, never a wrong answer; what it is made of may use the disk.
#[test]
fn a_join_gives_all_rows_or_says_that_it_lacks_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (a, b) = (path("a.csv"), path("b.csv"));
    let wide: String = (0..20_000).map(|n| format!("{},{n:0100}\n", n * 7919 % 100_003)).collect();
    let narrow: String = (0..40).map(|n| format!("{}\n", n * 2_499)).collect();
    std::fs::write(&a, format!("x,t\n{wide}")).unwrap();
    std::fs::write(&b, format!("y\n{narrow}")).unwrap();
    let near = "a.x < b.y AND a.x > b.y - 3";
    let queries = [
        format!("SELECT x, y, length(t) FROM '{a}' a LEFT JOIN '{b}' b ON {near}"),
        format!("SELECT x, length(t) FROM '{a}' a WHERE NOT EXISTS (SELECT 1 FROM '{b}' b WHERE {near})"),
        format!(
            "SELECT x, y, length(t) FROM (SELECT a.t, a.x + c.y AS x FROM '{a}' a, '{b}' c WHERE c.y = 0) a JOIN '{b}' b ON {near}"
        ),
    ];
    let threads = std::num::NonZeroUsize::new(4);
    let engine = |bytes| Engine::new(&EngineOptions::default().threads(threads).memory_limit(Some(bytes))).unwrap();
    for sql in &queries {
        let sorted = |batches: &[RecordBatch]| {
            let mut lines = lines(batches);
            lines.sort();
            lines
        };
        let mut whole = rows(&engine(1 << 30), sql);
        whole.sort();
        let mut lacking = 0;
        for megabytes in [1, 2, 3, 4] {
            match engine(megabytes << 20).sql(sql).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
                Ok(batches) => {
                    let found = sorted(&batches);
                    assert_eq!(found.len(), whole.len(), "{megabytes} MiB: {sql}");
                    assert!(found == whole, "{megabytes} MiB: {sql}");
                }
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Memory(_)), "{error:?}");
                    assert_eq!(error.to_string(), "joining needs more memory than there is for it");
                    lacking += 1;
                }
            }
        }
        assert!(lacking > 0, "{sql}");
    }
    let sorted =
        format!("SELECT max(l.t) FROM (SELECT * FROM '{a}' ORDER BY t LIMIT 19990) l LEFT JOIN '{b}' b ON b.y < 0");
    assert_eq!(rows(&engine(64 << 20), &sorted), [format!("{:0100}", 19_989)]);
}

#[test]
fn rows_end_when_nobody_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, (0..100).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
    let from = (0..20).map(|n| format!("'{}' t{n}", path.display())).collect::<Vec<_>>().join(", ");
    let endless = engine().sql(&format!("SELECT count(*) FROM {from}")).unwrap();
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let mut rows = endless
        .until(async {
            let _ = stopped.await;
        })
        .unwrap();
    let waiting = std::thread::spawn(move || {
        let error = rows.next().unwrap().unwrap_err();
        (error.to_string(), rows.next().is_none())
    });
    drop(stop);
    assert_eq!(waiting.join().unwrap(), ("the query was stopped".to_owned(), true));

    let short = engine().sql(&format!("SELECT count(*) FROM '{}'", path.display())).unwrap();
    let short = short.until(std::future::pending()).unwrap();
    assert_eq!(lines(&short.map(Result::unwrap).collect::<Vec<_>>()), ["100"]);
}

#[test]
fn columns_that_come_late_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let lines = (0..50).map(|n| format!("{{\"a\":{n}}}\n")).collect::<String>() + "{\"a\":50,\"late\":5}\n";
    let items =
        (0..50).map(|n| format!("<i><a>{n}</a></i>")).collect::<String>() + "<i z='1'><a>50</a><late>5</late></i>";
    for (name, content) in [("t.ndjson", lines), ("t.xml", format!("<r>{items}</r>"))] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let path = path.display().to_string();
        assert_eq!(rows(&hasty(), &format!("SELECT late, a FROM '{path}' WHERE late IS NOT NULL")), ["5|50"], "{name}");
        let late = ["late".to_owned()];
        for widening in [false, true] {
            let batches = hasty().file(&path, Some(&late), widening).unwrap().map(Result::unwrap).collect::<Vec<_>>();
            assert_eq!(lines_with(&batches, "5"), 1, "{name} {widening}");
        }
        let error = hasty().sql(&format!("SELECT nowhere FROM '{path}'")).err().unwrap();
        assert!(error.hint().is_some_and(|hint| hint.contains("late")), "{error:?}");
    }
}

fn lines_with(batches: &[RecordBatch], text: &str) -> usize {
    lines(batches).iter().filter(|line| line.as_str() == text).count()
}
