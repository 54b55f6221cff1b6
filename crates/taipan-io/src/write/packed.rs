//! Compression of what is written under a name that says so: gzip and zstd.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;

use crate::error::{Error, ErrorKind, Result};

/// Takes text in, gives packed bytes out.
pub(super) enum Packer {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// The compression that the end of a name asks for, `.gz` or `.zst`, if it does.
    pub(super) fn of_path(path: &Path) -> Result<Option<Self>> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        Ok(match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default()))),
            "zst" | "zstd" => {
                let encoder = zstd::stream::write::Encoder::new(Vec::new(), 0);
                Some(Self::Zstd(encoder.map_err(|error| Error::of_io(error, path))?))
            }
            "bz2" | "xz" => {
                let message = format!("`.{extension}` is read but not written: compressed files end in .gz or .zst");
                return Err(Error::of_path(ErrorKind::InvalidOption(message), path));
            }
            _ => None,
        })
    }

    /// Takes some bytes in, and answers what is packed so far.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> io::Result<&mut Vec<u8>> {
        match self {
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                Ok(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                Ok(encoder.get_mut())
            }
        }
    }

    /// The last of the packed bytes.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}
