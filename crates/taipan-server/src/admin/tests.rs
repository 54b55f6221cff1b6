//! The pages as a browser gets them, over a real project of files in a folder of its own.

use std::convert::Infallible;
use std::sync::Arc;

use taipan::arrow::array::{RecordBatch, StringArray};
use taipan::arrow::datatypes::{DataType, Field, Schema};
use taipan::store::WriteOptions;
use taipan::{Project, ProjectOptions};
use taipan_web::{Answer, Client};
use tempfile::TempDir;

use super::address::Address;

const APP: &str = r#"
[app]
name = "staff"
database = "sqlite:staff.db"

[source.employees]
file = "employees.csv"
primary_key = "id"

[model.slope]
estimator = "LinearRegression"
from = "points"
target = "y"

[plot.ages]
from = "points"
kind = "scatter"
x = "a"
y = "y"
title = "y over a"
"#;

const EMPLOYEES: &str = "\
id,name,department,salary,active,note
1,Ada,Engineering,5200.5,true,
2,Grace,Engineering,6100,true,\"likes \"\"quotes\"\", commas\"
3,Linus,Research,4800,false,100%_sure
4,Edsger,,5900,,Ünïcode
5,Barbara,Engineering,7000,true,back\\slash
";

/// y = 2a + 3b + 1
const POINTS: &str = "a,b,y\n0,0,1\n1,0,3\n0,1,4\n1,1,6\n2,5,20\n3,1,10\n";

const HOSTILE: &str = "\"><script>alert('x')</script>";

struct Site {
    client: Client,
    project: Project,
    _folder: TempDir,
}

impl Site {
    fn new() -> Self {
        Self::of(&[("taipan.toml", APP), ("employees.csv", EMPLOYEES), ("points.csv", POINTS), ("none.csv", "a,b\n")])
    }

    fn of(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let input = folder.path().to_owned();
        // Queries wait on a runtime of their own, which cannot be done on this one's thread.
        let opened = std::thread::spawn(move || {
            let project = Project::open(&ProjectOptions::new([input])).expect("a project");
            project.import(|_| ()).expect("import");
            project.train(|_| ()).expect("train");
            project.draw(|_| ()).expect("draw");
            project
        });
        let project = opened.join().expect("opened");
        Self { client: Client::new(crate::app(project.clone())), project, _folder: folder }
    }

    async fn get(&self, path: &str) -> Answer {
        let answer = self.client.get(path).browser().await;
        check(path, &answer.text());
        answer
    }
}

/// What holds for every page: it is whole, small, and has nothing that the Content-Security-Policy would refuse.
fn check(path: &str, html: &str) {
    if !html.contains("<!doctype html>") {
        return;
    }
    assert!(html.trim_end().ends_with("</html>"), "{path}: cut short");
    for refused in [" style=", "<style", " onclick=", " onload=", "javascript:", "<script>"] {
        assert!(!html.contains(refused), "{path} contains {refused}");
    }
    // The reference has a form for each call.
    let most = if path == "/docs" { 80_000 } else { 60_000 };
    assert!(html.len() < most, "{path}: {} bytes", html.len());
}

/// The texts of the rows of the page's first table of data.
fn rows(html: &str) -> Vec<Vec<String>> {
    let body = html.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next()).unwrap_or_default();
    let cells = |row: &str| row.split("<td").skip(1).map(|cell| plain(&format!("<td{cell}"))).collect();
    body.split("<tr").skip(1).map(cells).collect()
}

fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    named.iter().fold(text, |text, (name, c)| text.replace(name, c)).trim().to_owned()
}

fn column(html: &str, at: usize) -> Vec<String> {
    rows(html).into_iter().map(|row| row[at].clone()).collect()
}

fn links(html: &str) -> Vec<String> {
    html.split("href=\"").skip(1).map(|rest| plain(rest.split('"').next().unwrap_or_default())).collect()
}

