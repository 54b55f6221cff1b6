//! `taipan serve` from start to Ctrl-C, on the real binary.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::Workplace;

#[test]
fn the_main_job_from_files_to_api() {
    let place = Workplace::new();
    let server = place.serve(&["."]);
    for expected in [
        "employees        1,000 rows  imported in",
        "tips               244 rows  imported in",
        "prices       LinearRegression  R² ",
    ] {
        assert!(server.said.iter().any(|line| line.starts_with(expected)), "{expected} in {:#?}", server.said);
    }

    let path = "/api/employees?salary=gt.100000&order=salary.desc&limit=10&select=id,name,salary";
    let answer = server.send("GET", path, &[("prefer", "count=exact")], None);
    let rows = answer.json();
    let salaries: Vec<i64> = rows.as_array().unwrap().iter().map(|row| row["salary"].as_i64().unwrap()).collect();
    assert_eq!(salaries.len(), 10);
    assert!(salaries.is_sorted_by(|a, b| a >= b) && salaries[9] > 100_000);
    assert_eq!(rows[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name", "salary"]);
    assert_eq!(answer.header("content-range"), Some("0-9/250"));

    let answer = server.send(
        "POST",
        "/models/prices/predict",
        &[("content-type", "application/json")],
        Some("[{\"Area\": 3300}]"),
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        (answer.json()[0]["Price"].as_f64().unwrap() / 634_836.448_598_130_8 - 1.0).abs() < 1e-10,
        "{}",
        answer.body
    );

    let models = server.get("/models").json();
    let told: Vec<(&str, &serde_json::Value)> =
        models.as_array().unwrap().iter().map(|model| (model["name"].as_str().unwrap(), &model["target"])).collect();
    let expected = [
        ("prices", &json!("Price")),
        ("tip", &json!("tip")),
        ("species", &json!("species")),
        ("iris_pca", &json!(null)),
    ];
    assert_eq!(told, expected);
    assert_eq!(models[2]["scores"]["accuracy_cv"], json!(0.966_666_666_666_666_8), "{models}");
    let flower = r#"[{"sepal_length":6.3,"sepal_width":3.3,"petal_length":6.0,"petal_width":2.5}]"#;
    let ask = |path: &str| server.send("POST", path, &[("content-type", "application/json")], Some(flower)).json();
    assert_eq!(ask("/models/species/predict"), json!([{ "species": "virginica" }]));
    let components = ask("/models/iris_pca/predict");
    assert_eq!(components[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["pc1", "pc2"]);
    assert!(server.get("/plots/iris.svg").body.contains("pc2"));
    let plot = server.get("/plots/tips.svg");
    assert_eq!((plot.status, plot.header("content-type")), (200, Some("image/svg+xml")));
    assert_eq!(server.get("/health").json()["status"], "ok");
    assert_eq!(server.get("/openapi.json").json()["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
    for page in ["/", "/admin", "/admin/tables/employees", "/docs"] {
        let answer = server.get(page);
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.body.starts_with("<!doctype html>") || answer.body.starts_with("<!DOCTYPE html>"), "{page}");
    }
    let missing = server.get("/api/employes");
    assert_eq!(missing.status, 404);
    let error = missing.json();
    assert_eq!(error["code"], "PGRST205");
    assert_eq!(error.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "message", "details", "hint"]);
    let post = server.send("POST", "/api/employees", &[("content-type", "application/json")], Some("{}"));
    assert_eq!(post.status, 401, "writing needs a login");
    assert_eq!(server.interrupt(), 0);
}

#[test]
fn a_second_start_imports_and_trains_only_what_changed() {
    let place = Workplace::new();
    assert_eq!(place.serve(&["."]).interrupt(), 0);
    place.write("houses.csv", "Area,Price\n1000,100\n2000,200\n3000,300\n4000,400\n5000,500\n");
    let server = place.serve(&["."]);
    let said = |start: &str| server.said.iter().find(|line| line.starts_with(start)).cloned().unwrap_or_default();
    assert!(said("tips  ").ends_with("unchanged"), "{:#?}", server.said);
    assert!(said("houses ").contains("imported in"), "{:#?}", server.said);
    assert!(said("prices ").contains("trained in"), "{:#?}", server.said);
    assert!(said("tip ").ends_with("unchanged"), "{:#?}", server.said);
    let answer = server.send(
        "POST",
        "/models/prices/predict",
        &[("content-type", "application/json")],
        Some("{\"Area\": 6000}"),
    );
    assert!((answer.json()[0]["Price"].as_f64().unwrap() - 600.0).abs() < 1e-6, "{}", answer.body);
    assert_eq!(server.interrupt(), 0);

    let fresh = place.serve(&[".", "--fresh"]);
    assert!(fresh.said.iter().all(|line| !line.ends_with("unchanged")), "{:#?}", fresh.said);
}

#[test]
fn files_and_databases_are_served_without_an_app_file() {
    let place = Workplace::new();
    let server = place.serve(&["tips.csv", "--db", "mine.db"]);
    assert_eq!(server.get("/api/tips?size=eq.6&select=day,tip&limit=1").json(), json!([{ "day": "Thur", "tip": 4.2 }]));
    assert_eq!(server.interrupt(), 0);
    let server = place.serve(&["--db", "mine.db"]);
    assert_eq!(server.get("/api/tips?select=size&limit=1").json(), json!([{ "size": 2 }]));
}

#[test]
fn a_port_in_use_is_said_before_any_work() {
    let place = Workplace::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = place.run(&["serve", ".", "--port", &port]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        format!("error: 127.0.0.1:{port} is in use by another program; choose another port with --port\n")
    );
    assert!(!place.path("demo.db").exists());
}

/// Asks until the answer is as it should be: a change of files is seen a moment later.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < std::time::Duration::from_mins(2), "not in time: {what}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn while_developing_files_are_followed() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("static")).unwrap();
    place.write("static/logo.txt", "one");
    let server = place.serve(&[".", "--dev"]);
    let page = || server.get("/").body;
    assert!(page().contains("_reload&#x2f;page.js"), "{}", page());
    assert!(server.get("/_reload/page.js").body.contains("EventSource"));
    assert_eq!(server.get("/static/logo.txt").body, "one");
    place.write("static/logo.txt", "two");
    assert_eq!(server.get("/static/logo.txt").body, "two");

    let app = place.read("taipan.toml");
    let renamed = app.replacen("name = \"demo\"", "name = \"renamed\"", 1);
    assert_ne!(app, renamed);
    place.write("taipan.toml", &renamed);
    until("the app file is read again", || page().contains("Overview · renamed"));
    place.write("taipan.toml", "[app\n");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(page().contains("Overview · renamed"), "what was there before is still served");
    place.write("taipan.toml", &renamed);
    place.write("more.csv", "a,b\n1,2\n");
    until("a new file is imported", || server.get("/api/more").body == "[{\"a\":1,\"b\":2}]");

    std::fs::create_dir(place.path("templates")).unwrap();
    place.write("templates/error.html", "<h1>Ours: {{ status }}</h1>");
    let missing = server.send("GET", "/nothing", &[("accept", "text/html")], None);
    assert_eq!(missing.body, "<h1>Ours: 404</h1>");
    assert_eq!(server.interrupt(), 0);
}

#[test]
fn beyond_loopback_everything_is_denied_unless_allowed() {
    let place = Workplace::new();
    let server = place.serve(&["tips.csv", "--db", "t.db", "--host", "0.0.0.0", "--allow-host", "data.example.org"]);
    let port = server.address.rsplit_once(':').unwrap().1.to_owned();
    assert!(server.address.starts_with("http://data.example.org:"), "{}", server.address);
    let ask = |path: &str, host: &str| {
        let near = support::Server::at(&format!("http://127.0.0.1:{port}"));
        near.send("GET", path, &[("host", host)], None).status
    };
    assert_eq!(ask("/api/tips", "127.0.0.1"), 401);
    assert_eq!(ask("/health/live", "192.0.2.7"), 200, "an address is no foreign name");
    assert_eq!(ask("/health/live", "data.example.org"), 200);
    assert_eq!(ask("/health/live", "evil.example"), 421);
    drop(server);
    let server = place.serve(&["tips.csv", "--db", "t.db", "--host", "0.0.0.0", "--read", "public"]);
    let port = server.address.rsplit_once(':').unwrap().1.to_owned();
    let near = support::Server::at(&format!("http://127.0.0.1:{port}"));
    assert_eq!(near.send("GET", "/api/tips?limit=1", &[("host", "127.0.0.1")], None).status, 200);
    let post =
        near.send("POST", "/api/tips", &[("host", "127.0.0.1"), ("content-type", "application/json")], Some("{}"));
    assert_eq!(post.status, 401);
}

#[test]
fn requests_are_logged_where_that_is_asked_for() {
    let place = Workplace::new();
    for log in [true, false] {
        let flag: &[&str] = if log { &["--access-log"] } else { &[] };
        let server = place.serve(&[&["tips.csv", "--db", "t.db"], flag].concat());
        let id = server.get("/api/tips?limit=1").header("x-request-id").unwrap().to_owned();
        assert_eq!(server.get("/nothing\u{e9}").status, 404);
        let said = server.interrupted();
        let lines: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(lines.len(), if log { 2 } else { 0 }, "{said}");
        if let [read, missed] = lines.as_slice() {
            assert_eq!((&read["method"], &read["status"], &read["id"]), (&"GET".into(), &200.into(), &id.into()));
            assert!(read["path"].as_str().unwrap().starts_with("/api/tips"), "{read}");
            assert_eq!(missed["status"], 404);
        }
    }
}

#[test]
fn wrong_certificates_and_proxies_are_told_before_any_work() {
    let place = Workplace::new();
    place.write("cert.pem", "");
    let cases: [(&[&str], &str); 3] = [
        (&["--tls-cert", "cert.pem", "--tls-key", "cert.pem"], "error: cert.pem: no certificate in it\n"),
        (
            &["--tls-cert", "gone.pem", "--tls-key", "cert.pem"],
            "error: gone.pem: No such file or directory (os error 2)\n",
        ),
        (&["--proxy", "here"], "error: “here” is neither an address nor a network such as 10.0.0.0/8\n"),
    ];
    for (options, expected) in cases {
        let mut args = vec!["serve", "."];
        args.extend(options);
        let ran = place.run(&args);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, expected));
    }
    assert!(!place.path("demo.db").exists());
    assert_eq!(place.run(&["serve", ".", "--tls-cert", "cert.pem"]).code, 2);
}
