//! Extractors: compiled once, applied to bytes, no Lua in them.
//!
//! A result is a slice of what it was taken from: JSON values stay the text that the server sent,
//! so that integers of any length keep their digits.

mod document;
mod json;

pub mod cookie;
pub mod jsonpath;
pub mod regex;

pub use jsonpath::JsonPath;
pub use regex::{Group, Pattern};
