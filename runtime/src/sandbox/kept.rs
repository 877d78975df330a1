//! Live instances that wait for the next call of their module. All of them are what a fresh one is:
//! see [`Live::restore`].

use super::CompiledModule;
use super::live::{Ended, Live};
use crate::planted::{Bug, planted};

/// Most instances kept by one permit: as many different modules as one worker finds warm.
pub(super) const KEPT_INSTANCES_MAX: usize = 32;
/// Most initial memory of all instances kept by one permit, in pages: what they keep resident.
const KEPT_PAGES_MAX: u64 = 512;

/// The instances kept by one permit. The one used last is the last.
pub(super) struct Kept {
    reuse: bool,
    #[expect(clippy::vec_box, reason = "each call moves one out and in, and they are large")]
    instances: Vec<Box<Live>>,
    /// Pages of initial memory of all of them.
    pages: u64,
}

impl Kept {
    /// Keeps nothing yet, and if not `reuse` never anything.
    pub(super) fn new(reuse: bool) -> Self {
        Self { reuse, instances: Vec::new(), pages: 0 }
    }

    /// An instance of the module, if one is kept.
    pub(super) fn take(&mut self, module: &CompiledModule) -> Option<Box<Live>> {
        let found = self
            .instances
            .iter()
            .rposition(|live| live.is_of(module) || planted(Bug::InstancesOfOtherModules))?;
        let live = self.instances.remove(found);
        self.pages -= live.pages();
        Some(live)
    }

    /// Keeps an instance if it can be made what it was before its call.
    pub(super) fn keep(&mut self, mut live: Box<Live>, module: &CompiledModule, ended: Ended) {
        if !self.reuse || live.pages() > KEPT_PAGES_MAX || !live.restore(module, ended) {
            return;
        }
        while self.instances.len() >= KEPT_INSTANCES_MAX
            || self.pages + live.pages() > KEPT_PAGES_MAX
        {
            self.pages -= self.instances.remove(0).pages();
        }
        self.pages += live.pages();
        self.instances.push(live);
    }

    /// Drops the instances of modules that nobody can call any more: they hold machine code that
    /// was evicted.
    pub(super) fn forget_modules_that_left(&mut self) {
        self.instances.retain(|live| live.has_module());
        self.pages = self.instances.iter().map(|live| live.pages()).sum();
    }

    /// Moves everything out.
    pub(super) fn take_all(&mut self) -> Self {
        let nothing = Self::new(self.reuse);
        std::mem::replace(self, nothing)
    }
}
