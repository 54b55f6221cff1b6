//! A page with a table of 100 rows, from the templates of a folder: `page_of_rows PORT FOLDER`.

use std::num::NonZeroUsize;

use serde::Serialize;
use taipan_web::{App, Page, Problem, Router, State, Templates, get, serve_on_threads};

#[derive(Serialize)]
struct Row {
    id: usize,
    name: String,
    department: &'static str,
    salary: usize,
    note: &'static str,
}

#[derive(Serialize)]
struct View<'a> {
    title: &'static str,
    rows: &'a [Row],
}

#[derive(Clone)]
struct Site {
    templates: Templates,
    rows: std::sync::Arc<[Row]>,
}

async fn page(State(site): State<Site>) -> Result<Page, Problem> {
    Ok(site.templates.render("rows.html", &View { title: "Rows", rows: &site.rows })?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("which port?")?.parse()?;
    let folder = arguments.next().ok_or("which folder?")?;
    let row = |id| Row {
        id,
        name: format!("Person {id} & <others>"),
        department: ["Research", "Sales", "Legal"][id % 3],
        salary: 30_000 + id * 7,
        note: if id % 2 == 1 { "on leave" } else { "" },
    };
    let site = Site { templates: Templates::from_folder(folder, &[], false)?, rows: (0..100).map(row).collect() };
    let app = App::new().routes(Router::new().route("/", get(page)).with_state(site));
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(serve_on_threads(app, listener, threads, std::future::pending())?)
}
