//! Thresholds: `STAT OP NUMBER[unit]` over a selector of series (measurement.md, section 6).
//!
//! How a script and the command line write them is in [`entry`]; whether one holds is judged by
//! `results::thresholds`, and by `results::watch` while the run goes on.

mod entry;

use std::fmt;
use std::time::Duration;

use super::condition::{Condition, Stat};
use crate::diagnostic::Diagnostic;
use crate::metrics::own::OwnMetrics;
use crate::metrics::{Kind, Selector};
use crate::units::print_duration;

/// One condition that a run must fulfil.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// Which series, as written: `http_call_duration{step=login}`.
    pub selector: String,
    /// The condition, as written: `p95 < 200ms`.
    pub expression: String,
    /// The same, to be matched.
    pub series: Selector,
    /// What must be true of it.
    pub condition: Condition,
    /// Fewer samples than this say nothing; `None`: 4/(1 − p) for a percentile, else 1.
    pub min_samples: Option<u64>,
    /// Whether every matching series is judged by itself, rather than their sum.
    pub each: bool,
    /// Whether it holds without any sample.
    pub optional: bool,
    /// Whether the run ends as soon as it is crossed.
    pub abort: bool,
    /// How old the run must be before it is judged; of effect while the run goes on.
    pub after: Duration,
    /// How many seconds slide over the load, judged each second; `None`: the whole load.
    pub window: Option<u32>,
    /// Whether it is one of the [`defaults`](Self::defaults), which hold without any sample.
    pub default: bool,
}

impl Threshold {
    /// One threshold: a selector, and the condition on what it selects.
    ///
    /// # Errors
    /// What does not follow the grammar, an unknown metric, a statistic that the metric has not,
    /// or a unit that does not fit; with a hint, without a place.
    pub fn parse(selector: &str, expression: &str) -> Result<Threshold, Diagnostic> {
        Threshold::parse_among(selector, expression, &OwnMetrics::default())
    }

    /// The same, where there are also the author's metrics.
    ///
    /// # Errors
    /// Likewise.
    pub fn parse_among(
        selector: &str,
        expression: &str,
        own: &OwnMetrics,
    ) -> Result<Threshold, Diagnostic> {
        let expression = expression.trim();
        let within = |place: String| {
            move |fault: Diagnostic| Diagnostic {
                message: format!("threshold {place}: {}", fault.message),
                ..fault
            }
        };
        let series =
            Selector::parse_among(selector, own).map_err(within(format!("`{selector}`")))?;
        let condition = Condition::parse(series.metric(), expression)
            .map_err(within(format!("`{selector}`: `{expression}`")))?;
        Ok(Threshold {
            selector: selector.to_owned(),
            expression: expression.to_owned(),
            series,
            condition,
            min_samples: None,
            each: false,
            optional: false,
            abort: false,
            after: Duration::ZERO,
            window: None,
            default: false,
        })
    }

    /// What holds for a script that says nothing about thresholds.
    pub fn defaults() -> Vec<Threshold> {
        [
            ("http_call_failed", "rate < 1%"),
            ("iteration_failed", "rate < 1%"),
            ("checks", "rate > 99%"),
        ]
        .into_iter()
        .map(|(selector, expression)| {
            let parsed = Self::parse(selector, expression).expect("the defaults are well-formed");
            Threshold { default: true, ..parsed }
        })
        .collect()
    }

    /// Whether it is judged while the run goes on.
    pub fn is_live(&self) -> bool {
        self.abort || self.window.is_some()
    }

