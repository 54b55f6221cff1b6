//! axum alone with a constant answer of one row's size, to see what HTTP itself costs: `bare_axum PORT`.

use taipan_web::axum::{self, Router, routing::get};
use taipan_web::{TcpListener, header};

const ROW: &str =
    r#"[{"id":50000,"name":"Barbara Lovelace","department":"Operations","salary":104321,"hired":"2011-07-23"}]"#;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8000);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let row = || async { ([(header::CONTENT_TYPE, "application/json")], ROW) };
    axum::serve(listener, Router::new().route("/", get(row))).await
}
