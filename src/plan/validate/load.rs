//! The `load` table: which kind it is, and what it then must and may hold.

use std::time::Duration;

use crate::plan::draft::Node;
use crate::plan::load::{Load, Stage};
use crate::plan::read::{Fields, Shown, duration, number};
use crate::units::{self, Misread};

use super::{MAX_VUS, check_vus, curve, open, profile};

pub(super) const GRACEFUL_STOP: Duration = Duration::from_secs(30);
pub(super) const GRACEFUL_RAMP_DOWN: Duration = Duration::from_secs(30);
/// Users that a manual load may have at least, unless it says otherwise; else ten times the first.
const MANUAL_VUS: u64 = 100;
pub(super) const MAX_DURATION: Duration = Duration::from_secs(600);

/// A way to say how much load there is.
struct Kind {
    name: &'static str,
    /// Beside `kind`, `graceful_stop` and what all open kinds take.
    fields: &'static [&'static str],
    /// Whether it is, or may be, an open one: it takes what all of those take.
    open: bool,
    /// Having it says that the load is of this kind; tried in the order of [`KINDS`].
    tell: &'static str,
    read: fn(&Fields<'_, '_>) -> Option<Load>,
}

const KINDS: [Kind; 9] = [
    Kind {
        name: "profile",
        fields: &["profile", "peak_vus", "peak_rate", "duration", "per", "graceful_ramp_down"],
        open: true,
        tell: "profile",
        read: profile::profile,
    },
    Kind {
        name: "curve",
        fields: &["points", "scale", "speed", "duration", "per"],
        open: true,
        tell: "points",
        read: curve::curve,
    },
    Kind {
        name: "constant_rate",
        fields: &["rate", "per", "duration"],
        open: true,
        tell: "rate",
        read: open::constant_rate,
    },
    Kind {
        name: "ramping_rate",
        fields: &["stages", "start_rate", "per"],
        open: true,
        tell: "stages",
        read: open::ramping_rate,
    },
    Kind {
        name: "ramping_vus",
        fields: &["stages", "start_vus", "graceful_ramp_down"],
        open: false,
        tell: "stages",
        read: ramping_vus,
    },
    Kind {
        name: "per_vu_iterations",
        fields: &["vus", "iterations_per_vu", "max_duration"],
        open: false,
        tell: "iterations_per_vu",
        read: per_vu_iterations,
    },
    Kind {
        name: "shared_iterations",
        fields: &["vus", "iterations", "max_duration"],
        open: false,
        tell: "iterations",
        read: shared_iterations,
    },
    Kind {
        name: "manual",
        fields: &["vus", "max_vus", "duration"],
        open: false,
        tell: "kind", // it is always named
        read: manual,
    },
    Kind {
        name: "constant_vus",
        fields: &["vus", "duration"],
        open: false,
        tell: "duration",
        read: constant_vus,
    },
];

impl Kind {
    /// What it takes beside `kind` and `graceful_stop`.
    fn fields(&self) -> impl Iterator<Item = &'static str> {
        let shared: &[&str] = if self.open { &open::SHARED } else { &[] };
        self.fields.iter().chain(shared).copied()
    }
}

const COMMON: [&str; 2] = ["kind", "graceful_stop"];

const KINDS_HINT: &str = "give `duration`, `rate`, `stages`, `points`, `profile`, `iterations` or \
                          `iterations_per_vu`";

/// The load of a `load` table; `None` if a fault was noted.
pub(super) fn read(fields: &Fields<'_, '_>) -> Option<Load> {
    let kind = kind(fields);
    let mut known: Vec<&str> = COMMON.to_vec();
    known.extend(KINDS.iter().flat_map(Kind::fields));
    for (name, _) in fields.iter() {
        match &kind {
            _ if !known.contains(&name) => fields.unknown(name, &known),
            Some(kind) if !COMMON.contains(&name) && !kind.fields().any(|known| known == name) => {
                contradiction(fields, kind, name);
            }
            _ => {}
        }
    }
    (kind?.read)(fields)
}

/// The kind that is named, else the one that the fields tell.
fn kind(fields: &Fields<'_, '_>) -> Option<&'static Kind> {
    if fields.has("kind") {
        let words: Vec<(&str, &'static Kind)> =
            KINDS.iter().map(|kind| (kind.name, kind)).collect();
        return fields.choice("kind", &words);
    }
    let is_open = open::is_open(fields);
    let told = KINDS.iter().find(|kind| fields.has(kind.tell) && (is_open || !kind.open));
    if told.is_none() {
        let message = format!("{} does not say how long it lasts", fields.path);
        fields.report.fault(&fields.path, message, KINDS_HINT);
    }
    told
}

