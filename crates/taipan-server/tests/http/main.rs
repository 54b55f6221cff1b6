//! The whole application called as a client calls it, without a socket: a project of files in a folder of its own,
//! imported, trained and drawn, behind [`taipan_web::Client`].

mod accounts;
mod classes;
mod concurrent;
mod docs;
mod jobs;
mod models;
mod plots;
mod related;
mod rest;
mod security;
mod shown;
mod write;

use taipan::{Project, ProjectOptions};
use taipan_web::Client;
use tempfile::TempDir;

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
id,name,department,age,salary,active,hired,note
1,Ada,Engineering,36,5200.5,true,2019-03-01,
2,Grace,Engineering,45,6100,true,2015-07-15,\"likes \"\"quotes\"\", commas\"
3,Linus,Research,29,4800,false,2021-01-10,100%_sure
4,Edsger,Research,,5900,,,Ünïcode
5,Barbara,Engineering,52,7000,true,2010-11-30,back\\slash
6,Alan,,41,5000,false,2018-05-05,(paren)
";

/// Columns that would mean something else in a URL or in SQL.
const ODD: &str = "\
order,a.b,\"x,y\",\"drop \"\"it\"\"\",select
1,2,3,4,5
6,7,8,9,10
";

/// y = 2a + 3b + 1
const POINTS: &str = "a,b,y\n0,0,1\n1,0,3\n0,1,4\n1,1,6\n2,5,20\n3,1,10\n";

/// An application and its client. The folder goes when it is dropped.
struct Site {
    client: Client,
    project: Project,
    folder: TempDir,
}

impl Site {
    fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let files = [("taipan.toml", APP), ("employees.csv", EMPLOYEES), ("odd.csv", ODD), ("points.csv", POINTS)];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let input = folder.path().to_owned();
        // Queries wait on a runtime of their own, which cannot be done on a thread that serves one.
        let opened = std::thread::spawn(move || {
            let project = Project::open(&ProjectOptions::new([input])).expect("a project");
            project.import(|_| ()).expect("import");
            project.train(|_| ()).expect("train");
            project.draw(|_| ()).expect("draw");
            project
        });
        let project = opened.join().expect("an opened project");
        Self { client: Client::new(taipan_server::app(project.clone())), project, folder }
    }
}

/// Relations and writes are the same on PostgreSQL: the tests of these run again on the server under test.
#[test]
fn the_suite_holds_on_postgresql() {
    let is_inner = std::env::var_os(related::ON_POSTGRES).is_some();
    if is_inner || std::env::var_os("TAIPAN_POSTGRES").is_none() {
        return;
    }
    let mut suite = std::process::Command::new(std::env::current_exe().expect("this program"));
    suite.env(related::ON_POSTGRES, "1").args(["related::", "write::", "--test-threads", "4"]);
    let output = suite.output().expect("a run");
    let text = String::from_utf8_lossy(&output.stdout).replace("test result: ", "on PostgreSQL: ");
    println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

#[tokio::test]
async fn health_counts_what_there_is() {
    let site = Site::new();
    let health = site.client.get("/health").await.assert_status(200).json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["tables"], 3);
    assert_eq!(health["models"], 1);
}
