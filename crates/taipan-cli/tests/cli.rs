//! The commands as a user types them, on the real binary.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;

use serde_json::json;
use support::Workplace;

#[test]
fn head_shows_the_first_rows_aligned() {
    let place = Workplace::new();
    let ran = place.run(&["head", "tips.csv", "--format", "table"]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stdout,
        "\
total_bill   tip  sex     smoker  day  time    size
     16.99  1.01  Female  No      Sun  Dinner     2
     10.34  1.66  Male    No      Sun  Dinner     3
     21.01   3.5  Male    No      Sun  Dinner     3
     23.68  3.31  Male    No      Sun  Dinner     2
     24.59  3.61  Female  No      Sun  Dinner     4
"
    );
    assert_eq!(ran.stderr, "5 of 244 rows, 7 columns\n");
}

#[test]
fn head_prints_csv_into_a_pipe_and_json_when_asked() {
    let place = Workplace::new();
    assert_eq!(place.ok(&["head", "houses.csv", "-n", "2"]), "Area,Price\n2600,550000\n3000,565000\n");
    assert_eq!(
        place.ok(&["head", "houses.csv", "-n", "1", "--format", "ndjson"]),
        "{\"Area\":2600,\"Price\":550000}\n"
    );
    let rows: serde_json::Value =
        serde_json::from_str(&place.ok(&["head", "products.json", "-n", "1", "--format", "json"])).unwrap();
    assert_eq!(rows[0]["name"], "Laptop");
    assert_eq!(rows[0]["dimensions"]["width_cm"], 19.0);
}

