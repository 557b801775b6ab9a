//! The `load` table: which kind it is, and what it then must and may hold.

use std::time::Duration;

use crate::plan::draft::Node;
use crate::plan::load::{Load, Stage};
use crate::plan::read::{Fields, Shown, duration, number};
use crate::units::{self, Misread};

use super::check_vus;

pub(super) const GRACEFUL_STOP: Duration = Duration::from_secs(30);
pub(super) const GRACEFUL_RAMP_DOWN: Duration = Duration::from_secs(30);
pub(super) const MAX_DURATION: Duration = Duration::from_secs(600);

/// A way to say how much load there is.
struct Kind {
    name: &'static str,
    /// Beside `kind` and `graceful_stop`.
    fields: &'static [&'static str],
    /// Having it says that the load is of this kind; tried in the order of [`CLOSED`].
    tell: &'static str,
    read: fn(&Fields<'_, '_>) -> Option<Load>,
}

const CLOSED: [Kind; 4] = [
    Kind {
        name: "ramping_vus",
        fields: &["stages", "start_vus", "graceful_ramp_down"],
        tell: "stages",
        read: ramping_vus,
    },
    Kind {
        name: "per_vu_iterations",
        fields: &["vus", "iterations_per_vu", "max_duration"],
        tell: "iterations_per_vu",
        read: per_vu_iterations,
    },
    Kind {
        name: "shared_iterations",
        fields: &["vus", "iterations", "max_duration"],
        tell: "iterations",
        read: shared_iterations,
    },
    Kind {
        name: "constant_vus",
        fields: &["vus", "duration"],
        tell: "duration",
        read: constant_vus,
    },
];

/// Kinds that a later version has.
const LATER: [&str; 5] = ["constant_rate", "ramping_rate", "curve", "profile", "manual"];

/// Their fields that no closed kind has.
const LATER_FIELDS: [&str; 15] = [
    "arrivals",
    "late",
    "late_after",
    "max_iterations",
    "max_vus",
    "peak_rate",
    "peak_vus",
    "per",
    "points",
    "profile",
    "queue_limit",
    "rate",
    "scale",
    "speed",
    "start_rate",
];

const COMMON: [&str; 2] = ["kind", "graceful_stop"];

const KINDS_HINT: &str = "give `duration`, `stages`, `iterations` or `iterations_per_vu`";

/// The load of a `load` table; `None` if a fault was noted.
pub(super) fn read(fields: &Fields<'_, '_>) -> Option<Load> {
    if let Some(what) = open(fields) {
        let message = format!(
            "{what}: this version of loadtool has closed loads only (users, not rates); open ones come later"
        );
        fields.report.fault(
            &fields.path,
            message,
            "write for example `{ vus = 20, duration = \"1m\" }`",
        );
        return None;
    }
    let kind = kind(fields);
    let mut known: Vec<&str> = COMMON.to_vec();
    known.extend(CLOSED.iter().flat_map(|kind| kind.fields));
    for (name, _) in fields.iter() {
        match &kind {
            _ if !known.contains(&name) => fields.unknown(name, &known),
            Some(kind) if !COMMON.contains(&name) && !kind.fields.contains(&name) => {
                contradiction(fields, kind, name);
            }
            _ => {}
        }
    }
    (kind?.read)(fields)
}

/// What makes it an open load.
fn open(fields: &Fields<'_, '_>) -> Option<String> {
    if let Some(Node::Text(kind)) = fields.get("kind") {
        return LATER.contains(&kind.as_str()).then(|| format!("kind = \"{kind}\""));
    }
    LATER_FIELDS.iter().find(|name| fields.has(name)).map(|name| format!("`{name}`"))
}

/// The kind that is named, else the one that the fields tell.
fn kind(fields: &Fields<'_, '_>) -> Option<&'static Kind> {
    if fields.has("kind") {
        let words: Vec<(&str, &'static Kind)> =
            CLOSED.iter().map(|kind| (kind.name, kind)).collect();
        return fields.choice("kind", &words);
    }
    let told = CLOSED.iter().find(|kind| fields.has(kind.tell));
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
        _ => format!("{} takes {}", kind.name, kind.fields.join(", ")),
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
    let graceful_ramp_down = match fields.has("graceful_ramp_down") {
        true => fields.duration("graceful_ramp_down"),
        false => Some(GRACEFUL_RAMP_DOWN),
    };
    let start_vus = if fields.has("start_vus") { fields.count("start_vus") } else { Some(1) };
    let stages = required(fields, "stages").then(|| stages(fields));
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

fn stages(fields: &Fields<'_, '_>) -> Option<Vec<Stage>> {
    let items = match fields.get("stages")? {
        Node::List(items) if !items.is_empty() => items,
        other => {
            let name = fields.name("stages");
            let message = format!("{name} must be a list of stages, not {}", Shown(other));
            fields.fault("stages", message, EXAMPLE);
            return None;
        }
    };
    let read = |(index, item)| stage(fields, index, item);
    let stages: Vec<Option<Stage>> = items.iter().enumerate().map(read).collect();
    stages.into_iter().collect()
}

const EXAMPLE: &str = "write `stages = { { \"30s\", 100 }, { \"1m\", 100, name = \"plateau\" } }`";

/// `{ "30s", 100, name = "plateau" }`.
fn stage(fields: &Fields<'_, '_>, index: usize, item: &Node) -> Option<Stage> {
    let path = fields.path.field("stages").item(index);
    let (pair, named) = match item {
        Node::List(pair) => (pair.as_slice(), [].as_slice()),
        Node::Mixed(pair, named) => (pair.as_slice(), named.as_slice()),
        _ => ([].as_slice(), [].as_slice()),
    };
    let [length, target] = pair else {
        let message =
            format!("{path} must be a duration and a number of users, not {}", Shown(item));
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
    let target = match number(target).map(|target| units::whole(target, &target.to_string())) {
        Some(target) => target.map_err(misread).ok(),
        None => {
            let message = format!("{path}: its number of users cannot be {}", Shown(target));
            fields.report.fault(&path, message, EXAMPLE);
            None
        }
    };
    Some(Stage { duration: length?, target: target? as f64, name })
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
fn required(fields: &Fields<'_, '_>, name: &str) -> bool {
    if !fields.has(name) {
        let message = format!("{} lacks `{name}`", fields.path);
        let hint = if name == "stages" { EXAMPLE.to_owned() } else { format!("add `{name}`") };
        fields.report.fault(&fields.path, message, hint);
    }
    fields.has(name)
}
