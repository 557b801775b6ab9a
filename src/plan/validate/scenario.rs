//! The `scenarios` table.

use std::sync::Arc;
use std::time::Duration;

use super::Defaults;
use super::load::{self, GRACEFUL_STOP, MAX_DURATION};
use crate::diagnostic::did_you_mean;
use crate::plan::connections::connection_options;
use crate::plan::draft::Node;
use crate::plan::options::call_options;
use crate::plan::read::{Fields, Report, Shown, number};
use crate::plan::{Connections, Load, MixEntry, Scenario, Start};

/// What a scenario may hold.
pub(super) const FIELDS: [&str; 14] = [
    "after",
    "connections",
    "http",
    "load",
    "mix",
    "on_start",
    "on_stop",
    "pace",
    "run",
    "session",
    "spread",
    "start_after",
    "tags",
    "warmup",
];

/// The scenario of a script that returned a function: one user, one iteration.
pub(super) fn lone(defaults: &Defaults) -> Scenario {
    let name: Arc<str> = "default".into();
    Scenario {
        mix: vec![MixEntry { name: name.clone(), weight: 1.0 }],
        name,
        load: single(),
        start: Start { after: None, offset: Duration::ZERO },
        warmup: Duration::ZERO,
        pace: None,
        spread: Duration::ZERO,
        session: None,
        connections: Connections::Keep,
        graceful_stop: GRACEFUL_STOP,
        tags: Default::default(),
        http: Arc::new(defaults.calls.clone()),
        transport: defaults.connections.clone(),
    }
}

fn single() -> Load {
    Load::PerVuIterations { vus: 1, iterations: 1, max_duration: MAX_DURATION }
}

/// All scenarios of the definition, by name; those with faults are mended so that the others' can
/// be found.
pub(super) fn all(definition: &Fields<'_, '_>, defaults: &Defaults) -> Vec<Scenario> {
    let report = definition.report;
    let path = definition.path.field("scenarios");
    let Some(node) = definition.get("scenarios") else {
        report.fault(&definition.path, "the definition has no `scenarios`", EXAMPLE);
        return Vec::new();
    };
    let Some(table) = Fields::any(report, path.clone(), node) else { return Vec::new() };
    let scenarios: Vec<Scenario> = table
        .iter()
        .filter_map(|(name, node)| {
            let fields = Fields::of(report, path.field(name), node, &FIELDS)?;
            Some(one(name, &fields, &table, defaults))
        })
        .collect();
    if table.iter().next().is_none() {
        report.fault(&path, "`scenarios` is empty", EXAMPLE);
    }
    check_cycles(report, &table, &scenarios);
    scenarios
}

const EXAMPLE: &str =
    "write `scenarios = { buyers = { run = buy, load = { vus = 20, duration = \"1m\" } } }`";

fn one(
    name: &str,
    fields: &Fields<'_, '_>,
    siblings: &Fields<'_, '_>,
    defaults: &Defaults,
) -> Scenario {
    let pace = fields.positive_duration("pace");
    fields.function("on_start");
    fields.function("on_stop");
    let (load, graceful_stop) = load(fields);
    for paced in ["pace", "spread"] {
        if load.is_open() && fields.has(paced) {
            let message = format!("{} does not go with an open load", fields.name(paced));
            fields.fault(paced, message, "its rate says when iterations start");
        }
    }
    let scenario = Scenario {
        mix: mix(name, fields),
        name: name.into(),
        start: Start {
            after: after(name, fields, siblings),
            offset: fields.duration("start_after").unwrap_or_default(),
        },
        warmup: fields.duration("warmup").unwrap_or_default(),
        pace,
        spread: fields.duration("spread").or(pace).unwrap_or_default(),
        session: fields.choice("session", &[("keep", false), ("fresh", true)]),
        load,
        connections: connections(fields),
        graceful_stop,
        tags: fields.tags(),
        http: Arc::new(call_options(fields, &defaults.calls)),
        transport: connection_options(fields, &defaults.connections),
    };
    if let Err(message) = super::check_warmup(&scenario) {
        fields.fault(
            "warmup",
            format!("{}: {message}", fields.path),
            "shorten the warm-up or lengthen the load",
        );
    }
    scenario
}

/// The load and its `graceful_stop`. Where flags replace the load, its faults do not matter.
fn load(fields: &Fields<'_, '_>) -> (Load, Duration) {
    let Some(node) = fields.get("load") else { return (single(), GRACEFUL_STOP) };
    let quiet = fields.report.aside();
    let report = if super::flags::replaces(fields) { &quiet } else { fields.report };
    let Some(table) = Fields::any(report, fields.path.field("load"), node) else {
        return (single(), GRACEFUL_STOP);
    };
    let graceful_stop = table.duration("graceful_stop").unwrap_or(GRACEFUL_STOP);
    (load::read(&table).unwrap_or_else(single), graceful_stop)
}

