//! The market between a token and native money.

use tos_contracts_tests::{Record, event, exact, wasm};
use tos_runtime::testing::{Called, TestAccount, TestCall, TestChain};
use tos_runtime::{Address, AssetId, ContractId};

const NOTHING_GIVEN: u32 = 1;
const EMPTY: u32 = 2;
const SLIPPAGE: u32 = 3;
const TOO_MUCH: u32 = 4;
const TOO_LITTLE: u32 = 5;
const INSUFFICIENT_SHARES: u32 = 6;
const INSUFFICIENT_TOKENS: u32 = 7;
const NOT_APPROVED: u32 = 8;
const TOKEN_FAILED: u32 = 9;

/// What somebody gives, as `quote` takes it.
const NATIVE: u8 = 0;
const TOKEN: u8 = 1;

/// A chain with a token of alice's and a pool.
struct Market {
    chain: TestChain,
    people: [TestAccount; 4],
    token: ContractId,
    pool: ContractId,
}

/// The books of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Books {
    native: u64,
    token: u64,
    shares: u64,
}

impl Market {
    /// A pool without liquidity.
    fn empty(supply: u64) -> Self {
        let mut chain = TestChain::new();
        let people = chain.accounts(["alice", "bob", "carol", "dave"]);
        let token = chain.deploy(&people[0], &*wasm("token"), supply);
        let pool = chain.deploy(&people[0], &*wasm("amm"), token);
        Self { chain, people, token, pool }
    }

    /// A pool with a million native units and four million tokens; bob, carol and dave have a
    /// million tokens each, and let the pool spend them.
    fn open() -> Self {
        let mut market = Self::empty(1_000_000_000);
        let [alice, others @ ..] = &market.people.clone();
        let pool = market.pool;
        for who in others {
            let gift = (who.address(), 1_000_000_u64);
            exact(market.chain.call(alice, market.token, "transfer", gift));
            market.approve(who, pool, 1_000_000);
        }
        market.approve(alice, pool, 4_000_000);
        exact(market.add(alice, pool, 1_000_000, 4_000_000, 0));
        market
    }

    #[track_caller]
    fn approve(&mut self, who: &TestAccount, pool: ContractId, amount: u64) {
        let arguments = (Address::from(pool), amount);
        exact(self.chain.call(who, self.token, "approve", arguments));
    }

    #[track_caller]
    fn add(
        &mut self,
        who: &TestAccount,
        pool: ContractId,
        native: u64,
        max_tokens: u64,
        min_shares: u64,
    ) -> Called {
        let call = TestCall::new(pool, "add_liquidity", (max_tokens, min_shares));
        self.chain.send(who, call.deposit(AssetId::NATIVE, native))
    }

    #[track_caller]
    fn buy(&mut self, who: &TestAccount, native: u64, min_out: u64) -> Called {
        self.chain.send(who, buy(self.pool, native, min_out))
    }

    #[track_caller]
    fn sell(&mut self, who: &TestAccount, tokens: u64, min_out: u64) -> Called {
        self.chain.call(who, self.pool, "sell", (tokens, min_out))
    }

    #[track_caller]
    fn remove(&mut self, who: &TestAccount, shares: u64) -> Called {
        self.chain.call(who, self.pool, "remove_liquidity", (shares, 0_u64, 0_u64))
    }

    #[track_caller]
    fn tokens_of(&self, who: impl Into<Address>) -> u128 {
        self.chain.view(self.token, "balance_of", who.into())
    }

    #[track_caller]
    fn shares_of(&self, who: &TestAccount) -> u128 {
        self.chain.view(self.pool, "shares_of", who.address())
    }

    #[track_caller]
    fn quote(&self, give: u8, amount: u64) -> u64 {
        self.chain.view(self.pool, "quote", (give, amount))
    }

    /// The books, after demanding that the pool has what they say.
    #[track_caller]
    fn books(&self) -> Books {
        let (native, token) = self.chain.view(self.pool, "reserves", ());
        let shares = self.chain.view(self.pool, "total_shares", ());
        assert_eq!(self.chain.balance(self.pool, AssetId::NATIVE), native);
        assert_eq!(self.tokens_of(self.pool), u128::from(token));
        Books { native, token, shares }
    }
}

