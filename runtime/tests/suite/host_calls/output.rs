//! H13 to H15, H22: words for the operator, events, return data.

use tos_host_api::{HostFunction as F, Status};
use tos_runtime::limits::{
    EVENT_DATA_LEN_MAX, EVENT_TOPICS_MAX, EVENTS_MAX, MESSAGE_LEN_MAX, RETURN_LEN_MAX,
};
use tos_runtime::{ExecutionStatus, HaltReason, Receipt, RevertReason};

use super::{but, out_of_bounds, sensible, with_bytes};
use crate::support::place::*;
use crate::support::{Hostile, Order, receipt, words};

const TOO_LONG: i64 = Status::TooLong.code() as i64;
const EVENT_LIMIT: i64 = Status::EventLimit.code() as i64;

/// The receipt a call would have, and what it tells the operator.
fn said(hostile: &Hostile, order: Order) -> (Receipt, Vec<String>) {
    let tx = order.unsigned(1, hostile.chain.nonce(1));
    let simulation = hostile.chain.engine.simulate(&tx).expect("it runs");
    let messages = simulation.messages.into_iter().map(|message| message.text).collect();
    (simulation.result.expect("it could be included"), messages)
}

#[test]
fn h13_lines_beyond_what_the_operator_keeps_are_paid_for_and_dropped() {
    let mut hostile = Hostile::new();
    // Unlike the catalogue's limit, this one is local and the guest cannot see it: a node may keep
    // as much as it likes without changing a receipt.
    const KEPT: usize = 64;
    for (lines, kept) in [(1, 1), (64, KEPT), (65, KEPT), (101, KEPT), (1_000, KEPT)] {
        let (receipt, texts) = said(&hostile, hostile.order("h13_log", &words(&[lines])));
        assert!(receipt.status.is_success());
        assert_eq!(texts, vec!["first"; kept], "{lines} lines");
    }
    let line = hostile.gas("h13_log", &words(&[102])) - hostile.gas("h13_log", &words(&[101]));
    let price = F::DebugLog.spec().gas;
    assert!(line >= price.base + 5 * price.per_byte, "{line} for a line nobody keeps");
    hostile.halts("h13_log", &words(&[u32::MAX]), HaltReason::OutOfGas);
}

#[test]
fn h13_a_message_is_cut_before_it_is_paid_for_and_copied() {
    let mut hostile = Hostile::raw();
    let log = |len: u64| [BYTES, len];
    let gas = |hostile: &mut Hostile, len| hostile.raw_gas(F::DebugLog, &log(len));
    let max = MESSAGE_LEN_MAX as u64;
    let (nothing, full) = (gas(&mut hostile, 0), gas(&mut hostile, max));
    assert_eq!(full - nothing, max * F::DebugLog.spec().gas.per_byte);
    for len in [max + 1, 16 * 1024 + 1, 1 << 30] {
        assert_eq!(gas(&mut hostile, len), full, "{len} bytes");
        let (_, texts) = said(&hostile, hostile.raw_order(F::DebugLog, &log(len)));
        assert_eq!(texts.len(), 1);
        // What is no text takes a few characters for each byte.
        assert!(texts[0].starts_with("abcdef") && texts[0].chars().count() < 8 * 1024, "{len}");
    }
    // The part that is kept has to exist.
    assert_eq!(hostile.result(F::DebugLog, &[END - max, 1 << 30]), 0);
    hostile.raw_halts(F::DebugLog, &[END - max + 1, 1 << 30], out_of_bounds(F::DebugLog));
}

#[test]
fn h13_escape_sequences_reach_the_operator_as_text() {
    let hostile = Hostile::raw();
    let cases: [(&[u8], &str); 4] = [
        (b"\x1b[2J\x07", r"\u{1b}[2J\u{7}"),
        (b"\r\n\0\x7f", r"\r\n\0\u{7f}"),
        ("\u{202e}txt".as_bytes(), r"\u{202e}txt"),
        (b"\xff\xfe'\"", "\u{fffd}\u{fffd}'\""),
    ];
    for (text, expected) in cases {
        let args = [BYTES, text.len() as u64];
        let (receipt, texts) = said(&hostile, with_bytes(&hostile, F::DebugLog, &args, text));
        assert_eq!(texts, [expected]);
        assert!(receipt.status.is_success() && receipt.events.is_empty());
    }
}

