//! How many users there are when: the closed load models.

use std::time::Duration;

/// A closed load: users that start their next iteration when the last has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// `vus` users for `duration`.
    ConstantVus {
        /// At least 1.
        vus: u64,
        /// Above 0.
        duration: Duration,
    },
    /// A number of users that follows straight lines between the stages' targets.
    RampingVus {
        /// At time 0.
        start_vus: u64,
        /// At least one.
        stages: Vec<Stage>,
        /// How long a user that is taken away may finish its iteration.
        graceful_ramp_down: Duration,
    },
    /// Each of `vus` users does `iterations`.
    PerVuIterations {
        /// At least 1.
        vus: u64,
        /// Of each user; at least 1.
        iterations: u64,
        /// What has not started by then is dropped.
        max_duration: Duration,
    },
    /// `vus` users share `iterations`.
    SharedIterations {
        /// At least 1.
        vus: u64,
        /// Of all users together; at least 1.
        iterations: u64,
        /// What has not started by then is dropped.
        max_duration: Duration,
    },
}

/// One piece of a ramp.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// 0 is a jump.
    pub duration: Duration,
    /// Reached at its end.
    pub target: f64,
    /// The `stage` tag; its number from 1 unless it was named.
    pub name: String,
}
