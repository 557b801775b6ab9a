//! When a run was under load: what its rates are divided by, over all of it as in its report, or over
//! some of its seconds.
//!
//! A rate is over the time in which any scenario was in phase `load`; where one scenario or stage is
//! picked, over its own. Where the selector names the phase, that phase's time counts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;

use super::list::Stored;
use super::outline::Scenario;
use super::{Result, Store};
use crate::metrics::Selector;
use crate::results::run_info::together;

/// When its scenarios were under load.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loads(Vec<Load>);

/// When one scenario was; times are since the run's start.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Load {
    pub scenario: String,
    pub warmup: Range<Duration>,
    /// Phase `load`.
    pub measured: Range<Duration>,
    /// Where the planned stages lie in it; of one name there may be several.
    pub stages: Vec<(String, Range<Duration>)>,
    /// How much of it those lasted that somebody steered, wherever they lie.
    pub steered: Vec<(String, Duration)>,
}

/// Of what a rate is.
#[derive(Debug, Clone, Copy)]
pub struct Meant<'m> {
    /// Of these series.
    pub selector: &'m Selector,
    /// Of those among them whose tags have these values.
    pub tags: &'m BTreeMap<String, String>,
}

/// What the summary of a run tells of it.
#[derive(Deserialize)]
struct Ran {
    scenarios: Vec<RanScenario>,
}

#[derive(Deserialize)]
struct RanScenario {
    load_s: f64,
    #[serde(default)]
    started_s: Option<f64>,
    stages: Vec<RanStage>,
}

#[derive(Deserialize)]
struct RanStage {
    name: String,
    duration_s: f64,
    iterations: u64,
    rate_per_s: Option<f64>,
}

impl Store {
    /// When a run was under load; of one that is not done, to the second.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn loads(&self, run: &Stored) -> Result<Loads> {
        let outline = self.outline(run)?;
        let scenarios = outline.scenarios.iter();
        Ok(Loads(match self.summary_as::<Ran>(run)? {
            Some(ran) => scenarios.zip(&ran.scenarios).map(ran_load).collect(),
            None => {
                let spans = outline.spans(&self.lives(run)?);
                scenarios.zip(&spans).map(|(scenario, span)| scenario.so_far(span)).collect()
            }
        }))
    }
}

fn ran_load((scenario, ran): (&Scenario, &RanScenario)) -> Load {
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let Some(start) = ran.started_s.map(seconds) else {
        return Load { scenario: scenario.name.clone(), ..Load::default() };
    };
    let load = scenario.load(start, seconds(ran.load_s));
    let is_planned = |stage: &&RanStage| load.stages.iter().any(|(name, _)| *name == stage.name);
    let steered = ran.stages.iter().filter(|stage| !is_planned(stage)).map(|stage| {
        let rate = stage.rate_per_s.filter(|rate| *rate > 0.0);
        let length = rate.map_or(stage.duration_s, |rate| stage.iterations as f64 / rate);
        (stage.name.clone(), seconds(length))
    });
    Load { steered: steered.collect(), ..load }
}

impl Loads {
    /// When each scenario that came so far was in phase `load` [s], by its name.
    pub(super) fn measured(&self) -> BTreeMap<String, Range<f64>> {
        let began = self.0.iter().filter(|one| !one.measured.is_empty());
        let span = |span: &Range<Duration>| span.start.as_secs_f64()..span.end.as_secs_f64();
        began.map(|one| (one.scenario.clone(), span(&one.measured))).collect()
    }

    /// For how long, within these seconds, there was load of that kind [s].
    pub fn seconds(&self, meant: &Meant, span: &Range<u32>) -> f64 {
        let second = |second: u32| Duration::from_secs(second.into());
        let span = second(span.start)..second(span.end);
        let stages = self.stages(meant, &span);
        let own: Vec<&Load> =
            self.0.iter().filter(|one| meant.fits("scenario", &one.scenario)).collect();
        let lasted = match (&stages[..], &own[..]) {
            ([stage], _) => *stage,
            (_, [one]) if meant.picks("scenario") || meant.picks("stage") => {
                clipped(one.phases(meant), &span)
            }
            _ => clipped(self.0.iter().flat_map(|one| one.phases(meant)), &span),
        };
        lasted.as_secs_f64()
    }

    /// How long each stage that is picked lasted, of each scenario.
    fn stages(&self, meant: &Meant, span: &Range<Duration>) -> Vec<Duration> {
        if !meant.picks("stage") {
            return Vec::new();
        }
        let own = self.0.iter().filter(|one| meant.fits("scenario", &one.scenario));
        own.flat_map(|one| one.stages(meant, span).into_values()).collect()
    }
}

