//! The documentation is true: its examples run, its flags, names and links exist.
//!
//! What follows `lua` on the fence of an example says what it is:
//!
//! | fence | what it is | what must come of it |
//! | --- | --- | --- |
//! | `lua` | a script; its load is shortened | nothing fails |
//! | `lua fragment` | the body of an iteration | it completes |
//! | `lua fails` | likewise | it fails as `-->` says |
//! | `lua aborts` | likewise | the run is aborted as `-->` says |
//! | `lua library` | a module | it can be required |
//! | `lua refused` | a script | nothing is sent, and `-->` says why |
//!
//! In the first two, `-->` stands before what `print` shows; `…` there is any text.

#[path = "common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use common::{Folder, Ran, tool_in};
use loadtool::demo::{Demo, Options, serve};
use regex::{Captures, Regex};
use serde_json::Value as Json;

const DOCUMENTS: [&str; 3] = ["README.md", "docs/guide.md", "docs/reference.md"];

#[test]
fn the_examples_of_the_readme_run() {
    run_examples("README.md");
}

#[test]
fn the_examples_of_the_guide_run() {
    run_examples("docs/guide.md");
}

#[test]
fn the_examples_of_the_reference_run() {
    run_examples("docs/reference.md");
}

#[test]
fn the_flags_in_the_documents_are_those_of_the_help() {
    let help: BTreeSet<String> = [
        "run", "once", "limit", "check", "compare", "runs", "show", "query", "trend", "report",
        "demo",
    ]
    .iter()
    .flat_map(|command| {
        let told = tool_in(root()).args([command, "--help"]).output().expect("it runs");
        flags(&String::from_utf8_lossy(&told.stdout))
    })
    .chain(["--version".to_owned()])
    .collect();
    for document in DOCUMENTS {
        let text = read(document);
        // What stands before ` -- ` is for cargo.
        let ours = text.lines().map(|line| match line.split_once(" -- ") {
            Some((before, after)) if before.contains("cargo run") => after,
            _ if line.contains("cargo ") => "",
            _ => line,
        });
        let unknown: Vec<String> =
            ours.flat_map(flags).filter(|flag| !help.contains(flag)).collect();
        assert!(unknown.is_empty(), "{document} names {unknown:?}, which --help does not");
    }
    let reference: BTreeSet<String> = flags(&read("docs/reference.md")).collect();
    let untold: Vec<&String> = help.difference(&reference).collect();
    assert!(untold.is_empty(), "docs/reference.md does not name {untold:?}");
}

#[test]
fn every_function_and_field_for_scripts_is_in_the_reference() {
    let reference = read("docs/reference.md");
    let told = |name: &String| {
        // A table or a text may follow a function without brackets.
        let bare = name.strip_suffix('(').map(|bare| format!("{bare} "));
        reference.contains(name) || bare.is_some_and(|bare| reference.contains(&bare))
    };
    let untold: Vec<String> = names_of_types().into_iter().filter(|name| !told(name)).collect();
    assert!(untold.is_empty(), "docs/reference.md does not name {untold:?}");
}

#[test]
fn every_function_for_scripts_is_called_in_an_example_of_the_reference() {
    let run: String =
        examples("docs/reference.md").into_iter().map(|example| example.text).collect();
    let called = |name: &str| {
        let bare = name.trim_end_matches('(');
        // `r:json`, `page:css`, `users:next`: methods are called on what the author calls it.
        let method = bare.split_once(':').map(|(_, method)| format!(":{method}"));
        // As `metrics.counter`, too, where the example has a local of the module's name.
        let module = bare.strip_prefix("lt.").filter(|rest| rest.contains('.'));
        let name = regex::escape(method.as_deref().or(module).unwrap_or(bare));
        Regex::new(&format!(r"{name}\b")).expect("it is escaped").is_match(&run)
    };
    let functions = names_of_types().into_iter().filter(|name| name.ends_with('('));
    let untried: Vec<String> = functions.filter(|name| !called(name)).collect();
    assert!(untried.is_empty(), "no example of docs/reference.md calls {untried:?}");
}

