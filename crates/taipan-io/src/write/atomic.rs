//! A file that appears under its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tempfile::NamedTempFile;

use super::packed::Packer;
use crate::error::{Error, ErrorKind, Result};

/// A file under construction beside its target, in the same folder: [`commit`](Self::commit) puts it in the target's
/// place, dropping it leaves the target as it was and removes what was written.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    target: PathBuf,
    packer: Option<Box<Packer>>,
    /// Bytes written since the disk was last told of them.
    fresh: usize,
    flusher: Option<Flusher>,
}

/// So many bytes are handed to the disk at a time, while more are made: what is left in the end does not take long.
const STRETCH: usize = 8 << 20;

/// A thread that waits for the disk.
#[derive(Debug)]
struct Flusher {
    stretches: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flusher {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (stretches, receiver) = sync_channel(1);
        let thread = thread::Builder::new().name("flush".to_owned()).spawn(move || {
            // An error of the disk is told once, to whoever asks first.
            receiver.iter().try_for_each(|()| file.sync_data())
        })?;
        Ok(Self { stretches, thread })
    }

    fn finish(self) -> io::Result<()> {
        drop(self.stretches);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes to the disk has failed")))
    }
}

impl AtomicFile {
    /// Begins a file that is to stand at `path`; a symbolic link there is followed.
    ///
    /// # Errors
    /// [`ErrorKind::IsDirectory`] or [`ErrorKind::Io`] if no file can be made there.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() {
            return Err(Error::of_path(ErrorKind::IsDirectory, path));
        }
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any new file: the system takes away what the umask says.
            let mode = fs::metadata(&target).map_or(0o666, |metadata| metadata.permissions().mode());
            builder.permissions(fs::Permissions::from_mode(mode));
        }
        let file = builder.tempfile_in(folder(&target)).map_err(|error| refused(&error, path))?;
        Ok(Self { file, target, packer: None, fresh: 0, flusher: None })
    }

    /// The same for a file whose content is compressed if its name ends in `.gz` or `.zst`.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`ErrorKind::InvalidOption`] for another compression's ending, `.bz2` or `.xz`.
    pub fn packed(path: impl AsRef<Path>) -> Result<Self> {
        let packer = Packer::of_path(path.as_ref())?.map(Box::new);
        Ok(Self { packer, ..Self::create(path)? })
    }

    /// Puts the file in the target's place, once all of it is on the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; the target is as it was.
    pub fn commit(mut self) -> Result<()> {
        if let Some(packer) = self.packer.take() {
            packer
                .finish()
                .and_then(|rest| self.write_all(&rest))
                .map_err(|error| Error::of_io(error, &self.target))?;
        }
        let Self { file, target, flusher, .. } = self;
        let of_io = |error| Error::of_io(error, &target);
        flusher.map_or(Ok(()), Flusher::finish).map_err(of_io)?;
        file.as_file().sync_all().map_err(of_io)?;
        file.persist(&target).map_err(|error| of_io(error.error))?;
        // The name is on the disk when its folder is; not every system can sync one.
        let _ = File::open(folder(&target)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(mut packer) = self.packer.take() {
            let packed = std::mem::take(packer.pack(bytes)?);
            self.write_all(&packed)?;
            self.packer = Some(packer);
            return Ok(bytes.len());
        }
        let written = self.file.write(bytes).map_err(|error| Error::of_io(error, &self.target))?;
        self.fresh += written;
        if self.fresh >= STRETCH {
            self.fresh = 0;
            if self.flusher.is_none() {
                // Without a thread for it, all is done in the end.
                self.flusher = Flusher::start(self.file.as_file()).ok();
            }
            if let Some(flusher) = &self.flusher {
                // One stretch more goes with those it is already busy with.
                let _ = flusher.stretches.try_send(());
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The system's error, without the temporary name that was tried.
fn refused(error: &io::Error, path: &Path) -> Error {
    let error = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => io::Error::other("no such folder"),
        (_, Some(code)) => io::Error::from_raw_os_error(code),
        (kind, None) => io::Error::from(kind),
    };
    Error::of_io(error, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(file);
        assert!(names(folder.path()).is_empty());

        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn long_files_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.csv");
        let mut file = AtomicFile::create(&target).unwrap();
        let piece = vec![b'a'; STRETCH / 2 + 1];
        for _ in 0..5 {
            file.write_all(&piece).unwrap();
        }
        assert!(!target.exists());
        file.commit().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().len(), 5 * piece.len() as u64);
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&real, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_missing_folder_is_named_by_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("no/out.csv");
        let error = AtomicFile::create(&target).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: no such folder", target.display()));
    }
}
