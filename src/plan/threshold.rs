//! Thresholds: `STAT OP NUMBER[unit]` over a selector of series (measurement.md, section 6).
//!
//! This file reads the entries of a script's `thresholds`; whether one holds is judged
//! by `results::thresholds`.

use std::fmt;

use super::condition::{Condition, GRAMMAR, Stat};
use super::draft::Node;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::metrics::own::OwnMetrics;
use crate::metrics::{Kind, Selector};

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
            default: false,
        })
    }

    /// The thresholds of one entry of the script's `thresholds`: the value is an expression, a
    /// table `{ "p95 < 1s", optional = true }`, or a list of either.
    ///
    /// # Errors
    /// Every fault of the entry, without a place.
    pub fn read(
        selector: &str,
        value: &Node,
        own: &OwnMetrics,
    ) -> Result<Vec<Threshold>, Diagnostics> {
        let items = match value {
            Node::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let (mut thresholds, mut faults) = (Vec::new(), Vec::new());
        for item in items {
            match read_item(selector, item, own) {
                Ok(found) => thresholds.extend(found),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(thresholds) } else { Err(Diagnostics(faults)) }
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
        write!(f, "{} {}", self.selector, self.expression)
    }
}

/// One item of an entry: an expression, or a table that begins with one or more.
fn read_item(selector: &str, item: &Node, own: &OwnMetrics) -> Result<Vec<Threshold>, Diagnostic> {
    let (expressions, fields) = match item {
        Node::Text(expression) => {
            return Ok(vec![Threshold::parse_among(selector, expression, own)?]);
        }
        Node::Mixed(expressions, fields) => (expressions.as_slice(), fields),
        _ => (&[][..], &Vec::new()),
    };
    if expressions.is_empty() {
        let fault = format!("threshold `{selector}` has no condition");
        return Err(Diagnostic::new(fault).hint(GRAMMAR));
    }
    let mut thresholds = Vec::new();
    for expression in expressions {
        let Node::Text(expression) = expression else {
            let fault = format!("threshold `{selector}`: a condition is a string");
            return Err(Diagnostic::new(fault).hint(GRAMMAR));
        };
        let mut threshold = Threshold::parse_among(selector, expression, own)?;
        for (field, value) in fields {
            threshold.set(field, value)?;
        }
        thresholds.push(threshold);
    }
    Ok(thresholds)
}

impl Threshold {
    const FIELDS: [&str; 6] = ["abort", "after", "each", "min_samples", "optional", "window"];

    fn set(&mut self, field: &str, value: &Node) -> Result<(), Diagnostic> {
        let place = format!("threshold `{}`: `{field}`", self.selector);
        match (field, value) {
            ("each", Node::Bool(each)) => self.each = *each,
            ("optional", Node::Bool(optional)) => self.optional = *optional,
            ("min_samples", Node::Int(samples)) if *samples > 0 => {
                self.min_samples = Some(samples.unsigned_abs());
            }
            ("abort", Node::Bool(false)) => {}
            ("abort" | "after" | "window", _) => {
                return Err(Diagnostic::new(format!("{place} is not there yet"))
                    .hint("leave it out: thresholds are judged once, at the end of the run"));
            }
            ("each" | "optional", _) => {
                return Err(Diagnostic::new(format!("{place} is true or false")));
            }
            ("min_samples", _) => {
                return Err(Diagnostic::new(format!("{place} is a whole number from 1")));
            }
            _ => {
                let hint = did_you_mean(field, Self::FIELDS)
                    .unwrap_or_else(|| format!("known fields: {}", Self::FIELDS.join(", ")));
                return Err(
                    Diagnostic::new(format!("{place} is no field of a threshold")).hint(hint)
                );
            }
        }
        Ok(())
    }
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
    fn an_entry_is_a_text_a_table_or_a_list_of_either() {
        let text = |text: &str| Node::Text(text.into());
        let table = Node::Mixed(
            vec![text("p99 < 1s")],
            vec![
                ("each".into(), Node::Bool(true)),
                ("min_samples".into(), Node::Int(20)),
                ("optional".into(), Node::Bool(true)),
            ],
        );
        let entry = Node::List(vec![text("p95 < 200ms"), table]);
        let read =
            Threshold::read("http_call_duration{step=login}", &entry, &OwnMetrics::default())
                .unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].each, read[0].optional, read[0].least_samples()), (false, false, 80));
        assert_eq!((read[1].each, read[1].optional, read[1].least_samples()), (true, true, 20));
        assert_eq!(read[1].to_string(), "http_call_duration{step=login} p99 < 1s");
    }

    #[test]
    fn fields_are_honoured_or_refused_but_never_passed_over() {
        for (field, value, message) in [
            ("abort", Node::Bool(true), "`abort` is not there yet"),
            ("window", Node::Text("30s".into()), "`window` is not there yet"),
            ("after", Node::Int(10), "`after` is not there yet"),
            ("each", Node::Int(1), "`each` is true or false"),
            ("min_samples", Node::Int(0), "a whole number from 1"),
            ("min_sample", Node::Int(1), "is no field"),
        ] {
            let entry =
                Node::Mixed(vec![Node::Text("p95 < 1s".into())], vec![(field.into(), value)]);
            let faults =
                Threshold::read("step_duration", &entry, &OwnMetrics::default()).unwrap_err();
            assert!(faults.to_string().contains(message), "{faults}");
        }
        let none = Node::Map(vec![("each".into(), Node::Bool(true))]);
        assert!(
            Threshold::read("checks", &none, &OwnMetrics::default())
                .unwrap_err()
                .to_string()
                .contains("no condition")
        );
    }

    #[test]
    fn all_faults_of_an_entry_are_told_at_once() {
        let entry = Node::List(vec![Node::Text("p95".into()), Node::Int(3)]);
        assert_eq!(
            Threshold::read("step_duration", &entry, &OwnMetrics::default()).unwrap_err().0.len(),
            2
        );
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
