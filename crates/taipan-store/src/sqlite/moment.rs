//! Whether anything was committed since a read began, seen without a lock.
//!
//! In WAL mode every commit, of whatever program, changes the header of the log's index, which lies in memory that all
//! programs share (SQLite's "WAL-mode File Format", section 2.1). While it is unchanged, a transaction that reads sees
//! the newest state, and ending it only to begin it again would be two locks for nothing.

use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rusqlite::{Connection, Result, ffi};

/// The words of the header: version, counter of changes, size of the log, checksums, salts.
const WORDS: usize = 12;
/// The size in which SQLite maps the index, of which the header is the start.
const REGION: c_int = 32 << 10;

/// The head of the index to a connection's log.
pub(super) struct Header(NonNull<[AtomicU32; WORDS]>);

/// What the index said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment([u32; WORDS]);

#[expect(unsafe_code, reason = "the memory is shared by design, is only read, and each word atomically")]
// SAFETY: a `Header` lies beside its connection, which moves between threads with it.
unsafe impl Send for Header {}

impl Header {
    /// The header of the log of a connection that has read; none where it keeps no log that others can see.
    ///
    /// It must not outlive the connection.
    pub(super) fn of(connection: &Connection) -> Result<Option<Self>> {
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok(if mode == "wal" { shared_index(connection).map(Header) } else { None })
    }

    /// What the index says, after all that this thread has read before and before all that it reads from now on.
    #[expect(unsafe_code, reason = "see the proof")]
    pub(super) fn moment(&self) -> Moment {
        fence(Ordering::Acquire);
        // SAFETY: SQLite keeps the mapping until the connection is closed or leaves WAL mode, which no reader here does;
        // it is aligned to a page and longer than the header. Other threads and programs write to it meanwhile, so each
        // word is read atomically; a header half old and half new is unlike any that was whole, for its checksum.
        let words = unsafe { self.0.as_ref() };
        let moment = Moment(words.each_ref().map(|word| word.load(Ordering::Relaxed)));
        fence(Ordering::Acquire);
        moment
    }
}

/// The memory shared by all who read the log.
#[expect(unsafe_code, reason = "SQLite offers the mapping through its file methods only")]
fn shared_index(connection: &Connection) -> Option<NonNull<[AtomicU32; WORDS]>> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    let mut index: *mut c_void = ptr::null_mut();
    // SAFETY: the handle is open and used by this thread alone. SQLite fills in its file object, which lives as long as
    // the connection; its methods are either absent or functions of these signatures. The connection is in WAL mode and
    // has read, so its index is mapped already, and asking for the first region only tells where.
    unsafe {
        let found = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        );
        if found != ffi::SQLITE_OK || file.is_null() || (*file).pMethods.is_null() {
            return None;
        }
        let methods = &*(*file).pMethods;
        if methods.iVersion < 2 {
            return None;
        }
        let map = methods.xShmMap?;
        if map(file, 0, REGION, 0, (&raw mut index).cast()) != ffi::SQLITE_OK {
            return None;
        }
    }
    NonNull::new(index.cast())
}
