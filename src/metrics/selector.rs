//! Which series a threshold, a table or an output means: `http_call_duration{step=login}`.
//!
//! ```text
//! SELECTOR  = METRIC [ "{" CONDITION { "," CONDITION } "}" ]
//! CONDITION = TAG ( "=" | "!=" ) VALUE   k6's TAG ":" VALUE is understood
//! VALUE     = bare text, up to a comma or the closing brace (inner braces pair up)
//!           | "quoted" | 'quoted'          with \ before a quote, a \ or a literal *
//! ```
//!
//! All conditions must hold. `*` in a value stands for any text; an absent tag is the empty text,
//! so `{step=*}` is everything and `{step!=""}` what lies in steps. What is not said has a
//! default, so that a selector means what its author would say aloud:
//!
//! - no `phase`: the load. A straggler, an iteration that ends after the load has, keeps the phase
//!   of its intended start, so it is in; gauges are taken from all phases.
//! - a latency of calls or requests, and no `expected`, `outcome`, wanted `status` or `error`:
//!   expected answers, and timeouts and what was cut off at their elapsed time. An unexpected 503
//!   in 0.3 ms would flatter, and so would a target that hangs to the end, if nobody counted those
//!   who still wait for it. (Set-up of connections is over before there is an answer, and always counts.)
//! - a latency of steps, polls or iterations, and no `outcome`: all but the failed ones.

use std::fmt;

use super::glob::Glob;
use super::metric::{self, Kind, MetricId};
use super::own::OwnMetrics;
use super::selector_text;
use super::tags::TagSet;
use crate::diagnostic::Diagnostic;

/// A metric and what the tags of its series must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    metric: MetricId,
    conditions: Vec<Condition>,
}

/// Series of somebody else's metrics, by the same grammar: any name, and no defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The metric's name.
    pub name: String,
    conditions: Vec<Condition>,
}

impl Foreign {
    /// Reads a selector.
    ///
    /// # Errors
    /// What does not follow the grammar, with the column; with a hint, without a place.
    pub fn parse(text: &str) -> Result<Foreign, Diagnostic> {
        let (name, conditions) = selector_text::split(text)?;
        Ok(Foreign { name: name.to_owned(), conditions })
    }

    /// Whether a series of that name with these tags is meant.
    pub fn matches(&self, name: &str, tags: &TagSet) -> bool {
        self.name == name && self.conditions.iter().all(|condition| condition.holds(tags))
    }
}

/// One tag's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub tag: String,
    pub negated: bool,
    pub value: Glob,
}

impl Condition {
    fn holds(&self, tags: &TagSet) -> bool {
        self.fits(tags.get(&self.tag).map_or("", |value| value))
    }

    fn fits(&self, value: &str) -> bool {
        self.value.matches(value) != self.negated
    }

    fn wants(&self, tag: &str) -> bool {
        self.tag == tag && !self.negated
    }
}

impl Selector {
    /// All of a metric, as far as the defaults go.
    pub fn of(metric: MetricId) -> Selector {
        Selector { metric, conditions: Vec::new() }
    }

    /// The same, of series whose tag has that very value (`""`: is absent).
    pub fn with(self, tag: &str, value: &str) -> Selector {
        self.and(tag, false, Glob::literal(value))
    }

    /// The same, of series whose tag has another value than that.
    pub fn without(self, tag: &str, value: &str) -> Selector {
        self.and(tag, true, Glob::literal(value))
    }

    /// The same, whatever the tag's value: lifts a default.
    pub fn any(self, tag: &str) -> Selector {
        self.and(tag, false, Glob::any())
    }

    fn and(mut self, tag: &str, negated: bool, value: Glob) -> Selector {
        self.conditions.push(Condition { tag: tag.to_owned(), negated, value });
        self
    }

    /// Reads a selector.
    ///
    /// # Errors
    /// What does not follow the grammar, with the column, and a metric that does not exist; with a hint,
    /// without a place.
    pub fn parse(text: &str) -> Result<Selector, Diagnostic> {
        Selector::parse_among(text, &OwnMetrics::default())
    }

    /// The same, where there are also the author's metrics.
    ///
    /// # Errors
    /// Likewise.
    pub fn parse_among(text: &str, own: &OwnMetrics) -> Result<Selector, Diagnostic> {
        let (metric, conditions) = selector_text::parse(text, own)?;
        Ok(Selector { metric, conditions })
    }

    /// Its metric.
    pub fn metric(&self) -> &MetricId {
        &self.metric
    }

