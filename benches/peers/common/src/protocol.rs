//! What runner and engines say to each other, one JSON value per line. Does not do the talking.

use serde::{Deserialize, Serialize};

use crate::{Case, Work};

/// The runner asks for one round.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Request {
    /// Of what.
    pub case: Case,
    /// How many transfers, on all threads together.
    pub txs: usize,
    /// Which round of this case; decides who pays whom.
    pub round: u64,
}

/// An engine says something: first who it is, then one answer per request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Who it is.
    Described(Description),
    /// A round is done and all balances are right.
    Round {
        /// Microseconds of the whole round.
        micros: f64,
    },
    /// A round went wrong.
    Failed {
        /// How.
        reason: String,
    },
}

/// Who an engine is and what its figures stand for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can do.
    pub works: Vec<Work>,
    /// The contract that moves tokens.
    pub token: String,
    /// What two threads mean.
    pub threads: Threads,
    /// What is in the time.
    pub includes: Vec<String>,
    /// What is not.
    pub excludes: Vec<String>,
}

/// What two threads mean for an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Threads {
    /// One block on one state; the engine finds out what may run at the same time.
    Native,
    /// The engine executes one transaction after the other. Two of it run beside each other, each
    /// with half of the holders and half of the transfers: a bound that a scheduler around it could
    /// reach at best.
    Halves,
}
