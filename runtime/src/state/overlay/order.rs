//! Puts the accounts of a block into the order of their keys, as fast as integers sort.
//!
//! An account is ranked by the first 64 bits of its address; what ties is ranked again by the next
//! ones. Addresses are keys and hashes, so nothing ties by chance, and where somebody invents
//! addresses that do, each of the five rounds is again a sort of integers.

use std::ops::Range;

use tos_host_api::Address;

use super::Overlay;
use crate::planted::{Bug, planted};
use crate::schedule::AccountIdx;

/// An account on its way into order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked {
    rank: u64,
    pub(crate) account: AccountIdx,
}

/// Rounds after which addresses that still tie are equal.
const ROUNDS: usize = 5;

/// Addresses looked at for each border between ranges. More make ranges more even.
const SAMPLES_PER_BORDER: usize = 16;

/// 64 bits of an address: of two addresses that agree in all rounds before, the smaller one has the
/// smaller bits, or the same.
fn rank(address: &Address, round: usize) -> u64 {
    let (tag, identity) = match address {
        Address::Key(key) => (0, &key.0),
        Address::Contract(contract) => (1 << 63, &contract.0),
    };
    // The kind of address takes the place of a bit, which the second round looks at first.
    let start = [0, 7, 15, 23, 24][round];
    let (_, from) = identity.split_at(start);
    let (bits, _) = from.split_first_chunk::<8>().expect("the last round ends where the id does");
    let bits = u64::from_be_bytes(*bits);
    if round == 0 { tag | bits >> 1 } else { bits }
}

/// Sorts by the address that `address` tells.
fn sort<'a>(ranked: &mut [Ranked], address: &impl Fn(AccountIdx) -> &'a Address, round: usize) {
    ranked.sort_unstable_by_key(|account| account.rank);
    if round + 1 == ROUNDS {
        return;
    }
    for tied in ranked.chunk_by_mut(|a, b| a.rank == b.rank) {
        if tied.len() > 1 && !planted(Bug::TiesUnsorted) {
            for account in &mut *tied {
                account.rank = rank(address(account.account), round + 1);
            }
            sort(tied, address, round + 1);
        }
    }
}

impl Overlay {
    /// The borders that divide the block's accounts into `ranges` of about the same size. Which
    /// ones they are changes nothing but who sorts what.
    pub(crate) fn borders(&self, ranges: usize) -> Vec<u64> {
        if ranges < 2 {
            return Vec::new();
        }
        let step = (self.len() / (ranges * SAMPLES_PER_BORDER)).max(1);
        let sampled = (0..self.len()).step_by(step);
        let mut sample: Vec<u64> = sampled.map(|idx| rank(&self.addresses[idx], 0)).collect();
        sample.sort_unstable();
        (1..ranges).map(|border| sample[sample.len() * border / ranges]).collect()
    }

    /// The accounts in `range` that the block touched, by the range between `borders` they are in.
    pub(crate) fn touched(&self, range: Range<usize>, borders: &[u64]) -> Vec<Vec<Ranked>> {
        let expected = range.len() / (borders.len() + 1) + 16;
        let mut ranges: Vec<_> =
            (0..=borders.len()).map(|_| Vec::with_capacity(expected)).collect();
        for (account, idx) in (range.start as AccountIdx..).zip(range) {
            if self.is_touched(idx) {
                let rank = rank(&self.addresses[idx], 0);
                let between = borders.partition_point(|border| *border <= rank);
                ranges[between].push(Ranked { rank, account });
            }
        }
        ranges
    }

    /// Sorts accounts by address.
    pub(crate) fn sort(&self, ranked: &mut [Ranked]) {
        sort(ranked, &|account| &self.addresses[account as usize], 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tos_host_api::{ContractId, PublicKey};

    use super::*;

    proptest! {
        #![proptest_config(match cfg!(miri) {
            true => ProptestConfig::with_cases(5),
            false => ProptestConfig::default(),
        })]

        #[test]
        fn addresses_sort_as_they_compare(
            // Few different bytes at few places, so that every round has something to decide.
            places in proptest::collection::vec((any::<bool>(), 0..32_usize, 0..3_u8), 0..60),
        ) {
            let address = |(contract, place, value): &(bool, usize, u8)| {
                let mut id = [7; 32];
                id[*place] = 6 + value;
                if *contract { ContractId(id).into() } else { Address::Key(PublicKey(id)) }
            };
            let addresses: Vec<Address> = places.iter().map(address).collect();
            let rank_of = |address| rank(address, 0);
            let mut ranked: Vec<Ranked> = (0..)
                .zip(&addresses)
                .map(|(account, address)| Ranked { rank: rank_of(address), account })
                .collect();
            sort(&mut ranked, &|account| &addresses[account as usize], 0);
            let found: Vec<_> = ranked.iter().map(|it| addresses[it.account as usize]).collect();
            let mut expected = addresses.clone();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
