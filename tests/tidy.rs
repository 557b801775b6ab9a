//! Holds the house together: modules use only those above them in `src/lib.rs`, each big
//! dependency is known to one corner, nothing is left unfinished, no file grows without end.
//!
//! It reads the sources as text, with comments, string literals and unit tests blanked out.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Crates that only these files may name.
const CORNERS: [(&str, &[&str]); 14] = [
    ("mlua", &["src/lua/"]),
    ("reqwest", &["src/http/client.rs", "src/http/connect.rs"]),
    ("hyper", &["src/http/connect.rs", "src/http/line.rs", "src/http/failure.rs"]),
    ("hyper_util", &["src/http/connect.rs"]),
    ("hdrhistogram", &["src/metrics/histogram.rs"]),
    ("clap", &["src/cli/", "src/main.rs"]),
    ("ratatui", &["src/output/full/"]),
    ("scraper", &["src/extract/html.rs", "src/extract/form.rs"]),
    ("roxmltree", &["src/extract/xml.rs", "src/extract/xpath.rs"]),
    ("xpath_eval", &["src/extract/xpath.rs"]),
    ("jsonschema", &["src/extract/schema.rs"]),
    ("prost", &["src/output/sink/"]),
    ("snap", &["src/output/sink/remote_write/"]),
    ("rusqlite", &["src/store/"]),
];

/// Modules that stand above others on the page and are none of their business all the same.
const STRANGERS: [(&str, &[&str]); 4] = [
    ("results", &["lua", "engine"]),
    ("aggregator", &["lua", "engine"]),
    ("output", &["lua", "engine"]),
    ("demo", &["metrics", "http", "plan", "lua", "engine", "results", "aggregator", "output"]),
];

/// Files that may read the wall clock, each for what is no measurement: it jumps.
const WALL_CLOCK: [(&str, &str); 7] = [
    ("src/cli/runs.rs", "how old runs are"),
    ("src/http/retry.rs", "a retry-after may be a date"),
    ("src/lua/host/jwt.rs", "tokens expire by date"),
    ("src/lua/host/time.rs", "what scripts ask for"),
    ("src/output/sink/mod.rs", "when the seconds that are sent on began"),
    ("src/run/ceiling.rs", "when it was measured"),
    ("src/run/tell.rs", "when the run started"),
];

/// What must not stand in the code, and why.
const BANNED: [(&str, &str); 6] = [
    (r"\bstatic\s+mut\b", "no global state"),
    (
        r"\bstatic\s+\w+\s*:[^;=]*\b(Mutex|RwLock|Atomic\w+|OnceLock|RefCell|Cell)\b",
        "no global state",
    ),
    (r"\bthread_local!", "no global state"),
    (r"\bunbounded(_channel)?\b", "every channel is bounded"),
    (r"\b(todo|unimplemented)!", "nothing is left unfinished"),
    (r"#\[\s*ignore\b", "a test runs or is deleted"),
];

/// Most lines of code in a file, tests, comments and blank lines not counted.
const MOST_LINES: usize = 500;

/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

#[test]
fn imports_point_up_the_page() {
    let order = modules_in_order();
    let faults = sources("src").into_iter().flat_map(|file| imports_that_point_down(&file, &order));
    report("a module may use only those above it in src/lib.rs", faults);
}

#[test]
fn results_know_no_lua_and_no_engine_and_the_demo_stands_alone() {
    let faults = sources("src").into_iter().flat_map(|file| {
        let known = STRANGERS.iter().find(|(module, _)| Some(*module) == file.module());
        let strangers = known.map_or(&[][..], |(_, strangers)| strangers);
        let uses = file.uses().into_iter();
        let faults: Vec<String> = uses
            .filter(|(_, used)| strangers.contains(&used.as_str()))
            .map(|(line, used)| format!("{}:{line} uses {used}", file.path))
            .collect();
        faults
    });
    report("these modules do not know each other", faults);
}

