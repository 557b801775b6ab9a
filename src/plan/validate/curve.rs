//! Curves: a rate over time that a file or a function of the script gives.

use std::time::Duration;

use super::load::required;
use super::open::{load, per};
use crate::plan::curve;
use crate::plan::draft::Node;
use crate::plan::load::Load;
use crate::plan::open::Shape;
use crate::plan::read::{Fields, Shown, number};
use crate::units;

/// In so many equal steps a function is asked.
const STEPS: u32 = 10_000;

const POINTS: &str = "write `points = \"traffic.csv\"`, or a function of seconds that gives a rate";

/// What is done to a curve on its way into the plan.
struct Change {
    /// Times are divided by it.
    speed: f64,
    /// Rates are multiplied by it.
    scale: f64,
    /// It ends then.
    duration: Option<Duration>,
}

pub(super) fn curve(fields: &Fields<'_, '_>) -> Option<Load> {
    let there = required(fields, "points");
    let (scale, speed, per) = (factor(fields, "scale"), factor(fields, "speed"), per(fields));
    let duration = match fields.has("duration") {
        true => fields.positive_duration("duration").map(Some),
        false => Some(None),
    };
    let change = speed.zip(scale).zip(duration);
    let change = change.map(|((speed, scale), duration)| Change { speed, scale, duration });
    let shape = change.filter(|_| there).and_then(|change| shape(fields, &change));
    load(fields, shape, per)
}

fn shape(fields: &Fields<'_, '_>, change: &Change) -> Option<Shape> {
    let (points, of) = match fields.get("points")? {
        Node::Text(file) => (from_file(fields, file, change)?, file.clone()),
        Node::Function => (from_function(fields, change)?, "a function".to_owned()),
        other => {
            let message = format!("{} cannot be {}", fields.name("points"), Shown(other));
            fields.fault("points", message, POINTS);
            return None;
        }
    };
    Some(Shape::Curve { points: points.into(), of })
}

/// 1 unless it says otherwise; above 0.
fn factor(fields: &Fields<'_, '_>, name: &str) -> Option<f64> {
    let Some(node) = fields.get(name) else { return Some(1.0) };
    let factor = number(node).filter(|factor| *factor > 0.0 && factor.is_finite());
    if factor.is_none() {
        let message =
            format!("{} must be a number above 0, not {}", fields.name(name), Shown(node));
        let hint = match name {
            "speed" => "write for example `speed = 60`: an hour passes in a minute",
            _ => "write for example `scale = 2`: twice the rate",
        };
        fields.fault(name, message, hint);
    }
    factor
}

type Points = Vec<(Duration, f64)>;

fn from_file(fields: &Fields<'_, '_>, file: &str, change: &Change) -> Option<Points> {
    let read = curve::read(&fields.report.draft.beside(file));
    let points = read.map_err(|faults| {
        let path = fields.path.field("points");
        for fault in faults {
            let placed = fault.file.is_some();
            fields.report.note(if placed { fault } else { fields.report.placed(&path, fault) });
        }
    });
    let at = |&(t, rate): &(f64, f64)| {
        let t = units::seconds(t / change.speed);
        t.map(|t| (t, rate * change.scale))
    };
    let points = match points.ok()?.iter().map(at).collect::<Result<Points, _>>() {
        Ok(points) => points,
        Err(misread) => {
            let message = format!("{}: {}", fields.name("points"), misread.message);
            fields.fault("points", message, misread.hint);
            return None;
        }
    };
    cut(fields, points, change.duration)
}

/// The curve up to `end`.
fn cut(fields: &Fields<'_, '_>, mut points: Points, end: Option<Duration>) -> Option<Points> {
    let last = points.last().map_or(Duration::ZERO, |point| point.0);
    let Some(end) = end.filter(|end| *end != last) else { return Some(points) };
    if end > last {
        let message =
            format!("{} ends after {}", fields.name("points"), units::print_duration(last));
        fields.fault("duration", message, "leave `duration` out, or shorten it");
        return None;
    }
    let next = points.partition_point(|(t, _)| *t <= end);
    let [(from, low), (to, high)] = [points[next - 1], points[next]];
    let part = (end - from).as_secs_f64() / (to - from).as_secs_f64();
    points.truncate(next);
    points.push((end, low + (high - low) * part));
    Some(points)
}

/// What the function gives, with lines between.
fn from_function(fields: &Fields<'_, '_>, change: &Change) -> Option<Points> {
    let Some(duration) = change.duration else {
        let message = format!("{} lacks `duration`", fields.path);
        fields.report.fault(
            &fields.path,
            message,
            "a curve that is a function says no end: add it",
        );
        return None;
    };
    let at = |step: u32| duration.mul_f64(f64::from(step) / f64::from(STEPS));
    let times: Vec<Duration> = (0..=STEPS).map(at).collect();
    let asked: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * change.speed).collect();
    let path = fields.path.field("points");
    let given = (fields.report.sampler)(&path.names(), &asked)
        .map_err(|fault| {
            let placed = fault.line.is_some();
            fields.report.note(if placed { fault } else { fields.report.placed(&path, fault) });
        })
        .ok()?;
    let rate = |(asked, node): (&f64, &Node)| match number(node) {
        Some(rate) if rate >= 0.0 && rate.is_finite() => Some(rate * change.scale),
        _ => {
            let message = format!("{path}({asked}) gave {}", Shown(node));
            fields.fault(
                "points",
                message,
                "it is to give a rate, from 0, for each number of seconds",
            );
            None
        }
    };
    let rates = asked.iter().zip(&given).map(rate).collect::<Option<Vec<f64>>>()?;
    Some(times.into_iter().zip(rates).collect())
}
