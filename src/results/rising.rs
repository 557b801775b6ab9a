//! Whether what waits rises to the end of a load, which is then one that cannot last.

use super::run_info::ScenarioInfo;

/// The test for a trend needs so many seconds.
const TREND_SECONDS: usize = 5;

/// What a shorter load falls behind by must be such a share of what was planned: a few arrivals
/// that wait at the end of a second are no more than chance.
const SHORT_SHARE: f64 = 0.05;

/// Of the standard normal distribution: one test in a hundred errs.
const SIGNIFICANT: f64 = 2.33;

/// By how many arrivals per second the backlog of an open scenario, of which so many were
/// `planned`, grew to the end of its load; `None` if it did not, or not for sure.
pub fn growth(info: &ScenarioInfo, backlog: &[u32], planned: u64) -> Option<f64> {
    let from = info.began.as_secs() as usize;
    let until = (info.began + info.load).as_secs() as usize;
    let levels = backlog.get(from..until.min(backlog.len()))?;
    if levels.len() >= TREND_SECONDS {
        return trend(levels);
    }
    let before = from.checked_sub(1).and_then(|second| backlog.get(second)).copied();
    let slope = climb(&[&[before.unwrap_or(0)][..], levels].concat())?;
    let per_second = planned as f64 / info.load.as_secs_f64();
    (slope >= SHORT_SHARE * per_second).then_some(slope)
}

/// The slope of the second half, or of all where that is too short for a test: see [`rise`].
fn trend(levels: &[u32]) -> Option<f64> {
    match levels.len() / 2 {
        half if half >= TREND_SECONDS => rise(&levels[half..]),
        _ => rise(levels),
    }
}

/// What is left of a time whose beginning says little: its second half, or as many seconds as a
/// trend needs.
pub fn late_part(levels: &[u32]) -> &[u32] {
    let half = levels.len() - levels.len() / 2;
    &levels[levels.len().saturating_sub(half.max(TREND_SECONDS))..]
}

/// The slope, if a test says that it rises, the rise matters, and it goes on to the end: Theil's
/// estimator and the test of Mann and Kendall, neither of which a burst deceives. Of five levels,
/// the fewest that can tell, each must be above the one before.
pub fn rise(late: &[u32]) -> Option<f64> {
    let n = late.len();
    if n < TREND_SECONDS {
        return None;
    }
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    let mut rises = 0i64;
    for (index, &earlier) in late.iter().enumerate().step_by(stride(n)) {
        for (distance, &later) in late[index + 1..].iter().enumerate().step_by(stride(n)) {
            let rise = f64::from(later) - f64::from(earlier);
            slopes.push(rise / (distance + 1) as f64);
            rises += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = slopes[slopes.len() / 2];
    let looked_at = n.div_ceil(stride(n)) as f64;
    let spread = (looked_at * (looked_at - 1.0) * (2.0 * looked_at + 5.0) / 18.0).sqrt();
    let most = f64::from(*late.iter().max()?);
    let last = f64::from(*late.last()?);
    let rises_for_sure = rises as f64 / spread > SIGNIFICANT;
    (rises_for_sure && matters(slope * n as f64, most) && last >= 0.8 * most).then_some(slope)
}

/// The slope of a few levels, too few for a test, that rise from each to the next, if it matters.
fn climb(levels: &[u32]) -> Option<f64> {
    let (&first, &last) = (levels.first()?, levels.last()?);
    let rise = f64::from(last) - f64::from(first);
    let rises = levels.len() > 1 && levels.is_sorted_by(|earlier, later| earlier < later);
    (rises && matters(rise, f64::from(last))).then(|| rise / (levels.len() - 1) as f64)
}

/// Whether such a rise to such a height is more than a few arrivals that happen to wait.
fn matters(rise: f64, most: f64) -> bool {
    rise >= f64::max(5.0, 0.2 * most)
}

/// Pairs of more than some hundred seconds are sampled.
fn stride(n: usize) -> usize {
    n.div_ceil(600)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_backlog_that_rises_to_the_end_is_a_trend_and_a_burst_is_none() {
        let rising: Vec<u32> = (0..60).map(|t| t * 20 + t % 7).collect();
        assert!(trend(&rising).is_some_and(|slope| (19.0..21.0).contains(&slope)));
        let burst: Vec<u32> =
            (0..60).map(|t| if (40..45).contains(&t) { 500 } else { 3 }).collect();
        assert_eq!(trend(&burst), None);
        let recovering: Vec<u32> =
            (0..60).map(|t: u32| 500 - 20 * t.abs_diff(35).min(25)).collect();
        assert_eq!(trend(&recovering), None);
        let steady: Vec<u32> = (0..60).map(|t| 100 + (t * 37) % 11).collect();
        assert_eq!(trend(&steady), None);
        assert_eq!(trend(&[1, 2, 3]), None);
        assert_eq!(late_part(&[1, 2, 3, 4, 5, 6, 7]), [3, 4, 5, 6, 7]);
        assert_eq!(late_part(&[0; 31]).len(), 16);
        assert_eq!(rise(late_part(&[90, 15, 30, 45, 60, 75])), Some(15.0));
        assert_eq!(rise(&[15, 30, 45, 44, 75]), None);
        assert_eq!(rise(&[15, 30, 45, 60]), None);
        assert_eq!(trend(&[0; 60]), None);
        let long: Vec<u32> = (0..86_400).map(|t| t / 2).collect();
        assert!(trend(&long).is_some());
    }

    #[test]
    fn a_short_load_needs_no_ten_seconds_to_be_seen_to_fall_behind() {
        for (levels, slope) in [
            (vec![20, 40, 60, 80, 100, 120, 140, 160], Some(20.0)),
            (vec![20, 40, 60, 80, 100], Some(20.0)),
            (vec![20, 40, 30, 80, 100], None), // of five, all must rise for the test to be sure
            (vec![20, 40, 60, 80], None),      // too few seconds
        ] {
            assert_eq!(trend(&levels), slope, "{levels:?}");
        }
        for (levels, slope) in [
            (vec![0, 10, 20], Some(10.0)),
            (vec![0, 1, 4], None), // too few to matter
            (vec![0, 30, 20], None),
            (vec![500, 520], None), // it hardly grows
            (vec![20], None),
            (vec![], None),
        ] {
            assert_eq!(climb(&levels), slope, "{levels:?}");
        }
    }

    #[test]
    fn nothing_waited_before_a_short_load_began() {
        let scenario = |began, load| ScenarioInfo {
            began: Duration::from_secs(began),
            load: Duration::from_secs(load),
            ..crate::results::fixture::run().scenarios[0].clone()
        };
        assert_eq!(growth(&scenario(0, 3), &[10, 20, 30, 0], 60), Some(10.0));
        assert_eq!(growth(&scenario(0, 1), &[12, 0], 20), Some(12.0));
        assert_eq!(growth(&scenario(0, 1), &[12, 0], 1_000), None, "a hundredth is chance");
        assert_eq!(growth(&scenario(2, 2), &[0, 0, 9, 18], 40), Some(9.0));
        assert_eq!(growth(&scenario(2, 2), &[0, 30, 9, 18], 40), None, "that of its warm-up");
        assert_eq!(growth(&scenario(9, 2), &[1, 2], 40), None, "it never began");
    }
}
