//! Quantities as people write them: `"1m30s"`, `"10k"`, `"64MiB"`, `"50/s"`, `"1%"`.
//!
//! Parsing and printing only; what a quantity means is the caller's business.
