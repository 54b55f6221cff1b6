//! A folder of static files. Each is served under its own name, and under one with a hash of its content, which browsers
//! keep for ever; where `app.css.br`, `.zst` or `.gz` lies beside `app.css`, clients that take it get that.
//!
//! Only what was found in the folder is served: a request's path is looked up, never joined to a folder.

use crate::asset::{content_type, hash};
use crate::{Error, Problem, Result, blocking};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The encodings that may lie beside a file, best first.
const ENCODINGS: [(&str, &str); 3] = [("br", "br"), ("zst", "zstd"), ("gz", "gzip")];
/// The files that a folder may hold.
const MOST_FILES: usize = 20_000;

/// Static files.
#[derive(Debug, Clone)]
pub struct Folder {
    prefix: Arc<str>,
    root: Arc<Path>,
    found: Arc<Found>,
    is_live: bool,
}

#[derive(Debug, Default)]
struct Found {
    /// By path below the folder.
    files: BTreeMap<String, File>,
    /// From hashed names to paths.
    hashed: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    hashed: String,
    etag: String,
    encoded: Vec<(&'static str, PathBuf)>,
}

impl Folder {
    /// The files of a folder, to be served under a prefix such as `/static`. Links and hidden files are left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(prefix: &str, root: impl AsRef<Path>) -> Result<Self> {
        let root: Arc<Path> = root.as_ref().into();
        let found = Arc::new(find(&root)?);
        Ok(Self { prefix: prefix.trim_end_matches('/').into(), root, found, is_live: false })
    }

    /// Where the files are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks at the files anew at each request: for development.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.is_live = true;
        self
    }

    /// The address of a file, which changes with its content; none for a file that is not there.
    pub fn url(&self, name: &str) -> Option<String> {
        let file = self.found.files.get(name)?;
        let name = if self.is_live { name } else { &file.hashed };
        Some(format!("{}/{}", self.prefix, encoded(name)))
    }

    /// The routes that serve it.
    pub fn routes(&self) -> Router {
        let folder = self.clone();
        let answer = move |uri: Uri, headers: HeaderMap| {
            let folder = folder.clone();
            async move { folder.answer(uri.path(), &headers).await }
        };
        Router::new().route(&format!("{}/{{*path}}", self.prefix), get(answer))
    }

    async fn answer(&self, path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
        let missing = || Problem::not_found("There is no such file.");
        let path = path.strip_prefix(&format!("{}/", self.prefix)).ok_or_else(missing)?;
        let name = decoded(path).ok_or_else(missing)?;
        let found = if self.is_live {
            let root = Arc::clone(&self.root);
            Arc::new(blocking(move || find(&root)).await??)
        } else {
            Arc::clone(&self.found)
        };
        let (plain, is_hashed) = match found.hashed.get(&name) {
            Some(plain) => (plain, true),
            None => (&name, false),
        };
        let file = found.files.get(plain).cloned().ok_or_else(missing)?;
        let kind = content_type(plain);
        file.answer(headers, kind, is_hashed).await
    }
}

impl File {
    async fn answer(self, headers: &HeaderMap, kind: &'static str, is_hashed: bool) -> Result<Response, Problem> {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let known = text(header::IF_NONE_MATCH).split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        let is_known = known.into_iter().any(|tag| tag == self.etag || tag == "*");
        let takes = |name: &str| {
            text(header::ACCEPT_ENCODING).split(',').any(|part| {
                let mut words = part.split(';').map(str::trim);
                words.next() == Some(name) && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        };
        let encoded = self.encoded.iter().find(|(name, _)| takes(name));
        let mut response = if is_known {
            axum::http::StatusCode::NOT_MODIFIED.into_response()
        } else {
            let path = encoded.map_or(&self.path, |(_, path)| path).clone();
            let bytes = blocking(move || fs::read(path)).await?.map_err(Problem::internal)?;
            let mut response = Response::new(Body::from(bytes));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            if let Some((name, _)) = encoded {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            response
        };
        let cache = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::try_from(self.etag) {
            headers.insert(header::ETAG, etag);
        }
        Ok(response)
    }
}

fn find(root: &Path) -> Result<Found> {
    let failed =
        |path: &Path, error: std::io::Error| Error::system(&format!("static files in {}", path.display()), error);
    let mut found = Found::default();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
            let entry = entry.map_err(|error| failed(&folder, error))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(|error| failed(&folder, error))?;
            let below = format!("{prefix}{name}");
            if name.starts_with('.') || kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
                folders.push((entry.path(), format!("{below}/")));
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).map_err(|error| failed(&entry.path(), error))?;
                let hash = format!("{:016x}", hash(&bytes));
                let hashed = match below.rsplit_once('.') {
                    Some((stem, extension)) if !extension.contains('/') => format!("{stem}.{hash}.{extension}"),
                    _ => format!("{below}.{hash}"),
                };
                found.hashed.insert(hashed.clone(), below.clone());
                let etag = format!("\"{hash}\"");
                found.files.insert(below, File { path: entry.path(), hashed, etag, encoded: Vec::new() });
            }
            if found.files.len() > MOST_FILES {
                return Err(Error::system("static files", format!("more than {MOST_FILES} in {}", root.display())));
            }
        }
    }
    let names: Vec<String> = found.files.keys().cloned().collect();
    for name in names {
        for (extension, encoding) in ENCODINGS {
            let beside = found.files.get(&format!("{name}.{extension}")).map(|file| file.path.clone());
            if let (Some(path), Some(file)) = (beside, found.files.get_mut(&name)) {
                file.encoded.push((encoding, path));
            }
        }
    }
    Ok(found)
}

fn encoded(path: &str) -> String {
    path.split('/').map(crate::format::url_part).collect::<Vec<_>>().join("/")
}

fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let code = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}