#[tokio::test]
async fn every_page_is_there_and_every_link_leads_somewhere() {
    let site = Site::new();
    let mut todo = vec!["/".to_owned(), "/admin".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = todo.pop() {
        let path = path.split('#').next().unwrap_or_default().to_owned();
        if !path.starts_with('/') || !seen.insert(path.clone()) || seen.len() > 400 {
            continue;
        }
        let answer = site.get(&path).await;
        if answer.header("location").is_some_and(|to| to.starts_with("/login?next=")) {
            continue;
        }
        let answer = answer.assert_status(200);
        if path == "/" || path.starts_with("/admin") {
            todo.extend(links(&answer.text()));
        }
    }
    for path in ["/admin/tables/employees/3", "/admin/models/slope", "/admin/plots/ages", "/plots/ages.svg?theme=dark"]
    {
        assert!(seen.contains(path), "{path} is linked from nowhere; seen: {seen:#?}");
    }
}

#[tokio::test]
async fn the_overview_shows_what_there_is() {
    let site = Site::new();
    let html = site.get("/").await.assert_status(200).text();
    assert_eq!(rows(&html)[0][..3], ["employees", "5", "6"]);
    assert!(html.contains("LinearRegression") && html.contains("R² 1.000"), "{html}");
    assert!(plain(&html).contains("y over a"));
    let found = site.get("/?search=POI").await.assert_status(200).text();
    assert_eq!(column(&found, 0), ["points"]);
    let none = site.get("/admin?search=zzz").await.assert_status(200).text();
    assert!(plain(&none).contains("No table has “zzz” in its name."));
}

#[tokio::test]
async fn an_empty_project_says_what_to_do_next() {
    let app = "[app]\nname = \"new\"\ndatabase = \"sqlite:new.db\"\n";
    let site = Site::of(&[("taipan.toml", app), ("gone.csv", "a\n1\n")]);
    site.project.store().drop_table("gone").expect("dropped");
    let text = plain(&site.get("/").await.assert_status(200).text());
    for hint in ["taipan import data.csv", "[model.prices]", "[plot.tips]"] {
        assert!(text.contains(hint), "{hint} is not in {text}");
    }
}

#[tokio::test]
async fn rows_are_filtered_sorted_and_paged_by_the_address() {
    let site = Site::new();
    let cases = [
        ("", vec!["1", "2", "3", "4", "5"], "1–5 of 5"),
        ("salary=gt.5500", vec!["2", "4", "5"], "1–3 of 3"),
        ("salary=gt.5500&order=salary.desc", vec!["5", "2", "4"], "1–3 of 3"),
        ("order=name.asc&limit=2&offset=2", vec!["4", "2"], "3–4 of 5"),
        ("search=eng", vec!["1", "2", "5"], "1–3 of 3"),
        ("search=100%25_", vec!["3"], "1–1 of 1"),
        ("department=is.null", vec!["4"], "1–1 of 1"),
        ("name=in.(Ada,Alan)", vec!["1"], "1–1 of 1"),
        ("select=id,salary&active=is.false", vec!["3"], "1–1 of 1"),
    ];
    for (query, ids, range) in cases {
        let html = site.get(&format!("/admin/tables/employees?{query}")).await.assert_status(200).text();
        assert_eq!(column(&html, 0), ids, "{query}");
        assert!(html.contains(range), "{query}: no {range}");
    }
    let html = site.get("/admin/tables/employees?select=name,salary").await.text();
    assert_eq!(rows(&html)[0], ["Ada", "5200.5"], "the key is not shown when it was not selected");
    assert!(
        html.contains("data-href=\"&#x2f;admin&#x2f;tables&#x2f;employees&#x2f;1\""),
        "but the row leads to its record"
    );
    let html = site.get("/admin/tables/employees?offset=50").await.assert_status(200).text();
    assert!(plain(&html).contains("There are only 5 rows here."));
    let html = site.get("/admin/tables/employees?salary=gt.1e9").await.assert_status(200).text();
    assert!(plain(&html).contains("No row matches."));
    let html = site.get("/admin/tables/none").await.assert_status(200).text();
    assert!(plain(&html).contains("This table has no rows yet."));
}

/// The link of the pager with this text or label.
fn pager_link(html: &str, name: &str) -> Option<String> {
    let pager = html.split("<nav class=\"pager\"").nth(1)?;
    let link = pager.split("<a class=\"button\"").skip(1).find(|link| {
        let link = link.split("</a>").next().unwrap_or_default();
        link.contains(&format!("aria-label=\"{name}\"")) || plain(&format!("<a{link}")) == name
    })?;
    links(link).into_iter().next()
}

#[tokio::test]
async fn pages_follow_each_other_by_their_keys() {
    let site = Site::new();
    for (query, expected) in [
        ("limit=2", vec!["1", "2", "3", "4", "5"]),
        ("limit=2&order=department.desc", vec!["4", "3", "1", "2", "5"]),
        ("limit=2&order=department.asc,salary.desc&select=name", vec!["Barbara", "Grace", "Ada", "Linus", "Edsger"]),
        ("limit=2&salary=gt.4900&search=e", vec!["1", "2", "4", "5"]),
    ] {
        let mut path = format!("/admin/tables/employees?{query}");
        let (mut forwards, mut backwards) = (Vec::new(), Vec::new());
        let mut last = String::new();
        for _ in 0..9 {
            let html = site.get(&path).await.assert_status(200).text();
            forwards.extend(column(&html, 0));
            last = html;
            let Some(next) = pager_link(&last, "Next") else { break };
            assert!(next.contains("after="), "{next}");
            path = next;
        }
        assert_eq!(forwards, expected, "{query}");
        let first = pager_link(&last, "First page").expect("a first page");
        assert!(!first.contains("after="), "{first}");
        let mut path = pager_link(&site.get(&first).await.text(), "Last page").expect("a last page");
        for _ in 0..9 {
            let html = site.get(&path).await.assert_status(200).text();
            let mut ids = column(&html, 0);
            ids.append(&mut backwards);
            backwards = ids;
            let Some(previous) = pager_link(&html, "Previous") else {
                assert!(html.contains(">1–"), "{query}: {path}");
                break;
            };
            path = previous;
        }
        assert_eq!(backwards, expected, "{query}, from its end");
    }
    let wrong = site.get("/admin/tables/employees?after=nonsense").await.assert_status(400).text();
    assert!(plain(&wrong).contains("There is no such page of this table."));
    // Rows without a key are counted from the first.
    let html = site.get("/admin/tables/points?limit=4").await.text();
    assert_eq!(pager_link(&html, "Next").as_deref(), Some("/admin/tables/points?limit=4&offset=4"));
    assert_eq!(pager_link(&html, "Last page").as_deref(), Some("/admin/tables/points?limit=4&offset=4"));
}

#[tokio::test]
async fn facets_count_values_and_lead_to_their_rows() {
    let site = Site::new();
    let html = site.get("/admin/tables/employees?facets=on").await.assert_status(200).text();
    let facets =
        html.split("class=\"facets\"").nth(1).and_then(|rest| rest.split("</section>").next()).expect("facets");
    let text = plain(facets).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("department Engineering3 NULL1 Research1"), "{text}");
    assert!(text.contains("active true3"), "{text}");
    assert!(!text.contains("salary"), "numbers with fractions are no choice: {text}");
    let to = |name: &str| links(facets).into_iter().find(|link| link.contains(name)).expect("a link");
    let chosen = site.get(&to("department=eq.Engineering")).await.assert_status(200).text();
    assert_eq!(column(&chosen, 0), ["1", "2", "5"]);
    assert!(chosen.contains("aria-current=\"true\""), "it is shown as chosen");
    let removed = links(&chosen).into_iter().find(|link| link.ends_with("employees?facets=on")).expect("without it");
    assert_eq!(column(&site.get(&removed).await.text(), 0).len(), 5);
    assert_eq!(column(&site.get(&to("department=is.null")).await.text(), 0), ["4"]);
}

