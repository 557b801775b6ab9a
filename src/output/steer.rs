//! How a view of a run steers it: what may be asked for, and who does it. Views know no engine.

use serde::{Deserialize, Serialize};

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// No iteration of a closed scenario starts.
    Pause {
        /// Which.
        scenario: String,
    },
    /// They start again.
    Resume {
        /// Which.
        scenario: String,
    },
    /// So many users of a closed scenario iterate.
    Scale {
        /// Which.
        scenario: String,
        /// At most as many as it can have.
        users: u64,
    },
    /// The run ends; iterations under way may finish.
    Stop,
}

/// A scenario as it can be steered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Steered {
    /// Its name.
    pub scenario: String,
    /// How many users iterate; null: as the plan says.
    pub users: Option<u64>,
    /// Most that there can be.
    pub most: u64,
    /// Whether none starts.
    pub paused: bool,
}

/// Who does it.
pub trait Steer: Send + Sync {
    /// Every scenario that can be steered.
    fn steered(&self) -> Vec<Steered>;

    /// Does it.
    ///
    /// # Errors
    /// Why it was not done, as a sentence.
    fn steer(&self, command: &Command) -> Result<(), String>;
}
