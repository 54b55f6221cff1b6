//! A stream that can be read only once, made readable again: what was read of it is kept.
//!
//! The first 16 MiB stay in memory, the rest goes, compressed, to a temporary file without a name, which the system
//! takes back however the process ends. Whoever will read only once [says so](Spool::forget), and nothing is kept.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::ErrorKind;

/// A stream is kept in pieces of this size.
const PIECE: usize = 1 << 20;

/// How much is kept in memory.
const MEMORY: usize = 16 << 20;

/// Zstd's fastest ordinary level: the disk, not the processor, should be what spooling waits for.
const LEVEL: i32 = 1;

/// A stream and what was read of it.
pub(crate) struct Spool(Mutex<State>);

struct State {
    live: Live,
    /// The pieces read so far, but for those forgotten.
    pieces: VecDeque<Piece>,
    /// The number of the first piece that is not forgotten.
    first: usize,
    keep: bool,
    in_memory: usize,
    file: Option<File>,
    file_end: u64,
}

enum Live {
    Stream(Box<dyn Read + Send>),
    Ended,
    Broken(io::ErrorKind, Option<ErrorKind>, String),
}

enum Piece {
    Memory(Arc<[u8]>),
    Disk { offset: u64, stored: usize, length: usize },
}

/// Reads a [`Spool`] from its beginning.
pub(crate) struct SpoolReader {
    spool: Arc<Spool>,
    next: usize,
    piece: Arc<[u8]>,
    at: usize,
}

impl Spool {
    pub(crate) fn new(stream: impl Read + Send + 'static) -> Self {
        Self(Mutex::new(State {
            live: Live::Stream(Box::new(stream)),
            pieces: VecDeque::new(),
            first: 0,
            keep: true,
            in_memory: 0,
            file: None,
            file_end: 0,
        }))
    }

    /// A reader of everything, first what was read already. Several may read at once.
    pub(crate) fn reader(self: &Arc<Self>) -> SpoolReader {
        SpoolReader { spool: self.clone(), next: 0, piece: Arc::from([]), at: 0 }
    }

    /// Keeps nothing from now on: the next reader will be the last one that can begin.
    pub(crate) fn forget(&self) {
        self.state().keep = false;
    }

    fn piece(&self, number: usize) -> io::Result<Option<Arc<[u8]>>> {
        let mut state = self.state();
        let Some(index) = number.checked_sub(state.first) else { return Err(ErrorKind::ReadOnce.into()) };
        if index < state.pieces.len() {
            let piece = state.read(index)?;
            if !state.keep {
                state.pieces.drain(..=index);
                state.first = number + 1;
            }
            return Ok(Some(piece));
        }
        let Some(piece) = state.take()? else { return Ok(None) };
        if state.keep {
            if let Err(error) = state.store(&piece) {
                // This piece is lost, so nothing behind it may be taken for what follows.
                state.live = Live::Broken(error.kind(), None, error.to_string());
                return Err(error);
            }
        } else {
            state.first = number + 1;
        }
        Ok(Some(piece))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next piece of the stream; nothing at its end.
    fn take(&mut self) -> io::Result<Option<Arc<[u8]>>> {
        let stream = match &mut self.live {
            Live::Stream(stream) => stream,
            Live::Ended => return Ok(None),
            // The same for every reader, or a second one would take the break for the end.
            Live::Broken(kind, None, message) => return Err(io::Error::new(*kind, message.clone())),
            Live::Broken(_, Some(kind), _) => return Err(kind.clone().into()),
        };
        let mut piece = vec![0; PIECE];
        let mut filled = 0;
        while let Some(rest) = piece.get_mut(filled..)
            && !rest.is_empty()
        {
            match stream.read(rest) {
                Ok(0) => {
                    self.live = Live::Ended;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let own = error.get_ref().and_then(|inner| inner.downcast_ref::<ErrorKind>());
                    self.live = Live::Broken(error.kind(), own.cloned(), error.to_string());
                    if filled == 0 {
                        return Err(error);
                    }
                    break;
                }
            }
        }
        piece.truncate(filled);
        Ok((filled > 0).then(|| Arc::from(piece)))
    }

    fn store(&mut self, piece: &Arc<[u8]>) -> io::Result<()> {
        if self.in_memory + piece.len() <= MEMORY {
            self.in_memory += piece.len();
            self.pieces.push_back(Piece::Memory(piece.clone()));
            return Ok(());
        }
        let stored = zstd::bulk::compress(piece, LEVEL)?;
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile().map_err(no_copy)?);
        }
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(self.file_end)).and_then(|_| file.write_all(&stored)).map_err(no_copy)?;
        }
        self.pieces.push_back(Piece::Disk { offset: self.file_end, stored: stored.len(), length: piece.len() });
        self.file_end += stored.len() as u64;
        Ok(())
    }

    fn read(&mut self, index: usize) -> io::Result<Arc<[u8]>> {
        match (self.pieces.get(index), &mut self.file) {
            (Some(Piece::Memory(piece)), _) => Ok(piece.clone()),
            (Some(Piece::Disk { offset, stored, length }), Some(file)) => {
                let mut bytes = vec![0; *stored];
                file.seek(SeekFrom::Start(*offset))?;
                file.read_exact(&mut bytes)?;
                Ok(Arc::from(zstd::bulk::decompress(&bytes, *length)?))
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            let Some(piece) = self.spool.piece(self.next)? else { return Ok(0) };
            (self.piece, self.at) = (piece, 0);
            self.next += 1;
        }
        let read = self.piece.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").finish_non_exhaustive()
    }
}

