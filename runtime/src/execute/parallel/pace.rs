//! How long calls take on this machine, beside what was guessed. Declared gas is a bound, and what
//! happens within it takes from a thirtieth of a nanosecond to two per gas, so whether a block is
//! worth another worker is judged by the blocks before it. No result depends on it.

use std::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};

/// Parts of the guess that are no more and no less than it.
const AS_GUESSED: u64 = 64;
/// The least that is believed of a guess, and the most: what is further off is no pace of calls.
const BELIEVED: (u64, u64) = (AS_GUESSED / 8, AS_GUESSED * 64);

/// What calls take of what is guessed, learned from block to block.
pub(crate) struct Pace {
    /// In parts of [`AS_GUESSED`]. Relaxed: nothing else is read or written by its value.
    parts: AtomicU64,
}

impl Pace {
    /// What a guess comes to.
    pub(super) fn scale(&self, guess_ns: u64) -> u64 {
        // Saturating: load balancing, not gas that anyone pays.
        guess_ns.saturating_mul(self.parts.load(Ordering::Relaxed)) / AS_GUESSED
    }

    /// Learns from a block: an eighth up or down, however far off the guess was. So the pace is about
    /// a median of the last blocks, and one that was held up for milliseconds by another process
    /// counts as little as any other.
    pub(super) fn learn(&self, guess_ns: u64, took: Duration) {
        let parts = self.parts.load(Ordering::Relaxed);
        let is_slower = took.as_nanos() > u128::from(self.scale(guess_ns));
        let next = if is_slower { parts + parts / 8 } else { parts - parts / 8 };
        self.parts.store(next.clamp(BELIEVED.0, BELIEVED.1), Ordering::Relaxed);
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { parts: AtomicU64::new(AS_GUESSED) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a guess of 1,000 comes to after blocks of which each took so long instead.
    fn after(pace: &Pace, blocks: usize, took_ns: u64) -> u64 {
        (0..blocks).for_each(|_| pace.learn(1_000, Duration::from_nanos(took_ns)));
        pace.scale(1_000)
    }

    #[test]
    fn the_pace_follows_what_blocks_take() {
        let pace = Pace::default();
        assert_eq!(pace.scale(1_000), 1_000);
        for took in [500, 30_000, 1_000, 4_000] {
            let learned = after(&pace, 60, took);
            assert!(learned.abs_diff(took) <= took / 5, "{learned} of {took}");
        }
    }

    #[test]
    fn one_block_that_was_held_up_says_little() {
        let pace = Pace::default();
        assert!(after(&pace, 1, 10_000_000) < 1_200);
        // Nor does what is believed run away.
        assert_eq!(after(&pace, 500, u64::MAX), 64_000);
        assert_eq!(after(&pace, 500, 0), 125);
    }
}
