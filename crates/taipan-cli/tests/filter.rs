//! `taipan filter` as a user types it, on the real binary.
#![allow(clippy::unwrap_used)]

mod support;

use support::Workplace;

const EVENTS: &str = "{\"value\": 250.0, \"user\": {\"country\": \"DE\"}}\n{\"value\": 7}\n{\"value\": 101}\n";

#[test]
fn kept_records_are_copied() {
    let place = Workplace::new();
    place.write("events.ndjson", EVENTS);
    let ran = place.run(&["filter", "events.ndjson", "value > 100"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "{\"value\": 250.0, \"user\": {\"country\": \"DE\"}}\n{\"value\": 101}\n", "")
    );
    let condition = "value > 100 AND user.country = 'DE'";
    let ran = place.run(&["filter", "events.ndjson", condition, "-o", "out.json", "--threads", "1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.starts_with("kept      1 of 3 records in "), "{}", ran.stderr);
    // A file called json is lines as before; told otherwise it is one array.
    assert_eq!(place.read("out.json"), "{\"value\": 250.0, \"user\": {\"country\": \"DE\"}}\n");
    let array = place.ok(&["filter", "events.ndjson", "value < 100", "--format", "json"]);
    assert_eq!(array, "[\n{\"value\": 7}\n]\n");
}

#[test]
fn csv_keeps_its_header_and_other_formats_are_written_anew() {
    let place = Workplace::new();
    let csv = place.ok(&["filter", "tips.csv", "tip > 8 AND day = 'Sat'"]);
    assert_eq!(csv.lines().next(), Some("total_bill,tip,sex,smoker,day,time,size"));
    assert_eq!(csv.lines().count(), 3);
    let json = place.ok(&["filter", "tips.csv", "tip = 10", "--format", "ndjson"]);
    assert_eq!(json.matches("\"tip\":10.0").count(), 1, "{json}");
}

#[test]
fn what_is_wrong_with_a_condition_is_marked() {
    let place = Workplace::new();
    place.write("events.ndjson", EVENTS);
    let ran = place.run(&["filter", "events.ndjson", "value == 100"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("condition, column 8: unexpected `=`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  value == 100\n         ^\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: equal is one `=`"), "{}", ran.stderr);
    let ran = place.run(&["filter", "tips.csv", "tipp > 1"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (1, "error: tips.csv: condition, column 1: no field `tipp`\nhint: the nearest name is `tip`\n")
    );
    let ran = place.run(&["filter", "events.ndjson", "valeu > 1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "warning: no record has `valeu`\n"));
}

#[test]
fn a_bad_record_ends_it_or_is_set_aside() {
    let place = Workplace::new();
    place.write("events.ndjson", "{\"value\": 250}\n{\"value\": \"n/a\"}\n{\"value\": 300}\n");
    let ran = place.run(&["filter", "events.ndjson", "value > 100", "-o", "out.ndjson"]);
    let said = "error: events.ndjson:2:11: `value` is `n/a`, which is no number but compared with one (byte 25)\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (1, said));
    assert!(!place.path("out.ndjson").exists());
    place.write("events.ndjson", "{\"value\": 250}\n{\"value\": \"n/a\"}\n{\"value\": 07}\n{\"value\": 300}\n");
    let ran = place.run(&["filter", "events.ndjson", "value > 100", "-o", "out.ndjson", "--on-error", "reject"]);
    assert_eq!(ran.code, 0);
    assert_eq!(place.read("out.ndjson"), "{\"value\": 250}\n{\"value\": 300}\n");
    assert!(ran.stderr.starts_with("rejected  2 records → out.ndjson.rejects.ndjson\n"), "{}", ran.stderr);
    let lines: Vec<String> = place.read("out.ndjson.rejects.ndjson").lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains("\"line\":3") && lines[1].contains("invalid number"), "{}", lines[1]);
}

#[test]
fn the_first_fault_of_a_file_is_the_one_told() {
    let place = Workplace::new();
    // One record does not compare, and the next one is broken.
    place.write("t.ndjson", "{\"v\":1}\n{\"v\":\"x\"}\n{\"v\":}\n");
    place.write("t.xml", "<r>\n<i><v>1</v></i>\n<i><v>x</v></i>\n<i><v>&no;</v></i>\n</r>");
    place.write("t.csv", "v,w\n1,2\nx,2\n1,2,3\n");
    for (file, line) in [("t.ndjson", ":2:6: "), ("t.xml", ":3:"), ("t.csv", ":3: ")] {
        let typed: &[&str] = if file == "t.csv" { &["--column", "v:integer"] } else { &[] };
        let ran = place.run(&[&["filter", file, "v > 0", "-o", "out"], typed].concat());
        assert!(ran.code == 1 && ran.stderr.starts_with(&format!("error: {file}{line}")), "{}", ran.stderr);
        assert!(ran.stderr.contains("`x`"), "{}", ran.stderr);
        assert!(!place.path("out").exists());
    }
    let ran = place.run(&["filter", "t.ndjson", "v > 0", "--format", "csv"]);
    assert!(ran.stderr.contains("`x`"), "{}", ran.stderr);
    place.write("t.ndjson", "{\"v\":1}\n{\"v\":2}\n{\"v\":}\n");
    let ran = place.run(&["filter", "t.ndjson", "v > 0"]);
    assert!(ran.stderr.starts_with("error: t.ndjson:3:"), "{}", ran.stderr);
}
