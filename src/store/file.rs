//! The file of a store: opened, made, and what is wrong with it in words.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi};

use super::Result;
use crate::diagnostic::Diagnostic;

/// Which SQLite files are ours: "LTRS".
const APPLICATION: i32 = 0x4c54_5253;

/// Of the tables and of what is in them.
const VERSION: i32 = 2;

/// Its tables are the same, its blocks are read, too; see [`block`](super::block).
const FORMER: i32 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// Blocks are of some kilobytes: in small pages little is lost at the end of each.
const PAGE: i32 = 1024;

/// How long somebody at the terminal waits for another writer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A store that is there.
pub fn open(path: &Path) -> Result<Connection> {
    refuse_folder(path)?;
    if let Err(error) = fs::metadata(path) {
        let missing = error.kind() == ErrorKind::NotFound;
        let hint = "`loadtool run` makes it; --store FILE or LOADTOOL_STORE names another";
        let what = format!("cannot open the store {}: {error}", path.display());
        return Err(match missing {
            true => Diagnostic::new(format!("there is no store {}", path.display())).hint(hint),
            false => Diagnostic::new(what),
        });
    }
    let first = connected(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(checked);
    let opened = match first {
        // Its folder cannot be written, so it can have no log beside it: all is in the file.
        Err(error) if is_unwritable(&error) => immutable(path).and_then(checked),
        opened => opened,
    };
    match opened {
        Ok((connection, Standing::Ours | Standing::Former)) => Ok(connection),
        Ok((_, Standing::Empty)) => Err(foreign(path)),
        Ok((_, standing)) => Err(standing.told(path)),
        Err(error) => Err(told(path, &error)),
    }
}

/// A store that is there, or a new one, with the folders that lead to it.
pub fn open_or_create(path: &Path) -> Result<Connection> {
    refuse_folder(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| {
            Diagnostic::new(format!("cannot make the store's folder {}: {error}", folder.display()))
        })?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let opened = connected(path, flags).and_then(checked);
    match opened.map_err(|error| told(path, &error))? {
        (connection, Standing::Ours) => {
            try_to_write(&connection).map_err(|error| told(path, &error))?;
            Ok(connection)
        }
        (connection, Standing::Former) => {
            // From now on a former loadtool would not know what it reads.
            let renewed = connection.pragma_update(None, "user_version", VERSION);
            renewed.map_err(|error| told(path, &error))?;
            Ok(connection)
        }
        (mut connection, Standing::Empty) => {
            make(&mut connection).map_err(|error| told(path, &error))?;
            Ok(connection)
        }
        (_, standing) => Err(standing.told(path)),
    }
}

/// SQLite calls a folder an I/O error.
fn refuse_folder(path: &Path) -> Result<()> {
    match path.is_dir() {
        true => Err(Diagnostic::new(format!(
            "cannot open the store {}: it is a folder",
            path.display()
        ))),
        false => Ok(()),
    }
}

fn connected(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    // A machine that goes down may lose the last seconds of the log, never what is before them.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Ok(mut url) = url::Url::from_file_path(absolute) else {
        return Err(rusqlite::Error::InvalidPath(path.to_owned()));
    };
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(url.as_str(), flags)
}

/// Whose tables a file has.
enum Standing {
    Ours,
    Former,
    Empty,
    Foreign,
    Newer(i32),
}

fn checked(connection: Connection) -> rusqlite::Result<(Connection, Standing)> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let standing = match (application, version) {
        (APPLICATION, VERSION) => Standing::Ours,
        (APPLICATION, FORMER) => Standing::Former,
        (APPLICATION, newer) => Standing::Newer(newer),
        (0, 0) if tables == 0 => Standing::Empty,
        _ => Standing::Foreign,
    };
    Ok((connection, standing))
}

/// Makes the tables, unless another process has in the meantime.
fn make(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let making = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 =
        making.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        making.execute_batch(SCHEMA)?;
        making.pragma_update(None, "application_id", APPLICATION)?;
        making.pragma_update(None, "user_version", VERSION)?;
    }
    making.commit()
}

