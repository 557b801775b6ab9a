//! When things are due: schedules as pure functions of time. No clock, no I/O, no ticker.

pub mod slots;
pub mod vus;
pub mod rate;
pub mod arrivals;

pub use arrivals::{Arrivals, Pattern};
pub use rate::RateProfile;
pub use slots::Slots;
pub use vus::{Interval, VuProfile};
