//! Does parallel execution pay? Transfers and token calls per second at several conflict ratios on
//! 1 and 2 threads, with the sequential executor beside every run. At 100 percent the block is one
//! chain and there is nothing to gain.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tos_benches::bench::{self, CONFLICTS, Scene};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn parallel_execution(criterion: &mut Criterion) {
    bench::print_machine();
    for scene in Scene::all() {
        let mut group = criterion.benchmark_group(format!("parallel/{}", scene.name));
        group.throughput(Throughput::Elements(scene.txs as u64)).sample_size(10);
        for conflicts in CONFLICTS {
            for threads in [1, 2] {
                let (engine, block) = scene.engine_and_block(threads, conflicts);
                let shape = format!("txs={} conflict={conflicts}", scene.txs);
                if threads == 2 {
                    let id = BenchmarkId::new("sequential", &shape);
                    group.bench_function(id, |bencher| {
                        bencher.iter(|| bench::must(engine.execute_block_sequentially(&block)));
                    });
                }
                let id = BenchmarkId::new(format!("threads={threads}"), &shape);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| bench::must(engine.execute_block(&block)));
                });
            }
        }
    }
}

criterion_group!(benches, parallel_execution);
criterion_main!(benches);
