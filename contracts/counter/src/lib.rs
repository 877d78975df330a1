//! A shared counter, twice, to show what an access mode costs: `add` adds without reading, so any
//! number of callers run side by side; `bump` reads and writes, so they run one after the other.
#![no_std]

use tos_sdk::prelude::*;

/// A counter everybody can add to.
#[contract]
pub struct SharedCounter {
    /// What `add` adds to.
    total: Counter,
    /// What `bump` counts.
    bumps: Value<u64>,
}

#[entries]
impl SharedCounter {
    /// Adds an amount.
    #[access(contract: credit)]
    pub fn add(&mut self, amount: u64) {
        self.total.add(amount);
    }

    /// Counts one more call and returns how many there were.
    #[access(contract: write)]
    pub fn bump(&mut self) -> u64 {
        let bumps = self.bumps.load_or_default() + 1;
        self.bumps.set(&bumps);
        bumps
    }

    /// The total of all additions.
    pub fn get(&self) -> u128 {
        self.total.get()
    }
}
