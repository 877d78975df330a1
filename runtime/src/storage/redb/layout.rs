//! The stored bytes: tables, keys, and the checksum in front of every value. Does not know when
//! anything is read or written.
//!
//! redb checks its own checksums only when it repairs a file after a crash. A bit that flips on a
//! healthy-looking disk would reach the engine as a value, so every value carries a digest over its
//! table, its key and its bytes.

use anyhow::{Context, Result, bail, ensure};
use borsh::{BorshDeserialize, BorshSerialize};
use redb::{ReadOnlyTable, TableDefinition};
use tos_host_api::TopoHeight;

use crate::planted::{Bug, planted};
use crate::state::{StateKey, StateValue};
use crate::storage::{BlockHeader, BlockRecord, ChainMeta};

/// The single entry [`META_KEY`]: a sealed [`StoredMeta`].
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Sealed [`BlockRecord`]s by height, cut into pieces that are numbered from 0.
/// Ascending keys: redb appends.
pub(super) const RECORDS: TableDefinition<'_, PieceKey, &[u8]> = TableDefinition::new("records");
/// Sealed [`StateValue`]s by [`StateKey::to_bytes`], as of [`StoredMeta::folded_to`].
pub(super) const STATE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("state");
/// Sealed compiled modules.
pub(super) const ARTIFACTS: TableDefinition<'_, &[u8; 32], &[u8]> =
    TableDefinition::new("artifacts");

/// The key of the entry in [`META`].
pub(super) const META_KEY: &str = "chain";

/// Height of a record, and the number of a piece of it.
pub(super) type PieceKey = (u64, u32);
/// A read handle of [`RECORDS`].
pub(super) type RecordsTable = ReadOnlyTable<PieceKey, &'static [u8]>;
/// A read handle of [`STATE`].
pub(super) type StateTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// What a database says about itself, and how far its state table is up to date.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct StoredMeta {
    /// The part the engine knows.
    pub(super) chain: ChainMeta,
    /// The state table's part.
    pub(super) standing: Standing,
}

/// How far the state table is up to date.
///
/// Invariant: the records above `folded_to` up to the tip exist, and applying their changes to the
/// state table in order gives the state at the tip. The table may already hold some values of
/// heights above `folded_to` up to `folding_to`; their keys are all in those records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Standing {
    /// Height the state table stands at, but for the above; `None` before the first fold.
    pub(super) folded_to: Option<TopoHeight>,
    /// Height of the values that are being written to it, if a fold has begun.
    pub(super) folding_to: Option<TopoHeight>,
}

impl StoredMeta {
    /// The bytes to store.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        Seal::META.encode(META_KEY.as_bytes(), self)
    }

    /// Decodes [`StoredMeta::encode`].
    pub(super) fn decode(stored: &[u8]) -> Result<Self> {
        Seal::META.decode(META_KEY.as_bytes(), stored).context("chain meta is corrupt")
    }
}

/// A record as it is stored: digest, header, results and change set, one after the other. They are
/// not put together in memory: a record takes megabytes, and redb copies it once as it is.
///
/// The digest covers the header and the length of the results. The rest is covered by the header,
/// which holds the hashes of both: nothing is hashed a second time while a commit is waited for.
pub(super) struct EncodedRecord<'a> {
    /// Digest, header and the length of the results.
    head: Vec<u8>,
    results: &'a [u8],
    changes: &'a [Vec<u8>],
}

/// Most bytes of a piece of a record. redb keeps a value in a page of a power of two: pieces of
/// half a megabyte leave less of the last one empty than a record in one value would, and are
/// allocated and written with less trouble.
pub(super) const PIECE_LEN: usize = (512 << 10) - PAGE_OVERHEAD;
/// What redb writes beside a value in its page, rounded up.
const PAGE_OVERHEAD: usize = 64;

