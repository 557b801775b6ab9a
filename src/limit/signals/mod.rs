//! What the target says of itself: its metrics just before and just after a hold, and what must be
//! true of their change. A limit that shows only in a queue that fills behind the answers is found
//! this way.

pub mod exposition;
pub mod watcher;

use std::collections::BTreeMap;

use self::watcher::Watcher;
use crate::diagnostic::Diagnostic;
use crate::metrics::{Foreign, TagSet};
use crate::results::format::number;
use crate::results::limit::SignalRow;

/// What must be true of a signal over a hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// As written: `queue_depth{queue=orders} growth <= 1000`.
    pub text: String,
    series: Foreign,
    change: Change,
    compare: Compare,
    bound: f64,
}

/// Which change is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Of a gauge, which may fall.
    Growth,
    /// Of a counter, which falls only when it begins anew.
    Increase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
}

/// In the order in which they are sought in a text: the longer first.
const COMPARES: [(&str, Compare); 5] = [
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("==", Compare::Equal),
    ("<", Compare::Below),
    (">", Compare::Above),
];

const FORM: &str = "write for example 'queue_depth growth <= 1000' or \
                    'errors_total{code=5*} increase == 0'";

/// One look at all sources, in their order: what each told, or why it could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot(pub Vec<Result<Values, String>>);

/// Values by name and labels; of a source that tells one twice, their sum.
pub type Values = BTreeMap<Series, f64>;

/// Name and labels.
pub type Series = (String, TagSet);

impl Snapshot {
    /// Why sources could not be read.
    pub fn unread(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter_map(|source| source.as_ref().err())
    }

    /// What was told by each source that could be read in this look and in a later one.
    fn until<'s>(&'s self, after: &'s Snapshot) -> impl Iterator<Item = (&'s Values, &'s Values)> {
        let pairs = self.0.iter().zip(&after.0);
        pairs.filter_map(|(before, after)| Some((before.as_ref().ok()?, after.as_ref().ok()?)))
    }
}

/// What signals say of a hold.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// One for each signal that could be read.
    pub rows: Vec<SignalRow>,
    /// Why the hold trips.
    pub trips: Vec<String>,
    /// Why it cannot be judged.
    pub doubts: Vec<String>,
    /// What is missing, which is no fault.
    pub missing: Vec<String>,
}

impl Signal {
    /// Reads one.
    ///
    /// # Errors
    /// What does not follow the form, with a hint.
    pub fn parse(text: &str) -> Result<Signal, Diagnostic> {
        let fault = |what: &str| Diagnostic::new(format!("`{text}`: {what}")).hint(FORM);
        let found = [(" growth ", Change::Growth), (" increase ", Change::Increase)]
            .into_iter()
            .find_map(|(word, change)| Some((text.rsplit_once(word)?, change)));
        let Some(((series, rest), change)) = found else {
            return Err(fault("expected SELECTOR growth … or SELECTOR increase …"));
        };
        let rest = rest.trim();
        let compared =
            COMPARES.iter().find_map(|(sign, compare)| Some((rest.strip_prefix(sign)?, *compare)));
        let Some((bound, compare)) = compared else {
            return Err(fault("expected <=, <, >=, > or == and a number"));
        };
        let unsigned = bound.trim().trim_start_matches('-');
        let bound = crate::units::number(unsigned).map_err(|error| fault(&error.message))?
            * if bound.trim().starts_with('-') { -1.0 } else { 1.0 };
        let series = Foreign::parse(series.trim())?;
        Ok(Signal { text: text.trim().to_owned(), series, change, compare, bound })
    }

    fn holds(&self, change: f64) -> bool {
        match self.compare {
            Compare::Below => change < self.bound,
            Compare::AtMost => change <= self.bound,
            Compare::Above => change > self.bound,
            Compare::AtLeast => change >= self.bound,
            Compare::Equal => change == self.bound,
        }
    }

    /// Whether a smaller change is the better one.
    fn wants_little(&self) -> bool {
        !matches!(self.compare, Compare::Above | Compare::AtLeast)
    }

