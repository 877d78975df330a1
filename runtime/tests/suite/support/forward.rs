//! Calls through the guest `proxy.wat`.

use tos_runtime::{AssetId, ContractId, Receipt, TransactionType};

use super::Order;

/// What `proxy.wat` is asked to do with another contract.
#[derive(Clone)]
pub(crate) struct Forward {
    pub(crate) to: ContractId,
    pub(crate) entry: String,
    pub(crate) input: Vec<u8>,
    pub(crate) gas: u64,
    pub(crate) flags: u8,
    pub(crate) deposit: (AssetId, u64),
}

/// What `proxy.wat` says came of its call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) status: i32,
    pub(crate) revert_code: u32,
    pub(crate) return_data: Vec<u8>,
}

impl Forward {
    pub(crate) const ABORT_ON_FAILURE: u8 = 1;
    const BRING_DEPOSIT: u8 = 2;
    pub(crate) const WRITE_BEFORE: u8 = 4;
    pub(crate) const ABORT_AFTER: u8 = 8;
    pub(crate) const EMIT_BEFORE: u8 = 16;
    pub(crate) const ASK_FOR_NOTHING_AFTER: u8 = 32;

    pub(crate) fn new(to: ContractId, entry: &str, input: &[u8]) -> Self {
        Self {
            to,
            entry: entry.into(),
            input: input.to_vec(),
            gas: u64::MAX,
            flags: 0,
            deposit: (AssetId::NATIVE, 0),
        }
    }

    /// Forwards what an order would have called directly.
    pub(crate) fn of(order: &Order) -> Self {
        match &order.data {
            TransactionType::InvokeContract { contract, entry, input, .. } => {
                Self::new(*contract, entry, input)
            }
            other => panic!("not a call: {other:?}"),
        }
    }

    pub(crate) fn flags(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    pub(crate) fn gas(mut self, gas: u64) -> Self {
        self.gas = gas;
        self
    }

    pub(crate) fn deposit(mut self, asset: AssetId, amount: u64) -> Self {
        self.deposit = (asset, amount);
        self.flags(Self::BRING_DEPOSIT)
    }

    /// The input of `forward` and `again`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = tos_runtime::Address::Contract(self.to).to_bytes().to_vec();
        bytes.push(self.flags);
        bytes.extend(self.gas.to_le_bytes());
        bytes.extend(self.deposit.0.0);
        bytes.extend(self.deposit.1.to_le_bytes());
        bytes.push(u8::try_from(self.entry.len()).expect("a short name"));
        bytes.extend(self.entry.as_bytes());
        bytes.extend(&self.input);
        bytes
    }

    /// Sent to this proxy.
    pub(crate) fn order(&self, proxy: ContractId) -> Order {
        Order::invoke(proxy, "forward", &self.encode()).gas_limit(2_000_000)
    }

    /// This call made by another proxy, to be forwarded to that.
    pub(crate) fn through(&self, proxy: ContractId) -> Self {
        Self::new(proxy, "again", &self.encode())
    }
}

impl Reported {
    #[track_caller]
    pub(crate) fn of(receipt: &Receipt) -> Self {
        Self::decode(&receipt.return_data)
    }

    #[track_caller]
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes[at..at + 4].try_into().expect("a word");
        Self {
            status: i32::from_le_bytes(word(0)),
            revert_code: u32::from_le_bytes(word(4)),
            return_data: bytes[8..].to_vec(),
        }
    }

    pub(crate) fn status(status: tos_host_api::Status) -> Self {
        Self { status: status.code(), revert_code: 0, return_data: Vec::new() }
    }
}
