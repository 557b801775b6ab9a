//! The ceiling of this machine, as `loadtool calibrate` found it: kept in the user's state folder,
//! and believed only on the machine and by the build that it was measured with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::output::file;

/// The value of [`Ceiling::schema`].
const SCHEMA: &str = "loadtool.calibration/1";

/// How much a core of a machine can do at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// [`SCHEMA`].
    pub schema: String,
    /// Of the tool that measured it.
    pub tool_version: String,
    /// `release`, or `debug`: which is several times slower.
    pub build: String,
    /// Where it was measured.
    pub machine: Machine,
    /// When, in UTC (RFC 3339).
    pub measured_at: String,
    /// Seconds that it was measured over.
    pub seconds: u64,
    /// Of a script that does nothing else, on one worker that has a core to itself.
    pub requests_per_s_per_core: f64,
}

/// A machine, as far as its speed goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, as the system has it; empty where it does not tell.
    pub processor: String,
    /// How many of them this process may use.
    pub cores: usize,
    /// `linux`, `macos`.
    pub system: String,
}

impl Ceiling {
    /// Just found on this machine, by this build.
    pub fn found(requests_per_s_per_core: f64, seconds: u64) -> Ceiling {
        Ceiling {
            schema: SCHEMA.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build().to_owned(),
            machine: Machine::this(),
            measured_at: jiff::Timestamp::now().to_string(),
            seconds,
            requests_per_s_per_core,
        }
    }

    /// Keeps it in `folder`; gives the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn store(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        file::replace(&path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })?;
        Ok(path)
    }

    /// The one that was kept in `folder`, if it is of this machine and this build.
    pub fn stored(folder: &Path) -> Option<Ceiling> {
        let text = fs::read(folder.join(FILE)).ok()?;
        let ceiling: Ceiling = serde_json::from_slice(&text).ok()?;
        ceiling.is_ours().then_some(ceiling)
    }

    fn is_ours(&self) -> bool {
        self.schema == SCHEMA
            && self.tool_version == env!("CARGO_PKG_VERSION")
            && self.build == build()
            && self.machine == Machine::this()
            && self.requests_per_s_per_core > 0.0
    }

    /// What so many workers can do at most.
    pub fn requests_per_s(&self, workers: usize) -> f64 {
        self.requests_per_s_per_core * workers.min(self.machine.cores) as f64
    }
}

const FILE: &str = "calibration.json";

/// Where state is kept: `$XDG_STATE_HOME/loadtool`, else `~/.local/state/loadtool`; `None` for who
/// has no home.
pub fn state_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("loadtool"))
}

impl Machine {
    /// This one.
    pub fn this() -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Machine {
            processor: processor(&cpuinfo).unwrap_or_default().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS.to_owned(),
        }
    }
}

fn processor(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start().strip_prefix(':')?.trim())
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_again_and_only_where_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state/loadtool");
        assert_eq!(Ceiling::stored(&folder), None);
        let found = Ceiling::found(60_000.0, 5);
        found.store(&folder).unwrap();
        assert_eq!(Ceiling::stored(&folder), Some(found.clone()));
        let more = found.machine.cores + 1;
        assert_eq!(found.requests_per_s(more), 60_000.0 * found.machine.cores as f64);

        let others = Machine { cores: more, ..found.machine.clone() };
        for stale in [
            Ceiling { tool_version: "0.0.0".into(), ..found.clone() },
            Ceiling { build: "other".into(), ..found.clone() },
            Ceiling { machine: others, ..found.clone() },
            Ceiling { requests_per_s_per_core: 0.0, ..found.clone() },
        ] {
            stale.store(&folder).unwrap();
            assert_eq!(Ceiling::stored(&folder), None, "{stale:?}");
        }
        fs::write(folder.join(FILE), "{").unwrap();
        assert_eq!(Ceiling::stored(&folder), None);
    }

    #[test]
    fn state_is_where_the_system_wants_it() {
        let with = |name: &'static str, value: &'static str| {
            state_folder(move |asked| (asked == name).then(|| value.into()))
        };
        assert_eq!(with("XDG_STATE_HOME", "/s"), Some("/s/loadtool".into()));
        assert_eq!(with("HOME", "/h"), Some("/h/.local/state/loadtool".into()));
        assert_eq!(with("XDG_STATE_HOME", "relative"), None);
        assert_eq!(processor("model\t: 7\nmodel name\t: Fast CPU @ 3\n"), Some("Fast CPU @ 3"));
    }
}
