//! A file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::{ContextManager, Exit};

/// A file being written. It takes its name when it is [committed](Self::commit); dropped before, it is gone.
///
/// Until then it is a temporary file in the same folder, so that what stood under the name is read unharmed.
#[derive(Debug)]
pub struct ManagedFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

/// A [`ManagedFile`] as a scope: committed when the work returns, gone when it fails, panics or is cancelled.
///
/// ```
/// use std::io::Write;
/// use taipan_runtime::scope::{ContextManager, managed_file};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("test.txt");
/// managed_file(&path).with(|file| write!(file, "Hello, World!"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "Hello, World!");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn managed_file(path: impl Into<PathBuf>) -> impl ContextManager<Value = ManagedFile, Error = io::Error> {
    ManagedPath(path.into())
}

struct ManagedPath(PathBuf);

impl ContextManager for ManagedPath {
    type Value = ManagedFile;
    type Error = io::Error;

    fn enter(&mut self) -> io::Result<ManagedFile> {
        ManagedFile::create(&self.0)
    }

    fn exit(self, file: ManagedFile, exit: Exit<'_, io::Error>) -> io::Result<()> {
        if exit.is_success() { file.commit() } else { Ok(()) }
    }
}

impl ManagedFile {
    /// Begins a file that will be at `path`.
    ///
    /// Errors name the path: its folder is not there or may not be written to, or it is a folder itself.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if path.is_dir() {
            return Err(at(&path, io::ErrorKind::IsADirectory.into()));
        }
        let mut builder = Builder::new();
        builder.prefix(".").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What a plain file would have had: the mode it had before, else what the umask leaves of this one.
            let known = fs::metadata(&path).map(|known| known.permissions());
            builder.permissions(known.unwrap_or_else(|_| fs::Permissions::from_mode(0o666)));
        }
        let file = builder.tempfile_in(folder(&path)).map_err(|error| at(&path, error))?;
        Ok(Self { writer: BufWriter::new(file), path })
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes and syncs the file, and gives it its name.
    ///
    /// Errors: those of the system, by path; the file is gone then.
    pub fn commit(self) -> io::Result<()> {
        let Self { writer, path } = self;
        let place = |error| at(&path, error);
        let file = writer.into_inner().map_err(|error| place(error.into_error()))?;
        file.as_file().sync_all().map_err(place)?;
        file.persist(&path).map_err(|error| place(error.error))?;
        // A rename is lasting once its folder is. Systems that cannot sync folders see to it themselves.
        #[cfg(unix)]
        File::open(folder(&path)).and_then(|folder| folder.sync_all()).map_err(place)?;
        Ok(())
    }
}

impl Write for ManagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let text = || fs::read_to_string(&path).ok();

        let failed = managed_file(&path).with(|file| {
            write!(file, "half")?;
            Err::<(), _>(io::Error::other("lost"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "lost");
        assert_eq!(names(folder.path()), Vec::<String>::new());

        managed_file(&path).with(|file| write!(file, "one")).unwrap();
        assert_eq!(text().as_deref(), Some("one"));

        let panicked = catch_unwind(AssertUnwindSafe(|| {
            managed_file(&path).with(|file| {
                write!(file, "two").unwrap();
                assert!(!file.path().exists(), "lost");
                Ok(())
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(text().as_deref(), Some("one"));
        assert_eq!(names(folder.path()), ["a.txt"]);

        managed_file(&path).with(|file| write!(file, "three")).unwrap();
        assert_eq!(text().as_deref(), Some("three"));
    }

    #[test]
    fn errors_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/a.txt");
        let error = managed_file(&missing).with(|_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with(&missing.display().to_string()), "{error}");
        let error = managed_file(folder.path()).with(|_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_of_a_replaced_file_is_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sh");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        managed_file(&path).with(|file| write!(file, "new")).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o700, 0o700, "{mode:o}");
    }
}