fn buy(pool: ContractId, native: u64, min_out: u64) -> TestCall {
    TestCall::new(pool, "buy", min_out).deposit(AssetId::NATIVE, native)
}

/// Demands that a share is worth no less than before: that the product of the reserves over the
/// square of the shares has not fallen.
#[track_caller]
fn assert_no_loss(before: Books, after: Books) {
    let product = |books: Books, shares: u64| {
        let reserves = u128::from(books.native) * u128::from(books.token);
        let squared = u128::from(shares) * u128::from(shares);
        reserves.checked_mul(squared).expect("the test's numbers are small enough")
    };
    assert!(
        product(after, before.shares) >= product(before, after.shares),
        "a share lost worth: {before:?} to {after:?}"
    );
}

#[test]
fn liquidity_and_swaps_work_at_the_recorded_price() {
    let mut market = Market::empty(1_000_000_000);
    let [alice, bob, ..] = &market.people.clone();
    let [a, b] = [alice.address(), bob.address()];
    let pool = market.pool;
    let mut record = Record::of("amm");
    market.approve(alice, pool, 10_000_000);
    exact(market.chain.call(alice, market.token, "transfer", (b, 100_000_u64)));

    let added = record.gas("first add_liquidity", market.add(alice, pool, 1_000_000, 4_000_000, 0));
    assert_eq!(added.returned::<u64>(), 2_000_000 - 1_000);
    assert_eq!(market.books(), Books { native: 1_000_000, token: 4_000_000, shares: 2_000_000 });
    type Liquidity = (Address, (u64, u64), u64);
    let facts: Liquidity = event(&added.events()[0], "amm.liquidity", &[a]);
    assert_eq!(facts, (a, (1_000_000, 4_000_000), 2_000_000));

    // 10,000 less 0.3 % are 9,970; 4,000,000 * 9,970 / 1,009,970 = 39,486.3.
    assert_eq!(market.quote(NATIVE, 10_000), 39_486);
    let bought = record.gas("buy", market.buy(bob, 10_000, 39_486));
    assert_eq!(bought.returned::<u64>(), 39_486);
    assert_eq!(market.tokens_of(b), 139_486);
    let facts: (Address, u8, u64, u64) = event(&bought.events()[0], "amm.swap", &[b]);
    assert_eq!(facts, (b, NATIVE, 10_000, 39_486));

    // What was bought is worth less than was paid: twice the fee.
    market.approve(bob, pool, 39_486);
    let expected = market.quote(TOKEN, 39_486);
    let before = market.chain.balance(bob, AssetId::NATIVE);
    let sold = record.gas("sell", market.sell(bob, 39_486, expected));
    assert_eq!(sold.returned::<u64>(), expected);
    assert_eq!(expected, 9_940);
    let after = market.chain.balance(bob, AssetId::NATIVE);
    assert_eq!(after, before - sold.gas_used().0 + expected);
    assert_eq!(market.books(), Books { native: 1_000_060, token: 4_000_000, shares: 2_000_000 });

    let more = record.gas("add_liquidity", market.add(alice, pool, 500_030, 2_000_000, 1_000_000));
    assert_eq!(more.returned::<u64>(), 1_000_000);
    let removed = record.gas("remove_liquidity", market.remove(alice, 1_500_000));
    assert_eq!(removed.returned::<(u64, u64)>(), (750_045, 3_000_000));
    assert_eq!(market.shares_of(alice), 1_499_000 - 1_000 + 1_000);
    assert_eq!(market.books(), Books { native: 750_045, token: 3_000_000, shares: 1_500_000 });
    assert_eq!(market.chain.view::<u128>(market.token, "total_supply", ()), 1_000_000_000);
    assert_eq!(market.tokens_of(a) + market.tokens_of(b) + market.tokens_of(pool), 1_000_000_000);
    record.check();
}

