//! Open loads: rates, and the users who take what arrives.

use std::time::Duration;

use super::check_vus;
use super::load::{required, stages};
use crate::pace::Pattern;
use crate::plan::draft::Node;
use crate::plan::load::Load;
use crate::plan::open::{LATE_AFTER, Late, MAX_RATE, OpenLoad, Shape};
use crate::plan::read::{Fields, Shown, number};
use crate::units;

/// What every open kind takes beside its rate.
pub(super) const SHARED: [&str; 7] =
    ["arrivals", "late", "late_after", "max_iterations", "max_vus", "queue_limit", "vus"];

/// Whether a table has fields that no closed load has.
pub(super) fn is_open(fields: &Fields<'_, '_>) -> bool {
    let own = ["rate", "per", "start_rate", "points", "profile", "scale", "speed"];
    let shared = SHARED.iter().filter(|name| **name != "vus");
    own.iter().chain(shared).any(|name| fields.has(name))
}

pub(super) fn constant_rate(fields: &Fields<'_, '_>) -> Option<Load> {
    let there = [required(fields, "rate"), required(fields, "duration")];
    let (per, rate) = (per(fields), rate(fields, "rate"));
    let duration = fields.positive_duration("duration");
    let shape = rate.zip(duration).map(|(rate, duration)| Shape::Constant { rate, duration });
    load(fields, shape, per).filter(|_| there == [true, true])
}

pub(super) fn ramping_rate(fields: &Fields<'_, '_>) -> Option<Load> {
    let per = per(fields);
    let start_rate = if fields.has("start_rate") { rate(fields, "start_rate") } else { Some(0.0) };
    let target = |node: &Node| match number(node).filter(|rate| *rate >= 0.0) {
        Some(rate) => Ok(rate),
        None => Err(format!("its rate must be a number from 0, not {}", Shown(node))),
    };
    let stages = required(fields, "stages").then(|| stages(fields, &target));
    let shape = start_rate
        .zip(stages.flatten())
        .map(|(start_rate, stages)| Shape::Ramping { start_rate, stages });
    load(fields, shape, per)
}

/// What rates are per.
pub(super) fn per(fields: &Fields<'_, '_>) -> Option<Duration> {
    if fields.has("per") { fields.positive_duration("per") } else { Some(Duration::from_secs(1)) }
}

/// A rate: a number, or a text like `"10k"` or, where nothing else says per what, `"500/s"`.
pub(super) fn rate(fields: &Fields<'_, '_>, name: &str) -> Option<f64> {
    let node = fields.get(name)?;
    let rate = match node {
        Node::Text(text) if text.contains('/') && !fields.has("per") => units::rate(text).ok(),
        node => number(node),
    };
    if rate.is_none() {
        let message = format!("{} must be a rate, not {}", fields.name(name), Shown(node));
        fields.fault(name, message, "write `rate = 50`, with `per = \"1m\"` if it is per minute");
    }
    rate
}

/// The load, if it can be driven. Where there is none for a fault in its shape, which was noted, the
/// rest of its fields is looked at all the same.
pub(super) fn load(
    fields: &Fields<'_, '_>,
    shape: Option<Shape>,
    per: Option<Duration>,
) -> Option<Load> {
    let sound = shape.zip(per).filter(|(shape, per)| check_rates(fields, shape, *per).is_some());
    let is_sound = sound.is_some();
    let (shape, per) = sound.unwrap_or_else(|| {
        let second = Duration::from_secs(1);
        (Shape::Constant { rate: 1.0, duration: second }, second)
    });
    let count =
        |name: &str| if fields.has(name) { fields.count(name).map(Some) } else { Some(None) };
    let given = count("vus").zip(count("max_vus"));
    let (vus, max_vus) = given.unwrap_or_default();
    let mut open = OpenLoad::usual(shape, per, vus);
    open.max_vus = max_vus.unwrap_or(open.max_vus);
    if vus.is_none() {
        open.vus = open.vus.min(open.max_vus);
    }
    let users = given.and_then(|_| check_users(fields, &open));
    let late = late(fields, open.late);
    let patterns = [("even", Pattern::Even), ("poisson", Pattern::Poisson)];
    open.arrivals = fields.choice("arrivals", &patterns).unwrap_or_default();
    open.late_after = fields.duration("late_after").unwrap_or(LATE_AFTER);
    open.max_iterations = at_least_one(fields, "max_iterations");
    users?;
    open.late = late?;
    is_sound.then_some(Load::Open(open))
}

