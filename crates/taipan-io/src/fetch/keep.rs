//! What becomes of the content: nothing, a body in hand, or a file in a folder.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use tempfile::{NamedTempFile, SpooledTempFile};

use super::content::Sink;

/// Bodies up to this size are kept in memory.
const IN_MEMORY: usize = 64 << 10;

/// The longest name of a file.
const LONGEST_NAME: usize = 120;

/// What becomes of the content of URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// It is counted and thrown away.
    Nothing,
    /// It comes with what was [`Fetched`](super::Fetched).
    Body,
    /// It becomes a file in this folder, named by the last part of the URL's path, and numbered where several have the
    /// same: `index.html`, `index-2.html`. A file appears when it is whole, in the place of one from an earlier run.
    Folder(PathBuf),
}

/// A content in hand: in memory, or beyond 64 KiB in a temporary file.
#[derive(Debug)]
pub struct Body(SpooledTempFile);

/// The names of files that were given away.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Their hashes: the names of millions of URLs would fill the memory.
    taken: HashSet<u64>,
    hasher: RandomState,
}

/// Where the content of one URL goes.
#[derive(Debug)]
pub(super) struct Place {
    target: Option<PathBuf>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
enum Kept {
    Nothing,
    Body(SpooledTempFile),
    /// A file is made with its first byte.
    File {
        folder: PathBuf,
        file: Option<NamedTempFile>,
    },
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Body {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Place {
    /// The place of the next URL.
    pub(super) fn new(keep: &Keep, url: &str, names: &mut Names) -> Self {
        let (kept, target) = match keep {
            Keep::Nothing => (Kept::Nothing, None),
            Keep::Body => (Kept::Body(SpooledTempFile::new(IN_MEMORY)), None),
            Keep::Folder(folder) => {
                (Kept::File { folder: folder.clone(), file: None }, Some(folder.join(names.of(url))))
            }
        };
        Self { target, kept: Arc::new(Mutex::new(kept)) }
    }

    /// What takes the content.
    pub(super) fn sink(&self) -> Box<dyn Sink> {
        Box::new(KeepSink(self.kept.clone()))
    }

    /// What was kept, now that it is whole.
    pub(super) fn finish(self) -> io::Result<(Option<Body>, Option<PathBuf>)> {
        let kept = std::mem::replace(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner), Kept::Nothing);
        match (kept, self.target) {
            (Kept::Body(mut body), _) => {
                body.rewind()?;
                Ok((Some(Body(body)), None))
            }
            (Kept::File { folder, file }, Some(target)) => {
                let file = file.map_or_else(|| temporary(&folder), Ok)?;
                file.persist(&target).map_err(|error| error.error)?;
                Ok((None, Some(target)))
            }
            _ => Ok((None, None)),
        }
    }
}

struct KeepSink(Arc<Mutex<Kept>>);

impl Sink for KeepSink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Kept::Nothing => Ok(()),
            Kept::Body(body) => body.write_all(bytes),
            Kept::File { file: Some(file), .. } => file.write_all(bytes),
            Kept::File { folder, file } => file.insert(temporary(folder)?).write_all(bytes),
        }
    }

    fn restart(&mut self) -> bool {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Kept::Nothing => true,
            Kept::Body(body) => body.set_len(0).and_then(|()| body.rewind()).is_ok(),
            Kept::File { file, .. } => {
                *file = None;
                true
            }
        }
    }
}

impl Names {
    /// The name of the next URL's file.
    fn of(&mut self, url: &str) -> String {
        let path = Url::parse(url.trim()).map_or_else(|_| String::new(), |url| url.path().to_owned());
        let last = path.rsplit('/').next().unwrap_or_default();
        let mut name: String = last
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '=' | '@' | '%') { c } else { '_' }
            })
            .take(LONGEST_NAME)
            .collect();
        if name.starts_with('.') {
            name.insert(0, '_');
        }
        if name.is_empty() {
            "index.html".clone_into(&mut name);
        }
        let (stem, extension) = match name.split_once('.') {
            Some((stem, extension)) => (stem.to_owned(), format!(".{extension}")),
            None => (name.clone(), String::new()),
        };
        let mut number = 1;
        while !self.taken.insert(self.hasher.hash_one(name.to_ascii_lowercase())) {
            number += 1;
            name = format!("{stem}-{number}{extension}");
        }
        name
    }
}

fn temporary(folder: &PathBuf) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fetch").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: the system takes away what the umask says.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let mut names = Names::default();
        let cases = [
            ("https://example.org", "index.html"),
            ("https://example.org/a/", "index-2.html"),
            ("https://example.org/data.csv.gz?x=1", "data.csv.gz"),
            ("https://example.org/data.csv.gz?x=2", "data-2.csv.gz"),
            ("https://example.org/DATA.csv.gz", "DATA-3.csv.gz"),
            ("https://example.org/page", "page"),
            ("https://example.org/page", "page-2"),
            ("https://example.org/page-2", "page-2-2"),
            ("https://example.org/.bashrc", "_.bashrc"),
            ("https://example.org/a%2F..%2Fb;c", "a%2F..%2Fb_c"),
            ("https://example.org/%C3%A9", "%C3%A9"),
            ("no url", "index-3.html"),
        ];
        for (url, expected) in cases {
            assert_eq!(names.of(url), expected, "{url}");
        }
    }
}
