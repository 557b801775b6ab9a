//! When things are due: schedules as pure functions of time. No clock, no I/O, no ticker.

pub mod slots;
pub mod vus;

pub use slots::Slots;
pub use vus::{Interval, VuProfile};
