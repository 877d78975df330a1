//! What the people of the golden chain send: the inputs and access lists of every contract on it.

use tos_runtime::{
    AccessEntry, AccessMode, Address, Amount, AssetId, ContractId, Deposit, TransactionType,
    Transfer,
};

use self::AccessMode::{Credit, Write};

/// A transaction before somebody sends it.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) data: TransactionType,
    pub(super) access: Vec<AccessEntry>,
    /// Gas beyond what is charged at once.
    pub(super) gas: u64,
    pub(super) gas_price: u64,
    pub(super) expiry: u64,
}

/// Gas that every call of the chain can do with, unless it wants all there is.
const AMPLE_GAS: u64 = 600_000;

impl Order {
    fn of(data: TransactionType) -> Self {
        let gas = if data.is_call() { AMPLE_GAS } else { 0 };
        Self { data, access: Vec::new(), gas, gas_price: 1, expiry: u64::MAX }
    }

    pub(super) fn transfers(list: Vec<(Address, AssetId, u64)>) -> Self {
        let transfer =
            |(destination, asset, amount)| Transfer { destination, asset, amount: Amount(amount) };
        Self::of(TransactionType::Transfers(list.into_iter().map(transfer).collect()))
    }

    pub(super) fn burn(asset: AssetId, amount: u64) -> Self {
        Self::of(TransactionType::Burn { asset, amount: Amount(amount) })
    }

    pub(super) fn deploy(code: &[u8], input: Vec<u8>) -> Self {
        let code = code.to_vec();
        Self::of(TransactionType::DeployContract { code, input, deposits: Vec::new() })
    }

    pub(super) fn upgrade(contract: ContractId, code: &[u8]) -> Self {
        let (code, input) = (code.to_vec(), Vec::new());
        Self::of(TransactionType::UpgradeContract { contract, code, input })
    }

    pub(super) fn invoke(contract: ContractId, entry: &str, input: Vec<u8>) -> Self {
        let (entry, deposits) = (entry.to_owned(), Vec::new());
        Self::of(TransactionType::InvokeContract { contract, entry, input, deposits })
    }

    /// A call that writes what the contract shares.
    pub(super) fn writing(contract: ContractId, entry: &str, input: Vec<u8>) -> Self {
        Self::invoke(contract, entry, input).with(contract, Write)
    }

    /// Declares an account; of two modes the stronger one.
    pub(super) fn with(mut self, account: impl Into<Address>, mode: AccessMode) -> Self {
        let entry = AccessEntry::new(account, mode);
        match self.access.iter_mut().find(|known| known.account == entry.account) {
            Some(known) => known.mode = known.mode.join(mode),
            None => self.access.push(entry),
        }
        self.access.sort_unstable();
        self
    }

    pub(super) fn bringing(mut self, asset: AssetId, amount: u64) -> Self {
        if let TransactionType::InvokeContract { deposits, .. }
        | TransactionType::DeployContract { deposits, .. } = &mut self.data
        {
            *deposits = vec![Deposit { asset, amount: Amount(amount) }];
        }
        self
    }

    pub(super) fn token_transfer(token: ContractId, to: Address, amount: u64) -> Self {
        Self::invoke(token, "transfer", bytes(&[&to.to_bytes(), &amount.to_le_bytes()]))
            .with(to, Credit)
    }

    pub(super) fn approve(token: ContractId, spender: Address, amount: u64) -> Self {
        Self::invoke(token, "approve", bytes(&[&spender.to_bytes(), &amount.to_le_bytes()]))
    }

    /// A deal of an escrow over native units.
    pub(super) fn open_deal(escrow: ContractId, payee: Address, number: u64, expires: u64) -> Self {
        let input = [
            &payee.to_bytes()[..],
            &number.to_le_bytes(),
            &AssetId::NATIVE.0,
            &expires.to_le_bytes(),
        ];
        Self::invoke(escrow, "open", bytes(&input)).with(escrow, Credit)
    }

    /// The end of a deal: `release` or `refund`.
    pub(super) fn end_deal(escrow: ContractId, entry: &str, payee: Address, number: u64) -> Self {
        Self::writing(escrow, entry, bytes(&[&payee.to_bytes(), &number.to_le_bytes()]))
            .with(payee, Credit)
    }

    pub(super) fn mint_nft(nft: ContractId, token: ContractId, to: Address) -> Self {
        let uri = b"golden";
        let length = (uri.len() as u32).to_le_bytes();
        Self::writing(nft, "mint", bytes(&[&token.0, &to.to_bytes(), &length, uri]))
            .with(token, Write)
            .with(to, Credit)
    }

    pub(super) fn move_nft(nft: ContractId, from: Address, to: Address, token: ContractId) -> Self {
        let input = bytes(&[&from.to_bytes(), &to.to_bytes(), &token.0]);
        Self::invoke(nft, "transfer", input).with(from, Write).with(token, Write).with(to, Credit)
    }

    /// A host function through `raw.wat`: how much memory to return, then the arguments.
    pub(super) fn raw(raw: ContractId, function: &str, returned: u32, arguments: &[u32]) -> Self {
        let words = std::iter::once(&returned).chain(arguments);
        let input = words.flat_map(|word| word.to_le_bytes()).collect();
        Self::invoke(raw, function, input)
    }
}

/// What several fields come to.
pub(super) fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
