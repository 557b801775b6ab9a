//! Extractors: compiled once, applied to bytes, no Lua in them.
//!
//! A result is a slice of what it was taken from where it can be: JSON values stay the text that the
//! server sent, so that integers of any length keep their digits.

mod budget;
mod document;
mod json;
mod skim;
mod xml;

pub mod cookie;
pub mod form;
pub mod html;
pub mod jsonpath;
pub mod regex;
pub mod schema;
pub mod xpath;

pub use form::Form;
pub use html::{Css, Page, Part};
pub use jsonpath::JsonPath;
pub use regex::{Group, Pattern};
pub use schema::Schema;
pub use xpath::XPath;
