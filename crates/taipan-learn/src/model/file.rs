//! The model file: data only, versioned, checksummed.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic, `TPNMODEL` |
//! | 4 | format version, 2 |
//! | 4 | length of the metadata |
//! | 8 | length of the file |
//! | … | metadata: JSON |
//! | … | arrays, one after the other without gaps; texts as a JSON list |
//! | 32 | SHA-256 of all before |
//!
//! All numbers are little-endian. The checksum guards against damage, not malice: whatever the metadata says is checked
//! as if an attacker had written it. Any change of layout or metadata takes a new version number.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Model, Scores};
use crate::error::{Error, ErrorKind, Result};
use crate::param::ParamValue;
use crate::registry;
use crate::state::{Array, State, Values};

const MAGIC: &[u8; 8] = b"TPNMODEL";
const VERSION: u32 = 2;
const HEADER: usize = 24;
const CHECKSUM: usize = 32;
/// Models in models in models: far more than anyone builds, and few enough to restore them by recursion.
const MAX_NESTING: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata<'a> {
    estimator: Cow<'a, str>,
    params: Cow<'a, BTreeMap<String, ParamValue>>,
    features: Cow<'a, [String]>,
    target: Cow<'a, str>,
    labels: Cow<'a, [String]>,
    categories: Cow<'a, BTreeMap<String, Vec<String>>>,
    scores: Cow<'a, Scores>,
    lineage: Cow<'a, BTreeMap<String, String>>,
    arrays: Vec<ArrayHead<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArrayHead<'a> {
    name: Cow<'a, str>,
    dtype: Dtype,
    shape: Cow<'a, [usize]>,
    /// Length of the JSON, for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
enum Dtype {
    #[serde(rename = "f64")]
    Real,
    #[serde(rename = "f32")]
    Real32,
    #[serde(rename = "i64")]
    Integer,
    #[serde(rename = "i32")]
    Integer32,
    #[serde(rename = "u8")]
    Byte,
    #[serde(rename = "text")]
    Text,
}

pub(super) fn write(model: &Model) -> Result<Vec<u8>> {
    let state = model.predictor.state();
    let mut heads = Vec::with_capacity(state.arrays().len());
    let mut body = Vec::new();
    for (name, array) in state.arrays() {
        let start = body.len();
        let dtype = write_values(array.values(), &mut body)?;
        let bytes = matches!(dtype, Dtype::Text).then(|| body.len() - start);
        heads.push(ArrayHead { name: Cow::Borrowed(name), dtype, shape: Cow::Borrowed(array.shape()), bytes });
    }
    let metadata = Metadata {
        estimator: Cow::Borrowed(&model.estimator),
        params: Cow::Borrowed(&model.params),
        features: Cow::Borrowed(&model.features),
        target: Cow::Borrowed(&model.target),
        labels: Cow::Borrowed(&model.labels),
        categories: Cow::Borrowed(&model.categories),
        scores: Cow::Borrowed(&model.scores),
        lineage: Cow::Borrowed(&model.lineage),
        arrays: heads,
    };
    let metadata = serde_json::to_vec(&metadata).map_err(|error| unreadable("metadata", error))?;
    let metadata_len =
        u32::try_from(metadata.len()).map_err(|_| Error::malformed("the metadata is larger than 4 GiB"))?;
    let total = HEADER + metadata.len() + body.len() + CHECKSUM;

    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&metadata_len.to_le_bytes());
    bytes.extend_from_slice(&(total as u64).to_le_bytes());
    bytes.extend_from_slice(&metadata);
    bytes.extend_from_slice(&body);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}

fn write_values(values: &Values, body: &mut Vec<u8>) -> Result<Dtype> {
    Ok(match values {
        Values::Real(values) => {
            body.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            Dtype::Real
        }
        Values::Real32(values) => {
            body.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            Dtype::Real32
        }
        Values::Integer(values) => {
            body.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            Dtype::Integer
        }
        Values::Integer32(values) => {
            body.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            Dtype::Integer32
        }
        Values::Byte(values) => {
            body.extend_from_slice(values);
            Dtype::Byte
        }
        Values::Text(values) => {
            serde_json::to_writer(body, values).map_err(|error| unreadable("texts", error))?;
            Dtype::Text
        }
    })
}

fn unreadable(what: &str, error: serde_json::Error) -> Error {
    Error::malformed(format!("{what}: {error}")).because(error)
}