/// SQLite opens what may only be read as if nothing were wrong. What is locked can be written later.
fn try_to_write(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_readonly("main")? {
        let words = "it is marked as read-only".to_owned();
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_READONLY),
            Some(words),
        ));
    }
    connection.busy_timeout(Duration::ZERO)?;
    let tried = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
    connection.busy_timeout(PATIENCE)?;
    match tried {
        Err(error) if is_locked(&error) => Ok(()),
        tried => tried,
    }
}

/// What is free in the file is cut off its end; nothing happens to one that was not made for it.
pub fn give_room_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut freeing = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = freeing.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

impl Standing {
    fn told(&self, path: &Path) -> Diagnostic {
        match self {
            Standing::Newer(version) => Diagnostic::new(format!(
                "the store {} was written by a newer loadtool: it has schema {version}, and this \
                 loadtool ({}) knows {VERSION}",
                path.display(),
                env!("CARGO_PKG_VERSION")
            ))
            .hint("use that one, or name another store by --store FILE"),
            _ => foreign(path),
        }
    }
}

fn foreign(path: &Path) -> Diagnostic {
    let what = format!("{} is no store of runs, but another program's database", path.display());
    Diagnostic::new(what).hint("name another file by --store FILE or LOADTOOL_STORE")
}

fn is_unwritable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// What SQLite says, for the store's user.
pub fn told(path: &Path, error: &rusqlite::Error) -> Diagnostic {
    let place = path.display();
    let cause = cause(error);
    match error.sqlite_error_code() {
        _ if is_locked(error) => {
            Diagnostic::new(format!("the store {place} is locked by another program"))
                .hint("wait until that one is done, or end it: `fuser` names it")
        }
        Some(ErrorCode::NotADatabase) => Diagnostic::new(format!("{place} is no store of runs"))
            .hint("name another file by --store FILE or LOADTOOL_STORE"),
        Some(ErrorCode::DatabaseCorrupt) => damaged(path, &cause),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Diagnostic::new(format!("the store {place} cannot be written: {cause}"))
                .hint("its file and its folder must be yours to write")
        }
        Some(ErrorCode::CannotOpen) => {
            Diagnostic::new(format!("cannot open the store {place}: {cause}"))
        }
        Some(ErrorCode::DiskFull) => {
            Diagnostic::new(format!("the store {place} cannot grow: {cause}"))
                .hint("`loadtool runs prune --keep N` gives room back")
        }
        _ => Diagnostic::new(format!("the store {place}: {cause}")),
    }
}

/// What stands in a store is not what loadtool writes.
pub fn damaged(path: &Path, what: &str) -> Diagnostic {
    Diagnostic::new(format!("the store {} is damaged: {what}", path.display())).hint(
        "move it away, and the next run begins a new one; `sqlite3 FILE .recover` saves what can be",
    )
}

/// SQLite's own words, without the numbers around them.
pub fn cause(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(words)) => words.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(result: Result<Connection>) -> String {
        result.expect_err("it is no store").to_string()
    }

    #[test]
    fn a_store_is_made_once_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/runs.db");
        assert!(fault(open(&path)).contains("there is no store "));
        drop(open_or_create(&path).unwrap());
        let again = open_or_create(&path).unwrap();
        let mode: String =
            again.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        assert!(open(&path).is_ok());
    }

    #[test]
    fn what_is_no_store_of_ours_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        fs::write(&path, "this is a text that is longer than a head of a database".repeat(9))
            .unwrap();
        for opened in [open(&path), open_or_create(&path)] {
            assert!(fault(opened).contains("is no store of runs"));
        }
        fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE mine (a)").unwrap();
        assert!(fault(open_or_create(&path)).contains("another program's database"));
        other.execute_batch("DROP TABLE mine").unwrap();
        drop(open_or_create(&path).unwrap());
        other.pragma_update(None, "user_version", FORMER).unwrap();
        assert!(open(&path).is_ok());
        let number = |store: &Connection| {
            store.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0)).unwrap()
        };
        assert_eq!(number(&other), FORMER, "who reads changes nothing");
        drop(open_or_create(&path).unwrap());
        assert_eq!(number(&other), VERSION);
        other.pragma_update(None, "user_version", 9).unwrap();
        let newer = fault(open(&path));
        assert!(newer.contains("a newer loadtool: it has schema 9"), "{newer}");
        assert!(fault(open(folder.path())).contains("cannot open the store"));
    }
}
