//! The slowest iterations of each scenario as waterfalls: a row per event, one time axis.

use maud::{Markup, html};

use crate::results::format;
use crate::results::journey::{Journey, JourneyEvent, JourneyRequest};
use crate::results::summary::Summary;

/// Rows of all waterfalls together, which keeps the page small.
const MOST_ROWS: usize = 2_000;

/// Rows of one waterfall, however few there are.
const LEAST_ROWS: usize = 20;

/// Parts of its time that a title tells.
const PARTS: usize = 3;

/// Colours and their names, in the order of a request's phases.
const LEGEND: [(&str, &str); 10] = [
    ("w-blocked", "blocked"),
    ("w-dns", "DNS"),
    ("w-connect", "connect"),
    ("w-tls", "TLS"),
    ("w-send", "send"),
    ("w-wait", "wait"),
    ("w-receive", "receive"),
    ("w-think", "think"),
    ("w-sleep", "sleep"),
    ("w-lag", "late start"),
];

pub(super) fn slowest(summary: &Summary) -> Markup {
    let journeys: usize = summary.scenarios.iter().map(|scenario| scenario.slowest.len()).sum();
    if journeys == 0 {
        return html! {};
    }
    let rows = (MOST_ROWS / journeys).max(LEAST_ROWS);
    html! {
        section #slowest {
            h2 { "The slowest iterations" }
            p.note {
                "Where the time of the slowest journeys went. Thinking is shown, but in no latency; \
                 gaps are the script's own work, and waiting for the processor."
            }
            p.legend {
                @for (class, name) in LEGEND {
                    span.key { svg width="12" height="12" aria-hidden="true" {
                        rect.(class) width="12" height="12" rx="2" {}
                    } (name) } " "
                }
            }
            @for scenario in summary.scenarios.iter().filter(|scenario| !scenario.slowest.is_empty()) {
                @if summary.scenarios.len() > 1 { h3 { (scenario.name) } }
                @for (i, journey) in scenario.slowest.iter().enumerate() {
                    (waterfall(journey, rows, i == 0))
                }
            }
        }
    }
}

fn waterfall(journey: &Journey, rows: usize, open: bool) -> Markup {
    let axis = Axis::of(journey);
    let left_out = journey.events.len().saturating_sub(rows) as u64 + u64::from(journey.truncated);
    html! {
        details.journey open[open] {
            summary {
                strong { (format::ms(journey.response_time_ms)) } " "
                @if journey.outcome != "completed" { span.bad { (journey.outcome) } " " }
                span.faint {
                    "user " (journey.user) ", iteration " (journey.iteration)
                    ", at " (format::clock(journey.started_s as u64))
                    @if let Some(trace) = &journey.trace_id { ", trace " code { (trace) } }
                }
                span.message { (parts(journey)) }
            }
            div.fall {
                @if journey.lag_ms > 0.0 { (late_start(journey, &axis)) }
                @for event in journey.events.iter().take(rows) { (row(event, &axis)) }
            }
            @if left_out > 0 {
                p.note { "… and " (format::counted(left_out, "event")) " more" }
            }
        }
    }
}

/// From the planned start to the end of what ended last.
struct Axis {
    lag: f64,
    length: f64,
}

impl Axis {
    fn of(journey: &Journey) -> Axis {
        let ends = journey.events.iter().map(|event| event.at_ms + event.duration_ms);
        let lag = journey.lag_ms.max(0.0);
        let end = ends.fold(journey.response_time_ms - lag, f64::max);
        Axis { lag, length: (lag + end).max(1e-3) }
    }

    /// Since the actual start [ms] → percent of the width.
    fn place(&self, at: f64) -> f64 {
        self.width(at + self.lag)
    }

    fn width(&self, ms: f64) -> f64 {
        let width = ms / self.length * 100.0;
        if width.is_finite() { width.clamp(0.0, 100.0) } else { 0.0 }
    }

    /// A bar of at least a hair's width.
    fn bar(&self, class: &'static str, at: f64, ms: f64) -> Markup {
        html! {
            rect.(class) x={ (percent(self.place(at))) } y="2" height="11"
                width={ (percent(self.width(ms).max(0.15))) } {}
        }
    }
}

fn late_start(journey: &Journey, axis: &Axis) -> Markup {
    let bar = axis.bar("w-lag", -journey.lag_ms, journey.lag_ms);
    line("faint", "late start", &bar, journey.lag_ms, "")
}

fn row(event: &JourneyEvent, axis: &Axis) -> Markup {
    let (at, ms) = (event.at_ms, event.duration_ms);
    match (&event.request, event.kind.as_str()) {
        (Some(request), _) => exchange(event, request, axis),
        (None, "step") => line("step", &event.step, &bracket(axis, at, ms), ms, ""),
        (None, "think") => line("faint", "think", &axis.bar("w-think", at, ms), ms, ""),
        (None, kind) => line("faint", kind, &axis.bar("w-sleep", at, ms), ms, ""),
    }
}

