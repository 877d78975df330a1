//! LiteSVM on the common work: the token program it ships and the system program, one transaction
//! after the other, on accounts in memory.

use anyhow::{Context, ensure};
use litesvm::LiteSVM;
use peer::{Description, Engine, FUNDS, Ledger, Threads, Transfer, Work};
use solana_account::Account;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{Message, VersionedMessage};
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

/// The token program.
const TOKEN_PROGRAM: Address =
    Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// The system program.
const SYSTEM_PROGRAM: Address = Address::new_from_array([0; 32]);
/// The token.
const MINT: Address = Address::new_from_array([0xee; 32]);
/// What a transaction with one signature costs its sender.
const FEE: u64 = 5_000;
/// Rent that keeps accounts of these sizes alive, and more.
const RENT: u64 = 3_000_000;
/// Sizes of the token program's records, and where an account's balance is.
const MINT_LEN: usize = 82;
const ACCOUNT_LEN: usize = 165;
const AMOUNT: std::ops::Range<usize> = 64..72;

/// A bank on a state of its own.
struct Svm {
    work: Work,
    svm: LiteSVM,
    queue: Vec<VersionedTransaction>,
    /// Transactions so far; makes signatures differ.
    sent: u64,
    /// What everybody has paid in fees.
    fees: Vec<u64>,
}

/// Keys as random as real ones.
fn key(kind: u8, holder: usize) -> Address {
    let mut state = (holder as u64) << 8 | u64::from(kind);
    let mut bytes = [0; 32];
    for part in bytes.chunks_mut(8) {
        state = (state ^ (state >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        part.copy_from_slice(&(state ^ (state >> 29)).to_be_bytes());
    }
    Address::new_from_array(bytes)
}

fn wallet(holder: usize) -> Address {
    key(1, holder)
}

/// The account that holds somebody's tokens.
fn purse(holder: usize) -> Address {
    key(2, holder)
}

/// An account as the token program writes it: mint, owner, amount, no delegate, initialized, not
/// native, nothing delegated, no close authority.
fn purse_account(holder: usize) -> Account {
    let mut data = vec![0; ACCOUNT_LEN];
    data[..32].copy_from_slice(MINT.as_ref());
    data[32..64].copy_from_slice(wallet(holder).as_ref());
    data[AMOUNT].copy_from_slice(&FUNDS.to_le_bytes());
    data[108] = 1;
    owned_by_token(data)
}

/// A mint as the token program writes it: no authority, supply, no decimals, initialized.
fn mint_account(supply: u64) -> Account {
    let mut data = vec![0; MINT_LEN];
    data[36..44].copy_from_slice(&supply.to_le_bytes());
    data[45] = 1;
    owned_by_token(data)
}

fn owned_by_token(data: Vec<u8>) -> Account {
    Account { lamports: RENT, data, owner: TOKEN_PROGRAM, executable: false, rent_epoch: u64::MAX }
}

fn instruction(work: Work, transfer: &Transfer) -> Instruction {
    let &Transfer { from, to, amount } = transfer;
    match work {
        Work::Token => Instruction {
            program_id: TOKEN_PROGRAM,
            accounts: vec![
                AccountMeta::new(purse(from), false),
                AccountMeta::new(purse(to), false),
                AccountMeta::new_readonly(wallet(from), true),
            ],
            // `Transfer`.
            data: [&[3][..], &amount.to_le_bytes()].concat(),
        },
        Work::Plain => Instruction {
            program_id: SYSTEM_PROGRAM,
            accounts: vec![
                AccountMeta::new(wallet(from), true),
                AccountMeta::new(wallet(to), false),
            ],
            // `Transfer`, in bincode.
            data: [&2_u32.to_le_bytes()[..], &amount.to_le_bytes()].concat(),
        },
    }
}

impl Engine for Svm {
    type Ledger = Self;
    const WORKS: &[Work] = &[Work::Token, Work::Plain];

    fn description() -> Description {
        Description {
            name: "LiteSVM".into(),
            version: "0.16.0 (agave 4.2)".into(),
            works: Self::WORKS.into(),
            token: "p-token, SBF (SPL on mainnet)".into(),
            threads: Threads::Halves,
            includes: vec![
                "sanitizing, checks of blockhash, rent and fee; compute metering; logs".into(),
                "writing to the accounts in memory at once".into(),
            ],
            excludes: vec![
                "signatures (sigverify off), history of transactions (off), accounts' hashes"
                    .into(),
            ],
        }
    }

    fn open(work: Work, holders: usize, _: usize) -> anyhow::Result<Self> {
        let mut svm = LiteSVM::new().with_sigverify(false).with_transaction_history(0);
        let set = |svm: &mut LiteSVM, address, account| {
            svm.set_account(address, account).map_err(|error| anyhow::anyhow!("{error:?}"))
        };
        set(&mut svm, MINT, mint_account(FUNDS * holders as u64))?;
        for holder in 0..holders {
            let funded = Account { lamports: FUNDS, ..Account::default() };
            set(&mut svm, wallet(holder), funded)?;
            set(&mut svm, purse(holder), purse_account(holder))?;
        }
        Ok(Self { work, svm, queue: Vec::new(), sent: 0, fees: vec![0; holders] })
    }
}

impl Ledger for Svm {
    fn queue(&mut self, transfers: &[Transfer]) -> anyhow::Result<()> {
        let blockhash = self.svm.latest_blockhash();
        for transfer in transfers {
            let instruction = instruction(self.work, transfer);
            let payer = wallet(transfer.from);
            let message = Message::new_with_blockhash(&[instruction], Some(&payer), &blockhash);
            let mut signature = [0; 64];
            self.sent += 1;
            signature[..8].copy_from_slice(&self.sent.to_be_bytes());
            self.fees[transfer.from] += FEE;
            self.queue.push(VersionedTransaction {
                signatures: vec![Signature::from(signature)],
                message: VersionedMessage::Legacy(message),
            });
        }
        Ok(())
    }

    fn execute(&mut self) -> anyhow::Result<()> {
        for tx in self.queue.drain(..) {
            let sent = self.svm.send_transaction(tx);
            let meta = sent.map_err(|failed| anyhow::anyhow!("{failed:?}"))?;
            ensure!(meta.fee == FEE, "a fee of {}", meta.fee);
        }
        Ok(())
    }

    fn balance(&mut self, holder: usize) -> anyhow::Result<u64> {
        match self.work {
            Work::Plain => {
                let lamports = self.svm.get_balance(&wallet(holder));
                Ok(lamports.context("the holder is gone")? + self.fees[holder])
            }
            Work::Token => {
                let account = self.svm.get_account(&purse(holder));
                let data = account.context("the holder is gone")?.data;
                Ok(u64::from_le_bytes(data[AMOUNT].try_into()?))
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    peer::serve::<Svm>()
}

#[cfg(test)]
mod tests {
    #[test]
    fn balances_are_those_of_a_plain_list() {
        peer::rehearse::<super::Svm>().unwrap_or_else(|error| panic!("{error:#}"));
    }
}
