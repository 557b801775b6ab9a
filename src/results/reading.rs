//! What every reader of a summary asks of it, whatever it makes of the answer.

use std::time::Duration;

use super::format;
use super::summary::{Summary, Threshold};
use crate::units::print_duration;

/// How a threshold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On enough samples.
    Holds,
    /// It holds, on too few samples to say so.
    TooFew,
    /// It does not hold.
    Crossed,
    /// It needed a sample and got none.
    NoData,
}

impl Standing {
    /// In a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Holds => "ok",
            Standing::TooFew => "too few",
            Standing::Crossed => "crossed",
            Standing::NoData => "no data",
        }
    }
}

impl Threshold {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        match self.observed {
            None if self.ok => Standing::Holds,
            None => Standing::NoData,
            Some(_) if !self.ok => Standing::Crossed,
            Some(_) if self.samples < self.min_samples => Standing::TooFew,
            Some(_) => Standing::Holds,
        }
    }

    /// With what was observed: `http_call_duration p95 < 100ms: 143 ms`.
    pub fn told(&self) -> String {
        let observed = self.observed.map(|value| format::quantity(value, &self.unit));
        let observed = observed.unwrap_or_else(|| "no data".to_owned());
        format!("{} {}: {observed}", self.metric, self.expression)
    }

    /// The condition, what it is over, and where it comes from: `p95 < 200ms over 30s`.
    pub fn condition(&self) -> String {
        let default = if self.default { " (default)" } else { "" };
        let seconds = |window: u32| print_duration(Duration::from_secs(window.into()));
        let over =
            self.window_s.map_or(String::new(), |window| format!(" over {}", seconds(window)));
        format!("{}{over}{default}", self.expression)
    }

    /// When it was found crossed, and what came of it, if that was while the run went on.
    pub fn crossing(&self) -> String {
        let Some(second) = self.crossed_at_s else { return String::new() };
        let ended = if self.ended_run { ", which ended the run" } else { "" };
        format!(", first at {}{ended}", format::clock(second.into()))
    }

    /// How far the observed value lies from the limit: `42 % below`, for shares in points of
    /// percent.
    pub fn margin(&self) -> String {
        let Some(observed) = self.observed else { return "no sample".to_owned() };
        if self.samples < self.min_samples {
            return format!("{} of {} samples", self.samples, self.min_samples);
        }
        let (limit, distance) = (self.limit, observed - self.limit);
        let side = if distance < 0.0 { "below" } else { "above" };
        match (self.unit.as_str(), distance.abs()) {
            (_, 0.0) => "at the limit".to_owned(),
            ("fraction", distance) => format!("{:.2} points {side}", distance * 100.0),
            ("percent", distance) => format!("{distance:.2} points {side}"),
            (unit, distance) if limit == 0.0 => {
                format!("{} {side}", format::quantity(distance, unit))
            }
            (_, distance) => {
                format!("{} % {side}", format::number((distance / limit * 100.0).abs()))
            }
        }
    }
}

impl Summary {
    /// How this tool and its machine fared, as far as the system tells: names and facts.
    pub fn generator_facts(&self) -> Vec<(&'static str, String)> {
        let generator = &self.generator;
        let most = |value: Option<f64>, unit: &str| {
            value.map(|value| format!("{}{unit} at most", format::number(value)))
        };
        let count =
            |value: Option<u64>| value.map(|value| format!("{} at most", format::count(value)));
        let cpu = generator.cpu_percent_max.map(|cpu| {
            let threads = format::counted(self.run.threads as u64, "worker");
            format!("{} % of one core at most, {threads}", format::number(cpu))
        });
        let lag = &generator.loop_lag_ms;
        let lag = match [lag.p50, lag.p99, lag.max].map(|value| value.map(format::ms)) {
            [Some(p50), Some(p99), Some(max)] => Some(format!("p50 {p50}, p99 {p99}, max {max}")),
            _ => None,
        };
        let saturated = generator.saturated.map(|saturated| match saturated {
            true => "yes: do not trust the latencies".to_owned(),
            false => "no".to_owned(),
        });
        let memory = generator.rss_bytes_max.map(|bytes| format::bytes(bytes as f64));
        let some = |value: Option<f64>| value.filter(|percent| *percent >= 0.1);
        let facts = [
            ("CPU", cpu),
            ("Busiest worker", most(generator.worker_cpu_percent_max, " % of one core")),
            ("Memory", memory.map(|memory| format!("{memory} at most"))),
            ("Open descriptors", count(generator.fds_max)),
            ("Threads", count(generator.threads_max)),
            ("TCP sockets of the machine", count(generator.tcp_sockets_max)),
            ("Out of CPU quota", most(some(generator.throttled_percent_max), " % of a second")),
            ("CPU taken by other guests", most(some(generator.steal_percent_max), " %")),
            ("Loops woke late by", lag),
            ("Was it the bottleneck?", saturated),
        ];
        facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
    }

    /// Most users at once: of the whole run at the end of a second, of a scenario at any time.
    pub fn users_max(&self) -> u64 {
        let at_once = self.timeline.iter().map(|second| second.vus);
        let of_one = self.scenarios.iter().map(|scenario| scenario.vus_max);
        at_once.chain(of_one).max().unwrap_or(0)
    }
}
