//! A file that grows while the run goes on, by whole lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Appends; what cannot be written whole is taken away again. Nothing is opened, and an older file
/// stays as it is, until there is something to write.
pub struct Lines {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of whole lines.
    length: u64,
}

impl Lines {
    /// To a file, or to what takes bytes like one, such as a pipe.
    ///
    /// # Errors
    /// It can be seen now that this will not be possible.
    pub fn to(path: &Path) -> Result<Lines, String> {
        super::try_out(path)?;
        Ok(Lines { path: path.to_owned(), file: None, length: 0 })
    }

    /// Adds whole lines.
    ///
    /// # Errors
    /// What the system says; of a plain file, nothing of them is in it then.
    pub fn add(&mut self, lines: &[u8]) -> Result<(), String> {
        let added = self.try_add(lines);
        if added.is_ok() {
            self.length += lines.len() as u64;
        } else if let Some(file) = &mut self.file {
            let plain = file.metadata().is_ok_and(|file| file.is_file());
            if plain {
                let _ = file.set_len(self.length); // of no use only where writing is neither
            }
        }
        added.map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }

    fn try_add(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = &self.path;
                // Truncated by itself, since what is appended goes to the end after a failure too.
                let file = OpenOptions::new().create(true).append(true).open(file)?;
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                self.file.insert(file)
            }
        };
        file.write_all(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_older_file_is_replaced_by_the_first_line_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut lines = Lines::to(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        lines.add(b"1\n").unwrap();
        lines.add(b"2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n");
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        assert!(Lines::to(Path::new("/nowhere/at/all")).is_err());
        let fault = Lines::to(Path::new("/dev/full")).unwrap().add(b"1\n").unwrap_err();
        assert!(fault.starts_with("cannot write /dev/full: No space left"), "{fault}");
    }
}
