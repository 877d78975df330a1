//! The gas of small programs, recorded beside them in `tests/gas/GAS.md`, so that a change of costs
//! is a diff somebody reads.
//!
//! To record anew: `TOS_RECORD_GAS=1 cargo test -p tos-runtime --test suite recorded_gas`, and
//! state under "State-affecting" in the change log what moved the numbers.

use std::fs;
use std::path::{Path, PathBuf};

use tos_runtime::{AccessMode, Address};

use crate::support::{Chain, Order, wasm};

/// The program whose contract's address every program is called with, to have somebody to call.
const CALLEE: &str = "nothing.wat";
/// Native units every program's contract has.
const MONEY: u64 = 1_000;

const HEAD: &str = "# Gas of small programs

What the entry `run` of each program in this folder costs beyond the intrinsic gas of its
transaction. Each is called once, by an engine with the default prices; its input is the address of
a contract to call, 33 bytes. The table is written by a test, and compared by it: see
`tests/suite/recorded_gas.rs`.

| Program | Gas | What it shows |
|---|---:|---|
";

/// A program of the folder: its name, its text.
struct Program {
    name: String,
    text: String,
}

impl Program {
    /// The first line of its text.
    fn what(&self) -> &str {
        let line = self.text.lines().next().unwrap_or_default();
        line.strip_prefix(";; ").unwrap_or_else(|| panic!("{} does not say what it is", self.name))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gas")
}

fn programs() -> Vec<Program> {
    let mut programs: Vec<_> = fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("it is listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wat"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("it is read");
            Program { name: name.into_owned(), text }
        })
        .collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    programs
}

/// The gas of each program, all of them executed in one block.
fn measure(programs: &[Program]) -> Vec<u64> {
    let mut chain = Chain::new(programs.len() as u64);
    let deployments = (0..)
        .zip(programs)
        .map(|(number, program)| chain.send(number, Order::deploy(wasm(&program.text), &[])))
        .collect();
    let contracts: Vec<_> = chain
        .run(deployments)
        .into_iter()
        .zip(programs)
        .map(|(result, program)| {
            let receipt = result.expect("it is included");
            receipt.contract.unwrap_or_else(|| panic!("{}: {}", program.name, receipt.status))
        })
        .collect();
    let money =
        contracts.iter().map(|contract| chain.send(0, Order::transfer(*contract, MONEY))).collect();
    chain.run(money);
    let callee = programs.iter().position(|program| program.name == CALLEE).expect("it is there");
    let input = Address::Contract(contracts[callee]).to_bytes();
    let orders: Vec<_> = contracts
        .iter()
        .map(|contract| {
            let order = Order::invoke(*contract, "run", &input).gas_limit(50_000_000);
            order.access(*contract, AccessMode::Write)
        })
        .collect();
    let calls =
        (0..).zip(&orders).map(|(number, order)| chain.send(number, order.clone())).collect();
    let results = chain.run(calls);
    let costs = &chain.engine.params().costs;
    results
        .into_iter()
        .zip(orders.into_iter().zip(programs))
        .map(|(result, (order, program))| {
            let receipt = result.expect("it is included");
            assert!(receipt.status.is_success(), "{}: {}", program.name, receipt.status);
            let intrinsic = costs.intrinsic(&order.unsigned(0, 0)).expect("it fits");
            receipt.gas_used.0 - intrinsic.0
        })
        .collect()
}

#[test]
fn recorded_gas_is_what_every_program_costs() {
    let programs = programs();
    assert!(programs.len() >= 30, "{} programs", programs.len());
    let rows: Vec<_> = programs
        .iter()
        .zip(measure(&programs))
        .map(|(program, gas)| format!("| `{}` | {gas} | {} |", program.name, program.what()))
        .collect();
    let table = folder().join("GAS.md");
    let found = format!("{HEAD}{}\n", rows.join("\n"));
    if std::env::var_os("TOS_RECORD_GAS").is_some() {
        fs::write(&table, &found).expect("it is written");
        return;
    }
    let recorded = fs::read_to_string(&table).expect("the table is there");
    let changed: Vec<_> = rows
        .iter()
        .filter(|row| !recorded.lines().any(|line| line == **row))
        .map(|row| format!("now      {row}"))
        .chain(
            recorded
                .lines()
                .filter(|line| line.starts_with("| `") && !rows.iter().any(|row| row == line))
                .map(|line| format!("recorded {line}")),
        )
        .collect();
    assert!(
        changed.is_empty() && recorded == found,
        "programs cost something else than recorded:\n{}\nIf that is meant: TOS_RECORD_GAS=1 cargo \
         test -p tos-runtime --test suite recorded_gas",
        changed.join("\n")
    );
}
