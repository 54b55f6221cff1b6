//! `taipan convert` and the options of reading, on the real binary.
#![allow(clippy::unwrap_used, clippy::format_collect)]

mod support;

use std::fs;

use support::Workplace;

#[test]
fn convert_writes_every_format_by_its_name() {
    let place = Workplace::new();
    for target in ["tips.parquet", "tips.arrow", "tips.json", "tips.ndjson", "again.csv"] {
        let ran = place.run(&["convert", "tips.csv", target]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
        assert!(ran.stderr.starts_with(&format!("converted  244 rows → {target} in ")), "{}", ran.stderr);
        let head = place.ok(&["head", target, "-n", "1", "--format", "ndjson"]);
        assert_eq!(
            head,
            "{\"total_bill\":16.99,\"tip\":1.01,\"sex\":\"Female\",\"smoker\":\"No\",\"day\":\"Sun\",\"time\":\"Dinner\",\"size\":2}\n"
        );
    }
    let rows = place.ok(&["convert", "tips.parquet", "-", "--format", "csv", "--quiet"]);
    assert_eq!(rows, place.ok(&["convert", "tips.csv", "-", "--format", "csv"]));
    let sql = "SELECT count(*) AS n FROM 'tips.parquet' WHERE day = 'Sun' AND tip > 3";
    assert_eq!(
        place.ok(&["query", sql, "--format", "csv"]),
        place.ok(&["query", &sql.replace("parquet", "csv"), "--format", "csv"])
    );
    assert_eq!(place.ok(&["query", "SELECT day FROM 'tips.csv' LIMIT 1", "-o", "day.parquet"]), "");
    assert_eq!(place.ok(&["head", "day.parquet", "--format", "csv"]), "day\nSun\n");
}

#[test]
fn a_folder_or_pattern_is_its_files() {
    let place = Workplace::new();
    fs::create_dir(place.path("in")).unwrap();
    for (name, content) in [("a.csv", "id,price\n1,2\n"), ("b.csv", "id,price\n2,2.5\n3,\n")] {
        fs::write(place.path("in").join(name), content).unwrap();
    }
    let all = "id,price\n1,2\n2,2.5\n3,\n";
    for input in ["in", "in/*.csv"] {
        let sql = format!("SELECT * FROM '{input}' ORDER BY id");
        assert_eq!(place.ok(&["query", &sql, "--format", "csv"]), all);
        assert_eq!(place.ok(&["head", input, "--format", "csv"]), all);
        assert_eq!(place.ok(&["convert", input, "-", "--format", "csv"]), all);
        assert_eq!(place.ok(&["filter", input, "id > 1"]), "id,price\n2,2.5\n3,\n");
        let ran = place.run(&["schema", input, "--format", "csv"]);
        assert!(ran.stderr.starts_with("3 rows, 2 columns"), "{}", ran.stderr);
    }
    let count = "SELECT count(*) AS n FROM 'in/*.csv' WHERE price > 2";
    assert_eq!(place.ok(&["query", count, "--format", "csv"]), "n\n1\n");

    fs::write(place.path("in/c.csv"), "id,cost\n4,1\n").unwrap();
    let message = "error: in/c.csv: this is CSV (id, cost), where in/a.csv is CSV (id, price)\n";
    for command in [&["query", "SELECT id FROM 'in'"][..], &["convert", "in", "out.parquet"], &["head", "in"]] {
        let ran = place.run(command);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, message), "{command:?}");
    }
    assert!(!place.path("out.parquet").exists());
}

#[test]
fn convert_sets_bad_records_aside() {
    let place = Workplace::new();
    fs::write(place.path("in.csv"), "id,price\n1,2.5\n2\nx,3\n4,=5\n").unwrap();
    let ran = place.run(&["convert", "in.csv", "out.ndjson"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            1,
            "error: in.csv:3: 1 field, expected 2 (byte 15)\nhint: `--pad` fills rows that are too short and drops empty fields behind those too long\n"
        )
    );
    assert!(!place.path("out.ndjson").exists());

    let reject =
        ["convert", "in.csv", "out.ndjson", "--on-error", "reject", "--column", "id:integer", "--column", "price:text"];
    let ran = place.run(&reject);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr.starts_with("rejected   2 records → out.ndjson.rejects.ndjson\nconverted  2 rows"),
        "{}",
        ran.stderr
    );
    let rows = fs::read_to_string(place.path("out.ndjson")).unwrap();
    assert_eq!(rows, "{\"id\":1,\"price\":\"2.5\"}\n{\"id\":4,\"price\":\"=5\"}\n");
    let rejects = fs::read_to_string(place.path("out.ndjson.rejects.ndjson")).unwrap();
    let expected = "{\"source\":\"in.csv\",\"line\":3,\"byte\":15,\"reason\":\"1 field, expected 2\",\"raw\":\"2\"}\n\
        {\"source\":\"in.csv\",\"line\":4,\"byte\":17,\"reason\":\"`x` does not fit column `id` of integers, as the schema says (line 4, column 1)\",\"raw\":\"x,3\"}\n";
    assert_eq!(rejects, expected);

    let ran = place.run(&[&reject[..], &["--max-rejects", "1"]].concat());
    assert_eq!(ran.code, 1);
    let reason = "`x` does not fit column `id` of integers, as the schema says (line 4, column 1)";
    assert_eq!(ran.stderr, format!("error: in.csv:4: more than 1 rejects; the last one: {reason} (byte 17)\n"));
    assert_eq!(fs::read_to_string(place.path("out.ndjson")).unwrap(), rows);

    fs::write(place.path("schema.toml"), "id = \"integer\"\nprice = \"text\"\n").unwrap();
    let safe = [
        "convert",
        "in.csv",
        "-",
        "--format",
        "csv",
        "--schema",
        "schema.toml",
        "--on-error",
        "reject",
        "--safe-cells",
        "--rejects",
        "r.ndjson",
    ];
    assert_eq!(place.ok(&safe), "id,price\n1,2.5\n4,'=5\n");
    assert_eq!(fs::read_to_string(place.path("r.ndjson")).unwrap(), expected);
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = Workplace::new();
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["convert", "tips.csv", "tips.xyz"],
            1,
            "error: tips.xyz: the name does not end in csv, tsv, json, ndjson, parquet or arrow; say which with --format\n",
        ),
        (&["convert", "tips.csv", "-"], 1, "error: say with --format what is written to standard output\n"),
        (&["convert", "tips.csv", "no/t.csv"], 1, "error: no/t.csv: no such folder\n"),
        (
            &["convert", "tips.csv", "t.csv", "--column", "nope:text"],
            1,
            "error: tips.csv: no column `nope` in the file, which has: total_bill, tip, sex, smoker, day, time, size\n",
        ),
        (&["head", "tips.csv", "--schema", "nope.json"], 1, "error: nope.json: no such file\n"),
    ];
    for (arguments, code, message) in cases {
        let ran = place.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, message));
    }
    assert_eq!(place.run(&["head", "tips.csv", "--column", "tip:money"]).code, 2);
}

