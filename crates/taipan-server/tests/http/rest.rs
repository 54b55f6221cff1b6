//! `/api`: statuses, bodies and headers of reads, and what a wrong request is told.

use proptest::prelude::*;
use serde_json::{Value, json};
use taipan_web::{Answer, Method};

use crate::Site;

/// The ids in an answer, in order.
fn ids(answer: &Answer) -> Vec<i64> {
    let rows = answer.json();
    rows.as_array().expect("an array").iter().map(|row| row["id"].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn filters_take_the_rows_they_say() {
    let site = Site::new();
    let cases: &[(&str, &[i64])] = &[
        ("", &[1, 2, 3, 4, 5, 6]),
        ("id=eq.5", &[5]),
        ("id=eq.99", &[]),
        ("age=gt.41", &[2, 5]),
        ("age=gte.41&age=lt.52", &[2, 6]),
        ("age=not.gte.41", &[1, 3]),
        ("salary=eq.5200.5", &[1]),
        ("department=neq.Research", &[1, 2, 5]),
        ("department=is.null", &[6]),
        ("department=is.not_null&id=lte.2", &[1, 2]),
        ("age=not.is.null&active=is.false", &[3, 6]),
        ("active=is.unknown", &[4]),
        ("active=eq.true", &[1, 2, 5]),
        ("hired=gte.2019-01-01", &[1, 3]),
        ("id=in.(1,3,77)", &[1, 3]),
        ("id=in.()", &[]),
        ("id=not.in.(1,3)", &[2, 4, 5, 6]),
        ("name=in.(Ada,%22Linus%22)", &[1, 3]),
        ("name=like.A*", &[1, 6]),
        ("name=like.a*", &[]),
        ("name=ilike.*A*A*", &[1, 5, 6]),
        ("note=like.100%25%5C_*", &[3]),
        ("note=eq.%C3%9Cn%C3%AFcode", &[4]),
        ("note=eq.likes+%22quotes%22,+commas", &[2]),
        ("note=eq.(paren)", &[6]),
        ("or=(id.eq.1,and(age.gt.40,active.is.false))", &[1, 6]),
        ("or=(note.eq.%22(paren)%22,note.like.*quotes*)", &[2, 6]),
        ("not.or=(id.lt.3,id.gt.4)", &[3, 4]),
        ("and=(id.gt.1,not.or(id.eq.2,id.eq.3))", &[4, 5, 6]),
        ("id=gt.2&or=(id.eq.1,id.eq.3)", &[3]),
        ("order=age.desc.nullslast,id&limit=2", &[5, 2]),
        ("order=age", &[3, 1, 6, 2, 5, 4]),
        ("order=age.desc", &[4, 5, 2, 6, 1, 3]),
        ("order=department.nullsfirst,salary.desc", &[6, 5, 2, 1, 4, 3]),
        ("limit=2&offset=3", &[4, 5]),
        ("limit=0", &[]),
        ("columns=id&on_conflict=id&id=eq.2", &[2]),
    ];
    for (query, expected) in cases {
        let answer = site.client.get(&format!("/api/employees?{query}")).await.assert_status(200);
        assert_eq!(&ids(&answer), expected, "{query}");
    }
}

#[tokio::test]
async fn a_row_has_its_columns_typed() {
    let site = Site::new();
    let answer = site.client.get("/api/employees?id=eq.2").await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(
        answer.json(),
        json!([{
            "id": 2, "name": "Grace", "department": "Engineering", "age": 45, "salary": 6100, "active": true,
            "hired": "2015-07-15", "note": "likes \"quotes\", commas",
        }])
    );
    let cases = [
        ("select=id,who:name,active&id=eq.4", json!([{ "id": 4, "who": "Edsger", "active": null }])),
        ("select=name,*&id=eq.1&select=name", json!([{ "name": "Ada" }])),
        ("select=\"name\",name&id=eq.1", json!([{ "name": "Ada" }])),
    ];
    for (query, expected) in cases {
        let answer = site.client.get(&format!("/api/employees?{}", query.replace('"', "%22"))).await;
        assert_eq!(answer.assert_status(200).json(), expected, "{query}");
    }
    let all = site.client.get("/api/employees?select=age,*&id=eq.1").await.assert_status(200).json();
    let names: Vec<&String> = all[0].as_object().expect("an object").keys().collect();
    assert_eq!(names, ["age", "id", "name", "department", "salary", "active", "hired", "note"]);
}

#[tokio::test]
async fn odd_column_names_are_reached() {
    let site = Site::new();
    let cases = [
        ("%22order%22=eq.6", 6),
        ("a.b=eq.7", 6),
        ("%22a.b%22=eq.2", 1),
        ("x,y=eq.8", 6),
        ("drop+%22it%22=eq.4", 1),
        ("%22select%22=eq.10", 6),
        ("or=(a.b.eq.7,%22x,y%22.eq.99)", 6),
        ("order=a.b.desc&limit=1", 6),
        ("order=%22x,y%22.desc&limit=1&select=order,%22x,y%22", 6),
    ];
    for (query, first) in cases {
        let rows = site.client.get(&format!("/api/odd?{query}")).await.assert_status(200).json();
        assert_eq!((rows.as_array().map(Vec::len), &rows[0]["order"]), (Some(1), &json!(first)), "{query}");
    }
}

#[tokio::test]
async fn counts_and_ranges_follow_postgrest() {
    type Headers = &'static [(&'static str, &'static str)];
    const EXACT: (&str, &str) = ("prefer", "count=exact");
    let site = Site::new();
    let cases: [(&str, Headers, u16, &str); 15] = [
        ("", &[], 200, "0-5/*"),
        ("", &[EXACT], 200, "0-5/6"),
        ("limit=2", &[], 200, "0-1/*"),
        ("limit=2", &[EXACT], 206, "0-1/6"),
        ("limit=2&offset=4", &[EXACT], 206, "4-5/6"),
        ("", &[("range", "1-2"), EXACT], 206, "1-2/6"),
        ("", &[("range", "1-2"), ("range-unit", "items")], 200, "1-2/*"),
        ("limit=1&offset=1", &[("range", "0-9")], 200, "1-1/*"),
        ("", &[("range", "bytes=1-2")], 200, "0-5/*"),
        ("id=eq.99", &[], 200, "*/*"),
        ("id=eq.99", &[EXACT], 200, "*/0"),
        ("offset=6", &[EXACT], 206, "*/6"),
        ("offset=7", &[EXACT], 416, "*/6"),
        ("offset=7", &[], 200, "*/*"),
        ("id=gt.4", &[EXACT], 200, "0-1/2"),
    ];
    for (query, headers, status, range) in cases {
        let mut call = site.client.get(&format!("/api/employees?{query}"));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = call.await.assert_status(status);
        assert_eq!(answer.header("content-range"), Some(range), "{query} {headers:?}");
        let counted = headers.contains(&EXACT) && status != 416;
        assert_eq!(answer.header("preference-applied"), counted.then_some("count=exact"), "{query}");
    }
}

#[tokio::test]
async fn forms_are_negotiated() {
    let site = Site::new();
    let get = |query: &str, accept: &'static str| {
        site.client.get(&format!("/api/employees?{query}")).header("accept", accept)
    };
    let object = "application/vnd.pgrst.object+json";

    let one = get("select=id,name&id=eq.3", object).await.assert_status(200);
    assert_eq!(one.header("content-type"), Some("application/vnd.pgrst.object+json; charset=utf-8"));
    assert_eq!(one.text(), r#"{"id":3,"name":"Linus"}"#);
    for (query, details) in [
        ("id=gt.2", "The result contains 4 rows"),
        ("id=gt.2&limit=3", "The result contains 3 rows"),
        ("id=eq.0", "The result contains 0 rows"),
    ] {
        let error = get(query, object).await.assert_status(406).json();
        assert_eq!((&error["code"], &error["details"]), (&json!("PGRST116"), &json!(details)), "{query}");
    }

    let csv = get("select=id,name,age,note&id=in.(2,4)", "text/csv").await.assert_status(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-range"), Some("0-1/*"));
    assert_eq!(csv.text(), "id,name,age,note\n2,Grace,45,\"likes \"\"quotes\"\", commas\"\n4,Edsger,,Ünïcode\n");

    let error = get("", "image/png").await.assert_status(406).json();
    assert_eq!(error["code"], "PGRST107");
    assert_eq!(error["message"], "None of these media types are available: image/png");
}

#[tokio::test]
async fn wrong_requests_are_told_why() {
    let site = Site::new();
    let cases = [
        (
            "employes",
            404,
            "PGRST205",
            "Could not find the table 'employes'",
            Some("Perhaps you meant the table 'employees'"),
        ),
        ("sqlite_schema", 404, "PGRST205", "Could not find the table 'sqlite_schema'", None),
        ("_taipan_sources", 404, "PGRST205", "Could not find the table '_taipan_sources'", None),
        ("employees/1", 404, "PGRST125", "Invalid path specified in request URL", None),
        (
            "employees?agee=eq.1",
            400,
            "42703",
            "column employees.agee does not exist",
            Some("Perhaps you meant to reference the column \"employees.age\"."),
        ),
        ("employees?select=zzz", 400, "42703", "column employees.zzz does not exist", None),
        ("employees?order=zzz", 400, "42703", "column employees.zzz does not exist", None),
        ("employees?or=(zzz.eq.1)", 400, "42703", "column employees.zzz does not exist", None),
        ("employees?age=eq.abc", 400, "22P02", "invalid input syntax for type integer: \"abc\"", None),
        ("employees?age=in.(1,abc)", 400, "22P02", "invalid input syntax for type integer: \"abc\"", None),
        ("employees?active=eq.maybe", 400, "22P02", "invalid input syntax for type boolean: \"maybe\"", None),
        ("employees?hired=gt.soon", 400, "22007", "invalid input syntax for type date: \"soon\"", None),
        ("employees?age=near.5", 400, "PGRST100", "failed to parse filter (near.5) (line 1, column 1)", None),
        ("employees?age=5", 400, "PGRST100", "failed to parse filter (5) (line 1, column 1)", None),
        ("employees?or=id.eq.1", 400, "PGRST100", "failed to parse logic tree (id.eq.1) (line 1, column 1)", None),
        ("employees?order=id.up", 400, "PGRST100", "failed to parse order (id.up) (line 1, column 3)", None),
        ("employees?limit=ten", 400, "PGRST100", "failed to parse limit (ten) (line 1, column 1)", None),
        ("employees?limit=-1", 416, "PGRST103", "Requested range not satisfiable", None),
        ("employees?age=like.4*", 404, "42883", "operator does not exist: integer ~~ text", None),
        ("employees?age=is.true", 400, "42804", "argument of IS TRUE must be type boolean, not type integer", None),
        ("employees?select=a:id,a:name", 400, "42701", "column name \"a\" specified more than once", None),
        (
            "employees?select=boss(name)",
            400,
            "PGRST200",
            "Could not find a relationship between 'employees' and 'boss' in the schema cache",
            None,
        ),
        ("employees?name=eq.%FF", 400, "22021", "the query string is not valid UTF-8", None),
    ];
    for (path, status, code, message, hint) in cases {
        let answer = site.client.get(&format!("/api/{path}")).await.assert_status(status);
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{path}");
        let error = answer.json();
        let keys: Vec<&String> = error.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["code", "message", "details", "hint"], "{path}");
        assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(message)), "{path}");
        if let Some(hint) = hint {
            assert_eq!(error["hint"], hint, "{path}");
        }
    }
}

#[tokio::test]
async fn methods() {
    let site = Site::new();
    let call = |method, path: &str| site.client.request(method, path);

    let head = |query: &str, prefer: &'static str| {
        call(Method::HEAD, &format!("/api/employees?{query}")).header("prefer", prefer).header("range", "0-0")
    };
    // HTTP defines ranges for GET alone.
    let length = site.client.get("/api/employees?id=lt.3").await.bytes().len().to_string();
    for (query, prefer, status, range, length) in [
        ("id=lt.3", "", 200, "0-1/*", Some(length.as_str())),
        ("id=lt.3", "count=exact", 200, "0-1/2", None),
        ("limit=2&offset=3", "count=exact", 206, "3-4/6", None),
        ("offset=9", "count=exact", 416, "*/6", None),
    ] {
        let answer = head(query, prefer).await.assert_status(status);
        assert!(status == 416 || answer.header("content-length") == length, "{query} {prefer}");
        assert_eq!(answer.header("content-range"), Some(range), "{query} {prefer}");
        assert!(status == 416 || answer.bytes().is_empty(), "{query} {prefer}");
    }

    let options = call(Method::OPTIONS, "/api/employees").await.assert_status(200);
    assert_eq!(options.header("allow"), Some("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS"));
    call(Method::OPTIONS, "/api/nothing").await.assert_status(404).json();
    for (path, allow) in [
        ("/api", "GET, HEAD, OPTIONS"),
        ("/api/", "GET, HEAD, OPTIONS"),
        ("/api/rpc/x", "GET, HEAD, POST, OPTIONS"),
        ("/models", "GET, HEAD, OPTIONS"),
        ("/models/slope/predict", "POST, OPTIONS"),
        ("/plots", "GET, HEAD, OPTIONS"),
        ("/plots/ages.svg", "GET, HEAD, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
    ] {
        let options = call(Method::OPTIONS, path).await.assert_status(204);
        assert_eq!(options.header("allow"), Some(allow), "{path}");
        assert!(options.bytes().is_empty(), "{path}");
        let _ = call(Method::DELETE, path).await.assert_status(405);
    }
    let _ = call(Method::OPTIONS, "/nothing").await.assert_status(404);
    let function = call(Method::POST, "/api/rpc/nothing").header("content-type", "application/json").body("{}").await;
    assert_eq!(
        function.assert_status(404).json(),
        json!({
            "code": "PGRST202",
            "message": "Could not find the function nothing in the schema cache",
            "details": "Searched for the function nothing, but no matches were found in the schema cache.",
            "hint": null,
        })
    );

    for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
        let answer = call(method, "/api/employees").await.assert_status(401);
        assert_eq!(answer.json()["code"], "42501", "nobody may write unless told otherwise");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let answer = call(Method::TRACE, "/api/employees").await.assert_status(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS"));
    assert_eq!(answer.json()["message"], "Unsupported HTTP method: TRACE");
    assert_eq!(ids(&site.client.get("/api/employees").await).len(), 6);
}

#[tokio::test]
async fn preferences_are_strict_when_asked() {
    let site = Site::new();
    let call = |prefer| site.client.get("/api/points?limit=1").header("prefer", prefer);
    let error = call("handling=strict, count=perhaps").await.assert_status(400).json();
    assert_eq!((&error["code"], &error["details"]), (&json!("PGRST122"), &json!("Invalid preferences: count=perhaps")));
    let _ = call("handling=lenient, count=perhaps").await.assert_status(200);
}

#[tokio::test]
async fn too_much_is_refused_not_run() {
    let site = Site::new();
    let conditions = vec!["id.gt.0"; 257].join(",");
    let values = vec!["1"; 16_001].join(",");
    let nested = format!("{}(id.gt.0){}", "(and".repeat(400), ")".repeat(400));
    for query in [format!("and=({conditions})"), format!("id=in.({values})"), format!("and={nested}")] {
        let error = site.client.get(&format!("/api/employees?{query}")).await.assert_status(400).json();
        assert_eq!(error["code"], "PGRST100");
    }
    let most = vec!["id.gt.0"; 256].join(",");
    let answer = site.client.get(&format!("/api/employees?or=({most})")).await.assert_status(200);
    assert_eq!(ids(&answer).len(), 6);
}

/// Text that has broken other people's interfaces.
fn hostile() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "'",
        "\"",
        "\\",
        ";",
        "--",
        "/*",
        "' OR '1'='1",
        "1); DROP TABLE employees; --",
        "?1",
        ":x",
        "@x",
        "$1",
        "%",
        "_",
        "*",
        "\0",
        "\u{202e}",
        "${x}",
        "{{7*7}}",
        "<script>",
        ")",
        "(",
        ",",
        "\"\"",
        "null",
        "\u{fffd}",
    ]);
    prop::collection::vec(prop_oneof![known.prop_map(str::to_owned), "\\PC{0,6}"], 1..4)
        .prop_map(|parts| parts.concat())
        .prop_filter("not empty", |text| !text.is_empty())
}

fn encoded(text: &str) -> String {
    taipan_web::format::url_part(text)
}

/// Whether an answer is rows or an error in the agreed form, and says nothing of how it was made.
fn is_clean(answer: &Answer, sent: &str) -> bool {
    let body = answer.json();
    let proper = match answer.status() {
        200 => body.is_array(),
        400 | 404 | 416 => body["code"].is_string() && body["message"].is_string(),
        _ => false,
    };
    // What was sent may come back; nothing else of the kind may.
    let text = body.to_string().replace(Value::from(sent).to_string().trim_matches('"'), "");
    let leaks = ["SELECT", "sqlite", "WHERE", "rusqlite", "panicked", ".rs:", "near \\\""];
    proper && (body.is_array() || leaks.iter().all(|leak| sent.contains(leak) || !text.contains(leak)))
}

#[test]
fn hostile_text_is_only_ever_a_value() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let site = Site::new();
    let get = |path: String| runtime.block_on(async { site.client.get(&path).await });
    proptest!(ProptestConfig::with_cases(200), |(text in hostile())| {
        let value = encoded(&text);
        // As a value it matches no name, and everything when negated: it never becomes more than one value.
        let equal = get(format!("/api/employees?name=eq.{value}"));
        prop_assert_eq!((equal.status(), equal.text()), (200, "[]".to_owned()));
        let other = get(format!("/api/employees?name=neq.{value}&select=id"));
        prop_assert_eq!((other.status(), ids(&other).len()), (200, 6));
        let quoted = encoded(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
        let listed = get(format!("/api/employees?name=in.({quoted},Ada)&select=id"));
        prop_assert_eq!((listed.status(), ids(&listed)), (200, vec![1]));
        // Anywhere else it is refused or harmless.
        for path in [
            format!("/api/{value}"),
            format!("/api/employees?{value}=eq.1"),
            format!("/api/employees?age=eq.{value}"),
            format!("/api/employees?age={value}"),
            format!("/api/employees?select={value}"),
            format!("/api/employees?order={value}"),
            format!("/api/employees?or=({value})"),
            format!("/api/employees?limit={value}"),
            format!("/api/employees?name=like.{value}"),
        ] {
            let answer = get(path.clone());
            prop_assert!(is_clean(&answer, &text), "{}: {} {}", path, answer.status(), answer.text());
        }
    });
    assert_eq!(site.project.tables().expect("tables").len(), 3);
}
