//! P10: verifying a block beside ed25519-zebra's own batches, on as many threads.

use std::time::Duration;
use std::time::Instant;

use anyhow::{Result, ensure};
use ed25519_zebra::{Signature, VerificationKeyBytes, batch};
use tos_runtime::{Transaction, UnverifiedBlock};

use super::stage::Stage;
use super::{Figure, Figures, Options, Sizes, Target};
use crate::machine::cores;
use crate::stats::{median_ratio, median_us};
use crate::{Rng, shapes};

/// Signatures per batch, as in the engine.
const BATCH: usize = 64;

/// What a batch needs of one transaction.
type Signed = (VerificationKeyBytes, Signature, Vec<u8>);

pub(super) fn measure(
    stage: &mut Stage,
    sizes: &Sizes,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    stage.scene.world.rewind();
    let half = sizes.signatures.min(stage.scene.world.len() / 2);
    let transactions = shapes::disjoint_transfers(&mut stage.scene.world, half);
    // The very messages the engine checks: the number of bytes hashed is part of the price.
    let signed = |tx: &Transaction| {
        let key = VerificationKeyBytes::from(tx.unsigned.source.0);
        let signature = Signature::from_bytes(&tx.signature.0);
        (key, signature, tx.unsigned.signed_bytes())
    };
    let signed: Vec<Signed> = transactions.iter().map(signed).collect();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.min(5) {
        bare.push(bare_batches(&signed)?);
        let block = UnverifiedBlock {
            context: stage.all.next_context(1),
            beneficiary: None,
            transactions: transactions.clone(),
        };
        let start = Instant::now();
        let block = stage.all.verify_block(block)?;
        ours.push(start.elapsed());
        ensure!(block.transactions().len() == transactions.len(), "transactions are missing");
    }
    figures.add(Figure {
        name: "p10_ratio",
        row: "P10",
        what: "signatures per second by those of ed25519-zebra's own batches, all threads".into(),
        value: median_ratio(&bare, &ours),
        unit: "",
        target: Some(Target::AtLeast(0.9)),
    });
    figures.add_time("signatures_ours", median_us(&ours));
    figures.add_time("signatures_bare", median_us(&bare));
    Ok(())
}

/// Every thread takes an equal part and checks it in batches.
fn bare_batches(signed: &[Signed]) -> Result<Duration> {
    let part = signed.len().div_ceil(cores()).max(1);
    let start = Instant::now();
    let all_valid = std::thread::scope(|scope| {
        let check = |signed: &[Signed]| {
            signed.chunks(BATCH).all(|signed| {
                let mut verifier = batch::Verifier::new();
                for (key, signature, message) in signed {
                    verifier.queue((*key, *signature, message.as_slice()));
                }
                verifier.verify(Coefficients(Rng::new(1))).is_ok()
            })
        };
        let run = |signed| scope.spawn(move || check(signed));
        let threads: Vec<_> = signed.chunks(part).map(run).collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    let time = start.elapsed();
    ensure!(all_valid, "a signature of the workload is not valid");
    Ok(time)
}

/// Coefficients that cost nothing: whether they can be guessed matters to nobody here.
struct Coefficients(Rng);

impl rand_core::TryRng for Coefficients {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0.next_u64() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Coefficients {}
