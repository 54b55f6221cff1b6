//! Compressed streams, told by their first bytes: gzip, zstd, bzip2 and xz, with as many members as there are.
//!
//! An [`Unpacker`] refuses what grows beyond the [`Limits`], so that a small file cannot keep a machine busy for days.
//! It needs little memory itself: dictionaries larger than 128 MiB are refused.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::GzDecoder;

use crate::error::ErrorKind;

/// Compressed bytes taken at a time.
const BUFFER: usize = 64 << 10;

/// Dictionaries of at most 2^27 bytes, 128 MiB, are kept.
const WINDOW_LOG: u32 = 27;

/// A compression that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// How large a stream may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes out for each byte in.
    pub(crate) ratio: u64,
    /// Bytes out.
    pub(crate) total: u64,
    /// Bytes out that are never refused for their ratio.
    pub(crate) harmless: u64,
}

/// Reads what a compressed stream holds.
pub(crate) struct Unpacker<R: Read> {
    compression: Compression,
    limits: Limits,
    decoder: Decoder<R>,
    meter: Arc<Meter>,
    unpacked: u64,
}

/// The bytes a decoder takes in, counted and watched.
type Packed<R> = BufReader<Metered<R>>;

enum Decoder<R: Read> {
    Gzip(GzDecoder<Packed<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Packed<R>>),
    Bzip2(bzip2::bufread::MultiBzDecoder<Packed<R>>),
    Xz(liblzma::bufread::XzDecoder<Packed<R>>),
    Ended,
}

#[derive(Debug, Default)]
struct Meter {
    taken: AtomicU64,
    /// The failure of the reader below: not the stream's own fault.
    failure: Mutex<Option<io::Error>>,
}

struct Metered<R> {
    reader: R,
    meter: Arc<Meter>,
}

impl Compression {
    /// The compression that the first bytes of a stream tell.
    pub(crate) fn of_content(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A frame, or one to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            // The first block, or the end of a stream that has none. `BZh9` alone could begin a text.
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                    || rest.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) =>
            {
                Some(Self::Bzip2)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

/// Whether the end of a name goes with a compression.
pub(crate) fn is_packed(extension: &str) -> bool {
    ["gz", "gzip", "zst", "zstd", "bz2", "xz"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}

impl<R: Read> Unpacker<R> {
    pub(crate) fn new(compression: Compression, reader: R, limits: Limits) -> io::Result<Self> {
        let meter = Arc::new(Meter::default());
        let packed = BufReader::with_capacity(BUFFER, Metered { reader, meter: meter.clone() });
        let decoder = match compression {
            Compression::Gzip => Decoder::Gzip(GzDecoder::new(packed)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Decoder::Zstd(decoder)
            }
            Compression::Bzip2 => Decoder::Bzip2(bzip2::bufread::MultiBzDecoder::new(packed)),
            Compression::Xz => {
                // The dictionary, and a little for the decoder's own tables.
                let memory = (1 << WINDOW_LOG) + (1 << 20);
                let stream = liblzma::stream::Stream::new_stream_decoder(memory, liblzma::stream::CONCATENATED)?;
                Decoder::Xz(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
        };
        Ok(Self { compression, limits, decoder, meter, unpacked: 0 })
    }

    /// The failure as its cause: that of the reader below, or damage to the stream.
    fn failure(&self, error: &io::Error) -> io::Error {
        if let Some(below) = self.meter.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return below;
        }
        let name = self.compression.name();
        let message = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the {name} data ends too soon"),
            _ => format!("damaged {name} data: {error}"),
        };
        ErrorKind::Compression(message).into()
    }

    fn check(&self) -> Result<(), ErrorKind> {
        let taken = self.meter.taken.load(Ordering::Relaxed);
        let name = self.compression.name();
        let refused = |limit: String| {
            Err(ErrorKind::Compression(format!("the {name} data unpacks to {limit}: refused as a decompression bomb")))
        };
        if self.unpacked > self.limits.total {
            return refused(format!("more than {} bytes", self.limits.total));
        }
        if self.unpacked > self.limits.harmless && self.unpacked / self.limits.ratio.max(1) > taken {
            return refused(format!("more than {} times its size", self.limits.ratio));
        }
        Ok(())
    }
}

impl<R: Read> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.read(buffer),
                Decoder::Zstd(decoder) => decoder.read(buffer),
                Decoder::Bzip2(decoder) => decoder.read(buffer),
                Decoder::Xz(decoder) => decoder.read(buffer),
                Decoder::Ended => return Ok(0),
            };
            match read {
                Ok(0) => match std::mem::replace(&mut self.decoder, Decoder::Ended) {
                    Decoder::Gzip(decoder) => match next_member(decoder.into_inner()) {
                        Ok(Some(packed)) => self.decoder = Decoder::Gzip(GzDecoder::new(packed)),
                        Ok(None) => {}
                        Err(error) => return Err(self.failure(&error)),
                    },
                    _ => return Ok(0),
                },
                Ok(read) => {
                    self.unpacked += read as u64;
                    self.check()?;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => return Err(self.failure(&error)),
            }
        }
    }
}

