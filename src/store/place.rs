//! Where the store is: as asked, as the environment says, or in the user's data folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The word for no store.
const NONE: &str = "none";

/// The variable that says where it is.
const VARIABLE: &str = "LOADTOOL_STORE";

/// Where runs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file; `None` if runs are not kept.
    pub path: Option<PathBuf>,
    /// Whether the command line says so: then a run does not begin without it.
    pub insisted: bool,
}

/// `asked`, else `$LOADTOOL_STORE`, else `$XDG_DATA_HOME/loadtool/runs.db`, else
/// `~/.local/share/loadtool/runs.db`; none for who has no home. `variable` reads the environment.
pub fn place(asked: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Place {
    let insisted = asked.is_some();
    let given = variable(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = match asked.or(given) {
        Some(path) if is_none(&path) => None,
        Some(path) => Some(path),
        None => usual(variable),
    };
    Place { path, insisted }
}

/// Whether that is the word for no store.
pub fn is_none(path: &Path) -> bool {
    path.as_os_str() == NONE
}

fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME");
    let data = data.or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("loadtool/runs.db"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(asked: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(OsString::from(found.1))
        };
        Some(place(asked.map(PathBuf::from), variable).path?.display().to_string())
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_usual() {
        let home = [("HOME", "/h"), ("XDG_DATA_HOME", "/x"), ("LOADTOOL_STORE", "e.db")];
        assert_eq!(at(Some("a.db"), &home).as_deref(), Some("a.db"));
        assert_eq!(at(None, &home).as_deref(), Some("e.db"));
        assert_eq!(at(None, &home[..2]).as_deref(), Some("/x/loadtool/runs.db"));
        assert_eq!(at(None, &home[..1]).as_deref(), Some("/h/.local/share/loadtool/runs.db"));
        assert_eq!(at(None, &[("XDG_DATA_HOME", "relative")]), None);
        let empty = [("HOME", "/h"), ("LOADTOOL_STORE", "")];
        assert_eq!(at(None, &empty).as_deref(), Some("/h/.local/share/loadtool/runs.db"));
    }

    #[test]
    fn none_is_none() {
        assert_eq!(at(Some("none"), &[("HOME", "/h")]), None);
        assert_eq!(at(None, &[("HOME", "/h"), ("LOADTOOL_STORE", "none")]), None);
        assert!(place(Some("none".into()), |_| None).insisted);
    }
}
