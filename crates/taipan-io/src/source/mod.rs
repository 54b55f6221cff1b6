//! Where bytes come from: whatever the user names, opened, unpacked and made UTF-8.
//!
//! A [`Source`] can be read from its beginning as often as need be. A file is opened again; a stream that can be read
//! only once (standard input, a pipe, a URL) is kept in a [`Spool`]. What a plain file of UTF-8 holds is read as it
//! is; everything else goes through an `Unpacker` for each compression and a `Transcoder`.

mod compress;
mod encoding;
mod names;
mod spool;
mod url;

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use encoding_rs::{Encoding, UTF_8};

pub(crate) use self::compress::Limits;
pub(crate) use self::compress::is_packed;
use self::compress::{Compression, Unpacker};
pub(crate) use self::encoding::Transcoder;
pub use self::names::{expand, table_name};
use self::spool::Spool;
use self::url::UrlReader;
pub use self::url::is_url;
use crate::columnar;
use crate::error::{Error, ErrorKind, Result};
use crate::input::ReadOptions;
use crate::json;

/// As much as compression and encoding are told by.
const HEAD: usize = 16 << 10;

/// A file that was compressed twice, by its maker and by its server, is still read.
const LAYERS: usize = 2;

/// The name that stands for standard input.
const STDIN: &str = "-";

/// Bytes of text that can be read again from their beginning. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    name: String,
    path: PathBuf,
    raw: Raw,
    /// The outermost first.
    layers: Vec<Compression>,
    encoding: &'static Encoding,
    limits: Limits,
    /// Where in a JSON document the array is that is read.
    pointer: Option<json::Pointer>,
}

#[derive(Debug, Clone)]
enum Raw {
    /// A regular file and its length when it was opened, 0 where the system does not know it.
    File(u64),
    Stream(Arc<Spool>),
}

/// The bytes of a source, from some point on.
pub(crate) enum Bytes {
    File(File),
    Memory(Cursor<Arc<[u8]>>),
    Stream(Box<dyn Read + Send>),
}

impl Source {
    /// Opens what a name stands for, and tells how it is packed and encoded.
    pub(crate) fn open(path: &Path, options: &ReadOptions) -> Result<Self> {
        if path == Path::new(STDIN) {
            // One for all: whoever opens it again reads the same.
            static SPOOL: OnceLock<Arc<Spool>> = OnceLock::new();
            let spool = SPOOL.get_or_init(|| Arc::new(Spool::new(io::stdin())));
            return Self::told("standard input".to_owned(), path, Raw::Stream(spool.clone()), options);
        }
        if let Some(url) = path.to_str().filter(|name| url::is_url(name)) {
            let reader = UrlReader::new(url, options.fetch_options().clone());
            let charset = reader.charset();
            let source = Self::told(url.to_owned(), path, Raw::Stream(Arc::new(Spool::new(reader))), options)?;
            return source.declared(charset.get(), options);
        }
        let of_io = |error| Error::of_io(error, path);
        let metadata = fs::metadata(path).map_err(of_io)?;
        if metadata.is_dir() {
            return Err(Error::of_path(ErrorKind::IsDirectory, path));
        }
        let raw = if metadata.is_file() {
            Raw::File(metadata.len())
        } else {
            Raw::Stream(Arc::new(Spool::new(File::open(path).map_err(of_io)?)))
        };
        Self::told(path.display().to_string(), path, raw, options)
    }

    /// A stream under a name for messages, which may also tell the format.
    pub(crate) fn stream(name: &str, stream: impl Read + Send + 'static, options: &ReadOptions) -> Result<Self> {
        Self::told(name.to_owned(), Path::new(name), Raw::Stream(Arc::new(Spool::new(stream))), options)
    }

    fn told(name: String, path: &Path, raw: Raw, options: &ReadOptions) -> Result<Self> {
        let (layers, limits) = (Vec::new(), options.limits());
        let mut source = Self { name, path: path.to_owned(), raw, layers, encoding: UTF_8, limits, pointer: None };
        loop {
            let head = source.head()?;
            let of_kind = |kind| Error::new(kind).in_source(&source.name);
            match Compression::of_content(&head) {
                Some(compression) if source.layers.len() < LAYERS => source.layers.push(compression),
                _ => {
                    source.encoding = match options.encoding_label() {
                        _ if columnar::of_content(&head).is_some() => Ok(UTF_8),
                        Some(label) => encoding::asked(label, &head),
                        None => encoding::detect(&head),
                    }
                    .map_err(of_kind)?;
                    return Ok(source);
                }
            }
        }
    }