#[tokio::test]
async fn cells_are_set_by_type() {
    let site = Site::new();
    let html = site.get("/admin/tables/employees").await.text();
    let row = html.split("<tr").find(|row| row.contains("Edsger")).expect("the row");
    assert!(row.contains("<td class=\"num\">5900</td>"), "{row}");
    assert!(row.contains("<td class=\"null\">NULL</td>"), "{row}");
    let sorted = site.get("/admin/tables/employees?order=salary.desc").await.text();
    assert!(sorted.contains("title=\"salary real\" aria-sort=\"descending\""), "{sorted}");
}

#[tokio::test]
async fn forms_become_addresses() {
    let site = Site::new();
    let cases = [
        ("_column=salary&_op=gt&_value=5000", "?salary=gt.5000"),
        (
            "salary=lt.9&offset=50&order=id.asc&_column=name&_op=contains&_value=a+b",
            "?salary=lt.9&order=id.asc&name=ilike.*a%20b*",
        ),
        ("_column=department&_op=in&_value=R%2C+D", "?department=in.(R,D)"),
        ("_column=note&_op=null&_value=", "?note=is.null"),
        ("order=id.desc&_show=id&_show=name", "?order=id.desc&select=id,name"),
    ];
    for (sent, query) in cases {
        let answer = site.get(&format!("/admin/tables/employees?{sent}")).await.assert_status(303);
        assert_eq!(answer.header("location"), Some(format!("/admin/tables/employees{query}").as_str()), "{sent}");
    }
}

