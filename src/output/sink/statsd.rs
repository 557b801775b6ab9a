//! `statsd=HOST:PORT`: every second to a StatsD server over UDP, with tags as DogStatsD writes them.
//!
//! | kind | lines |
//! | --- | --- |
//! | counter | `loadtool.http_calls:812\|c` |
//! | rate | `….hits:3\|c`, `….samples:812\|c` |
//! | gauge | `loadtool.vus:50\|g` |
//! | histogram | `….count:812\|c`, and gauges `….min`, `….mean`, `….p50` … `….max` |
//!
//! Percentiles go as gauges, since the protocol's own timings would have to be sent one by one.

use std::fmt::Write as _;
use std::net::UdpSocket;

use super::{Moment, Sink};
use crate::metrics::{MetricId, TagSet, Value};
use crate::results::Summary;
use crate::results::summary::Values;

/// What fits any network's packet.
const PACKET: usize = 1432;

/// Sends datagrams.
#[derive(Debug)]
pub struct Statsd(UdpSocket);

impl Statsd {
    /// To `HOST:PORT`.
    ///
    /// # Errors
    /// It is no such address.
    pub fn to(dest: &str) -> Result<Statsd, String> {
        if !dest.contains(':') {
            return Err("expected HOST:PORT, as in 127.0.0.1:8125".to_owned());
        }
        let connected = |local: &str| {
            let socket = UdpSocket::bind(local)?;
            socket.connect(dest).map(|()| socket)
        };
        let socket = connected("0.0.0.0:0").or_else(|_| connected("[::]:0"));
        socket.map(Statsd).map_err(|error| error.to_string())
    }
}

impl Sink for Statsd {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        let mut packet = String::new();
        for line in lines(moment) {
            if !packet.is_empty() && packet.len() + line.len() >= PACKET {
                self.send(&packet)?;
                packet.clear();
            }
            let _ = writeln!(packet, "{line}");
        }
        self.send(&packet)?;
        Ok(u64::from(!moment.second.late))
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        Ok(0)
    }
}

impl Statsd {
    fn send(&self, packet: &str) -> Result<(), String> {
        if packet.is_empty() {
            return Ok(());
        }
        self.0.send(packet.as_bytes()).map(drop).map_err(|error| error.to_string())
    }
}

fn lines(moment: &Moment) -> Vec<String> {
    let mut lines = Vec::new();
    for row in &moment.second.window.rows {
        let tags = tags(&row.tags);
        for (id, value) in &row.values {
            // A gauge of a part that came late is not that of the second.
            let late_gauge = matches!(value, Value::Gauge { .. }) && moment.second.late;
            if !late_gauge {
                lines.extend(of(id, value).into_iter().map(|line| line + &tags));
            }
        }
    }
    lines
}

/// The lines of one series, without its tags.
fn of(id: &MetricId, value: &Value) -> Vec<String> {
    let name = format!("loadtool.{}", harmless(&id.metric().name));
    match Values::of(id, value) {
        Values::Counter { value } => vec![format!("{name}:{value}|c")],
        Values::Rate { hits, total } => {
            vec![format!("{name}.hits:{hits}|c"), format!("{name}.samples:{total}|c")]
        }
        Values::Gauge { last, .. } => gauge(&name, last),
        Values::Histogram(spread) => {
            let parts = [
                ("min", spread.min),
                ("mean", spread.mean),
                ("p50", spread.p50),
                ("p90", spread.p90),
                ("p95", spread.p95),
                ("p99", spread.p99),
                ("max", spread.max),
            ];
            let gauges = parts.into_iter().filter_map(|(part, value)| Some((part, value?)));
            let gauges = gauges.flat_map(|(part, value)| gauge(&format!("{name}.{part}"), value));
            [format!("{name}.count:{}|c", spread.count)].into_iter().chain(gauges).collect()
        }
    }
}

/// A sign means a change, so a negative level is set from zero.
fn gauge(name: &str, value: f64) -> Vec<String> {
    match value {
        value if !value.is_finite() => Vec::new(),
        value if value < 0.0 => vec![format!("{name}:0|g"), format!("{name}:{value}|g")],
        value => vec![format!("{name}:{value}|g")],
    }
}

/// `|#phase:load,scenario:shop`.
fn tags(tags: &TagSet) -> String {
    let pairs = tags
        .iter()
        .map(|(tag, value)| format!("{}:{}", harmless(tag).replace(':', "_"), harmless(value)));
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("|#{}", pairs.join(",")) }
}

/// Without what the protocol would act upon.
fn harmless(text: &str) -> String {
    let acts = |c: char| c.is_control() || matches!(c, ',' | '|' | '#' | '@');
    text.chars().map(|c| if acts(c) { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Histogram, metric};

    #[test]
    fn each_kind_has_its_lines() {
        let mut times = Histogram::default();
        times.record(std::time::Duration::from_millis(20));
        let level = |value| Value::Gauge { last: value, max: value };
        for (id, value, expected) in [
            (metric::HTTP_CALLS, Value::Counter(3), vec!["loadtool.http_calls:3|c"]),
            (
                metric::CHECKS,
                Value::Rate { hits: 1, total: 2 },
                vec!["loadtool.checks.hits:1|c", "loadtool.checks.samples:2|c"],
            ),
            (metric::VUS, level(50.0), vec!["loadtool.vus:50|g"]),
            (metric::VUS, level(-1.5), vec!["loadtool.vus:0|g", "loadtool.vus:-1.5|g"]),
        ] {
            assert_eq!(of(&id, &value), expected);
        }
        let spread = of(&metric::STEP_DURATION, &Value::Histogram(Box::new(times)));
        assert_eq!((spread.len(), &*spread[0]), (8, "loadtool.step_duration.count:1|c"));
        assert_eq!(spread[5], "loadtool.step_duration.p95:20|g");
    }

    #[test]
    fn hostile_tags_stay_within_their_places() {
        let set = TagSet::new([("a:b", "x|c|#y,z\n@1"), ("url", "http://h:1/")]);
        assert_eq!(tags(&set), "|#a_b:x_c__y_z__1,url:http://h:1/");
        assert_eq!(tags(&TagSet::default()), "");
    }
}
