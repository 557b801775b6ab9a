//! How thresholds are written: the entries of a script's `thresholds`, and `--threshold`.

use std::time::Duration;

use super::Threshold;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::metrics::Kind;
use crate::metrics::own::OwnMetrics;
use crate::plan::condition::{GRAMMAR, Op, Stat};
use crate::plan::draft::Node;
use crate::plan::read;

/// Fields of a threshold.
const FIELDS: [&str; 6] = ["abort", "after", "each", "min_samples", "optional", "window"];

/// What k6 calls them, and what to write here.
const K6: [(&str, &str); 3] = [
    ("abortOnFail", "here it is called `abort`"),
    ("delayAbortEval", "here it is called `after`"),
    ("threshold", "the condition comes first: { \"p95 < 1s\", abort = true }"),
];

/// What slides must be kept; nobody needs a longer one.
const LONGEST_WINDOW: Duration = Duration::from_secs(3600);

impl Threshold {
    /// `SELECTOR: CONDITION`, as the command line has it.
    ///
    /// # Errors
    /// As of [`parse_among`](Self::parse_among), and where there is no colon.
    pub fn parse_pair(text: &str, own: &OwnMetrics) -> Result<Threshold, Diagnostic> {
        // No condition has a colon, but names in a selector may.
        let (selector, expression) = text.rsplit_once(':').ok_or_else(|| {
            Diagnostic::new(format!("threshold `{text}` has no condition"))
                .hint("write SELECTOR: CONDITION, as in 'http_call_duration: p95 < 200ms'")
        })?;
        Threshold::parse_among(selector.trim(), expression, own)
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
                Err(found) => faults.extend(found.0),
            }
        }
        if faults.is_empty() { Ok(thresholds) } else { Err(Diagnostics(faults)) }
    }

    /// Whether it stands for the same as another: that one's limit is then not asked for.
    pub fn replaces(&self, other: &Threshold) -> bool {
        self.series == other.series && self.condition.stat == other.condition.stat
    }

    fn set(&mut self, field: &str, value: &Node) -> Result<(), Diagnostic> {
        let place = format!("threshold `{}`: `{field}`", self.selector);
        let fault = |what: &str| Err(Diagnostic::new(format!("{place} {what}")));
        match (field, value) {
            ("abort", Node::Bool(abort)) => self.abort = *abort,
            ("each", Node::Bool(each)) => self.each = *each,
            ("optional", Node::Bool(optional)) => self.optional = *optional,
            ("abort" | "each" | "optional", _) => return fault("is true or false"),
            ("min_samples", Node::Int(samples)) if *samples > 0 => {
                self.min_samples = Some(samples.unsigned_abs());
            }
            ("min_samples", _) => return fault("is a whole number from 1"),
            ("after", value) => self.after = length(&place, value)?,
            ("window", value) => self.window = Some(window(&place, length(&place, value)?)?),
            _ => {
                let fault = Diagnostic::new(format!("{place} is no field of a threshold"));
                return Err(fault.hint(meant(field)));
            }
        }
        Ok(())
    }

    /// Whether its fields make sense together.
    fn check(self) -> Result<Threshold, Diagnostic> {
        let fault =
            |what: String| Diagnostic::new(format!("threshold `{}`: {what}", self.selector));
        if !self.after.is_zero() && !self.is_live() {
            let what = "`after` is for thresholds that are judged while the run goes on";
            return Err(fault(what.to_owned()).hint("add abort = true, or a window"));
        }
        if self.each && self.condition.of_baseline.is_some() {
            let what = "a limit that is relative to a baseline is one for all series";
            return Err(
                fault(what.to_owned()).hint("leave out each, or write a threshold per series")
            );
        }
        if self.abort && self.window.is_none() && self.may_come_to_hold() {
            let what = format!("`{}` may hold at the end, whatever it is before", self.expression);
            return Err(fault(what).hint("leave out abort, or give it a window"));
        }
        if self.min_samples > Some(1) && self.series.metric().metric().kind == Kind::Gauge {
            let what = "`min_samples` says nothing of a gauge: what it was at last or at most is one \
                        sample, however often it was read";
            return Err(fault(what.to_owned()).hint("leave out min_samples"));
        }
        Ok(self)
    }

    /// Whether it can be crossed for long and hold at last: what only grows may reach any limit.
    fn may_come_to_hold(&self) -> bool {
        let upward = matches!(self.condition.op, Op::Greater | Op::GreaterOrEqual | Op::Equal);
        let downward = matches!(self.condition.op, Op::Less | Op::LessOrEqual | Op::Equal);
        match self.condition.stat {
            Stat::Count | Stat::Max => upward,
            Stat::Min => downward,
            _ => false,
        }
    }
}