    /// The tags that conditions are about.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.tag.as_str())
    }

    /// Whether a condition is about this tag.
    pub fn names(&self, tag: &str) -> bool {
        self.conditions.iter().any(|condition| condition.tag == tag)
    }

    /// Whether what it says of a tag lets that value through (`""`: an absent tag).
    pub fn admits(&self, tag: &str, value: &str) -> bool {
        let about = |condition: &&Condition| condition.tag == tag;
        self.conditions.iter().filter(about).all(|condition| condition.fits(value))
    }

    /// The value that a tag must have, as written, if there is one.
    pub fn wanted(&self, tag: &str) -> Option<String> {
        let wanted = self.conditions.iter().find(|condition| condition.wants(tag))?;
        Some(wanted.value.pieces.join("*"))
    }

    /// Whether a series with these tags is meant.
    pub fn matches(&self, tags: &TagSet) -> bool {
        self.conditions.iter().all(|condition| condition.holds(tags))
            && self.default_phase(tags)
            && self.default_cover(tags)
    }

    fn default_phase(&self, tags: &TagSet) -> bool {
        let said = self.names("phase") || self.metric.metric().kind == Kind::Gauge;
        said || tags.get("phase").is_none_or(|phase| &**phase == "load")
    }

    /// What a latency covers, unless it is said.
    fn default_cover(&self, tags: &TagSet) -> bool {
        let is = |tag: &str, value: &str| tags.get(tag).is_some_and(|v| &**v == value);
        match cover(&self.metric) {
            Cover::All => true,
            Cover::Passes => self.names("outcome") || !is("outcome", "failed"),
            Cover::Answers => {
                let wants = |tag| self.conditions.iter().any(|one| one.wants(tag));
                let said = self.names("expected") || self.names("outcome");
                let said = said || wants("status") || wants("error");
                let is_bound = is("error", "timeout") || is("outcome", "interrupted");
                said || !is("expected", "false") || is_bound
            }
        }
    }
}

/// What a metric's default leaves out.
enum Cover {
    /// Nothing.
    All,
    /// Unexpected answers.
    Answers,
    /// Failed passes.
    Passes,
}

fn cover(metric: &MetricId) -> Cover {
    match *metric {
        metric::HTTP_CALL_DURATION
        | metric::HTTP_REQ_DURATION
        | metric::HTTP_REQ_BLOCKED
        | metric::HTTP_REQ_SENDING
        | metric::HTTP_REQ_WAITING
        | metric::HTTP_REQ_RECEIVING => Cover::Answers,
        metric::STEP_DURATION
        | metric::POLL_DURATION
        | metric::ITERATION_DURATION
        | metric::ITERATION_RESPONSE_TIME => Cover::Passes,
        MetricId::Own(_) => Cover::Passes, // timers have passes; the others have no `outcome`
        _ => Cover::All,
    }
}

