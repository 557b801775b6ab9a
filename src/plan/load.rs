//! How much load there is when: the closed models, in which users start their next iteration when
//! the last has ended, and among them the [open](super::open) ones.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::open::{OpenLoad, Shape};
use crate::pace::VuProfile;
use crate::units::print_duration;

/// One scenario's load.
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
    /// As many users as whoever steers the run says.
    Manual {
        /// At first.
        vus: u64,
        /// At most; at least 1 and `vus`.
        max_vus: u64,
        /// Above 0.
        duration: Duration,
    },
    /// Iterations start at planned times.
    Open(OpenLoad),
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

impl Load {
    /// As scripts and reports call it: `constant_vus`.
    pub fn kind(&self) -> &'static str {
        match self {
            Load::ConstantVus { .. } => "constant_vus",
            Load::RampingVus { .. } => "ramping_vus",
            Load::PerVuIterations { .. } => "per_vu_iterations",
            Load::SharedIterations { .. } => "shared_iterations",
            Load::Manual { .. } => "manual",
            Load::Open(open) => open.kind(),
        }
    }

    /// Most users that there are at once; at least 1.
    pub fn peak_vus(&self) -> u64 {
        match self {
            Load::ConstantVus { vus, .. }
            | Load::PerVuIterations { vus, .. }
            | Load::SharedIterations { vus, .. } => *vus,
            Load::RampingVus { start_vus, stages, .. } => {
                let targets = stages.iter().map(|stage| stage.target.ceil() as u64);
                targets.max().unwrap_or(0).max(*start_vus)
            }
            Load::Manual { max_vus, .. } => *max_vus,
            Load::Open(open) => open.max_vus,
        }
    }

    /// Which users are wanted when; of an open load, who may be there when.
    pub fn users(&self) -> VuProfile {
        match self {
            Load::RampingVus { start_vus, stages, .. } => {
                let pieces = stages.iter().map(|s| (s.duration, s.target as u64)).collect();
                VuProfile::new(*start_vus, pieces)
            }
            _ => VuProfile::constant(self.peak_vus(), self.length()),
        }
    }

    /// When nothing more starts, from the scenario's own start.
    pub fn length(&self) -> Duration {
        match self {
            Load::ConstantVus { duration, .. } | Load::Manual { duration, .. } => *duration,
            Load::RampingVus { stages, .. } => stages.iter().map(|stage| stage.duration).sum(),
            Load::PerVuIterations { max_duration, .. }
            | Load::SharedIterations { max_duration, .. } => *max_duration,
            Load::Open(open) => open.length(),
        }
    }

    /// Stages of a ramp, in their order.
    pub fn stages(&self) -> &[Stage] {
        match self {
            Load::RampingVus { stages, .. } => stages,
            Load::Open(open) => open.stages(),
            _ => &[],
        }
    }

    /// When the plan holds its level, from the scenario's own start. Users who do so many iterations
    /// each leave one by one, and whom somebody steers nobody can tell.
    pub fn holds(&self) -> Vec<Range<Duration>> {
        let pieces = |stages: &[Stage]| -> Vec<(Duration, f64)> {
            stages.iter().map(|stage| (stage.duration, stage.target)).collect()
        };
        match self {
            Load::PerVuIterations { .. } | Load::Manual { .. } => Vec::new(),
            Load::RampingVus { start_vus, stages, .. } => held(*start_vus as f64, &pieces(stages)),
            Load::Open(OpenLoad { shape: Shape::Ramping { start_rate, stages }, .. }) => {
                held(*start_rate, &pieces(stages))
            }
            Load::Open(OpenLoad { shape: Shape::Curve { points, .. }, .. }) => {
                let pair = |pair: &[(Duration, f64)]| (pair[1].0 - pair[0].0, pair[1].1);
                let start = points.first().map_or(0.0, |point| point.1);
                held(start, &points.windows(2).map(pair).collect::<Vec<_>>())
            }
            _ => vec![Duration::ZERO..self.length()],
        }
    }

    /// Whether iterations start at planned times.
    pub fn is_open(&self) -> bool {
        matches!(self, Load::Open(_))
    }

    /// Whether it ends by the clock, not when its iterations are done.
    pub fn is_timed(&self) -> bool {
        !matches!(self, Load::PerVuIterations { .. } | Load::SharedIterations { .. })
    }
}

