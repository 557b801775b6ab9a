//! Advice on where the time goes, and on percentiles that cannot be had.

use std::time::Duration;

use super::{and_others, percent};
use crate::results::format::{count, length, ms, number};
use crate::results::reading::Standing;
use crate::results::summary::{Distribution, Request, Step, Summary};

/// One step among several takes more than this of the time of all, and so many times as long as
/// the others.
const STEP_SHARE: f64 = 0.5;
const STEP_FACTOR: f64 = 3.0;
const STEP_PASSES: u64 = 20;

/// A p99 so many times the median, and so much longer, of so many calls.
const TAIL_FACTOR: f64 = 10.0;
const TAIL_MS: f64 = 5.0;
const TAIL_CALLS: u64 = 400;

/// One step that most of the time goes to.
pub fn slow_step(summary: &Summary) -> Option<String> {
    let slow = summary.scenarios.iter().filter_map(|scenario| {
        let outermost =
            |step: &&Step| step.scenario == scenario.name && !is_within_another(summary, step);
        let steps: Vec<&Step> = summary.steps.iter().filter(outermost).collect();
        let whole: f64 = steps.iter().map(|step| time(&step.duration_ms)).sum();
        let slowest =
            *steps.iter().max_by(|a, b| time(&a.duration_ms).total_cmp(&time(&b.duration_ms)))?;
        let passes = |step: &&&Step| step.step != slowest.step;
        let others: u64 = steps.iter().filter(passes).map(|step| step.duration_ms.count).sum();
        let share = time(&slowest.duration_ms) / whole;
        let mean_of_others = (whole - time(&slowest.duration_ms)) / others.max(1) as f64;
        let mean = slowest.duration_ms.mean?;
        let speaks = steps.len() >= 3
            && slowest.duration_ms.count >= STEP_PASSES
            && share >= STEP_SHARE
            && mean >= STEP_FACTOR * mean_of_others;
        speaks.then_some((slowest, share, mean, mean_of_others))
    });
    let (step, share, mean, others) = slow.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!(
        "step {} takes {} of the time of all steps ({} on average, the others {}): begin there, with \
         its calls",
        step.step,
        percent(share),
        ms(mean),
        ms(others)
    ))
}

/// Its time is in that of a step around it.
fn is_within_another(summary: &Summary, step: &Step) -> bool {
    let outer = |other: &Step| {
        let inner = step.step.strip_prefix(other.step.as_str());
        step.scenario == other.scenario && inner.is_some_and(|rest| rest.starts_with('/'))
    };
    summary.steps.iter().any(outer)
}

/// All its samples together [ms].
fn time(distribution: &Distribution) -> f64 {
    distribution.count as f64 * distribution.mean.unwrap_or(0.0)
}

/// A tail that has little to do with the median.
pub fn long_tail(summary: &Summary) -> Option<String> {
    let long = |call: &Request| {
        let Distribution { count, p50: Some(p50), p99: Some(p99), .. } = call.duration_ms else {
            return false;
        };
        count >= TAIL_CALLS && p50 > 0.0 && p99 >= TAIL_FACTOR * p50 && p99 - p50 >= TAIL_MS
    };
    let long: Vec<&Request> = summary.requests.iter().filter(|call| long(call)).collect();
    let worst = long.iter().max_by(|a, b| factor(a).total_cmp(&factor(b)))?;
    Some(format!(
        "the p99 of {} {} is {} times its median ({} and {}){}: what few calls have in common is to be \
         sought, not what all do; see what sets the slowest apart, and the slowest iterations",
        worst.method,
        worst.name,
        number(factor(worst).round()),
        ms(worst.duration_ms.p99?),
        ms(worst.duration_ms.p50?),
        and_others(long.len() - 1)
    ))
}

fn factor(call: &Request) -> f64 {
    let Distribution { p50, p99, .. } = call.duration_ms;
    p99.unwrap_or(0.0) / p50.filter(|p50| *p50 > 0.0).unwrap_or(f64::INFINITY)
}

/// A threshold that holds on samples too few to say so.
pub fn too_few_samples(summary: &Summary) -> Option<String> {
    let few = summary.thresholds.iter().filter(|one| one.standing() == Standing::TooFew);
    let few: Vec<_> = few.filter(|one| one.samples > 0).collect();
    let missing = |samples: u64, min: u64| min as f64 / samples as f64;
    let worst = few.iter().max_by(|a, b| {
        missing(a.samples, a.min_samples).total_cmp(&missing(b.samples, b.min_samples))
    })?;
    let factor = missing(worst.samples, worst.min_samples);
    let lasted = summary.scenarios.iter().map(|scenario| scenario.load_s).fold(0.0, f64::max);
    let needed = Duration::from_secs_f64((lasted * factor).clamp(0.0, 1e9).ceil());
    Some(format!(
        "{} {} needs {} samples and had {}{}: let the load last about {}, make more of it, or judge a \
         lower percentile",
        worst.metric,
        worst.expression,
        count(worst.min_samples),
        count(worst.samples),
        and_others(few.len() - 1),
        length(needed)
    ))
}