#[test]
fn each_big_dependency_is_known_to_one_corner() {
    let mut faults = Vec::new();
    for (name, corner) in CORNERS {
        let named = Regex::new(&format!(r"\b{name}\s*::|\buse\s+{name}\b")).expect("a pattern");
        for file in sources("src") {
            if !corner.iter().any(|place| file.path.starts_with(place)) {
                faults.extend(file.lines_with(&named).map(|at| format!("{at} names {name}")));
            }
        }
    }
    report("a dependency is named outside its corner", faults.into_iter());
}

#[test]
fn the_wall_clock_is_read_only_where_nothing_is_measured() {
    let read = Regex::new(r"\bSystemTime\b|\b(?:Timestamp|Zoned)\s*::\s*now\b").expect("a pattern");
    let measured = |file: &Source| !WALL_CLOCK.iter().any(|(path, _)| *path == file.path);
    let faults = sources("src").into_iter().filter(measured);
    let faults: Vec<String> =
        faults.flat_map(|file| file.lines_with(&read).collect::<Vec<_>>()).collect();
    report("the wall clock measures nothing", faults.into_iter());
}

#[test]
fn nothing_banned_or_unfinished_is_in_the_tree() {
    let mut faults = Vec::new();
    for (pattern, why) in BANNED {
        let banned = Regex::new(pattern).expect("a pattern");
        for file in ["src", "tests", "benches"].into_iter().flat_map(sources) {
            faults.extend(file.lines_with(&banned).map(|at| format!("{at} ({why})")));
        }
    }
    report("this must not be in the code", faults.into_iter());
}

/// Who starts the tool by itself, and not by `tests/common`, must say where its runs are kept.
#[test]
fn no_test_keeps_its_runs_in_the_store_of_its_user() {
    let starts = |file: &Source| file.text.contains(r#"env!("CARGO_BIN_EXE_loadtool")"#);
    let faults = sources("tests").into_iter().filter(starts);
    let faults = faults.filter(|file| !file.text.contains("LOADTOOL_STORE"));
    report("a test that starts the tool sets LOADTOOL_STORE", faults.map(|file| file.path));
}

#[test]
fn every_file_says_what_it_is_and_ends_in_time() {
    let faults = sources("src").into_iter().filter_map(|file| {
        let lines = file.code.lines().filter(|line| !line.trim().is_empty()).count();
        let long = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if !file.text.starts_with("//!") {
            return Some(format!("{} does not open with //!", file.path));
        }
        (lines > MOST_LINES && !long).then(|| format!("{} has {lines} lines", file.path))
    });
    report("a file opens with its purpose and stays short", faults);
}

/// The reader must see what it is there to see.
#[test]
fn the_reader_sees_uses_and_overlooks_comments_strings_and_tests() {
    let text = r##"//! crate::a
use crate::b::{self, c};
use crate::{d::{e, f}, g};
fn h() -> char { crate::i::j(); let _ = "crate::k"; let _ = r#"crate::l"#; /* crate::m */ '"' }
use super::super::n::o;
use super::p;
#[cfg(test)]
mod tests { use crate::q; }
"##;
    let file = Source::new("src/x/y.rs".into(), text.into());
    let used: Vec<String> = file.uses().into_iter().map(|(_, used)| used).collect();
    assert_eq!(used, ["b", "d", "g", "i", "n"]);
    let order: Vec<String> = ["b", "d", "x", "g", "i", "n"].map(String::from).to_vec();
    let down = imports_that_point_down(&file, &order);
    assert_eq!(down.len(), 3, "{down:?}");
    assert!(down[0].starts_with("src/x/y.rs:3 "), "{down:?}");
}

struct Source {
    /// From the package's root, with slashes.
    path: String,
    text: String,
    /// The text with comments, literals and unit tests blanked out; the same lines.
    code: String,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let mut code = blanked(&text);
        let own_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
        if own_tests {
            code.clear();
        } else if let Some(tests) = unit_tests(&code) {
            code.truncate(tests);
        }
        Source { path, text, code }
    }

    /// The module of `src/lib.rs` that it belongs to; `None` for lib.rs and main.rs.
    fn module(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        let name = name.strip_suffix(".rs").unwrap_or(name);
        (!["lib", "main"].contains(&name)).then_some(name)
    }

    /// How many `super` lead from here to the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count() - 1;
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// The modules of the crate that it names, with the lines.
    fn uses(&self) -> Vec<(usize, String)> {
        let root = format!(r"\b(?:crate|(?:super\s*::\s*){{{}}}super)\s*::\s*", self.depth() - 1);
        let path = Regex::new(&format!(r"{root}(?:(\w+)|\{{)")).expect("a pattern");
        let mut uses = Vec::new();
        for found in path.captures_iter(&self.code) {
            let whole = found.get(0).expect("group 0 is the match");
            let line = 1 + self.code[..whole.start()].matches('\n').count();
            match found.get(1) {
                Some(name) => uses.push((line, name.as_str().to_owned())),
                None => uses.extend(group(&self.code[whole.end()..]).map(|name| (line, name))),
            }
        }
        uses
    }

    fn lines_with<'a>(&'a self, pattern: &'a Regex) -> impl Iterator<Item = String> + 'a {
        pattern.find_iter(&self.code).map(|found| {
            let line = 1 + self.code[..found.start()].matches('\n').count();
            format!("{}:{line} `{}`", self.path, found.as_str().trim())
        })
    }
}

fn imports_that_point_down(file: &Source, order: &[String]) -> Vec<String> {
    let place = |module: &str| order.iter().position(|known| known == module);
    let Some(own) = file.module().and_then(place) else { return Vec::new() };
    let below = file.uses().into_iter().filter(|(_, used)| place(used).is_some_and(|it| it > own));
    below.map(|(line, used)| format!("{}:{line} uses {used}", file.path)).collect()
}

/// First names of a `{a::…, b}` list, from behind its opening brace.
fn group(list: &str) -> impl Iterator<Item = String> {
    let mut depth = 1;
    let own = list.chars().take_while(|c| {
        depth += i32::from(*c == '{') - i32::from(*c == '}');
        depth > 0
    });
    let (mut depth, mut names) = (0, vec![String::new()]);
    for c in own {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => names.push(String::new()),
            _ => names.last_mut().expect("never empty").push(c),
        }
    }
    let first = |name: String| name.trim().split([':', ' ']).next().map(str::to_owned);
    names.into_iter().filter_map(first).filter(|name| !name.is_empty())
}

