//! How many iterations start when, whatever becomes of those before: the open load models.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::chart::amount;
use super::load::{Stage, users};
use crate::pace::{Pattern, RateProfile};
use crate::units::print_duration;

/// A generator above this lag has started an iteration late, unless the load says otherwise.
pub const LATE_AFTER: Duration = Duration::from_millis(10);

/// Users that may be made on demand unless the load says otherwise: ten times the peak rate per
/// second, within these.
const MAX_VUS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// A queue holds this long of the peak rate unless the load says otherwise.
const QUEUE: Duration = Duration::from_secs(60);

/// Most arrivals per second that a scenario may plan.
pub const MAX_RATE: f64 = 1e6;

/// An open load: arrivals at planned times, and the users who take them.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenLoad {
    /// The rate over time.
    pub shape: Shape,
    /// What rates are per: above 0, as a rule a second.
    pub per: Duration,
    /// Users who are made before the run.
    pub vus: u64,
    /// Most users that there ever are; at least 1 and `vus`.
    pub max_vus: u64,
    /// How arrivals are spread within the rate.
    pub arrivals: Pattern,
    /// What becomes of an arrival that finds no free user.
    pub late: Late,
    /// A generator above this lag has started an iteration late.
    pub late_after: Duration,
    /// Arrivals beyond these are not planned.
    pub max_iterations: Option<u64>,
}

/// A rate over time; all rates are per [`OpenLoad::per`].
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `rate` for `duration`.
    Constant {
        /// Above 0.
        rate: f64,
        /// Above 0.
        duration: Duration,
    },
    /// Straight lines between the stages' targets.
    Ramping {
        /// At time 0.
        start_rate: f64,
        /// At least one.
        stages: Vec<Stage>,
    },
    /// Straight lines between points of (offset, rate).
    Curve {
        /// At least two; offsets begin with 0 and never fall.
        points: Arc<[(Duration, f64)]>,
        /// Whose: a file's name, or `a function`.
        of: String,
    },
}

/// What becomes of an arrival that finds no free user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It waits for one, unless so many wait already.
    Queue {
        /// At least 1.
        limit: u64,
    },
    /// It is dropped, as k6 does.
    Drop,
}

impl OpenLoad {
    /// `shape` per second, with `vus` users made beforehand (one if it is not said) and the usual
    /// settings for the rest.
    pub fn usual(shape: Shape, per: Duration, vus: Option<u64>) -> OpenLoad {
        let mut load = OpenLoad {
            shape,
            per,
            vus: vus.unwrap_or(1),
            max_vus: 0,
            arrivals: Pattern::Even,
            late: Late::Drop,
            late_after: LATE_AFTER,
            max_iterations: None,
        };
        let peak = load.profile().peak();
        let users = ((10.0 * peak).ceil() as u64).clamp(*MAX_VUS.start(), *MAX_VUS.end());
        load.max_vus = users.max(load.vus);
        load.late = Late::Queue { limit: (peak * QUEUE.as_secs_f64()).ceil().max(1.0) as u64 };
        load
    }

    /// The same settings for another `shape`; those that were the usual ones are the usual ones of
    /// the new.
    pub fn reshaped(&self, shape: Shape, per: Duration) -> OpenLoad {
        let was = OpenLoad::usual(self.shape.clone(), self.per, Some(self.vus));
        let usual = OpenLoad::usual(shape, per, Some(self.vus));
        OpenLoad {
            max_vus: if self.max_vus == was.max_vus { usual.max_vus } else { self.max_vus },
            late: if self.late == was.late { usual.late } else { self.late },
            shape: usual.shape,
            per,
            ..self.clone()
        }
    }

    /// As scripts and reports call it.
    pub fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Constant { .. } => "constant_rate",
            Shape::Ramping { .. } => "ramping_rate",
            Shape::Curve { .. } => "curve",
        }
    }

    /// The rate over time, in arrivals per second.
    pub fn profile(&self) -> RateProfile {
        let per_second = |rate: f64| rate / self.per.as_secs_f64();
        match &self.shape {
            Shape::Constant { rate, duration } => {
                RateProfile::constant(per_second(*rate), *duration)
            }
            Shape::Ramping { start_rate, stages } => {
                let stages: Vec<_> =
                    stages.iter().map(|s| (s.duration, per_second(s.target))).collect();
                RateProfile::ramp(per_second(*start_rate), &stages)
            }
            Shape::Curve { points, .. } => {
                let points: Vec<_> =
                    points.iter().map(|&(t, rate)| (t, per_second(rate))).collect();
                RateProfile::curve(&points)
            }
        }
    }

    /// When nothing more is due, from the scenario's own start.
    pub fn length(&self) -> Duration {
        match &self.shape {
            Shape::Constant { duration, .. } => *duration,
            Shape::Ramping { stages, .. } => stages.iter().map(|stage| stage.duration).sum(),
            Shape::Curve { points, .. } => points.last().map_or(Duration::ZERO, |point| point.0),
        }
    }

    /// Stages of a ramp, in their order.
    pub fn stages(&self) -> &[Stage] {
        match &self.shape {
            Shape::Constant { .. } | Shape::Curve { .. } => &[],
            Shape::Ramping { stages, .. } => stages,
        }
    }

    /// `/s`, `/m`, `/1m30s`.
    fn unit(&self) -> String {
        let per = print_duration(self.per);
        format!("/{}", per.strip_prefix('1').filter(|unit| unit.len() == 1).unwrap_or(&per))
    }
}

/// `50/s for 1m, up to 500 users`.
impl fmt::Display for OpenLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit();
        match &self.shape {
            Shape::Constant { rate, duration } => {
                write!(f, "{rate}{unit} for {}", print_duration(*duration))?;
            }
            Shape::Ramping { start_rate, stages } => {
                write!(f, "{start_rate}{unit} at first")?;
                stages.iter().try_for_each(|stage| write!(f, ", {}", stage.told(&unit)))?;
            }
            Shape::Curve { points, of } => {
                let peak = points.iter().map(|point| point.1).fold(0.0, f64::max);
                let length = print_duration(self.length());
                let peak = amount(peak);
                write!(f, "the curve of {of}, at most {peak}{unit}, for {length}")?;
            }
        }
        if self.arrivals == Pattern::Poisson {
            f.write_str(", Poisson arrivals")?;
        }
        if let Some(most) = self.max_iterations {
            write!(f, ", at most {most} iterations")?;
        }
        write!(f, ", up to {}", users(self.max_vus))?;
        match self.late {
            Late::Queue { .. } => Ok(()),
            Late::Drop => f.write_str(", late arrivals are dropped"),
        }
    }
}