#[test]
fn more_or_less_is_said_as_asked() {
    let place = Workplace::new();
    let said = |arguments: &[&str]| {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stderr
    };
    assert_eq!(said(&["head", "tips.csv", "--quiet"]), "");
    let closing = "5 of 244 rows, 7 columns\n";
    assert_eq!(said(&["head", "tips.csv", "-v"]), closing);
    for more in [&["-vv"][..], &["--log-level", "debug"], &["--log-level", "10"]] {
        let text = said(&[&["head", "tips.csv"], more].concat());
        let logged = text.lines().any(|line| line.contains(" DEBUG taipan: taipan "));
        assert!(logged && text.contains(closing), "{text}");
    }
    let wrong = place.run(&["head", "tips.csv", "--log-level", "loud"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("'loud'"), "{}", wrong.stderr);
    assert_eq!(place.run(&["head", "tips.csv", "-q", "-v"]).code, 2);
}

#[test]
fn query_reads_files_by_name() {
    let place = Workplace::new();
    let sql = "SELECT day, count(*) AS n, avg(tip) AS mean FROM 'tips.csv' GROUP BY day ORDER BY 2 DESC";
    let rows: serde_json::Value = serde_json::from_str(&place.ok(&["query", sql, "--format", "json"])).unwrap();
    let days: Vec<(&str, i64)> =
        rows.as_array().unwrap().iter().map(|row| (row["day"].as_str().unwrap(), row["n"].as_i64().unwrap())).collect();
    assert_eq!(days, [("Sat", 87), ("Sun", 76), ("Thur", 62), ("Fri", 19)]);
    assert!((rows[1]["mean"].as_f64().unwrap() - 3.255_131_578_947_368_3).abs() < 1e-12);
}

#[test]
fn query_finds_names_whatever_their_case_and_nested_fields() {
    let place = Workplace::new();
    assert_eq!(
        place.ok(&["query", "select max(area) as Largest from 'houses.csv' order by largest"]),
        "Largest\n4000\n"
    );
    let sql = "SELECT name, dimensions['width_cm'] AS width FROM 'products.json' ORDER BY width DESC LIMIT 1";
    assert_eq!(place.ok(&["query", sql]), "name,width\nTablet,159.9\n");
    let sql = "SELECT max(p.dimensions.width_cm) AS width FROM 'products.json' AS p WHERE dimensions.width_cm < 150";
    assert_eq!(place.ok(&["query", sql]).lines().next(), Some("width"));
}

#[test]
fn a_value_far_into_a_file_widens_its_column_and_loses_nothing() {
    let place = Workplace::new();
    let mut text = String::from("id,x\n");
    for id in 0..1_500_000 {
        writeln!(text, "{id},7").unwrap();
    }
    text.push_str("1500000,2.5\n1500001,late\n");
    place.write("late.csv", text);
    assert_eq!(
        place.ok(&["query", "SELECT count(*) AS n, count(DISTINCT x) AS d, max(x) AS m FROM 'late.csv'"]),
        "n,d,m\n1500002,3,late\n"
    );
    let rows = place.ok(&["query", "SELECT id, x FROM 'late.csv'"]);
    assert_eq!(rows.lines().count(), 1_500_003);
    assert!(rows.ends_with("1500000,2.5\n1500001,late\n"), "{:?}", &rows[rows.len() - 60..]);
}

#[test]
fn types_are_settled_before_the_first_row_is_given() {
    let place = Workplace::new();
    let row = |id: u32| {
        format!("{id},{},{}\n", if id % 2 == 1 { "NA".to_owned() } else { (id % 20).to_string() }, "x".repeat(30))
    };
    let rows: String = (0..300_000).map(row).collect();
    place.write("late.csv", format!("id,x,pad\n{rows}300000,abc,\n"));
    let count = |sql: &str| place.ok(&["query", sql]).lines().count() - 1;
    // Once 'abc' is there the column is text, and NA a text among others.
    for (condition, expected) in
        [("x IS NOT NULL", 300_001), ("x IS NULL", 0), ("x = '4'", 15_000), ("x > '5'", 180_001)]
    {
        assert_eq!(count(&format!("SELECT id, x FROM 'late.csv' WHERE {condition}")), expected, "{condition}");
        let counted = place.ok(&["query", &format!("SELECT count(*) FROM 'late.csv' WHERE {condition}")]);
        assert_eq!(counted, format!("count(*)\n{expected}\n"), "{condition}");
    }
    let joined = "SELECT count(*) AS n FROM 'late.csv' a JOIN 'late.csv' b ON a.id = b.id WHERE a.x = 'abc'";
    assert_eq!(place.ok(&["query", joined]), "n\n1\n");
    assert_eq!(count("SELECT id, x FROM 'late.csv' UNION ALL SELECT id, x FROM 'late.csv'"), 600_002);
    assert_eq!(place.ok(&["query", "SELECT id, x FROM 'late.csv' LIMIT 1"]), "id,x\n0,0\n");

    let mut records = String::new();
    for id in 0..200_000 {
        writeln!(records, "{{\"id\":{id},\"pad\":\"{}\"}}", "x".repeat(40)).unwrap();
    }
    place.write("late.ndjson", format!("{records}{{\"id\":1,\"late\":true}}\n"));
    let rows = place.ok(&["query", "SELECT * FROM 'late.ndjson'"]);
    assert!(rows.starts_with("id,pad,late\n0,"), "{}", &rows[..40]);
    assert!(rows.ends_with("\n1,,true\n"));
    assert_eq!(rows.lines().count(), 200_002);
    place.ok(&["import", "late.ndjson", "--db", "late.db"]);
    assert_eq!(
        place.ok(&["query", "SELECT count(late) AS n, count(*) AS m FROM late", "--db", "late.db"]),
        "n,m\n1,200001\n"
    );
}

#[test]
fn queries_name_their_columns_apart() {
    let place = Workplace::new();
    for (sql, header) in [
        ("SELECT count(*), count(*) FROM 'tips.csv'", "count(*),count(*)_2"),
        ("SELECT T.TIP FROM 'tips.csv' AS t LIMIT 1", "tip"),
        ("SELECT Day.tip FROM 'tips.csv' AS Day LIMIT 1", "tip"),
        ("SELECT avg(tip) FROM 'tips.csv' UNION ALL SELECT 1.0", "avg(tip)"),
        ("SELECT * FROM 'houses.csv' a, 'houses.csv' b LIMIT 1", "Area,Price,Area_2,Price_2"),
        ("WITH T AS (SELECT Area FROM 'houses.csv') SELECT area FROM t LIMIT 1", "Area"),
    ] {
        assert_eq!(place.ok(&["query", sql]).lines().next(), Some(header), "{sql}");
    }
}

#[test]
fn a_table_is_not_replaced_by_another_file() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("other")).unwrap();
    place.write("other/tips.csv", "a\n1\n");
    let both = place.run(&["import", "tips.csv", "other/tips.csv", "--db", "d.db"]);
    assert_eq!((both.code, place.path("d.db").exists()), (1, false), "{}", both.stderr);
    assert!(
        both.stderr.starts_with("error: tips.csv and other/tips.csv both make the table 'tips'"),
        "{}",
        both.stderr
    );
    place.ok(&["import", "tips.csv", "--db", "d.db"]);
    let other = place.run(&["import", "other/tips.csv", "--db", "d.db"]);
    assert_eq!(
        other.stderr.lines().next(),
        Some("error: other/tips.csv: the table 'tips' was imported from another file, tips.csv")
    );
    place.ok(&["import", "other/tips.csv", "--db", "d.db", "--replace"]);
    assert_eq!(place.ok(&["query", "SELECT * FROM tips", "--db", "d.db"]), "a\n1\n");
}

