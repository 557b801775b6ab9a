//! The `loadtool` command.
fn main() {}
