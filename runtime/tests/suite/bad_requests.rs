//! Requests and circumstances that a node did not ask for: rows C01, C04, Q02 to Q12, S11 and S12 of
//! the catalogue of bad inputs. Q01 is in the tests of the block files.

mod callbacks;
mod child;
mod circumstances;
mod genesis;
mod queries;
mod unread;
