//! Sorting by shard of the hot state, which is counting: there are few shards.

use std::ops::Range;

use super::SHARDS;
use crate::schedule::index_u32;

/// Where the elements of a list are by shard.
pub(crate) struct ByShard {
    /// Positions in the list, shard after shard, ascending within one.
    positions: Vec<u32>,
    /// By shard: where its positions start in `positions`; one more element closes the last.
    starts: Vec<u32>,
}

impl ByShard {
    /// Of elements that are in these shards.
    pub(crate) fn of(shards: impl ExactSizeIterator<Item = usize> + Clone) -> Self {
        let mut starts = vec![0; SHARDS + 1];
        for shard in shards.clone() {
            starts[shard + 1] += 1;
        }
        for shard in 0..SHARDS {
            starts[shard + 1] += starts[shard];
        }
        let mut next = starts.clone();
        let mut positions = vec![0; shards.len()];
        for (position, shard) in shards.enumerate() {
            let place = &mut next[shard];
            positions[*place as usize] = index_u32(position);
            *place += 1;
        }
        Self { positions, starts }
    }

    /// Positions of the elements in these shards, shard after shard.
    pub(crate) fn positions(&self, shards: Range<usize>) -> &[u32] {
        let start = self.starts[shards.start] as usize;
        let end = self.starts[shards.end] as usize;
        &self.positions[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_puts_every_position_where_sorting_does() {
        let shards: Vec<_> = (0..2_000).chain(5_000..5_003).map(|it| it * it % 61).collect();
        let by_shard = ByShard::of(shards.iter().copied());
        let mut sorted: Vec<u32> = (0..index_u32(shards.len())).collect();
        sorted.sort_by_key(|&at| shards[at as usize]);
        assert_eq!(by_shard.positions(0..SHARDS), sorted);
        let shards_of = |range: Range<usize>| {
            let positions = by_shard.positions(range).iter();
            positions.map(|&at| shards[at as usize]).collect::<Vec<_>>()
        };
        assert!(shards_of(3..20).iter().all(|shard| (3..20).contains(shard)));
        let parts = [0..3, 3..20, 20..SHARDS].map(shards_of);
        assert_eq!(parts.concat(), shards_of(0..SHARDS), "ranges side by side are the whole");
        assert!(ByShard::of(std::iter::empty()).positions(0..SHARDS).is_empty());
    }
}
