//! `search = { … }`: how `loadtool limit` is to search, as the script says it (flags win), and what
//! a search makes of the plan: its [`Reach`] replaces loads, of which each scenario has a [`Part`].

use std::time::Duration;

use super::Threshold;
use super::draft::{Draft, Node};
use super::locate::Path;
use super::read::{Fields, Report, Shown, number};
use super::validate::objectives;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::metrics::{Kind, MetricId, metric};

/// What a level counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Iterations that start per second.
    Rate,
    /// Users who iterate.
    Users,
}

impl Axis {
    /// As `--axis` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Rate => "rate",
            Axis::Users => "users",
        }
    }

    /// Behind a number.
    pub fn unit(self) -> &'static str {
        match self {
            Axis::Rate => "iterations/s",
            Axis::Users => "users",
        }
    }

    /// Whether it is of iterations that start per second.
    pub fn is_rate(self) -> bool {
        self == Axis::Rate
    }

    /// A level in parts of these shares, which add up to it. Users are whole: those that rounding
    /// leaves over go where most was cut off (the method of largest remainders).
    pub fn divide(self, level: f64, shares: &[f64]) -> Vec<f64> {
        let exact = shares.iter().map(|share| level * share);
        if self.is_rate() {
            return exact.collect();
        }
        // A hair's breadth below a whole number is that number.
        let exact: Vec<f64> = exact.map(|part| (part * 1e6).round() / 1e6).collect();
        let mut parts: Vec<f64> = exact.iter().map(|part| part.floor()).collect();
        let left = (level.round() - parts.iter().sum::<f64>()).max(0.0) as usize;
        let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
        by_remainder.sort_by(|&a, &b| (exact[b] - parts[b]).total_cmp(&(exact[a] - parts[a])));
        by_remainder.into_iter().take(left).for_each(|index| parts[index] += 1.0);
        parts
    }
}

/// What a search steers, and how far: loads that can follow it take the place of the script's.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// What a level counts.
    pub axis: Axis,
    /// The scenario that is steered; `None`: all of them, in proportion to their own loads.
    pub scenario: Option<String>,
    /// The first level.
    pub from: f64,
    /// The highest.
    pub to: f64,
    /// Most users of each scenario that may be made for a rate, unless as many as usual.
    pub max_vus: Option<u64>,
    /// How long it may take.
    pub length: Duration,
}

/// One of the scenarios that a search steers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Its index in the plan.
    pub scenario: usize,
    /// Of each level; those of all parts add up to 1.
    pub share: f64,
}

/// An objective of a hold: what is never told of a hold alone cannot be one.
///
/// # Errors
/// It is of such a metric, or judged while a run goes on.
pub fn objective(threshold: Threshold) -> Result<Threshold, Diagnostic> {
    let id = threshold.series.metric();
    let of_a_second = matches!(id, MetricId::BuiltIn(_)) && id.metric().kind == Kind::Gauge;
    if of_a_second || [metric::LOOP_LAG, metric::ITERATIONS_DROPPED].contains(id) {
        let message = format!("`{threshold}`: {} is not told of each hold", id.metric().name);
        let hint =
            "an objective is of calls, steps, iterations, checks, or metrics of the script's own";
        return Err(Diagnostic::new(message).hint(hint));
    }
    if threshold.condition.of_baseline.is_some() {
        let message = format!("`{threshold}`: an objective of a search has a limit of its own");
        return Err(Diagnostic::new(message).hint("only thresholds of a run know a baseline"));
    }
    if threshold.is_live() {
        let message = format!("`{threshold}` is judged over the whole of a hold");
        return Err(Diagnostic::new(message).hint("leave out window and abort"));
    }
    Ok(threshold)
}

/// What the script says; all of it may be left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    /// What a level counts.
    pub axis: Option<Axis>,
    /// Which scenario is steered.
    pub scenario: Option<String>,
    /// The first level.
    pub from: Option<f64>,
    /// The highest that may be tried.
    pub to: Option<f64>,
    /// The levels to try; empty to search for them.
    pub steps: Vec<f64>,
    /// Whether all of them are tried, even after one that does not hold.
    pub run_all: Option<bool>,
    /// Width of the answer, as a part of it.
    pub precision: Option<f64>,
    /// How much less than a rate may be achieved, as a part of it.
    pub tolerance: Option<f64>,
    /// What must hold.
    pub slo: Vec<Threshold>,
    /// Before each hold.
    pub warmup: Option<Duration>,
    /// Of a full hold.
    pub hold: Option<Duration>,
    /// After each hold.
    pub cooldown: Option<Duration>,
    /// The search ends then.
    pub max_time: Option<Duration>,
    /// Most users that may be made for a rate.
    pub max_vus: Option<u64>,
}

const FIELDS: [&str; 14] = [
    "axis",
    "cooldown",
    "from",
    "hold",
    "max_time",
    "max_vus",
    "precision",
    "run_all",
    "scenario",
    "slo",
    "steps",
    "to",
    "tolerance",
    "warmup",
];

/// The `search` of a script that has run; a script that returns a function has none.
///
/// # Errors
/// Every fault of the table at once.
pub fn search(draft: &Draft) -> Result<Search, Diagnostics> {
    let report = Report::new(draft, &|_, _| unreachable!("a search has no curve"));
    let search = match &draft.definition {
        table @ Node::Map(_) => Fields::any(&report, Path::default(), table)
            .map(|definition| read(&definition))
            .unwrap_or_default(),
        _ => Search::default(),
    };
    let faults = report.into_faults();
    if faults.is_empty() { Ok(search) } else { Err(Diagnostics(faults)) }
}

