//! Requests and circumstances that a node did not ask for: rows C01, Q02 to Q05, Q07 to Q12, S11 and
//! S12 of the catalogue of bad inputs. Q01 is in the tests of the block files, Q06 has nothing to
//! test: the engine has no subscriptions, and an observer is called, never queued for.

mod callbacks;
mod circumstances;
mod queries;