/// One request, its phases one behind the other.
fn exchange(event: &JourneyEvent, request: &JourneyRequest, axis: &Axis) -> Markup {
    let mut at = event.at_ms;
    let bars = html! {
        @for (class, ms) in phases(request) {
            (axis.bar(class, at, ms))
            @let () = at += ms;
        }
        @if phases(request).is_empty() { (axis.bar("w-wait", at, event.duration_ms)) }
    };
    let name = format!("{} {}", request.method, request.name);
    let class = if request.error.is_some() { "bad" } else { "" };
    line(class, name.trim_start(), &bars, event.duration_ms, &told(request))
}

/// Those that took time; setting up is part of being blocked.
fn phases(request: &JourneyRequest) -> Vec<(&'static str, f64)> {
    let set_up = request.dns_ms + request.connect_ms + request.tls_ms;
    [
        ("w-blocked", (request.blocked_ms - set_up).max(0.0)),
        ("w-dns", request.dns_ms),
        ("w-connect", request.connect_ms),
        ("w-tls", request.tls_ms),
        ("w-send", request.send_ms),
        ("w-wait", request.wait_ms),
        ("w-receive", request.receive_ms),
    ]
    .into_iter()
    .filter(|(_, ms)| *ms > 0.0)
    .collect()
}

/// `201, redirect 1, try 2, new connection: connect 1.2 ms, wait 29.5 ms; 300 B received`.
fn told(request: &JourneyRequest) -> String {
    let mut told = match (&request.error, request.status) {
        (Some(error), Some(status)) => format!("{status} {error}"),
        (Some(error), None) => error.clone(),
        (None, status) => status.map_or_else(String::new, |status| status.to_string()),
    };
    if request.hop > 0 {
        told += &format!(", redirect {}", request.hop);
    }
    if request.attempt > 0 {
        told += &format!(", try {}", u32::from(request.attempt) + 1);
    }
    told += if request.reused { "" } else { ", new connection" };
    let name = |class| LEGEND.iter().find(|(known, _)| *known == class).map_or("", |it| it.1);
    let phases = phases(request).into_iter();
    let phases: Vec<String> =
        phases.map(|(class, ms)| format!("{} {}", name(class), format::ms(ms))).collect();
    if !phases.is_empty() {
        told += &format!(": {}", phases.join(", "));
    }
    format!("{told}; {} received", format::bytes(request.bytes_received as f64))
}

/// A step's span, open below.
fn bracket(axis: &Axis, at: f64, ms: f64) -> Markup {
    let (left, width) = (axis.place(at), axis.width(ms).max(0.15));
    html! {
        rect.w-step x=(percent(left)) y="5" width=(percent(width)) height="2" {}
        rect.w-step x=(percent(left)) y="5" width="1.5" height="8" {}
        svg x=(percent(left)) width=(percent(width)) height="16" {
            rect.w-step x="100%" y="5" width="1.5" height="8" transform="translate(-1.5 0)" {}
        }
    }
}

/// A label, a bar and how long it took; more on hovering and for those who hear it.
fn line(class: &str, label: &str, bars: &Markup, ms: f64, more: &str) -> Markup {
    let title = match more {
        "" => format!("{label}: {}", format::ms(ms)),
        more => format!("{label}: {}; {more}", format::ms(ms)),
    };
    html! {
        div class=(format!("row {class}").trim_end()) title=(title) {
            span.label { (label) }
            svg.bars height="16" role="img" aria-label=(more) { (bars) }
            span.time { (format::ms(ms)) }
        }
    }
}

/// `30.0 ms POST /cart, 8.00 ms lt.sleep`.
fn parts(journey: &Journey) -> String {
    let parts = journey.parts().into_iter().take(PARTS);
    let parts: Vec<_> = parts.map(|(name, ms)| format!("{} {name}", format::ms(ms))).collect();
    parts.join(", ")
}

fn percent(value: f64) -> String {
    let text = format!("{value:.2}");
    format!("{}%", text.strip_suffix(".00").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    #[test]
    fn setting_up_a_connection_is_not_shown_twice() {
        let request = JourneyRequest {
            blocked_ms: 10.0,
            dns_ms: 1.0,
            connect_ms: 2.0,
            tls_ms: 3.0,
            wait_ms: 5.0,
            ..JourneyRequest::default()
        };
        let phases = phases(&request);
        assert_eq!(phases[0], ("w-blocked", 4.0));
        assert_eq!(phases.iter().map(|phase| phase.1).sum::<f64>(), 15.0);
        assert!(told(&request).contains("new connection: blocked 4.00 ms, DNS 1.00 ms"));
    }

    #[test]
    fn a_late_start_comes_before_the_actual_one() {
        let summary = example::good();
        let journey = &summary.scenarios[0].slowest[0];
        let axis = Axis::of(journey);
        assert_eq!(axis.place(-journey.lag_ms), 0.0);
        assert!(axis.place(0.0) > 0.0 && axis.place(1e300) <= 100.0 && axis.place(f64::NAN) == 0.0);
    }
}
