//! What `taipan serve` does, as a program: `cargo run -p taipan-server --example serve_folder -- examples/demo`.

use std::net::TcpListener;

use taipan::{Project, ProjectOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let project = Project::open(&ProjectOptions::new([folder]))?;
    project.import(|done| println!("{} {} rows", done.table, done.rows))?;
    project.train(|done| println!("{} {}", done.name, done.score))?;
    project.draw(|done| println!("{}", done.name))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    taipan_server::run(project, listener, taipan_server::Serving::new(), |ready| {
        println!("http://{address}{}", ready.setup.as_deref().unwrap_or("/"));
    })?;
    Ok(())
}
