//! Placeholder, being written.
/// Placeholder, being written.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram;