#[tokio::test]
async fn a_bad_filter_is_told_beside_the_form() {
    let site = Site::new();
    let html = site.get("/admin/tables/employees?active=is.true&salary=gt.lots").await.assert_status(400).text();
    let text = plain(&html);
    assert!(text.contains("invalid input syntax for type real: \"lots\""), "{text}");
    assert!(
        html.contains("id=\"filter\" open") && html.contains("value=\"lots\""),
        "the form holds the filter: {html}"
    );
    assert_eq!(html.matches("chip wrong").count(), 1);
    let html = site.get("/admin/tables/employees?salry=gt.1").await.assert_status(400).text();
    assert!(plain(&html).contains("salary"), "the nearest column is told");
    let html = site.get("/admin/tables/employees?order=nope.desc").await.assert_status(400).text();
    assert!(plain(&html).contains("This address cannot be read."));
}

#[tokio::test]
async fn what_is_not_there_is_told_with_the_nearest_name() {
    let site = Site::new();
    let html = site.get("/admin/tables/employes").await.assert_status(404).text();
    assert!(plain(&html).contains("There is no table “employes”."), "{html}");
    assert!(links(&html).contains(&"/admin/tables/employees".to_owned()));
    for path in
        ["/admin/models/slop", "/admin/plots/age", "/admin/tables/employees/99", "/admin/tables/points/1", "/nowhere"]
    {
        let answer = site.get(path).await.assert_status(404);
        assert!(answer.text().contains("<nav"), "{path} is a page of the site");
    }
    assert!(plain(&site.get("/admin/models/slop").await.text()).contains("Did you mean 'slope'?"));
}

#[tokio::test]
async fn a_record_has_every_value() {
    let site = Site::new();
    let html = site.get("/admin/tables/employees/2").await.assert_status(200).text();
    assert!(plain(&html).contains("likes \"quotes\", commas"), "{html}");
    assert!(links(&html).contains(&"/api/employees?id=eq.2".to_owned()));
    let _ = site.get("/admin/tables/employees/abc").await.assert_status(404);
}

#[tokio::test]
async fn a_model_predicts_by_link() {
    let site = Site::new();
    let html = site.get("/admin/models/slope?a=10&b=1").await.assert_status(200).text();
    let result = plain(html.split("<output").nth(1).and_then(|rest| rest.split("</output>").next()).expect("a result"));
    let value: f64 = result.rsplit(' ').next().and_then(|text| text.parse().ok()).expect("a number");
    assert!((value - 24.0).abs() < 1e-9, "{result}");
    let html = site.get("/admin/models/slope?a=ten&b=").await.assert_status(400).text();
    let text = plain(&html);
    assert!(text.contains("“ten” is not a number.") && text.contains("A number is needed here."), "{text}");
    let html = site.get("/admin/models/slope").await.assert_status(200).text();
    assert!(!html.contains("<output") && plain(&html).contains("intercept"), "{html}");
}

