//! What a run against several targets came to: each is held against the first, second by second.
//!
//! Seconds are gathered while the run goes on ([`Sides`]) and compared when it is over. A long run
//! is told in longer ones, so what is kept is bounded: some 600 places a series.

use serde::{Deserialize, Serialize};

use super::format;
use crate::compare::series::{Run, even, meaning};
use crate::compare::{Comparison, Method, Row, Verdict, compare_paired};
use crate::metrics::Window;
use crate::metrics::tags::VARIANT;
use crate::plan::{Trial, Variant};

/// Places of seconds; beyond them, two become one.
const MOST_PLACES: u32 = 600;

/// Changes that a reason names; the table has them all.
const NAMED: usize = 3;

/// How targets compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variants {
    /// The least change that matters, as a part.
    pub min_change: f64,
    /// What the others are held against.
    pub base: Target,
    /// The others, in order.
    pub candidates: Vec<Candidate>,
}

/// One of the targets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Target {
    /// The `variant` tag.
    pub name: String,
    /// Where it is, without a password.
    pub base_url: String,
}

/// One that was held against the base.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    #[serde(flatten)]
    pub target: Target,
    /// How it differs.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Variants {
    /// What is worse than the base, a sentence for each candidate that is.
    pub fn worse(&self) -> Vec<String> {
        self.candidates.iter().filter_map(|one| self.worse_in(one)).collect()
    }

    fn worse_in(&self, candidate: &Candidate) -> Option<String> {
        let is_worse = |row: &&Row| row.verdict == Verdict::Regression;
        let rows: Vec<&Row> = candidate.comparison.rows.iter().filter(is_worse).collect();
        let told = rows.iter().take(NAMED).map(|row| {
            format!("{} {} {}", row.series, row.stat.as_str(), format::change(row.change))
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let more = match rows.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let (name, base) = (&candidate.target.name, &self.base.name);
        (!rows.is_empty()).then(|| format!("{name} is worse than {base}: {told}{more}"))
    }

    /// Whether there was enough to tell anything at all.
    pub fn can_tell(&self) -> bool {
        let mut rows = self.candidates.iter().flat_map(|one| &one.comparison.rows);
        rows.any(|row| row.verdict != Verdict::TooFew)
    }
}

/// The seconds of each variant, as they come.
#[derive(Debug)]
pub struct Sides {
    trial: Trial,
    runs: Vec<Run>,
    /// How often two places became one.
    halvings: u32,
}

impl Sides {
    /// Of a run that has not begun.
    pub fn new(trial: &Trial) -> Sides {
        let runs = trial.variants.iter().map(|_| Run::default()).collect();
        Sides { trial: trial.clone(), runs, halvings: 0 }
    }

    /// Adds a second, or what came late of one.
    pub fn note(&mut self, window: &Window) {
        let place = self.place(window.second);
        for row in &window.rows {
            let tag = |name: &str| row.tags.get(name).map_or("", |value| value);
            let is_own = |variant: &Variant| *variant.name == *tag(VARIANT);
            let Some(side) = self.trial.variants.iter().position(is_own) else { continue };
            for (id, value) in &row.values {
                if let Some((key, what)) = meaning(&id.metric().name, tag) {
                    self.runs[side].add(&key, what, place, value);
                }
            }
        }
    }

    fn place(&mut self, second: u32) -> usize {
        while second >> self.halvings >= MOST_PLACES {
            self.runs.iter_mut().for_each(Run::halve);
            self.halvings += 1;
        }
        (second >> self.halvings) as usize
    }

    /// Compares; `seed` decides the draws.
    pub fn conclude(&mut self, seed: u64) -> Variants {
        even(&mut self.runs);
        let method = Method { least: self.trial.min_change, seed };
        let mut sides = self.trial.variants.iter().zip(&self.runs);
        let (base, first) = sides.next().expect("there are two at least");
        let candidate = |(variant, run)| Candidate {
            target: Target::of(variant),
            comparison: compare_paired(first, run, method),
        };
        Variants {
            min_change: self.trial.min_change,
            base: Target::of(base),
            candidates: sides.map(candidate).collect(),
        }
    }
}

impl Target {
    fn of(variant: &Variant) -> Target {
        Target { name: variant.name.to_string(), base_url: variant.shown() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::metrics::{CallSample, NameId, Outcome, Place, Recorder};

    fn trial() -> Trial {
        let variant = |name: &str| Variant {
            name: name.into(),
            base_url: Url::parse("http://u:pw@h").expect("it is one"),
        };
        Trial { variants: vec![variant("A"), variant("B")], min_change: 0.05 }
    }

    /// A second with `calls` calls of each variant, which take so long.
    fn window(second: u32, calls: u64, ms: [u64; 2]) -> Window {
        let mut recorder = Recorder::new(vec!["shop".into()], 1_000);
        for (name, ms) in ["A", "B"].into_iter().zip(ms) {
            let place =
                Place { extra: recorder.intern_tags(&[(VARIANT, name)]), ..Place::default() };
            let sample = CallSample {
                name: recorder.intern("/"),
                method: recorder.intern("GET"),
                status: 200,
                expected: true,
                error: NameId::NONE,
                outcome: Outcome::Completed,
                duration: Duration::ZERO,
            };
            for n in 0..calls {
                let duration = Duration::from_micros(ms * 1_000 + n);
                recorder.call(&place, &CallSample { duration, ..sample });
            }
        }
        recorder.flip(second)
    }

    fn compared(seconds: u32, ms: impl Fn(u32) -> [u64; 2]) -> Variants {
        let mut sides = Sides::new(&trial());
        (0..seconds).for_each(|second| sides.note(&window(second, 50, ms(second))));
        sides.conclude(1)
    }

    #[test]
    fn what_slows_both_is_no_difference_and_what_slows_one_is() {
        let mood = |second: u32| u64::from(second % 7) * 30;
        let same = compared(40, |second| [100 + mood(second), 100 + mood(second)]);
        assert!(same.worse().is_empty() && same.can_tell(), "{same:?}");
        let slower = compared(40, |second| [100 + mood(second), 115 + mood(second)]);
        let [told] = &slower.worse()[..] else { panic!("{slower:?}") };
        assert!(told.starts_with("B is worse than A: shop: GET / p50 +"), "{told}");
        assert_eq!(slower.base.base_url, "http://***@h/");
    }

    #[test]
    fn a_short_run_cannot_tell() {
        let short = compared(4, |_| [100, 200]);
        assert!(short.worse().is_empty() && !short.can_tell(), "{short:?}");
        assert!(!Sides::new(&trial()).conclude(1).can_tell(), "nothing was recorded");
    }

    #[test]
    fn a_long_run_is_kept_in_longer_seconds_and_its_rates_stay() {
        let mut sides = Sides::new(&trial());
        for second in 0..2_000 {
            sides.note(&window(second, 2, [10, 10]));
        }
        sides.note(&window(1_999, 2, [10, 10])); // what came late
        assert_eq!(sides.halvings, 2);
        let variants = sides.conclude(1);
        let rows = &variants.candidates[0].comparison.rows;
        let rate = rows.iter().find(|row| row.stat.as_str() == "rate").expect("it is there");
        assert!((rate.base - 2.0).abs() < 0.01 && rate.base == rate.candidate, "{rate:?}");
        let seconds = sides.runs[0].series.values().map(|series| series.seconds()).max();
        assert!(seconds <= Some(MOST_PLACES as usize), "{seconds:?}");
    }
}
