//! Advice on the load: whether it was the one that was meant, and what the target made of it.

use super::percent;
use crate::metrics::statistics::median;
use crate::results::fitness::BUSY;
use crate::results::format::{count, counted, ms, number, rate};
use crate::results::summary::{Scenario, ScenarioOfSecond, Second, Summary};

/// Of the calls below a rate fail at most, and above it at least, so many.
const SOUND: f64 = 0.01;
const BROKEN: f64 = 0.05;
const SECONDS_A_SIDE: usize = 5;
/// Rates that differ by less say nothing of rates.
const RATE_SPAN: f64 = 1.3;

/// When answers took so much longer, so much less of the load was made.
const SLOWER: f64 = 1.5;
const LESS: f64 = 0.8;
const SECONDS_OF_USERS: usize = 20;

/// Of the time of an open load's users so much goes to `lt.think`; and so many more users than
/// Little's law asks for would do.
const PAUSES: f64 = 0.5;
const SPARE: f64 = 0.1;

/// Names that are all different make a series each.
pub fn too_many_series(summary: &Summary) -> Option<String> {
    summary.anomalies.iter().any(|anomaly| anomaly.kind == "overflow").then(|| {
        "give calls whose URLs differ one name: path = { … } with a template, or name = \"…\""
            .to_owned()
    })
}

/// This tool was the bottleneck.
pub fn busy_generator(summary: &Summary) -> Option<String> {
    let generator = &summary.generator;
    if generator.saturated != Some(true) {
        return None;
    }
    let busiest = generator.worker_cpu_percent_max;
    if let Some(busiest) = busiest.filter(|busiest| *busiest <= f64::from(BUSY)) {
        return Some(idle_generator(summary, busiest));
    }
    let busiest = busiest.map(|busy| format!("{} % busy", number(busy)));
    let lag = generator.loop_lag_ms.max.map(|lag| format!("up to {} late", ms(lag)));
    let figures: Vec<String> = busiest.into_iter().chain(lag).collect();
    let figures =
        if figures.is_empty() { String::new() } else { format!(" ({})", figures.join(", ")) };
    Some(format!(
        "this tool was the bottleneck, with {}{figures}: give it more cores (--threads), or do less per \
         answer (discard_body, fewer checks and extractions); `loadtool calibrate` tells what this \
         machine can do",
        counted(summary.run.threads as u64, "worker")
    ))
}

/// The same, though no worker was busy for a whole second.
fn idle_generator(summary: &Summary, busiest: f64) -> String {
    if summary.errors.iter().any(|error| error.category == "resource") {
        return "this tool ran out of what it needs: raise the limit that the errors tell of (`ulimit -n` \
                for descriptors, --script-memory-limit for what the script keeps), or make do with \
                fewer users"
            .to_owned();
    }
    let lag = summary.generator.loop_lag_ms.max;
    let late = lag.map_or(String::new(), |lag| format!(", up to {}", ms(lag)));
    format!(
        "this tool was late{late}, though its busiest worker never took more than {} % of a core: the \
         process was stopped, or the machine had no time for it; leave the machine to it alone",
        number(busiest)
    )
}

/// Arrivals that the target did not keep up with.
pub fn backlog(summary: &Summary) -> Option<String> {
    let growth = |scenario: &&Scenario| scenario.backlog_growth_per_s.unwrap_or(0.0);
    let unstable = summary.scenarios.iter().filter(|scenario| scenario.unstable);
    let worst = unstable.max_by(|a, b| growth(a).total_cmp(&growth(b)))?;
    let [behind, completed] = [growth(&worst), worst.rate_per_s].map(rate);
    let told = format!("{} fell behind by {behind}/s and completed {completed}/s", worst.name);
    Some(match pauses(summary, worst) {
        Some(pauses) => format!("{told}, {pauses}"),
        None => format!(
            "{told}, which is what the target bears with {}: lower the rate, or find the limit with \
             `loadtool limit`",
            counted(worst.vus_max, "user")
        ),
    })
}

/// Arrivals that were dropped because there were no more users.
pub fn missing_users(summary: &Summary) -> Option<String> {
    let dropped =
        |scenario: &Scenario| scenario.dropped_by_reason.get("users").copied().unwrap_or(0);
    let worst = summary.scenarios.iter().max_by_key(|scenario| dropped(scenario))?;
    let response = worst.response_time_ms.p95.filter(|_| dropped(worst) > 0)?;
    let (missed, users) = (count(dropped(worst)), counted(worst.vus_max, "user"));
    let told = format!("{missed} arrivals of {} found none of its {users} free", worst.name);
    Some(match pauses(summary, worst) {
        Some(pauses) => format!("{told}, {pauses}"),
        None => format!(
            "{told}, with a p95 of {}: raise max_vus, or let them wait (late = \"queue\")",
            ms(response)
        ),
    })
}