/// Notes every fault of the definition's `search`.
pub(super) fn read(definition: &Fields<'_, '_>) -> Search {
    let Some(search) = definition.table("search", &FIELDS) else { return Search::default() };
    Search {
        axis: search.choice("axis", &[("rate", Axis::Rate), ("users", Axis::Users)]),
        scenario: search.text("scenario").map(str::to_owned),
        from: search.level("from"),
        to: search.level("to"),
        steps: steps(&search),
        run_all: search.flag("run_all"),
        precision: search.part("precision"),
        tolerance: search.part("tolerance"),
        slo: objectives(&search, "slo"),
        warmup: search.duration("warmup"),
        hold: search.positive_duration("hold"),
        cooldown: search.duration("cooldown"),
        max_time: search.positive_duration("max_time"),
        max_vus: search.count("max_vus"),
    }
}

fn steps(search: &Fields<'_, '_>) -> Vec<f64> {
    let Some(node) = search.get("steps") else { return Vec::new() };
    let levels = match node {
        Node::List(items) => items.iter().map(number).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    match levels {
        Some(levels) if ascends(&levels) => levels,
        Some(_) => {
            let hint = "write them like { 500, \"1k\", \"2k\" }";
            search.fault("steps", "search.steps must ascend, from above 0", hint);
            Vec::new()
        }
        None => {
            let message = format!("search.steps must be a list of levels, not {}", Shown(node));
            search.fault("steps", message, "write them like { 500, \"1k\", \"2k\" }");
            Vec::new()
        }
    }
}

/// Whether these can be tried one after the other.
pub fn ascends(levels: &[f64]) -> bool {
    levels.first().is_some_and(|first| *first > 0.0)
        && levels.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::own::OwnMetrics;

    fn searched(fields: Vec<(&str, Node)>) -> Result<Search, Vec<String>> {
        let named = |fields: Vec<(&str, Node)>| {
            Node::Map(fields.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
        };
        let draft = Draft {
            script: "script.lua".into(),
            source: "return {}".into(),
            definition: named(vec![("search", named(fields))]),
            metrics: OwnMetrics::default(),
            flags: Default::default(),
        };
        search(&draft)
            .map_err(|Diagnostics(faults)| faults.into_iter().map(|fault| fault.message).collect())
    }

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn what_the_script_says_is_read_and_what_it_leaves_out_is_open() {
        assert_eq!(searched(vec![]), Ok(Search::default()));
        let slo = Node::Map(vec![("http_call_duration".to_owned(), text("p95 < 90ms"))]);
        let found = searched(vec![
            ("axis", text("users")),
            ("steps", Node::List(vec![Node::Int(5), text("1k")])),
            ("run_all", Node::Bool(true)),
            ("precision", text("3%")),
            ("tolerance", Node::Float(0.1)),
            ("hold", text("12s")),
            ("slo", slo),
        ])
        .unwrap();
        assert_eq!((found.axis, found.hold), (Some(Axis::Users), Some(Duration::from_secs(12))));
        assert_eq!((found.steps, found.precision), (vec![5.0, 1000.0], Some(0.03)));
        assert_eq!(found.run_all, Some(true));
        assert_eq!((found.tolerance, found.from), (Some(0.1), None));
        assert_eq!(found.slo[0].expression, "p95 < 90ms");
    }

    #[test]
    fn parts_add_up_to_their_level_and_users_are_whole() {
        let shares = [0.8, 0.15, 0.05];
        assert_eq!(Axis::Rate.divide(50.0, &shares), [40.0, 7.5, 2.5]);
        for (level, parts) in [
            (1.0, [1.0, 0.0, 0.0]),
            (2.0, [2.0, 0.0, 0.0]),
            (3.0, [2.0, 1.0, 0.0]),
            (20.0, [16.0, 3.0, 1.0]),
            (30.0, [24.0, 5.0, 1.0]),
        ] {
            assert_eq!(Axis::Users.divide(level, &shares), parts, "{level}");
        }
        let thirds = [1.0 / 3.0; 3];
        for level in 1..50u32 {
            let parts = Axis::Users.divide(level.into(), &thirds);
            assert_eq!(parts.iter().sum::<f64>(), f64::from(level));
            assert!(parts.iter().all(|part| (part - f64::from(level) / 3.0).abs() < 1.0));
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let slo = Node::Map(vec![("http_call_durations".to_owned(), text("p95 < 90ms"))]);
        let faults = searched(vec![
            ("axes", text("rate")),
            ("axis", text("vus")),
            ("from", Node::Int(0)),
            ("precision", Node::Int(5)),
            ("steps", Node::List(vec![Node::Int(5), Node::Int(5)])),
            ("slo", slo),
        ])
        .unwrap_err();
        for wanted in [
            "unknown field `axes` in search",
            "search.axis cannot be \"vus\"",
            "search.from must be above 0",
            "search.precision must be from 0% to below 100%",
            "search.steps must ascend",
            "there is no metric `http_call_durations`",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{wanted}: {faults:?}");
        }
        assert_eq!(faults.len(), 6, "{faults:?}");
    }
}
