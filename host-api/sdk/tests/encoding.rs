//! The SDK encodes as borsh does, and refuses what borsh refuses.

use borsh::{BorshDeserialize, BorshSerialize};
use tos_host_api::{Address, AssetId, ContractId, Gas, Hash, PublicKey};
use tos_sdk::{Data, Malformed};

#[derive(Data, BorshSerialize, BorshDeserialize, Debug, Clone, PartialEq)]
struct Inner {
    id: PublicKey,
    pair: (u16, i64),
}

#[derive(Data, BorshSerialize, BorshDeserialize, Debug, Clone, PartialEq)]
struct Position(u8, Option<Hash>);

#[derive(Data, BorshSerialize, BorshDeserialize, Debug, Clone, PartialEq)]
enum Choice {
    Nothing,
    One(Inner),
    Named { list: Vec<String>, of: [u32; 3] },
}

#[track_caller]
fn check<T>(value: T)
where
    T: Data + BorshSerialize + BorshDeserialize + core::fmt::Debug + PartialEq,
{
    let bytes = borsh::to_vec(&value).expect("writing to a Vec cannot fail");
    assert_eq!(value.to_bytes(), bytes);
    assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(&value));
    for len in 0..bytes.len() {
        assert!(T::from_bytes(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(T::from_bytes(&longer), Err(Malformed::Trailing { found: 1 }));
}

#[test]
fn values_are_encoded_as_borsh_does() {
    check(0x12_u8);
    check((-2_i8, 300_u16, -300_i16, 70_000_u32));
    check((-70_000_i32, u64::MAX, i64::MIN, u128::MAX - 1, i128::MIN));
    check((true, false));
    check("a text with ünusual characters".to_owned());
    check(vec![1_u8, 2, 3]);
    check(vec![(1_u16, "x".to_owned()), (2, String::new())]);
    check([[1_u8; 4]; 2]);
    check(Some(Some(5_u64)));
    check(Box::new(None::<u8>));
    check((Address::Key(PublicKey([1; 32])), Address::Contract(ContractId([2; 32]))));
    check((AssetId([3; 32]), Hash([4; 32]), Gas(5)));
    let inner = Inner { id: PublicKey([9; 32]), pair: (1, -1) };
    check(Position(1, Some(Hash([1; 32]))));
    check(vec![
        Choice::Nothing,
        Choice::One(inner.clone()),
        Choice::Named { list: vec!["a".into()], of: [1, 2, 3] },
    ]);
    check(inner);
}

#[test]
fn values_that_do_not_exist_are_refused() {
    fn refused<T: Data>(bytes: &[u8]) -> Malformed {
        T::from_bytes(bytes).err().expect("it is refused")
    }
    assert_eq!(refused::<bool>(&[2]), Malformed::Invalid("a bool is 0 or 1"));
    assert_eq!(refused::<Option<u8>>(&[2, 0]), Malformed::Invalid("an option begins with 0 or 1"));
    let address = refused::<Address>(&[2; 33]);
    assert_eq!(address, Malformed::Invalid("an address begins with 0 or 1"));
    let short = refused::<Address>(&[0; 3]);
    assert_eq!(short, Malformed::Short { expected: 33, found: 3 });
    assert_eq!(refused::<String>(&[1, 0, 0, 0, 0xff]), Malformed::Invalid("a string is UTF-8"));
    assert_eq!(refused::<Choice>(&[3]), Malformed::Invalid("none of the variants of Choice"));
    let claimed = refused::<Vec<u64>>(&[0xff; 4]);
    assert_eq!(claimed, Malformed::Short { expected: 8, found: 0 });
}
