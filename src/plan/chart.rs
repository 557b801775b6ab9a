//! A load over time as a few lines of text.
//!
//! ```text
//! 100 users │           ▂▄▆██████
//!           │      ▂▄▆███████████
//!         0 └────────────────────
//!           0s                10m
//! ```

use std::time::Duration;

use super::load::Load;
use crate::units::print_duration;

/// Columns of the chart itself, and its lines.
const WIDTH: u32 = 64;
const HEIGHT: usize = 5;

/// A column shows the most of so many moments, that no spike falls between two.
const MOMENTS: u32 = 16;

/// Eighths of a line.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The users of a load, or its iterations per second, over time; nothing of one that stays the
/// same.
pub(super) fn chart(load: &Load) -> Vec<String> {
    let length = load.length();
    let (levels, peak, unit) = match load {
        Load::RampingVus { .. } => {
            let users = load.users();
            (columns(length, |t| users.vus_at(t) as f64), users.peak() as f64, " users")
        }
        Load::Open(open) => {
            let rate = open.profile();
            (columns(length, |t| rate.rate_at(t)), rate.peak(), "/s")
        }
        _ => return Vec::new(),
    };
    let changes = levels.iter().any(|level| (level - peak).abs() > 1e-3 * peak);
    if changes { drawn(&levels, peak, unit, length) } else { Vec::new() }
}

/// The most within each column.
fn columns(length: Duration, level: impl Fn(Duration) -> f64) -> Vec<f64> {
    let moments = WIDTH * MOMENTS;
    let at = |moment: u32| level(length.mul_f64((f64::from(moment) + 0.5) / f64::from(moments)));
    let most = |column: u32| {
        let within = column * MOMENTS..(column + 1) * MOMENTS;
        within.map(at).fold(0.0, f64::max)
    };
    (0..WIDTH).map(most).collect()
}

fn drawn(levels: &[f64], peak: f64, unit: &str, length: Duration) -> Vec<String> {
    let top = format!("{}{unit}", amount(peak));
    let margin = top.chars().count();
    let mut lines = Vec::with_capacity(HEIGHT + 2);
    for line in (0..HEIGHT).rev() {
        let bar = |level: &f64| {
            let eighths = (level / peak * (8 * HEIGHT) as f64).ceil() as usize;
            BARS[eighths.saturating_sub(8 * line).min(8)]
        };
        let bars: String = levels.iter().map(bar).collect();
        let label = if line + 1 == HEIGHT { &*top } else { "" };
        lines.push(format!("{label:>margin$} │{}", bars.trim_end()));
    }
    lines.push(format!("{:>margin$} └{}", 0, "─".repeat(levels.len())));
    let end = print_duration(length);
    let gap = levels.len().saturating_sub(2);
    lines.push(format!("{:>margin$}  0s{end:>gap$}", ""));
    lines
}

/// `0.25`, `83.3`, `1200`.
pub(super) fn amount(number: f64) -> String {
    let digits = if number >= 100.0 { 0 } else { 2 };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::profile::Profile;
    use crate::plan::{OpenLoad, Stage};

    #[test]
    fn a_ramp_is_drawn_and_a_constant_load_is_not() {
        let stage = |seconds, target: f64| Stage {
            duration: Duration::from_secs(seconds),
            target,
            name: "1".to_owned(),
        };
        let stages = vec![stage(480, 100.0), stage(120, 100.0)];
        let graceful_ramp_down = Duration::ZERO;
        let ramp = chart(&Load::RampingVus { start_vus: 0, stages, graceful_ramp_down });
        insta::assert_snapshot!(ramp.join("\n"), @r"
        100 users │                                         ▁▂▂▃▄▅▆▆▇██████████████
                  │                               ▁▂▃▄▄▅▆▇█████████████████████████
                  │                     ▁▂▃▄▄▅▆▇███████████████████████████████████
                  │          ▁▂▂▃▄▅▆▆▇█████████████████████████████████████████████
                  │▁▂▂▃▄▅▆▆▇███████████████████████████████████████████████████████
                0 └────────────────────────────────────────────────────────────────
                   0s                                                           10m
        ");
        let duration = Duration::from_secs(60);
        assert_eq!(chart(&Load::ConstantVus { vus: 5, duration }), Vec::<String>::new());
    }

    #[test]
    fn each_profile_fits_a_terminal_and_shows_its_peak() {
        for (word, profile) in Profile::WORDS {
            let shape = profile.rates(123_456.7, profile.usual_duration());
            let lines = chart(&Load::Open(OpenLoad::usual(shape, Duration::from_secs(1), None)));
            assert_eq!(lines.len(), HEIGHT + 2, "{word}");
            assert!(lines.iter().all(|line| line.chars().count() <= 90), "{word}: {lines:#?}");
            assert!(lines[0].starts_with("123457/s") && lines[0].contains('█'), "{lines:#?}");
        }
    }
}
