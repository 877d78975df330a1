//! Verification: the only way from a `Transaction` to a `VerifiedTransaction`. Checks everything
//! that does not depend on the state: chain, limits, canonical form, gas bounds, signature.

use std::ops::Deref;

use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use tos_host_api::{Gas, Hash, limits};

use crate::access;
use crate::config::ProtocolParams;
use crate::error::{InvalidTransaction, TransactionPart};
use crate::planted::{Bug, planted};
use crate::types::{Deposit, SIGNING_DOMAIN, Transaction, TransactionType, UnsignedTransaction};

/// Signatures verified together. Larger batches gain little and cost more when one is bad.
pub(crate) const SIGNATURE_BATCH: usize = 64;

/// A transaction that is well formed under some chain's parameters and signed by its source.
///
/// Invariant: constructed by verification only, so holding one is the proof. There is no other way:
///
/// ```compile_fail,E0451
/// # fn forge(transaction: tos_runtime::Transaction, id: tos_runtime::Hash) {
/// let forged = tos_runtime::VerifiedTransaction { transaction, id };
/// # }
/// ```
///
/// nor can one be read from bytes.
///
/// ```compile_fail,E0277
/// # fn read(bytes: &[u8]) {
/// let read: tos_runtime::VerifiedTransaction = borsh::from_slice(bytes).unwrap();
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VerifiedTransaction {
    transaction: Transaction,
    id: Hash,
    /// Encoded length in bytes.
    size: u64,
    intrinsic_gas: Gas,
    /// Parameters it was verified under.
    params: Hash,
}

impl VerifiedTransaction {
    /// Verifies one transaction.
    ///
    /// # Errors
    /// The first static fault in the order of [`InvalidTransaction`]'s variants.
    pub fn verify(
        transaction: Transaction,
        params: &ProtocolParams,
    ) -> Result<Self, InvalidTransaction> {
        let checked = Self::check(transaction, params, params.id())?;
        checked.check_signature()?;
        Ok(checked.verified)
    }

    /// The same transaction for blocks with other parameters of its chain: a queue that meets a
    /// change of parameters passes what it holds through here. The signature, which takes most of
    /// the time and does not depend on parameters, is not checked again.
    ///
    /// # Errors
    /// The first static fault under these parameters.
    pub fn under(self, params: &ProtocolParams) -> Result<Self, InvalidTransaction> {
        let intrinsic_gas = check_shape(&self.transaction, params)?;
        Ok(Self { intrinsic_gas, params: params.id(), ..self })
    }

    /// Everything but the signature.
    fn check(
        transaction: Transaction,
        params: &ProtocolParams,
        params_id: Hash,
    ) -> Result<Checked, InvalidTransaction> {
        let intrinsic_gas = check_shape(&transaction, params)?;
        let message = transaction.signed_bytes();
        let id = Hash(*blake3::hash(&message).as_bytes());
        // The domain is signed but never sent.
        let encoded = message.len() - SIGNING_DOMAIN.len() + transaction.signature.0.len();
        let size = encoded as u64;
        let verified = Self { transaction, id, size, intrinsic_gas, params: params_id };
        Ok(Checked { verified, message })
    }

    /// The transaction's id.
    #[must_use]
    pub fn id(&self) -> Hash {
        self.id
    }

    /// Encoded length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Gas charged before anything runs.
    #[must_use]
    pub fn intrinsic_gas(&self) -> Gas {
        self.intrinsic_gas
    }

    /// The signed transaction.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Id of the parameters it was verified under.
    pub(crate) fn params_id(&self) -> Hash {
        self.params
    }
}

impl Deref for VerifiedTransaction {
    type Target = UnsignedTransaction;

    fn deref(&self) -> &UnsignedTransaction {
        &self.transaction.unsigned
    }
}

/// A well-formed transaction on its way to the signature check.
struct Checked {
    verified: VerifiedTransaction,
    message: Vec<u8>,
}

impl Checked {
    fn check_signature(&self) -> Result<(), InvalidTransaction> {
        VerificationKey::try_from(self.verified.source.0)
            .and_then(|key| key.verify(&self.signature(), &self.message))
            .map_err(|_| InvalidTransaction::BadSignature)
    }

    fn signature(&self) -> ed25519_zebra::Signature {
        ed25519_zebra::Signature::from_bytes(&self.verified.transaction.signature.0)
    }
}

