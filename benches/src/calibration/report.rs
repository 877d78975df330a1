//! What was measured, as a table: nanoseconds per gas, and how far each row is from the median.
#![allow(clippy::float_arithmetic, reason = "times and ratios for readers, no part of a result")]

use std::fmt;

/// One thing that has a price.
#[derive(Debug, Clone)]
pub struct Row {
    /// Which price it informs.
    pub price: String,
    /// What was measured.
    pub name: String,
    /// Nanoseconds without metering, where there is such a thing.
    pub plain_ns: Option<f64>,
    /// Nanoseconds as in production.
    pub ns: f64,
    /// Gas charged.
    pub gas: f64,
}

impl Row {
    /// Nanoseconds per gas: above the median the thing is too cheap, below it too dear.
    #[must_use]
    pub fn ns_per_gas(&self) -> f64 {
        self.ns / self.gas
    }
}

/// Rows of one kind.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The rows, in the order of measuring.
    pub rows: Vec<Row>,
}

impl Report {
    /// The row in the middle; zero without rows.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut ratios: Vec<f64> = self.rows.iter().map(Row::ns_per_gas).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(0.0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = self.median();
        writeln!(
            f,
            "{:<16} {:<46} {:>10} {:>10} {:>10} {:>8} {:>8}",
            "price", "what", "plain ns", "ns", "gas", "ns/gas", "/median"
        )?;
        for row in &self.rows {
            let Row { price, name, plain_ns, ns, gas } = row;
            let plain = plain_ns.map_or(String::new(), |ns| format!("{ns:.2}"));
            let ratio = row.ns_per_gas();
            let to_median = ratio / median;
            writeln!(
                f,
                "{price:<16} {name:<46} {plain:>10} {ns:>10.2} {gas:>10.2} {ratio:>8.2} \
                 {to_median:>8.2}"
            )?;
        }
        writeln!(f, "median {median:.3} ns per gas")?;
        let by_ratio = |a: &&Row, b: &&Row| a.ns_per_gas().total_cmp(&b.ns_per_gas());
        // What disappears in the time of other things is dear without limit.
        let measurable = || self.rows.iter().filter(|row| row.ns > 0.05);
        if let (Some(dear), Some(cheap)) =
            (measurable().min_by(by_ratio), measurable().max_by(by_ratio))
        {
            let factor = cheap.ns_per_gas() / median;
            writeln!(f, "cheapest: {factor:.2} times the median, {} {}", cheap.price, cheap.name)?;
            let factor = median / dear.ns_per_gas();
            writeln!(f, "dearest: the median is {factor:.2} times {} {}", dear.price, dear.name)?;
        }
        Ok(())
    }
}
