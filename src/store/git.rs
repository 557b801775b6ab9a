//! Which commit a folder stands at, read from `.git` itself: no program is started for it, and
//! whatever is not as expected is no commit.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a folder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// In hex.
    pub commit: String,
    /// `None` where no branch is checked out.
    pub branch: Option<String>,
}

/// Of the repository that a folder lies in, if it lies in one that has a commit.
pub fn head(folder: &Path) -> Option<Head> {
    let folder = fs::canonicalize(folder).ok()?;
    let git = folder.ancestors().find_map(git_folder)?;
    let text = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
        return Some(Head { commit: commit(&text)?, branch: None });
    };
    let branch = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
    Some(Head { commit: resolve(&git, name)?, branch: Some(branch) })
}

/// `.git`, or where it points to: of worktrees and submodules it is a file.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir:")?.trim()))
}

/// What a reference stands for: in a file of its own, or in the list of the packed ones. Worktrees
/// have theirs in the folder that they have in common.
fn resolve(git: &Path, name: &str) -> Option<String> {
    let common = fs::read_to_string(git.join("commondir")).ok();
    let common = common.map_or_else(|| git.to_owned(), |path| git.join(path.trim()));
    let loose = [git, &common].into_iter().find_map(|place| {
        let text = fs::read_to_string(place.join(name)).ok()?;
        commit(&text)
    });
    loose.or_else(|| {
        let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
        let line = packed.lines().find(|line| line.split(' ').nth(1) == Some(name))?;
        commit(line.split(' ').next()?)
    })
}

fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef01234567";

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn told(files: &[(&str, &str)], inside: &str) -> Option<(String, Option<String>)> {
        let folder = folder(files);
        fs::create_dir_all(folder.path().join(inside)).unwrap();
        head(&folder.path().join(inside)).map(|head| (head.commit, head.branch))
    }

    #[test]
    fn a_commit_is_found_wherever_git_keeps_it() {
        let on_main = Some((A.to_owned(), Some("main".to_owned())));
        let head = (".git/HEAD", "ref: refs/heads/main\n");
        let line = format!("{A}\n");
        assert_eq!(told(&[head, (".git/refs/heads/main", &line)], "deep/er"), on_main);
        let packed = format!("# pack-refs\n{A} refs/heads/main\n");
        assert_eq!(told(&[head, (".git/packed-refs", &packed)], ""), on_main);
        assert_eq!(told(&[(".git/HEAD", &line)], ""), Some((A.to_owned(), None)));
        let worktree = [
            ("w/.git", "gitdir: ../r/.git/worktrees/w\n"),
            ("r/.git/worktrees/w/HEAD", "ref: refs/heads/main"),
            ("r/.git/worktrees/w/commondir", "../..\n"),
            ("r/.git/refs/heads/main", &line),
        ];
        assert_eq!(told(&worktree, "w/scripts"), on_main);
    }

    #[test]
    fn a_repository_without_a_commit_has_none() {
        assert_eq!(told(&[(".git/HEAD", "ref: refs/heads/main\n")], ""), None);
        assert_eq!(told(&[(".git/HEAD", "nonsense")], ""), None);
        assert_eq!(told(&[(".git", "nonsense")], ""), None);
    }
}