    /// The same source in the encoding that whoever sent it names, where nothing in it says otherwise.
    fn declared(self, charset: Option<&String>, options: &ReadOptions) -> Result<Self> {
        let Some(charset) = charset.filter(|_| options.encoding_label().is_none() && self.encoding == UTF_8) else {
            return Ok(self);
        };
        let head = self.head()?;
        let is_utf_8 = std::str::from_utf8(&head).map_or_else(|error| error.error_len().is_none(), |_| true);
        if is_utf_8 || columnar::of_content(&head).is_some() {
            return Ok(self);
        }
        // One that nobody knows is told by the text, as if it had not been named.
        let encoding = encoding::asked(charset, &head).unwrap_or(self.encoding);
        Ok(Self { encoding, ..self })
    }

    /// The source as messages name it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How large it may become where it is unpacked.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The path, as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A name whose extension tells the format, where there is one.
    pub(crate) fn format_name(&self) -> Cow<'_, Path> {
        names::format_name(&self.path)
    }

    /// The size of the text where it is known: that of a plain file that has one.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.raw {
            Raw::File(length) if length > 0 && self.is_plain() => Some(length),
            _ => None,
        }
    }

    /// The encoding's name if it is not UTF-8.
    pub(crate) fn foreign_encoding(&self) -> Option<&'static str> {
        (self.encoding != UTF_8).then(|| self.encoding.name())
    }

    /// The same source read as Windows-1252 if a sample of its text looks so.
    pub(crate) fn western(&self, sample: &[u8]) -> Option<Self> {
        (self.encoding == UTF_8 && encoding::is_western(sample))
            .then(|| Self { encoding: encoding::western(), ..self.clone() })
    }

    /// The same source, of which only the array at a place of its JSON document is read.
    pub(crate) fn pointed(&self, pointer: json::Pointer) -> Self {
        Self { pointer: Some(pointer), ..self.clone() }
    }

    /// Whether only a part of its document is read.
    pub(crate) fn is_pointed(&self) -> bool {
        self.pointer.is_some()
    }

    /// Keeps nothing of a stream from now on: it will be read once more.
    pub(crate) fn forget(&self) {
        if let Raw::Stream(spool) = &self.raw {
            spool.forget();
        }
    }

    /// The text from an offset on.
    pub(crate) fn bytes(&self, offset: u64) -> Result<Bytes> {
        let of_io = |error| Error::of_named(error, &self.name);
        if let Raw::File(length) = self.raw
            && self.is_plain()
        {
            let mut file = self.file(length)?;
            if offset > 0 {
                file.seek(SeekFrom::Start(offset)).map_err(of_io)?;
            }
            return Ok(Bytes::File(file));
        }
        let mut reader = self.unpacked()?;
        if self.encoding != UTF_8 {
            reader = Box::new(encoding::Transcoder::new(self.encoding, reader));
        }
        if let Some(pointer) = &self.pointer {
            reader = Box::new(json::Located::new(reader, pointer.clone()));
        }
        io::copy(&mut reader.by_ref().take(offset), &mut io::sink()).map_err(of_io)?;
        Ok(Bytes::Stream(reader))
    }

    /// What the source holds, unpacked but not transcoded, as a file that can be read at any place: a regular file
    /// itself, anything else as a temporary copy. Also its length.
    pub(crate) fn seekable(&self) -> Result<(File, u64)> {
        let of_io = |error| Error::of_named(error, &self.name);
        if let Raw::File(length) = self.raw
            && self.layers.is_empty()
        {
            return Ok((self.file(length)?, length));
        }
        let mut copy = tempfile::tempfile().map_err(of_io)?;
        let length = io::copy(&mut self.unpacked()?, &mut copy).map_err(of_io)?;
        copy.rewind().map_err(of_io)?;
        Ok((copy, length))
    }

    fn is_plain(&self) -> bool {
        self.layers.is_empty() && self.encoding == UTF_8 && self.pointer.is_none()
    }

    fn file(&self, length: u64) -> Result<File> {
        let of_io = |error| Error::of_named(error, &self.name);
        let file = File::open(&self.path).map_err(of_io)?;
        if file.metadata().map_err(of_io)?.len() < length {
            return Err(self.changed());
        }
        Ok(file)
    }

    /// The error for a file that has become shorter since it was opened.
    pub(crate) fn changed(&self) -> Error {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the file changed while it was read");
        Error::of_named(error, &self.name)
    }

    fn unpacked(&self) -> Result<Box<dyn Read + Send>> {
        let mut reader: Box<dyn Read + Send> = match &self.raw {
            Raw::File(length) => Box::new(self.file(*length)?),
            Raw::Stream(spool) => Box::new(spool.reader()),
        };
        for compression in &self.layers {
            let unpacker = Unpacker::new(*compression, reader, self.limits);
            reader = Box::new(unpacker.map_err(|error| Error::of_named(error, &self.name))?);
        }
        Ok(reader)
    }

    fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        match self.unpacked()?.take(HEAD as u64).read_to_end(&mut head) {
            // What follows a head is met again, at its line, by whoever reads on.
            Err(error) if head.is_empty() => Err(Error::of_named(error, &self.name)),
            _ => Ok(head),
        }
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(content) => content.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Memory(_) => "Memory",
            Self::Stream(_) => "Stream",
        })
    }
}