impl<'a> EncodedRecord<'a> {
    /// The bytes to store for a record; `changes` is its encoded change set, in pieces.
    pub(super) fn of(
        topoheight: TopoHeight,
        record: &'a BlockRecord,
        changes: &'a [Vec<u8>],
    ) -> Result<Self> {
        let BlockRecord { header, results, change_set: _ } = record;
        let mut head = vec![0; Seal::RECORD.digest_len];
        borsh::to_writer(&mut head, header)?;
        let results_len = u32::try_from(results.len()).context("results exceed 4 GiB")?;
        head.extend_from_slice(&results_len.to_le_bytes());
        Seal::RECORD.close(&topoheight.0.to_le_bytes(), &mut head);
        Ok(Self { head, results, changes })
    }

    /// Stored bytes.
    pub(super) fn len(&self) -> usize {
        self.parts().map(<[u8]>::len).sum()
    }

    /// Gives each piece to `write`, as a number, a length, and the bytes in parts.
    pub(super) fn pieces(
        &self,
        mut write: impl FnMut(u32, usize, &[&[u8]]) -> Result<()>,
    ) -> Result<()> {
        let mut parts = self.parts();
        let mut part: &[u8] = &[];
        for number in 0.. {
            let (mut piece, mut room) = (Vec::new(), PIECE_LEN);
            while room > 0 {
                if part.is_empty() {
                    let Some(next) = parts.next() else { break };
                    part = next;
                }
                let (taken, rest) = part.split_at(part.len().min(room));
                piece.push(taken);
                room -= taken.len();
                part = rest;
            }
            if room == PIECE_LEN {
                break;
            }
            write(number, PIECE_LEN - room, &piece)?;
        }
        Ok(())
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        [&self.head, self.results].into_iter().chain(self.changes.iter().map(Vec::as_slice))
    }
}

/// Decodes the pieces of an [`EncodedRecord`], put together.
pub(super) fn decode_record(topoheight: TopoHeight, stored: &[u8]) -> Result<BlockRecord> {
    open_record(&topoheight.0.to_le_bytes(), stored)
        .with_context(|| format!("record of height {topoheight} is corrupt"))
}

fn open_record(key: &[u8], stored: &[u8]) -> Result<BlockRecord> {
    let mut rest = stored.get(Seal::RECORD.digest_len..).context("it is cut off")?;
    // How long a header is has to be found out before its digest can be looked at.
    let header = BlockHeader::deserialize(&mut rest)?;
    let results_len = u32::deserialize(&mut rest)? as usize;
    let (head, _) = stored.split_at(stored.len() - rest.len());
    Seal::RECORD.open(key, head).context("its checksum does not match")?;
    let (results, changes) = rest.split_at_checked(results_len).context("it is cut off")?;
    for (part, expected) in [(results, &header.receipts_hash), (changes, &header.delta_hash)] {
        let whole = *blake3::hash(part).as_bytes() == expected.0 || planted(Bug::SealsUnread);
        ensure!(whole, "the hash in its header does not match");
    }
    let change_set = borsh::from_slice(changes)?;
    Ok(BlockRecord { header, results: results.to_vec(), change_set })
}

/// Puts the bytes to store for an encoded value of the state into a buffer that is used again and
/// again.
pub(super) fn seal_value(key: &[u8], value: &[u8], stored: &mut Vec<u8>) {
    stored.clear();
    stored.resize(Seal::STATE.digest_len, 0);
    stored.extend_from_slice(value);
    Seal::STATE.close(key, stored);
}

/// Decodes [`seal_value`]; `bytes` are `key`'s.
pub(super) fn decode_sealed(key: &StateKey, bytes: &[u8], stored: &[u8]) -> Result<StateValue> {
    let value = Seal::STATE.open(bytes, stored).context("its checksum does not match");
    decode_value(key, value.with_context(|| format!("state value of {key:?} is corrupt"))?)
}

/// Decodes an encoded value of the state. A value of another kind than its key is corrupt.
pub(super) fn decode_value(key: &StateKey, value: &[u8]) -> Result<StateValue> {
    let value = StateValue::from_bytes(value)
        .with_context(|| format!("state value of {key:?} is corrupt"))?;
    if !value.fits(key) {
        bail!("state value of {key:?} is corrupt: it is of another kind");
    }
    Ok(value)
}

