//! What is known of a call or a step, for the tail's ledger.

use std::sync::Arc;
use std::time::Duration;

use super::super::ledger::{Chosen, Entry, Ledger, micros};
use super::super::names::NameId;
use super::super::sample::Place;
use super::super::trace::Phases;
use super::Recorder;

/// What is known of a call or a pass of a step.
#[derive(Debug, Clone, Default)]
pub struct Traits {
    /// When it began, since the run did.
    pub at: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Of a call: its last request's; of a step: its longest one's, as peer and bytes are.
    pub phases: Phases,
    /// What the time was spent on, as the target says, or, of a step, its calls [µs].
    pub parts: Vec<(String, u32)>,
    /// Kinds and values.
    pub facts: Vec<(&'static str, String)>,
    /// `ip:port`; none if there was no connection.
    pub peer: NameId,
    /// Titles of pools, and which of their rows the iteration had, from 1.
    pub rows: Vec<(NameId, usize)>,
    /// Of a call: its body as received; of a step: the whole answer.
    pub bytes: u64,
    /// Whether that was text of some size, and not compressed though it might have been.
    pub plain: bool,
}

impl Recorder {
    /// Writes into the ledger what is known of a call or a step that was chosen.
    pub fn keep(&mut self, chosen: Chosen, place: &Place, traits: &Traits) {
        let mut facts: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (kind, value) in &traits.facts {
            facts.push(((*kind).into(), value.as_str().into()));
        }
        if !traits.peer.is_none() {
            facts.push(("peer".into(), self.series.names.text(traits.peer).clone()));
        }
        for (pool, row) in &traits.rows {
            let kind = format!("row of {}", self.series.names.text(*pool));
            facts.push((kind.into(), row.to_string().into()));
        }
        for (tag, value) in self.series.sets.get(&place.extra).into_iter().flatten() {
            facts.push((format!("tag {tag}").into(), value.clone()));
        }
        let part = |(name, micros): &(String, u32)| -> (Arc<str>, u32) {
            (self.series.names.masked(name).into(), *micros)
        };
        let entry = Entry {
            at_ms: u32::try_from(traits.at.as_millis()).unwrap_or(u32::MAX),
            micros: micros(traits.duration),
            phases: traits.phases,
            parts: traits.parts.iter().map(part).collect(),
            facts: facts.into(),
            bytes: traits.bytes,
            plain: traits.plain,
        };
        self.ledgers.keep(chosen, entry);
    }

    /// The ledgers, once nothing more is recorded.
    pub fn close_ledgers(&mut self) -> Vec<Ledger> {
        let names = &self.series.names;
        self.ledgers.close(|id| names.text(id).clone())
    }
}
