//! What the tests of the contracts share: where the built bytes are, and the figures of each.

mod readme;

use borsh::BorshDeserialize;
use tos_runtime::testing::{Called, Figures};
use tos_runtime::{Address, Event};

/// Where the built bytes of a contract are.
#[must_use]
pub fn wasm(contract: &str) -> String {
    format!("{}/../wasm/{contract}.wasm", env!("CARGO_MANIFEST_DIR"))
}

/// Where the figures of a contract are.
fn recorded(contract: &str) -> String {
    format!("{}/figures/{contract}.txt", env!("CARGO_MANIFEST_DIR"))
}

/// The gas of a contract's calls, and the size of its module: recorded in `figures/` and shown in the
/// contracts' README, compared from then on.
pub struct Record {
    contract: &'static str,
    figures: Figures,
}

impl Record {
    /// The record of a contract.
    ///
    /// # Panics
    /// When the contract is not built.
    #[track_caller]
    pub fn of(contract: &'static str) -> Self {
        let module = std::fs::metadata(wasm(contract));
        let module_len = module.unwrap_or_else(|error| panic!("{contract}: {error}")).len();
        let mut figures = Figures::in_file(recorded(contract));
        figures.add("module, bytes", module_len);
        Self { contract, figures }
    }

    /// Demands that a call succeeds and its access template says exactly what it touches; notes its
    /// gas.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn gas(&mut self, what: &str, called: Called) -> Called {
        let called = exact(called);
        self.figures.add(&format!("{what}, gas"), called.gas_used().0);
        called
    }

    /// Compares with what is recorded and what the README shows, or records and shows.
    ///
    /// # Panics
    /// When a figure differs.
    #[track_caller]
    pub fn check(self) {
        self.figures.check();
        readme::show(self.contract);
    }
}

/// Demands that a call succeeds and its access template says exactly what it touches.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn exact(called: Called) -> Called {
    let called = called.expect_ok();
    assert!(called.superfluous.is_empty(), "the template declares too much: {called:?}");
    called
}

/// Demands that an event has this name and these addresses as its topics; returns its data.
///
/// # Panics
/// When it has others, or its data is no `T`.
#[track_caller]
pub fn event<T: BorshDeserialize>(event: &Event, name: &str, topics: &[Address]) -> T {
    let mut first = [0; 32];
    first[..name.len()].copy_from_slice(name.as_bytes());
    let identity = |address: &Address| match address {
        Address::Key(key) => key.0,
        Address::Contract(contract) => contract.0,
    };
    let expected: Vec<_> = [first].into_iter().chain(topics.iter().map(identity)).collect();
    let found: Vec<_> = event.topics.iter().map(|topic| topic.0).collect();
    assert_eq!(found, expected, "the topics of {name}");
    borsh::from_slice(&event.data).unwrap_or_else(|error| panic!("the data of {name}: {error}"))
}
