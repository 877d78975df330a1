//! Chains with a hostile guest on them: person 0 has deployed it, person 1 calls it.

use tos_host_api::functions::ValueType;
use tos_runtime::{
    AccessMode, Address, ContractId, ExecutionStatus, HaltReason, HostFunction, Receipt,
};

use super::{Chain, GOLD, HOSTILE, Order, RAW, account, receipt, wasm};

/// Gas for one attack: enough for everything that is meant to end by itself.
const GAS: u64 = 50_000_000;
/// Gas for one attack that halts: all of it may be spent in a loop.
const GAS_LOST: u64 = 10_000_000;

/// A chain with one hostile guest.
pub(crate) struct Hostile {
    pub(crate) chain: Chain,
    pub(crate) contract: ContractId,
}

impl Hostile {
    /// With `hostile.wat`.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with(HOSTILE)
    }

    /// With `raw.wat`.
    #[track_caller]
    pub(crate) fn raw() -> Self {
        Self::with(RAW)
    }

    #[track_caller]
    fn with(text: &str) -> Self {
        let mut chain = Chain::new(4);
        let code = wasm(text);
        let order = Order::deploy(code, &[]);
        let contract = chain.one(0, order).contract.expect("it is deployed");
        Self { chain, contract }
    }

    /// A call that declares the contract itself and nothing else.
    pub(crate) fn order(&self, entry: &str, input: &[u8]) -> Order {
        let order = Order::invoke(self.contract, entry, input).gas_limit(GAS);
        order.access(self.contract, AccessMode::Write)
    }

    /// Calls an entry, executed by both executors; it must succeed.
    #[track_caller]
    pub(crate) fn call(&mut self, entry: &str, input: &[u8]) -> Receipt {
        let receipt = self.chain.one(1, self.order(entry, input));
        assert!(receipt.status.is_success(), "{entry}: {}", receipt.status);
        receipt
    }

    /// Calls an entry that halts for this reason: person 1 pays the whole limit, nothing else
    /// changes.
    #[track_caller]
    pub(crate) fn halts(&mut self, entry: &str, input: &[u8], reason: HaltReason) {
        let order = self.order(entry, input).gas_limit(GAS_LOST);
        self.chain.assert_fails(1, order, &ExecutionStatus::Halted(reason));
    }

    /// Gas of a successful call beyond its intrinsic part, without keeping what it did.
    #[track_caller]
    pub(crate) fn gas(&mut self, entry: &str, input: &[u8]) -> u64 {
        let order = self.order(entry, input);
        let intrinsic = self.intrinsic(&order);
        let tx = self.chain.send(1, order);
        let outcome = self.chain.execute(vec![tx]);
        let receipt = receipt(&outcome, 0);
        assert!(receipt.status.is_success(), "{entry}: {}", receipt.status);
        receipt.gas_used.0 - intrinsic
    }

    /// What an order pays before anything runs.
    pub(crate) fn intrinsic(&self, order: &Order) -> u64 {
        let costs = &self.chain.engine.params().costs;
        costs.intrinsic(&order.clone().unsigned(1, 0)).expect("it fits").0
    }

    /// Gives the contract native units.
    #[track_caller]
    pub(crate) fn fund(&mut self, amount: u64) {
        let receipt = self.chain.one(0, Order::transfer(self.contract, amount));
        assert!(receipt.status.is_success());
    }

    /// Native units of the contract.
    pub(crate) fn funds(&self) -> u64 {
        let native = tos_runtime::AssetId::NATIVE;
        self.chain.engine.balance(&self.contract.into(), native).expect("it is read").0
    }
}