/// The stream is not at fault if its copy has no room.
fn no_copy(error: io::Error) -> io::Error {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or_default();
    let folder = std::env::temp_dir();
    io::Error::new(
        error.kind(),
        format!("no copy of the stream can be kept in `{}` for a second reading: {reason}", folder.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many bytes, no two megabytes of them alike, then an end or a failure.
    struct Bytes {
        at: usize,
        end: usize,
        fails: bool,
    }

    impl Read for Bytes {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.at == self.end && self.fails {
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset by the test"));
            }
            let count = buffer.len().min(self.end - self.at).min(70_001);
            for byte in &mut buffer[..count] {
                *byte = byte_at(self.at);
                self.at += 1;
            }
            Ok(count)
        }
    }

    fn byte_at(at: usize) -> u8 {
        (at ^ (at >> 8) ^ (at >> 20)) as u8
    }

    fn check(reader: &mut SpoolReader, length: usize) {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), length);
        assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == byte_at(at)));
    }

    #[test]
    fn streams_are_read_again() {
        for length in [0, 1, PIECE, PIECE + 1, MEMORY + 3 * PIECE + 5] {
            let spool = Arc::new(Spool::new(Bytes { at: 0, end: length, fails: false }));
            // One reader begins, a second overtakes it, a third comes late.
            let mut first = spool.reader();
            let mut head = vec![0; length / 2];
            first.read_exact(&mut head).unwrap();
            check(&mut spool.reader(), length);
            let mut tail = Vec::new();
            first.read_to_end(&mut tail).unwrap();
            assert_eq!(tail.len(), length - length / 2);
            check(&mut spool.reader(), length);
        }
    }

    #[test]
    fn what_is_forgotten_is_not_read_twice() {
        let length = 3 * PIECE + 5;
        let spool = Arc::new(Spool::new(Bytes { at: 0, end: length, fails: false }));
        let mut sample = vec![0; PIECE + 7];
        spool.reader().read_exact(&mut sample).unwrap();
        spool.forget();
        check(&mut spool.reader(), length);
        assert!(spool.state().pieces.is_empty());
        let error = spool.reader().read(&mut sample).unwrap_err();
        assert_eq!(error.to_string(), "can be read only once");
    }

    #[test]
    fn a_break_is_no_end_for_any_reader() {
        let spool = Arc::new(Spool::new(Bytes { at: 0, end: PIECE + 9, fails: true }));
        for _ in 0..2 {
            let mut bytes = Vec::new();
            let error = spool.reader().read_to_end(&mut bytes).unwrap_err();
            assert_eq!(bytes.len(), PIECE + 9);
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::ConnectionReset, "reset by the test")
            );
        }
    }
}
