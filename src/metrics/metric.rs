//! The metrics there are: their names, kinds and units (docs/metrics.md holds the same table of
//! the built-in ones).

use std::borrow::Cow;
use std::sync::Arc;

/// How samples of a metric combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A sum.
    Counter,
    /// The last value, with minimum and maximum.
    Gauge,
    /// Hits out of a total.
    Rate,
    /// A distribution.
    Histogram,
}

/// What a metric's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A plain number.
    One,
    /// Milliseconds in files and on screen; microseconds inside.
    Ms,
    /// Bytes.
    Bytes,
    /// Percent, 0 to 100.
    Percent,
}

impl Unit {
    /// How many of the whole ones that histograms keep are one of it.
    pub fn ones(self) -> f64 {
        match self {
            Unit::Ms => 1e3,
            Unit::Bytes => 1.0,
            Unit::One | Unit::Percent => 1e6,
        }
    }
}

/// Which metric: in order, the built-in ones come before the author's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricId {
    /// Index into [`BUILTIN`].
    BuiltIn(u16),
    /// One of the author's, by its definition.
    Own(Arc<Metric>),
}

/// A metric's definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// As thresholds, reports and outputs call it.
    pub name: Cow<'static, str>,
    /// How samples combine.
    pub kind: Kind,
    /// What its numbers are.
    pub unit: Unit,
}