#[test]
fn import_is_repeatable_and_notices_changes() {
    let place = Workplace::new();
    let files = ["import", "tips.csv", "houses.csv", "products.json", "--db", "d.db"];
    let first = place.run(&files);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stderr.contains("imported   244 rows → tips (7 columns, 0 rejects) in "), "{}", first.stderr);
    let again = place.run(&files);
    assert!(again.stderr.contains("unchanged  244 rows in tips (7 columns)\n"), "{}", again.stderr);
    place.write("houses.csv", "Area,Price\n1,2\n");
    let changed = place.run(&files);
    assert!(changed.stderr.contains("imported   1 row → houses"), "{}", changed.stderr);
    assert!(changed.stderr.contains("unchanged  244 rows"), "{}", changed.stderr);
    assert_eq!(place.ok(&["query", "SELECT count(*) AS n FROM tips", "--db", "d.db"]), "n\n244\n");
    assert_eq!(place.ok(&["query", "SELECT * FROM houses", "--db", "d.db"]), "Area,Price\n1,2\n");
    assert_eq!(
        place.ok(&["query", "SELECT name FROM products WHERE price > 500 ORDER BY price", "--db", "d.db"]),
        "name\nStanding desk\nLaptop\n"
    );
}

#[test]
fn a_file_that_fails_leaves_its_table_as_it_was() {
    let place = Workplace::new();
    place.ok(&["import", "houses.csv", "--db", "d.db"]);
    place.write("houses.csv", "Area,Price\n1,2\n3\n");
    let failed = place.run(&["import", "houses.csv", "--db", "d.db"]);
    assert_eq!(
        (failed.code, failed.stderr.as_str()),
        (
            1,
            "error: houses.csv:3: 1 field, expected 2 (byte 15)\nhint: `--pad` fills rows that are too short and drops empty fields behind those too long\n"
        )
    );
    assert_eq!(place.ok(&["query", "SELECT count(*) AS n FROM houses", "--db", "d.db"]), "n\n5\n");
}

#[test]
fn train_gives_scikit_learns_numbers() {
    let place = Workplace::new();
    let report = place.ok(&[
        "train",
        "houses.csv",
        "--estimator",
        "LinearRegression",
        "--target",
        "Price",
        "--test-size",
        "0.2",
        "--random-state",
        "42",
        "-o",
        "prices.model",
        "--format",
        "json",
    ]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let close = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() / expected - 1.0).abs() < 1e-10;
    assert!(close(&report["coef"][0], 128.271_028_037_383_16), "{report}");
    assert!(close(&report["intercept"], 211_542.056_074_766_38), "{report}");
    assert_eq!(report["estimator"], "LinearRegression");
    assert_eq!((&report["n_train"], &report["n_test"], &report["r2_test"]), (&json!(4), &json!(1), &json!(null)));

    place.write("new.csv", "Area\n3300\n2600\n");
    let predicted = place.ok(&["predict", "prices.model", "new.csv"]);
    let lines: Vec<&str> = predicted.lines().collect();
    assert_eq!(lines[0], "Area,prediction");
    let value: f64 = lines[1].strip_prefix("3300,").unwrap().parse().unwrap();
    assert!((value / 634_836.448_598_130_8 - 1.0).abs() < 1e-10, "{value}");
    assert_eq!(lines.len(), 3);
}

