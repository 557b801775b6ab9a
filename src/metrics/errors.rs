//! Errors by kind: deduplicated where they arise, with the first one kept as a sample.

use std::hash::{Hash, Hasher};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::fold;

/// Distinct kinds that are kept apart; further ones are only counted.
pub const MOST_KINDS: usize = 100;
/// What an error can be (measurement.md, section 5), so that samples need not carry texts.
pub const CATEGORIES: [&str; 16] = [
    "script",
    "assertion",
    "extract",
    "resource",
    "dns",
    "connect",
    "tls",
    "timeout",
    "reset",
    "protocol",
    "body",
    "body_too_large",
    "redirect",
    "client_error",
    "server_error",
    "status",
];

/// The category of that name.
pub fn category(name: &str) -> Option<&'static str> {
    CATEGORIES.into_iter().find(|known| *known == name)
}

/// What is kept of a message.
const LONGEST_MESSAGE: usize = 4096;

/// One kind of error within a Window: deduplicated, with a sample of what it looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRow {
    /// `dns` … `resource` (measurement.md, section 5).
    pub category: &'static str,
    /// Index of the scenario in the plan.
    pub scenario: u16,
    /// Path of the step; empty outside steps.
    pub step: Arc<str>,
    /// HTTP status; 0 if there was none.
    pub status: u16,
    /// The first one's message, whole up to 4 KiB.
    pub message: String,
    /// The message with numbers and ids folded: the key together with the fields above.
    pub folded: String,
    /// How often.
    pub count: u64,
    /// First time since the run began.
    pub first: Duration,
    /// Last time since the run began.
    pub last: Duration,
    /// Request and response of one of them, redacted; for `script` the line and traceback.
    pub exemplar: Option<String>,
}

impl ErrorRow {
    /// What makes two errors the same kind, and the order of kinds in a Window.
    pub(super) fn key(&self) -> (&str, u16, &str, u16, &str) {
        (self.category, self.scenario, &self.step, self.status, &self.folded)
    }

    /// Adds another of the same kind. Of two messages the earlier stays, of two exemplars the
    /// lesser, so that the order of merging does not matter.
    pub(super) fn merge(&mut self, other: &ErrorRow) {
        if (other.first, &other.message) < (self.first, &self.message) {
            self.message.clone_from(&other.message);
        }
        self.exemplar = match (self.exemplar.take(), &other.exemplar) {
            (Some(ours), Some(theirs)) => Some(if *theirs < ours { theirs.clone() } else { ours }),
            (ours, theirs) => ours.or_else(|| theirs.clone()),
        };
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// One error as it arises.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault<'a> {
    pub category: &'static str,
    pub scenario: u16,
    pub step: &'a Arc<str>,
    pub status: u16,
    pub message: &'a str,
    pub at: Duration,
}

/// The kinds that one worker has met, and how often since they were last handed out.
#[derive(Debug, Default)]
pub(super) struct ErrorBook {
    /// By first appearance, each with the hash of its key.
    kinds: Vec<(u64, ErrorRow)>,
    lost: u64,
    scratch: String,
}

impl ErrorBook {
    /// Counts an error; `exemplar` is called for the first of its kind. About 0.3 µs.
    pub fn add(&mut self, fault: &Fault<'_>, exemplar: impl FnOnce() -> String) {
        let mut folded = mem::take(&mut self.scratch);
        fold::fold(fault.message, &mut folded);
        let key = (fault.category, fault.scenario, &**fault.step, fault.status, folded.as_str());
        let hash = hash(key);
        match self.kinds.iter().position(|(h, row)| *h == hash && row.key() == key) {
            Some(known) => count(&mut self.kinds[known].1, fault.at),
            None if self.kinds.len() < MOST_KINDS => {
                self.kinds.push((hash, first_of(fault, &folded, exemplar())));
            }
            None => self.lost += 1,
        }
        self.scratch = folded;
    }

    /// What came since the last call, sorted by key, and how many were of kinds beyond the cap.
    pub fn drain(&mut self) -> (Vec<ErrorRow>, u64) {
        let mut rows = Vec::new();
        for (_, row) in self.kinds.iter_mut().filter(|(_, row)| row.count > 0) {
            let exemplar = row.exemplar.take();
            rows.push(ErrorRow { exemplar, ..row.clone() });
            row.count = 0;
        }
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        (rows, mem::take(&mut self.lost))
    }
}

fn hash(key: impl Hash) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

fn count(row: &mut ErrorRow, at: Duration) {
    if row.count == 0 {
        row.first = at;
        row.last = at;
    }
    row.count += 1;
    row.first = row.first.min(at);
    row.last = row.last.max(at);
}

fn first_of(fault: &Fault<'_>, folded: &str, exemplar: String) -> ErrorRow {
    ErrorRow {
        category: fault.category,
        scenario: fault.scenario,
        step: fault.step.clone(),
        status: fault.status,
        message: fold::cut(fault.message, LONGEST_MESSAGE).to_owned(),
        folded: folded.to_owned(),
        count: 1,
        first: fault.at,
        last: fault.at,
        exemplar: Some(exemplar),
    }
}
