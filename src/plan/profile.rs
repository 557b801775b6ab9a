//! Loads of well-known shapes. Each is a plain ramp, of users or of rates, from a few parts of a
//! duration and of a peak; a plan holds the ramp and knows nothing of where it came from.

use std::time::Duration;

use super::load::{Load, Stage};
use super::open::Shape;

/// A shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Slowly up to the peak.
    RampUp,
    /// The peak for most of the time.
    Sustained,
    /// A tenth of the peak, suddenly all of it, a tenth again.
    Spike,
    /// The peak for hours.
    Soak,
    /// Four steps up to the peak, then back to the first.
    Stress,
    /// A day: least at four in the morning, most at noon.
    Diurnal,
}

/// A part of the duration, in which a part of the peak is reached.
type Leg = (f64, f64, &'static str);

const RAMP_UP: &[Leg] = &[(0.75, 1.0, "up"), (0.25, 1.0, "hold")];
const SUSTAINED: &[Leg] = &[(0.1, 1.0, "up"), (0.8, 1.0, "hold"), (0.1, 0.0, "down")];
const SOAK: &[Leg] = &[(0.02, 1.0, "up"), (0.96, 1.0, "hold"), (0.02, 0.0, "down")];
const SPIKE: &[Leg] = &[
    (0.4, 0.1, "before"),
    (0.02, 1.0, "up"),
    (0.16, 1.0, "spike"),
    (0.02, 0.1, "down"),
    (0.4, 0.1, "after"),
];
const STRESS: &[Leg] = &[
    (0.05, 0.25, "up 1"),
    (0.15, 0.25, "hold 1"),
    (0.05, 0.5, "up 2"),
    (0.15, 0.5, "hold 2"),
    (0.05, 0.75, "up 3"),
    (0.15, 0.75, "hold 3"),
    (0.05, 1.0, "up 4"),
    (0.15, 1.0, "hold 4"),
    (0.05, 0.25, "down"),
    (0.15, 0.25, "recovery"),
];
const HOUR: f64 = 1.0 / 24.0;
const DIURNAL: &[Leg] = &[
    (HOUR, 0.20, "00h"),
    (HOUR, 0.14, "01h"),
    (HOUR, 0.11, "02h"),
    (HOUR, 0.10, "03h"),
    (HOUR, 0.12, "04h"),
    (HOUR, 0.20, "05h"),
    (HOUR, 0.35, "06h"),
    (HOUR, 0.55, "07h"),
    (HOUR, 0.75, "08h"),
    (HOUR, 0.88, "09h"),
    (HOUR, 0.95, "10h"),
    (HOUR, 1.00, "11h"),
    (HOUR, 0.97, "12h"),
    (HOUR, 0.95, "13h"),
    (HOUR, 0.93, "14h"),
    (HOUR, 0.90, "15h"),
    (HOUR, 0.88, "16h"),
    (HOUR, 0.90, "17h"),
    (HOUR, 0.95, "18h"),
    (HOUR, 0.98, "19h"),
    (HOUR, 0.90, "20h"),
    (HOUR, 0.72, "21h"),
    (HOUR, 0.50, "22h"),
    (HOUR, 0.30, "23h"),
];

impl Profile {
    /// As scripts and the command line spell them.
    pub const WORDS: [(&str, Profile); 6] = [
        ("ramp_up", Profile::RampUp),
        ("sustained", Profile::Sustained),
        ("spike", Profile::Spike),
        ("soak", Profile::Soak),
        ("stress", Profile::Stress),
        ("diurnal", Profile::Diurnal),
    ];

    /// How long it takes unless it is said.
    pub fn usual_duration(self) -> Duration {
        const MINUTE: u64 = 60;
        Duration::from_secs(match self {
            Profile::RampUp | Profile::Sustained | Profile::Spike => 10 * MINUTE,
            Profile::Stress => 20 * MINUTE,
            Profile::Soak => 4 * 60 * MINUTE,
            Profile::Diurnal => 24 * 60 * MINUTE,
        })
    }

    /// With `peak` users at the highest; one at least wherever there are to be any.
    pub(super) fn users(self, peak: u64, duration: Duration, graceful_ramp_down: Duration) -> Load {
        let at = |part: f64| match part {
            0.0 => 0.0,
            part => (part * peak as f64).round().max(1.0),
        };
        let start_vus = at(self.start()).max(1.0) as u64;
        Load::RampingVus { start_vus, stages: self.stages(duration, at), graceful_ramp_down }
    }

    /// With the rate `peak` at the highest.
    pub(super) fn rates(self, peak: f64, duration: Duration) -> Shape {
        // 0.14 × 5000 is 700, not 700.0000000000001.
        let at = |part: f64| (part * peak * 1e6).round() / 1e6;
        Shape::Ramping { start_rate: at(self.start()), stages: self.stages(duration, at) }
    }

    fn stages(self, duration: Duration, at: impl Fn(f64) -> f64) -> Vec<Stage> {
        let legs = self.legs();
        let mut part = 0.0;
        let mut begin = Duration::ZERO;
        let mut stages = Vec::with_capacity(legs.len());
        for (index, (length, level, name)) in legs.iter().enumerate() {
            part += length;
            let last = index + 1 == legs.len();
            let end = if last { duration } else { duration.mul_f64(part) };
            let target = at(*level);
            stages.push(Stage { duration: end - begin, target, name: (*name).to_owned() });
            begin = end;
        }
        stages
    }

    /// The part of the peak that it begins with.
    fn start(self) -> f64 {
        match self {
            Profile::Spike => 0.1,
            Profile::Diurnal => 0.3,
            _ => 0.0,
        }
    }

    fn legs(self) -> &'static [Leg] {
        match self {
            Profile::RampUp => RAMP_UP,
            Profile::Sustained => SUSTAINED,
            Profile::Spike => SPIKE,
            Profile::Soak => SOAK,
            Profile::Stress => STRESS,
            Profile::Diurnal => DIURNAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lasts_as_long_as_it_is_told_and_reaches_its_peak_and_no_more() {
        for (word, profile) in Profile::WORDS {
            let parts: f64 = profile.legs().iter().map(|leg| leg.0).sum();
            assert!((parts - 1.0).abs() < 1e-9, "{word}: {parts}");
            for seconds in [1, 7, 86_400] {
                let load = profile.users(200, Duration::from_secs(seconds), Duration::ZERO);
                assert_eq!(load.length(), Duration::from_secs(seconds), "{word}");
                assert_eq!(load.peak_vus(), 200, "{word}");
            }
            let Shape::Ramping { stages, .. } = profile.rates(0.5, profile.usual_duration()) else {
                panic!("{word} is no ramp")
            };
            let peak = stages.iter().map(|stage| stage.target).fold(0.0, f64::max);
            assert!((peak - 0.5).abs() < 1e-9, "{word}: {peak}");
        }
    }

    #[test]
    fn a_tenth_of_a_few_users_is_one_of_them() {
        let load = Profile::Spike.users(3, Duration::from_secs(100), Duration::ZERO);
        let told = "1 user at first, to 1 in 40s (before), to 3 in 2s (up), to 3 in 16s (spike), \
                    to 1 in 2s (down), to 1 in 40s (after)";
        assert_eq!(load.to_string(), told);
    }
}
