use tos_host_api::ChainId;

use super::*;

fn params(transfer: u64) -> ProtocolParams {
    let mut params = ProtocolParams::new(ChainId(1));
    params.costs.transfer = transfer;
    params
}

/// A schedule in which the price of a transfer tells the period.
fn schedule(periods: &[(u64, u64)]) -> ProtocolSchedule {
    let mut schedule = ProtocolSchedule::new(params(periods[0].1));
    for (since, transfer) in &periods[1..] {
        let changed = schedule.change(TopoHeight(*since), params(*transfer), TopoHeight::ZERO);
        changed.expect("it is above the tip");
    }
    schedule
}

#[test]
fn a_period_holds_from_its_height_to_the_next() {
    let schedule = schedule(&[(0, 1), (5, 2), (9, 3)]);
    let book = RuleBook::new(schedule.clone());
    for (height, transfer) in [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3), (u64::MAX, 3)] {
        let height = TopoHeight(height);
        assert_eq!(schedule.at(height).costs.transfer, transfer, "{height}");
        let rules = book.at(height);
        assert_eq!(rules.params.costs.transfer, transfer, "{height}");
        let is_first = [5, 9].contains(&height.0);
        assert_eq!(rules.announced_at(height), is_first.then(|| params(transfer).id()), "{height}");
    }
}

#[test]
fn what_is_stored_is_what_was_there() {
    for periods in [&[(0, 1)][..], &[(0, 1), (5, 2), (9, 3)]] {
        let schedule = schedule(periods);
        let encoded = schedule.encode();
        let decoded = ProtocolSchedule::decode(&encoded).expect("it is what was encoded");
        assert_eq!(decoded, schedule);
    }
}

#[test]
fn a_change_taken_back_leaves_no_period() {
    let mut changed = schedule(&[(0, 1), (5, 2), (9, 3)]);
    let tip = TopoHeight(5);
    changed.change(TopoHeight(9), params(2), tip).expect("it is above the tip");
    assert_eq!(changed, schedule(&[(0, 1), (5, 2)]));
    changed.change(TopoHeight(7), params(2), tip).expect("it says what holds");
    assert_eq!(changed, schedule(&[(0, 1), (5, 2)]));
    // A change that an earlier one makes superfluous.
    let mut changed = schedule(&[(0, 1), (5, 2), (9, 3)]);
    changed.change(TopoHeight(7), params(3), tip).expect("it is above the tip");
    assert_eq!(changed, schedule(&[(0, 1), (5, 2), (7, 3)]));
}