#[test]
fn head_reads_as_it_is_told() {
    let place = Workplace::new();
    fs::write(place.path("t.txt"), "made by us\n'a'|'b'\n'x|y'|-\n").unwrap();
    let told = [
        "head",
        "t.txt",
        "--format",
        "ndjson",
        "--delimiter",
        "|",
        "--quote",
        "'",
        "--skip-lines",
        "1",
        "--null",
        "-",
        "--header",
        "true",
    ];
    assert_eq!(place.ok(&told), "{\"a\":\"x|y\",\"b\":null}\n");
}

#[test]
fn records_are_where_the_user_says() {
    let place = Workplace::new();
    fs::write(place.path("t.json"), "{\"n\": 2,\n \"data\": {\"items\": [{\"a\": 1},\n  {\"a\": 2}]}}\n").unwrap();
    let all = "{\"a\":1}\n{\"a\":2}\n";
    for path in ["/data/items", "data.items"] {
        assert_eq!(place.ok(&["head", "t.json", "--record", path, "--format", "ndjson"]), all);
        let converted = place.ok(&["convert", "t.json", "-", "--format", "ndjson", "--record", path]);
        assert_eq!(converted, all);
        let schema = place.ok(&["schema", "t.json", "--record", path, "--format", "csv"]);
        assert_eq!(schema, "column,type,nulls,min,max,example\na,integer,0,1,2,1\n");
        assert_eq!(place.ok(&["query", "SELECT sum(a) AS s FROM 't.json'", "--record", path]), "s\n3\n");
        let kept = place.ok(&["filter", "t.json", "a > 1", "--record", path, "--format", "ndjson"]);
        assert_eq!(kept, "{\"a\": 2}\n");
        place.ok(&["import", "t.json", "--record", path, "--db", "d.db"]);
        assert_eq!(place.ok(&["query", "SELECT sum(a) AS s FROM t", "--db", "d.db"]), "s\n3\n");
        fs::remove_file(place.path("d.db")).unwrap();
    }
    let lost = place.run(&["head", "t.json", "--record", "/data/rows"]);
    assert_eq!((lost.code, lost.stderr.as_str()), (1, "error: t.json: `/data/rows` is not in the document\n"));
    // A fault is told at its own place, within the array and behind it.
    fs::write(place.path("bad.json"), "{\"items\": [{\"a\": 1},\n  {\"a\": tru}]}\n").unwrap();
    let bad = place.run(&["head", "bad.json", "--record", "/items"]);
    assert!(bad.stderr.starts_with("error: bad.json:2:"), "{}", bad.stderr);
    fs::write(place.path("bad.json"), "{\"items\": [{\"a\": 1}],\n\"b\": nul}").unwrap();
    let bad = place.run(&["head", "bad.json", "--record", "/items"]);
    assert!(bad.stderr.starts_with("error: bad.json:2:9: "), "{}", bad.stderr);
}

#[test]
fn threads_change_no_output() {
    let place = Workplace::new();
    let rows: String = (0..200_000).map(|id| format!("{id},{}\n", id % 97)).collect();
    fs::write(place.path("t.csv"), format!("id,n\n{rows}")).unwrap();
    for command in [
        ["convert", "t.csv", "-", "--format", "ndjson"],
        ["filter", "t.csv", "n = 5", "--format", "json"],
        ["query", "SELECT * FROM 't.csv' WHERE n < 3", "-o", "-", "--quiet"],
    ] {
        let run =
            |threads: &str| place.ok(&[&command[..], &["--threads", threads, "--memory-limit", "32MiB"]].concat());
        let one = run("1");
        assert!(one.len() > 1000);
        assert!(run("4") == one, "{command:?}");
    }
}

#[test]
fn cells_are_no_formulas_where_asked() {
    let place = Workplace::new();
    fs::write(place.path("t.csv"), "a,b\n=1+1,-2\n@x,3\n").unwrap();
    let safe = "a,b\n'=1+1,-2\n'@x,3\n";
    assert_eq!(place.ok(&["head", "t.csv", "--format", "csv", "--safe-cells"]), safe);
    place.ok(&["query", "SELECT * FROM 't.csv'", "-o", "safe.csv", "--safe-cells"]);
    assert_eq!(place.read("safe.csv"), safe);
    assert_eq!(place.ok(&["query", "SELECT * FROM 't.csv'"]), "a,b\n=1+1,-2\n@x,3\n");
}
