//! The table of host functions: the one place that says which exist, what they take, what they
//! cost, which access they need and which statuses they return. The linker is checked against it,
//! guests import from it, and `ABI.md` lists the same rows.
//!
//! Conventions: a pointer is an offset into the guest's memory. The guest passes where output goes
//! and how much room there is; the host returns the length needed and writes nothing if it does not
//! fit. Host functions never call back into the guest. A pointer outside the memory halts the call.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::access::AccessMode::{self, Credit, Read, Write};
use crate::status::Status;

/// WebAssembly value types used by the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// 32-bit integer: pointers, lengths, statuses.
    I32,
    /// 64-bit integer: amounts, heights, gas.
    I64,
}

/// What a call of a host function costs: `base + per_byte x bytes`, charged before any effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasFormula {
    /// Gas for the call itself.
    pub base: u64,
    /// Gas for each byte that crosses the boundary (keys, values, output room used).
    pub per_byte: u64,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct HostFunctionSpec {
    /// Stable identity; its number appears in receipts.
    pub function: HostFunction,
    /// Import name inside [`crate::limits::IMPORT_MODULE`].
    pub name: &'static str,
    /// Parameters in order.
    pub params: &'static [(&'static str, ValueType)],
    /// Result, if any.
    pub result: Option<ValueType>,
    /// Price.
    pub gas: GasFormula,
    /// Which account needs which mode.
    pub access: &'static [(&'static str, AccessMode)],
    /// Statuses it can return besides [`Status::Ok`].
    pub statuses: &'static [Status],
    /// Whether a read-only call may use it.
    pub in_view: bool,
    /// One sentence for the reader of `ABI.md`.
    pub summary: &'static str,
}

/// Writes the enum, the table and the guest's imports from one list, so that they cannot disagree.
macro_rules! host_functions {
    ($(
        $number:literal $variant:ident $name:ident
        ($($param:ident : $ty:ident),*) $(-> $result:ident)?,
        gas $base:literal + $per_byte:literal per byte,
        access [$($account:literal : $mode:ident),*],
        statuses [$($status:ident),*],
        view $in_view:literal,
        $summary:literal;
    )*) => {
        /// A host function. The number is stable and part of consensus (it appears in receipts).
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize,
            BorshDeserialize,
        )]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
        #[borsh(use_discriminant = true)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum HostFunction {
            $(#[doc = $summary] $variant = $number,)*
        }

        /// Every host function, in the order of their numbers.
        pub const HOST_FUNCTIONS: &[HostFunctionSpec] = &[$(
            HostFunctionSpec {
                function: HostFunction::$variant,
                name: stringify!($name),
                params: &[$((stringify!($param), ValueType::$ty)),*],
                result: host_functions!(@result $($result)?),
                gas: GasFormula { base: $base, per_byte: $per_byte },
                access: &[$(($account, $mode)),*],
                statuses: &[$(Status::$status),*],
                in_view: $in_view,
                summary: $summary,
            },
        )*];

        impl HostFunction {
            /// The row of this function.
            #[must_use]
            pub const fn spec(self) -> &'static HostFunctionSpec {
                match self {
                    $(Self::$variant => {
                        const ROW: HostFunctionSpec = HostFunctionSpec {
                            function: HostFunction::$variant,
                            name: stringify!($name),
                            params: &[$((stringify!($param), ValueType::$ty)),*],
                            result: host_functions!(@result $($result)?),
                            gas: GasFormula { base: $base, per_byte: $per_byte },
                            access: &[$(($account, $mode)),*],
                            statuses: &[$(Status::$status),*],
                            in_view: $in_view,
                            summary: $summary,
                        };
                        &ROW
                    })*
                }
            }
        }

        /// The functions as a guest imports them: numbers as they are, pointers as offsets. Unsafe
        /// to call, because the host writes wherever a pointer points.
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "imports cannot be declared otherwise")]
        pub mod guest {
            #[link(wasm_import_module = "tos_v1")]
            unsafe extern "C" {
                $(
                    #[doc = $summary]
                    pub fn $name(
                        $($param: host_functions!(@guest $ty)),*
                    ) $(-> host_functions!(@guest $result))?;
                )*
            }
        }

        /// The same names where there is no host: each panics. So that code for contracts compiles,
        /// is documented and has its pure parts tested on any machine.
        #[cfg(not(target_arch = "wasm32"))]
        #[allow(unsafe_code, reason = "the signatures are those of the imports")]
        #[allow(clippy::missing_safety_doc, reason = "nothing is read or written")]
        #[allow(clippy::too_many_arguments, reason = "`call` takes eight")]
        pub mod guest {
            $(
                #[doc = $summary]
                ///
                /// # Panics
                /// Always: this is not a contract.
                pub unsafe fn $name(
                    $($param: host_functions!(@guest $ty)),*
                ) $(-> host_functions!(@guest $result))? {
                    let _: &[i64] = &[$(i64::from($param)),*];
                    panic!("host function `{}` outside of a contract", stringify!($name))
                }
            )*
        }
    };
    (@guest I32) => { i32 };
    (@guest I64) => { i64 };
    (@result) => { None };
    (@result $result:ident) => { Some(ValueType::$result) };
}