/// What may have been meant by a field that there is not.
fn meant(field: &str) -> String {
    let k6 = K6.iter().find(|(name, _)| *name == field).map(|(_, hint)| (*hint).to_owned());
    k6.or_else(|| did_you_mean(field, FIELDS))
        .unwrap_or_else(|| format!("known fields: {}", FIELDS.join(", ")))
}

/// One item of an entry: an expression, or a table that begins with one or more.
fn read_item(selector: &str, item: &Node, own: &OwnMetrics) -> Result<Vec<Threshold>, Diagnostics> {
    let none = Vec::new();
    let (expressions, fields) = match item {
        Node::Text(_) => (std::slice::from_ref(item), &none),
        Node::List(expressions) => (expressions.as_slice(), &none),
        Node::Mixed(expressions, fields) => (expressions.as_slice(), fields),
        _ => (&[][..], &none),
    };
    if expressions.is_empty() {
        let fault = Diagnostic::new(format!("threshold `{selector}` has no condition"));
        return Err(fault.hint(GRAMMAR).into());
    }
    let (mut thresholds, mut faults) = (Vec::new(), Vec::new());
    for expression in expressions {
        match read_one(selector, expression, fields, own) {
            Ok(threshold) => thresholds.push(threshold),
            // What is wrong with the fields is so for each of the expressions.
            Err(found) => {
                let new: Vec<_> = found.0.into_iter().filter(|one| !faults.contains(one)).collect();
                faults.extend(new);
            }
        }
    }
    if faults.is_empty() { Ok(thresholds) } else { Err(Diagnostics(faults)) }
}

fn read_one(
    selector: &str,
    expression: &Node,
    fields: &[(String, Node)],
    own: &OwnMetrics,
) -> Result<Threshold, Diagnostics> {
    let Node::Text(expression) = expression else {
        let fault = Diagnostic::new(format!("threshold `{selector}`: a condition is a string"));
        return Err(fault.hint(GRAMMAR).into());
    };
    let mut threshold = Threshold::parse_among(selector, expression, own)?;
    let set = |(field, value): &(String, Node)| threshold.set(field, value).err();
    let faults: Vec<_> = fields.iter().filter_map(set).collect();
    if faults.is_empty() { Ok(threshold.check()?) } else { Err(Diagnostics(faults)) }
}

fn length(place: &str, value: &Node) -> Result<Duration, Diagnostic> {
    match read::duration(value) {
        Some(Ok(length)) => Ok(length),
        Some(Err(misread)) => {
            Err(Diagnostic::new(format!("{place}: {}", misread.message)).hint(misread.hint))
        }
        None => {
            let fault = format!("{place} is seconds or a text, not {}", read::Shown(value));
            Err(Diagnostic::new(fault).hint("write for example \"30s\""))
        }
    }
}

