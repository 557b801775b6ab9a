//! Rows by what tells them apart: from a small key that costs no string to a row of counters.
//!
//! The number of rows is capped. A sample whose row would be one too many goes to a row tagged
//! `overflow`, which keeps scenario, phase and outcome, so that totals and defaults of selectors
//! stay right, and is counted.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::metric::MetricId;
use super::names::{NameId, Names};
use super::sample::{Outcome, Phase, Place};
use super::tags::TagSet;
use super::value::Value;
use super::window::Row;

/// What tells one row from another: ids of all tags. A part that is `None`, `NONE` or (status) 0
/// is no tag of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Key {
    pub place: Place,
    pub name: NameId,
    pub method: NameId,
    pub error: NameId,
    pub proto: NameId,
    pub peer: NameId,
    /// Of a check.
    pub check: NameId,
    /// Of an error.
    pub category: NameId,
    pub status: u16,
    /// Redirect hop and try.
    pub hop: Option<(u8, u8)>,
    pub expected: Option<bool>,
    pub outcome: Option<Outcome>,
    /// No scenario or phase either: the worker's own.
    pub placeless: bool,
    pub overflow: bool,
}

impl Key {
    /// Whether it is a row of its own, of phase `load`.
    pub fn is_of_load(&self) -> bool {
        self.place.phase == Phase::Load && !self.placeless && !self.overflow
    }

    /// The row for what finds no row of its own.
    fn overflowing(self) -> Key {
        let Place { scenario, phase, .. } = self.place;
        Key {
            place: Place { scenario, phase, ..Place::default() },
            expected: self.expected,
            outcome: self.outcome,
            error: self.error,
            category: self.category,
            placeless: self.placeless,
            overflow: true,
            ..Key::default()
        }
    }
}

/// Whole words rather than field by field: a third of the time.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |a: NameId, b: NameId| u64::from(a.0) << 32 | u64::from(b.0);
        let (hop, attempt) = self.hop.unwrap_or_default();
        let place = &self.place;
        state.write_u64(
            u64::from(place.scenario) << 48
                | u64::from(self.status) << 32
                | u64::from(hop) << 24
                | u64::from(attempt) << 16
                | (place.phase as u64) << 8
                | self.outcome.map_or(3, |outcome| outcome as u64) << 4
                | self.expected.map_or(2, u64::from) << 2
                | u64::from(self.placeless) << 1
                | u64::from(self.overflow),
        );
        state.write_u64(pair(place.stage, place.step));
        state.write_u64(pair(place.extra, self.name));
        state.write_u64(pair(self.method, self.error));
        if !(self.proto.is_none() && self.peer.is_none()) {
            state.write_u64(pair(self.proto, self.peer));
        }
        if !(self.check.is_none() && self.category.is_none()) {
            state.write_u64(pair(self.check, self.category));
        }
    }
}

/// Names and values.
pub(super) type Tags = Vec<(Arc<str>, Arc<str>)>;

/// What all tables of a recorder share: the texts behind ids, and the cap on rows.
#[derive(Debug)]
pub(super) struct Series {
    pub names: Names,
    pub scenarios: Vec<Arc<str>>,
    /// The author's tags behind a [`Place::extra`].
    pub sets: FxHashMap<NameId, Tags>,
    pub cap: usize,
    pub rows: usize,
    /// Samples that found no row of their own since the last flip.
    pub overflowed: u64,
}

impl Series {
    /// The tags of a row. An author's tag cannot take the name of one of ours.
    pub fn tags(&self, key: &Key) -> TagSet {
        let text = |id: NameId| self.names.text(id).clone();
        let number = |n: u64| Arc::from(n.to_string());
        let place = &key.place;
        let mut tags = self.sets.get(&place.extra).cloned().unwrap_or_default();
        let mut tag = |name: &str, value: Arc<str>| tags.push((name.into(), value));
        if !key.placeless {
            let scenario = self.scenarios.get(usize::from(place.scenario));
            tag("scenario", scenario.cloned().unwrap_or_default());
            tag("phase", place.phase.as_str().into());
        }
        for (name, id) in [
            ("stage", place.stage),
            ("step", place.step),
            ("name", key.name),
            ("method", key.method),
            ("error", key.error),
            ("proto", key.proto),
            ("peer", key.peer),
            ("check", key.check),
            ("category", key.category),
        ] {
            if !id.is_none() {
                tag(name, text(id));
            }
        }
        if key.status != 0 {
            tag("status", number(key.status.into()));
        }
        if let Some((hop, attempt)) = key.hop {
            tag("hop", number(hop.into()));
            tag("try", number(attempt.into()));
        }
        if let Some(expected) = key.expected {
            tag("expected", if expected { "true" } else { "false" }.into());
        }
        if let Some(outcome) = key.outcome {
            tag("outcome", outcome.as_str().into());
        }
        if key.overflow {
            tag("overflow", "true".into());
        }
        TagSet::new(tags)
    }
}

/// The counters of a row of one kind of sample.
pub(super) trait Slots: Default {
    /// They are those of this row from now on.
    fn opened(&mut self, _key: &Key, _names: &Names) {}

    /// Hands out what was counted, sorted by metric, and stays behind empty. Nothing if there
    /// was no sample.
    fn drain(&mut self) -> Vec<(MetricId, Value)>;
}

/// The rows of one kind of sample.
#[derive(Debug)]
pub(super) struct Table<S> {
    index: FxHashMap<Key, u32>,
    rows: Vec<(TagSet, S)>,
    /// Rows sorted by tags.
    order: Vec<u32>,
}

impl<S> Default for Table<S> {
    fn default() -> Self {
        Table { index: FxHashMap::default(), rows: Vec::new(), order: Vec::new() }
    }
}

impl<S: Slots> Table<S> {
    /// The counters of a row, made if it is new. About 15 ns when known.
    #[inline]
    pub fn slots(&mut self, key: Key, series: &mut Series) -> &mut S {
        let row = match self.index.get(&key) {
            Some(&row) => row,
            None => self.admit(key, series),
        };
        &mut self.rows[row as usize].1
    }

    /// A row for a new key: its own, or the one for what is too many.
    #[cold]
    fn admit(&mut self, key: Key, series: &mut Series) -> u32 {
        if series.rows < series.cap {
            series.rows += 1;
            return self.insert(key, series);
        }
        series.overflowed += 1;
        let key = key.overflowing();
        match self.index.get(&key) {
            Some(&row) => row,
            None => self.insert(key, series),
        }
    }

    fn insert(&mut self, key: Key, series: &Series) -> u32 {
        let row = u32::try_from(self.rows.len()).expect("the cap is below 2^32");
        let tags = series.tags(&key);
        let place = self.order.partition_point(|&other| self.rows[other as usize].0 < tags);
        self.order.insert(place, row);
        let mut slots = S::default();
        slots.opened(&key, &series.names);
        self.rows.push((tags, slots));
        self.index.insert(key, row);
        row
    }

    /// Appends the rows that were fed since the last call, sorted by tags.
    pub fn drain(&mut self, rows: &mut Vec<Row>) {
        for &row in &self.order {
            let (tags, slots) = &mut self.rows[row as usize];
            let values = slots.drain();
            if !values.is_empty() {
                rows.push(Row { tags: tags.clone(), values });
            }
        }
    }
}
