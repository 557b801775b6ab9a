//! Which runs there are, and which of them is meant: `last`, `last~1`, the beginning of an id.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Result, Store, process};
use crate::diagnostic::Diagnostic;
use crate::results::format;

/// How many runs an answer names that could have been meant.
const NAMED: usize = 5;

/// How much of an id is shown: the time to the millisecond, which tells one person's runs apart.
const SHOWN: usize = 13;

/// A run, as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// By which the tables mean it.
    pub(super) n: i64,
    /// Whole.
    pub id: String,
    /// Whether it came to its end.
    pub state: State,
    /// `run`, `limit`.
    pub kind: String,
    /// The test's name.
    pub name: String,
    /// The script's file, as typed.
    pub script: String,
    /// The same, absolute.
    pub script_path: String,
    /// Of its text.
    pub script_sha256: String,
    /// Of the script's folder.
    pub commit: Option<String>,
    /// Likewise.
    pub branch: Option<String>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Of loadtool.
    pub tool_version: String,
    /// `pass`, ….
    pub verdict: Option<String>,
    /// Of the process.
    pub exit_code: Option<u8>,
    /// Until the last iteration ended; of a run that is not done, as many seconds as are kept.
    pub duration_s: f64,
    /// Calls of phase `load`.
    pub calls: Option<u64>,
    /// Of them, failed.
    pub failed: Option<u64>,
    /// Of them.
    pub p95_ms: Option<f64>,
    /// In the order of their keys.
    pub labels: Vec<(String, String)>,
}

/// Whether a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is under way.
    Running,
    /// It has a summary.
    Done,
    /// Its process ended without a word.
    Interrupted,
}

impl State {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Interrupted => "interrupted",
        }
    }
}

/// Which runs are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// All of them.
    pub labels: Vec<(String, String)>,
    /// A file, its name, or the test's name.
    pub script: Option<String>,
    /// Begun then or later.
    pub since: Option<Timestamp>,
}

impl Stored {
    /// The beginning of its id, by which it is meant.
    pub fn short(&self) -> &str {
        short(&self.id)
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// When it began.
    pub fn began(&self) -> Option<Timestamp> {
        self.started_at.parse().ok()
    }

    fn is_of(&self, script: &str) -> bool {
        let absolute = std::path::absolute(script).map(|path| path.display().to_string());
        let file = |path: &str| path.rsplit('/').next() == Some(script);
        self.name == script
            || self.script == script
            || file(&self.script)
            || absolute.is_ok_and(|path| path == self.script_path)
    }
}

/// The beginning of an id, by which a run is meant.
pub fn short(id: &str) -> &str {
    id.get(..SHOWN).unwrap_or(id)
}

impl Filter {
    fn lets(&self, run: &Stored) -> bool {
        let labelled = |(key, value): &(String, String)| run.label(key) == Some(value);
        self.labels.iter().all(labelled)
            && self.script.as_deref().is_none_or(|script| run.is_of(script))
            && self.since.is_none_or(|since| run.began().is_some_and(|began| began >= since))
    }
}

impl Store {
    /// The runs that a filter lets through, the latest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<Stored>> {
        let all = self.all().map_err(|error| self.fault(&error))?;
        Ok(all.into_iter().filter(|run| filter.lets(run)).collect())
    }

