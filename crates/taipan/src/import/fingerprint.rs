//! What decides whether a file must be read again: which file, how, its size and times, else its content.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::ImportOptions;
use crate::error::{Error, Result};

/// A file of fewer bytes is hashed before it is read.
const HASHED_AT_ONCE: u64 = 1 << 20;

/// An input and how it is read, without a look at its content.
pub(super) struct Fingerprint {
    options: String,
    /// The file, or the URL.
    pub(super) file: String,
    stamp: String,
    /// A file can be read again, and told to be the same; a stream cannot.
    pub(super) is_file: bool,
}

/// What a table's record says of the input that it came from last.
pub(super) struct Recorded<'a> {
    options: &'a str,
    pub(super) file: &'a str,
    stamp: &'a str,
    content: &'a str,
    /// What tells this table from an earlier one of its name.
    pub(super) generation: &'a str,
    /// How many inputs its rows came from.
    pub(super) inputs: u64,
}

impl Fingerprint {
    pub(super) fn of(path: &Path, options: &ImportOptions) -> Result<Self> {
        let keys = format!("{:?} {:?} {:?}", options.primary_key, options.indexes, options.reading_key());
        let options = short_hash(keys.as_bytes());
        if path == Path::new("-") {
            return Ok(Self { options, file: unique(), stamp: String::from("-"), is_file: false });
        }
        if path.to_str().is_some_and(taipan_io::is_url) {
            let file = short_hash(path.as_os_str().as_encoded_bytes());
            return Ok(Self { options, file, stamp: String::from("-"), is_file: false });
        }
        let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        let whole = path.canonicalize().map_err(|error| Error::io(path, error))?;
        let file = short_hash(whole.as_os_str().as_encoded_bytes());
        Ok(Self { options, file, stamp: stamp(&metadata), is_file: metadata.is_file() })
    }

    /// The record of a table made of this input, whose content is hashed from now on.
    pub(super) fn with_content(&self, path: &Path) -> Result<Content> {
        let head = format!("{} {} {}", self.options, self.file, self.stamp);
        let (path, stamp) = (path.to_owned(), self.stamp.clone());
        let hash = if !self.is_file {
            Hash::Known(unique())
        } else if fs::metadata(&path).is_ok_and(|file| file.len() < HASHED_AT_ONCE) {
            Hash::Known(content_hash(&path)?)
        } else {
            let of = path.clone();
            let thread = thread::Builder::new().name("taipan-hash".to_owned()).spawn(move || content_hash(&of));
            Hash::Coming(thread.map_err(|error| Error::io(&path, error))?)
        };
        Ok(Content { head, path, stamp, hash: Mutex::new(Some(hash)), text: OnceLock::new() })
    }

    /// Whether what was recorded is this input, read in the same way.
    pub(super) fn matches(&self, before: &Recorded<'_>, path: &Path) -> Result<bool> {
        if !self.is_file || before.options != self.options {
            return Ok(false);
        }
        let untouched = before.file == self.file && before.stamp == self.stamp;
        Ok(untouched || before.content == content_hash(path)?)
    }
}

/// The record of a table, as soon as its input's content is hashed.
pub(super) struct Content {
    /// All but the hash.
    head: String,
    path: PathBuf,
    stamp: String,
    hash: Mutex<Option<Hash>>,
    text: OnceLock<String>,
}

enum Hash {
    Known(String),
    /// Files are hashed while they are read, which takes a core as long as a good part of the reading.
    Coming(JoinHandle<Result<String>>),
}

impl Content {
    /// The record; waits for the hash. Of a file that changed until then nobody knows which content was read: it gets a
    /// word that no content has, so that the next import reads it again.
    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let hash = match self.hash.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(Hash::Known(hash)) => Some(hash),
                Some(Hash::Coming(thread)) => {
                    let hash = thread.join().ok().and_then(Result::ok);
                    let is_same = fs::metadata(&self.path).is_ok_and(|now| stamp(&now) == self.stamp);
                    hash.filter(|_| is_same)
                }
                None => None,
            };
            format!("{} {}", self.head, hash.unwrap_or_else(unique))
        })
    }
}

impl<'a> Recorded<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut parts = text.split(' ');
        let mut next = || parts.next().unwrap_or_default();
        let (options, file, stamp, content, generation) = (next(), next(), next(), next(), next());
        let inputs = next().parse().unwrap_or(1);
        Self { options, file, stamp, content, generation, inputs }
    }
}

/// A word that no other call gives.
pub(super) fn unique() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    short_hash(format!("{time} {} {call}", std::process::id()).as_bytes())
}

/// Size and times. The time of the last change to the file's entry cannot be set back, as that of its content can.
fn stamp(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_nanos());
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        format!("{}.{}", metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let changed = "";
    format!("{}-{modified}-{changed}", metadata.len())
}

fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

/// SHA-256 of a file's bytes, in hexadecimal.
fn content_hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(|error| Error::io(path, error))? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
