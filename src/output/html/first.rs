//! Where to look first: what stands out in a summary, in sentences that lead to its section.
//!
//! A pure function of the summary. What is lacking comes first, then what failed, then where the
//! time goes.

use crate::results::format;
use crate::results::summary::{Request, Second, Summary};

/// A tail this many times the median is long.
const LONG_TAIL: f64 = 8.0;

/// A p95 this many times what it was in the first third has grown.
const GROWN: f64 = 1.6;

/// Seconds below which a trend says nothing.
const LEAST_SECONDS: usize = 9;

/// Share of all cores above which the generator may be the bottleneck.
const BUSY: f64 = 0.8;

/// One thing worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    pub sentence: String,
    /// The section that tells more.
    pub to: &'static str,
    /// Whether something is wrong, or only worth knowing.
    pub bad: bool,
}

pub(super) fn pointers(summary: &Summary) -> Vec<Pointer> {
    [dropped, busy, errors, checks, trend, heaviest, tail, apart]
        .into_iter()
        .filter_map(|look| look(summary))
        .collect()
}

fn dropped(summary: &Summary) -> Option<Pointer> {
    let sum = |part: fn(&crate::results::summary::Iterations) -> u64| {
        summary.scenarios.iter().map(|one| part(&one.iterations)).fold(0, u64::saturating_add)
    };
    let (dropped, planned) = (sum(|life| life.dropped), sum(|life| life.planned));
    (dropped > 0).then(|| Pointer {
        sentence: format!(
            "{} of {} planned iterations never began ({}): the latencies are better than users \
             would have found them.",
            format::count(dropped),
            format::count(planned),
            format::percent(dropped as f64 / planned.max(1) as f64)
        ),
        to: "scenarios",
        bad: true,
    })
}

fn busy(summary: &Summary) -> Option<Pointer> {
    let cores = summary.run.threads.max(1) as f64;
    let used = summary.generator.cpu_percent_max? / 100.0 / cores;
    let saturated = summary.generator.saturated == Some(true);
    let how = if used > BUSY {
        let threads = format::counted(summary.run.threads as u64, "thread");
        format!("was busy (up to {} of its {threads})", format::percent(used))
    } else {
        "fell behind, though its threads were not busy".to_owned()
    };
    (saturated || used > BUSY).then(|| Pointer {
        sentence: format!("The load generator itself {how}: latencies may be its own."),
        to: "generator",
        bad: true,
    })
}

fn errors(summary: &Summary) -> Option<Pointer> {
    let error = summary.errors.iter().max_by_key(|error| error.count)?;
    let place = if error.step.is_empty() { String::new() } else { format!(" in {}", error.step) };
    Some(Pointer {
        sentence: format!(
            "Most frequent error: {}{place}, {}: {}",
            error.category,
            if error.count == 1 { "once".to_owned() } else { times(error.count) },
            error.message
        ),
        to: "errors",
        bad: true,
    })
}

fn times(count: u64) -> String {
    format!("{} times", format::count(count))
}

fn checks(summary: &Summary) -> Option<Pointer> {
    let check = summary.checks.iter().max_by_key(|check| check.failed)?;
    let total = check.passed.saturating_add(check.failed);
    (check.failed > 0).then(|| Pointer {
        sentence: format!(
            "The check “{}” did not hold {} of {} times.",
            check.name,
            format::count(check.failed),
            format::count(total)
        ),
        to: "checks",
        bad: true,
    })
}

/// p95 of the last third against the first: medians of seconds, which one slow second moves little.
/// Where the load keeps its level an anomaly has said so, and when.
fn trend(summary: &Summary) -> Option<Pointer> {
    let third = summary.timeline.len() / 3;
    let is_said =
        summary.anomalies.iter().any(|one| ["drift", "level_changed"].contains(&&*one.kind));
    if summary.timeline.len() < LEAST_SECONDS || is_said {
        return None;
    }
    let first = typical_p95(&summary.timeline[..third])?;
    let last = typical_p95(&summary.timeline[summary.timeline.len() - third..])?;
    (last > GROWN * first).then(|| Pointer {
        sentence: format!(
            "Calls became slower: p95 was {} in the first third of the run and {} in the last.",
            format::ms(first),
            format::ms(last)
        ),
        to: "timeline",
        bad: true,
    })
}

fn typical_p95(seconds: &[Second]) -> Option<f64> {
    let mut values: Vec<f64> = seconds.iter().filter_map(|second| second.p95_ms).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The call that all calls' time goes to, if there are several to choose from.
fn heaviest(summary: &Summary) -> Option<Pointer> {
    let time =
        |call: &Request| call.duration_ms.count as f64 * call.duration_ms.mean.unwrap_or(0.0);
    let whole: f64 = summary.requests.iter().map(time).sum();
    let call = summary.requests.iter().max_by(|a, b| time(a).total_cmp(&time(b)))?;
    let p95 = call.duration_ms.p95?;
    (summary.requests.len() > 1 && whole > 0.0).then(|| Pointer {
        sentence: format!(
            "Most time goes to {} {}: {} of what all calls took, p95 {}.",
            call.method,
            call.name,
            format::percent(time(call) / whole),
            format::ms(p95)
        ),
        to: "calls",
        bad: false,
    })
}

fn tail(summary: &Summary) -> Option<Pointer> {
    let latency = &summary.totals.iterations.latency_ms;
    let (p50, p99) = (latency.p50?, latency.p99?);
    (p50 > 0.0 && p99 > LONG_TAIL * p50).then(|| Pointer {
        sentence: format!(
            "The tail is long: one iteration in a hundred took {} or more, {} times the median.",
            format::ms(p99),
            format::number((p99 / p50).round())
        ),
        to: "slowest",
        bad: false,
    })
}

/// The longest tail of which it is known what sets it apart.
fn apart(summary: &Summary) -> Option<Pointer> {
    let known = summary.tails.iter().filter(|tail| !tail.causes.is_empty());
    let tail = known.max_by(|a, b| a.slowest_from_ms.total_cmp(&b.slowest_from_ms))?;
    Some(Pointer { sentence: format!("{}.", tail.sentence()), to: "tails", bad: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    fn leads(summary: &Summary) -> Vec<&'static str> {
        pointers(summary).iter().map(|pointer| pointer.to).collect()
    }

    #[test]
    fn what_stands_out_is_named_and_nothing_else() {
        assert_eq!(leads(&example::empty()), [""; 0]);
        let bad = leads(&example::bad());
        assert!(bad.starts_with(&["scenarios", "errors", "checks"]), "{bad:?}");
        let good = pointers(&example::good());
        assert!(good.iter().all(|pointer| !pointer.bad), "{good:?}");
    }

    #[test]
    fn latencies_that_grow_are_told_and_one_slow_second_is_not() {
        let at = |p95: f64| Second { p95_ms: Some(p95), ..Second::default() };
        let mut summary = example::empty();
        summary.timeline = (0..30).map(|i| at(10.0 + f64::from(i))).collect();
        assert_eq!(leads(&summary), ["timeline"]);
        summary.timeline = vec![at(10.0); 30];
        summary.timeline[29] = at(500.0);
        assert_eq!(leads(&summary), [""; 0]);
    }
}