fn connections(fields: &Fields<'_, '_>) -> Connections {
    let words = [
        ("keep", Connections::Keep),
        ("fresh", Connections::Fresh),
        ("shared", Connections::Shared),
    ];
    fields.choice("connections", &words).unwrap_or_default()
}

/// What an iteration runs.
fn mix(scenario: &str, fields: &Fields<'_, '_>) -> Vec<MixEntry> {
    let lone = || vec![MixEntry { name: scenario.into(), weight: 1.0 }];
    match (fields.get("run"), fields.get("mix")) {
        (Some(_), Some(_)) => {
            let message = format!("{} has both `run` and `mix`", fields.path);
            fields.fault("mix", message, "keep one of them");
            lone()
        }
        (None, None) => {
            let message = format!("{} has neither `run` nor `mix`", fields.path);
            fields.report.fault(&fields.path, message, "add `run = function() … end`");
            lone()
        }
        (Some(_), None) => {
            fields.function("run");
            lone()
        }
        (None, Some(Node::List(entries))) => {
            entries.iter().enumerate().map(|(at, entry)| branch(fields, at, entry)).collect()
        }
        (None, Some(other)) => {
            let message =
                format!("{} must be a list of branches, not {}", fields.name("mix"), Shown(other));
            fields.fault(
                "mix",
                message,
                "write `mix = { { weight = 7, name = \"read\", run = f } }`",
            );
            lone()
        }
    }
}

fn branch(scenario: &Fields<'_, '_>, at: usize, entry: &Node) -> MixEntry {
    let path = scenario.path.field("mix").item(at);
    let unnamed = (at + 1).to_string();
    let fields = Fields::of(scenario.report, path, entry, &["name", "run", "weight"]);
    let Some(fields) = fields else { return MixEntry { name: unnamed.into(), weight: 1.0 } };
    if !fields.has("run") {
        let message = format!("{} lacks `run`", fields.path);
        fields.report.fault(&fields.path, message, "add `run = function() … end`");
    }
    fields.function("run");
    let weight = fields.get("weight").map_or(Some(1.0), number);
    let weight = weight.filter(|weight| weight.is_finite() && *weight > 0.0);
    if weight.is_none() {
        let shown = fields.get("weight").map(|node| Shown(node).to_string()).unwrap_or_default();
        let message = format!("{} must be a number above 0, not {shown}", fields.name("weight"));
        fields.fault("weight", message, "only the weights' ratio counts: 7 and 3, or 0.7 and 0.3");
    }
    let name = fields.text("name").unwrap_or(&unnamed);
    MixEntry { name: name.into(), weight: weight.unwrap_or(1.0) }
}

/// The index of the scenario whose end it waits for.
fn after(name: &str, fields: &Fields<'_, '_>, siblings: &Fields<'_, '_>) -> Option<usize> {
    let other = fields.text("after")?;
    let found = siblings.iter().position(|(sibling, _)| sibling == other);
    let others = || siblings.iter().map(|(sibling, _)| sibling).filter(|sibling| *sibling != name);
    if found.is_none() {
        let hint = did_you_mean(other, others()).unwrap_or_else(|| {
            format!("the others are: {}", others().collect::<Vec<_>>().join(", "))
        });
        fields.fault(
            "after",
            format!("there is no scenario `{other}` for {} to wait for", fields.path),
            hint,
        );
    }
    found
}

/// Scenarios that wait for each other would never start.
fn check_cycles(report: &Report<'_>, table: &Fields<'_, '_>, scenarios: &[Scenario]) {
    if scenarios.len() < table.iter().count() {
        return; // indexes would not fit; there is a fault already
    }
    let next = |at: &usize| scenarios[*at].start.after;
    for (start, scenario) in scenarios.iter().enumerate() {
        let chain = std::iter::successors(next(&start), next).take(scenarios.len());
        let chain: Vec<usize> = chain.collect();
        let Some(back) = chain.iter().position(|at| *at == start) else { continue };
        if chain[..back].iter().any(|at| *at < start) {
            continue; // told where the cycle was first met
        }
        let names: Vec<&str> = chain[..=back].iter().map(|at| &*scenarios[*at].name).collect();
        let message = format!(
            "{} waits for {}: none of them would ever start",
            scenario.name,
            names.join(", which waits for ")
        );
        let path = table.path.field(&scenario.name).field("after");
        report.fault(&path, message, "take one `after` away, or use `start_after`");
    }
}
