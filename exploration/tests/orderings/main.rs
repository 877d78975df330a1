//! What shuttle cannot see: it takes every ordering for the strictest. The engine's cells and marks
//! are relaxed throughout, on the argument that the countdown carries what a transaction did to
//! those that wait for it. Loom runs a small block through the same three files under all orders of
//! two workers, with every value that the orderings allow a load to return.

#![allow(dead_code, unreachable_pub, reason = "the engine has more than is used here")]
#![allow(missing_docs, reason = "the files are documented where they belong")]

/// The engine's files.
#[path = "../../../runtime/src/state/overlay/cell.rs"]
mod cell;
#[path = "../../../runtime/src/execute/parallel/countdown.rs"]
mod countdown;
#[path = "../../../runtime/src/execute/marks.rs"]
mod marks;
#[path = "../../../runtime/src/planted.rs"]
mod planted;
mod workers;

/// What they find under `crate::`.
mod sync {
    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    }
}
mod state {
    pub(crate) struct Account {
        pub(crate) nonce: tos_host_api::Nonce,
        pub(crate) native: tos_host_api::Amount,
    }
    pub(crate) struct Row;
}
mod schedule {
    use tos_host_api::TxIndex;

    /// A schedule written down: the groups of each transaction, and the group behind each.
    pub(crate) struct Schedule {
        pub(crate) groups_of: Vec<Vec<u32>>,
        pub(crate) next: Vec<Option<u32>>,
        pub(crate) waits: Vec<u32>,
    }

    impl Schedule {
        pub(crate) fn waits(&self) -> &[u32] {
            &self.waits
        }

        pub(crate) fn groups_of(&self, tx: TxIndex) -> &[u32] {
            &self.groups_of[tx as usize]
        }

        pub(crate) fn has_next(&self, group: u32) -> bool {
            self.next[group as usize].is_some()
        }

        pub(crate) fn group_len(&self, group: u32) -> u32 {
            self.members(group).count() as u32
        }

        pub(crate) fn group_lens(&self) -> impl Iterator<Item = u32> {
            (0..self.next.len() as u32).map(|group| self.group_len(group))
        }

        pub(crate) fn released_by(&self, group: u32) -> Vec<&TxIndex> {
            let next = self.next[group as usize];
            next.into_iter().flat_map(|next| self.members(next)).collect()
        }

        fn members(&self, group: u32) -> impl Iterator<Item = &TxIndex> {
            const ALL: [TxIndex; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
            static INDICES: [TxIndex; 8] = ALL;
            INDICES[..self.groups_of.len()]
                .iter()
                .filter(move |tx| self.groups_of[**tx as usize].contains(&group))
        }
    }
}
