//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes beside `path` and then moves there, so that no reader ever sees half a file. What is not
/// a plain file (`/dev/stderr`, a pipe) is written to as it is.
///
/// # Errors
/// What the system says; then nothing is left beside `path`, and what was there still is.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let mut file = BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
        write(&mut file)?;
        return file.flush();
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = temporary(path);
    let written = write_new(&beside, write).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Whether [`replace`] can begin; nothing of what is there changes. What is neither a file nor a
/// folder shows only when it is written.
///
/// # Errors
/// What the system says.
pub fn try_out(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => Ok(()),
        _ => {
            let beside = temporary(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
            File::create(&beside)?;
            fs::remove_file(&beside)
        }
    }
}

fn write_new(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.into_inner().map_err(|error| error.into_error())?.sync_all()
}

/// `dir/.report.json.4711.tmp` for `dir/report.json`.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}