impl<R: Read> fmt::Debug for Unpacker<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacker").field("compression", &self.compression).finish_non_exhaustive()
    }
}

/// What follows a gzip member: the next one, or nothing. Zeros, with which tapes were filled up, are nothing.
fn next_member<R: BufRead>(mut packed: R) -> io::Result<Option<R>> {
    let mut padded = false;
    loop {
        let bytes = match packed.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros < bytes.len() {
            if padded || zeros > 0 {
                return Err(io::Error::other("something stands behind its end"));
            }
            return Ok(Some(packed));
        }
        packed.consume(zeros);
        padded = true;
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(read) => {
                self.meter.taken.fetch_add(read as u64, Ordering::Relaxed);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let stand_in = io::Error::from(error.kind());
                *self.meter.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(stand_in)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ALL: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];

    const FREE: Limits = Limits { ratio: u64::MAX, total: u64::MAX, harmless: 0 };

    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_checksum(true).unwrap();
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => liblzma::encode_all(text, 1).unwrap(),
        }
    }

    fn unpacked(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, String> {
        let compression = Compression::of_content(bytes).ok_or("not compressed")?;
        let mut text = Vec::new();
        let mut unpacker = Unpacker::new(compression, bytes, limits).unwrap();
        unpacker.read_to_end(&mut text).map_err(|error| error.to_string())?;
        assert_eq!(unpacker.read(&mut [0; 9]).unwrap(), 0, "the end stays the end");
        Ok(text)
    }

    #[test]
    fn members_are_read_one_after_another() {
        let long: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
        for compression in ALL {
            for parts in [vec![&b""[..]], vec![b"a,b\n", b"", b"1,2\n"], vec![&long, b"x", &long]] {
                let bytes: Vec<u8> = parts.iter().flat_map(|part| packed(compression, part)).collect();
                assert_eq!(Compression::of_content(&bytes), Some(compression));
                assert_eq!(unpacked(&bytes, FREE).unwrap(), parts.concat(), "{compression:?}");
            }
        }
    }

    #[test]
    fn whatever_is_cut_off_or_damaged_is_told() {
        let text: Vec<u8> = (0..5_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for compression in ALL {
            let whole = packed(compression, &text);
            let name = compression.name();
            for end in [20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
                let error = unpacked(&whole[..end], FREE).map(|text| text.len()).unwrap_err();
                assert_eq!(error, format!("the {name} data ends too soon"), "cut at {end} of {}", whole.len());
            }
            let mut damaged = whole.clone();
            damaged[whole.len() / 2] ^= 0x55;
            let error = unpacked(&damaged, FREE).map(|text| text.len()).unwrap_err();
            assert!(error.contains(name), "{error}");
            let error = unpacked(&[&whole[..], b"something else"].concat(), FREE).map(|text| text.len()).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn zeros_behind_gzip_are_padding() {
        let member = packed(Compression::Gzip, b"a\n1\n");
        let padded = [member.clone(), vec![0; 100_000]].concat();
        assert_eq!(unpacked(&padded, FREE).unwrap(), b"a\n1\n");
        let error = unpacked(&[&padded[..], &member].concat(), FREE).unwrap_err();
        assert_eq!(error, "damaged gzip data: something stands behind its end");
    }

    #[test]
    fn bombs_are_refused() {
        let text = vec![b'\n'; 1 << 20];
        for compression in ALL {
            let bytes = packed(compression, &text);
            let name = compression.name();
            let error = |limits| unpacked(&bytes, limits).map(|text| text.len()).unwrap_err();
            assert_eq!(
                error(Limits { total: 1 << 19, ..FREE }),
                format!("the {name} data unpacks to more than 524288 bytes: refused as a decompression bomb")
            );
            assert_eq!(
                error(Limits { ratio: 500, ..FREE }),
                format!("the {name} data unpacks to more than 500 times its size: refused as a decompression bomb")
            );
            let harmless = Limits { ratio: 500, harmless: 1 << 20, ..FREE };
            assert_eq!(unpacked(&bytes, harmless).unwrap().len(), text.len());
        }
    }

    #[test]
    fn a_failure_below_stays_what_it_is() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset by the test"))
            }
        }
        for compression in ALL {
            let head = packed(compression, &[7; 100]);
            let half = (&head[..12]).chain(Broken);
            let error = Unpacker::new(compression, half, FREE).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::ConnectionReset, "reset by the test")
            );
        }
    }

    #[test]
    fn text_is_not_taken_for_compressed() {
        for text in [&b"BZh9,a\n"[..], b"", b"\x1f\x8b", b"PZ", b"a,b"] {
            assert_eq!(Compression::of_content(text), None);
        }
    }
}
