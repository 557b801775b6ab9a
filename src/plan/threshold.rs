//! Thresholds: `STAT OP NUMBER[unit]` over a selector of series (measurement.md, section 6).

/// Placeholder, being written.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold;
