//! The definition's `summary` hook: what it returns is written.
//!
//! It is run after all else has been told, gets the summary as a table, and can change neither the
//! verdict nor the report. Whatever keeps its files from being written, an error in it too, makes
//! the exit code 7, as for any report that was asked for.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::prepare::Prepared;
use crate::metrics::{Phase, Place};
use crate::output::file;
use crate::results::Summary;
use crate::secrets::Secrets;
use crate::stop::{Stop, StopSwitch};

/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long it may take after a second signal.
const HASTY_TIMEOUT: Duration = Duration::from_secs(1);

/// Streams besides files.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    /// Whether stdout is for the JSON summary alone.
    pub stdout_is_taken: bool,
}

/// Runs the hook, if there is one, and writes what it returned; whether all of that could be done.
pub async fn tell(
    prepared: &Prepared,
    summary: &Summary,
    streams: Streams,
    switch: &StopSwitch,
) -> bool {
    let place = Place { phase: Phase::Teardown, ..Place::default() };
    let summarise = prepared.vm.summarise(&prepared.definition, place, || {
        serde_json::to_vec(summary).expect("it has no keys but texts")
    });
    let mut stop = switch.watch();
    let hasty = async {
        let _ = stop.wait_for(Stop::is_hurried).await;
        tokio::time::sleep(HASTY_TIMEOUT).await;
    };
    let done = tokio::select! {
        done = timeout(TIMEOUT, summarise) => done,
        () = hasty => {
            log::error!("the summary hook was cut off");
            return false;
        }
    };
    match done {
        Ok(Ok(files)) => {
            let secrets = &prepared.shared.secrets;
            let written = files.iter().map(|(path, text)| streams.write(path, text, secrets));
            written.fold(true, |all, written| all & written)
        }
        Ok(Err(failure)) => {
            log::error!("the summary hook failed: {}", failure.message);
            false
        }
        Err(_) => {
            log::error!("the summary hook took longer than {} s", TIMEOUT.as_secs());
            false
        }
    }
}

impl Streams {
    /// Writes one of its texts, without secrets; a failure is told.
    fn write(self, path: &str, text: &[u8], secrets: &Secrets) -> bool {
        let masked = std::str::from_utf8(text).map(|text| secrets.mask(text));
        let bytes = masked.as_ref().map_or(text, |text| text.as_bytes());
        let written = match path {
            "stdout" if !self.stdout_is_taken => all(&mut io::stdout(), bytes),
            "stdout" | "stderr" => all(&mut io::stderr(), bytes),
            path => file::replace(Path::new(path), |out| out.write_all(bytes)),
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                log::error!("cannot write what the summary hook gave to {path}: {error}");
                false
            }
            _ => true,
        }
    }
}

fn all(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes).and_then(|()| out.flush())
}
