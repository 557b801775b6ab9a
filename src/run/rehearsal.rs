//! A rehearsal before the load: one user walks each scenario once, in the control thread's Lua. What
//! fails for one user alone says nothing of how many can be borne.

use super::prepare::Prepared;
use crate::diagnostic::Diagnostic;
use crate::engine::worker::user_id;
use crate::lua::error::{Ended, Stopped};
use crate::lua::vm::UserSpec;
use crate::metrics::{Phase, Place};
use crate::stop::cancel::Level;

/// Walks every scenario; the first failure in words. Nothing of it is measured.
///
/// # Errors
/// A user cannot be made.
pub async fn rehearse(prepared: &Prepared) -> Result<Option<String>, Diagnostic> {
    for index in 0..prepared.plan.scenarios().len() {
        if let Some(failure) = walk(prepared, index).await? {
            let (name, script) =
                (prepared.plan.scenarios()[index].name(), prepared.plan.script().display());
            return Ok(Some(format!(
                "the rehearsal with one user failed in scenario {name}: {failure} (to see each \
                 step of it: loadtool once {script})"
            )));
        }
    }
    Ok(None)
}

async fn walk(prepared: &Prepared, scenario: usize) -> Result<Option<String>, Diagnostic> {
    let place = Place { phase: Phase::Setup, ..Place::default() };
    let id = user_id(&prepared.plan, scenario, 0);
    let user = prepared.vm.user(UserSpec { id, number: 1, scenario, agent: 1 })?;
    user.cancel().raise(Level::Stopping); // it is alone: there is nobody to wait for
    let mut failure = failed(&user.on_start(place).await);
    if failure.is_none() {
        failure = failed(&user.iterate(0, 0, place).await);
        let stopped = failed(&user.on_stop(place).await);
        failure = failure.or(stopped);
    }
    Ok(failure)
}

fn failed(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Completed => None,
        Ended::Failed(failure) => Some(failure.message.clone()),
        Ended::Stopped(Stopped::Run(message)) => Some(message.clone()),
        Ended::Stopped(_) => Some("no row is left in a data pool".to_owned()),
    }
}