/// Where straight pieces, each of a length and the level at its end, are level; neighbours of one
/// level are one.
fn held(start: f64, pieces: &[(Duration, f64)]) -> Vec<Range<Duration>> {
    let (mut level, mut at) = (start, Duration::ZERO);
    let mut held: Vec<(Range<Duration>, f64)> = Vec::new();
    for &(length, target) in pieces {
        let end = at + length;
        if target == level && !length.is_zero() {
            match held.last_mut() {
                Some((before, known)) if before.end == at && *known == level => before.end = end,
                _ => held.push((at..end, level)),
            }
        }
        (level, at) = (target, end);
    }
    held.into_iter().map(|(span, _)| span).collect()
}

/// A sentence: `20 users for 1m`.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::ConstantVus { vus, duration } => {
                write!(f, "{} for {}", users(*vus), print_duration(*duration))
            }
            Load::RampingVus { start_vus, stages, .. } => {
                write!(f, "{} at first", users(*start_vus))?;
                stages.iter().try_for_each(|stage| write!(f, ", {}", stage.told("")))
            }
            Load::PerVuIterations { vus, iterations, max_duration } => {
                let within = print_duration(*max_duration);
                let each = if *vus == 1 { "" } else { " each" };
                write!(f, "{}, {}{each}, within {within}", users(*vus), passes(*iterations))
            }
            Load::SharedIterations { vus, iterations, max_duration } => {
                let within = print_duration(*max_duration);
                write!(f, "{}, {} in all, within {within}", users(*vus), passes(*iterations))
            }
            Load::Manual { vus, max_vus, duration } => {
                let length = print_duration(*duration);
                write!(f, "{} at first, up to {max_vus} by hand, for {length}", users(*vus))
            }
            Load::Open(open) => open.fmt(f),
        }
    }
}

impl Stage {
    /// `to 100 in 30s`, `jump to 200`, with `unit` behind the number and its name if it was given
    /// one.
    pub(super) fn told(&self, unit: &str) -> String {
        let Stage { duration, target, name } = self;
        let what = match *duration {
            Duration::ZERO => format!("jump to {target}{unit}"),
            duration => format!("to {target}{unit} in {}", print_duration(duration)),
        };
        if name.parse::<usize>().is_ok() { what } else { format!("{what} ({name})") }
    }
}

pub(super) fn users(count: u64) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{count} users") }
}

fn passes(count: u64) -> String {
    if count == 1 { "1 iteration".to_owned() } else { format!("{count} iterations") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_holds_its_level_where_its_target_is_that_before() {
        let stage = |seconds, target| Stage {
            duration: Duration::from_secs(seconds),
            target,
            name: String::new(),
        };
        let holds = |start_vus, stages| {
            let ramp = Load::RampingVus { start_vus, stages, graceful_ramp_down: Duration::ZERO };
            let seconds = |span: Range<Duration>| (span.start.as_secs(), span.end.as_secs());
            ramp.holds().into_iter().map(seconds).collect::<Vec<_>>()
        };
        let ramp = vec![stage(10, 5.0), stage(20, 5.0), stage(5, 5.0), stage(0, 9.0)];
        assert_eq!(holds(1, [ramp, vec![stage(7, 9.0)]].concat()), [(10, 35), (35, 42)]);
        assert_eq!(holds(5, vec![stage(10, 5.0), stage(10, 0.0)]), [(0, 10)]);
        let whole = Load::ConstantVus { vus: 3, duration: Duration::from_secs(9) };
        assert_eq!(whole.holds(), [Duration::ZERO..Duration::from_secs(9)]);
    }
}
