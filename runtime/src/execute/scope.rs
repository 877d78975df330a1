//! What the calls of one transaction share, whichever frame is running: the journal, the chain of
//! frames, and what they have said so far.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tos_host_api::{Address, ContractId, Hash, TxIndex};

use super::transaction::TxRef;
use super::{BlockEnv, Callable, GuestMessage, callable};
use crate::error::EngineError;
use crate::planted::{Bug, planted};
use crate::sandbox::CallPermit;
use crate::schedule::TableEntry;
use crate::state::Journal;

/// Most messages kept per transaction; the operator's memory is not the guest's to fill.
const MESSAGES_MAX: usize = 64;

/// The transaction that a worker is executing. Its buffers are re-used for the next.
pub(crate) struct Scope {
    pub(crate) env: Arc<BlockEnv>,
    pub(crate) journal: Journal,
    pub(crate) source: Address,
    pub(crate) transaction_id: Hash,
    pub(crate) index: TxIndex,
    /// The contracts whose calls are running, the outermost first.
    pub(crate) frames: Vec<ContractId>,
    /// Words of the guests for the operator.
    pub(crate) messages: Vec<GuestMessage>,
    /// Bytes of the transaction's random stream handed out so far. Not taken back when a callee
    /// fails: its caller has seen them or could have.
    pub(crate) random_bytes: u64,
    /// The right to run calls; `None` where there are none.
    pub(crate) permit: Option<CallPermit>,
    /// Contracts that were looked up on the way, absent ones included; good for the whole block.
    looked_up: BTreeMap<ContractId, Option<Arc<Callable>>>,
}

impl Scope {
    pub(crate) fn new(env: Arc<BlockEnv>, journal: Journal, permit: Option<CallPermit>) -> Self {
        Self {
            env,
            journal,
            // Nobody, until a transaction begins. The zero key is a key of small order: under
            // ZIP-215 anybody can sign for it, so being it proves nothing.
            source: Address::Key(Default::default()),
            transaction_id: Hash::default(),
            index: 0,
            frames: Vec::new(),
            messages: Vec::new(),
            random_bytes: 0,
            permit,
            looked_up: BTreeMap::new(),
        }
    }

    /// Forgets the previous transaction.
    pub(crate) fn begin(&mut self, tx: TxRef<'_>, access: &[TableEntry]) {
        self.journal.begin(access);
        self.source = Address::Key(tx.tx.source);
        self.transaction_id = tx.id;
        self.index = tx.index;
        self.frames.clear();
        self.messages.clear();
        self.random_bytes = 0;
    }

    /// A contract another one wants to call, as of the block's parent state.
    ///
    /// # Errors
    /// See [`callable`].
    pub(crate) fn callable(
        &mut self,
        id: &ContractId,
    ) -> Result<Option<Arc<Callable>>, EngineError> {
        if let Some(known) = self.looked_up.get(id) {
            return Ok(known.clone());
        }
        let found = match self.env.contracts.get(id) {
            Some(found) => Some(found.clone()),
            None => {
                let (env, chain) = (&self.env, self.journal.overlay().chain());
                callable(chain, &env.modules, &env.preparation, id)?
            }
        };
        let found = found.map(Arc::new);
        self.looked_up.insert(*id, found.clone());
        Ok(found)
    }

    /// Keeps a message for the operator, if there is room.
    pub(crate) fn keep_message(&mut self, message: GuestMessage) {
        if self.messages.len() < MESSAGES_MAX || planted(Bug::MessagesUnbounded) {
            self.messages.push(message);
        }
    }
}

/// A value that moves into a guest's store while a call runs and comes back when it ends. A store
/// owns its data, so what outlives the call cannot be borrowed by it.
///
/// # Panics
/// Using it while it is lent is a bug of ours: a worker that panics gives up the block.
pub(crate) struct Lent<T>(Option<Box<T>>);

impl<T> Lent<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(Box::new(value)))
    }

    /// Takes the value out until [`Lent::give_back`].
    pub(crate) fn lend(&mut self) -> Box<T> {
        self.0.take().expect(LENT)
    }

    pub(crate) fn give_back(&mut self, value: Box<T>) {
        self.0 = Some(value);
    }
}

const LENT: &str = "used while it is lent to a call";

impl<T> Default for Lent<T> {
    /// Holds nothing yet.
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect(LENT)
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect(LENT)
    }
}