/// Verifies transactions together, which costs about half as much as one by one.
///
/// Under ZIP-215 a batch accepts exactly what single verification accepts, so a batch that fails is
/// checked one by one to find the culprit.
///
/// # Errors
/// The position of the first transaction that is not valid, and why.
pub fn verify_batch(
    transactions: Vec<Transaction>,
    params: &ProtocolParams,
) -> Result<Vec<VerifiedTransaction>, (usize, InvalidTransaction)> {
    let params_id = params.id();
    let mut verified = Vec::with_capacity(transactions.len());
    let mut pending = Vec::with_capacity(SIGNATURE_BATCH.min(transactions.len()));
    for (idx, transaction) in transactions.into_iter().enumerate() {
        match VerifiedTransaction::check(transaction, params, params_id) {
            Ok(checked) => pending.push(checked),
            Err(reason) => {
                // An earlier bad signature is the first fault of the block.
                check_signatures(&pending).map_err(|(at, why)| (verified.len() + at, why))?;
                return Err((idx, reason));
            }
        }
        if pending.len() == SIGNATURE_BATCH {
            check_signatures(&pending).map_err(|(at, why)| (verified.len() + at, why))?;
            verified.extend(pending.drain(..).map(|checked| checked.verified));
        }
    }
    check_signatures(&pending).map_err(|(at, why)| (verified.len() + at, why))?;
    verified.extend(pending.into_iter().map(|checked| checked.verified));
    Ok(verified)
}

fn check_signatures(batch: &[Checked]) -> Result<(), (usize, InvalidTransaction)> {
    let mut verifier = batch::Verifier::new();
    let mut coefficients = blake3::Hasher::new_derive_key("tos-runtime batch coefficients v1");
    let unseen = usize::from(planted(Bug::LastSignatureUnchecked));
    for checked in &batch[..batch.len().saturating_sub(unseen)] {
        let key = VerificationKeyBytes::from(checked.verified.source.0);
        coefficients.update(&checked.verified.source.0);
        coefficients.update(&checked.verified.transaction.signature.0);
        coefficients.update(&checked.verified.id.0);
        verifier.queue((key, checked.signature(), checked.message.as_slice()));
    }
    if batch.is_empty() || verifier.verify(Coefficients(coefficients.finalize_xof())).is_ok() {
        return Ok(());
    }
    for (idx, checked) in batch.iter().enumerate() {
        checked.check_signature().map_err(|reason| (idx, reason))?;
    }
    Ok(())
}

/// The random coefficients of a batch equation, drawn from a hash of everything in the batch.
/// Nobody can choose signatures that depend on coefficients which depend on the signatures, so this
/// is as good as fresh randomness and leaves no entropy source on a path all nodes must agree on.
struct Coefficients(blake3::OutputReader);

impl rand_core::TryRng for Coefficients {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Coefficients {}

/// Static checks in the order of [`InvalidTransaction`]'s variants; returns the intrinsic gas.
pub(crate) fn check_shape(
    tx: &UnsignedTransaction,
    params: &ProtocolParams,
) -> Result<Gas, InvalidTransaction> {
    if tx.chain_id != params.chain_id {
        return Err(InvalidTransaction::WrongChain {
            expected: params.chain_id,
            found: tx.chain_id,
        });
    }
    check_lengths(&tx.data)?;
    access::check_list(tx)?;
    check_deposits(tx.data.deposits())?;
    let intrinsic = params.costs.intrinsic(tx).unwrap_or(Gas(u64::MAX));
    if tx.gas_limit < intrinsic {
        return Err(InvalidTransaction::GasLimitTooLow { intrinsic, found: tx.gas_limit });
    }
    if tx.gas_limit > params.transaction_gas_limit && !planted(Bug::GasLimitsUnchecked) {
        return Err(InvalidTransaction::GasLimitTooHigh {
            limit: params.transaction_gas_limit,
            found: tx.gas_limit,
        });
    }
    Ok(intrinsic)
}

fn check_lengths(data: &TransactionType) -> Result<(), InvalidTransaction> {
    let check = |what, found: usize, limit: usize| {
        if found > limit {
            let (limit, found) = (limit as u64, found as u64);
            return Err(InvalidTransaction::TooLong { what, limit, found });
        }
        Ok(())
    };
    check(TransactionPart::Deposits, data.deposits().len(), limits::DEPOSITS_MAX)?;
    match data {
        TransactionType::Transfers(transfers) => {
            check(TransactionPart::Transfers, transfers.len(), limits::TRANSFERS_MAX)
        }
        TransactionType::Burn { .. } => Ok(()),
        TransactionType::InvokeContract { entry, input, .. } => {
            check(TransactionPart::Entry, entry.len(), limits::ENTRY_LEN_MAX)?;
            check(TransactionPart::Input, input.len(), limits::INPUT_LEN_MAX)
        }
        TransactionType::DeployContract { code, input, .. }
        | TransactionType::UpgradeContract { code, input, .. } => {
            check(TransactionPart::Code, code.len(), limits::CODE_LEN_MAX)?;
            check(TransactionPart::Input, input.len(), limits::INPUT_LEN_MAX)
        }
    }
}

fn check_deposits(deposits: &[Deposit]) -> Result<(), InvalidTransaction> {
    let mut last = None;
    for (idx, deposit) in deposits.iter().enumerate() {
        let nothing = deposit.amount.0 == 0 && !planted(Bug::DepositsOfNothing);
        if nothing || last >= Some(deposit.asset) {
            let index = u32::try_from(idx).unwrap_or(u32::MAX);
            return Err(InvalidTransaction::Deposits { index });
        }
        last = Some(deposit.asset);
    }
    Ok(())
}
