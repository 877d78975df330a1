//! The floor of P2: what a token payment through a contract cannot do without, on one thread and
//! with P2's own payments, each part by itself. No access sets, no order, no journal, no rollback,
//! no receipts as values, no sorting, no conservation check: an engine that did only this would be
//! wrong, and could not be faster.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use foldhash::{HashMap, HashMapExt as _};
use tos_runtime::limits::{IMPORT_MODULE, MEMORY_EXPORT};
use tos_runtime::prepare::{ENTER_EXPORT, EntryParams, OperatorCosts, STACK_EXPORT, prepare};
use tos_runtime::{Block, BlockOutcome, PublicKey, Receipt, TransactionType};
use wasmtime::{Caller, Linker, Memory, Module, Store, TypedFunc, Val};

use super::{Figure, Figures};
use crate::stats::median_us;
use crate::{Rng, TOKEN};

/// More gas and stack than a payment uses.
const GAS_UNITS: i64 = 1 << 40;
const STACK_WORDS: i32 = 16_384;
/// Payments after which it is known where the guest writes.
const PROBED: usize = 64;
/// What everybody has to begin with.
const FUNDS: u64 = 1 << 60;

/// A token payment, as small as it can be.
struct Payment {
    source: [u8; 32],
    /// An address and an amount, encoded.
    input: Vec<u8>,
}

/// All parts, ready to be measured again and again.
pub(super) struct Floor {
    guest: Guest,
    accounts: Accounts,
    bytes: Bytes,
    rounds: Vec<Parts>,
}

/// What the parts took, for all payments.
#[derive(Debug, Clone, Copy)]
struct Parts {
    call: Duration,
    find: Duration,
    write: Duration,
    hash: Duration,
}

impl Floor {
    /// Of a block of token payments, what came of it, and all accounts of its chain.
    pub(super) fn new(
        block: &Block,
        outcome: &BlockOutcome,
        accounts: &[PublicKey],
        seed: u64,
    ) -> Result<Self> {
        let payments: Vec<Payment> =
            block.transactions().iter().map(Payment::of).collect::<Result<_>>()?;
        Ok(Self {
            accounts: Accounts::new(&payments, accounts, seed)?,
            guest: Guest::new(payments)?,
            bytes: Bytes::of(outcome),
            rounds: Vec::new(),
        })
    }

    /// Measures every part once.
    pub(super) fn round(&mut self) -> Result<()> {
        let (call, called) = timed(|| self.guest.run());
        called?;
        let (find, found) = timed(|| self.accounts.run());
        ensure!(found == self.accounts.payments.len(), "an account is missing or poor");
        let (write, ()) = timed(|| self.bytes.write());
        let (hash, digest) = timed(|| blake3::hash(&self.bytes.written));
        black_box(digest);
        self.rounds.push(Parts { call, find, write, hash });
        Ok(())
    }

    /// Adds the sum and the parts.
    pub(super) fn add_to(&self, figures: &mut Figures) {
        type Part = fn(&Parts) -> Duration;
        let parts: [(&str, Part); 4] = [
            ("calling", |parts| parts.call),
            ("finding", |parts| parts.find),
            ("writing", |parts| parts.write),
            ("hashing", |parts| parts.hash),
        ];
        let payments = self.accounts.payments.len() as f64;
        let mut sum = 0.0;
        let mut names = Vec::new();
        for (name, of) in parts {
            let us = median_us(&self.rounds.iter().map(of).collect::<Vec<_>>());
            figures.add_time(format!("p2_floor_{name}"), us);
            names.push(format!("{name} {:.2}", us / payments));
            sum += us / payments;
        }
        figures.add(Figure {
            name: "p2_floor_us",
            row: "P2",
            what: format!("  at least, 1 thread: {}", names.join(" + ")),
            value: sum,
            unit: "us",
            target: None,
        });
    }
}

