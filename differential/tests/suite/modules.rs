//! Generated modules behave identically, and they are worth comparing.

use tos_differential::campaign::Campaign;
use tos_differential::engines;
use tos_differential::observation::End;
use tos_differential::sources::{Source, draw};

const MODULES: u64 = 360;
const SEED: u64 = 1;

#[test]
fn generated_modules_behave_identically_on_every_engine() {
    let engines = engines::all().expect("engines start");
    assert_eq!(engines.len(), 4);
    let campaign = Campaign { seed: SEED, modules: MODULES, threads: 2 };
    let report = campaign.run(&engines, |_| {}).unwrap_or_else(|finding| {
        panic!("seed {}: {}", finding.seed, finding.difference);
    });
    println!("{report}");

    // A comparison of programs that do nothing would be worth nothing.
    let total = report.total();
    assert!(total.accepted >= 300, "{} modules", total.accepted);
    for source in Source::GENERATORS {
        let row = &report.0[&source];
        assert!(row.accepted >= MODULES / 3 * 9 / 10, "{source}: {} accepted", row.accepted);
        assert!(row.tally.busy >= row.accepted / 3, "{source}: {} busy entries", row.tally.busy);
        assert!(row.tally.calling >= row.accepted / 5, "{source}: {}", row.tally.calling);
        assert!(row.tally.plenty[&End::Completed] > 0, "{source}");
        assert!(row.tally.plenty[&End::Trap] > 0, "{source}");
    }
    let entries: u64 = total.tally.plenty.values().sum();
    assert!(total.tally.plenty[&End::Completed] > entries / 3, "{:?}", total.tally.plenty);
    for end in End::ALL {
        assert!(total.tally.plenty.contains_key(&end), "no entry ends in: {end}");
        assert!(total.tally.ends[&end] >= 50, "{end}: {}", total.tally.ends[&end]);
    }
    assert!(total.tally.host_calls >= 5_000, "{} host calls", total.tally.host_calls);
}

#[test]
fn a_seed_always_gives_the_same_module() {
    for seed in 0..30 {
        let code = |seed| draw(seed).subject.map(|subject| subject.code);
        assert_eq!(code(seed), code(seed), "seed {seed}");
        assert_ne!(code(seed), code(seed + 3), "seed {seed}");
    }
}