host_functions! {
    1 Source source (out: I32), gas 60 + 0 per byte, access [], statuses [], view true,
        "Writes the 33-byte address of the transaction's signer.";
    2 Caller caller (out: I32), gas 60 + 0 per byte, access [], statuses [], view true,
        "Writes the 33-byte address of whoever called this contract.";
    3 Contract contract (out: I32), gas 60 + 0 per byte, access [], statuses [], view true,
        "Writes the 33-byte address of the running contract.";
    4 Topoheight topoheight () -> I64, gas 30 + 0 per byte, access [], statuses [], view true,
        "The block's height in the linear order.";
    5 Timestamp timestamp () -> I64, gas 30 + 0 per byte, access [], statuses [], view true,
        "The block's timestamp as its producer stated it, in milliseconds.";
    6 BlockVersion block_version () -> I32, gas 30 + 0 per byte, access [], statuses [], view true,
        "The block's version.";
    7 TransactionId transaction_id (out: I32), gas 60 + 0 per byte, access [], statuses [],
        view true, "Writes the 32-byte id of the transaction.";
    8 Input input (out: I32, cap: I32) -> I32, gas 60 + 1 per byte, access [], statuses [],
        view true, "The input's length; written if it fits.";
    9 Deposit deposit (asset: I32) -> I64, gas 60 + 0 per byte, access [], statuses [],
        view true, "How much of an asset this call brought along.";
    10 GasLeft gas_left () -> I64, gas 50 + 0 per byte, access [], statuses [], view true,
        "Gas this call can still use.";
    11 DepositCount deposit_count () -> I32, gas 50 + 0 per byte, access [], statuses [],
        view true, "How many assets this call brought along.";

    20 StorageRead storage_read
        (partition: I32, key: I32, key_len: I32, out: I32, cap: I32) -> I32,
        gas 500 + 1 per byte, access ["partition": Read], statuses [NotFound, KeyLength],
        view true, "The slot's length; its value is written if it fits.";
    21 StorageLen storage_len (partition: I32, key: I32, key_len: I32) -> I32,
        gas 400 + 1 per byte, access ["partition": Read], statuses [NotFound, KeyLength],
        view true, "The slot's length.";
    22 StorageWrite storage_write
        (partition: I32, key: I32, key_len: I32, value: I32, value_len: I32) -> I32,
        gas 1500 + 2 per byte, access ["partition": Write], statuses [KeyLength, ValueLength],
        view false, "Sets a slot.";
    23 StorageRemove storage_remove (partition: I32, key: I32, key_len: I32) -> I32,
        gas 800 + 1 per byte, access ["partition": Write], statuses [NotFound, KeyLength],
        view false, "Removes a slot.";
    24 CounterAdd counter_add (partition: I32, key: I32, key_len: I32, amount: I64) -> I32,
        gas 800 + 2 per byte, access ["partition": Credit], statuses [KeyLength],
        view false, "Adds to a counter slot without reading it.";
    25 CounterSub counter_sub (partition: I32, key: I32, key_len: I32, amount: I64) -> I32,
        gas 1000 + 2 per byte, access ["partition": Write], statuses [KeyLength, Insufficient],
        view false, "Subtracts from a counter slot; refuses to go below zero.";
    26 CounterRead counter_read (partition: I32, key: I32, key_len: I32, out: I32) -> I32,
        gas 500 + 2 per byte, access ["partition": Read], statuses [KeyLength], view true,
        "Writes a counter slot as 16 little-endian bytes; an absent counter is zero.";

    40 Balance balance (account: I32, asset: I32) -> I64, gas 200 + 0 per byte,
        access ["account": Read], statuses [], view true,
        "An account's balance of an asset.";
    41 Transfer transfer (to: I32, asset: I32, amount: I64) -> I32, gas 500 + 0 per byte,
        access ["contract": Write, "to": Credit], statuses [Insufficient, UnknownAsset],
        view false, "Moves an amount from the contract's own account.";
    42 Burn burn (asset: I32, amount: I64) -> I32, gas 400 + 0 per byte,
        access ["contract": Write], statuses [Insufficient, UnknownAsset], view false,
        "Destroys an amount from the contract's own account.";

    50 Call call
        (contract: I32, entry: I32, entry_len: I32, input: I32, input_len: I32, gas: I64,
            deposits: I32, deposit_count: I32) -> I32,
        gas 5000 + 1 per byte,
        access ["contract, with deposits": Write, "callee, with deposits": Credit],
        statuses [
            Insufficient, TooLong, UnknownAsset, NoSuchContract, NoSuchEntry, DepthLimit, Reentry,
            Reverted, Halted, DuplicateDeposit
        ],
        view true,
        "Calls an entry of another contract; what a failing one did is undone.";
    51 ReturnData return_data (out: I32, cap: I32) -> I32, gas 60 + 1 per byte, access [],
        statuses [], view true,
        "The length of what this call's last callee returned; written if it fits.";
    52 RevertCode revert_code () -> I32, gas 30 + 0 per byte, access [], statuses [], view true,
        "The code this call's last callee aborted with; 0 if it did not.";

    60 SetReturn set_return (data: I32, len: I32) -> I32, gas 60 + 2 per byte, access [],
        statuses [TooLong], view true, "Sets the return data; the last call wins.";
    61 Emit emit (topics: I32, topic_count: I32, data: I32, data_len: I32) -> I32,
        gas 500 + 8 per byte, access [], statuses [TooLong, EventLimit], view false,
        "Emits an event with up to four 32-byte topics.";
    62 Abort abort
        (code: I32, message: I32, message_len: I32, file: I32, file_len: I32, line: I32),
        gas 1000 + 8 per byte, access [], statuses [], view true,
        "Reverts the call with a code; message, file and line go to the operator only.";
    63 DebugLog debug_log (message: I32, len: I32), gas 100 + 8 per byte, access [], statuses [],
        view true, "Gives a message to the operator; never part of a result.";

    70 Blake3 blake3 (data: I32, len: I32, out: I32), gas 200 + 1 per byte, access [],
        statuses [], view true, "Writes the 32-byte BLAKE3 hash of the data.";
    71 Sha256 sha256 (data: I32, len: I32, out: I32), gas 200 + 2 per byte, access [],
        statuses [], view true, "Writes the 32-byte SHA-256 hash of the data.";
    72 Keccak256 keccak256 (data: I32, len: I32, out: I32), gas 600 + 4 per byte, access [],
        statuses [], view true, "Writes the 32-byte Keccak-256 hash of the data, as Ethereum's.";
    73 Ed25519Verify ed25519_verify
        (public_key: I32, signature: I32, message: I32, message_len: I32) -> I32,
        gas 60000 + 2 per byte, access [], statuses [InvalidSignature], view true,
        "Checks an Ed25519 signature of a message under the rules of ZIP-215.";
    74 Secp256k1Recover secp256k1_recover (hash: I32, signature: I32, out: I32) -> I32,
        gas 120000 + 0 per byte, access [], statuses [InvalidSignature], view true,
        "Writes the 64-byte public key that signed a 32-byte hash.";

    80 Random random (out: I32, len: I32) -> I32, gas 300 + 1 per byte, access [],
        statuses [TooLong], view true,
        "Writes bytes that follow from the block and the transaction's place in it: predictable.";
}

impl HostFunction {
    /// The stable number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().name)
    }
}
