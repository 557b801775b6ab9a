//! The summary as JSON: a file that is there whole or not at all, or stdout.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::{Output, OutputError, file, quietly};
use crate::results::{Summary, Tick};

const WHAT: &str = "the JSON summary";

/// Writes the summary when the run is over.
pub enum Json {
    /// To a file, by way of a temporary one beside it.
    File(PathBuf),
    /// To a stream: `--summary-json -`.
    Stream(Box<dyn Write>),
}

impl Json {
    /// To a file, which is tried first: nobody wants to learn after an hour that its folder is
    /// missing. Nothing of what is there changes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn file(path: PathBuf) -> Result<Json, OutputError> {
        quietly(file::try_out(&path), WHAT, &path)?;
        Ok(Json::File(path))
    }
}

impl Output for Json {
    fn tick(&mut self, _: &Tick) {}

    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        match self {
            Json::File(path) => {
                quietly(file::replace(path, |out| write(out, summary)), WHAT, &*path)
            }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

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

    #[test]
    fn a_file_is_tried_without_a_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        fs::write(&path, "old").unwrap();
        assert!(Json::file(path.clone()).is_ok() && Json::file(dir.path().join("new")).is_ok());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(Json::file("/dev/full".into()).is_ok(), "that shows only later");
        let error = Json::file(dir.path().to_owned()).err().unwrap().to_string();
        assert!(error.ends_with(": is a directory"), "{error}");
        let error = Json::file(dir.path().join("no/report.json")).err().unwrap().to_string();
        assert!(error.contains("no/report.json: No such file or directory"), "{error}");
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
