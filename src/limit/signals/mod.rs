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

/// One look at all sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Values by name and labels; those of several sources add up.
    pub values: BTreeMap<(String, TagSet), f64>,
    /// Sources that could not be read, each with its cause.
    pub unread: Vec<String>,
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
        let of = |look: &Snapshot| {
            let mine =
                look.values.iter().filter(|((name, tags), _)| self.series.matches(name, tags));
            mine.map(|(key, value)| (key.clone(), *value)).collect::<BTreeMap<_, _>>()
        };
        let (then, now) = (of(before), of(after));
        if then.is_empty() && now.is_empty() {
            told.missing.push(format!("the signal `{}` was not there", self.series.name));
            return;
        }
        let mut worst: Option<f64> = None;
        for (key, before) in &then {
            let Some(after) = now.get(key) else {
                told.trips.push(format!("{} vanished during the hold", shown(key)));
                continue;
            };
            if self.change == Change::Increase && after < before {
                told.doubts.push(format!("{} began anew: the target was restarted", shown(key)));
                continue;
            }
            let change = after - before;
            worst = Some(worst.map_or(change, |worst| match self.wants_little() {
                true => worst.max(change),
                false => worst.min(change),
            }));
        }
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
        told.missing.extend(look.unread.iter().cloned());
    }
    told.missing.dedup();
    told
}

/// `jobs{queue=orders}`.
fn shown((name, tags): &(String, TagSet)) -> String {
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
        Snapshot { values: values.iter().map(of).collect(), unread: Vec::new() }
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
