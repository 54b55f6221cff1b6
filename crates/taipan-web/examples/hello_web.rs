//! Hello, web. `cargo run -p taipan-web --example hello_web`, then open <http://127.0.0.1:8000>.

use taipan_web::{App, Router, TcpListener, get, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = App::new().routes(Router::new().route("/", get(|| async { "Hello, World!" })));
    Ok(serve(app, TcpListener::bind("127.0.0.1:8000").await?, std::future::pending()).await?)
}
