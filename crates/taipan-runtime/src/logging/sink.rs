//! Where lines end up: the console, a file that rotates, the network, any writer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::format::write_time;
use super::outbox::{Sink, Unwritten};

/// How long the network may take before it counts as blocked.
const NETWORK: Duration = Duration::from_secs(5);

/// Any writer, flushed after each batch.
pub(super) struct Plain<W>(pub(super) W);

impl<W: Write + Send> Sink for Plain<W> {
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Unwritten> {
        // One that fails midway may leave half a line, which cannot be taken back; so the line is not sent twice.
        let mut written = 0;
        while written < bytes.len() {
            match self.0.write(bytes.get(written..).unwrap_or_default()) {
                Ok(0) => return Err(unwritten(ends, written, io::ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unwritten(ends, written, error)),
            }
        }
        self.0.flush().map_err(|error| Unwritten { records: ends.len(), error })
    }
}

/// The records that begin before `written`.
fn unwritten(ends: &[usize], written: usize, error: io::Error) -> Unwritten {
    let whole = ends.partition_point(|end| *end <= written);
    let begun = usize::from(
        ends.get(whole).is_some()
            && whole.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0) < written,
    );
    Unwritten { records: whole + begun, error }
}

/// When a file is put aside and a new one begun.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rotation {
    /// Before it grows beyond so many bytes.
    pub(super) max_bytes: Option<u64>,
    /// When so much time has passed since 1970 once more.
    pub(super) every: Option<Duration>,
    /// How many old files are kept.
    pub(super) keep: usize,
}

/// A file that records are appended to.
pub(super) struct Rotating {
    path: PathBuf,
    file: File,
    length: u64,
    rotation: Rotation,
    /// The period that the file belongs to.
    period: u64,
}

impl Rotating {
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = append(path)?;
        let known = file.metadata()?;
        // A file that was there belongs to the period it was last written in.
        let since = if known.len() > 0 { known.modified().unwrap_or(UNIX_EPOCH) } else { SystemTime::now() };
        let period = period(since, rotation.every);
        Ok(Self { path: path.to_owned(), file, length: known.len(), rotation, period })
    }

    /// Puts the file aside: by size `a.log` becomes `a.log.1` and that `a.log.2`, by time it gets the time's name.
    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let keep = self.rotation.keep;
        if keep == 0 {
            self.file.set_len(0)?;
        } else if self.rotation.every.is_some() {
            fs::rename(&self.path, self.free_name(now))?;
            let mut old = self.put_aside()?;
            old.sort();
            let surplus = old.len().saturating_sub(keep);
            for path in old.into_iter().take(surplus) {
                fs::remove_file(path)?;
            }
        } else {
            for number in (1..keep).rev() {
                match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&self.path, self.numbered(1))?;
        }
        self.file = append(&self.path)?;
        self.length = 0;
        self.period = period(now, self.rotation.every);
        Ok(())
    }

    fn numbered(&self, number: usize) -> PathBuf {
        self.with_suffix(&number.to_string())
    }

    fn with_suffix(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(suffix);
        name.into()
    }

    /// A name by time that is not taken.
    fn free_name(&self, now: SystemTime) -> PathBuf {
        let mut time = String::new();
        write_time(now, &mut time);
        let time = time.replace(':', "-");
        (0..1000)
            .map(|number| self.with_suffix(&if number == 0 { time.clone() } else { format!("{time}.{number:03}") }))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.with_suffix(&time))
    }

    /// The files that were put aside by time.
    fn put_aside(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let other = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let time = other.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.'));
            if time.is_some_and(|time| time.len() >= 27 && time.as_bytes().get(10) == Some(&b'T')) {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Writes records that belong together; on failure none of the half that was written is left.
    fn append(&mut self, bytes: &[u8], ends: &[usize], base: usize) -> Result<(), Unwritten> {
        let mut written = 0;
        while written < bytes.len() {
            match self.file.write(bytes.get(written..).unwrap_or_default()) {
                Ok(more) if more > 0 => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                failed => {
                    let error = failed.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    let records = ends.partition_point(|end| end - base <= written);
                    let whole = records.checked_sub(1).and_then(|last| ends.get(last)).map_or(0, |end| end - base);
                    self.length += whole as u64;
                    // A device that is no file has nothing to take back.
                    let _ = self.file.set_len(self.length);
                    return Err(Unwritten { records, error });
                }
            }
        }
        self.length += written as u64;
        Ok(())
    }
}

impl Sink for Rotating {
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Unwritten> {
        let (mut first, mut base) = (0, 0);
        while first < ends.len() {
            let fault = |error| Unwritten { records: first, error };
            let now = SystemTime::now();
            let fits =
                |end: usize| self.rotation.max_bytes.is_none_or(|most| self.length + (end - base) as u64 <= most);
            let over =
                !fits(ends.get(first).copied().unwrap_or(base)) || period(now, self.rotation.every) != self.period;
            if over && self.length > 0 {
                self.rotate(now).map_err(fault)?;
                continue;
            }
            self.period = period(now, self.rotation.every);
            // At least one: a record larger than a file may be gets a file of its own.
            let rest = ends.get(first..).unwrap_or_default();
            let count = rest.partition_point(|end| fits(*end)).max(1).min(rest.len());
            let group = rest.get(..count).unwrap_or_default();
            let end = group.last().copied().unwrap_or(base);
            self.append(bytes.get(base..end).unwrap_or_default(), group, base)
                .map_err(|unwritten| Unwritten { records: first + unwritten.records, ..unwritten })?;
            first += count;
            base = end;
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn period(time: SystemTime, every: Option<Duration>) -> u64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    every.map_or(0, |every| seconds / every.as_secs().max(1))
}

/// A TCP connection, made when it is needed and made again when it broke.
pub(super) struct Tcp {
    pub(super) address: String,
    pub(super) stream: Option<TcpStream>,
}

impl Tcp {
    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let mut last = io::Error::other(format!("{} has no address", self.address));
            for address in self.address.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, NETWORK) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(NETWORK))?;
                        self.stream = Some(stream);
                        break;
                    }
                    Err(error) => last = error,
                }
            }
            return self.stream.as_mut().ok_or(last);
        }
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Sink for Tcp {
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Unwritten> {
        let mut written = 0;
        while written < bytes.len() {
            let rest = bytes.get(written..).unwrap_or_default();
            match self.stream().and_then(|stream| stream.write(rest)) {
                Ok(more) if more > 0 => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                failed => {
                    // The rest of a line that was begun must not come over a new connection: it is sent whole again,
                    // and the receiver drops the half that no line break ended.
                    self.stream = None;
                    let error = failed.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    return Err(Unwritten { records: ends.partition_point(|end| *end <= written), error });
                }
            }
        }
        Ok(())
    }
}

