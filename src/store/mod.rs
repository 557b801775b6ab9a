//! The store: every run and limit search in one SQLite file, second by second.
//!
//! [`keeper`] is the sink that writes while a run goes on, a transaction a second; what dies in the
//! middle has lost its last second at most. [`list`] finds runs again, [`slice`] reads any series
//! over any time, [`loads`] says over how much of it a rate is, [`replay`] makes the summary of a run
//! that never got to make its own, [`carry`] moves runs between files. A second is first kept whole (`frames`), then, every five minutes, as a
//! block per series (`blocks`): what has to be written is little, and what is read lies together.
//!
//! Formats are in [`pack`] and [`block`], tables in `schema.sql`; `docs/store.md` tells both to others.

mod block;
mod carry;
mod file;
mod git;
pub mod keeper;
pub mod list;
mod lives;
pub mod loads;
mod outline;
mod pack;
pub mod place;
mod process;
mod replay;
pub mod seconds;
pub mod slice;
mod windows;

use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::diagnostic::Diagnostic;

/// What goes wrong with a store is told to its user.
pub type Result<T> = std::result::Result<T, Diagnostic>;

/// A store that is open.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// One that is there.
    ///
    /// # Errors
    /// It is not there, is none, is damaged, or was written by a newer loadtool.
    pub fn open(path: &Path) -> Result<Store> {
        Ok(Store { connection: file::open(path)?, path: path.to_owned() })
    }

    /// The same, or a new one.
    ///
    /// # Errors
    /// Likewise, or it cannot be made.
    pub fn open_or_create(path: &Path) -> Result<Store> {
        Ok(Store { connection: file::open_or_create(path)?, path: path.to_owned() })
    }

    /// Whether a file is an SQLite database, by its first bytes.
    pub fn is_one(path: &Path) -> bool {
        let mut head = [0; 16];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
        read.is_ok() && head == *b"SQLite format 3\0"
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What SQLite says of it, as its user is told.
    fn fault(&self, error: &rusqlite::Error) -> Diagnostic {
        file::told(&self.path, error)
    }

    /// What stands in it is not what loadtool writes.
    fn damaged(&self, what: &str) -> Diagnostic {
        file::damaged(&self.path, what)
    }
}
