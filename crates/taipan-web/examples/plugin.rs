//! A plugin: a page that counts visits, a header on every answer, and a command of its own.
//!
//! `cargo run -p taipan-web --example plugin` serves it; `cargo run -p taipan-web --example plugin -- visits 3` runs the command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taipan_web::{App, Command, HeaderValue, Plugin, Router, TcpListener, get, serve};

#[derive(Default)]
struct Visits {
    count: Arc<AtomicU64>,
}

impl Plugin for Visits {
    fn name(&self) -> &'static str {
        "visits"
    }

    fn routes(&self) -> Router {
        let count = Arc::clone(&self.count);
        let show = move || async move { format!("{} visits so far\n", count.load(Ordering::Relaxed)) };
        Router::new().route("/visits", get(show))
    }

    fn commands(&self) -> Vec<Command> {
        vec![Command::new("visits", "says what a number of visits looks like", |arguments| {
            let number: u64 = arguments.first().ok_or("how many?")?.parse()?;
            println!("{}", taipan_web::format::plural(number, "visit"));
            Ok(())
        })]
    }

    fn extend(&self, app: App) -> App {
        let count = Arc::clone(&self.count);
        app.before(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .after(|response| {
            response.headers_mut().insert("x-counted", HeaderValue::from_static("yes"));
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plugin = Visits::default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((name, rest)) = arguments.split_first() {
        let commands = plugin.commands();
        let command = commands.iter().find(|command| command.name() == name);
        return command.ok_or(format!("{} has no command {name}", plugin.name()))?.run(rest);
    }
    let app = App::new().plugin(&plugin).routes(Router::new().route("/", get(|| async { "try /visits\n" })));
    Ok(serve(app, TcpListener::bind("127.0.0.1:8000").await?, std::future::pending()).await?)
}
