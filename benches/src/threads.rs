//! Work of a workload's preparation on all cores: keys and signatures take most of it.

use crate::machine::cores;

/// What becomes of every item, in order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let parts = items.chunks(items.len().div_ceil(cores()).max(1));
    let work = &work;
    std::thread::scope(|scope| {
        let run = |part| scope.spawn(move || Vec::from_iter(<[T]>::iter(part).map(work)));
        // All are started before the first is waited for.
        let threads: Vec<_> = parts.map(run).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<R>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_items() {
        for len in [0, 1, 2, 3, 7, 100] {
            let items: Vec<usize> = (0..len).collect();
            assert_eq!(
                in_parallel(&items, |item| item * 2),
                Vec::from_iter((0..len).map(|i| i * 2))
            );
        }
    }
}