#[test]
fn no_order_of_calls_makes_a_share_lose_worth() {
    // Small reserves, where rounding matters most; a fixed sequence of odd numbers.
    for (native, tokens) in [(1_500, 1_500), (3, 4_000_000), (40_003, 77)] {
        let mut market = Market::empty(100_000_000);
        let [alice, bob, ..] = &market.people.clone();
        let pool = market.pool;
        let gift = (bob.address(), 10_000_000_u64);
        exact(market.chain.call(alice, market.token, "transfer", gift));
        market.approve(alice, pool, 50_000_000);
        market.approve(bob, pool, 10_000_000);
        exact(market.add(alice, pool, native, tokens, 0));
        let mut before = market.books();
        let (mut state, mut succeeded) = (native + tokens, 0);
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (action, amount) = ((state >> 33) % 4, 1 + (state >> 40) % 700);
            let called = match action {
                0 => market.buy(bob, amount, 0),
                1 => market.sell(bob, amount, 0),
                2 => market.add(bob, pool, 1 + amount % 40, 5_000_000, 0),
                _ => market.remove(bob, 1 + amount % 50),
            };
            succeeded += usize::from(called.status().is_success());
            let after = market.books();
            assert_no_loss(before, after);
            assert!(after.native > 0 && after.token > 0, "the pool was emptied: {after:?}");
            before = after;
        }
        assert!(succeeded > 15, "only {succeeded} calls of {native}, {tokens} did anything");
    }
}

#[test]
fn the_last_share_leaves_the_locked_ones_behind() {
    let mut market = Market::open();
    let [alice, ..] = &market.people.clone();
    let all = u64::try_from(market.shares_of(alice)).expect("few");
    exact(market.remove(alice, all));
    assert_eq!(market.books(), Books { native: 500, token: 2_000, shares: 1_000 });
}

#[test]
fn gifts_do_not_move_the_price() {
    let mut market = Market::open();
    let [alice, ..] = &market.people.clone();
    let (pool, before) = (market.pool, market.quote(NATIVE, 1_000));
    exact(market.chain.call(alice, market.token, "transfer", (Address::from(pool), 999_999_u64)));
    market.chain.transfer(alice, pool, AssetId::NATIVE, 999_999).expect_ok();
    assert_eq!(market.quote(NATIVE, 1_000), before);
}

#[test]
fn bounds_hold_and_what_fails_moves_nothing() {
    let mut market = Market::open();
    let [_, bob, ..] = &market.people.clone();
    let (pool, before) = (market.pool, market.books());
    let (tokens, native) = (market.quote(NATIVE, 1_000), market.quote(TOKEN, 1_000));
    let _ = market.buy(bob, 1_000, tokens + 1).expect_reverted(SLIPPAGE);
    let _ = market.sell(bob, 1_000, native + 1).expect_reverted(SLIPPAGE);
    // All of it is the fee.
    let _ = market.sell(bob, 1, 0).expect_reverted(SLIPPAGE);
    let _ = market.add(bob, pool, 1_000, 3_999, 0).expect_reverted(SLIPPAGE);
    let _ = market.add(bob, pool, 1_000, 4_000, 2_001).expect_reverted(SLIPPAGE);
    exact(market.add(bob, pool, 1_000, 4_000, 2_000));
    for bounds in [(2_000_u64, 1_001_u64, 0_u64), (2_000, 0, 4_001)] {
        let out = market.chain.call(bob, pool, "remove_liquidity", bounds);
        let _ = out.expect_reverted(SLIPPAGE);
    }
    exact(market.chain.call(bob, pool, "remove_liquidity", (2_000_u64, 1_000_u64, 4_000_u64)));
    assert_eq!(market.books(), before);
}

#[test]
fn nothing_for_nothing() {
    let mut market = Market::open();
    let [_, bob, ..] = &market.people.clone();
    let pool = market.pool;
    let _ = market.chain.call(bob, pool, "buy", 0_u64).expect_reverted(NOTHING_GIVEN);
    let _ = market.sell(bob, 0, 0).expect_reverted(NOTHING_GIVEN);
    let _ = market.remove(bob, 0).expect_reverted(NOTHING_GIVEN);
    let _ = market.add(bob, pool, 5, 0, 0).expect_reverted(NOTHING_GIVEN);
    let none = market.chain.call(bob, pool, "add_liquidity", (5_u64, 0_u64));
    let _ = none.expect_reverted(NOTHING_GIVEN);
}

