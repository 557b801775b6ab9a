//! What RUN means where a file may stand, too.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::store::StoreArgs;
use crate::results::Summary;
use crate::results::summary::SCHEMA;
use crate::store::Store;

const HINT: &str = "hint: a summary is what loadtool run --summary-json FILE writes";

/// Whether a text names a file: it is there, it is `-`, or it looks like a path as no run's name does.
pub fn is_file(text: &str) -> bool {
    text == "-" || text.contains(['/', '.']) || Path::new(text).exists()
}

/// What a kept run came to, or one that a file holds: a JSON summary, or an exported run.
pub fn summary(run: &str, store: &StoreArgs) -> anyhow::Result<Summary> {
    let path = Path::new(run);
    if !is_file(run) {
        let store = store.open()?;
        return Ok(store.summary(&store.find(run)?)?);
    }
    match Store::is_one(path) {
        true => {
            let store = Store::open(path)?;
            Ok(store.summary(&store.find("last")?)?)
        }
        false => read(path),
    }
}

/// All that every schema has.
#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

fn read(path: &Path) -> anyhow::Result<Summary> {
    let name = if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() };
    let text = bytes(path).with_context(|| format!("cannot read {name}"))?;
    let head: Head = serde_json::from_slice(&text)
        .map_err(|fault| anyhow::anyhow!("{name} is no JSON summary: {fault}\n{HINT}"))?;
    match head.schema.as_deref() {
        Some(SCHEMA) => {}
        Some(other) => bail!(
            "{name} has the schema {other:?}, and this loadtool ({}) reads {SCHEMA:?}\n\
             hint: make the report with the loadtool that wrote the summary",
            env!("CARGO_PKG_VERSION")
        ),
        None => bail!("{name} is no JSON summary: it has no \"schema\"\n{HINT}"),
    }
    serde_json::from_slice(&text)
        .map_err(|fault| anyhow::anyhow!("{name} is not what {SCHEMA} says: {fault}\n{HINT}"))
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().read_to_end(&mut text)?;
    } else {
        BufReader::new(File::open(path)?).read_to_end(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_from_files() {
        for (text, file) in [
            ("last", false),
            ("last~1", false),
            ("019a2f3c-77aa", false),
            ("-", true),
            ("main.json", true),
            ("./last", true),
            ("src", true),
        ] {
            assert_eq!(is_file(text), file, "{text}");
        }
    }
}