/// Numbers as the guests read them from their input.
pub(crate) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Where `raw.wat` finds what its arguments point at, once [`Hostile::arguments`] has put it there.
pub(crate) mod place {
    /// The contract's own address.
    pub(crate) const OWN: u64 = 96;
    /// The address of person 1, who calls.
    pub(crate) const CALLER: u64 = OWN + 33;
    /// The address of person 2, whom nobody declared.
    pub(crate) const STRANGER: u64 = CALLER + 33;
    /// The native asset, another that exists, and one that does not.
    pub(crate) const NATIVE: u64 = STRANGER + 33;
    pub(crate) const GOLD: u64 = NATIVE + 32;
    pub(crate) const UNKNOWN_ASSET: u64 = GOLD + 32;
    /// 300 bytes for keys, values and everything else.
    pub(crate) const BYTES: u64 = UNKNOWN_ASSET + 32;
    /// Room for output, filled with [`UNTOUCHED`].
    pub(crate) const OUT: u64 = 1024;
    /// What the room for output holds before anything is written.
    pub(crate) const UNTOUCHED: u8 = 0xee;
    /// End of the input, and so of the room for output.
    pub(crate) const OUT_END: u64 = OUT + 512;
    /// End of the memory.
    pub(crate) const END: u64 = 2 << 16;
}

impl Hostile {
    /// Input for `raw.wat`: return this much memory, pass on these arguments.
    pub(crate) fn arguments(&self, function: HostFunction, memory: u32, args: &[u64]) -> Vec<u8> {
        let params = function.spec().params;
        assert_eq!(params.len(), args.len(), "arguments of {function}");
        let mut input = memory.to_le_bytes().to_vec();
        for ((_, ty), arg) in params.iter().zip(args) {
            match ty {
                ValueType::I32 => {
                    let arg = u32::try_from(*arg).expect("the argument has 32 bits");
                    input.extend(arg.to_le_bytes());
                }
                ValueType::I64 => input.extend(arg.to_le_bytes()),
            }
        }
        // The input starts at address 8.
        input.resize(place::OWN as usize - 8, 0);
        input.extend(Address::Contract(self.contract).to_bytes());
        input.extend(account(1).to_bytes());
        input.extend(account(2).to_bytes());
        input.extend([0; 32]);
        input.extend(GOLD.0);
        input.extend([9; 32]);
        input.extend((0..300).map(|at| b'a' + at as u8 % 26));
        input.resize(place::OUT_END as usize - 8, place::UNTOUCHED);
        input
    }

    /// A call of one host function through `raw.wat`.
    pub(crate) fn raw_order(&self, function: HostFunction, args: &[u64]) -> Order {
        self.order(function.spec().name, &self.arguments(function, 8, args))
    }

    /// Calls one host function through `raw.wat`; the call must succeed, whatever the function
    /// returns. Returns that.
    #[track_caller]
    pub(crate) fn result(&mut self, function: HostFunction, args: &[u64]) -> i64 {
        self.result_and_memory(function, args).0
    }

    /// The same, and the room for output as it is afterwards.
    #[track_caller]
    pub(crate) fn result_and_memory(
        &mut self,
        function: HostFunction,
        args: &[u64],
    ) -> (i64, Vec<u8>) {
        let input = self.arguments(function, place::OUT_END as u32, args);
        let memory = self.call(function.spec().name, &input).return_data;
        let (result, _) = memory.split_first_chunk().expect("the result comes first");
        (i64::from_le_bytes(*result), memory[place::OUT as usize..].to_vec())
    }

    /// Calls one host function through `raw.wat`, which halts.
    #[track_caller]
    pub(crate) fn raw_halts(&mut self, function: HostFunction, args: &[u64], reason: HaltReason) {
        let input = self.arguments(function, 8, args);
        self.halts(function.spec().name, &input, reason);
    }

    /// Gas of a successful call of one host function, see [`Hostile::gas`].
    #[track_caller]
    pub(crate) fn raw_gas(&mut self, function: HostFunction, args: &[u64]) -> u64 {
        let input = self.arguments(function, 8, args);
        self.gas(function.spec().name, &input)
    }
}