fn contradiction(fields: &Fields<'_, '_>, kind: &Kind, name: &str) {
    let hint = match (kind.name, name) {
        ("shared_iterations" | "per_vu_iterations", "duration") => {
            "to limit how long they take, write `max_duration`".to_owned()
        }
        ("ramping_vus", "vus") => "the first number of users is `start_vus`".to_owned(),
        ("ramping_vus", "duration") => "a ramp lasts as long as its stages".to_owned(),
        ("profile", "rate") => "its highest rate is `peak_rate`".to_owned(),
        _ => format!("{} takes {}", kind.name, kind.fields().collect::<Vec<_>>().join(", ")),
    };
    let because = if fields.has("kind") {
        format!("kind = \"{}\"", kind.name)
    } else {
        format!("`{}`", kind.tell)
    };
    fields.fault(name, format!("`{name}` does not go with {because} in {}", fields.path), hint);
}

fn constant_vus(fields: &Fields<'_, '_>) -> Option<Load> {
    let duration = required(fields, "duration").then(|| fields.positive_duration("duration"));
    Some(Load::ConstantVus { vus: vus(fields)?, duration: duration?? })
}

fn manual(fields: &Fields<'_, '_>) -> Option<Load> {
    let duration = required(fields, "duration").then(|| fields.positive_duration("duration"));
    let vus = if fields.has("vus") { fields.count("vus") } else { Some(1) };
    let max_vus =
        if fields.has("max_vus") { fields.count("max_vus").map(Some) } else { Some(None) };
    let (vus, max_vus) = (vus?, max_vus?);
    let usual = vus.saturating_mul(10).clamp(MANUAL_VUS, MAX_VUS).max(vus);
    let most = max_vus.unwrap_or(usual);
    let name = if max_vus.is_some() { "max_vus" } else { "vus" };
    let fault = |message: String| {
        fields.fault(
            name,
            format!("{} {message}", fields.name(name)),
            "write for example `vus = 5, max_vus = 200`",
        );
        None
    };
    match check_vus(most) {
        Err(message) => fault(format!("= {}: {message}", max_vus.unwrap_or(vus))),
        Ok(()) if vus > most => fault(format!("= {most} is less than vus = {vus}")),
        Ok(()) => Some(Load::Manual { vus, max_vus: most, duration: duration?? }),
    }
}

fn per_vu_iterations(fields: &Fields<'_, '_>) -> Option<Load> {
    let (vus, iterations, max_duration) =
        (vus(fields), iterations(fields, "iterations_per_vu"), max_duration(fields));
    Some(Load::PerVuIterations { vus: vus?, iterations: iterations?, max_duration: max_duration? })
}

fn shared_iterations(fields: &Fields<'_, '_>) -> Option<Load> {
    let there = required(fields, "iterations");
    let (vus, iterations, max_duration) =
        (vus(fields), iterations(fields, "iterations"), max_duration(fields));
    let iterations = iterations.filter(|_| there);
    Some(Load::SharedIterations { vus: vus?, iterations: iterations?, max_duration: max_duration? })
}

fn ramping_vus(fields: &Fields<'_, '_>) -> Option<Load> {
    let graceful_ramp_down = graceful_ramp_down(fields);
    let start_vus = if fields.has("start_vus") { fields.count("start_vus") } else { Some(1) };
    let stages = required(fields, "stages").then(|| stages(fields, &number_of_users));
    let load = Load::RampingVus {
        start_vus: start_vus?,
        stages: stages??,
        graceful_ramp_down: graceful_ramp_down?,
    };
    let fault = |message: &str, hint: &str| {
        fields.fault("stages", format!("{}: {message}", fields.name("stages")), hint);
        None
    };
    if load.length().is_zero() {
        return fault("the stages last 0s in all", "give at least one of them a duration");
    }
    match check_vus(load.peak_vus()) {
        Ok(()) => Some(load),
        Err(message) => fault(message, "raise or lower the targets"),
    }
}

pub(super) fn graceful_ramp_down(fields: &Fields<'_, '_>) -> Option<Duration> {
    match fields.has("graceful_ramp_down") {
        true => fields.duration("graceful_ramp_down"),
        false => Some(GRACEFUL_RAMP_DOWN),
    }
}

/// What a stage's target means, or what is wrong with it.
pub(super) type Target<'t> = &'t dyn Fn(&Node) -> Result<f64, String>;

