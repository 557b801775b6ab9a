//! The control group of this process, as far as its CPU quota goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::parse;

/// Where control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Tells for how long there was no quota left.
#[derive(Debug)]
pub(super) struct Quota {
    /// Its `cpu.stat`, if it has one that tells.
    stat: Option<PathBuf>,
}

impl Quota {
    pub(super) fn of_this_process() -> Quota {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let told =
            candidates(&groups, Path::new(ROOT)).into_iter().find(|file| read(file).is_some());
        Quota { stat: told }
    }

    /// Since the group was made; `None` where there is no group or no quota.
    pub(super) fn throttled(&self) -> Option<Duration> {
        read(self.stat.as_ref()?)
    }
}

fn read(stat: &Path) -> Option<Duration> {
    parse::throttled(&fs::read_to_string(stat).ok()?)
}

/// Files that may tell: of the group itself, from the inside of a container of its root.
fn candidates(groups: &str, root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let mounts: &[&str] = match controllers.split(',').any(|one| one == "cpu") {
            true => &["cpu,cpuacct", "cpu"],
            false if controllers.is_empty() => &["", "unified"],
            false => continue,
        };
        for mount in mounts {
            let mount = root.join(mount);
            files.push(mount.join(path.trim_start_matches('/')).join("cpu.stat"));
            files.push(mount.join("cpu.stat"));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_the_process_is_asked_before_the_root_of_its_container() {
        let files = |groups| {
            let files = candidates(groups, Path::new("/cg")).into_iter();
            files.map(|file| file.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            files("0::/user/run\n"),
            [
                "/cg/user/run/cpu.stat",
                "/cg/cpu.stat",
                "/cg/unified/user/run/cpu.stat",
                "/cg/unified/cpu.stat"
            ]
        );
        assert_eq!(files("4:memory:/a\n2:cpuacct,cpu:/a\n")[0], "/cg/cpu,cpuacct/a/cpu.stat");
        assert!(files("4:memory:/a\nnonsense\n").is_empty());
    }
}
