//! Data pools. Placeholder, being written.

/// Placeholder, being written.
#[derive(Debug, Default)]
pub struct Pools;
