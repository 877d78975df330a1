//! Rows T01 to T25 of the catalogue of bad inputs: transactions.