fn number_of_users(node: &Node) -> Result<f64, String> {
    match number(node).map(|target| units::whole(target, &target.to_string())) {
        Some(Ok(target)) => Ok(target as f64),
        Some(Err(misread)) => Err(misread.message),
        None => Err(format!("its number of users cannot be {}", Shown(node))),
    }
}

pub(super) fn stages(fields: &Fields<'_, '_>, target: Target<'_>) -> Option<Vec<Stage>> {
    let items = match fields.get("stages")? {
        Node::List(items) if !items.is_empty() => items,
        other => {
            let name = fields.name("stages");
            let message = format!("{name} must be a list of stages, not {}", Shown(other));
            fields.fault("stages", message, EXAMPLE);
            return None;
        }
    };
    let read = |(index, item)| stage(fields, index, item, target);
    let stages: Vec<Option<Stage>> = items.iter().enumerate().map(read).collect();
    stages.into_iter().collect()
}

const EXAMPLE: &str = "write `stages = { { \"30s\", 100 }, { \"1m\", 100, name = \"plateau\" } }`";

/// `{ "30s", 100, name = "plateau" }`.
fn stage(fields: &Fields<'_, '_>, index: usize, item: &Node, target: Target<'_>) -> Option<Stage> {
    let path = fields.path.field("stages").item(index);
    let (pair, named) = match item {
        Node::List(pair) => (pair.as_slice(), [].as_slice()),
        Node::Mixed(pair, named) => (pair.as_slice(), named.as_slice()),
        _ => ([].as_slice(), [].as_slice()),
    };
    let [length, reached] = pair else {
        let message =
            format!("{path} must be a duration and what it leads to, not {}", Shown(item));
        fields.report.fault(&path, message, EXAMPLE);
        return None;
    };
    let mut name = (index + 1).to_string();
    for (key, node) in named {
        match (key.as_str(), node) {
            ("name", Node::Text(text)) if !text.is_empty() => name = text.clone(),
            ("name", node) => {
                let message = format!("{path}.name must be a string, not {}", Shown(node));
                fields.report.fault(&path, message, EXAMPLE);
            }
            (other, _) => {
                let message = format!("unknown field `{other}` in {path}");
                fields.report.fault(&path, message, "a stage has a `name` and nothing else");
            }
        }
    }
    let misread = |misread: Misread| {
        fields.report.fault(&path, format!("{path}: {}", misread.message), misread.hint);
    };
    let length = match duration(length) {
        Some(length) => length.map_err(misread).ok(),
        None => {
            let message = format!("{path}: its duration cannot be {}", Shown(length));
            fields.report.fault(&path, message, EXAMPLE);
            None
        }
    };
    let fault = |message: String| fields.report.fault(&path, format!("{path}: {message}"), EXAMPLE);
    let target = target(reached).map_err(fault).ok();
    Some(Stage { duration: length?, target: target?, name })
}

/// 1 unless it says more.
fn vus(fields: &Fields<'_, '_>) -> Option<u64> {
    if !fields.has("vus") {
        return Some(1);
    }
    let vus = fields.count("vus")?;
    match check_vus(vus) {
        Ok(()) => Some(vus),
        Err(message) => {
            fields.fault(
                "vus",
                format!("{} = {vus}: {message}", fields.name("vus")),
                "write for example `vus = 20`",
            );
            None
        }
    }
}

/// 1 unless it says more.
fn iterations(fields: &Fields<'_, '_>, name: &str) -> Option<u64> {
    if !fields.has(name) {
        return Some(1);
    }
    let iterations = fields.count(name)?;
    if iterations == 0 {
        let message = format!("{} must be at least 1", fields.name(name));
        fields.fault(name, message, "leave the scenario out if it shall do nothing");
    }
    Some(iterations).filter(|iterations| *iterations > 0)
}

fn max_duration(fields: &Fields<'_, '_>) -> Option<Duration> {
    match fields.has("max_duration") {
        true => fields.positive_duration("max_duration"),
        false => Some(MAX_DURATION),
    }
}

/// Whether a field is there that must be.
pub(super) fn required(fields: &Fields<'_, '_>, name: &str) -> bool {
    if !fields.has(name) {
        let message = format!("{} lacks `{name}`", fields.path);
        let hint = if name == "stages" { EXAMPLE.to_owned() } else { format!("add `{name}`") };
        fields.report.fault(&fields.path, message, hint);
    }
    fields.has(name)
}
