//! What macros write at compile time is what the host reads.
#![allow(dead_code, missing_docs, reason = "a contract that is only described")]

use tos_host_api::AccessMode;
use tos_host_api::description::{
    AccessRoot, AccessStep, AccessTemplate, Description, EntryKind, SlotKind, Type,
};
use tos_sdk::describe::Fragment;
use tos_sdk::prelude::*;

/// A shop.
/// It sells.
///
/// This paragraph is for readers of the source.
#[contract]
pub struct Shop {
    /// What is left.
    stock: Map<String, u32>,
    visits: PerAccount<Counters<(u8, bool)>>,
    owner: Value<PublicKey>,
    sold: Counter,
}

/// What is bought.
#[derive(Data)]
pub struct Order {
    /// Who gets it.
    pub receiver: (Address, Option<ContractId>),
    /// Which.
    pub items: Vec<[u8; 4]>,
}

/// Why not.
#[error]
pub enum ShopError {
    /// The shop is closed.
    Closed = 3,
    /// There is nothing left.
    SoldOut = 0xffff_feff,
}

/// Something was sold.
#[event]
pub struct Sold {
    /// How many.
    pub count: u32,
    /// To whom.
    #[topic]
    pub to: Address,
}

#[entries]
impl Shop {
    /// Opens.
    #[init]
    pub fn open_shop(&mut self, owner: PublicKey) {
        self.owner.set(&owner);
    }

    /// Moves house.
    #[migrate]
    pub fn move_house(&mut self) {}

    /// Buys.
    #[access(
        source: read,
        contract: credit,
        orders[..].receiver.0: write,
        orders[..].receiver.1: read,
    )]
    pub fn buy(&mut self, orders: Vec<Order>) -> Result<u32, ShopError> {
        if orders.is_empty() { Err(ShopError::Closed) } else { Ok(0) }
    }

    /// Looks.
    #[access()]
    pub fn r#loop(&self, contract: AssetId) -> Result<(), ShopError> {
        let _ = contract;
        Ok(())
    }

    /// No entry: it is not public.
    fn _helper(&self) {}
}

fn described() -> Description {
    const PARTS: [Fragment; 3] = [
        Fragment::Entries(<Shop as tos_sdk::Entries>::DESCRIPTION),
        Fragment::Contract(<Shop as tos_sdk::Contract>::DESCRIPTION),
        Fragment::Event(<Sold as Event>::DESCRIPTION),
    ];
    // As the linker does: one after the other, in any order.
    const ENTRIES: [u8; PARTS[0].len()] = PARTS[0].bytes();
    const CONTRACT: [u8; PARTS[1].len()] = PARTS[1].bytes();
    const EVENT: [u8; PARTS[2].len()] = PARTS[2].bytes();
    Description::decode(&[&ENTRIES[..], &CONTRACT, &EVENT].concat()).expect("it decodes")
}

#[test]
fn the_contract_and_its_state_are_described() {
    let shop = described();
    assert_eq!((shop.name.as_str(), shop.docs.as_str()), ("Shop", "A shop. It sells."));
    let kinds = shop.state.iter().map(|slot| (&*slot.name, slot.per_account, &slot.kind));
    assert!(kinds.eq([
        ("stock", false, &SlotKind::Map(Type::String, Type::U32)),
        ("visits", true, &SlotKind::Counters(Type::Tuple(vec![Type::U8, Type::Bool]))),
        ("owner", false, &SlotKind::Value(Type::PublicKey)),
        ("sold", false, &SlotKind::Counter),
    ]));
}

#[test]
fn the_entries_are_described() {
    let shop = described();
    let entries: Vec<_> = shop.entries.iter().map(|entry| (&*entry.name, entry.kind)).collect();
    let expected = [
        ("init", EntryKind::Init),
        ("migrate", EntryKind::Migrate),
        ("buy", EntryKind::Call),
        ("loop", EntryKind::View),
    ];
    assert_eq!(entries, expected);
    let buy = shop.entry("buy").expect("it is listed");
    assert_eq!((buy.output.clone(), buy.error.as_deref()), (Type::U32, Some("ShopError")));
    let step = |name: &str| AccessStep::Field(name.into());
    let line =
        |root, steps: &[AccessStep], mode| AccessTemplate { root, steps: steps.to_vec(), mode };
    let receiver = |part| [AccessStep::Each, step("receiver"), step(part)];
    let expected = [
        line(AccessRoot::Source, &[], AccessMode::Read),
        line(AccessRoot::Contract, &[], AccessMode::Credit),
        line(AccessRoot::Argument(0), &receiver("0"), AccessMode::Write),
        line(AccessRoot::Argument(0), &receiver("1"), AccessMode::Read),
    ];
    assert_eq!(buy.access.as_deref(), Some(&expected[..]));
    assert_eq!(shop.entry("loop").expect("it is listed").access.as_deref(), Some(&[][..]));
    assert_eq!(shop.entry("init").expect("it is listed").access, None);
}

#[test]
fn types_errors_and_events_are_described() {
    let shop = described();
    let Type::List(order) = &shop.entry("buy").expect("it is listed").arguments[0].ty else {
        panic!("a list")
    };
    let Type::Struct(name, fields) = &**order else { panic!("a struct") };
    assert_eq!(name, "Order");
    let fields: Vec<_> = fields.iter().map(|field| field.ty.to_string()).collect();
    assert_eq!(fields, ["(Address, Option<ContractId>)", "Vec<[u8; 4]>"]);
    assert_eq!(shop.errors.len(), 1, "two entries have it, it is listed once");
    assert_eq!(shop.error("buy", 3).expect("it is listed").docs, "The shop is closed.");
    assert_eq!(shop.error("loop", 0xffff_feff).expect("it is listed").name, "SoldOut");
    let [sold] = shop.events.as_slice() else { panic!("one event") };
    assert_eq!((sold.name.as_str(), sold.fields.len(), &sold.topics[..]), ("Sold", 2, &[1][..]));
}

#[test]
fn an_event_is_its_name_its_topics_and_all_its_fields() {
    let to = Address::Contract(ContractId([8; 32]));
    let mut topics = tos_sdk::Buffer::new();
    Sold { count: 5, to }.topics(&mut topics);
    let mut name = [0; 32];
    name[..4].copy_from_slice(b"Sold");
    assert_eq!(&topics[..32], name);
    assert_eq!(&topics[32..], [8; 32], "an address is found by its identity");
    let data = Sold { count: 5, to }.to_bytes();
    assert_eq!(data, [&5_u32.to_le_bytes()[..], &to.to_bytes()].concat());
}

#[test]
fn a_buffer_grows_and_keeps_its_bytes() {
    let mut buffer = tos_sdk::Buffer::new();
    assert!(buffer.is_empty());
    let expected: Vec<u8> = (0..1000_u32).map(|number| number as u8).collect();
    for part in expected.chunks(7) {
        buffer.push(part);
    }
    assert_eq!(*buffer, expected[..]);
    assert_eq!(*buffer.clone(), expected[..]);
    assert_eq!(Vec::from(buffer), expected);
}