/// Whether there is a rate that can be driven.
fn check_rates(fields: &Fields<'_, '_>, shape: &Shape, per: Duration) -> Option<()> {
    let what = match shape {
        Shape::Constant { .. } => "rate",
        Shape::Ramping { .. } if fields.has("peak_rate") => "peak_rate",
        Shape::Ramping { .. } => "stages",
        Shape::Curve { .. } => "points",
    };
    let named = fields.name(what);
    let fault = |what: &str, message: String, hint: &str| {
        fields.fault(what, message, hint);
        None
    };
    match shape {
        Shape::Constant { rate, .. } if !(*rate > 0.0 && rate.is_finite()) => {
            return fault(
                what,
                format!("{named} must be above 0"),
                "write for example `rate = 50`",
            );
        }
        Shape::Ramping { start_rate, .. } if !(0.0..=f64::MAX).contains(start_rate) => {
            let message = format!("{} cannot be {start_rate}", fields.name("start_rate"));
            return fault("start_rate", message, "a rate is a number from 0");
        }
        Shape::Ramping { stages, .. } if stages.iter().all(|stage| stage.duration.is_zero()) => {
            let message = format!("{named}: the stages last 0s in all");
            return fault(what, message, "give at least one of them a duration");
        }
        _ => {}
    }
    let peak = OpenLoad::usual(shape.clone(), per, None).profile().peak();
    if peak <= 0.0 {
        let message = format!("{named}: nothing would ever start");
        return fault(what, message, "the rate has to be above 0 somewhere");
    }
    if peak > MAX_RATE {
        let message = format!("{named}: {peak} arrivals per second are more than 1,000,000");
        return fault(what, message, "lower the rate, or mend `per`");
    }
    Some(())
}

/// Whether there can be so many users.
fn check_users(fields: &Fields<'_, '_>, open: &OpenLoad) -> Option<()> {
    let (vus, most) = (open.vus, open.max_vus);
    let (name, message, hint) = match check_vus(most) {
        Err(message) if fields.has("max_vus") => {
            ("max_vus", format!("= {most}: {message}"), "write for example `max_vus = 200`")
        }
        Err(message) => ("vus", format!("= {vus}: {message}"), "write for example `vus = 20`"),
        Ok(()) if vus > most => (
            "vus",
            format!("= {vus} is more than max_vus = {most}"),
            "raise `max_vus`, or make fewer users beforehand",
        ),
        Ok(()) => return Some(()),
    };
    fields.fault(name, format!("{} {message}", fields.name(name)), hint);
    None
}

/// What becomes of arrivals that find no free user.
fn late(fields: &Fields<'_, '_>, usual: Late) -> Option<Late> {
    let drops = fields.choice("late", &[("queue", false), ("drop", true)]).unwrap_or(false);
    match (drops, fields.has("queue_limit")) {
        (false, false) => Some(usual),
        (false, true) => Some(Late::Queue { limit: at_least_one(fields, "queue_limit")? }),
        (true, false) => Some(Late::Drop),
        (true, true) => {
            let path = &fields.path;
            let message = format!("`queue_limit` does not go with late = \"drop\" in {path}");
            fields.fault("queue_limit", message, "nothing waits there; leave it out");
            None
        }
    }
}

fn at_least_one(fields: &Fields<'_, '_>, name: &str) -> Option<u64> {
    let count = fields.count(name)?;
    if count == 0 {
        fields.fault(
            name,
            format!("{} must be at least 1", fields.name(name)),
            "leave it out for no limit",
        );
    }
    Some(count).filter(|count| *count > 0)
}