    /// Judges each of its series by itself; the worst of them is told.
    fn judge(&self, before: &Snapshot, after: &Snapshot, told: &mut Told) {
        let is_mine = |(name, tags): &Series| self.series.matches(name, tags);
        let mut changes = BTreeMap::<&Series, f64>::new();
        let mut seen = false;
        for (then, now) in before.until(after) {
            for (key, before) in then.iter().filter(|(key, _)| is_mine(key)) {
                seen = true;
                match now.get(key) {
                    None => told.trips.push(format!("{} vanished during the hold", shown(key))),
                    Some(after) if self.change == Change::Increase && after < before => {
                        let shown = shown(key);
                        told.doubts.push(format!("{shown} began anew: the target was restarted"));
                    }
                    Some(after) => *changes.entry(key).or_default() += after - before,
                }
            }
            for (key, after) in now.iter().filter(|(key, _)| is_mine(key)) {
                seen = true;
                match self.change {
                    _ if then.contains_key(key) => {}
                    // A counter is told from its first event on: it was 0.
                    Change::Increase => *changes.entry(key).or_default() += after,
                    Change::Growth => {
                        told.missing.push(format!("{} was not there before the hold", shown(key)));
                    }
                }
            }
        }
        let all_read = before.unread().chain(after.unread()).next().is_none();
        if !seen && all_read {
            told.missing.push(format!("the signal `{}` was not there", self.series.name));
        }
        let least = self.wants_little();
        let worst = changes.into_values().reduce(|a, b| if least { a.max(b) } else { a.min(b) });
        if let Some(change) = worst {
            let ok = self.holds(change);
            if !ok {
                told.trips.push(format!("{}: {}", self.text, number(change)));
            }
            told.rows.push(SignalRow { signal: self.text.clone(), change, ok });
        }
    }
}

/// Who looks at the target around each hold.
pub struct Probes {
    watcher: Watcher,
    signals: Vec<Signal>,
    stage: Stage,
}

enum Stage {
    Idle,
    /// The look before a hold was asked for, and may be there.
    Before(Option<Snapshot>),
    /// It is; the look after the hold was asked for.
    After(Snapshot),
}

impl Probes {
    /// For these signals.
    pub fn new(watcher: Watcher, signals: Vec<Signal>) -> Probes {
        Probes { watcher, signals, stage: Stage::Idle }
    }

    /// A hold is about to begin, or goes on.
    pub fn begin(&mut self) {
        match &mut self.stage {
            Stage::Idle => {
                self.watcher.ask();
                self.stage = Stage::Before(None);
            }
            Stage::Before(look @ None) => *look = self.watcher.answer(),
            _ => {}
        }
    }

    /// The hold is over: what was seen, once it is there. To be asked until then.
    pub fn end(&mut self) -> Option<Told> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => Some(Told::default()),
            Stage::Before(look) => {
                self.stage = match look.or_else(|| self.watcher.answer()) {
                    None => Stage::Before(None),
                    Some(before) => {
                        self.watcher.ask();
                        Stage::After(before)
                    }
                };
                None
            }
            Stage::After(before) => match self.watcher.answer() {
                None => {
                    self.stage = Stage::After(before);
                    None
                }
                Some(after) => Some(judge(&self.signals, &before, &after)),
            },
        }
    }
}

/// Judges all signals over a hold.
pub fn judge(signals: &[Signal], before: &Snapshot, after: &Snapshot) -> Told {
    let mut told = Told::default();
    for signal in signals {
        signal.judge(before, after, &mut told);
    }
    for look in [before, after] {
        told.missing.extend(look.unread().cloned());
    }
    told.missing.dedup();
    told
}

