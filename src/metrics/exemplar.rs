//! Samples that can be looked up in a tracing backend: of each series and second the slowest.
//!
//! There are some only if requests carry a trace, so nothing here costs anything without.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::metric::MetricId;
use super::span::Span;
use super::table::{Key, Series};
use super::tags::TagSet;

/// One sample of a series, and its trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Of its series.
    pub tags: TagSet,
    /// Likewise.
    pub metric: MetricId,
    /// Which of the series' samples.
    pub sample: Traced,
}

/// A sample and its trace; the greater of two is the slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Traced {
    /// How long it took.
    pub duration: Duration,
    /// When it was over, since the load began.
    pub at: Duration,
    /// Where to look.
    pub span: Span,
}

impl Exemplar {
    /// The order of exemplars in a Window.
    pub(super) fn key(&self) -> (&TagSet, &MetricId) {
        (&self.tags, &self.metric)
    }

    /// Keeps the slower of two of the same series.
    pub(super) fn merge(&mut self, other: &Exemplar) {
        self.sample = self.sample.max(other.sample);
    }
}

/// The slowest of one worker's series since they were last handed out.
#[derive(Debug, Default)]
pub(super) struct ExemplarBook(FxHashMap<Key, (MetricId, Traced)>);

impl ExemplarBook {
    /// Keeps a sample if it is the slowest of its series, of which there may be so many.
    pub fn add(&mut self, key: Key, metric: MetricId, sample: Traced, most: usize) {
        let room = self.0.len() < most;
        match self.0.get_mut(&key) {
            Some((_, known)) => *known = sample.max(*known),
            None if room => drop(self.0.insert(key, (metric, sample))),
            None => {}
        }
    }

    /// What came since the last call, sorted.
    pub fn drain(&mut self, series: &Series) -> Vec<Exemplar> {
        let kept = self.0.drain();
        let mut exemplars: Vec<_> = kept
            .map(|(key, (metric, sample))| Exemplar { tags: series.tags(&key), metric, sample })
            .collect();
        exemplars.sort_by(|a, b| a.key().cmp(&b.key()));
        exemplars
    }
}
