//! TOS Runtime on the common work: blocks of transactions, from verified block to receipts, change
//! set and digests.

use anyhow::{Context, ensure};
use peer::{Description, Engine, FUNDS, Ledger, Threads, Transfer, Work};
use tos_benches::{Order, World, chain};
use tos_runtime::{
    Amount, AssetId, Block, BlockOutcome, ContractEngine, EngineConfig, MemoryStorage,
};

/// Who has which keys.
const SEED: u64 = 7;

/// An engine on a chain of its own.
struct Tos {
    work: Work,
    engine: ContractEngine,
    world: World,
    block: Option<Block>,
    outcome: Option<BlockOutcome>,
    /// Who sent what is queued.
    senders: Vec<usize>,
    /// What everybody had in native units when measuring began.
    native_before: Vec<u128>,
    /// What everybody has paid in fees since.
    fees: Vec<u128>,
}

impl Engine for Tos {
    type Ledger = Self;
    const WORKS: &[Work] = &[Work::Token, Work::Plain];

    fn description() -> Description {
        Description {
            name: "TOS Runtime".into(),
            version: concat!(env!("CARGO_PKG_VERSION"), " (this repository)").into(),
            works: Self::WORKS.into(),
            token: "contracts/token, Rust".into(),
            threads: Threads::Native,
            includes: vec![
                "access sets, schedule, checks of nonce, fee and balance".into(),
                "gas metering inside the guest; event per token transfer".into(),
                "receipts, sorted change set, BLAKE3 digests of the block".into(),
            ],
            excludes: vec![
                "signatures (verified before)".into(),
                "applying the change set to the state of the tip, and making it durable".into(),
            ],
        }
    }

    fn open(work: Work, holders: usize, threads: usize) -> anyhow::Result<Self> {
        let mut world = World::new(holders, SEED);
        let config = EngineConfig { max_parallel_threads: threads, ..EngineConfig::default() };
        let builder = ContractEngine::builder()
            .storage(MemoryStorage::new())
            .config(config)
            .genesis(world.genesis());
        let engine = builder.build()?;
        chain::set_up(&engine, &mut world)?;
        let mut tos = Self {
            work,
            engine,
            world,
            block: None,
            outcome: None,
            senders: Vec::new(),
            native_before: Vec::new(),
            fees: vec![0; holders],
        };
        tos.native_before = (0..holders).map(|it| tos.native(it)).collect::<Result<_, _>>()?;
        Ok(tos)
    }
}

impl Tos {
    fn native(&self, holder: usize) -> anyhow::Result<u128> {
        let Amount(units) = self.engine.balance(&self.world.address(holder), AssetId::NATIVE)?;
        Ok(units.into())
    }
}

impl Ledger for Tos {
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
        let token = self.world.contracts().token;
        let world = &mut self.world;
        let sign = |&Transfer { from, to, amount }: &Transfer| {
            let receiver = world.address(to);
            let order = match self.work {
                Work::Token => Order::token_transfer(token, receiver, amount),
                Work::Plain => Order::transfer(receiver, Amount(amount)),
            };
            world.send(from, order)
        };
        let signed = transfers.iter().map(sign).collect();
        self.block = Some(chain::next_block(&self.engine, &self.world, signed)?);
        self.senders = transfers.iter().map(|transfer| transfer.from).collect();
        Ok(())
    }

    fn execute(&mut self) -> anyhow::Result<()> {
        let block = self.block.as_ref().context("nothing is queued")?;
        self.outcome = Some(self.engine.execute_block(block)?);
        Ok(())
    }

    fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
        self.commit()?;
        if self.work == Work::Plain {
            let before = self.native_before[holder];
            let now = self.native(holder)? + self.fees[holder] + u128::from(FUNDS);
            return Ok((now - before).try_into()?);
        }
        let token = self.world.contracts().token;
        let input = self.world.address(holder).to_bytes();
        let view = self.engine.view(token, "balance_of", &input)?;
        ensure!(view.status.is_success(), "{}", view.status);
        let units = view.return_data.as_slice().try_into().context("no balance")?;
        Ok(u128::from_le_bytes(units).try_into()?)
    }
}

impl Tos {
    /// Puts what was executed into the state, the first time it is asked for.
    fn commit(&mut self) -> anyhow::Result<()> {
        let Some(outcome) = self.outcome.take() else { return Ok(()) };
        for (result, &sender) in outcome.results().iter().zip(&self.senders) {
            let receipt = result.as_ref().map_err(|invalid| anyhow::anyhow!("{invalid}"))?;
            ensure!(receipt.status.is_success(), "{}", receipt.status);
            self.fees[sender] += u128::from(receipt.fee.0);
        }
        self.engine.commit(outcome)?;
        self.block = None;
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    peer::serve::<Tos>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn balances_are_those_of_a_plain_list() {
        peer::rehearse::<super::Tos>().unwrap_or_else(|error| panic!("{error:#}"));
    }
}