#[tokio::test]
async fn the_rest_address_gives_the_same_rows() {
    let site = Site::new();
    for query in [
        "search=eng&order=salary.desc&limit=2",
        "salary=gt.5000&select=id",
        "search=100%25_",
        "search=%22quotes%22,",
        "search=back%5C",
    ] {
        let html = site.get(&format!("/admin/tables/employees?{query}")).await.assert_status(200).text();
        let address =
            links(&html).into_iter().find(|link| link.starts_with("/api/employees")).expect("the REST address");
        let found = site.client.get(&address).await.assert_status(200).json();
        let ids: Vec<String> = found.as_array().expect("rows").iter().map(|row| row["id"].to_string()).collect();
        assert!(!ids.is_empty(), "{query}");
        assert_eq!(column(&html, 0), ids, "{query} as {address}");
    }
}

#[tokio::test]
async fn a_search_is_an_or_of_patterns_in_the_rest_address() {
    let site = Site::new();
    let cases = [
        ("employees", "eng", "or=(name.ilike.*eng*,department.ilike.*eng*,note.ilike.*eng*)"),
        ("employees", "a*", "or=(name.ilike.%22*a_*%22,department.ilike.%22*a_*%22,note.ilike.%22*a_*%22)"),
        ("points", "1", "and=(a.is.null,a.not.is.null)"),
    ];
    for (table, text, condition) in cases {
        let address = Address::new(table, vec![("search".to_owned(), text.to_owned())]);
        let table = site.project.store().table(table).expect("a table");
        let rest = address.rest(&table, 50, 0);
        assert_eq!(rest, format!("/api/{}?{condition}&limit=50", table.name));
        let _ = site.client.get(&rest).await.assert_status(200);
    }
}

#[tokio::test]
async fn hostile_names_and_values_are_text() {
    let csv = format!("\"{0}\",plain\n\"{0}\",1\n", HOSTILE.replace('"', "\"\""));
    let app = "[app]\nname = \"<b>\\\"&\"\ndatabase = \"sqlite:x.db\"\n";
    let site = Site::of(&[("taipan.toml", app), ("evil.csv", csv.as_str())]);
    let schema = Arc::new(Schema::new(vec![Field::new(HOSTILE, DataType::Utf8, false)]));
    let values = StringArray::from(vec![HOSTILE, "'; DROP TABLE evil; --", "{{ 7 * 7 }}"]);
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)]).expect("a batch");
    let options = WriteOptions::default().primary_key(HOSTILE);
    let batches = [Ok::<_, Infallible>(batch)].into_iter();
    site.project.store().write_table(HOSTILE, &schema, &options, batches).expect("written");

    let mut todo = vec!["/".to_owned(), "/admin".to_owned(), "/%22%3E%3Cscript%3E".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = todo.pop() {
        let path = path.split('#').next().unwrap_or_default().to_owned();
        // A file is no page: browsers save it.
        let is_page = path == "/" || path.starts_with("/admin") || path.starts_with("/%");
        let is_page = is_page && !path.starts_with("/admin/sql.csv");
        if !is_page || !seen.insert(path.clone()) || seen.len() > 200 {
            continue;
        }
        let answer = site.get(&path).await;
        let html = answer.text();
        assert!(answer.status() < 500, "{path}: {html}");
        assert!(!html.contains("<script>") && !html.contains("<b>\"") && !html.contains("'x'"), "{path}: {html}");
        todo.extend(links(&html));
    }
    let table = super::table_path(HOSTILE);
    let html = site.get(&table).await.assert_status(200).text();
    assert_eq!(column(&html, 0).len(), 3);
    assert!(html.contains("{{ 7 * 7 }}"), "a value is no template");
    let key = taipan_web::format::url_part(HOSTILE);
    let _ = site.get(&format!("{table}/{key}")).await.assert_status(200);
    let _ = site.get(&format!("{table}?search={key}&{key}=eq.{key}")).await.assert_status(200);
    let _ = site.get(&format!("{table}?_column={key}&_op=eq&_value={key}")).await.assert_status(303);
    let _ = site.get(&format!("/admin/tables/{key}{key}?search={key}")).await.assert_status(404);
}

#[test]
fn all_parts_of_the_pages_stay_small() {
    let bytes: usize = ["app.css", "app.js", "icon.svg"]
        .iter()
        .map(|name| std::fs::read(format!("{}/assets/{name}", env!("CARGO_MANIFEST_DIR"))).expect("an asset").len())
        .sum();
    assert!(bytes < 40_000, "{bytes} bytes of assets leave too little for a page of 60 kB");
}
