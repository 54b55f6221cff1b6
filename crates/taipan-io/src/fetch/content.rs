//! The content of an answer: decoded piece by piece as its `Content-Encoding` says, limited in size.

use std::io::{self, Write};

use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

use super::failure::Failure;

/// Decoded bytes handed on at a time.
const PIECE: usize = 64 << 10;

/// Dictionaries of at most 2^27 bytes, 128 MiB, are kept.
const WINDOW_LOG: u32 = 27;

/// What takes the content of a URL.
pub(crate) trait Sink: Send {
    /// Is told the content's type before any of its bytes.
    fn described(&mut self, _content_type: Option<&str>) {}

    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Forgets everything taken so far; false if that is not possible.
    fn restart(&mut self) -> bool;
}

/// A decoder that ends in a sink.
pub(super) struct Content {
    decoder: Decoder<Limited>,
    name: &'static str,
    /// Coded bytes taken in.
    pub(super) taken: u64,
}

/// The encodings that are asked for.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";

enum Decoder<W: Write> {
    Identity(W),
    Gzip(flate2::write::MultiGzDecoder<W>),
    Zlib(flate2::write::ZlibDecoder<W>),
    Zstd(Zstd<W>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<W>>),
}

/// The crate's own writer does not tell whether a frame is whole.
struct Zstd<W> {
    decoder: zstd::stream::raw::Decoder<'static>,
    writer: W,
    buffer: Box<[u8]>,
    whole: bool,
}

struct Limited {
    /// Nothing once it was taken back.
    sink: Option<Box<dyn Sink>>,
    left: u64,
    limit: u64,
    bytes: u64,
    failure: Option<Failure>,
}

impl Content {
    /// Decodes what an answer with that `Content-Encoding` holds.
    pub(super) fn new(encoding: &str, sink: Box<dyn Sink>, limit: u64) -> Result<Self, Failure> {
        let sink = Limited { sink: Some(sink), left: limit, limit, bytes: 0, failure: None };
        let (decoder, name) = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => (Decoder::Identity(sink), "plain"),
            "gzip" | "x-gzip" => (Decoder::Gzip(flate2::write::MultiGzDecoder::new(sink)), "gzip"),
            "deflate" => (Decoder::Zlib(flate2::write::ZlibDecoder::new(sink)), "deflate"),
            "zstd" => {
                let zstd = Zstd::new(sink).map_err(|error| Failure::Content(error.to_string()))?;
                (Decoder::Zstd(zstd), "zstd")
            }
            "br" => (Decoder::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(sink, 16 << 10))), "brotli"),
            other => return Err(Failure::Content(format!("unknown content encoding `{other}`"))),
        };
        Ok(Self { decoder, name, taken: 0 })
    }

    /// Whether the content comes as it is.
    pub(super) fn is_identity(&self) -> bool {
        matches!(self.decoder, Decoder::Identity(_))
    }

    /// Decoded bytes given to the sink.
    pub(super) fn bytes(&self) -> u64 {
        self.sink().bytes
    }

    /// Takes the next coded bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let taken = match &mut self.decoder {
            Decoder::Identity(writer) => writer.write_all(bytes),
            Decoder::Gzip(writer) => writer.write_all(bytes),
            Decoder::Zlib(writer) => writer.write_all(bytes),
            Decoder::Zstd(zstd) => zstd.take(bytes),
            Decoder::Brotli(writer) => writer.write_all(bytes),
        };
        self.taken += bytes.len() as u64;
        taken.map_err(|error| self.failure(&error))
    }

    /// Ends the content, which must be whole.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let finished = match &mut self.decoder {
            // What has no content at all, such as a 204, may still name an encoding.
            _ if self.taken == 0 => Ok(()),
            Decoder::Identity(writer) => writer.flush(),
            Decoder::Gzip(writer) => writer.try_finish(),
            Decoder::Zlib(writer) => writer.try_finish(),
            Decoder::Zstd(zstd) if zstd.whole => Ok(()),
            Decoder::Zstd(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Decoder::Brotli(writer) => writer.close(),
        };
        finished.map_err(|error| self.failure(&error))
    }

    fn failure(&mut self, error: &io::Error) -> Failure {
        let name = self.name;
        self.sink_mut().failure.take().unwrap_or_else(|| match error.kind() {
            io::ErrorKind::UnexpectedEof => Failure::Content(format!("the {name} content ends too soon")),
            _ => Failure::Content(format!("damaged {name} content")),
        })
    }

    fn sink(&self) -> &Limited {
        match &self.decoder {
            Decoder::Identity(writer) => writer,
            Decoder::Gzip(writer) => writer.get_ref(),
            Decoder::Zlib(writer) => writer.get_ref(),
            Decoder::Zstd(zstd) => &zstd.writer,
            Decoder::Brotli(writer) => writer.get_ref(),
        }
    }

    fn sink_mut(&mut self) -> &mut Limited {
        match &mut self.decoder {
            Decoder::Identity(writer) => writer,
            Decoder::Gzip(writer) => writer.get_mut(),
            Decoder::Zlib(writer) => writer.get_mut(),
            Decoder::Zstd(zstd) => &mut zstd.writer,
            Decoder::Brotli(writer) => writer.get_mut(),
        }
    }

    /// The sink again.
    pub(super) fn into_sink(mut self) -> Option<Box<dyn Sink>> {
        self.sink_mut().sink.take()
    }
}

impl<W: Write> Zstd<W> {
    fn new(writer: W) -> io::Result<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self { decoder, writer, buffer: vec![0; PIECE].into_boxed_slice(), whole: false })
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        loop {
            let mut output = OutBuffer::around(&mut self.buffer[..]);
            let hint = self.decoder.run(&mut input, &mut output)?;
            let written = output.as_slice();
            self.writer.write_all(written)?;
            let full = written.len() == PIECE;
            if input.pos() == bytes.len() && !full {
                self.whole = hint == 0;
                return Ok(());
            }
        }
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(sink) = &mut self.sink else { return Err(io::Error::other("taken back")) };
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            self.failure = Some(Failure::TooLarge(self.limit));
            return Err(io::Error::other("too large"));
        };
        self.left = left;
        self.bytes += bytes.len() as u64;
        if let Err(error) = sink.take(bytes) {
            self.failure = Some(Failure::Write(error.to_string()));
            return Err(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
