//! The built binary as a user meets it: exit codes, what goes where, flags, signals, mistakes.

#[path = "../common/mod.rs"]
mod common;

mod data;
mod exits;
mod flags;
mod mistakes;
mod output;
mod signals;