macro_rules! metrics {
    ($($id:ident = $index:literal, $name:literal, $kind:ident, $unit:ident;)*) => {
        $(#[doc = concat!("`", $name, "`")] pub const $id: MetricId = MetricId::BuiltIn($index);)*
        /// Every built-in metric, by [`MetricId`].
        pub const BUILTIN: &[Metric] = &[
            $(Metric { name: Cow::Borrowed($name), kind: Kind::$kind, unit: Unit::$unit },)*
        ];
    };
}

metrics! {
    HTTP_CALLS = 0, "http_calls", Counter, One;
    HTTP_CALL_DURATION = 1, "http_call_duration", Histogram, Ms;
    HTTP_CALL_FAILED = 2, "http_call_failed", Rate, One;
    HTTP_REQS = 3, "http_reqs", Counter, One;
    HTTP_REQ_DURATION = 4, "http_req_duration", Histogram, Ms;
    HTTP_REQ_FAILED = 5, "http_req_failed", Rate, One;
    HTTP_REQ_BLOCKED = 6, "http_req_blocked", Histogram, Ms;
    HTTP_REQ_DNS = 7, "http_req_dns", Histogram, Ms;
    HTTP_REQ_CONNECTING = 8, "http_req_connecting", Histogram, Ms;
    HTTP_REQ_TLS_HANDSHAKING = 9, "http_req_tls_handshaking", Histogram, Ms;
    HTTP_REQ_SENDING = 10, "http_req_sending", Histogram, Ms;
    HTTP_REQ_WAITING = 11, "http_req_waiting", Histogram, Ms;
    HTTP_REQ_RECEIVING = 12, "http_req_receiving", Histogram, Ms;
    DATA_SENT = 13, "data_sent", Counter, Bytes;
    DATA_RECEIVED = 14, "data_received", Counter, Bytes;
    STEP_DURATION = 15, "step_duration", Histogram, Ms;
    STEP_FAILED = 16, "step_failed", Rate, One;
    ITERATION_DURATION = 17, "iteration_duration", Histogram, Ms;
    ITERATION_RESPONSE_TIME = 18, "iteration_response_time", Histogram, Ms;
    ITERATION_LAG_USERS = 19, "iteration_lag_users", Histogram, Ms;
    ITERATION_LAG_GENERATOR = 20, "iteration_lag_generator", Histogram, Ms;
    ITERATION_FAILED = 21, "iteration_failed", Rate, One;
    ITERATIONS = 22, "iterations", Counter, One;
    ITERATIONS_DROPPED = 23, "iterations_dropped", Counter, One;
    ITERATIONS_LATE = 24, "iterations_late", Counter, One;
    ITERATIONS_FAILED = 25, "iterations_failed", Counter, One;
    ITERATIONS_INTERRUPTED = 26, "iterations_interrupted", Counter, One;
    CHECKS = 27, "checks", Rate, One;
    ERRORS = 28, "errors", Counter, One;
    CONNECTIONS_OPENED = 29, "connections_opened", Counter, One;
    CONNECTIONS_REUSED = 30, "connections_reused", Counter, One;
    CONNECTIONS_FAILED = 31, "connections_failed", Counter, One;
    VUS = 32, "vus", Gauge, One;
    VUS_MAX = 33, "vus_max", Gauge, One;
    BACKLOG = 34, "backlog", Gauge, One;
    PROCESS_CPU_PERCENT = 35, "process_cpu_percent", Gauge, Percent;
    PROCESS_MEMORY_BYTES = 36, "process_memory_bytes", Gauge, Bytes;
    PROCESS_THREADS = 37, "process_threads", Gauge, One;
    PROCESS_OPEN_FDS = 38, "process_open_fds", Gauge, One;
    LOOP_LAG = 39, "loop_lag", Histogram, Ms;
    POLL_DURATION = 40, "poll_duration", Histogram, Ms;
    WORKER_CPU_PERCENT = 41, "worker_cpu_percent", Gauge, Percent;
    PROCESS_THROTTLED_PERCENT = 42, "process_throttled_percent", Gauge, Percent;
    MACHINE_STEAL_PERCENT = 43, "machine_steal_percent", Gauge, Percent;
    MACHINE_TCP_SOCKETS = 44, "machine_tcp_sockets", Gauge, One;
    PROCESS_DISK_WRITE_BYTES = 45, "process_disk_write_bytes", Gauge, Bytes;
    CONNECTIONS_OPEN = 46, "connections_open", Gauge, One;
}

impl MetricId {
    /// The definition.
    pub fn metric(&self) -> &Metric {
        match self {
            MetricId::BuiltIn(index) => &BUILTIN[usize::from(*index)],
            MetricId::Own(metric) => metric,
        }
    }

    /// The built-in metric of that name (k6's `dropped_iterations` is understood).
    pub fn built_in(name: &str) -> Option<MetricId> {
        let name = if name == "dropped_iterations" { "iterations_dropped" } else { name };
        let index = BUILTIN.iter().position(|metric| metric.name == name)?;
        Some(MetricId::BuiltIn(u16::try_from(index).expect("fewer than 65,536 metrics")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table_holds_every_metric_in_order() {
        let documented: Vec<[&str; 3]> = include_str!("../../docs/metrics.md")
            .lines()
            .skip_while(|line| !line.starts_with("| `"))
            .take_while(|line| line.starts_with("| `"))
            .map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                [(); 3].map(|()| cells.next().expect("four columns"))
            })
            .collect();
        let kind = |metric: &Metric| format!("{:?}", metric.kind).to_lowercase();
        let unit = |metric: &Metric| match metric.unit {
            Unit::One => "",
            Unit::Ms => "ms",
            Unit::Bytes => "bytes",
            Unit::Percent => "%",
        };
        let defined: Vec<[String; 3]> = BUILTIN
            .iter()
            .map(|metric| [format!("`{}`", metric.name), kind(metric), unit(metric).to_owned()])
            .collect();
        assert_eq!(documented, defined);
    }

    #[test]
    fn a_metric_is_found_by_its_name_and_by_k6s() {
        assert_eq!(MetricId::built_in("http_reqs"), Some(HTTP_REQS));
        assert_eq!(MetricId::built_in("dropped_iterations"), Some(ITERATIONS_DROPPED));
        assert_eq!(MetricId::built_in("nonsense"), None);
        assert!((0..BUILTIN.len()).all(|i| MetricId::BuiltIn(i as u16).metric() == &BUILTIN[i]));
    }
}