impl Payment {
    fn of(tx: &tos_runtime::VerifiedTransaction) -> Result<Self> {
        let TransactionType::InvokeContract { input, .. } = &tx.data else {
            return Err(anyhow!("a block of token payments has another transaction"));
        };
        Ok(Self { source: tx.source.0, input: input.clone() })
    }

    /// Where it goes: the input begins with an address, whose first byte tells keys from contracts.
    fn destination(&self) -> Result<[u8; 32]> {
        let key = self.input.get(1..33).context("the input of a payment is too short")?;
        Ok(key.try_into()?)
    }
}

/// A live instance of the metered token. Its host functions find everything in arrays, in the order
/// of the payments.
struct Guest {
    store: Store<Host>,
    memory: Memory,
    enter: TypedFunc<EntryParams, i64>,
    /// Number of the entry `transfer`.
    transfer: i32,
    /// What the guest's writes replace, and where.
    image: (usize, Vec<u8>),
}

/// What host functions know.
struct Host {
    memory: Option<Memory>,
    payments: Vec<Payment>,
    /// The payment at work.
    at: usize,
    /// Tokens of its source and its destination, payment by payment.
    balances: Vec<[u128; 2]>,
    event: Vec<u8>,
}

impl Guest {
    fn new(payments: Vec<Payment>) -> Result<Self> {
        let prepared = prepare(TOKEN, &OperatorCosts::default())?;
        let transfer = prepared.info.entry_number("transfer").context("no such entry")?;
        let engine = wasmtime::Engine::default();
        let module = wasm(Module::from_binary(&engine, &prepared.module))?;
        let balances = vec![[u128::from(FUNDS); 2]; payments.len()];
        let host = Host { memory: None, payments, at: 0, balances, event: Vec::new() };
        let mut store = Store::new(&engine, host);
        let mut linker = Linker::new(&engine);
        wasm(link(&mut linker))?;
        wasm(linker.define_unknown_imports_as_traps(&module))?;
        let instance = wasm(linker.instantiate(&mut store, &module))?;
        let memory = instance.get_memory(&mut store, MEMORY_EXPORT).context("no memory")?;
        store.data_mut().memory = Some(memory);
        let stack = instance.get_global(&mut store, STACK_EXPORT).context("no stack counter")?;
        wasm(stack.set(&mut store, Val::I32(STACK_WORDS)))?;
        let enter = wasm(instance.get_typed_func(&mut store, ENTER_EXPORT))?;
        let mut guest = Self { store, memory, enter, transfer, image: (0, Vec::new()) };
        guest.find_image()?;
        Ok(guest)
    }

    /// Finds out where payments write, and keeps what was there.
    fn find_image(&mut self) -> Result<()> {
        let first = self.memory.data(&self.store).to_vec();
        let (mut low, mut high) = (first.len(), 0);
        for payment in 0..PROBED.min(self.store.data().payments.len()) {
            self.call(payment)?;
            let now = self.memory.data(&self.store);
            let differs = |at: &usize| now[*at] != first[*at];
            low = low.min((0..first.len()).find(differs).unwrap_or(low));
            high = high.max((0..first.len()).rfind(differs).map_or(0, |at| at + 1));
            wasm_memory(self.memory.write(&mut self.store, 0, &first))?;
        }
        ensure!(low < high, "a payment writes nothing");
        self.image = (low, first[low..high].to_vec());
        Ok(())
    }

    /// All payments.
    fn run(&mut self) -> Result<()> {
        for payment in 0..self.store.data().payments.len() {
            self.call(payment)?;
            let (at, image) = &self.image;
            self.memory.data_mut(&mut self.store)[*at..*at + image.len()].copy_from_slice(image);
        }
        Ok(())
    }

    fn call(&mut self, payment: usize) -> Result<()> {
        self.store.data_mut().at = payment;
        wasm(self.enter.call(&mut self.store, (self.transfer, GAS_UNITS, 0))).map(drop)
    }
}

