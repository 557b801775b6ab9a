//! A file's text, and its faults told by file, line and column.

use std::path::Path;

use crate::diagnostic::{Diagnostic, did_you_mean};

/// Longest source line that a diagnostic shows, in characters.
const SHOWN: usize = 120;

/// A text while it is read: what is needed to tell a fault.
#[derive(Clone, Copy)]
pub(super) struct Text<'f> {
    /// Where it stands; `None`: in the script itself.
    pub(super) file: Option<&'f Path>,
    /// All of it.
    pub(super) text: &'f str,
}

/// Reads a file whole.
pub(super) fn read(file: &Path) -> Result<String, Diagnostic> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| not_utf8(file, error.as_bytes()))
}

impl Text<'_> {
    /// Bytes of a byte order mark at its beginning.
    pub(super) fn mark(&self) -> usize {
        self.text.len() - self.text.trim_start_matches('\u{feff}').len()
    }

    /// A fault of what begins at `start`.
    pub(super) fn fault(&self, start: usize, message: impl Into<String>) -> Diagnostic {
        let fault = Diagnostic::new(message);
        let Some(file) = self.file else { return fault };
        let line = line_of(&self.text.as_bytes()[..start]);
        let source = self.text[start..].split(['\n', '\r']).next().unwrap_or_default();
        fault.at(file, Some(line)).source(shortened(source))
    }

    /// A fault of the character at `at`, whose line is shown whole; `message` gets its column.
    pub(super) fn fault_at(&self, at: usize, message: &str) -> Diagnostic {
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = self.text[start..at].chars().count() + 1;
        match self.file {
            Some(_) => self.fault(start, format!("{message} (at column {column})")),
            None => self.fault(start, message),
        }
    }

    /// A fault of the whole.
    pub(super) fn fault_of_all(&self, message: impl Into<String>) -> Diagnostic {
        let fault = Diagnostic::new(message);
        match self.file {
            Some(file) => fault.at(file, Some(1)),
            None => fault,
        }
    }
}

fn line_of(before: &[u8]) -> u32 {
    let lines = memchr::memchr_iter(b'\n', before).count();
    u32::try_from(lines + 1).unwrap_or(u32::MAX)
}

fn shortened(line: &str) -> String {
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

fn unreadable(file: &Path, error: &std::io::Error) -> Diagnostic {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    let diagnostic = Diagnostic::new(format!("cannot be read: {reason}")).at(file, None);
    match similar_file(file) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic.hint("paths are relative to the file that names them"),
    }
}

/// A file beside the missing one whose name is much like its.
fn similar_file(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    did_you_mean(&file.file_name()?.to_string_lossy(), names.iter().map(String::as_str))
}

fn not_utf8(file: &Path, bytes: &[u8]) -> Diagnostic {
    let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&bytes[start..at]).chars().count() + 1;
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |n| at + n);
    let message = format!("character {column} of the line is not UTF-8 (byte 0x{:02x})", bytes[at]);
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16: save it as UTF-8",
        _ => "save it as UTF-8: iconv -f latin1 -t utf-8 OLD > NEW",
    };
    Diagnostic::new(message)
        .at(file, Some(line_of(&bytes[..at])))
        .source(shortened(String::from_utf8_lossy(&bytes[start..end]).trim_end()))
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf8_are_told_with_their_place() {
        let told = |bytes: &[u8]| not_utf8(Path::new("users.csv"), bytes).to_string();
        let latin = told(b"name\nana\n\xc3\xa9t\xe9\n");
        assert!(
            latin.starts_with("users.csv:3: character 3 of the line is not UTF-8 (byte 0xe9)\n")
        );
        assert!(latin.contains("hint: save it as UTF-8: iconv"));
        let wide = told(b"\xff\xfea\0");
        assert!(wide.contains("UTF-16"), "{wide}");
    }

    #[test]
    fn a_missing_file_is_told_with_the_one_that_may_be_meant() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("users.csv"), "a\n1\n").unwrap();
        let fault = read(&dir.path().join("user.csv")).unwrap_err();
        assert_eq!(fault.message, "cannot be read: there is no such file");
        assert_eq!(fault.hint.unwrap(), "did you mean `users.csv`?");
        assert!(read(dir.path()).is_err());
    }
}
