//! BLAKE3 of long inputs, shared by several workers. BLAKE3 is a tree over chunks of 1 KiB: an
//! input is cut into sub-trees of a fixed length, each is hashed on its own, and their chaining
//! values are merged as the specification says. The result is `blake3::hash` of the whole input,
//! whoever hashed what; the tests below hold it to that.
//!
//! Worked example, with sub-trees of one chunk and an input of three and a bit:
//!
//! ```text
//! chaining values   a   b   c   d      d is short, which only the last may be
//! merge in pairs    ab      cd
//! merge, as root    abcd
//! ```

use std::fmt;
use std::ops::Range;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use tos_host_api::Hash;

use crate::planted::{Bug, planted};

/// Bytes of one sub-tree: a power of two of chunks, long enough that handing it to a worker costs
/// next to nothing, short enough that the last one is not waited for.
const SUBTREE_LEN: usize = 1 << 18;

/// Bytes in several pieces, in order. What counts is their concatenation, which nobody has to
/// build: encodings are made in parts and only ever hashed and written.
#[derive(Default)]
pub(crate) struct Rope {
    pieces: Vec<Vec<u8>>,
    /// Where each piece ends in the whole.
    ends: Vec<usize>,
}

impl Rope {
    /// The concatenation of these pieces.
    pub(crate) fn new(mut pieces: Vec<Vec<u8>>) -> Self {
        pieces.retain(|piece| !piece.is_empty());
        let mut len = 0;
        let end = |piece: &Vec<u8>| {
            len += piece.len();
            len
        };
        let ends = pieces.iter().map(end).collect();
        Self { pieces, ends }
    }

    /// Length of the whole in bytes.
    pub(crate) fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The whole as one piece; copies nothing if it is one.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        if self.pieces.len() == 1 { self.pieces.remove(0) } else { self.pieces.concat() }
    }

    /// The pieces, in order; none is empty.
    pub(crate) fn pieces(&self) -> &[Vec<u8>] {
        &self.pieces
    }

    /// How many sub-trees there are to hash; none for an input that is best hashed at once.
    pub(crate) fn subtrees(&self) -> usize {
        if self.len() <= SUBTREE_LEN { 0 } else { self.len().div_ceil(SUBTREE_LEN) }
    }

    /// The chaining value of one sub-tree.
    pub(crate) fn subtree(&self, idx: usize) -> ChainingValue {
        let start = idx * SUBTREE_LEN;
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(if planted(Bug::SubtreesAllFirst) { 0 } else { start as u64 });
        self.feed(start..self.len().min(start + SUBTREE_LEN), &mut hasher);
        hasher.finalize_non_root()
    }

    /// BLAKE3 of the whole, given the chaining values of all [`Rope::subtrees`].
    pub(crate) fn hash(&self, subtrees: Vec<ChainingValue>) -> Hash {
        debug_assert_eq!(subtrees.len(), self.subtrees(), "one value per sub-tree");
        let mut level = subtrees;
        while level.len() > 2 {
            // One without a neighbour moves up as it is.
            let merged = level.chunks(2).map(|pair| match pair {
                [left, right] => merge_subtrees_non_root(left, right, Mode::Hash),
                _ => pair[0],
            });
            level = merged.collect();
        }
        if let [left, right] = level.as_slice() {
            return Hash(*merge_subtrees_root(left, right, Mode::Hash).as_bytes());
        }
        let mut hasher = blake3::Hasher::new();
        self.feed(0..self.len(), &mut hasher);
        Hash(*hasher.finalize().as_bytes())
    }

    /// Hands the bytes of a range to a hasher.
    fn feed(&self, range: Range<usize>, hasher: &mut blake3::Hasher) {
        let first = self.ends.partition_point(|end| *end <= range.start);
        for (piece, end) in self.pieces[first..].iter().zip(&self.ends[first..]) {
            let start = end - piece.len();
            if start >= range.end {
                break;
            }
            let from = range.start.saturating_sub(start);
            let to = piece.len().min(range.end - start);
            hasher.update(&piece[from..to]);
        }
    }
}

impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rope({} bytes in {} pieces)", self.len(), self.pieces.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The digest by sub-trees of these bytes, cut at these places.
    fn by_subtrees(bytes: &[u8], cuts: &[usize]) -> Hash {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let rope = Rope::new(cuts.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec()).collect());
        assert_eq!(rope.len(), bytes.len());
        rope.hash((0..rope.subtrees()).map(|idx| rope.subtree(idx)).collect())
    }

    fn check(bytes: &[u8], cuts: &[usize]) {
        let expected = Hash(*blake3::hash(bytes).as_bytes());
        assert_eq!(by_subtrees(bytes, cuts), expected, "{} bytes, cut at {cuts:?}", bytes.len());
    }

    /// Bytes that differ from chunk to chunk.
    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|idx| (idx % 251) as u8 ^ (idx >> 10) as u8).collect()
    }

    #[test]
    fn lengths_around_every_boundary_hash_as_blake3_does() {
        let input = bytes(9 * SUBTREE_LEN + 2);
        for subtrees in 0..=9 {
            for chunk in [0, 1024, SUBTREE_LEN / 2] {
                for off in [-1_isize, 0, 1] {
                    let len = (subtrees * SUBTREE_LEN + chunk).checked_add_signed(off);
                    let Some(len) = len.filter(|len| *len <= input.len()) else { continue };
                    check(&input[..len], &[len / 3, SUBTREE_LEN + 5]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_length_in_any_pieces_hashes_as_blake3_does(
            len in 0..7 * SUBTREE_LEN,
            cuts in proptest::collection::vec(any::<usize>(), 0..20),
        ) {
            check(&bytes(len), &cuts);
        }
    }
}
