//! How a view of a run steers it: what may be asked for, and who does it. Views know no engine.
//! What keys mean is the same wherever they are read.

use serde::{Deserialize, Serialize};

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    /// So many iterations of an open scenario start per second.
    Rate {
        /// Which.
        scenario: String,
        /// From 0 on.
        per_s: f64,
    },
    /// The run ends; iterations under way may finish.
    Stop,
}

/// A closed scenario as it can be steered.
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
    /// Whether it is for whoever steers to say how many there are.
    pub manual: bool,
}

/// An open scenario as it can be steered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paced {
    /// Its name.
    pub scenario: String,
    /// How many iterations start per second; null: as the plan says.
    pub per_s: Option<f64>,
    /// Most that may.
    pub most: f64,
}

/// Who does it.
pub trait Steer: Send + Sync {
    /// Every closed scenario that can be steered.
    fn steered(&self) -> Vec<Steered>;

    /// Every open one.
    fn paced(&self) -> Vec<Paced>;

    /// Does it.
    ///
    /// # Errors
    /// Why it was not done, as a sentence.
    fn steer(&self, command: &Command) -> Result<(), String>;
}

/// What was steered: `paused`, `5 of 20 users wanted`; empty if nothing differs from the plan. Of a
/// scenario that is not `alone` with its name.
pub fn told(steered: &[Steered], alone: bool) -> String {
    let told = steered.iter().filter_map(|one| {
        let state = match (one.paused, one.users) {
            (true, _) => "paused".to_owned(),
            (false, Some(users)) => format!("{users} of {} users wanted", one.most),
            (false, None) => return None,
        };
        Some(if alone { state } else { format!("{}: {state}", one.scenario) })
    });
    told.collect::<Vec<_>>().join("  ")
}

/// A key changes the number of users by this part of the most, and by one at least.
const PART: u64 = 20;

/// A wish that is said with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// `+`
    More,
    /// `-`
    Fewer,
    /// `p`: the other way round if all are paused.
    Pause,
    /// `q`
    Stop,
}

impl Wish {
    /// What a key says, if anything.
    pub fn of(key: u8) -> Option<Wish> {
        match key {
            b'+' | b'=' => Some(Wish::More),
            b'-' | b'_' => Some(Wish::Fewer),
            b'p' => Some(Wish::Pause),
            b'q' => Some(Wish::Stop),
            _ => None,
        }
    }

    /// Does it to the manual scenarios, or to all closed ones if there is none; gives what was
    /// refused, as sentences.
    pub fn fulfil(self, steer: &dyn Steer) -> Vec<String> {
        self.commands(steer.steered())
            .iter()
            .filter_map(|command| steer.steer(command).err())
            .collect()
    }

    fn commands(self, mut all: Vec<Steered>) -> Vec<Command> {
        if self == Wish::Stop {
            return vec![Command::Stop];
        }
        if all.iter().any(|one| one.manual) && self != Wish::Pause {
            all.retain(|one| one.manual);
        }
        let paused = all.iter().all(|one| one.paused);
        let command = |one: Steered| match self {
            Wish::More => Command::Scale { users: one.more(), scenario: one.scenario },
            Wish::Fewer => Command::Scale { users: one.fewer(), scenario: one.scenario },
            Wish::Pause if paused => Command::Resume { scenario: one.scenario },
            Wish::Pause => Command::Pause { scenario: one.scenario },
            Wish::Stop => Command::Stop,
        };
        all.into_iter().map(command).collect()
    }
}

impl Steered {
    fn more(&self) -> u64 {
        (self.iterating() + self.part()).min(self.most)
    }

    fn fewer(&self) -> u64 {
        self.iterating().saturating_sub(self.part())
    }

    fn iterating(&self) -> u64 {
        self.users.unwrap_or(self.most)
    }

    fn part(&self) -> u64 {
        (self.most / PART).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str, manual: bool, paused: bool) -> Steered {
        Steered { scenario: name.to_owned(), users: Some(5), most: 60, paused, manual }
    }

    fn commands(wish: Wish, paused: [bool; 2]) -> String {
        let all = vec![scenario("a", false, paused[0]), scenario("b", true, paused[1])];
        let told = wish.commands(all).into_iter().map(|command| match command {
            Command::Pause { scenario } => format!("pause {scenario}"),
            Command::Resume { scenario } => format!("resume {scenario}"),
            Command::Scale { scenario, users } => format!("{scenario} {users}"),
            other => format!("{other:?}").to_lowercase(),
        });
        told.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn manual_scenarios_are_scaled_and_all_are_paused() {
        assert_eq!(commands(Wish::More, [false; 2]), "b 8");
        assert_eq!(commands(Wish::Fewer, [false; 2]), "b 2");
        assert_eq!(commands(Wish::Pause, [true, false]), "pause a, pause b");
        assert_eq!(commands(Wish::Pause, [true; 2]), "resume a, resume b");
        assert_eq!(commands(Wish::Stop, [false; 2]), "stop");
    }

    #[test]
    fn a_number_of_users_stays_between_none_and_all() {
        let one = |users| Steered { users, ..scenario("a", true, false) };
        assert_eq!((one(Some(59)).more(), one(Some(1)).fewer()), (60, 0));
        assert_eq!((one(None).more(), one(None).fewer()), (60, 57));
    }
}
