//! How fast is the reference executor? Transfers and token calls per second in block order on one
//! thread, at several conflict ratios. Signatures are checked before; nothing is committed.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tos_benches::bench::{self, CONFLICTS, Scene};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn sequential_execution(criterion: &mut Criterion) {
    bench::print_machine();
    for scene in Scene::all() {
        let mut group = criterion.benchmark_group(format!("sequential/{}", scene.name));
        group.throughput(Throughput::Elements(scene.txs as u64)).sample_size(10);
        for conflicts in CONFLICTS {
            let (engine, block) = scene.engine_and_block(1, conflicts);
            let id = BenchmarkId::from_parameter(format!("txs={} conflict={conflicts}", scene.txs));
            group.bench_function(id, |bencher| {
                bencher.iter(|| bench::must(engine.execute_block_sequentially(&block)));
            });
        }
    }
}

criterion_group!(benches, sequential_execution);
criterion_main!(benches);
