//! The real binary, each test in a folder of its own.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc, unreachable_pub)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// A fresh folder with the demo's files.
pub struct Workplace {
    folder: TempDir,
}

/// A database of its own to test with.
pub struct Database {
    url: String,
    schema: Option<(String, String)>,
}

impl Database {
    /// One of SQLite, in a file of the workplace, and one of the PostgreSQL server under test, if there is one.
    pub fn each() -> Vec<Self> {
        let mut all = vec![Self { url: "sqlite:test.db".to_owned(), schema: None }];
        if let Ok(server) = std::env::var("TAIPAN_POSTGRES") {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("cli_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            of_server(&server, &format!("CREATE SCHEMA {name}"));
            all.push(Self { url: format!("{server}?schema={name}&pool=4"), schema: Some((server, name)) });
        }
        all
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file in the workplace, where it is one.
    pub fn file(&self) -> Option<&str> {
        self.url.strip_prefix("sqlite:")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.schema {
            of_server(server, &format!("DROP SCHEMA {name} CASCADE"));
        }
    }
}

fn of_server(server: &str, sql: &str) {
    let store = taipan::store::Store::open(server).unwrap();
    store.transaction(&taipan::store::TransactionOptions::default(), |tx| tx.execute(sql, &[])).unwrap();
}

/// What a command did.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/demo");
        for entry in fs::read_dir(demo).unwrap() {
            let path = entry.unwrap().path();
            if matches!(path.extension().and_then(|e| e.to_str()), Some("csv" | "json" | "toml")) {
                fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        Self { folder }
    }

    /// A fresh folder with nothing in it.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of the files in the folder, sorted.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
        command.current_dir(self.folder.path()).args(args).env("NO_COLOR", "1");
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "taipan {} said {}", args.join(" "), ran.stderr);
        ran.stdout
    }

    /// Starts `taipan serve` on a free port and waits until it is ready.
    pub fn serve(&self, args: &[&str]) -> Server {
        let mut all = vec!["serve"];
        all.extend(args);
        all.extend(["--port", "0"]);
        let mut child = self.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            let ready = line.contains("ready in");
            said.push(line);
            if ready {
                break;
            }
        }
        let address = said.iter().find_map(|line| line.split_whitespace().find(|word| word.starts_with("http://")));
        let Some(address) = address.map(str::to_owned) else {
            let output = child.wait_with_output().unwrap();
            panic!("the server did not start: {}", String::from_utf8_lossy(&output.stderr));
        };
        std::thread::spawn(move || lines.for_each(drop));
        Server { child: Some(child), address, said }
    }
}

/// A running `taipan serve`; killed when dropped.
pub struct Server {
    child: Option<Child>,
    pub address: String,
    pub said: Vec<String>,
}

impl Server {
    /// One that somebody else started, at this address.
    pub fn at(address: &str) -> Self {
        Server { child: None, address: address.to_owned(), said: Vec::new() }
    }

    /// Asks it to stop, as Ctrl-C does, and gives its exit code.
    pub fn interrupt(mut self) -> i32 {
        let child = self.child.as_mut().unwrap();
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        child.wait().unwrap().code().unwrap_or(-1)
    }

    /// The same, and gives what it has said to standard error.
    pub fn interrupted(mut self) -> String {
        let child = self.child.take().unwrap();
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        let child = self.child.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The status, headers and body of a GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// The same; none where there is nobody to answer, or not to the end.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Option<Answer> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = agent.run(request.body(body.unwrap_or_default().to_owned()).unwrap()).ok()?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let status = response.status().as_u16();
        Some(Answer { status, headers, body: response.body_mut().read_to_string().ok()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