/// That users who pause are why arrivals found none, so that an open load was a closed one.
///
/// What an iteration took, less `lt.think`, is known, and so is how many were under way; by Little's
/// law that tells how long one lasted altogether. The rest is pauses. All of it is looked at in the
/// load alone: durations are of that, and a warm-up may have gone quite otherwise.
fn pauses(summary: &Summary, of: &Scenario) -> Option<String> {
    let index = summary.scenarios.iter().position(|scenario| scenario.name == of.name)?;
    let seconds = seconds_of_load(summary, index);
    let sum = |part: fn(&ScenarioOfSecond) -> u64| {
        seconds.iter().map(|second| part(second)).sum::<u64>() as f64
    };
    let length = seconds.len() as f64;
    let under_way = sum(|second| second.in_flight) / length;
    let failed_per_s = sum(|second| second.iterations.failed) / length; // in no duration
    let ended_per_s = of.duration_ms.count as f64 / of.load_s + failed_per_s;
    let (lasted_ms, busy_ms) = (under_way / ended_per_s * 1e3, of.duration_ms.mean?);
    let share = 1.0 - busy_ms / lasted_ms;
    let planned_per_s = sum(|second| second.iterations.planned) / length;
    let at_once = planned_per_s * lasted_ms / 1e3;
    let needed = (at_once + at_once * SPARE).ceil();
    (share.is_finite() && share >= PAUSES).then(|| {
        format!(
            "since users spent {} of their time in lt.think ({} of {} an iteration), and with too few \
             of them an open load is a closed one: raise max_vus to {}, or leave the pause out, for \
             the rate says when iterations start",
            percent(share),
            ms(lasted_ms - busy_ms),
            ms(lasted_ms),
            number(needed)
        )
    })
}

/// The last seconds in which arrivals of a scenario were due, as many as its load has without the
/// warm-up.
fn seconds_of_load(summary: &Summary, index: usize) -> Vec<&ScenarioOfSecond> {
    let scenario = &summary.scenarios[index];
    let seconds = summary.timeline.iter().filter_map(|second| second.scenarios.get(index));
    let seconds: Vec<_> = seconds.collect();
    let is_due = |second: &&&ScenarioOfSecond| second.iterations.planned > 0;
    let Some(last) = seconds.iter().rposition(|second| is_due(&second)) else { return Vec::new() };
    let first = (last + 1).saturating_sub((scenario.load_s as usize).max(1));
    seconds[first..=last].iter().filter(is_due).copied().collect()
}

/// A rate up to which calls succeed and from which they fail.
pub fn failing_from_a_rate(summary: &Summary) -> Option<String> {
    let mut seconds: Vec<&Second> = summary.timeline.iter().filter(|one| one.calls > 0).collect();
    seconds.sort_by_key(|second| second.calls);
    let (slowest, fastest) = (seconds.first()?.calls as f64, seconds.last()?.calls as f64);
    if fastest < RATE_SPAN * slowest {
        return None;
    }
    let share = |seconds: &[&Second]| {
        let sum =
            |part: fn(&Second) -> u64| seconds.iter().map(|one| part(one)).sum::<u64>() as f64;
        sum(|one| one.failed) / sum(|one| one.calls)
    };
    let splits = SECONDS_A_SIDE..=seconds.len().checked_sub(SECONDS_A_SIDE)?;
    let splits = splits.filter(|&at| seconds[at - 1].calls < seconds[at].calls);
    let sided = splits.map(|at| (at, share(&seconds[..at]), share(&seconds[at..])));
    let (at, below, above) = sided.max_by(|a, b| (a.2 - a.1).total_cmp(&(b.2 - b.1)))?;
    (below <= SOUND && above >= BROKEN).then(|| {
        format!(
            "calls fail from {} a second on: {} of them above it, {} below: that is as much as the target \
             bears; `loadtool limit` finds it exactly",
            count(seconds[at].calls),
            percent(above),
            percent(below)
        )
    })
}

/// Users who wait for answers make less load when the target is slow, so that its numbers flatter.
pub fn closed_by_waiting(summary: &Summary) -> Option<String> {
    let closed = |scenario: &(usize, &Scenario)| {
        scenario.1.kind == "constant_vus" && scenario.1.adherence_percent.is_none()
    };
    summary.scenarios.iter().enumerate().filter(closed).find_map(|(index, scenario)| {
        let whole: Vec<&Second> = summary.timeline.iter().filter(|s| is_whole(s, index, scenario)).collect();
        let mut by_latency: Vec<&Second> = whole.into_iter().filter(|s| s.p50_ms.is_some()).collect();
        if by_latency.len() < SECONDS_OF_USERS {
            return None;
        }
        by_latency.sort_by(|a, b| a.p50_ms.partial_cmp(&b.p50_ms).expect("latencies are numbers"));
        let quarter = by_latency.len() / 4;
        let figures = |seconds: &[&Second]| {
            let begun = |s: &&Second| s.scenarios[index].iterations.started as f64;
            let latency = median(&seconds.iter().filter_map(|s| s.p50_ms).collect::<Vec<_>>())?;
            Some((latency, median(&seconds.iter().map(begun).collect::<Vec<_>>())?))
        };
        let (quick, many) = figures(&by_latency[..quarter])?;
        let (slow, few) = figures(&by_latency[by_latency.len() - quarter..])?;
        (slow >= SLOWER * quick && few <= LESS * many).then(|| {
            format!(
                "users of {} wait for their answers: when calls took {} rather than {} (p50), they began \
                 {} iterations a second instead of {}, so the target was spared when it was slow; plan \
                 the starts with rate = {} (an open load), or with pace",
                scenario.name,
                ms(slow),
                ms(quick),
                number(few),
                number(many),
                number(many.round())
            )
        })
    })
}

/// Whether all users of a scenario were at work in a second.
fn is_whole(second: &Second, scenario: usize, of: &Scenario) -> bool {
    second.scenarios.get(scenario).is_some_and(|one| one.vus > 0 && one.vus == of.vus_max)
}