/// As it can be read again; values are quoted where they must be.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.metric.metric().name)?;
        for (i, condition) in self.conditions.iter().enumerate() {
            let operator = if condition.negated { "!=" } else { "=" };
            let before = if i == 0 { '{' } else { ',' };
            write!(f, "{before}{}{operator}", condition.tag)?;
            selector_text::write_value(f, &condition.value)?;
        }
        if self.conditions.is_empty() { Ok(()) } else { write!(f, "}}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(text: &str) -> TagSet {
        TagSet::new(text.split(' ').filter_map(|pair| pair.split_once('=')))
    }

    fn matches(selector: &str, series: &str) -> bool {
        Selector::parse(selector).expect(selector).matches(&tags(series))
    }

    #[test]
    fn conditions_pick_series() {
        for (selector, series, expected) in [
            ("http_calls{step=login}", "step=login", true),
            ("http_calls{step=login}", "step=cart", false),
            ("http_calls{step=login}", "", false),
            ("http_calls{status!=500}", "status=200", true),
            ("http_calls{status!=500}", "status=500", false),
            ("http_calls{status!=500}", "", true),
            ("http_calls{ step = login , status != 500 }", "step=login status=200", true),
            ("http_calls{name=\"/cart/{id}/*\"}", "name=/cart/{id}/items", true),
            ("http_calls{name=/cart/{id}/*}", "name=/cart/{id}/items", true),
            ("http_calls{name=/cart/{id}/*}", "name=/cart/{id}", false),
            ("http_calls{name='a,b'}", "name=a,b", true),
            ("http_calls{name=\"a\\*\"}", "name=a*", true),
            ("http_calls{name=\"a\\*\"}", "name=ab", false),
            ("http_calls{step=*}", "", true),
            ("http_calls{step!=\"\"}", "", false),
            ("http_calls{step!=\"\"}", "step=login", true),
            ("http_calls{}", "step=login", true),
            ("http_calls{step:login,status!=500}", "step=login", true),
            ("http_calls{name:http://a/*}", "name=http://a/b", true),
        ] {
            assert_eq!(matches(selector, series), expected, "{selector} on {series}");
        }
    }

    #[test]
    fn what_it_says_of_one_tag_can_be_asked() {
        let selector = Selector::parse("checks{scenario=buy*,scenario!=buyers,step=a}").unwrap();
        let admitted =
            ["buyer", "buyers", "", "else"].map(|name| selector.admits("scenario", name));
        assert_eq!(admitted, [true, false, false, false]);
        assert!(selector.admits("name", "whatever"));
        assert_eq!(selector.wanted("scenario").as_deref(), Some("buy*"));
        assert_eq!(selector.wanted("name"), None);
    }

    #[test]
    fn without_a_phase_it_means_the_load() {
        for (selector, series, expected) in [
            ("http_calls", "phase=load", true),
            ("http_calls", "phase=warmup", false),
            ("http_calls{phase=warmup}", "phase=warmup", true),
            ("http_calls{phase=*}", "phase=setup", true),
            ("http_calls", "", true),
            ("vus", "phase=warmup", true),
        ] {
            assert_eq!(matches(selector, series), expected, "{selector} on {series}");
        }
    }

    #[test]
    fn a_latency_covers_expected_answers_and_timeouts() {
        let refused = "expected=false error=server_error status=503 outcome=failed";
        let timeout = "expected=false error=timeout outcome=failed";
        for (selector, series, expected) in [
            ("http_call_duration", "expected=true", true),
            ("http_call_duration", refused, false),
            ("http_call_duration", timeout, true),
            ("http_call_duration{expected=false}", refused, true),
            ("http_call_duration{expected=true}", timeout, false),
            ("http_call_duration{expected=*}", refused, true),
            ("http_call_duration{outcome=failed}", refused, true),
            ("http_call_duration{status=503}", refused, true),
            ("http_call_duration{status!=500}", refused, false),
            ("http_req_waiting", refused, false),
            ("http_req_connecting", refused, true),
            ("http_calls", refused, true),
            ("http_call_failed", refused, true),
        ] {
            assert_eq!(matches(selector, series), expected, "{selector} on {series}");
        }
    }

    #[test]
    fn a_step_or_iteration_that_failed_is_apart() {
        for metric in
            ["step_duration", "poll_duration", "iteration_duration", "iteration_response_time"]
        {
            assert!(matches(metric, "outcome=completed"), "{metric}");
            assert!(matches(metric, "outcome=interrupted"), "{metric}");
            assert!(!matches(metric, "outcome=failed"), "{metric}");
            assert!(matches(&format!("{metric}{{outcome=failed}}"), "outcome=failed"), "{metric}");
        }
        assert!(matches("iteration_lag_generator", "outcome=failed"));
        assert!(matches("iterations", "outcome=failed"));
    }

    #[test]
    fn what_was_cut_off_is_a_lower_bound_and_k6s_tag_is_understood() {
        let cut_off = "expected=false outcome=interrupted";
        assert!(matches("http_call_duration", cut_off));
        assert!(!matches("http_call_duration{expected=true}", cut_off));
        assert!(matches("http_req_duration{expected_response:true}", "expected=true"));
        assert!(!matches("http_req_duration{expected_response:true}", "expected=false"));
    }

    #[test]
    fn a_fault_is_told_with_its_column_and_a_hint() {
        for (text, message, hint) in [
            (
                "http_call_duraton",
                "there is no metric `http_call_duraton`",
                "`http_call_duration`?",
            ),
            ("", "a selector begins with a metric", "http_call_duration{"),
            ("checks{check", "column 13: expected `=` or `!=`", "METRIC{tag=value"),
            ("checks{=a}", "column 8: expected the name of a tag", "METRIC{tag=value"),
            ("checks{check=a", "column 15: expected `,` or `}`", "METRIC{tag=value"),
            ("checks{check=\"a}", "column 14: the quote does not end", "METRIC{tag=value"),
            ("checks{check=a} b", "column 17: nothing may follow", "METRIC{tag=value"),
            ("checks{check=}", "column 14: expected a value", "METRIC{tag=value"),
            (
                "checks{check=~a.*}",
                "column 14: there are no regular expressions",
                "`*` stands for any",
            ),
            ("group_duration", "there is no metric `group_duration`", "`step_duration`"),
        ] {
            let fault = Selector::parse(text).expect_err(text);
            assert!(fault.message.contains(message), "{text}: {fault}");
            assert!(fault.hint.as_deref().unwrap_or("").contains(hint), "{text}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(
            conditions in prop::collection::vec(("[a-z_]{1,8}", any::<bool>(), ".{0,12}"), 0..4),
        ) {
            let selector = conditions.iter().fold(
                Selector::of(metric::CHECKS),
                |selector, (tag, negated, value)| match negated {
                    true => selector.without(tag, value),
                    false => selector.with(tag, value),
                },
            );
            let text = selector.to_string();
            prop_assert_eq!(Selector::parse(&text).expect("our own text"), selector);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z{}=!,\"'*\\\\ é]{0,24}") {
            let _ = Selector::parse(&text);
            let _ = Selector::parse(&format!("checks{text}"));
        }
    }
}