pub(super) fn read(bytes: &[u8]) -> Result<Model> {
    let (metadata, numbers) = unseal(bytes)?;
    let numbers_at = HEADER + metadata.len();
    let metadata: Metadata<'_> =
        serde_json::from_slice(metadata).map_err(|error| unreadable("metadata", error).in_file(HEADER))?;
    let state = read_arrays(&metadata.arrays, numbers).map_err(|error| error.in_file(numbers_at))?;
    let restore = || {
        let model = Model {
            predictor: registry::restore(&metadata.estimator, state)?.into(),
            estimator: metadata.estimator.into_owned(),
            params: metadata.params.into_owned(),
            features: metadata.features.into_owned(),
            target: metadata.target.into_owned(),
            labels: metadata.labels.into_owned(),
            categories: metadata.categories.into_owned(),
            scores: metadata.scores.into_owned(),
            lineage: metadata.lineage.into_owned(),
        };
        model.check()?;
        Ok(model)
    };
    restore().map_err(|error: Error| error.in_file(HEADER))
}

/// Checks the envelope; gives the metadata and the bytes of the arrays.
fn unseal(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let fail = |kind, byte| Err(Error::new(kind).in_file(byte));
    let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
        return fail(ErrorKind::NotAModel, 0);
    };
    if magic != MAGIC {
        return fail(ErrorKind::NotAModel, 0);
    }
    let short = |expected: usize| ErrorKind::WrongLength { found: bytes.len() as u64, expected: expected as u64 };
    let Some((version, rest)) = rest.split_first_chunk::<4>() else {
        return fail(short(HEADER + CHECKSUM), bytes.len());
    };
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        let kind = ErrorKind::UnsupportedVersion { found: version, supported: VERSION };
        return fail(kind, 8);
    }
    let lengths =
        rest.split_first_chunk::<4>().and_then(|(metadata, rest)| Some((metadata, rest.split_first_chunk::<8>()?)));
    let Some((metadata_len, (total, rest))) = lengths else {
        return fail(short(HEADER + CHECKSUM), bytes.len());
    };
    let total = u64::from_le_bytes(*total);
    if total != bytes.len() as u64 {
        let kind = ErrorKind::WrongLength { found: bytes.len() as u64, expected: total };
        return fail(kind, 16);
    }
    let Some((body, checksum)) = rest.split_last_chunk::<CHECKSUM>() else {
        return fail(short(HEADER + CHECKSUM), bytes.len());
    };
    let sealed = bytes.len() - CHECKSUM;
    if Sha256::digest(&bytes[..sealed])[..] != checksum[..] {
        return fail(ErrorKind::Checksum, sealed);
    }
    match body.split_at_checked(u32::from_le_bytes(*metadata_len) as usize) {
        Some(parts) => Ok(parts),
        None => fail(ErrorKind::Malformed("the metadata is longer than the file".to_owned()), 12),
    }
}

fn read_arrays(heads: &[ArrayHead<'_>], mut numbers: &[u8]) -> Result<State> {
    let mut state = State::new();
    for head in heads {
        let name = &head.name;
        if name.matches('/').count() > MAX_NESTING {
            return Err(Error::malformed("models are nested too deeply"));
        }
        if state.contains(name) {
            return Err(Error::malformed(format!("the array '{name}' is there twice")));
        }
        // The size is checked against the bytes present before anything is allocated.
        let part = head.size().and_then(|size| numbers.split_at_checked(size));
        let Some((part, rest)) = part else {
            let text = format!("the array '{name}' is larger than the file");
            return Err(Error::malformed(text));
        };
        numbers = rest;
        let values = match head.dtype {
            Dtype::Real => Values::Real(words(part).map(f64::from_le_bytes).collect()),
            Dtype::Real32 => Values::Real32(words(part).map(f32::from_le_bytes).collect()),
            Dtype::Integer => Values::Integer(words(part).map(i64::from_le_bytes).collect()),
            Dtype::Integer32 => Values::Integer32(words(part).map(i32::from_le_bytes).collect()),
            Dtype::Byte => Values::Byte(part.to_vec()),
            Dtype::Text => Values::Text(serde_json::from_slice(part).map_err(|error| unreadable("texts", error))?),
        };
        let array = Array::new(head.shape.to_vec(), values)
            .ok_or_else(|| Error::malformed(format!("the array '{name}' has an impossible shape")))?;
        state = state.with(name.as_ref(), array);
    }
    if numbers.is_empty() {
        Ok(state)
    } else {
        Err(Error::malformed(format!("{} bytes follow the last array", numbers.len())))
    }
}

impl ArrayHead<'_> {
    /// Bytes that the array takes, if that is a number at all.
    fn size(&self) -> Option<usize> {
        let width = match self.dtype {
            Dtype::Real | Dtype::Integer => 8,
            Dtype::Real32 | Dtype::Integer32 => 4,
            Dtype::Byte => 1,
            Dtype::Text => return self.bytes,
        };
        self.shape.iter().try_fold(width, |size: usize, &length| size.checked_mul(length))
    }
}

/// The bytes in groups of `N`; their number is a multiple of it.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks::<N>().0.iter().copied()
}
