//! Host functions through the engine: a block of one invocation that calls one many times, less the
//! same block without the calls. Everything a call causes counts, up to the digest of the block.

use std::time::{Duration, Instant};

use tos_benches::calibration::{HostScene, Report, Row, host_workloads};

/// How often each block is executed; the fastest counts.
const ROUNDS: usize = 25;

/// Measures all of them.
pub(crate) fn measure() -> Report {
    let scene = HostScene::new();
    let mut rows = Vec::new();
    for workload in host_workloads() {
        let blocks = [scene.block(&workload.entry()), scene.block(&workload.empty_entry())];
        let (mut fastest, mut gas) = ([Duration::MAX; 2], [0; 2]);
        // A single call is lost in the time of its block unless that is known well.
        let rounds = if workload.calls == 1 { 40 * ROUNDS } else { ROUNDS };
        for _ in 0..rounds {
            for (idx, block) in blocks.iter().enumerate() {
                let meant = (idx == 0).then_some(&workload);
                let started = Instant::now();
                gas[idx] = scene.execute(block, meant).0;
                fastest[idx] = started.elapsed().min(fastest[idx]);
            }
        }
        let calls = f64::from(workload.calls);
        let [full, empty] = fastest.map(|time| time.as_nanos() as f64);
        rows.push(Row {
            price: workload.function.spec().name.into(),
            name: workload.case.into(),
            plain_ns: None,
            ns: (full - empty) / calls,
            gas: (gas[0] - gas[1]) as f64 / calls,
        });
    }
    Report { rows }
}
