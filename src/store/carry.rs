//! Runs from one store to another, and out of one.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::list::{State, Stored};
use super::{Result, Store, file};
use crate::diagnostic::Diagnostic;

/// Tables whose rows belong to a run, with the columns after `run`.
const OF_RUNS: [&str; 6] = ["labels", "series", "timeline", "errors", "frames", "blocks"];

/// Columns of `runs` but for the number, which is a store's own.
const RUN: &str = "id, state, process, kind, name, script, script_path, script_sha256, git_commit,
    git_branch, started_at, seed, threads, tool_version, verdict, exit_code, duration_s, calls,
    failed, p95_ms, plan, outline, summary";

impl Store {
    /// Puts one run into a file of its own, which is a store like any other. What is there must be a
    /// store, or nothing.
    ///
    /// # Errors
    /// The file is something else, or cannot be written; or it holds the run already.
    pub fn export(&self, run: &Stored, to: &Path) -> Result<()> {
        let other = Store::open_or_create(to)?;
        match other.copy(self, std::slice::from_ref(run))? {
            0 => {
                let what = format!("{} holds the run {} already", to.display(), run.short());
                Err(Diagnostic::new(what))
            }
            _ => other.settle(),
        }
    }

    /// Takes over all runs of another store that this one has not; gives how many those were, and
    /// how many there are.
    ///
    /// # Errors
    /// The other is no store; or one of them cannot be read or written.
    pub fn import(&self, from: &Path) -> Result<(usize, usize)> {
        let other = Store::open(from)?;
        let runs = other.runs(&Default::default())?;
        Ok((self.copy(&other, &runs)?, runs.len()))
    }

    /// Removes runs, and gives their room back to the system.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn remove(&self, runs: &[Stored]) -> Result<()> {
        let remove = || {
            let removing = self.connection.unchecked_transaction()?;
            for run in runs.iter().filter(|run| run.state != State::Running) {
                for table in OF_RUNS {
                    removing.execute(&format!("DELETE FROM {table} WHERE run = ?1"), [run.n])?;
                }
                removing.execute("DELETE FROM runs WHERE n = ?1", [run.n])?;
            }
            removing.execute(
                "DELETE FROM scripts WHERE sha256 NOT IN (SELECT script_sha256 FROM runs)",
                [],
            )?;
            removing.commit()
        };
        remove().map_err(|error| self.fault(&error))?;
        if !runs.is_empty() {
            // A run that is under way holds the file: then the room is used again by those to come.
            let _ = self.connection.execute_batch("VACUUM");
        }
        Ok(())
    }

    /// Everything into the file itself, with no log beside it: so it can be carried away.
    fn settle(self) -> Result<()> {
        let settled = self.connection.pragma_update(None, "journal_mode", "DELETE");
        settled.map_err(|error| file::told(&self.path, &error))
    }

    fn copy(&self, from: &Store, runs: &[Stored]) -> Result<usize> {
        let path = from.path.to_str().ok_or_else(|| {
            Diagnostic::new(format!("the name of {} is not UTF-8", from.path.display()))
        })?;
        let fault = |error: rusqlite::Error| self.fault(&error);
        self.connection.execute("ATTACH ?1 AS other", [path]).map_err(fault)?;
        let copied = copy_attached(&self.connection, runs).map_err(fault);
        self.connection.execute("DETACH other", []).map_err(fault)?;
        copied
    }
}

/// Copies runs from the store that is attached as `other`; gives how many were not there.
fn copy_attached(connection: &Connection, runs: &[Stored]) -> rusqlite::Result<usize> {
    let copying = connection.unchecked_transaction()?;
    let mut copied = 0;
    for run in runs {
        let there: Option<i64> = copying
            .query_row("SELECT n FROM main.runs WHERE id = ?1", [&run.id], |row| row.get(0))
            .optional()?;
        if there.is_some() {
            continue;
        }
        copying.execute(
            &format!("INSERT INTO main.runs ({RUN}) SELECT {RUN} FROM other.runs WHERE n = ?1"),
            [run.n],
        )?;
        let n = copying.last_insert_rowid();
        for table in OF_RUNS {
            copy_table(&copying, table, run.n, n)?;
        }
        copying.execute(
            "INSERT OR IGNORE INTO main.scripts
             SELECT * FROM other.scripts WHERE sha256 = ?1",
            [&run.script_sha256],
        )?;
        copied += 1;
    }
    copying.commit()?;
    Ok(copied)
}

fn copy_table(connection: &Connection, table: &str, from: i64, to: i64) -> rusqlite::Result<()> {
    let read = "SELECT group_concat(name, ', ') FROM pragma_table_info(?1) WHERE name <> 'run'";
    let columns: String = connection.query_row(read, [table], |row| row.get(0))?;
    connection.execute(
        &format!(
            "INSERT INTO main.{table} (run, {columns})
             SELECT ?2, {columns} FROM other.{table} WHERE run = ?1"
        ),
        params![from, to],
    )?;
    Ok(())
}
