//! Runs from one store to another, and out of one.
//!
//! Rows are read over one connection and written over another, not by SQLite's `ATTACH`: so a store
//! that may only be read is read as it is anywhere else, and whatever goes wrong is told of the one
//! file of the two that it is about.

use std::fs;
use std::path::Path;
use std::slice::from_ref;

use rusqlite::types::Value;
use rusqlite::{Transaction, TransactionBehavior, params_from_iter};

use super::list::{Filter, State, Stored};
use super::{Result, Store};
use crate::diagnostic::Diagnostic;

/// Tables whose rows belong to a run.
const OF_RUNS: [&str; 6] = ["labels", "series", "timeline", "errors", "frames", "blocks"];

/// Rows of a table: those whose `key` is `is`, which `becomes` what it is called elsewhere.
struct Rows {
    table: &'static str,
    key: &'static str,
    is: Value,
    becomes: Value,
}

impl Store {
    /// Has `work` done in a store that is there or new; a new one in which it puts nothing is removed
    /// again.
    ///
    /// # Errors
    /// There can be no store; or those of `work`.
    pub fn filled<T>(path: &Path, work: impl FnOnce(&Store) -> Result<T>) -> Result<T> {
        let is_new = !path.exists();
        let store = Store::open_or_create(path)?;
        let done = work(&store);
        let is_empty = || store.runs(&Filter::default()).is_ok_and(|runs| runs.is_empty());
        let in_vain = is_new && done.is_err() && is_empty();
        drop(store); // the log beside it goes with the last who has it open
        if in_vain {
            let _ = fs::remove_file(path); // what went wrong is told already
        }
        done
    }

    /// Puts one run into a file of its own, which is a store like any other. What is there must be a
    /// store, or nothing.
    ///
    /// # Errors
    /// This one cannot be read; or the file is something else, cannot be written, or holds the run
    /// already.
    pub fn export(&self, run: &Stored, to: &Path) -> Result<()> {
        Store::filled(to, |other| match other.copy(self, from_ref(run))? {
            0 => {
                let what = format!("{} holds the run {} already", to.display(), run.short());
                Err(Diagnostic::new(what))
            }
            _ => other.settle(),
        })
    }

    /// Takes over all runs of another store that this one has not; gives how many those were, and
    /// how many there are.
    ///
    /// # Errors
    /// The other cannot be read, or this one not be written.
    pub fn import(&self, other: &Store) -> Result<(usize, usize)> {
        let runs = other.runs(&Filter::default())?;
        Ok((self.copy(other, &runs)?, runs.len()))
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
    fn settle(&self) -> Result<()> {
        let settled = self.connection.pragma_update(None, "journal_mode", "DELETE");
        settled.map_err(|error| self.fault(&error))
    }

    /// Copies runs of another store; gives how many were not there.
    fn copy(&self, from: &Store, runs: &[Stored]) -> Result<usize> {
        // Whoever writes a run may move its seconds from one table to the other meanwhile.
        let reading = from.connection.unchecked_transaction();
        let _reading = reading.map_err(|error| from.fault(&error))?;
        let immediate = TransactionBehavior::Immediate;
        let writing = Transaction::new_unchecked(&self.connection, immediate);
        let writing = writing.map_err(|error| self.fault(&error))?;
        let mut copied = 0;
        for run in runs {
            if !self.has(run).map_err(|error| self.fault(&error))? {
                self.copy_run(from, run)?;
                copied += 1;
            }
        }
        writing.commit().map_err(|error| self.fault(&error))?;
        Ok(copied)
    }

    fn has(&self, run: &Stored) -> rusqlite::Result<bool> {
        let there = "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1)";
        self.connection.query_row(there, [&run.id], |row| row.get(0))
    }

    fn copy_run(&self, from: &Store, run: &Stored) -> Result<()> {
        let number = Value::from(run.n);
        let unknown = Value::Null; // SQLite numbers it
        self.copy_rows(
            from,
            &Rows { table: "runs", key: "n", is: number.clone(), becomes: unknown },
        )?;
        let new = Value::from(self.connection.last_insert_rowid());
        for table in OF_RUNS {
            let (is, becomes) = (number.clone(), new.clone());
            self.copy_rows(from, &Rows { table, key: "run", is, becomes })?;
        }
        let script = Value::from(run.script_sha256.clone());
        self.copy_rows(
            from,
            &Rows { table: "scripts", key: "sha256", is: script.clone(), becomes: script },
        )
    }

    fn copy_rows(&self, from: &Store, rows: &Rows) -> Result<()> {
        let read = |error: rusqlite::Error| from.fault(&error);
        let write = |error: rusqlite::Error| self.fault(&error);
        let Rows { table, key, is, becomes } = rows;
        let select = format!("SELECT * FROM {table} WHERE {key} = ?1");
        let mut select = from.connection.prepare(&select).map_err(read)?;
        let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
        let places = vec!["?"; columns.len()].join(", ");
        // Of all rows only a script may be there.
        let insert =
            format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({places})", columns.join(", "));
        let mut insert = self.connection.prepare(&insert).map_err(write)?;
        let mut selected = select.query([is]).map_err(read)?;
        while let Some(row) = selected.next().map_err(read)? {
            let value = |(place, column): (usize, &String)| match column == key {
                true => Ok(becomes.clone()),
                false => row.get(place),
            };
            let values: rusqlite::Result<Vec<Value>> =
                columns.iter().enumerate().map(value).collect();
            insert.execute(params_from_iter(values.map_err(read)?)).map_err(write)?;
        }
        Ok(())
    }
}