#[test]
fn every_function_in_the_documents_exists() {
    let types: BTreeSet<String> = names_of_types().into_iter().collect();
    let named = Regex::new(r"\b(?:lt\.|http\.)[a-z_]+(?:\.[a-z_0-9]+)?\(").expect("a pattern");
    for document in DOCUMENTS {
        for call in named.find_iter(&read(document)).map(|call| call.as_str()) {
            let call =
                call.strip_prefix("lt.http.").map_or(call.into(), |rest| format!("http.{rest}"));
            assert!(types.contains(&call), "{document} calls {call}…), which is not in types.lua");
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    for document in documents() {
        let text = fs::read_to_string(&document).expect("it can be read");
        for target in link.captures_iter(&text).map(|link| link[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => document.clone(),
                file => document.parent().expect("it is in a folder").join(file),
            };
            assert!(path.exists(), "{}: nothing at {target}", document.display());
            let there = anchor.is_empty()
                || anchors(&fs::read_to_string(&path).expect("text")).contains(anchor);
            assert!(there, "{}: no heading at {target}", document.display());
        }
    }
}

/// What the examples read beside the users of `scripts/data`.
const WORDS_JSON: &str = r#"{ "words": [{ "text": "blue mug", "stock": 3 }, { "text": "lamp" }] }"#;
const WORDS_NDJSON: &str = "{ \"text\": \"chair\", \"tags\": [\"new\"] }\n{ \"text\": \"sofa\" }\n";

/// Traffic of two hours.
const TRAFFIC_CSV: &str = "t,rate\n0,20\n1h,80\n2h,40\n";

// Examples ----------------------------------------------------------------------------------------

/// A block of Lua in a document.
struct Example {
    /// `docs/guide.md:17`.
    place: String,
    kind: String,
    text: String,
}

fn run_examples(document: &str) {
    let shop = shop();
    let examples = examples(document);
    assert!(!examples.is_empty(), "{document} has no examples");
    for example in examples {
        example.try_out(&shop.url());
    }
}

fn examples(document: &str) -> Vec<Example> {
    let fence = Regex::new(r"(?ms)^```lua *(\w*)\n(.*?)^```$").expect("a pattern");
    let text = read(document);
    let example = |found: Captures<'_>| {
        let line = text[..found.get(0).expect("the whole").start()].lines().count() + 1;
        let place = format!("{document}:{line}");
        Example { place, kind: found[1].to_owned(), text: found[2].to_owned() }
    };
    fence.captures_iter(&text).map(example).collect()
}

impl Example {
    fn try_out(&self, url: &str) {
        let folder = Folder::new(&self.script())
            .file("data/users.csv", read("scripts/data/users.csv"))
            .file("data/words.json", WORDS_JSON)
            .file("data/words.ndjson", WORDS_NDJSON)
            .file("data/traffic.csv", TRAFFIC_CSV)
            .file("lib/shop.lua", read("scripts/lib/shop.lua"))
            .file("lib/example.lua", &self.text);
        let arguments = ["--quiet", "--base-url", url];
        if self.kind == "refused" {
            let ran = folder.run(&arguments);
            self.tells(&ran, 2, std::slice::from_ref(&ran.err));
            return;
        }
        let (ran, summary) = folder.summary(&arguments);
        let total = |field: &str| summary["totals"]["iterations"][field].as_u64();
        match self.kind.as_str() {
            "" | "library" => {
                assert_eq!(summary["errors"], Json::Array(vec![]), "{}: {ran:?}", self.place);
                // So short a load, on a busy machine, says nothing about latencies.
                assert!(matches!(ran.status.code(), Some(0 | 3 | 4)), "{}: {ran:?}", self.place);
                assert_eq!(failed_checks(&summary), [""; 0], "{}", self.place);
                self.prints(&ran);
            }
            "fragment" => {
                assert_eq!(
                    (total("count"), total("failed")),
                    (Some(1), Some(0)),
                    "{}: {ran:?}",
                    self.place
                );
                self.prints(&ran);
            }
            "fails" => {
                let errors = summary["errors"].as_array().expect("a list");
                let message = |error: &Json| error["message"].as_str().map(str::to_owned);
                self.tells(&ran, 3, &errors.iter().filter_map(message).collect::<Vec<_>>());
            }
            "aborts" => self.tells(&ran, 6, &[summary["verdict"]["reasons"].to_string()]),
            other => panic!("{}: an example cannot be `{other}`", self.place),
        }
    }

    /// The whole script.
    fn script(&self) -> String {
        match self.kind.as_str() {
            "" => shortened(&self.text),
            "refused" => self.text.clone(),
            "library" => "require 'lib.example'\nreturn function() end\n".to_owned(),
            _ => format!(
                "local lt   = require \"loadtool\"\nlocal http = lt.http\n\nreturn function()\n{}end\n",
                self.text
            ),
        }
    }

    /// What stands behind `-->`.
    fn expected(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(|line| Some(line.split_once("--> ")?.1.trim()))
    }

    /// The lines that it printed begin with those that are expected.
    fn prints(&self, ran: &Ran) {
        let mut lines = ran.err.lines();
        for expected in self.expected() {
            let line = lines.next().unwrap_or_default();
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(fits(expected, &line), "{}\n want: {expected}\n  got: {line}", self.place);
        }
    }

    /// It ended with this exit code, and one of `told` has each text that is expected.
    fn tells(&self, ran: &Ran, code: i32, told: &[String]) {
        assert_eq!(ran.status.code(), Some(code), "{}: {ran:?}", self.place);
        assert!(self.expected().next().is_some(), "{} expects nothing", self.place);
        for expected in self.expected() {
            let there = told.iter().any(|text| text.contains(expected));
            assert!(there, "{}\n want: {expected}\n  got: {told:#?}", self.place);
        }
    }
}

/// Labels of checks that failed, but for those of latencies.
fn failed_checks(summary: &Json) -> Vec<&str> {
    let checks = summary["checks"].as_array().expect("a list").iter();
    let failed = checks.filter(|check| check["failed"] != 0);
    let labels = failed.map(|check| check["name"].as_str().expect("a label"));
    labels.filter(|label| !label.starts_with("max_ms")).collect()
}

/// The script with a load that takes no time.
fn shortened(script: &str) -> String {
    let durations =
        Regex::new(r#"\b((?:duration|start_after|warmup)\s*=\s*)"\w+""#).expect("a pattern");
    let stages = Regex::new(r#"\{ "[1-9]\w*", (\d)"#).expect("a pattern");
    let script = durations.replace_all(script, r#"$1"300ms""#);
    stages.replace_all(&script, r#"{ "100ms", $1"#).into_owned()
}

/// Whether `line` is `expected`, in which `…` is any text.
fn fits(expected: &str, line: &str) -> bool {
    let parts: Vec<String> = expected.split('…').map(regex::escape).collect();
    let pattern = format!("^{}$", parts.join(".*").replace(r"\ .*", r"\s*.*"));
    Regex::new(&pattern).expect("its parts are escaped").is_match(line)
}

fn shop() -> Demo {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    serve(listener, &Options::default()).expect("a shop")
}

// Names -------------------------------------------------------------------------------------------

fn flags(text: &str) -> impl Iterator<Item = String> + use<> {
    let flag = Regex::new(r"(?:^|[\s`(|\[])(--[a-z][a-z-]*)").expect("a pattern");
    let found: Vec<String> = flag.captures_iter(text).map(|flag| flag[1].to_owned()).collect();
    found.into_iter()
}

/// Functions as `lt.step(`, `http.get(`, `r:json(`; fields of option tables as `` `timeout` ``.
fn names_of_types() -> Vec<String> {
    let mut tables = false;
    let mut names = Vec::new();
    for line in loadtool::lua::TYPES.lines() {
        if let Some(class) = line.strip_prefix("---@class loadtool.") {
            // The fields of the modules themselves have no dot in their class.
            tables = class.starts_with(char::is_uppercase);
        } else if let Some(field) = line.strip_prefix("---@field ").filter(|_| tables) {
            let name: String =
                field.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.extend((!name.is_empty()).then(|| format!("`{name}`")));
        } else if let Some(function) = line.strip_prefix("function ") {
            let (name, _) = function.split_once('(').expect("a function has parameters");
            names.push(public(name));
        }
    }
    names
}

/// The name by which scripts know a function of the type definitions.
fn public(name: &str) -> String {
    let known = match name.split_once([':', '.']).expect("it is in a table") {
        ("lt" | "http", _) => name.to_owned(),
        ("response", method) => format!("r:{method}"),
        ("cookies", method) => format!("http.cookies:{method}"),
        _ if name.contains(':') => name.to_owned(),
        _ => format!("lt.{name}"),
    };
    known + "("
}

// Documents ---------------------------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// Every document for readers.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    for folder in ["docs", "docs/design"] {
        let entries = fs::read_dir(root().join(folder)).expect("it is there");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    }
    found
}

/// The headings of a document as links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let kept = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}
