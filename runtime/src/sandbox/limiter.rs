//! Bounds what an instance may grow to. A machine without memory is an engine error, never a -1
//! that one node's guest sees and another's does not.

use tos_host_api::limits;
use wasmtime::ResourceLimiter;

use crate::planted::{Bug, planted};

/// Answers growth from the protocol's limits alone. What it allows and the machine then refuses is
/// an engine error: `Err` here ends the guest without a trap code, which `call.rs` takes for a
/// fault of the engine.
#[derive(Default)]
pub(super) struct Limiter;

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = limits::MEMORY_PAGES_MAX << (16 + u32::from(planted(Bug::TwiceTheMemory)));
        Ok(desired as u64 <= limit && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = limits::TABLE_ELEMENTS_MAX;
        Ok(desired as u64 <= limit && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Instance, InstanceAllocationStrategy, Module, Store, Trap};

    use super::*;
    use crate::sandbox::profile;

    const PAGE: usize = 1 << 16;

    #[test]
    fn growth_is_answered_from_the_limits() {
        let (pages, elements) =
            (limits::MEMORY_PAGES_MAX as usize, limits::TABLE_ELEMENTS_MAX as usize);
        let memory = |desired, max| Limiter.memory_growing(0, desired, max).expect("an answer");
        assert!(memory(pages * PAGE, None));
        assert!(!memory(pages * PAGE + 1, None));
        assert!(memory(2 * PAGE, Some(2 * PAGE)));
        assert!(!memory(2 * PAGE + 1, Some(2 * PAGE)));
        let table = |desired, max| Limiter.table_growing(0, desired, max).expect("an answer");
        assert!(table(elements, None));
        assert!(!table(elements + 1, None));
        assert!(table(5, Some(5)));
        assert!(!table(6, Some(5)));
    }

    #[test]
    fn growth_that_failed_is_an_error() {
        let failed = || wasmtime::format_err!("no memory left");
        assert!(Limiter.memory_grow_failed(failed()).is_err());
        assert!(Limiter.table_grow_failed(failed()).is_err());
    }

    /// Calls `memory.grow` in a pool whose memories have `places` pages.
    fn grow(places: usize, pages: i32) -> wasmtime::Result<i32> {
        let mut config = profile::config(None, 1)?;
        let mut pool = profile::pool(1);
        pool.total_core_instances(1).total_memories(1).total_tables(1);
        pool.max_memory_size(places * PAGE);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let code = wat::parse_str(format!(
            r#"(module (memory 1 {max}) (func (export "grow") (param i32) (result i32)
                 (memory.grow (local.get 0))))"#,
            max = limits::MEMORY_PAGES_MAX
        ))
        .expect("valid text");
        let module = Module::from_binary(&engine, &code)?;
        let mut store = Store::new(&engine, Limiter);
        store.limiter(|limiter| limiter);
        let instance = Instance::new(&mut store, &module, &[])?;
        instance.get_typed_func::<i32, i32>(&mut store, "grow")?.call(&mut store, pages)
    }

    #[test]
    fn a_host_without_memory_is_never_an_answer_to_the_guest() {
        // Within the limits of the protocol and of the machine.
        assert_eq!(grow(64, 63).expect("there is room"), 1);
        // Beyond those of the protocol: the guest's business.
        for pages in [64, 65_535, i32::MAX, -1] {
            assert_eq!(grow(64, pages).expect("an answer"), -1);
        }
        // Within those of the protocol, beyond those of the machine.
        let error = grow(2, 8).expect_err("the machine has two pages");
        // Not a trap either: only traps can become receipts.
        assert!(error.downcast_ref::<Trap>().is_none(), "{error:#}");
        assert_eq!(grow(2, 1).expect("there is room"), 1);
    }
}
