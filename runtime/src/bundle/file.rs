//! A bundle as bytes. `magic ++ format (u32) ++ length (u64) ++ BLAKE3 of the rest ++ the rest`,
//! numbers little-endian, the rest in borsh's encoding. Bundles come from other machines, so
//! nothing in them is believed.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use tos_host_api::TopoHeight;

use super::ReplayBundle;
use crate::error::EngineError;
use crate::protocol::EngineId;
use crate::state::{StateKey, StateValue};
use crate::storage::BlockRecord;
use crate::types::UnverifiedBlock;

/// Version of the format this library reads and writes.
pub const BUNDLE_FORMAT: u32 = 1;

/// Most bytes of a bundle. A block of the largest size that touches new state only stays below.
pub const BUNDLE_BYTES_MAX: u64 = 1 << 30;

const MAGIC: [u8; 8] = *b"TOSREPLY";
const DIGEST_LEN: usize = 32;
const HEAD_LEN: usize = MAGIC.len() + 4 + 8 + DIGEST_LEN;

/// Why a file is no bundle that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file begins otherwise.
    #[error("this is no replay bundle: write one with `tos-node bundle`")]
    NoBundle,
    /// Written by another version.
    #[error(
        "the bundle has format {found}, this version reads {known}: replay it with the version \
         that wrote it"
    )]
    Format {
        /// Format of the file.
        found: u32,
        /// Format of this library.
        known: u32,
    },
    /// Larger than any bundle.
    #[error("the bundle has {found} bytes, at most {BUNDLE_BYTES_MAX} are allowed")]
    TooLong {
        /// Bytes of the file.
        found: u64,
    },
    /// Cut off, or something was appended.
    #[error("the bundle has {found} bytes behind its head, it says {stated}: copy it again")]
    Length {
        /// Bytes according to the head.
        stated: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Bytes changed on the way.
    #[error("the bundle's checksum does not match: it was damaged, copy it again")]
    Checksum,
    /// The checksum matches, but the bytes mean nothing.
    #[error("the bundle cannot be decoded: {0}")]
    Encoding(#[from] std::io::Error),
    /// The parts do not fit together.
    #[error("the bundle contradicts itself: {0}")]
    Contradiction(String),
    /// It was made under rules that this library does not have, or its parameters are broken.
    #[error("the bundle's parameters: {0}")]
    Params(#[source] Box<EngineError>),
}

/// What is behind the head.
#[derive(BorshSerialize, BorshDeserialize)]
struct Contents {
    engine: EngineId,
    since: TopoHeight,
    params: Vec<u8>,
    block: UnverifiedBlock,
    /// Ascending.
    state: Vec<(StateKey, Option<StateValue>)>,
    expected: BlockRecord,
    found: Option<BlockRecord>,
}

impl ReplayBundle {
    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: writing to a `Vec` cannot fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let contents = Contents {
            engine: self.engine_id(),
            since: self.since,
            params: self.params.encode(),
            block: self.block.clone(),
            state: self.state.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            expected: self.expected.clone(),
            found: self.found.clone(),
        };
        let mut bytes = vec![0; HEAD_LEN];
        borsh::to_writer(&mut bytes, &contents).expect("writing to a Vec cannot fail");
        let (head, rest) = bytes.split_at_mut(HEAD_LEN);
        let (magic, head) = head.split_at_mut(MAGIC.len());
        let (format, head) = head.split_at_mut(4);
        let (length, digest) = head.split_at_mut(8);
        magic.copy_from_slice(&MAGIC);
        format.copy_from_slice(&BUNDLE_FORMAT.to_le_bytes());
        length.copy_from_slice(&(rest.len() as u64).to_le_bytes());
        digest.copy_from_slice(blake3::hash(rest).as_bytes());
        bytes
    }

    /// Decodes [`ReplayBundle::encode`].
    ///
    /// # Errors
    /// See [`BundleError`]. What is wrong is found before anything larger than the bytes is
    /// allocated.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let found = bytes.len() as u64;
        if found > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLong { found });
        }
        let (magic, bytes) = bytes.split_first_chunk::<8>().ok_or(BundleError::NoBundle)?;
        if *magic != MAGIC {
            return Err(BundleError::NoBundle);
        }
        let cut = BundleError::Length { stated: HEAD_LEN as u64, found };
        let Some((format, bytes)) = bytes.split_first_chunk::<4>() else { return Err(cut) };
        let (found, known) = (u32::from_le_bytes(*format), BUNDLE_FORMAT);
        if found != known {
            return Err(BundleError::Format { found, known });
        }
        let Some((length, bytes)) = bytes.split_first_chunk::<8>() else { return Err(cut) };
        let Some((digest, rest)) = bytes.split_first_chunk::<DIGEST_LEN>() else {
            return Err(cut);
        };
        let (stated, found) = (u64::from_le_bytes(*length), rest.len() as u64);
        if stated != found {
            return Err(BundleError::Length { stated, found });
        }
        if blake3::hash(rest) != *digest {
            return Err(BundleError::Checksum);
        }
        borsh::from_slice::<Contents>(rest)?.check()
    }

    /// Writes the file, under another name first: a file of this name is whole.
    ///
    /// # Errors
    /// [`BundleError::File`].
    pub fn write(&self, path: &Path) -> Result<(), BundleError> {
        let part = path.with_extension("part");
        fs::write(&part, self.encode()).map_err(|source| failed(&part, source))?;
        fs::rename(&part, path).map_err(|source| failed(path, source))
    }

    /// Writes the file into a folder, which is made if it is not there, under
    /// [`ReplayBundle::file_name`].
    ///
    /// # Errors
    /// [`BundleError::File`].
    pub fn write_into(&self, folder: &Path) -> Result<PathBuf, BundleError> {
        fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        let path = folder.join(self.file_name());
        self.write(&path)?;
        Ok(path)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn read(path: &Path) -> Result<Self, BundleError> {
        let file = File::open(path).map_err(|source| failed(path, source))?;
        let mut bytes = Vec::new();
        // A byte more than allowed is enough to see that there are too many.
        let read = file.take(BUNDLE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|source| failed(path, source))?;
        Self::decode(&bytes)
    }
}

impl Contents {
    fn check(self) -> Result<ReplayBundle, BundleError> {
        let Self { engine, since, params, block, state, expected, found } = self;
        let params =
            engine.params(since, &params).map_err(|error| BundleError::Params(Box::new(error)))?;
        let wrong = |text: String| Err(BundleError::Contradiction(text));
        let height = block.context.topoheight;
        if since > height {
            return wrong(format!(
                "block {height} is below its parameters, which begin at {since}"
            ));
        }
        if let Some(at) = state.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
            return wrong(format!("state entry {} is not above the one before it", at + 1));
        }
        let misfit = |(key, value): &(StateKey, Option<StateValue>)| {
            value.as_ref().is_some_and(|value| !value.fits(key))
        };
        if let Some((key, _)) = state.iter().find(|entry| misfit(entry)) {
            return wrong(format!("the value of {key:?} is of another kind"));
        }
        for record in [Some(&expected), found.as_ref()].into_iter().flatten() {
            if record.header.context != block.context {
                return wrong("what is expected is of another block".to_owned());
            }
        }
        let state = Arc::new(state.into_iter().collect());
        Ok(ReplayBundle { since, params, block, state, expected, found })
    }
}

fn failed(path: &Path, source: std::io::Error) -> BundleError {
    BundleError::File { path: path.to_owned(), source }
}
