//! The work: who pays whom how much. Knows nothing of engines.

use serde::{Deserialize, Serialize};

/// What every holder begins with, in units of the token or of the native money.
pub const FUNDS: u64 = 1_000_000_000;

/// A transfer is of one up to this many units.
const AMOUNT_MAX: u64 = 100;

/// What is transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// A token, through a contract.
    Token,
    /// Native money, without a contract.
    Plain,
}

/// One payment between holders, who are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Who pays.
    pub from: usize,
    /// Who is paid.
    pub to: usize,
    /// How many units, at least one.
    pub amount: u64,
}

/// One round: each of the first `txs` holders pays one of the next `txs` holders, nobody is paid
/// twice, and who pays whom how much changes from round to round.
pub(crate) fn transfers(txs: usize, round: u64) -> Vec<Transfer> {
    let mut random = Random(round);
    let mut receivers: Vec<_> = (txs..2 * txs).collect();
    for idx in (1..receivers.len()).rev() {
        receivers.swap(idx, random.below(idx as u64 + 1) as usize);
    }
    let transfer = |(from, to)| Transfer { from, to, amount: 1 + random.below(AMOUNT_MAX) };
    receivers.into_iter().enumerate().map(transfer).collect()
}

/// SplitMix64: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What everybody should have, by adding and subtracting.
pub(crate) struct Balances(Vec<u64>);

impl Balances {
    pub(crate) fn new(holders: usize) -> Self {
        Self(vec![FUNDS; holders])
    }

    pub(crate) fn apply(&mut self, transfers: &[Transfer]) {
        for transfer in transfers {
            self.0[transfer.from] -= transfer.amount;
            self.0[transfer.to] += transfer.amount;
        }
    }

    /// Compares all balances with what `balance` says of each holder.
    pub(crate) fn check(
        &self,
        mut balance: impl FnMut(usize) -> anyhow::Result<u64>,
    ) -> anyhow::Result<()> {
        for (holder, &expected) in self.0.iter().enumerate() {
            let found = balance(holder)?;
            anyhow::ensure!(found == expected, "holder {holder}: {found} instead of {expected}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_pays_or_is_paid_once() {
        for round in 0..3 {
            let mut seen: Vec<_> =
                transfers(50, round).iter().flat_map(|it| [it.from, it.to]).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..100).collect::<Vec<_>>());
        }
        assert_ne!(transfers(50, 0), transfers(50, 1));
    }
}
