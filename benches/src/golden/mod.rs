//! The golden chain: 500 blocks of everything, from a fixed seed, and the digests they must have on
//! every machine, with every compiler, in every environment, for ever.
//!
//! `chain.txt` beside this file has, for every block, four short hashes: of the transactions, of what
//! they changed, of the receipts, and of the whole history. The first line that differs tells which
//! of the four moved first: when it is the transactions, somebody changed the workload; otherwise the
//! protocol changed: gas, receipts, encodings or rules. Recording anew is an explicit act, to be
//! stated under "State-affecting" in the change log: `tos-node golden --record FILE`.

mod blocks;
mod orders;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tos_runtime::{
    BlockOutcome, ContractEngine, EngineConfig, EngineError, Hash, MemoryStorage, UnverifiedBlock,
};

pub use self::blocks::Author;

/// How many blocks the chain has.
pub const BLOCKS: u64 = 500;

/// What they must come to.
pub const RECORDED: &str = include_str!("chain.txt");

/// Blocks that were replayed.
#[derive(Debug, Default)]
pub struct Replay {
    /// One line for each block, as it is recorded.
    pub lines: Vec<String>,
    /// State digest of the last block.
    pub tip: Hash,
    /// Transactions by status code; 999 is not included.
    pub by_code: BTreeMap<u32, usize>,
}

/// Replays the first blocks of the chain on an engine with these choices.
///
/// # Errors
/// Those of the engine.
pub fn replay(blocks: u64, config: EngineConfig) -> Result<Replay, EngineError> {
    let mut author = Author::default();
    let builder = ContractEngine::builder().storage(MemoryStorage::new()).config(config);
    let engine = builder.genesis(author.genesis()).build()?;
    let mut replay = Replay::default();
    for height in 1..=blocks {
        let transactions = author.next_block();
        let mut ids = blake3::Hasher::new();
        for tx in &transactions {
            ids.update(&tx.id().0);
        }
        let block = engine.verify_block(UnverifiedBlock {
            // Made up: a clock would give every replay another chain.
            context: engine.next_context(1_000 * height),
            beneficiary: author.beneficiary(height),
            transactions,
        })?;
        let outcome = engine.execute_block(&block)?;
        replay.add(Hash(*ids.finalize().as_bytes()), &outcome);
        engine.commit(outcome)?;
    }
    Ok(replay)
}

impl Replay {
    fn add(&mut self, ids: Hash, outcome: &BlockOutcome) {
        for result in outcome.results() {
            let code = result.as_ref().map_or(999, |receipt| receipt.status.code());
            *self.by_code.entry(code).or_default() += 1;
        }
        let mut line = outcome.context().topoheight.to_string();
        let hashes = [ids, outcome.delta_hash(), outcome.receipts_hash(), outcome.state_digest()];
        for hash in hashes {
            let _ = write!(line, " {}", short(&hash));
        }
        self.lines.push(line);
        self.tip = outcome.state_digest();
    }

    /// How many transactions there were.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.by_code.values().sum()
    }

    /// Compares with what is recorded of as many blocks.
    ///
    /// # Errors
    /// The first line that differs, and what is different about it.
    pub fn check(&self) -> Result<(), String> {
        self.compare(RECORDED)
    }

    fn compare(&self, recorded: &str) -> Result<(), String> {
        let recorded: Vec<&str> = recorded.lines().filter(|line| !line.starts_with('#')).collect();
        if self.lines.len() > recorded.len() {
            return Err(format!("only {} blocks are recorded", recorded.len()));
        }
        for (recorded, found) in recorded.into_iter().zip(&self.lines) {
            if recorded != found {
                let names = ["the height", "the transactions", "what they changed", "the receipts"];
                let fields = recorded.split(' ').zip(found.split(' '));
                let same = fields.take_while(|(recorded, found)| recorded == found).count();
                let what = names.get(same).unwrap_or(&"the history");
                return Err(format!("{what} differ: recorded {recorded}, found {found}"));
            }
        }
        Ok(())
    }

    /// What `chain.txt` holds.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# Height, then the first 8 bytes of the hashes of transaction ids, change set, receipts\n\
             # and history. Recorded with `tos-node golden --record`.\n",
        );
        for line in &self.lines {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// The first 8 bytes of a hash.
fn short(hash: &Hash) -> String {
    hash.0[..8].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_chain_is_what_it_was_and_has_everything_in_it() {
        let config = EngineConfig { enable_parallel_execution: false, ..EngineConfig::default() };
        let replay = replay(BLOCKS, config).expect("it replays");
        replay.check().expect("the recorded chain");
        assert_eq!(RECORDED.lines().count() as u64, BLOCKS + 2, "all blocks are recorded");
        // A chain in which nothing fails would say little.
        for code in [0, 100, 101, 102, 103, 104, 105, 106, 200, 201, 202, 204, 999] {
            assert!(replay.by_code.contains_key(&code), "nothing ended with {code}: {replay:?}");
        }
        assert!(replay.by_code[&0] * 2 > replay.transactions(), "most fail: {:?}", replay.by_code);
    }

    #[test]
    fn a_difference_is_found_and_named() {
        let config = || EngineConfig { max_parallel_threads: 2, ..EngineConfig::default() };
        let replay = replay(3, config()).expect("it replays");
        replay.check().expect("the recorded chain");
        for (column, what) in
            ["the height", "the transactions", "what they changed", "the receipts"]
                .into_iter()
                .enumerate()
        {
            let mut fields: Vec<String> = replay.lines[1].split(' ').map(String::from).collect();
            fields[column] = "00".into();
            let mut lines = replay.lines.clone();
            lines[1] = fields.join(" ");
            let error = replay.compare(&lines.join("\n")).expect_err("a line differs");
            assert!(error.starts_with(what), "{error}");
        }
        assert!(replay.compare("1 a b").is_err(), "nothing more is recorded");
    }
}