/// `jobs{queue=orders}`.
fn shown((name, tags): &Series) -> String {
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if tags.is_empty() { name.clone() } else { format!("{name}{{{}}}", tags.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(values: &[(&str, &str, f64)]) -> Snapshot {
        let of = |&(name, queue, value): &(&str, &str, f64)| {
            ((name.to_owned(), TagSet::new([("queue", queue)])), value)
        };
        Snapshot(vec![Ok(values.iter().map(of).collect())])
    }

    /// Of several sources.
    fn looks(sources: Vec<Snapshot>) -> Snapshot {
        Snapshot(sources.into_iter().flat_map(|source| source.0).collect())
    }

    fn unread() -> Snapshot {
        Snapshot(vec![Err("http://b could not be read: no".to_owned())])
    }

    fn told(signal: &str, before: &[(&str, &str, f64)], after: &[(&str, &str, f64)]) -> Told {
        judge(&[Signal::parse(signal).unwrap()], &look(before), &look(after))
    }

    #[test]
    fn each_series_is_judged_and_the_worst_is_told() {
        let before = [("depth", "a", 10.0), ("depth", "b", 0.0), ("other", "a", 0.0)];
        let after = [("depth", "a", 5.0), ("depth", "b", 700.0), ("other", "a", 9e9)];
        let bearable = told("depth growth <= 1k", &before, &after);
        assert_eq!((bearable.rows[0].change, bearable.rows[0].ok), (700.0, true));
        assert!(bearable.trips.is_empty());
        let tripped = told("depth growth <= 600", &before, &after);
        assert_eq!(tripped.trips, ["depth growth <= 600: 700"]);
        assert!(told("depth{queue=a} growth < -4", &before, &after).trips.is_empty());
        assert_eq!(told("depth growth >= 0", &before, &after).trips, ["depth growth >= 0: -5"]);
    }

    #[test]
    fn a_counter_that_begins_anew_leaves_the_hold_undecided_and_one_that_vanishes_trips() {
        let again = told("errors increase == 0", &[("errors", "", 8.0)], &[("errors", "", 1.0)]);
        assert_eq!(again.doubts, ["errors began anew: the target was restarted"]);
        assert!(again.trips.is_empty() && again.rows.is_empty());
        let gone = told("errors increase == 0", &[("errors", "q", 8.0)], &[]);
        assert_eq!(gone.trips, ["errors{queue=q} vanished during the hold"]);
        let never = told("errors increase == 0", &[], &[("eror", "", 1.0)]);
        assert_eq!(never.missing, ["the signal `errors` was not there"]);
        assert!(never.trips.is_empty() && never.doubts.is_empty());
    }

    #[test]
    fn a_source_that_cannot_be_read_decides_nothing_and_the_others_do() {
        let jobs = |jobs| look(&[("jobs", "", jobs)]);
        let judged = |signal: &str, before: Vec<Snapshot>, after: Vec<Snapshot>| {
            judge(&[Signal::parse(signal).unwrap()], &looks(before), &looks(after))
        };
        for (before, after) in [(jobs(5.0), unread()), (unread(), jobs(5.0))] {
            let told = judged("jobs increase == 0", vec![before], vec![after]);
            assert_eq!(told.missing, ["http://b could not be read: no"]);
            assert!(told.trips.is_empty() && told.doubts.is_empty() && told.rows.is_empty());
        }
        // Of two with the same series, one is gone: their sum has fallen, and nothing else has.
        let told =
            judged("jobs increase <= 3", vec![jobs(5.0), jobs(50.0)], vec![jobs(7.0), unread()]);
        assert_eq!((told.rows[0].change, told.rows[0].ok), (2.0, true));
        assert!(told.trips.is_empty() && told.doubts.is_empty());
        // What one of two has lost, the other does not make up for.
        let told =
            judged("jobs increase <= 3", vec![jobs(5.0), jobs(50.0)], vec![jobs(60.0), jobs(2.0)]);
        assert_eq!(told.doubts, ["jobs began anew: the target was restarted"]);
        let told =
            judged("jobs growth <= 9", vec![jobs(5.0), jobs(1.0)], vec![jobs(9.0), jobs(7.0)]);
        assert_eq!(told.trips, ["jobs growth <= 9: 10"]);
    }

    #[test]
    fn a_counter_that_appears_in_a_hold_was_0_before() {
        let before = [("errors", "a", 3.0)];
        let after = [("errors", "a", 3.0), ("errors", "b", 5.0)];
        assert_eq!(
            told("errors increase == 0", &before, &after).trips,
            ["errors increase == 0: 5"]
        );
        assert_eq!(told("errors increase == 0", &[], &after[1..]).trips.len(), 1);
        let queue = told("errors growth <= 1", &before, &after);
        assert_eq!(queue.missing, ["errors{queue=b} was not there before the hold"]);
        assert!(queue.trips.is_empty() && queue.rows[0].ok);
    }

    #[test]
    fn what_is_no_signal_is_told_with_its_form() {
        for (text, what) in [
            ("depth <= 3", "expected SELECTOR growth"),
            ("depth growth 3", "expected <=, <, >=, > or =="),
            ("depth growth <= many", "many"),
            ("{a=b} growth <= 1", "a selector begins with a metric"),
        ] {
            let fault = Signal::parse(text).unwrap_err();
            assert!(fault.message.contains(what), "{}", fault.message);
            assert!(fault.hint.is_some(), "{text}");
        }
    }
}