#[test]
fn plot_draws_every_row() {
    let place = Workplace::new();
    place.ok(&["plot", "scatter", "tips.csv", "--x", "total_bill", "--y", "tip", "--color", "day", "-o", "tips.svg"]);
    let svg = place.read("tips.svg");
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..80]);
    assert!(svg.contains("total_bill") && svg.contains("Thur"));
}

#[test]
fn check_accepts_the_demo() {
    let place = Workplace::new();
    let ran = place.run(&["check", "taipan.toml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "taipan.toml: ok, 2 sources, 4 models, 3 plots\n"));
}

#[test]
fn wrong_input_is_named_with_its_place() {
    let place = Workplace::new();
    place.write("empty.csv", "");
    place.write("ragged.csv", "a,b,c\n1,2,3\n4,5,6,7\n");
    place.write("broken.json", "[{\"a\": 1},\n {\"a\": }]");
    place.write("bad.toml", "[app]\nname = \"x\"\n\n[model.m]\nestimater = \"LinearRegression\"\n");
    place.write(
        "not.db",
        "this is not a database, but it is long enough to have a header of its own kind, as a file may",
    );
    place.write("not.model", "this is not a model");
    let train = |estimator: &'static str, target: &'static str| {
        vec!["train", "houses.csv", "--estimator", estimator, "--target", target]
    };
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec!["head", "missing.csv"], 1, "error: missing.csv: no such file\n"),
        (vec!["head", "empty.csv"], 1, "error: empty.csv: the file is empty\n"),
        (
            vec!["head", "ragged.csv"],
            1,
            "error: ragged.csv:3: 4 fields, expected 3 (byte 12)\nhint: `--pad` fills rows that are too short and drops empty fields behind those too long\n",
        ),
        (vec!["head", "broken.json"], 1, "error: broken.json:2:8: "),
        (vec!["query", "SELECT a FROM 'ragged.csv'"], 1, "error: ragged.csv:3: 4 fields, expected 3\n"),
        (vec!["query", "SELECT dya FROM 'tips.csv'"], 1, "error: no column 'dya'\nhint: did you mean 'day'?\n"),
        (vec!["query", "SELECT 1 FROM 'missing.csv'"], 1, "error: missing.csv: no such file\n"),
        (vec!["query", "SELECT 1 FROM nothing"], 1, "error: no table 'nothing'\nhint: "),
        (vec!["query", "SELECT 1 / 0"], 1, "error: division by zero\n"),
        (vec!["query", "SELEC 1"], 1, "error: query:1:1: "),
        (vec!["query", ""], 1, "error: the query is empty\n"),
        (vec!["query", "DROP TABLE tips"], 1, "error: only queries are run: SELECT, WITH, VALUES, EXPLAIN\n"),
        (vec!["query", "SELECT 1", "--db", "missing.db"], 1, "error: missing.db: no such file\n"),
        (
            vec!["query", "SELECT 1", "--db", "sqlite:///tmp/missing-for-taipan.db"],
            1,
            "error: /tmp/missing-for-taipan.db: no such file\n",
        ),
        (vec!["query", "SELECT 1; SELECT 2"], 1, "error: one statement at a time is run\n"),
        (vec!["query", "SHOW TABLES"], 1, "error: only queries are run"),
        (vec!["query", "SELECT 1", "--db", "not.db"], 1, "error: not.db: "),
        (vec!["import", "missing.csv", "--db", "d.db"], 1, "error: missing.csv: no such file\n"),
        (vec!["import", "tips.csv", "--db", "/proc/d.db"], 1, "error: /proc/d.db: "),
        (train("LinearRegresion", "Price"), 1, "error: "),
        (
            train("LinearRegression", "Prise"),
            1,
            "error: no column 'Prise' in houses.csv\nhint: did you mean 'Price'?\n",
        ),
        (
            vec!["train", "tips.csv", "--estimator", "LinearRegression", "--target", "sex"],
            1,
            "error: the column 'sex' of tips.csv holds text, and numbers are needed\nhint: choose a target of numbers, or a classifier",
        ),
        (
            vec!["predict", "not.model", "houses.csv"],
            1,
            "error: not.model: model file, byte 0: not a taipan model file\n",
        ),
        (vec!["predict", "missing.model", "houses.csv"], 1, "error: missing.model: no such file\n"),
        (vec!["import", "empty.csv", "ragged.csv", "--db", "new.db"], 1, "error: empty.csv: the file is empty\n"),
        (vec!["plot", "scater", "tips.csv", "--x", "tip", "--y", "size"], 1, "error: "),
        (
            vec!["plot", "scatter", "tips.csv", "--x", "tpi", "--y", "size"],
            1,
            "error: no column 'tpi'\nhint: did you mean 'tip'?\n",
        ),
        (vec!["plot", "scatter", "tips.csv", "--x", "tip", "--y", "size", "-o", "/proc/x.svg"], 1, "error: /proc/"),
        (
            vec!["check", "bad.toml"],
            1,
            "error: bad.toml:5:1: unknown key 'estimater'\nhint: did you mean 'estimator'?\n",
        ),
        (vec!["serve", "missing", "--port", "0"], 1, "error: missing: no such file"),
        (vec!["head"], 2, "error: "),
        (vec!["hed", "tips.csv"], 2, "error: "),
        (vec!["train", "houses.csv", "--estimator", "Ridge", "--target", "Price", "--test-size", "1"], 2, "error: "),
    ];
    let before = place.files();
    for (args, code, stderr) in cases {
        let ran = place.run(&args);
        let shown = args.join(" ");
        assert_eq!(ran.code, code, "taipan {shown}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(stderr), "taipan {shown} said {:?}, expected {stderr:?}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "taipan {shown}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "taipan {shown}");
    }
    let mut after = place.files();
    after.retain(|name| !name.starts_with("d.db"));
    assert_eq!(after, before, "nothing half-written is left");
}

#[test]
fn help_has_examples_and_fits_a_screen() {
    let place = Workplace::new();
    for command in
        ["head", "query", "import", "filter", "convert", "train", "predict", "plot", "serve", "check", "completions"]
    {
        let help = place.ok(&[command, "--help"]);
        assert!(help.contains("Examples:\n  taipan "), "{help}");
        assert!(help.lines().count() <= 50, "{command}: {} lines", help.lines().count());
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Workplace::new();
    let script = format!(
        "'{}' query \"SELECT a.value FROM generate_series(1, 2000000) AS a\" | head -n 1",
        env!("CARGO_BIN_EXE_taipan")
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "value\n");
}

#[test]
fn validate_says_where_a_file_is_not_well_formed() {
    let place = Workplace::new();
    let ran = place.run(&["validate", "tips.csv"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", "tips.csv: well-formed, 244 records\n"));
    place.write(
        "rows.xml",
        "<rows>\n<row><a>1</a></row>\n<row><a>2</b></row>\n<row><a>3</a></row>\n<row>&x;</row>\n</rows>\n",
    );
    let ran = place.run(&["validate", "rows.xml"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stdout, "rows.xml:3:10: `</b>` where `</a>` was expected\n");
    assert_eq!(ran.stderr, "error: rows.xml: not well-formed, 1 fault\n");
    let ran = place.run(&["validate", "rows.xml", "--all", "--record", "row"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert_eq!(ran.stderr, "error: rows.xml: not well-formed, 2 faults beside 2 records\n");
}

#[test]
fn schema_tells_columns_types_and_extremes() {
    let place = Workplace::new();
    place.write("rows.xml", "<rows><row id='1'><u><c>DE</c></u></row><row id='7'/></rows>");
    let text = place.ok(&["schema", "rows.xml", "--format", "csv"]);
    assert_eq!(text, "column,type,nulls,min,max,example\n@id,integer,0,1,7,1\nu,object,1,,,\nu.c,text,1,DE,DE,DE\n");
    let found: serde_json::Value =
        serde_json::from_str(&place.ok(&["schema", "rows.xml", "--format", "json"])).unwrap();
    assert_eq!(found["rows"], 2);
    assert_eq!(
        found["columns"][1]["fields"][0],
        json!({"name": "c", "type": "text", "nulls": 1, "min": "DE", "max": "DE", "example": "DE"})
    );
}

#[test]
fn head_reads_xml() {
    let place = Workplace::new();
    place.write("rows.xml", "<rows><row id='1'><v>2.5</v></row><row id='7'><v>4</v></row></rows>");
    assert_eq!(place.ok(&["head", "rows.xml", "-n", "1", "--format", "ndjson"]), "{\"@id\":1,\"v\":2.5}\n");
}