    /// Fewer samples than this cannot bear the statistic: as the author said, else 4/(1 − p) for
    /// a percentile, none for a counter (which is 0 where nothing was counted), else 1.
    pub fn least_samples(&self) -> u64 {
        self.min_samples.unwrap_or(match self.condition.stat {
            Stat::Percentile(p) if p < 100.0 => (400.0 / (100.0 - p)).round() as u64,
            _ if self.series.metric().metric().kind == Kind::Counter => 0,
            _ => 1,
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.selector, self.expression)?;
        self.window.map_or(Ok(()), |seconds| write!(f, " over {}", over(seconds)))
    }
}

/// The length of a window in words.
fn over(seconds: u32) -> String {
    print_duration(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::condition::{Measure, Op};

    fn parse(selector: &str, expression: &str) -> Condition {
        Threshold::parse(selector, expression).unwrap().condition
    }

    #[test]
    fn conditions_are_read_in_the_unit_of_what_they_are_compared_with() {
        for (selector, expression, stat, op, limit) in [
            (
                "http_call_duration{step=login}",
                "p95 < 200ms",
                Stat::Percentile(95.0),
                Op::Less,
                200.0,
            ),
            (
                "http_call_duration",
                "p(99.9)<=1.5s",
                Stat::Percentile(99.9),
                Op::LessOrEqual,
                1500.0,
            ),
            ("step_duration", "med < 300", Stat::Percentile(50.0), Op::Less, 300.0),
            ("step_duration", " avg  >= 300us ", Stat::Mean, Op::GreaterOrEqual, 0.3),
            ("http_call_failed", "rate < 1%", Stat::Rate, Op::Less, 0.01),
            ("checks", "rate > 0.99", Stat::Rate, Op::Greater, 0.99),
            ("iterations", "count == 100", Stat::Count, Op::Equal, 100.0),
            ("iterations", "rate > 50/s", Stat::Rate, Op::Greater, 50.0),
            ("dropped_iterations", "count != 0", Stat::Count, Op::NotEqual, 0.0),
            ("data_received", "rate < 2MB/s", Stat::Rate, Op::Less, 2e6),
            ("data_received", "count < 1GiB", Stat::Count, Op::Less, 1073741824.0),
            ("process_memory_bytes", "max < 512MB", Stat::Max, Op::Less, 512e6),
            ("process_cpu_percent", "value < 80%", Stat::Value, Op::Less, 80.0),
            ("loop_lag", "stddev < 1", Stat::Stddev, Op::Less, 1.0),
        ] {
            let read = parse(selector, expression);
            assert_eq!((read.stat, read.op), (stat, op), "{selector} {expression}");
            assert!((read.limit - limit).abs() < 1e-9, "{expression}: {}", read.limit);
        }
        assert_eq!(parse("data_sent", "rate < 5").measure, Measure::BytesPerSecond);
    }

    #[test]
    fn what_is_wrong_is_said_with_a_hint() {
        for (selector, expression, message, hint) in [
            (
                "http_call_duraton",
                "p95 < 1s",
                "there is no metric",
                "did you mean `http_call_duration`?",
            ),
            ("latency", "p95 < 1s", "there is no metric `latency`", ""),
            ("step_duration{step=a", "p95 < 1s", "threshold `step_duration{step=a`: ", ""),
            ("http_calls", "p95 < 100", "`http_calls` is a counter", "`count` and `rate`"),
            ("checks", "count > 3", "`checks` is a rate", "`rate`"),
            ("vus", "min > 3", "`vus` is a gauge", "`value` and `max`"),
            ("loop_lag", "rate > 3", "`loop_lag` is a histogram", "percentiles"),
            ("step_duration", "p95 200ms", "no comparison", "STAT OP NUMBER"),
            ("step_duration", "p95 =< 200ms", "none of", "STAT OP NUMBER"),
            ("step_duration", "p95 < fast", "`fast` is not a number", "STAT OP NUMBER"),
            ("step_duration", "p95 < ", "`` is not a number", "STAT OP NUMBER"),
            ("step_duration", "p95 < 1h", "the unit `h` does not fit", "us µs ms s"),
            ("iterations", "count > 1s", "the unit `s` does not fit", "the number alone"),
            ("step_duration", "p0 < 1s", "above 0 and at most at 100", ""),
            ("step_duration", "p101 < 1s", "above 0 and at most at 100", ""),
            ("step_duration", "pinf < 1s", "no statistic `pinf`", "p95"),
            ("step_duration", "average < 1s", "no statistic `average`", "avg"),
            ("http_call_failed", "rate < 5", "between 0 and 1", "`5%`"),
        ] {
            let fault = Threshold::parse(selector, expression).unwrap_err();
            assert!(fault.message.contains(message), "{expression}: {fault}");
            assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{expression}: {fault}");
        }
    }

    #[test]
    fn the_more_extreme_a_percentile_the_more_samples_it_needs() {
        for (expression, least) in
            [("p95 < 1", 80), ("p99.9 < 1", 4000), ("med < 1", 8), ("p100 < 1", 1), ("max < 1", 1)]
        {
            assert_eq!(Threshold::parse("loop_lag", expression).unwrap().least_samples(), least);
        }
    }

    #[test]
    fn the_defaults_are_marked() {
        assert!(Threshold::defaults().iter().all(|threshold| threshold.default));
    }
}
