//! The summary as JSON: a file that is there whole or not at all, or stdout.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Output, OutputError, quietly};
use crate::results::{Summary, Tick};

const WHAT: &str = "the JSON summary";

/// Writes the summary when the run is over.
pub enum Json {
    /// To a file, by way of a temporary one beside it.
    File(PathBuf),
    /// To a stream: `--summary-json -`.
    Stream(Box<dyn Write>),
}

impl Output for Json {
    fn tick(&mut self, _: &Tick) {}

    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        match self {
            Json::File(path) => quietly(replace(path, summary), WHAT, &*path),
            Json::Stream(stream) => {
                quietly(write(&mut BufWriter::new(stream), summary), WHAT, "stdout")
            }
        }
    }
}

fn write(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, summary).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes beside `path` and then moves there, so that no reader ever sees half a file. What is not
/// a plain file (`/dev/stderr`, a pipe) is written to as it is.
fn replace(path: &Path, summary: &Summary) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let mut file = BufWriter::new(fs::OpenOptions::new().write(true).open(path)?);
        return write(&mut file, summary);
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside = temporary(path);
    let written = write_new(&beside, summary).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, summary: &Summary) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file, summary)?;
    file.into_inner().map_err(|error| error.into_error())?.sync_all()
}

/// `dir/.report.json.4711.tmp` for `dir/report.json`.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::example;

    fn finish(path: &Path) -> Result<(), OutputError> {
        Json::File(path.to_owned()).finish(&example::bad())
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        fs::write(&path, "an older report that is in the way").unwrap();
        finish(&path).unwrap();
        let read: Summary = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(read == example::bad(), "what is read is what was written");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link_to_the_new_report() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("a.json"), dir.path().join("latest.json"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        finish(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&target).unwrap().starts_with('{'));
    }

    #[test]
    fn what_cannot_be_written_is_told_with_file_and_cause() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing/report.json");
        let error = finish(&path).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the JSON summary to "), "{error}");
        assert!(error.contains("missing/report.json: No such file or directory"), "{error}");
        assert!(finish(dir.path()).is_err(), "a folder is no file");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_fault() {
        Json::Stream(Box::new(Closed)).finish(&example::bad()).unwrap();
    }
}
