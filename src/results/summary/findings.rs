//! What was unusual in the course of the run.

use serde::{Deserialize, Serialize};

/// Something that bends the numbers, or was unusual in the course of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// One word, for programs: `dropped`, `overflow`, `high_latency`, ….
    pub kind: String,
    /// One sentence, for people.
    pub message: String,
    /// When and how far, of what was unusual in the course of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<Episode>,
}

impl Anomaly {
    /// Of the run as a whole.
    pub fn told(kind: &str, message: String) -> Anomaly {
        Anomaly { kind: kind.to_owned(), message, episode: None }
    }
}

/// A part of the run in which a series was not as usual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// How far off.
    pub severity: Severity,
    /// Which series, in words: `p95 of GET /login`.
    pub series: String,
    /// Its first second, since the run began.
    pub from_s: u32,
    /// The second after its last.
    pub to_s: u32,
    /// The worst second; of a level that changed or drifted, where it went.
    pub observed: f64,
    /// The other seconds' median; of a level that changed or drifted, where it came from.
    pub usual: f64,
    /// Of both: `ms`, `fraction`, `1/s`, `percent` or `bytes`.
    pub unit: String,
}

/// How far off something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Beyond what chance explains.
    Warning,
    /// Twice as far.
    Critical,
}
