//! The summary as one HTML page that needs nothing else: to be read in a minute, handed on, kept. A
//! comparison of runs is one likewise ([`compared`]).
//!
//! Rust renders all of it, charts too; the script only sorts tables and shows values under the
//! cursor, so the page says the same without it and on paper. Text is safe by construction: every
//! value goes through [`maud`], which escapes it; then one pass over the whole page spells control
//! and direction characters; and the policy lets nothing run or load but the page's own style and
//! script, named by their hashes.

mod about;
mod chart;
pub mod compared;
mod errors;
mod first;
mod grid;
mod headline;
mod heat;
mod latency;
mod limit;
mod pair;
mod script;
mod slowest;
mod starts;
mod tables;
mod tails;
mod timeline;
mod variants;

use std::io::{self, Write};
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Output, OutputError, file, quietly, text};
use crate::results::{Summary, Tick};

const WHAT: &str = "the HTML report";

const STYLE: &str = include_str!("report.css");

const SCRIPT: &str = include_str!("report.js");

/// Writes the page when the run is over.
pub enum Html {
    /// To a file, by way of a temporary one beside it.
    File(PathBuf),
    /// To a stream.
    Stream(Box<dyn Write>),
}

impl Output for Html {
    fn tick(&mut self, _: &Tick) {}

    fn finish(&mut self, summary: &Summary) -> Result<(), OutputError> {
        self.write(&page(summary))
    }
}

impl Html {
    /// Writes a page.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, page: &str) -> Result<(), OutputError> {
        let write = |out: &mut dyn Write| -> io::Result<()> {
            out.write_all(page.as_bytes())?;
            out.flush()
        };
        match self {
            Html::File(path) => quietly(file::replace(path, write), WHAT, &*path),
            Html::Stream(stream) => quietly(write(stream), WHAT, "stdout"),
        }
    }
}

/// The whole document.
pub fn page(summary: &Summary) -> String {
    let title = format!("{} {}", summary.verdict.result.as_str().to_uppercase(), summary.run.name);
    document(&title, &sections(summary), &summary.tool_version)
}

/// A document of ours.
fn document(title: &str, body: &Markup, version: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                main { (body) }
                footer { "loadtool " (version) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    spelled(&page.into_string())
}

fn head(title: &str) -> Markup {
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (title) }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// In the order in which they answer: is it good enough, and if not, where to look?
fn sections(summary: &Summary) -> Markup {
    html! {
        (headline::headline(summary))
        (limit::limit(summary))
        (headline::look_first(summary))
        (headline::thresholds(summary))
        (variants::variants(summary))
        (headline::keys(summary))
        (timeline::timeline(summary))
        (latency::latency(summary))
        (errors::errors(summary))
        (tables::scenarios(summary))
        (starts::starts(summary))
        (tables::stages(summary))
        (tables::steps(summary))
        (tables::calls(summary))
        (tables::checks(summary))
        (tables::metrics(summary))
        (tails::tails(summary))
        (slowest::slowest(summary))
        (tables::connections(summary))
        (about::generator(summary))
        (about::configuration(summary))
        (about::environment(summary))
        (script::script(summary))
    }
}

/// As a policy names what may run.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(digest(&SHA256, text.as_bytes())))
}

/// The page with everything spelled that would act on a reader instead of being read: control
/// characters, and those that turn the direction of text.
fn spelled(page: &str) -> String {
    let mut safe = String::with_capacity(page.len());
    for line in page.split('\n') {
        safe.push_str(&text::harmless(line));
        safe.push('\n');
    }
    safe.pop();
    safe
}

#[cfg(test)]
mod tests;
