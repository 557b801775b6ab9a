//! What was found of a tail, in words.

use super::{Cause, Mostly, Tail};
use crate::results::format::{bytes, clock, ms};

impl Tail {
    /// `POST /login in checkout`, `step checkout`.
    pub fn title(&self) -> String {
        match (self.name.as_str(), self.step.as_str()) {
            ("", step) => format!("step {step}"),
            (name, "") => format!("{} {name}", self.method),
            (name, step) => format!("{} {name} in {step}", self.method),
        }
    }

    /// `the slowest 1 % took 210 ms or more, the rest 12.0 ms (median)`.
    pub fn figures(&self) -> String {
        let percent = self.slowest_share * 100.0;
        let percent = if percent >= 1.95 { format!("{percent:.0}") } else { trimmed(percent) };
        let [from, rest] = [self.slowest_from_ms, self.rest_p50_ms].map(ms);
        format!("the slowest {percent} % took {from} or more, the rest {rest} (median)")
    }

    /// All that sets them apart, or where their time goes if nothing does.
    pub fn told(&self) -> Vec<String> {
        if !self.causes.is_empty() {
            return self.causes.iter().map(Cause::told).collect();
        }
        let nothing = "nothing that is known of them sets them apart".to_owned();
        std::iter::once(nothing).chain(self.mostly.as_ref().map(Mostly::told)).collect()
    }

    /// The same as one sentence.
    pub fn sentence(&self) -> String {
        format!("{}: {}: {}", self.title(), self.figures(), self.told().join("; "))
    }
}

impl Mostly {
    /// `99 % of their time is wait: 207 ms (median), the rest's 1.00 ms`.
    fn told(&self) -> String {
        let [slowest, rest] = [self.slowest_p50_ms, self.rest_p50_ms].map(ms);
        let (share, phase) = (share(self.share), &self.phase);
        format!("{share} of their time is {phase}: {slowest} (median), the rest's {rest}")
    }
}

impl Cause {
    /// `82 % of their time is db (of the rest's 9 %)`, `all of them were answered by … (…)`.
    pub fn told(&self) -> String {
        let rest = share(self.rest);
        match self.kind.as_str() {
            "phase" | "part" => {
                format!(
                    "{} of their time is {} (of the rest's {rest})",
                    share(self.slowest),
                    self.name
                )
            }
            "size" => format!(
                "their bodies have {} (median), the rest's {}",
                bytes(self.slowest),
                bytes(self.rest)
            ),
            "time" => {
                format!("{} of them are {} (of the rest {rest})", some(self.slowest), self.value)
            }
            _ => format!("{} of them {} (of the rest {rest})", some(self.slowest), self.fact()),
        }
    }

    /// `were answered by 127.0.0.2:80`.
    fn fact(&self) -> String {
        let value = &self.value;
        if let Some(pool) = self.name.strip_prefix("row of ") {
            return format!("had row {value} of {pool}");
        }
        if let Some(tag) = self.name.strip_prefix("tag ") {
            return format!("are tagged {tag}={value}");
        }
        match self.name.as_str() {
            "connection" => format!("came on a {value} connection"),
            "peer" => format!("were answered by {value}"),
            "redirects" => format!("followed {value} redirects"),
            name => format!("have {name} {value}"),
        }
    }
}

/// From when to when, for a [`Cause`] of time.
pub fn told_span(from_ms: u32, to_ms: u32) -> String {
    let (from, to) = (u64::from(from_ms) / 1000, u64::from(to_ms).div_ceil(1000));
    format!("from {} to {}", clock(from), clock(to))
}

fn some(fraction: f64) -> String {
    if fraction > 0.995 { "all".to_owned() } else { share(fraction) }
}

fn share(fraction: f64) -> String {
    match fraction * 100.0 {
        0.0 => "none".to_owned(),
        percent if percent < 0.95 => "<1 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// `1`, `0.4`.
fn trimmed(percent: f64) -> String {
    let text = format!("{percent:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}