/// The bytes to store for a compiled module.
pub(super) fn encode_artifact(key: &[u8; 32], artifact: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(Seal::ARTIFACT.digest_len + artifact.len());
    stored.resize(Seal::ARTIFACT.digest_len, 0);
    stored.extend_from_slice(artifact);
    Seal::ARTIFACT.close(key, &mut stored);
    stored
}

/// Decodes [`encode_artifact`]; `None` when the bytes are not what was stored.
pub(super) fn decode_artifact(key: &[u8; 32], stored: &[u8]) -> Option<Vec<u8>> {
    Seal::ARTIFACT.open(key, stored).map(<[u8]>::to_vec)
}

/// How the values of a table are sealed: `digest ++ body`, where the digest is the first bytes of
/// BLAKE3 over `domain ++ key length (u64, little endian) ++ key ++ body`.
///
/// Domain and key are covered so that a value that turns up in another place is corrupt as well.
#[derive(Clone, Copy)]
struct Seal {
    domain: u8,
    digest_len: usize,
}

impl Seal {
    const META: Self = Self { domain: 0, digest_len: 32 };
    const RECORD: Self = Self { domain: 1, digest_len: 32 };
    /// Eight bytes: values are many and small, and only accidents have to be found.
    const STATE: Self = Self { domain: 2, digest_len: 8 };
    /// All of the digest: what is read here runs as native code.
    const ARTIFACT: Self = Self { domain: 3, digest_len: 32 };

    fn encode(self, key: &[u8], value: &impl BorshSerialize) -> Result<Vec<u8>> {
        let mut stored = vec![0; self.digest_len];
        // Fails for a list of more than `u32::MAX` entries only.
        borsh::to_writer(&mut stored, value)?;
        self.close(key, &mut stored);
        Ok(stored)
    }

    fn decode<T: BorshDeserialize>(self, key: &[u8], stored: &[u8]) -> Result<T> {
        let body = self.open(key, stored).context("its checksum does not match")?;
        Ok(borsh::from_slice(body)?)
    }

    /// Writes the digest in front of the body that follows the bytes reserved for it.
    fn close(self, key: &[u8], stored: &mut [u8]) {
        let (digest, body) = stored.split_at_mut(self.digest_len);
        digest.copy_from_slice(&self.digest(key, body).as_bytes()[..self.digest_len]);
    }

    /// The body, if it is what was sealed.
    fn open<'a>(self, key: &[u8], stored: &'a [u8]) -> Option<&'a [u8]> {
        let (digest, body) = stored.split_at_checked(self.digest_len)?;
        let whole = *digest == self.digest(key, body).as_bytes()[..self.digest_len];
        (whole || planted(Bug::SealsUnread)).then_some(body)
    }

    fn digest(self, key: &[u8], body: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[self.domain]);
        hasher.update(&(key.len() as u64).to_le_bytes());
        hasher.update(key);
        hasher.update(body);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::test_chain::{TestChain, account, holding};

    /// The header's own digest covers the header only; the rest is covered by the hashes in it.
    #[test]
    fn a_record_with_any_bit_flipped_or_any_end_cut_off_is_corrupt() {
        let writes = vec![(account(1), holding(1)), (account(2), holding(2))];
        let record = TestChain::default().block(writes).record.unwrap();
        let height = record.header.context.topoheight;
        let changes = [record.change_set.encode()];
        let mut stored = Vec::new();
        let encoded = EncodedRecord::of(height, &record, &changes).unwrap();
        let append = |_, _, parts: &[&[u8]]| {
            parts.iter().for_each(|part| stored.extend_from_slice(part));
            Ok(())
        };
        encoded.pieces(append).unwrap();
        assert_eq!(decode_record(height, &stored).unwrap(), *record);
        assert!(decode_record(TopoHeight(7), &stored).is_err(), "it is another height's");

        for at in 0..stored.len() {
            assert!(decode_record(height, &stored[..at]).is_err(), "cut at {at}");
            stored[at] ^= 0x10;
            assert!(decode_record(height, &stored).is_err(), "flipped at {at}");
            stored[at] ^= 0x10;
        }
        stored.push(0);
        assert!(decode_record(height, &stored).is_err(), "a byte too many");
    }
}