fn modules_in_order() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs is there");
    let line = Regex::new(r"(?m)^(?:pub )?mod (\w+);").expect("a pattern");
    let order: Vec<String> = line.captures_iter(&lib).map(|found| found[1].to_owned()).collect();
    assert!(order.len() > 5, "src/lib.rs lists the modules");
    order
}

fn report(rule: &str, faults: impl Iterator<Item = String>) {
    let text = faults.fold(String::new(), |mut text, fault| {
        writeln!(text, "  {fault}").expect("to a string");
        text
    });
    assert!(text.is_empty(), "{rule}:\n{text}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files under `folder`; none if it does not exist.
fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    rust_files(&root().join(folder), &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("under the root").to_string_lossy();
        Source::new(name.into_owned(), fs::read_to_string(&path).expect("a readable source"))
    };
    paths.into_iter().map(source).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Where the unit tests at a file's foot begin.
fn unit_tests(code: &str) -> Option<usize> {
    let tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\s*\n\s*(?:pub(?:\([^)]*\))? )?mod\b");
    tests.expect("a pattern").find(code).map(|found| found.start())
}

/// `text` with comments and literals replaced by spaces; lines stay where they are.
fn blanked(text: &str) -> String {
    let comments = r"//[^\n]*|/\*.*?\*/";
    let raw = r###"b?r"[^"]*"|b?r#".*?"#|b?r##".*?"##"###;
    let quoted = r#"b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'"#;
    let inert = Regex::new(&format!("(?s){comments}|{raw}|{quoted}"));
    let blank = |found: &regex::Captures<'_>| {
        found[0].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect::<String>()
    };
    inert.expect("a pattern").replace_all(text, blank).into_owned()
}