    /// Those of them that can be held against each other, since they came to the end of a load that
    /// their plan gave them; and in words which of the others there are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn ended(&self, filter: &Filter) -> Result<(Vec<Stored>, Option<String>)> {
        let is_search = |run: &Stored| run.kind != "run";
        let (ended, others): (Vec<Stored>, Vec<Stored>) = (self.runs(filter)?.into_iter())
            .partition(|run| run.state == State::Done && !is_search(run));
        let searches = others.iter().filter(|run| is_search(run)).count() as u64;
        let others = others.len() as u64 - searches;
        let told = [(others, "that did not come to an end"), (searches, "of `loadtool limit`")];
        let told = told.into_iter().filter(|(count, _)| *count > 0);
        let told = told.map(|(count, which)| format!("{} {which}", format::counted(count, "run")));
        let left_out = told.collect::<Vec<_>>().join(" and ");
        Ok((ended, (!left_out.is_empty()).then(|| format!("left out: {left_out}"))))
    }

    /// The run that is meant.
    ///
    /// # Errors
    /// None is, or several are; or the store cannot be read.
    pub fn find(&self, wanted: &str) -> Result<Stored> {
        let runs = self.runs(&Filter::default())?;
        let place = self.path().display();
        if runs.is_empty() {
            return Err(Diagnostic::new(format!("there is no run in the store {place}"))
                .hint("`loadtool run` keeps each; LOADTOOL_STORE=none switches that off"));
        }
        if let Some(back) = back(wanted) {
            let most = runs.len();
            return runs.into_iter().nth(back).ok_or_else(|| {
                Diagnostic::new(format!("there is no run `{wanted}`: {most} are in {place}"))
            });
        }
        let lower = wanted.to_ascii_lowercase();
        let meant: Vec<&Stored> = match wanted.is_empty() {
            true => Vec::new(),
            false => runs.iter().filter(|run| run.id.starts_with(&lower)).collect(),
        };
        match meant[..] {
            [one] => Ok(one.clone()),
            [] => Err(Diagnostic::new(format!("there is no run `{wanted}` in the store {place}"))
                .hint(format!("the last is {}; `loadtool runs` lists them", runs[0].short()))),
            [..] => {
                let named: Vec<&str> =
                    meant.iter().take(NAMED).map(|run| run.id.as_str()).collect();
                let several = format!("`{wanted}` begins the ids of {} runs", meant.len());
                Err(Diagnostic::new(several).hint(format!("among them {}", named.join(", "))))
            }
        }
    }

    fn all(&self) -> rusqlite::Result<Vec<Stored>> {
        let mut select = self.connection.prepare(
            "SELECT n, id, state, process, kind, name, script, script_path, script_sha256,
                 git_commit, git_branch, started_at, tool_version, verdict, exit_code,
                 coalesce(duration_s, (SELECT max(second) + 1.0 FROM timeline WHERE run = n), 0.0),
                 calls, failed, p95_ms
             FROM runs ORDER BY id DESC",
        )?;
        let mut runs: Vec<Stored> =
            select.query_map([], stored)?.collect::<rusqlite::Result<_>>()?;
        let mut labels = self.connection.prepare("SELECT key, value FROM labels WHERE run = ?1")?;
        for run in &mut runs {
            run.labels = labels
                .query_map([run.n], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
        }
        Ok(runs)
    }
}

fn stored(row: &Row) -> rusqlite::Result<Stored> {
    let (state, process): (String, String) = (row.get(2)?, row.get(3)?);
    let count = |place: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(place)?.map(i64::unsigned_abs))
    };
    Ok(Stored {
        n: row.get(0)?,
        id: row.get(1)?,
        state: match state.as_str() {
            "done" => State::Done,
            "running" if process::lives(&process) => State::Running,
            _ => State::Interrupted,
        },
        kind: row.get(4)?,
        name: row.get(5)?,
        script: row.get(6)?,
        script_path: row.get(7)?,
        script_sha256: row.get(8)?,
        commit: row.get(9)?,
        branch: row.get(10)?,
        started_at: row.get(11)?,
        tool_version: row.get(12)?,
        verdict: row.get(13)?,
        exit_code: row.get(14)?,
        duration_s: row.get(15)?,
        calls: count(16)?,
        failed: count(17)?,
        p95_ms: row.get(18)?,
        labels: Vec::new(),
    })
}

/// How many runs before the last one.
fn back(wanted: &str) -> Option<usize> {
    match wanted.strip_prefix("last")? {
        "" => Some(0),
        more => more.strip_prefix('~')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_back_from_the_last() {
        for (wanted, expected) in [
            ("last", Some(0)),
            ("last~1", Some(1)),
            ("last~12", Some(12)),
            ("last~", None),
            ("last~x", None),
            ("lasts", None),
            ("0199", None),
        ] {
            assert_eq!(back(wanted), expected, "{wanted}");
        }
    }
}
