//! Encodings: what is written is read again, and nothing else is read.

use std::collections::BTreeMap;
use std::fmt::Debug;

use borsh::{BorshDeserialize, BorshSerialize};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tos_runtime::{
    AccessEntry, AccessMode, Account, Address, Amount, AssetId, AssetRecord, BlockContext,
    BlockHeader, BlockRecord, ChainId, Change, ChangeSet, ContractId, ContractRecord, Deposit, Gas,
    Hash, Nonce, PublicKey, Signature, SlotKey, StateKey, StateValue, TopoHeight, Transaction,
    TransactionType, Transfer, UnsignedTransaction, UnverifiedBlock,
};

use super::cases;

fn address() -> impl Strategy<Value = Address> {
    any::<([u8; 32], bool)>().prop_map(|(bytes, contract)| match contract {
        true => Address::Contract(ContractId(bytes)),
        false => Address::Key(PublicKey(bytes)),
    })
}

fn asset() -> impl Strategy<Value = AssetId> {
    prop_oneof![Just(AssetId::NATIVE), any::<[u8; 32]>().prop_map(AssetId)]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

fn deposits() -> impl Strategy<Value = Vec<Deposit>> {
    vec((asset(), any::<u64>()), 0..3).prop_map(|list| {
        let deposit = |(asset, amount)| Deposit { asset, amount: Amount(amount) };
        list.into_iter().map(deposit).collect()
    })
}

fn kind() -> impl Strategy<Value = TransactionType> {
    let transfer = (address(), asset(), any::<u64>()).prop_map(|(destination, asset, amount)| {
        Transfer { destination, asset, amount: Amount(amount) }
    });
    prop_oneof![
        vec(transfer, 0..4).prop_map(TransactionType::Transfers),
        (asset(), any::<u64>())
            .prop_map(|(asset, amount)| TransactionType::Burn { asset, amount: Amount(amount) }),
        (bytes(), bytes(), deposits()).prop_map(|(code, input, deposits)| {
            TransactionType::DeployContract { code, input, deposits }
        }),
        (any::<[u8; 32]>(), "[a-zä]{0,6}", bytes(), deposits()).prop_map(
            |(id, entry, input, deposits)| TransactionType::InvokeContract {
                contract: ContractId(id),
                entry,
                input,
                deposits,
            }
        ),
        (any::<[u8; 32]>(), bytes(), bytes()).prop_map(|(id, code, input)| {
            TransactionType::UpgradeContract { contract: ContractId(id), code, input }
        }),
    ]
}

fn transaction() -> impl Strategy<Value = Transaction> {
    let mode =
        prop_oneof![Just(AccessMode::Read), Just(AccessMode::Credit), Just(AccessMode::Write)];
    let access = vec((address(), mode).prop_map(|(a, m)| AccessEntry::new(a, m)), 0..4);
    let numbers = any::<(u64, u64, u64, u64, u64)>();
    (numbers, any::<([u8; 32], [u8; 32], [u8; 32])>(), access, kind()).prop_map(
        |((chain, nonce, limit, price, expiry), (source, r, s), access, data)| Transaction {
            unsigned: UnsignedTransaction {
                chain_id: ChainId(chain),
                source: PublicKey(source),
                nonce: Nonce(nonce),
                gas_limit: Gas(limit),
                gas_price: Amount(price),
                expiry: TopoHeight(expiry),
                access,
                data,
            },
            signature: Signature([r, s].concat().try_into().expect("two halves")),
        },
    )
}

fn context() -> impl Strategy<Value = BlockContext> {
    any::<(u64, u64, u64, u32, [u8; 32])>().prop_map(|(height, stable, time, version, parent)| {
        BlockContext {
            topoheight: TopoHeight(height),
            stable_topoheight: TopoHeight(stable),
            timestamp: time,
            block_version: version,
            parent: Hash(parent),
        }
    })
}

fn block() -> impl Strategy<Value = UnverifiedBlock> {
    (context(), proptest::option::of(address()), vec(transaction(), 0..3)).prop_map(
        |(context, beneficiary, transactions)| UnverifiedBlock {
            context,
            beneficiary,
            transactions,
        },
    )
}

/// A key with two values of its kind, either of which may be absent.
fn change() -> impl Strategy<Value = Change> {
    let id = any::<[u8; 32]>();
    let slot = || {
        (any::<[u8; 32]>(), address(), vec(any::<u8>(), 1..9)).prop_map(
            |(contract, partition, key)| SlotKey {
                contract: ContractId(contract),
                partition,
                key: key.into(),
            },
        )
    };
    let held = (any::<[u8; 32]>(), 1..u64::MAX)
        .prop_map(|(asset, amount)| (AssetId(asset), Amount(amount)));
    let account = (any::<(u64, u64)>(), vec(held, 0..3)).prop_map(|((nonce, native), assets)| {
        let assets = assets.into_iter().collect();
        StateValue::Account(Account { nonce: Nonce(nonce), native: Amount(native), assets })
    });
    let asset = any::<(u64, u64)>().prop_map(|(supply, burned)| {
        StateValue::Asset(AssetRecord { supply: Amount(supply), burned: Amount(burned) })
    });
    let contract = (any::<[u8; 32]>(), address(), any::<u32>()).prop_map(|(code, by, version)| {
        let record = ContractRecord { code_hash: Hash(code), authority: by, version };
        StateValue::Contract(record.into())
    });
    let two = |value: BoxedStrategy<StateValue>| {
        let value = proptest::option::of(value);
        (value.clone(), value)
    };
    let raw = || bytes().prop_map(|bytes| StateValue::Code(bytes.into())).boxed();
    let slots = || bytes().prop_map(|bytes| StateValue::Slot(bytes.into())).boxed();
    let counters = any::<u128>().prop_map(StateValue::Counter).boxed();
    let key_of = |make: fn([u8; 32]) -> StateKey| any::<[u8; 32]>().prop_map(make);
    prop_oneof![
        (address().prop_map(StateKey::Account), two(account.boxed())),
        (key_of(|id| StateKey::Asset(AssetId(id))), two(asset.boxed())),
        (key_of(|id| StateKey::Contract(ContractId(id))), two(contract.boxed())),
        (id.prop_map(|id| StateKey::Code(Hash(id))), two(raw())),
        (slot().prop_map(|slot| StateKey::Slot(slot.into())), two(slots())),
        (slot().prop_map(|slot| StateKey::Counter(slot.into())), two(counters)),
    ]
    .prop_map(|(key, (old, new))| Change { key, old, new })
}

fn change_set() -> impl Strategy<Value = ChangeSet> {
    vec(change(), 0..6).prop_map(|changes| {
        let unique: BTreeMap<_, _> =
            changes.into_iter().map(|change| (change.key.clone(), change)).collect();
        // In descending order, to be sorted.
        ChangeSet::new(unique.into_values().rev().collect()).expect("no key twice")
    })
}

fn record() -> impl Strategy<Value = BlockRecord> {
    (context(), proptest::option::of(address()), any::<[[u8; 32]; 4]>(), bytes(), change_set())
        .prop_map(|(context, beneficiary, hashes, results, change_set)| BlockRecord {
            header: BlockHeader {
                context,
                beneficiary,
                block_hash: Hash(hashes[0]),
                delta_hash: Hash(hashes[1]),
                receipts_hash: Hash(hashes[2]),
                state_digest: Hash(hashes[3]),
            },
            results,
            change_set,
        })
}

/// One value has one encoding, which is read whole or not at all.
fn check<T>(value: &T) -> Result<Vec<u8>, TestCaseError>
where
    T: BorshSerialize + BorshDeserialize + PartialEq + Debug,
{
    let bytes = borsh::to_vec(value).expect("it encodes");
    prop_assert_eq!(&borsh::from_slice::<T>(&bytes).expect("it decodes"), value);
    for len in 0..bytes.len() {
        prop_assert!(borsh::from_slice::<T>(&bytes[..len]).is_err(), "{} bytes were enough", len);
    }
    for trailing in [0, 1, 0xff] {
        let longer = [bytes.as_slice(), &[trailing]].concat();
        prop_assert!(borsh::from_slice::<T>(&longer).is_err(), "a trailing byte was ignored");
    }
    Ok(bytes)
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn transactions_have_one_encoding(tx in transaction()) {
        let bytes = check(&tx)?;
        prop_assert_eq!(&tx.encode(), &bytes);
        prop_assert_eq!(Transaction::decode(&bytes).expect("it decodes"), tx);
        for (len, byte) in [(bytes.len() - 1, None), (bytes.len(), Some(0))] {
            let wrong = bytes[..len].iter().copied().chain(byte).collect::<Vec<_>>();
            prop_assert!(Transaction::decode(&wrong).is_err());
        }
    }

    #[test]
    fn a_transaction_id_covers_everything_but_the_signature(
        tx in transaction(), at in any::<prop::sample::Index>(), bit in 0..8
    ) {
        let mut bytes = tx.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        if let Ok(other) = Transaction::decode(&bytes) {
            let signed = at < bytes.len() - 64;
            prop_assert_eq!(other.id() != tx.id(), signed, "byte {} of {}", at, bytes.len());
        }
    }

    #[test]
    fn blocks_have_one_encoding(block in block()) {
        let bytes = check(&block)?;
        prop_assert_eq!(&block.encode(), &bytes);
        prop_assert_eq!(UnverifiedBlock::decode(&bytes).expect("it decodes"), block);
        prop_assert!(UnverifiedBlock::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn change_sets_have_one_encoding_and_can_be_undone(set in change_set()) {
        prop_assert_eq!(check(&set)?, set.encode());
        // It is written by hand, a list of changes is not.
        prop_assert_eq!(borsh::to_vec(set.changes()).expect("it encodes"), set.encode());
        prop_assert!(set.changes().windows(2).all(|pair| pair[0].key < pair[1].key));
        prop_assert!(set.changes().iter().all(|change| change.old != change.new));
        prop_assert_eq!(set.inverse().inverse(), set.clone());
        for change in set.changes() {
            prop_assert_eq!(set.get(&change.key), Some(change));
            let undone = set.inverse();
            let undone = undone.get(&change.key).expect("every key is undone");
            prop_assert_eq!((&undone.old, &undone.new), (&change.new, &change.old));
        }
    }

    #[test]
    fn records_have_one_encoding(record in record()) {
        check(&record)?;
    }

    #[test]
    fn keys_and_values_have_one_encoding_and_keys_sort_as_their_bytes(
        a in change(), b in change()
    ) {
        prop_assert_eq!(StateKey::from_bytes(&a.key.to_bytes()), Some(a.key.clone()));
        prop_assert_eq!(a.key.cmp(&b.key), a.key.to_bytes().cmp(&b.key.to_bytes()));
        for value in [a.old, a.new].into_iter().flatten() {
            let bytes = check(&value)?;
            prop_assert_eq!(&value.to_bytes(), &bytes);
            prop_assert!(value.fits(&a.key));
            prop_assert_eq!(StateValue::from_bytes(&bytes).expect("it decodes"), value);
        }
    }

    #[test]
    fn a_map_in_another_order_is_another_byte_string_and_refused(
        assets in btree_map(any::<[u8; 32]>().prop_map(AssetId), 1..9_u64, 2..4)
    ) {
        // Two encodings of one account would be two digests of one state.
        let entries: Vec<(AssetId, u64)> = assets.into_iter().collect();
        let encode = |entries: &[(AssetId, u64)]| {
            borsh::to_vec(&(1_u8, 2_u64, entries)).expect("it encodes")[1..].to_vec()
        };
        let account = |entries: &[(AssetId, u64)]| {
            [&7_u64.to_le_bytes()[..], &encode(entries)].concat()
        };
        prop_assert!(borsh::from_slice::<Account>(&account(&entries)).is_ok());
        let mut swapped = entries.clone();
        swapped.swap(0, 1);
        prop_assert!(borsh::from_slice::<Account>(&account(&swapped)).is_err());
        let mut repeated = entries;
        repeated[1] = repeated[0];
        prop_assert!(borsh::from_slice::<Account>(&account(&repeated)).is_err());
    }
}

#[test]
fn an_unknown_kind_of_transaction_is_refused() {
    // I13: a kind that nobody had implemented was accepted, executed as nothing, and succeeded.
    let order = crate::support::Order::burn(AssetId::NATIVE, 1);
    let tx = order.signed(0, 0);
    let bytes = tx.encode();
    let kind = bytes.len() - 64 - 8 - 32 - 1;
    assert_eq!(bytes[kind], 1, "the kind of a burn stands here");
    for unknown in 5..=255 {
        let mut bytes = bytes.clone();
        bytes[kind] = unknown;
        assert!(Transaction::decode(&bytes).is_err(), "kind {unknown}");
    }
}