/// One datagram for each record; whether it arrives nobody knows.
pub(super) struct Udp {
    pub(super) address: String,
    pub(super) socket: Option<UdpSocket>,
}

impl Udp {
    fn send(&mut self, record: &[u8]) -> io::Result<()> {
        let socket = if let Some(socket) = self.socket.take() {
            socket
        } else {
            let address = self.address.to_socket_addrs()?.next();
            let address = address.ok_or_else(|| io::Error::other(format!("{} has no address", self.address)))?;
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
            socket.connect(address)?;
            socket
        };
        match socket.send(record) {
            // Nobody listens: for datagrams that is no failure.
            Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => return Err(error),
            _ => self.socket = Some(socket),
        }
        Ok(())
    }
}

impl Sink for Udp {
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Unwritten> {
        let mut start = 0;
        for (records, end) in ends.iter().enumerate() {
            let record = bytes.get(start..*end).unwrap_or_default();
            self.send(record).map_err(|error| Unwritten { records, error })?;
            start = *end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: &[&str]) -> (Vec<u8>, Vec<usize>) {
        let bytes = records.concat().into_bytes();
        let ends = records.iter().scan(0, |end, record| {
            *end += record.len();
            Some(*end)
        });
        (bytes, ends.collect())
    }

    #[test]
    fn files_rotate_between_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let rotation = Rotation { max_bytes: Some(10), keep: 2, ..Rotation::default() };
        let mut file = Rotating::open(&path, rotation).unwrap();
        let (bytes, ends) = batch(&["aaaa\n", "bbbb\n", "cccc\n", "dd\n", "longer than a file\n", "e\n", "f\n"]);
        file.write(&bytes, &ends).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("a.log").as_deref(), Some("e\nf\n"));
        assert_eq!(read("a.log.1").as_deref(), Some("longer than a file\n"));
        assert_eq!(read("a.log.2").as_deref(), Some("cccc\ndd\n"));
        assert_eq!(read("a.log.3"), None);

        // Opened again, it goes on.
        let mut file = Rotating::open(&path, rotation).unwrap();
        let (bytes, ends) = batch(&["g\n", "hhhhh\n"]);
        file.write(&bytes, &ends).unwrap();
        assert_eq!(read("a.log").as_deref(), Some("hhhhh\n"));
        assert_eq!(read("a.log.1").as_deref(), Some("e\nf\ng\n"));
    }

    #[test]
    fn files_rotate_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let rotation = Rotation { every: Some(Duration::from_hours(24)), keep: 2, ..Rotation::default() };
        let mut file = Rotating::open(&path, rotation).unwrap();
        for text in ["one\n", "two\n", "three\n", "four\n"] {
            let (bytes, ends) = batch(&[text]);
            file.write(&bytes, &ends).unwrap();
            // As if it had been written the day before.
            file.period -= 1;
        }
        let mut old: Vec<_> = file.put_aside().unwrap();
        old.sort();
        let texts: Vec<_> = old.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, ["two\n", "three\n"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let mut file = Rotating::open(Path::new("/dev/full"), Rotation::default()).unwrap();
        let (bytes, ends) = batch(&["one\n", "two\n"]);
        let unwritten = file.write(&bytes, &ends).unwrap_err();
        assert_eq!((unwritten.records, unwritten.error.kind()), (0, io::ErrorKind::StorageFull));
    }
}