#[test]
fn an_empty_pool_sells_nothing_and_takes_no_crumbs() {
    let mut market = Market::empty(1_000_000);
    let [alice, ..] = &market.people.clone();
    let pool = market.pool;
    let _ = market.buy(alice, 1_000, 0).expect_reverted(EMPTY);
    let _ = market.sell(alice, 1_000, 0).expect_reverted(EMPTY);
    market.approve(alice, pool, 1_000_000);
    for native in [1, 1_000] {
        // The square root of the product is at most what is locked.
        let _ = market.add(alice, pool, native, 1_000, 0).expect_reverted(TOO_LITTLE);
    }
    exact(market.add(alice, pool, 2_000, 1_000, 0));
    // Not worth a share.
    exact(market.buy(alice, 9_000, 0));
    let _ = market.add(alice, pool, 1, 1_000, 0).expect_reverted(TOO_LITTLE);
}

#[test]
fn nobody_takes_out_what_they_do_not_have() {
    let mut market = Market::open();
    let [alice, bob, ..] = &market.people.clone();
    let (pool, before) = (market.pool, market.books());
    let _ = market.remove(bob, 1).expect_reverted(INSUFFICIENT_SHARES);
    let _ = market.remove(alice, 1_999_001).expect_reverted(INSUFFICIENT_SHARES);
    let _ = market.sell(bob, 1_000_001, 0).expect_reverted(NOT_APPROVED);
    let _ = market.add(alice, pool, 1_000, 4_000, 0).expect_reverted(NOT_APPROVED);
    market.approve(bob, pool, 2_000_000);
    let _ = market.sell(bob, 1_000_001, 0).expect_reverted(INSUFFICIENT_TOKENS);
    assert_eq!(market.books(), before);
}

#[test]
fn reserves_stay_numbers() {
    let mut market = Market::empty(u64::MAX);
    let [alice, bob, ..] = &market.people.clone();
    let pool = market.pool;
    market.approve(alice, pool, u64::MAX);
    exact(market.add(alice, pool, 500_000_000_000, u64::MAX - 10, 0));
    let _ = market.sell(bob, 1_000_000_000, 0).expect_reverted(TOO_MUCH);
    let _ = market.add(alice, pool, 1_000_000, u64::MAX, 0).expect_reverted(TOO_MUCH);
    // A product of two reserves of this size is no problem.
    exact(market.buy(alice, 400_000_000_000, 0));
}

#[test]
fn a_token_that_is_none_fails() {
    let mut chain = TestChain::new();
    let alice = chain.account("alice");
    let counter = chain.deploy(&alice, &*wasm("counter"), ());
    let pool = chain.deploy(&alice, &*wasm("amm"), counter);
    assert_eq!(chain.view::<ContractId>(pool, "token", ()), counter);
    let call = TestCall::new(pool, "add_liquidity", (5_000_u64, 0_u64));
    let called = chain.send(&alice, call.deposit(AssetId::NATIVE, 5_000));
    let _ = called.expect_reverted(TOKEN_FAILED);
}

#[test]
fn swaps_on_one_pool_are_a_chain() {
    let mut market = Market::open();
    let [_, bob, carol, dave] = &market.people.clone();
    let pool = market.pool;
    let mut block = market.chain.block();
    block.send(bob, buy(pool, 1_000, 0));
    block.call(carol, pool, "sell", (1_000_u64, 0_u64));
    block.send(dave, buy(pool, 1_000, 0));
    block.execute().expect_ok().assert_batches(3);
    let _ = market.books();
}

#[test]
fn pools_are_parallel_with_the_same_token_too_and_so_are_its_holders() {
    let mut market = Market::open();
    let [alice, bob, carol, dave] = &market.people.clone();
    let [eve, frank] = market.chain.accounts(["eve", "frank"]);
    let (pool, token) = (market.pool, market.token);
    let other = market.chain.deploy(alice, &*wasm("amm"), token);
    market.approve(alice, other, 1_000_000);
    exact(market.add(alice, other, 1_000_000, 1_000_000, 0));
    market.approve(carol, other, 1_000);
    let mut block = market.chain.block();
    block.send(bob, buy(pool, 1_000, 0));
    block.call(carol, other, "sell", (1_000_u64, 0_u64));
    block.call(dave, token, "transfer", (eve.address(), 5_u64));
    block.transfer(&frank, eve.address(), AssetId::NATIVE, 5);
    block.execute().expect_ok().assert_batches(1);
}
