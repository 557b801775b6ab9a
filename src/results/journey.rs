//! The slowest iterations as the summary tells them, and where the time of one went.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::{self, Event, Sent, Slowest, What};

/// One iteration, request by request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Journey {
    /// `lt.vu.id`.
    pub user: u64,
    /// `lt.vu.iteration`, from 0.
    pub iteration: u64,
    /// Its actual start, since the run's.
    pub started_s: f64,
    /// From the intended start, less `lt.think`.
    pub response_time_ms: f64,
    /// Between the intended and the actual start.
    pub lag_ms: f64,
    /// `completed`, `failed` or `interrupted`.
    pub outcome: String,
    /// Under which a tracing backend has its requests; with `--trace` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// In the order of beginnings; a step comes before what it holds.
    pub events: Vec<JourneyEvent>,
    /// Events that were too many to keep.
    pub truncated: u32,
}

/// Something in an iteration that took time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct JourneyEvent {
    /// Since the iteration's actual start.
    pub at_ms: f64,
    /// To its end; of a step with its pauses.
    pub duration_ms: f64,
    /// `request`, `step`, `think` or `sleep`.
    pub kind: String,
    /// Path of the step that it lies in; of a step, its own.
    pub step: String,
    /// Null unless it is one.
    pub request: Option<JourneyRequest>,
}

/// One exchange on the wire.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct JourneyRequest {
    /// What the report calls its call.
    pub name: String,
    /// `GET`, ….
    pub method: String,
    /// Null where no head arrived.
    pub status: Option<u16>,
    /// Category; null if the answer was expected.
    pub error: Option<String>,
    /// Redirect hop, from 0.
    pub hop: u8,
    /// Try of the hop, from 0.
    #[serde(rename = "try")]
    pub attempt: u8,
    /// Whether the connection was used before.
    pub reused: bool,
    /// Waiting for a connection; the set-up below is part of it.
    pub blocked_ms: f64,
    /// Name resolution.
    pub dns_ms: f64,
    /// TCP set-up.
    pub connect_ms: f64,
    /// TLS set-up.
    pub tls_ms: f64,
    /// Until the body's last byte was taken.
    pub send_ms: f64,
    /// Until the response's head.
    pub wait_ms: f64,
    /// Until the body's last byte.
    pub receive_ms: f64,
    /// Head and body as serialised.
    pub bytes_sent: u64,
    /// Likewise, before decoding.
    pub bytes_received: u64,
}

/// Those of one scenario, the slowest first.
pub fn journeys(slowest: &Slowest) -> Vec<Journey> {
    slowest.iter().map(Journey::from).collect()
}

impl From<&metrics::Journey> for Journey {
    fn from(journey: &metrics::Journey) -> Journey {
        let pass = &journey.pass;
        Journey {
            user: pass.user,
            iteration: pass.iteration,
            started_s: pass.started.as_micros() as f64 / 1e6,
            response_time_ms: ms(pass.response_time),
            lag_ms: ms(pass.lag),
            outcome: pass.outcome.as_str().to_owned(),
            trace_id: pass.trace.map(|trace| trace.to_string()),
            events: journey.events.iter().map(JourneyEvent::from).collect(),
            truncated: journey.truncated,
        }
    }
}

impl From<&Event<Arc<str>>> for JourneyEvent {
    fn from(event: &Event<Arc<str>>) -> JourneyEvent {
        let (kind, request) = match &event.what {
            What::Step => ("step", None),
            What::Think => ("think", None),
            What::Sleep => ("sleep", None),
            What::Request(sent) => ("request", Some(sent.into())),
        };
        JourneyEvent {
            at_ms: ms(event.at),
            duration_ms: ms(event.length),
            kind: kind.to_owned(),
            step: event.step.to_string(),
            request,
        }
    }
}

impl From<&Sent<Arc<str>>> for JourneyRequest {
    fn from(sent: &Sent<Arc<str>>) -> JourneyRequest {
        let part = |micros: u32| f64::from(micros) / 1e3;
        let phases = &sent.phases;
        JourneyRequest {
            name: sent.name.to_string(),
            method: sent.method.to_string(),
            status: (sent.status != 0).then_some(sent.status),
            error: (!sent.error.is_empty()).then(|| sent.error.to_string()),
            hop: sent.hop,
            attempt: sent.attempt,
            reused: sent.reused,
            blocked_ms: part(phases.blocked),
            dns_ms: part(phases.dns),
            connect_ms: part(phases.connect),
            tls_ms: part(phases.tls),
            send_ms: part(phases.send),
            wait_ms: part(phases.wait),
            receive_ms: part(phases.receive),
            bytes_sent: sent.bytes_sent,
            bytes_received: sent.bytes_received,
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

impl Journey {
    /// Where its time went: requests by name, pauses, and a late start, the longest [ms] first.
    /// What lies outside all of them is the script's own.
    pub fn parts(&self) -> Vec<(String, f64)> {
        let mut parts = BTreeMap::<String, f64>::new();
        for event in &self.events {
            let part = match (&event.request, event.kind.as_str()) {
                (Some(request), _) => request.title(),
                (None, "sleep") => "lt.sleep".to_owned(),
                _ => continue, // a step holds the others; thinking is in no latency
            };
            *parts.entry(part).or_default() += event.duration_ms;
        }
        if self.lag_ms > 0.0 {
            parts.insert("a late start".to_owned(), self.lag_ms);
        }
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        parts
    }
}

impl JourneyRequest {
    fn title(&self) -> String {
        match &self.error {
            Some(error) => format!("{} {} ({error})", self.method, self.name),
            None => format!("{} {}", self.method, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, duration_ms: f64, name: &str, error: Option<&str>) -> JourneyEvent {
        let request = (kind == "request").then(|| JourneyRequest {
            name: name.to_owned(),
            method: "GET".to_owned(),
            error: error.map(str::to_owned),
            ..JourneyRequest::default()
        });
        JourneyEvent { duration_ms, kind: kind.to_owned(), request, ..JourneyEvent::default() }
    }

    #[test]
    fn the_parts_of_a_journey_are_what_its_response_time_was_spent_on() {
        let journey = Journey {
            lag_ms: 7.0,
            events: vec![
                event("step", 90.0, "", None),
                event("request", 20.0, "/a", None),
                event("request", 5.0, "/b", Some("timeout")),
                event("request", 30.0, "/a", None),
                event("sleep", 10.0, "", None),
                event("think", 500.0, "", None),
            ],
            ..Journey::default()
        };
        let expected = [
            ("GET /a", 50.0),
            ("lt.sleep", 10.0),
            ("a late start", 7.0),
            ("GET /b (timeout)", 5.0),
        ];
        assert_eq!(journey.parts(), expected.map(|(name, ms)| (name.to_owned(), ms)));
    }
}
