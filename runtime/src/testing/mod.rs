//! Tests of contracts on the real engine, in this process, in milliseconds.
//!
//! A [`TestChain`] is a chain in memory with people who have names and money. Every block it makes is
//! executed sequentially and in parallel at several thread counts, and a difference is a panic that
//! says where: a test of a contract is a test of the engine too.
//!
//! ```no_run
//! use tos_runtime::testing::TestChain;
//!
//! let mut chain = TestChain::new();
//! let [alice, bob] = chain.accounts(["alice", "bob"]);
//! let token = chain.deploy(&alice, "wasm/token.wasm", 1_000_u64);
//!
//! chain.call(&alice, token, "transfer", (bob.address(), 10_u64)).expect_ok();
//! assert_eq!(chain.view::<u128>(token, "balance_of", bob.address()), 10);
//!
//! // Two holders pay different people: nobody waits.
//! let mut block = chain.block();
//! block.call(&alice, token, "transfer", (bob.address(), 1_u64));
//! block.call(&bob, token, "transfer", (alice.address(), 1_u64));
//! block.execute().expect_ok().assert_batches(2);
//! ```
//!
//! Arguments are whatever borsh encodes: one value, or a tuple of them. Nobody writes an access list:
//! the kit simulates the call. Where the contract has an access template, the kit compares: a template
//! that lacks an account fails the test and names it; one that declares too much shows in
//! [`Called::superfluous`].

mod account;
mod block;
mod called;
mod chain;
mod disk;
mod failing_storage;
mod figures;
mod fleet;
mod template;

pub use account::TestAccount;
pub use block::{BlockBuilder, ExecutedBlock, TestCall};
pub use called::Called;
pub use chain::{ContractCode, Snapshot, TestChain};
pub use disk::{DiskCall, DiskFault, Moment, Operation, Recording, SimulatedDisk, Survivors};
pub use failing_storage::{CommitFault, FailingStorage};
pub use figures::Figures;

/// The settings of wasmtime that contracts run with, for benchmarks of machine code; the pool holds
/// so many instances. They move with wasmtime's version; nothing else is promised about them.
///
/// # Errors
/// wasmtime does not know the target, which is a constant.
pub fn sandbox_config(instances: usize) -> wasmtime::Result<wasmtime::Config> {
    crate::sandbox::host_config(instances)
}