#[test]
fn h14_events_end_at_the_limit_of_the_transaction() {
    let mut hostile = Hostile::new();
    let max = EVENTS_MAX as u32;
    let answer = |status: i32, taken: u32| [status.to_le_bytes(), taken.to_le_bytes()].concat();
    let limit = Status::EventLimit.code();
    for (count, status) in [(1, 0), (max, 0), (max + 1, limit), (1_000, limit)] {
        let taken = count.min(max);
        let receipt = hostile.call("h14_emit", &words(&[count]));
        assert_eq!(receipt.return_data, answer(status, taken), "{count} events");
        assert_eq!(receipt.events.len(), taken as usize);
        assert!(receipt.events.iter().all(|event| event.data == b"first"));
    }
    // Refused attempts are not free.
    let gas = |hostile: &mut Hostile, count| hostile.gas("h14_emit", &words(&[count]));
    let refused = gas(&mut hostile, max + 2) - gas(&mut hostile, max + 1);
    assert!(refused >= F::Emit.spec().gas.base, "{refused}");
    // Each transaction of a block has its own limit; gas alone bounds the block's.
    let txs = (1..4)
        .map(|number| hostile.chain.send(number, hostile.order("h14_emit", &words(&[max]))))
        .collect();
    let outcome = hostile.chain.execute(txs);
    assert!((0..3).all(|idx| receipt(&outcome, idx).events.len() == EVENTS_MAX));
    let each = F::Emit.spec().gas;
    let least = u64::from(max) * (each.base + 5 * each.per_byte);
    assert!((0..3).all(|idx| receipt(&outcome, idx).gas_used.0 > least));
}

#[test]
fn h14_topics_and_data_of_an_event_are_limited() {
    let mut hostile = Hostile::raw();
    let topics = |count: u64| [BYTES, count, BYTES, 4];
    let max = EVENT_TOPICS_MAX as u64;
    for (count, expected) in [(0, 0), (max, 0), (max + 1, EVENT_LIMIT), (1 << 27, EVENT_LIMIT)] {
        assert_eq!(hostile.result(F::Emit, &topics(count)), expected, "{count} topics");
    }
    let data = |len: u64| [BYTES, 0, 0, len];
    let max = EVENT_DATA_LEN_MAX as u64;
    for (len, expected) in [(0, 0), (max, 0), (max + 1, TOO_LONG)] {
        let order = hostile.raw_order(F::Emit, &data(len));
        let receipt = hostile.chain.one(1, order);
        assert_eq!(receipt.return_data, expected.to_le_bytes(), "{len} bytes");
        let lens: Vec<_> = receipt.events.iter().map(|event| event.data.len() as u64).collect();
        assert_eq!(lens, if expected == 0 { vec![len] } else { vec![] });
    }
}

#[test]
fn h15_the_last_return_data_that_fits_wins() {
    let mut hostile = Hostile::raw();
    let max = RETURN_LEN_MAX as u64;
    for (len, expected) in [(0, 0), (max, 0), (max + 1, TOO_LONG)] {
        assert_eq!(hostile.result(F::SetReturn, &[0, len]), expected, "{len} bytes");
    }
    let mut hostile = Hostile::new();
    assert_eq!(hostile.call("h15_return_thrice", &[]).return_data, b"last");
    // A revert keeps what was returned; whoever called may want to know why. A halt keeps nothing.
    let order = hostile.order("h15_return_and_abort", &[]);
    let aborted = ExecutionStatus::Reverted(RevertReason::Contract(9));
    assert_eq!(hostile.chain.assert_fails(1, order, &aborted).return_data, b"first");
    let order = hostile.order("h15_return_and_trap", &[]);
    let trapped = ExecutionStatus::Halted(HaltReason::Trap);
    assert_eq!(hostile.chain.assert_fails(1, order, &trapped).return_data, b"");
}

#[test]
fn h22_an_abort_leaves_a_code_and_no_words_in_the_receipt() {
    let hostile = Hostile::raw();
    let abort = |len: u64| but(F::Abort, &sensible(F::Abort), "message_len", len);
    let texts: [&[u8]; 4] = [b"why?", b"\xff\xff\xff\xff", b"\x1b[2J", b"'\"\r\n"];
    let receipts = texts.map(|text| {
        let (receipt, texts) = said(&hostile, with_bytes(&hostile, F::Abort, &abort(4), text));
        assert_eq!(texts.len(), 1);
        assert!(texts[0].starts_with("abort 7: "), "{texts:?}");
        assert!(!texts[0].chars().any(char::is_control), "{texts:?}");
        receipt
    });
    assert_eq!(receipts[0].status, ExecutionStatus::Reverted(RevertReason::Contract(7)));
    assert!(receipts.iter().all(|receipt| receipt == &receipts[0]), "words made a difference");
    // Megabytes are cut like any message, before they are paid for.
    let max = MESSAGE_LEN_MAX as u64;
    let gas = |len| said(&hostile, hostile.raw_order(F::Abort, &abort(len))).0.gas_used.0;
    assert_eq!(gas(1 << 20), gas(max));
    assert_eq!(gas(max) - gas(0), max * F::Abort.spec().gas.per_byte);
    // Every code is a code, also those that look like the host's own.
    for code in [0, 1, u64::from(u32::MAX)] {
        let order = hostile.raw_order(F::Abort, &but(F::Abort, &abort(4), "code", code));
        let expected = ExecutionStatus::Reverted(RevertReason::Contract(code as u32));
        assert_eq!(said(&hostile, order).0.status, expected);
    }
}
