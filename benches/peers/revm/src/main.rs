//! revm on the common work: one transaction after the other on a state in memory.

mod assembler;

use anyhow::{Context as _, ensure};
use peer::{Description, Engine, FUNDS, Ledger, Threads, Transfer, Work};
use revm::context::TxEnv;
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::{Address, Bytes, TxKind, U256, keccak256};
use revm::state::{AccountInfo, Bytecode};
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm};

/// The token.
const ERC20: &str = include_str!("../contracts/erc20.asm");
/// `transfer(address,uint256)`.
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// More than a token transfer takes.
const TOKEN_GAS: u64 = 100_000;
/// What a plain transfer takes.
const PLAIN_GAS: u64 = 21_000;

type Db = CacheDB<EmptyDB>;

/// An EVM on a state of its own.
struct Revm {
    work: Work,
    token: Address,
    evm: MainnetEvm<revm::handler::MainnetContext<Db>>,
    queue: Vec<TxEnv>,
    /// The nonce of everybody's next transaction.
    nonces: Vec<u64>,
}

/// Addresses as random as real ones.
fn address(holder: usize) -> Address {
    Address::from_slice(&keccak256(holder.to_be_bytes())[12..])
}

/// Where the token keeps somebody's balance.
fn slot(holder: usize) -> U256 {
    let mut key = [0; 64];
    key[12..32].copy_from_slice(address(holder).as_slice());
    U256::from_be_bytes(keccak256(key).0)
}

impl Engine for Revm {
    type Ledger = Self;
    const WORKS: &[Work] = &[Work::Token, Work::Plain];

    fn description() -> Description {
        Description {
            name: "revm".into(),
            version: "43.0.3".into(),
            works: Self::WORKS.into(),
            token: "ERC-20 in EVM assembly".into(),
            threads: Threads::Halves,
            includes: vec![
                "checks of nonce, balance and gas limit; gas metering; log per token transfer"
                    .into(),
                "committing every transaction into CacheDB".into(),
            ],
            excludes: vec![
                "signatures, state root, receipts' encoding; gas price and base fee are 0".into(),
            ],
        }
    }

    fn open(work: Work, holders: usize, _: usize) -> anyhow::Result<Self> {
        let mut db = Db::default();
        let token = Address::repeat_byte(0xee);
        let code = Bytecode::new_raw(assembler::assemble(ERC20)?.into());
        db.insert_account_info(token, AccountInfo::default().with_code(code));
        for holder in 0..holders {
            let funded = AccountInfo::default().with_balance(U256::from(FUNDS));
            db.insert_account_info(address(holder), funded);
            db.insert_account_storage(token, slot(holder), U256::from(FUNDS))?;
        }
        let evm = Context::mainnet().with_db(db).build_mainnet();
        Ok(Self { work, token, evm, queue: Vec::new(), nonces: vec![0; holders] })
    }
}

impl Ledger for Revm {
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
        for &Transfer { from, to, amount } in transfers {
            let tx = TxEnv::builder().caller(address(from)).nonce(self.nonces[from]).gas_price(0);
            let tx = match self.work {
                Work::Plain => {
                    let value = U256::from(amount);
                    tx.gas_limit(PLAIN_GAS).kind(TxKind::Call(address(to))).value(value)
                }
                Work::Token => {
                    let mut input = TRANSFER.to_vec();
                    input.extend_from_slice(address(to).into_word().as_slice());
                    input.extend_from_slice(&U256::from(amount).to_be_bytes::<32>());
                    let input = Bytes::from(input);
                    tx.gas_limit(TOKEN_GAS).kind(TxKind::Call(self.token)).data(input)
                }
            };
            self.nonces[from] += 1;
            let tx = tx.build().map_err(|error| anyhow::anyhow!("{error:?}"))?;
            self.queue.push(tx);
        }
        Ok(())
    }

    fn execute(&mut self) -> anyhow::Result<()> {
        for tx in self.queue.drain(..) {
            let result = self.evm.transact_commit(tx).context("not valid")?;
            ensure!(result.is_success(), "{result:?}");
        }
        Ok(())
    }

    fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
        let accounts = &self.evm.ctx.journaled_state.database.cache.accounts;
        let balance = match self.work {
            Work::Plain => accounts.get(&address(holder)).map(|account| account.info.balance),
            Work::Token => {
                let token = accounts.get(&self.token).context("the token is gone")?;
                token.storage.get(&slot(holder)).copied()
            }
        };
        Ok(balance.context("the holder is gone")?.try_into()?)
    }
}

fn main() -> anyhow::Result<()> {
    peer::serve::<Revm>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn balances_are_those_of_a_plain_list() {
        peer::rehearse::<super::Revm>().unwrap_or_else(|error| panic!("{error:#}"));
    }
}
