//! Certificates are verified: against a server whose certificate the system trusts, and one that it does not. What the
//! system trusts is said by `SSL_CERT_FILE`, so each case is a process of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use taipan_io::fetch::{FetchOptions, Fetcher};

const URL: &str = "TAIPAN_TLS_URL";

/// What the other process does; without a URL it is no test.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn job() {
    let Ok(url) = std::env::var(URL) else { return };
    let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
    let fetched = fetcher.fetch([url]).next().unwrap();
    let failure = fetched.failure.map(|failure| failure.to_string()).unwrap_or_default();
    println!("answer: {:?} {} {failure}", fetched.status, fetched.bytes);
}

/// The answer that a process gets which trusts these certificates.
fn answer(url: &str, trusted: &Path) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "job", "--ignored", "--nocapture", "--quiet"]);
    let output = command.env(URL, url).env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let line = printed.lines().find_map(|line| line.split_once("answer: "));
    line.map_or(printed.clone(), |(_, answer)| answer.trim().to_owned())
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for stream in listener.incoming().flatten() {
        let config = config.clone();
        // A client that does not trust us hangs up.
        thread::spawn(move || serve_one(stream, config));
    }
}

fn serve_one(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.extend(byte);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
}

#[test]
fn certificates_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    fs::write(&ours, certified.cert.pem()).unwrap();
    fs::write(&theirs, other.cert.pem()).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || serve(&listener, &Arc::new(config)));

    let url = |host: &str| format!("https://{host}:{port}/");
    assert_eq!(answer(&url("localhost"), &ours), "Some(200) 6");
    for (host, trusted) in [("localhost", theirs), ("127.0.0.1", ours), ("localhost", folder.path().join("none.pem"))] {
        let answer = answer(&url(host), &trusted);
        assert!(answer.starts_with("None 0 no secure connection: invalid peer certificate"), "{host}: {answer}");
    }
}
