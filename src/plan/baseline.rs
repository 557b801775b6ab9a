//! The run that thresholds are relative to: `p95 < 1.10 * baseline`.

use std::time::Duration;

use super::Threshold;
use super::condition::{Condition, observed};
use crate::compare::origin::Origin;
use crate::diagnostic::Diagnostic;
use crate::metrics::Row;
use crate::metrics::query::fold;

/// An earlier run, as far as thresholds go.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// As its user named it.
    pub name: String,
    /// All of it, merged.
    pub rows: Vec<Row>,
    /// How long it was under load.
    pub load: Duration,
    /// What it is of.
    pub origin: Origin,
}

impl Baseline {
    /// The threshold with a number for its limit, if it is relative.
    ///
    /// # Errors
    /// The baseline has no sample of it.
    pub fn resolve(&self, threshold: Threshold) -> Result<Threshold, Diagnostic> {
        let Some(factor) = threshold.condition.of_baseline else { return Ok(threshold) };
        let (stat, measure) = (threshold.condition.stat, threshold.condition.measure);
        let unit = threshold.series.metric().metric().unit;
        let there = fold(&self.rows, &threshold.series)
            .and_then(|value| observed(&value, stat, unit, || self.load.as_secs_f64()));
        let Some(there) = there else {
            let what =
                format!("the baseline {} has no sample of `{}`", self.name, threshold.selector);
            return Err(Diagnostic::new(what).hint("is it a run of the same script?"));
        };
        // As it is told, so that what is read in a report is what was judged.
        let told = measure.written(factor * there);
        let expression = format!("{} (= {told})", threshold.expression);
        let resolved = Condition::parse(threshold.series.metric(), &expression)?;
        Ok(Threshold { condition: resolved, expression, ..threshold })
    }

    /// What speaks against holding a run of this origin against it, each as a sentence.
    pub fn remarks(&self, run: &Origin) -> Vec<String> {
        let (name, origin) = (&self.name, &self.origin);
        let fault = origin.fault().map(|fault| format!("the baseline {name} {fault}"));
        let unlike = [origin.script_remark(run), origin.load_remark(run)].into_iter().flatten();
        let unlike = unlike.map(|remark| format!("the baseline {name} does not match: {remark}"));
        fault.into_iter().chain(unlike).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Histogram, TagSet, Value, metric};

    fn empty() -> Baseline {
        let origin = Origin::new("a.lua", "aa", vec!["a  5 users for 9s".to_owned()]);
        Baseline { name: "main.db".into(), rows: Vec::new(), load: Duration::ZERO, origin }
    }

    fn baseline() -> Baseline {
        let mut times = Histogram::default();
        (1..=100).for_each(|ms| times.record(Duration::from_millis(ms)));
        let values = vec![
            (metric::HTTP_CALLS, Value::Counter(600)),
            (metric::HTTP_CALL_DURATION, Value::Histogram(Box::new(times))),
            (metric::HTTP_CALL_FAILED, Value::Rate { hits: 1, total: 50 }),
        ];
        let rows = vec![Row { tags: TagSet::new([("phase", "load")]), values }];
        Baseline { rows, load: Duration::from_secs(60), ..empty() }
    }

    fn resolved(selector: &str, expression: &str) -> Result<Threshold, Diagnostic> {
        let threshold = Threshold::parse(selector, expression).expect(expression);
        assert!(threshold.condition.is_open() || threshold.condition.of_baseline.is_none());
        baseline().resolve(threshold)
    }

    #[test]
    fn a_limit_is_a_multiple_of_what_was() {
        for (selector, expression, limit, told) in [
            ("http_call_duration", "p95 < 1.10 * baseline", 104.5, "(= 104.5"),
            ("http_call_duration", "max <= baseline", 100.0, "(= 100ms)"),
            ("http_calls", "rate > 90% * baseline", 9.0, "(= 9/s)"),
            ("http_call_failed", "rate < baseline*2", 0.04, "(= 4%)"),
        ] {
            let threshold = resolved(selector, expression).expect(expression);
            let found = threshold.condition.limit;
            assert!((found / limit - 1.0).abs() < 2e-3, "{expression}: {found}");
            assert!(threshold.expression.contains(told), "{}", threshold.expression);
            let again = Threshold::parse(selector, &threshold.expression).expect("it can be read");
            assert_eq!(again.condition, threshold.condition);
        }
        let absolute = resolved("http_calls", "count > 5").expect("it needs no baseline");
        assert_eq!(absolute.expression, "count > 5");
    }

    #[test]
    fn a_baseline_of_another_script_or_load_or_one_that_was_cut_off_is_told() {
        let own = |load: &str| Origin::new("x/a.lua", "bb", vec![load.to_owned()]);
        assert_eq!(empty().remarks(&own("a  5 users for 9s")), [""; 0]);
        assert_eq!(
            empty().remarks(&own("a  40/s for 9s")),
            ["the baseline main.db does not match: the loads differ: `a  5 users for 9s` and \
              `a  40/s for 9s`"]
        );
        let other = empty().remarks(&Origin::new("b.lua", "aa", Vec::new()));
        assert!(other[0].contains("of the scripts a.lua and b.lua"), "{other:?}");
        let origin = empty().origin.with_fault(Some("was aborted".to_owned()));
        let cut = Baseline { origin, ..empty() };
        assert_eq!(cut.remarks(&own("a  5 users for 9s")), ["the baseline main.db was aborted"]);
    }

    #[test]
    fn what_the_baseline_has_not_and_what_is_no_multiple_are_told() {
        let fault = resolved("step_duration", "p95 < baseline").expect_err("there are no steps");
        assert!(fault.message.contains("main.db has no sample of `step_duration`"), "{fault}");
        for expression in ["p95 < 1.1 baseline", "p95 < x * baseline", "p95 < 0 * baseline"] {
            let fault = Threshold::parse("step_duration", expression).expect_err(expression);
            assert!(fault.message.contains("is no multiple of the baseline"), "{fault}");
        }
    }
}