impl Load {
    /// The phases that are meant.
    fn phases(&self, meant: &Meant) -> impl Iterator<Item = Range<Duration>> {
        let named = meant.picks("phase");
        let warmup = (named && meant.fits("phase", "warmup")).then(|| self.warmup.clone());
        let measured = (!named || meant.fits("phase", "load")).then(|| self.measured.clone());
        warmup.into_iter().chain(measured)
    }

    /// How long each of those stages lasted.
    fn stages(&self, meant: &Meant, span: &Range<Duration>) -> BTreeMap<&str, Duration> {
        let mut stages = BTreeMap::<&str, Duration>::new();
        for (name, planned) in self.stages.iter().filter(|(name, _)| meant.fits("stage", name)) {
            *stages.entry(name).or_default() += clipped([planned.clone()], span);
        }
        let whole = clipped([self.measured.clone()], span);
        let steered = self.steered.iter().filter(|(name, _)| meant.fits("stage", name));
        stages.extend(steered.map(|(name, length)| (name.as_str(), whole.min(*length))));
        stages
    }
}

/// How long at least one of these lasted within a span.
fn clipped(all: impl IntoIterator<Item = Range<Duration>>, span: &Range<Duration>) -> Duration {
    let clip = |one: Range<Duration>| one.start.max(span.start)..one.end.min(span.end);
    together(all.into_iter().map(clip).filter(|one| !one.is_empty()).collect())
}

impl Meant<'_> {
    /// Whether values of this tag are told from others.
    fn picks(&self, tag: &str) -> bool {
        self.selector.names(tag) || self.tags.contains_key(tag)
    }

    fn fits(&self, tag: &str, value: &str) -> bool {
        self.selector.admits(tag, value) && self.tags.get(tag).is_none_or(|own| own == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: f64, to: f64) -> Range<Duration> {
        Duration::from_secs_f64(from)..Duration::from_secs_f64(to)
    }

    /// Two scenarios, one of which warms up for 2 s and has stages.
    fn loads() -> Loads {
        let stages = [("up", 2.0, 5.0), ("hold", 5.0, 9.0), ("up", 9.0, 10.5)];
        Loads(vec![
            Load {
                scenario: "shop".into(),
                warmup: span(0.0, 2.0),
                measured: span(2.0, 10.5),
                stages: stages.map(|(name, from, to)| (name.to_owned(), span(from, to))).into(),
                steered: vec![("hold 7".to_owned(), Duration::from_secs(3))],
            },
            Load { scenario: "late".into(), measured: span(20.0, 24.25), ..Load::default() },
        ])
    }

    #[test]
    fn a_rate_is_over_the_load_that_lies_in_the_seconds_asked_for() {
        for (selector, by, seconds, expected) in [
            ("http_calls", None, 0..26, 12.75),
            ("http_calls", None, 0..4, 2.0),
            ("http_calls", None, 10..22, 2.5),
            ("http_calls", None, 12..19, 0.0),
            ("http_calls{phase=*}", None, 0..26, 14.75),
            ("http_calls{phase=warmup}", None, 0..26, 2.0),
            ("http_calls{phase=load}", None, 1..3, 1.0),
            ("http_calls{phase=setup}", None, 0..26, 0.0),
            ("http_calls{scenario=late}", None, 0..26, 4.25),
            ("http_calls{scenario=*}", None, 0..26, 12.75),
            ("http_calls", Some(("scenario", "shop")), 0..26, 8.5),
            ("http_calls", Some(("scenario", "")), 0..26, 12.75),
            ("http_calls{stage=hold}", None, 0..26, 4.0),
            ("http_calls{stage=hold}", None, 0..6, 1.0),
            ("http_calls", Some(("stage", "up")), 0..26, 4.5),
            ("http_calls{stage=*}", None, 0..26, 12.75),
            ("http_calls{stage=nowhere,scenario=shop}", None, 0..26, 8.5),
            ("http_calls{stage=\"hold 7\"}", None, 0..26, 3.0),
            ("http_calls{status=200}", Some(("name", "/")), 0..26, 12.75),
        ] {
            let selector = Selector::parse(selector).expect(selector);
            let tags = by.map(|(tag, value)| (tag.to_owned(), value.to_owned()));
            let tags = tags.into_iter().collect();
            let meant = Meant { selector: &selector, tags: &tags };
            let found = loads().seconds(&meant, &seconds);
            assert!((found - expected).abs() < 1e-9, "{selector} {by:?} {seconds:?}: {found}");
        }
    }
}
