//! Lua: the only layer that knows mlua. Scripts in, coroutines driven, samples recorded.
//!
//! [`Program`](program::Program) is a script as read; [`Vm`](vm::Vm) one worker's state, in which
//! it is compiled once and run once per virtual user; [`Vu`](vu::Vu) one user, whose functions
//! `driver.rs` runs as coroutines. `sandbox` keeps scripts within bounds; `host` is what they can
//! call.

pub mod error;
pub mod host;
pub mod program;
pub mod pulse;
pub mod sandbox;
pub mod script;
pub mod value;
pub mod vm;
pub mod vu;

mod driver;
mod fault;
mod instance;
mod place;
mod require;

/// The Lua API as type definitions for editors, in the annotations of LuaLS.
pub const TYPES: &str = include_str!("types.lua");

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
