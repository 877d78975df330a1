//! Medians of interleaved measurements.
#![allow(clippy::float_arithmetic, reason = "figures for readers, no part of a result")]

use std::time::Duration;

/// The value in the middle; of an even number the mean of the two in the middle, of none 0.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[len / 2],
        len => (values[len / 2 - 1] + values[len / 2]) / 2.0,
    }
}

/// The median in microseconds.
#[must_use]
pub fn median_us(times: &[Duration]) -> f64 {
    median(times.iter().copied().map(us).collect())
}

/// The median of `a / b`, pair by pair. What slows the machine down for a while slows both of a
/// pair down, so this moves less than a ratio of two medians.
#[must_use]
pub fn median_ratio(a: &[Duration], b: &[Duration]) -> f64 {
    median(a.iter().zip(b).map(|(a, b)| us(*a) / us(*b)).collect())
}

/// Microseconds. Never 0, so that a ratio of two is finite.
#[must_use]
pub fn us(time: Duration) -> f64 {
    time.as_nanos().max(1) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
        let times = [9, 1, 5].map(Duration::from_micros);
        assert_eq!(median_us(&times), 5.0);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // The machine was ten times slower in the second round: no ratio moves.
        let a = [2, 20, 2].map(Duration::from_micros);
        let b = [1, 10, 1].map(Duration::from_micros);
        assert_eq!(median_ratio(&a, &b), 2.0);
        assert!(median_ratio(&a, &[Duration::ZERO; 3]).is_finite());
    }
}
