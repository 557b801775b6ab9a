//! `Draft` → `Plan`, or every fault of it at once.

mod curve;
mod flags;
mod load;
mod open;
mod profile;
mod scenario;
mod steered;
mod thresholds;
mod variants;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use url::Url;

pub(super) use self::thresholds::objectives;
use super::connections::connection_options;
use super::draft::{Draft, Limits, Node, Sampler};
use super::locate::Path;
use super::options::call_options;
use super::read::{Fields, Report, Shown};
use super::{Plan, Scenario};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::http::{CallOptions, TransportOptions};
use crate::metrics::tags::own_tag;

const DEFINITION: [&str; 13] = [
    "base_url",
    "http",
    "name",
    "scenarios",
    "script_cpu_limit",
    "script_memory_limit",
    "search",
    "setup",
    "setup_timeout",
    "summary",
    "tags",
    "teardown",
    "thresholds",
];

const SETUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes a plan of what script and command line say; `sampler` calls the script's functions.
///
/// # Errors
/// All faults at once, in the order of their lines; those of the command line come first.
pub fn validate(draft: &Draft, sampler: Sampler<'_>) -> Result<Plan, Diagnostics> {
    let report = Report::new(draft, sampler);
    let plan = read(&report);
    match (plan, report.into_faults()) {
        (Some(plan), faults) if faults.is_empty() => Ok(plan),
        (_, faults) => Err(Diagnostics(faults)),
    }
}

/// What scenarios take over from the definition's `http`.
struct Defaults {
    calls: CallOptions,
    connections: TransportOptions,
}

/// `None` only if a fault was noted; other faults may have been noted too.
fn read(report: &Report<'_>) -> Option<Plan> {
    let empty = Node::Map(Vec::new());
    let function = report.draft.definition == Node::Function;
    let node = match &report.draft.definition {
        Node::Function => &empty,
        table @ Node::Map(_) => table,
        other => {
            let message = format!("the script returned {}", Shown(other));
            report.fault(
                &Path::default(),
                message,
                "end it with `return function() … end`, or with `return { scenarios = { … } }`",
            );
            return None;
        }
    };
    let definition = Fields::any(report, Path::default(), node)?;
    check_fields(&definition);
    super::search::read(&definition);
    let defaults = Defaults {
        calls: call_options(&definition, &CallOptions::default()),
        connections: connection_options(&definition, &TransportOptions::default()),
    };
    let scenarios = if function {
        vec![scenario::lone(&defaults)]
    } else {
        scenario::all(&definition, &defaults)
    };
    let thresholds = thresholds::all(&definition, &scenarios);
    let (mut scenarios, steered) = match &report.draft.flags.search {
        Some(reach) => steered::apply(report, reach, scenarios),
        None => (flags::apply(report, scenarios), Vec::new()),
    };
    Some(Plan {
        name: name(&definition),
        script: report.draft.script.clone(),
        base_url: base_url(&definition),
        trial: variants::trial(report, &mut scenarios),
        thresholds,
        scenarios,
        steered,
        tags: tags(&definition),
        http: defaults.calls.into(),
        transport: defaults.connections,
        limits: report.draft.flags.limits.over(limits(&definition)),
        setup_timeout: definition.positive_duration("setup_timeout").unwrap_or(SETUP_TIMEOUT),
        seed: report.draft.flags.seed.unwrap_or_else(drawn_seed),
        threads: threads(report),
    })
}

fn limits(definition: &Fields<'_, '_>) -> Limits {
    let limits = Limits {
        cpu: definition.duration("script_cpu_limit"),
        memory: definition.bytes("script_memory_limit"),
    };
    if limits.cpu.is_some_and(|cpu| cpu < Limits::LEAST_CPU) {
        let message = "script_cpu_limit is at least 10ms".to_owned();
        definition.fault("script_cpu_limit", message, "the default is `1s`");
    }
    if limits.memory.is_some_and(|memory| memory < Limits::LEAST_MEMORY) {
        let message = "script_memory_limit is at least 4MiB".to_owned();
        definition.fault("script_memory_limit", message, "the default is `256MiB`");
    }
    limits
}

