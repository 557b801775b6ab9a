//! A run's place in the store of runs.

use std::path::PathBuf;

use super::control::Control;
use super::environment;
use super::prepare::Prepared;
use super::spec::RunError;
use super::tell::{Begun, sha256_hex};
use crate::output::screen::Screen;
use crate::output::sink::spec::{Kind, Wanted};
use crate::results::Summary;
use crate::store::keeper::{Beginning, Keeper, Which};
use crate::store::list::short;

/// Where a run is kept, and under which labels.
#[derive(Debug, Clone)]
pub struct StoreSpec {
    /// The store's file.
    pub path: PathBuf,
    /// Whether the run must not begin without it.
    pub insisted: bool,
    /// By which it is found again.
    pub labels: Vec<(String, String)>,
}

/// Adds the store to the sinks. One that nobody insisted on is done without if
/// it cannot be opened.
pub(super) fn keep(
    store: &StoreSpec,
    prepared: &Prepared,
    begun: &Begun,
    control: &mut Control,
) -> Result<(), RunError> {
    let secrets = &prepared.shared.secrets;
    let kind = if control.pilot.is_some() { "limit" } else { "run" };
    let text = prepared.program.text();
    let told = environment::source(&prepared.shared.redactor, text);
    let which = Which {
        id: &begun.id,
        started_at: begun.at.to_string(),
        kind,
        text: &told,
        sha256: sha256_hex(text),
        labels: &store.labels,
    };
    match Keeper::open(&store.path, Beginning::of(&prepared.plan, which, secrets)) {
        Ok(keeper) => {
            let wanted = Wanted { kind: Kind::Store, dest: store.path.display().to_string() };
            control.sinks.add(wanted, keeper, secrets)?;
        }
        Err(fault) if store.insisted => return Err(fault.into()),
        Err(fault) => log::warn!("this run is not kept: {fault}"),
    }
    Ok(())
}

/// How it is found again, if it was kept.
pub(super) fn tell(summary: &Summary, screen: &Screen) {
    let mut stores = summary.outputs.iter().filter(|one| one.kind == Kind::Store.name());
    if stores.any(|store| store.written > 0) {
        let id = short(&summary.run.id);
        screen.line(&format!("kept as {id}: `loadtool show {id}` tells it again"));
    }
}
