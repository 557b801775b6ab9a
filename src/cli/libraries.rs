//! Where modules are sought beside the script's own folder and `--lib`: what the environment and
//! an installed LuaRocks name.
//!
//! A list is separated by `:` or `;`; its items are folders, or templates with `?` where a module's
//! name goes. What is not there is left out: only `--lib` insists.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::lua::program::is_template;

/// Folders of rocks and of Debian's packages, unless `LUA_PATH` names others first.
const TREES: [&str; 2] = ["/usr/local/share/lua/5.4", "/usr/share/lua/5.4"];

/// `libs`, then `$LOADTOOL_PATH`, then rocks: `$LUA_PATH_5_4` or `$LUA_PATH` (as `luarocks path`
/// sets them), `~/.luarocks`, and the system's. `variable` reads the environment.
pub fn sought(libs: Vec<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let own = variable("LOADTOOL_PATH");
    let rocks = variable("LUA_PATH_5_4").or_else(|| variable("LUA_PATH"));
    let home = variable("HOME").map(|home| Path::new(&home).join(".luarocks/share/lua/5.4"));
    let listed = [own, rocks].into_iter().flatten().flat_map(|list| items(&list));
    let trees = home.into_iter().chain(TREES.map(PathBuf::from));
    let mut all = libs;
    for path in listed.chain(trees).filter(|path| is_template(path) || path.is_dir()) {
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

/// The items of a list; empty ones (Lua's `;;`) name nothing.
fn items(list: &OsString) -> Vec<PathBuf> {
    let list = list.to_string_lossy();
    let items = list.split([':', ';']).filter(|item| !item.is_empty());
    items.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_in_their_order_once_and_only_if_they_are_there() {
        let home = tempfile::tempdir().unwrap();
        let rocks = home.path().join(".luarocks/share/lua/5.4");
        std::fs::create_dir_all(&rocks).unwrap();
        let team = home.path().join("team");
        std::fs::create_dir_all(&team).unwrap();
        let environment = |name: &str| match name {
            "HOME" => Some(home.path().into()),
            "LOADTOOL_PATH" => Some(format!("{0}:/nowhere:{0}", team.display()).into()),
            "LUA_PATH" => Some("./?.lua;/opt/?/main.lua;;".into()),
            _ => None,
        };
        let all = sought(vec!["lib".into()], environment);
        let first = ["lib".into(), team, "./?.lua".into(), "/opt/?/main.lua".into(), rocks];
        assert_eq!(all[..5], first);
        assert!(all[5..].iter().all(|path| path.starts_with("/usr")), "{all:?}");
        assert_eq!(sought(vec![], |_| None).len(), all.len() - 5);
    }
}
