//! Modules that are written in C: none can be loaded, and whoever asks for one is told so by name,
//! with what serves instead.

use std::path::{Path, PathBuf};

use super::super::host::told::HINT;

/// Rocks in C that are often required, and what there is instead.
const ROCKS: [(&str, &str); 21] = [
    ("bit", "Lua 5.4 has operators for bits: & | ~ << >>"),
    ("bit32", "Lua 5.4 has operators for bits: & | ~ << >>"),
    ("cjson", "lt.json encodes and decodes"),
    ("cURL", "lt.http sends requests"),
    ("ffi", "there is no LuaJIT here"),
    ("lcurl", "lt.http sends requests"),
    ("lfs", "scripts read files with io.open and lt.data"),
    ("lpeg", "r:regex, string patterns, or LuLPeg, which is written in Lua"),
    ("lsqlite3", "lt.data reads what was exported as CSV"),
    ("luasql", "lt.data reads what was exported as CSV"),
    ("lxp", "r:regex, or a parser that is written in Lua"),
    ("lyaml", "lt.json, or a parser that is written in Lua"),
    ("mime", "lt.encode has base64 and the like"),
    ("openssl", "lt.http speaks TLS by itself"),
    ("posix", "scripts do not touch the system"),
    ("rex_pcre", "r:regex, or string patterns"),
    ("socket", "lt.http sends requests, lt.sleep waits"),
    ("ssl", "lt.http speaks TLS by itself"),
    ("struct", "string.pack and string.unpack"),
    ("term", "print writes to stderr"),
    ("zlib", "lt.http decodes answers by itself"),
];

/// What to tell of a module that was not found, if it is one in C.
pub fn refusal(name: &str, relative: &str, roots: &[PathBuf]) -> Option<String> {
    let rock = name.split('.').next().unwrap_or(name);
    let hint = ROCKS.iter().find(|(known, _)| *known == rock).map(|(_, hint)| *hint);
    let file = file(relative, roots);
    if file.is_none() && hint.is_none() {
        return None;
    }
    let file = file.map(|file| format!(" ('{}')", file.display())).unwrap_or_default();
    let hint = hint.unwrap_or("look for a module that does the same in Lua");
    Some(format!(
        "module '{name}' is a C module{file}, and only Lua modules can be loaded{HINT}{hint}"
    ))
}

fn file(relative: &str, roots: &[PathBuf]) -> Option<PathBuf> {
    let files = ["so", "dll", "dylib"].map(|end| format!("{relative}.{end}"));
    let folders = roots.iter().flat_map(|root| folders(root));
    folders.flat_map(|folder| files.each_ref().map(|file| folder.join(file))).find(|it| it.exists())
}

/// Where C modules lie that belong to a root: in it, and, of a tree `P/share/lua/5.4`, in
/// `P/lib/lua/5.4` or in Debian's `P/lib/TRIPLET/lua/5.4`.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    if root.ends_with("share/lua/5.4")
        && let Some(prefix) = root.ancestors().nth(3)
    {
        let lib = prefix.join("lib");
        let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
        folders.push(lib.join("lua/5.4"));
        folders.push(lib.join(triplet).join("lua/5.4"));
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_c_module_is_refused_by_name_whether_it_is_installed_or_not() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().join("share/lua/5.4");
        let lib = tree.path().join("lib/lua/5.4/deep");
        std::fs::create_dir_all(&lib).unwrap();
        std::fs::write(lib.join("own.so"), "").unwrap();
        let refusal =
            |name: &str| refusal(name, &name.replace('.', "/"), std::slice::from_ref(&root));
        let told = refusal("deep.own").unwrap();
        assert!(told.starts_with("module 'deep.own' is a C module ('"), "{told}");
        assert!(told.contains("lib/lua/5.4/deep/own.so'), and only Lua modules can"), "{told}");
        let told = refusal("socket.http").unwrap();
        assert!(told.contains("is a C module, and only"), "{told}");
        assert!(told.ends_with("; hint: lt.http sends requests, lt.sleep waits"), "{told}");
        assert_eq!(refusal("shop"), None);
    }
}