/// Seconds are what is told apart, so a window is made of whole ones.
fn window(place: &str, length: Duration) -> Result<u32, Diagnostic> {
    let whole = length.subsec_nanos() == 0 && !length.is_zero() && length <= LONGEST_WINDOW;
    let seconds = u32::try_from(length.as_secs()).ok().filter(|_| whole);
    seconds.ok_or_else(|| {
        Diagnostic::new(format!("{place} is of whole seconds, from 1s to 1h"))
            .hint("write for example \"30s\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::Text(text.into())
    }

    fn entry(expression: &str, fields: &[(&str, Node)]) -> Node {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Node::Mixed(vec![text(expression)], fields.collect())
    }

    fn read(selector: &str, entry: &Node) -> Result<Vec<Threshold>, Diagnostics> {
        Threshold::read(selector, entry, &OwnMetrics::default())
    }

    #[test]
    fn an_entry_is_a_text_a_table_or_a_list_of_either() {
        let table = entry(
            "p99 < 1s",
            &[
                ("each", Node::Bool(true)),
                ("min_samples", Node::Int(20)),
                ("optional", Node::Bool(true)),
            ],
        );
        let list = Node::List(vec![text("p95 < 200ms"), table]);
        let read = read("http_call_duration{step=login}", &list).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].each, read[0].optional, read[0].least_samples()), (false, false, 80));
        assert_eq!((read[1].each, read[1].optional, read[1].least_samples()), (true, true, 20));
        assert_eq!(read[1].to_string(), "http_call_duration{step=login} p99 < 1s");
    }

    #[test]
    fn a_window_slides_and_an_abort_waits() {
        let fields =
            [("abort", Node::Bool(true)), ("after", text("10s")), ("window", Node::Int(30))];
        let read = read("step_duration", &entry("p95 < 1s", &fields)).unwrap();
        assert_eq!((read[0].abort, read[0].window), (true, Some(30)));
        assert_eq!(read[0].after, Duration::from_secs(10));
        assert_eq!(read[0].to_string(), "step_duration p95 < 1s over 30s");
    }

    #[test]
    fn fields_are_honoured_or_refused_but_never_passed_over() {
        let yes = || Node::Bool(true);
        for (expression, field, value, message, hint) in [
            ("p95 < 1s", "abort", Node::Int(1), "`abort` is true or false", ""),
            ("p95 < 1s", "each", Node::Int(1), "`each` is true or false", ""),
            ("p95 < 1s", "min_samples", Node::Int(0), "a whole number from 1", ""),
            ("p95 < 1s", "min_sample", Node::Int(1), "is no field", "`min_samples`?"),
            ("p95 < 1s", "abortOnFail", yes(), "is no field", "called `abort`"),
            ("p95 < 1s", "threshold", text("p95<1"), "is no field", "comes first"),
            ("p95 < 1s", "window", text("1.5s"), "whole seconds, from 1s to 1h", "\"30s\""),
            ("p95 < 1s", "window", Node::Int(0), "whole seconds, from 1s to 1h", "\"30s\""),
            ("p95 < 1s", "window", text("2h"), "whole seconds, from 1s to 1h", "\"30s\""),
            ("p95 < 1s", "window", yes(), "seconds or a text, not true", "\"30s\""),
            ("p95 < 1s", "after", text("soon"), "`after`: ", "s"),
            ("p95 < 1s", "after", Node::Int(9), "judged while the run goes on", "abort = true"),
            ("count > 9", "abort", yes(), "`count > 9` may hold at the end", "a window"),
            ("min < 9ms", "abort", yes(), "`min < 9ms` may hold at the end", "a window"),
        ] {
            let faults = read("step_duration", &entry(expression, &[(field, value)])).unwrap_err();
            let fault = &faults.0[0];
            assert!(fault.message.contains(message), "{fault}");
            assert!(fault.hint.as_deref().unwrap_or("").contains(hint), "{fault}");
        }
        let none = Node::Map(vec![("each".into(), yes())]);
        assert!(read("checks", &none).unwrap_err().to_string().contains("no condition"));
    }

    #[test]
    fn a_gauge_is_one_sample_so_that_more_of_them_are_not_asked_for() {
        let entry = |samples| entry("max < 50", &[("min_samples", Node::Int(samples))]);
        let faults = read("vus", &entry(10)).unwrap_err();
        assert!(faults.0[0].message.contains("`min_samples` says nothing of a gauge"), "{faults}");
        assert_eq!(faults.0[0].hint.as_deref(), Some("leave out min_samples"));
        assert_eq!(read("vus", &entry(1)).unwrap()[0].least_samples(), 1);
        assert_eq!(
            read("http_calls", &self::entry("count > 9", &[("min_samples", Node::Int(10))]))
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn all_faults_of_an_entry_are_told_at_once() {
        let list = Node::List(vec![text("p95"), Node::Int(3)]);
        assert_eq!(read("step_duration", &list).unwrap_err().0.len(), 2);
        let wrong = [("abort", Node::Int(1)), ("after", text("soon")), ("whole", Node::Bool(true))];
        assert_eq!(read("step_duration", &entry("p95 < 1s", &wrong)).unwrap_err().0.len(), 3);
        let both = Node::List(vec![Node::List(vec![text("p95 < 1s"), text("p99 < 2s")])]);
        assert_eq!(read("step_duration", &both).unwrap().len(), 2, "tables without fields");
    }

    #[test]
    fn the_command_line_writes_series_and_condition_in_one_text() {
        let pair = |text| Threshold::parse_pair(text, &OwnMetrics::default());
        for text in [
            "http_call_duration{name=\"a: b\"}: p95 < 200ms",
            "http_call_duration{name='a: b'}:p(95)<200",
        ] {
            let threshold = pair(text).unwrap();
            assert_eq!(threshold.condition.limit, 200.0);
            assert!(threshold.series.names("name"));
        }
        assert!(pair("checks").unwrap_err().message.contains("no condition"));
        assert!(pair("chekcs: rate > 1%").unwrap_err().to_string().contains("`checks`?"));
        assert!(pair("checks: p95 < 1").unwrap_err().to_string().contains("`checks` is a rate"));
    }

    #[test]
    fn a_threshold_takes_the_place_of_one_on_the_same_statistic() {
        let pair = |text| Threshold::parse_pair(text, &OwnMetrics::default()).unwrap();
        let lax = pair("step_duration{step=a}: p95 < 9s");
        assert!(lax.replaces(&pair("step_duration{ step=a }: p(95) < 1s")));
        assert!(!lax.replaces(&pair("step_duration{step=a}: p99 < 1s")));
        assert!(!lax.replaces(&pair("step_duration: p95 < 1s")));
    }
}