/// The host functions that a payment calls.
fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(IMPORT_MODULE, "deposit_count", || 0_i32)?
        .func_wrap(IMPORT_MODULE, "caller", |mut caller: Caller<'_, Host>, out: i32| {
            let (memory, host) = split(&mut caller);
            let out = out as usize;
            memory[out] = 0;
            memory[out + 1..out + 33].copy_from_slice(&host.payments[host.at].source);
        })?
        .func_wrap(IMPORT_MODULE, "input", |mut caller: Caller<'_, Host>, out: i32, cap: i32| {
            let (memory, host) = split(&mut caller);
            let input = &host.payments[host.at].input;
            if input.len() <= cap as usize {
                memory[out as usize..out as usize + input.len()].copy_from_slice(input);
            }
            input.len() as i32
        })?
        .func_wrap(
            IMPORT_MODULE,
            "emit",
            |mut caller: Caller<'_, Host>, topics: i32, count: i32, data: i32, len: i32| {
                let (memory, host) = split(&mut caller);
                let (topics, data) = (topics as usize, data as usize);
                host.event.clear();
                host.event.extend_from_slice(&memory[topics..topics + 32 * count as usize]);
                host.event.extend_from_slice(&memory[data..data + len as usize]);
                0_i32
            },
        )?;
    link_counter(linker, "counter_sub", |[from, _], amount| {
        from.checked_sub(amount).map(|left| *from = left)
    })?;
    link_counter(linker, "counter_add", |[_, to], amount| {
        to.checked_add(amount).map(|sum| *to = sum)
    })
}

/// A host function that reads the name of a counter, and changes one that is found without it.
fn link_counter(
    linker: &mut Linker<Host>,
    name: &str,
    change: impl Fn(&mut [u128; 2], u128) -> Option<()> + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    let count =
        move |mut caller: Caller<'_, Host>, partition: i32, key: i32, len: i32, amount: i64| {
            let (memory, host) = split(&mut caller);
            let (partition, key) = (partition as usize, key as usize);
            black_box((&memory[partition..partition + 33], &memory[key..key + len as usize]));
            // A status of the guest's, who then aborts, which is not linked.
            change(&mut host.balances[host.at], amount as u128).map_or(1, |()| 0)
        };
    linker.func_wrap(IMPORT_MODULE, name, count).map(drop)
}

/// The guest's memory and what the host knows.
fn split<'a>(caller: &'a mut Caller<'_, Host>) -> (&'a mut [u8], &'a mut Host) {
    let memory = caller.data().memory.expect("set before the first call");
    memory.data_and_store_mut(caller)
}

/// The accounts of the chain, each with a slot that lies elsewhere in memory, found through it.
struct Accounts {
    entries: HashMap<[u8; 32], Entry>,
    slots: Vec<u128>,
    payments: Vec<([u8; 32], [u8; 32])>,
}

/// An account.
struct Entry {
    nonce: u64,
    native: u64,
    slot: usize,
}

impl Accounts {
    fn new(payments: &[Payment], keys: &[PublicKey], seed: u64) -> Result<Self> {
        let mut places: Vec<usize> = (0..keys.len()).collect();
        Rng::new(seed).shuffle(&mut places);
        let mut entries = HashMap::with_capacity(keys.len());
        let entry = |slot| Entry { nonce: 0, native: FUNDS, slot };
        entries.extend(keys.iter().zip(places).map(|(key, slot)| (key.0, entry(slot))));
        let ends = |payment: &Payment| Ok((payment.source, payment.destination()?));
        let payments = payments.iter().map(ends).collect::<Result<_>>()?;
        Ok(Self { entries, slots: vec![FUNDS.into(); keys.len()], payments })
    }

    /// Finds and changes both accounts and both slots of all payments; how many there were.
    fn run(&mut self) -> usize {
        let Self { entries, slots, payments } = self;
        let mut pay = |(source, destination): &([u8; 32], [u8; 32])| {
            let source = entries.get_mut(source)?;
            source.nonce += 1;
            source.native = source.native.checked_sub(1)?;
            let from = &mut slots[source.slot];
            *from = from.checked_sub(1)?;
            let to = &mut slots[entries.get(destination)?.slot];
            *to = to.checked_add(1)?;
            Some(())
        };
        payments.iter().filter(|payment| pay(payment).is_some()).count()
    }
}

