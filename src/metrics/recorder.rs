//! Placeholder, being written.
/// Placeholder, being written.
#[derive(Debug)]
pub struct Recorder;
