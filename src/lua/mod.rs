//! Lua: the only layer that knows mlua. Scripts in, coroutines driven, samples recorded.

pub mod host;
pub mod script;
pub mod value;