/// The bytes of changes and receipts: as many as the engine made of the block.
struct Bytes {
    /// Of one payment.
    each: Vec<u8>,
    written: Vec<u8>,
}

impl Bytes {
    fn of(outcome: &BlockOutcome) -> Self {
        let mut encoded = outcome.change_set().encode();
        let payments = outcome.results().len().max(1);
        let receipts: usize = outcome.results().iter().flatten().map(receipt_len).sum();
        let each = (encoded.len() + receipts) / payments;
        encoded.resize(encoded.len().max(each), 0);
        encoded.truncate(each);
        Self { written: vec![0; each * payments], each: encoded }
    }

    fn write(&mut self) {
        let Self { each, written } = self;
        let each = black_box(&*each);
        written.chunks_exact_mut(each.len().max(1)).for_each(|bytes| bytes.copy_from_slice(each));
        black_box(written);
    }
}

/// How long a receipt is when it is encoded: status, gas and fee, and what else there is.
fn receipt_len(receipt: &Receipt) -> usize {
    let event =
        |event: &tos_runtime::Event| 32 + 4 + 32 * event.topics.len() + 4 + event.data.len();
    let contract = receipt.contract.map_or(0, |_| 32);
    let events: usize = receipt.events.iter().map(event).sum();
    2 + 8 + 8 + 1 + contract + 4 + receipt.return_data.len() + 4 + events
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn wasm<T>(result: wasmtime::Result<T>) -> Result<T> {
    result.map_err(|error| anyhow!("the token on its own: {error:#}"))
}

fn wasm_memory(result: Result<(), wasmtime::MemoryAccessError>) -> Result<()> {
    result.map_err(|error| anyhow!("the token's memory: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;
    use crate::shapes;

    fn floor() -> Floor {
        let mut scene = Scene::new(40, 20, 1).unwrap();
        let block = scene.block(|world| shapes::random_token_transfers(world, 20, 3)).unwrap();
        let outcome = scene.engine(1).unwrap().execute_block(&block).unwrap();
        Floor::new(&block, &outcome, &scene.world.keys(), 1).unwrap()
    }

    #[test]
    fn the_guest_alone_makes_the_payments_and_leaves_no_trace_in_its_memory() {
        let mut floor = floor();
        let before = floor.guest.memory.data(&floor.guest.store).to_vec();
        let at_first = floor.guest.store.data().balances.clone();
        floor.guest.run().unwrap();
        assert!(floor.guest.memory.data(&floor.guest.store) == before, "it was not put back");
        let host = floor.guest.store.data();
        for ([from, to], [from_first, to_first]) in host.balances.iter().zip(&at_first) {
            assert_eq!((*from, *to), (from_first - 1, to_first + 1));
        }
        // The last event: who paid, whom, and how much.
        let last = host.payments.last().unwrap();
        assert!(host.event.ends_with(&last.input), "{:?}", host.event);
        assert!(host.event.windows(32).any(|part| part == last.source), "{:?}", host.event);
    }

    #[test]
    fn every_part_does_its_work_and_is_in_the_sum() {
        let mut floor = floor();
        floor.round().unwrap();
        let paid = floor.accounts.slots.iter().filter(|slot| **slot < FUNDS.into()).count();
        assert_eq!((paid, floor.bytes.written.len()), (20, 20 * floor.bytes.each.len()));
        assert!(floor.bytes.written.ends_with(&floor.bytes.each));
        let mut figures = Figures::default();
        floor.add_to(&mut figures);
        let sum: f64 = figures.times_us().iter().map(|(_, us)| us).sum();
        assert!((figures.get("p2_floor_us").unwrap() - sum / 20.0).abs() < 1e-6);
        assert_eq!(figures.times_us().len(), 4);
    }
}
