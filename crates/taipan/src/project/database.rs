//! The database by its address: one that must be there, or one made for an import and taken away again if nothing came of it.

use std::path::{Path, PathBuf};

use taipan_store::Store;

use crate::error::{Error, Result};

/// Opens a database that must be there already, for reading what it holds.
///
/// Errors: [`ErrorKind::Io`](crate::ErrorKind::Io) when there is no such file, else those of [`Store::open`].
pub fn open_database(url: &str) -> Result<Store> {
    match file_of(url) {
        Some(path) if !path.exists() => Err(Error::io(path, std::io::ErrorKind::NotFound.into())),
        _ => Ok(Store::open(url)?),
    }
}

/// The file of a SQLite database; none for one in memory or of another kind.
fn file_of(url: &str) -> Option<&Path> {
    let path = match url.strip_prefix("sqlite:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None if url.contains("://") => return None,
        None => url,
    };
    (path != ":memory:").then_some(Path::new(path))
}

/// A database to import into. When it was made for the import and nothing came to be in it, it is taken away again.
pub struct NewStore {
    store: Store,
    made: Option<PathBuf>,
}

impl NewStore {
    /// Opens the database, making it when it is not there.
    ///
    /// Errors: those of [`Store::open`].
    pub fn open(url: &str) -> Result<Self> {
        Self::with(url, Store::open)
    }

    /// The same, for a program that is alone with it: see [`Store::open_alone`].
    ///
    /// Errors: those of [`Store::open`].
    pub fn open_alone(url: &str) -> Result<Self> {
        Self::with(url, Store::open_alone)
    }

    /// One that must be there already.
    pub(super) fn existing(url: &str) -> Result<Self> {
        Ok(Self { store: open_database(url)?, made: None })
    }

    fn with(url: &str, open: impl FnOnce(&str) -> taipan_store::Result<Store>) -> Result<Self> {
        let made = file_of(url).filter(|path| !path.exists()).map(Path::to_owned);
        Ok(Self { store: open(url)?, made })
    }

    /// The database.
    pub fn get(&self) -> &Store {
        &self.store
    }
}

impl Drop for NewStore {
    fn drop(&mut self) {
        if let Some(path) = &self.made
            && self.store.tables().is_ok_and(|tables| tables.is_empty())
        {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                let _ = std::fs::remove_file(name);
            }
        }
    }
}