/// Unknown fields, and hooks that are no functions.
fn check_fields(definition: &Fields<'_, '_>) {
    for (name, _) in definition.iter() {
        if scenario::FIELDS.contains(&name) && !DEFINITION.contains(&name) {
            let message = format!("`{name}` belongs into a scenario, not into the definition");
            definition.fault(name, message, "write `scenarios = { default = { … } }` around it");
        } else if !DEFINITION.contains(&name) {
            definition.unknown(name, &DEFINITION);
        }
    }
    definition.function("setup");
    definition.function("teardown");
    definition.function("summary");
}

fn name(definition: &Fields<'_, '_>) -> String {
    let script = &definition.report.draft.script;
    let file = script.file_name().unwrap_or(script.as_os_str());
    definition.text("name").map_or_else(|| file.to_string_lossy().into_owned(), str::to_owned)
}

/// The flag's, else the script's.
fn base_url(definition: &Fields<'_, '_>) -> Option<Url> {
    if let Some(text) = &definition.report.draft.flags.base_url {
        return parse_base(text)
            .map_err(|(message, hint)| {
                let message = format!("--base-url: {message}");
                definition.report.note(Diagnostic::new(message).hint(hint));
            })
            .ok();
    }
    parse_base(definition.text("base_url")?)
        .map_err(|(message, hint)| {
            definition.fault("base_url", format!("base_url: {message}"), hint)
        })
        .ok()
}

/// The error is a message and a hint.
fn parse_base(text: &str) -> Result<Url, (String, String)> {
    let example = || "write it like `http://127.0.0.1:8080`".to_owned();
    let with_scheme = || match Url::parse(&format!("http://{text}")) {
        Ok(url) if url.has_host() && !text.starts_with('/') => {
            format!("did you mean `http://{text}`?")
        }
        _ => example(),
    };
    if !text.contains("://") {
        return Err((format!("`{text}` has no scheme"), with_scheme()));
    }
    let url =
        Url::parse(text).map_err(|error| (format!("`{text}` is no URL: {error}"), example()))?;
    let fault = |what: &str| Err((format!("`{text}` {what}"), example()));
    match url.scheme() {
        "http" | "https" if url.query().is_some() => fault("has a query"),
        "http" | "https" if url.fragment().is_some() => fault("has a fragment"),
        "http" | "https" => Ok(url),
        _ => fault("is neither http nor https"),
    }
}

/// The script's, and over them those of the command line.
fn tags(definition: &Fields<'_, '_>) -> BTreeMap<String, String> {
    let mut tags = definition.tags();
    for (name, value) in &definition.report.draft.flags.tags {
        match own_tag(name) {
            Some(message) => definition
                .report
                .note(Diagnostic::new(format!("--tag: {message}")).hint("choose another name")),
            None => drop(tags.insert(name.clone(), value.clone())),
        }
    }
    tags
}

fn threads(report: &Report<'_>) -> usize {
    let threads = report.draft.flags.threads;
    if threads == Some(0) {
        report
            .note(Diagnostic::new("--threads must be at least 1").hint("the default is all cores"));
    }
    threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Short enough to be typed again.
fn drawn_seed() -> u64 {
    RandomState::new().hash_one(()) >> 32
}

/// Most users of one scenario.
const MAX_VUS: u64 = 1_000_000;

/// Whether a number of users can be had; if not, why.
fn check_vus(vus: u64) -> Result<(), &'static str> {
    match vus {
        0 => Err("there must be at least 1 user"),
        1..=MAX_VUS => Ok(()),
        _ => Err("a scenario has at most 1,000,000 users"),
    }
}

/// Whether the scenario's load leaves something to measure after the warm-up.
fn check_warmup(scenario: &Scenario) -> Result<(), String> {
    use crate::units::print_duration;
    let (warmup, length) = (scenario.warmup, scenario.load.length());
    if warmup.is_zero() || warmup < length {
        return Ok(());
    }
    let (warmup, length) = (print_duration(warmup), print_duration(length));
    Err(format!("a warm-up of {warmup} leaves nothing of a load of {length} to measure"))
}
