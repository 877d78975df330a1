//! Law 10: guest input is hostile. Bytes nobody meant well are decoded, deployed and called; what
//! comes out is a refusal or a receipt, never a panic and never an engine error.
//!
//! The module gate has its own tests beside it (`runtime/src/sandbox/prepare`); here the way
//! through the whole engine is tried.

use tos_runtime::{
    ContractId, ExecutionStatus, HaltReason, RevertReason, Transaction, TransactionType,
    UnverifiedBlock,
};

use crate::support::{
    COUNTER, Chain, Generator, Order, Rng, TOKEN, account, genesis, guest, receipt, wasm,
};

/// Changes a few bytes, cuts the end off or repeats a part.
fn damage(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..=rng.below(3) {
        let at = rng.below(damaged.len() as u64) as usize;
        match rng.below(6) {
            0 => damaged.truncate(at.max(1)),
            1 => damaged.extend_from_slice(&bytes[at.min(bytes.len() - 1)..]),
            2 => damaged[at] = 0xff,
            3 => damaged[at] = 0x80,
            _ => damaged[at] ^= 1 << rng.below(8),
        }
    }
    damaged
}

#[test]
fn law_10_damaged_bytes_are_decoded_or_refused_but_never_panic() {
    let mut chain = Chain::new(4);
    let mut generator = Generator::new(4, 3);
    let mut txs = generator.first_block();
    chain.run(txs.clone());
    txs.extend(generator.block(&chain.engine, 40));
    let context = chain.engine.next_context(1);
    let block = UnverifiedBlock { context, beneficiary: None, transactions: txs.clone() };
    let mut rng = Rng::new(17);
    let (mut decoded, mut refused) = (0, 0);
    for round in 0..2_000 {
        let tx = rng.pick(&txs).encode();
        let bytes = damage(&mut rng, &tx);
        match Transaction::decode(&bytes) {
            Ok(tx) => {
                // Two encodings of one transaction would be two ids of one payment.
                assert_eq!(tx.encode(), bytes, "round {round}: not canonical");
                let _ = chain.engine.verify(tx);
                decoded += 1;
            }
            Err(_) => refused += 1,
        }
        if round % 20 == 0 {
            let bytes = damage(&mut rng, &block.encode());
            if let Ok(block) = UnverifiedBlock::decode(&bytes)
                && let Ok(block) = chain.engine.verify_block(block)
            {
                let _ = chain.engine.execute_block(&block);
            }
        }
    }
    assert!(decoded > 100 && refused > 100, "decoded {decoded}, refused {refused}");
}

#[test]
fn law_10_stated_lengths_are_not_believed() {
    // A count of four billion in front of nothing must fail before anything of that size is asked
    // of the allocator: this test would be killed otherwise.
    let order = Order::new(TransactionType::Transfers(Vec::new()));
    let tx = order.signed(0, 0).encode();
    let count = tx.len() - 64 - 4;
    let mut bytes = tx.clone();
    bytes[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Transaction::decode(&bytes).is_err());
    let context = Chain::new(1).engine.next_context(0);
    let block = UnverifiedBlock { context, beneficiary: None, transactions: Vec::new() };
    let mut bytes = block.encode();
    let count = bytes.len() - 4;
    bytes[count..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(UnverifiedBlock::decode(&bytes).is_err());
}

#[test]
fn law_10_damaged_modules_are_refused_or_run_but_never_stop_the_engine() {
    let modules = [wasm(COUNTER), wasm(TOKEN), guest!("store"), guest!("trap"), guest!("events")];
    let entries = ["add", "bump", "transfer", "write", "read", "recurse", "many", "get"];
    let mut chain = Chain::new(30);
    let mut rng = Rng::new(6);
    let (mut deployed, mut refused) = (Vec::<ContractId>::new(), 0);
    for _ in 0..8 {
        let mut txs = Vec::new();
        for number in 0..25 {
            let module = rng.pick(&modules).clone();
            let code = damage(&mut rng, &module);
            txs.push(chain.send(number, Order::deploy(code, &[])));
        }
        for contract in deployed.drain(..) {
            let input = [account(1).to_bytes().as_slice(), &rng.next().to_le_bytes()].concat();
            let entry = *rng.pick(&entries);
            let order = Order::invoke(contract, entry, &input).gas_limit(100_000);
            txs.push(chain.send(25, order.access(contract, tos_runtime::AccessMode::Write)));
        }
        for receipt in chain.run(txs).into_iter().flatten() {
            refused += u32::from(matches!(
                receipt.status,
                ExecutionStatus::Reverted(RevertReason::ModuleRefused(_))
            ));
            deployed.extend(receipt.contract);
        }
    }
    assert!(refused > 20, "only {refused} were refused");
}

#[test]
fn law_10_no_loop_and_no_memory_is_unbounded() {
    let mut chain = Chain::new(4);
    let spin = chain.deploy(guest!("spin"), &[]);
    let grow = chain.deploy(guest!("grow"), &[]);
    let trap = chain.deploy(guest!("trap"), &[]);
    let txs = vec![
        chain.send(0, Order::invoke(spin, "spin", &[])),
        chain.send(1, Order::invoke(spin, "fill", &[])),
        chain.send(2, Order::invoke(trap, "recurse", &[])),
        chain.send(3, Order::invoke(grow, "grow", &u32::MAX.to_le_bytes())),
        chain.send(3, Order::invoke(grow, "grow", &63_u32.to_le_bytes()).gas_limit(2_000_000)),
        chain.send(3, Order::invoke(grow, "grow", &64_u32.to_le_bytes()).gas_limit(2_000_000)),
    ];
    let outcome = chain.execute(txs);
    for idx in 0..2 {
        let status = &receipt(&outcome, idx).status;
        assert_eq!(status, &ExecutionStatus::Halted(HaltReason::OutOfGas), "transaction {idx}");
    }
    assert!(matches!(receipt(&outcome, 2).status, ExecutionStatus::Halted(_)));
    let sizes = |result: i32, pages: i32| [result.to_le_bytes(), pages.to_le_bytes()].concat();
    // Every page asked for is paid for, granted or not.
    let out_of_gas = ExecutionStatus::Halted(HaltReason::OutOfGas);
    assert_eq!(receipt(&outcome, 3).status, out_of_gas);
    assert_eq!(receipt(&outcome, 4).return_data, sizes(1, 64));
    assert_eq!(receipt(&outcome, 5).return_data, sizes(-1, 1), "one page beyond the limit");
}

#[test]
fn law_10_extreme_numbers_are_numbers() {
    let max = u64::MAX;
    let gold = crate::support::GOLD;
    let mut chain = Chain::build(tos_runtime::ContractEngine::builder().genesis(genesis(8)));
    let token = chain.deploy(wasm(TOKEN), &max.to_le_bytes());
    let many = (0..256).map(|_| (account(1), gold, max)).collect();
    let orders = vec![
        Order::transfers(many),
        Order::burn(gold, max),
        Order::transfer(account(1), max),
        Order::transfer(account(1), 1).gas_price(max),
        Order::invoke(token, "add", &[]).deposit(gold, max),
        crate::support::Call::token_transfer(token, account(1), max),
    ];
    let txs = (2..).zip(orders).map(|(number, order)| chain.send(number, order)).collect();
    let outcome = chain.execute(txs);
    let codes = crate::support::codes(&outcome);
    assert_eq!(codes, [103, 103, 999, 999, 102, 100]);
}
