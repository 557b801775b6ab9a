//! A rehearsal before the load: one user walks each scenario once, each branch of its mix, in the
//! control thread's Lua. What fails for one user alone says nothing of how many can be borne; and
//! what it takes of data pools that come to an end, the load will take as often as it iterates.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::prepare::Prepared;
use crate::data::{Pool, RowHold};
use crate::diagnostic::Diagnostic;
use crate::engine::worker::user_id;
use crate::lua::error::{Ended, Stopped};
use crate::lua::vm::UserSpec;
use crate::metrics::{Event, NameId, Phase, Place, Trace, What};
use crate::stop::cancel::Level;

/// What it came to.
#[derive(Debug, Default)]
pub struct Rehearsed {
    /// The first failure in words.
    pub failure: Option<String>,
    /// What was taken of pools whose rows are given once.
    pub appetites: Vec<Appetite>,
    /// Of which pools users have rows for themselves.
    pub claims: Vec<Claim>,
    /// Indexes of scenarios that paused with `lt.think`: their durations are without that.
    pub thinking: Vec<usize>,
    /// By scenario: how long its longest iteration took, pauses included.
    pub took: Vec<Duration>,
    /// Every request, and what came of it.
    pub replies: Vec<Reply>,
}

/// What one request of the rehearsal came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// `GET /login`.
    pub call: String,
    /// 0 if no head arrived.
    pub status: u16,
    /// Category of its error; `None` if the answer was expected.
    pub error: Option<String>,
}

/// Rows that a scenario takes of a pool.
#[derive(Debug, Clone)]
pub struct Appetite {
    /// Its index in the plan.
    pub scenario: usize,
    /// Which gives each row once.
    pub pool: Arc<Pool>,
    /// In `on_start` and `on_stop`.
    pub per_user: u64,
    /// In an iteration, on average over the mix.
    pub per_iteration: f64,
}

/// That each user of a scenario has a row of a pool for itself, for good or while it iterates.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The scenario's index in the plan.
    pub scenario: usize,
    /// Which has one row for each.
    pub pool: Arc<Pool>,
    /// How long.
    pub hold: RowHold,
    /// How long the longest iteration took, alone.
    pub took: Duration,
}

/// Walks every scenario, to the first failure. Nothing of it is measured.
///
/// # Errors
/// A user cannot be made.
pub async fn rehearse(prepared: &Prepared) -> Result<Rehearsed, Diagnostic> {
    let mut rehearsed = Rehearsed::default();
    for index in 0..prepared.plan.scenarios().len() {
        if let Some(failure) = walk(prepared, index, &mut rehearsed).await? {
            let (name, script) =
                (prepared.plan.scenarios()[index].name(), prepared.plan.script().display());
            rehearsed.failure = Some(format!(
                "the rehearsal with one user failed in scenario {name}: {failure} (to see each \
                 step of it: loadtool once {script})"
            ));
            break;
        }
    }
    Ok(rehearsed)
}

async fn walk(
    prepared: &Prepared,
    scenario: usize,
    rehearsed: &mut Rehearsed,
) -> Result<Option<String>, Diagnostic> {
    let place = Place { phase: Phase::Setup, ..Place::default() };
    let id = user_id(&prepared.plan, scenario, 0);
    let user = prepared.vm.user(UserSpec { id, number: 1, scenario, variant: 0, agent: 1 })?;
    user.cancel().raise(Level::Stopping); // it is alone: there is nobody to wait for
    let mut stock = Stock::of(prepared);
    let held = held(prepared);
    for (pool, _) in &held {
        pool.was_used(); // by the scenario before, or at the top level
    }
    let mut took = Duration::ZERO;
    let mut thinks = false;
    user.begin_trace(prepared.recorder.borrow_mut().lend_trace());
    let mut failure = failed(&user.on_start(place).await);
    stock.note_user();
    if failure.is_none() {
        let mix = prepared.plan.scenarios()[scenario].mix();
        let sum: f64 = mix.iter().map(|entry| entry.weight).sum();
        for (branch, entry) in mix.iter().enumerate() {
            let began = Instant::now();
            let ended = user.iterate(branch as u64, branch, place).await;
            took = took.max(began.elapsed());
            failure = failure.or_else(|| failed(&ended));
            thinks |= !user.thought().is_zero();
            stock.note_iteration(entry.weight / sum);
        }
        let stopped = failed(&user.on_stop(place).await);
        stock.note_user();
        failure = failure.or(stopped);
    }
    rehearsed.replies.extend(user.end_trace().iter().flat_map(|trace| replies(prepared, trace)));
    rehearsed.appetites.extend(stock.appetites(scenario));
    let used = held.into_iter().filter(|(pool, _)| pool.was_used());
    rehearsed.claims.extend(used.map(|(pool, hold)| Claim { scenario, pool, hold, took }));
    rehearsed.thinking.extend(thinks.then_some(scenario));
    rehearsed.took.push(took);
    Ok(failure)
}

/// The requests of a trace.
fn replies(prepared: &Prepared, trace: &Trace) -> Vec<Reply> {
    let recorder = prepared.recorder.borrow();
    let reply = |event: &Event<NameId>| match &event.what {
        What::Request(sent) => Some(Reply {
            call: format!("{} {}", recorder.text(sent.method), recorder.text(sent.name)),
            status: sent.status,
            error: (sent.error != NameId::NONE).then(|| recorder.text(sent.error).to_string()),
        }),
        What::Step | What::Think | What::Sleep => None,
    };
    trace.events().iter().filter_map(reply).collect()
}

/// Pools of which users have rows for themselves.
fn held(prepared: &Prepared) -> Vec<(Arc<Pool>, RowHold)> {
    let held = |pool: Arc<Pool>| pool.hold().map(|hold| (pool, hold));
    prepared.shared.pools.list().into_iter().filter_map(held).collect()
}

fn failed(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Completed => None,
        Ended::Failed(failure) => Some(failure.message.clone()),
        Ended::Stopped(Stopped::Run(message)) => Some(message.clone()),
        Ended::Stopped(_) => Some("no row is left in a data pool".to_owned()),
    }
}

/// The pools whose rows are given once, and what was taken of each.
struct Stock(Vec<Shelf>);

struct Shelf {
    pool: Arc<Pool>,
    given: u64,
    per_user: u64,
    per_iteration: f64,
}

impl Stock {
    fn of(prepared: &Prepared) -> Stock {
        let shelf = |pool: Arc<Pool>| {
            let given = pool.once()?.given;
            Some(Shelf { pool, given, per_user: 0, per_iteration: 0.0 })
        };
        Stock(prepared.shared.pools.list().into_iter().filter_map(shelf).collect())
    }

    fn note_user(&mut self) {
        for shelf in &mut self.0 {
            shelf.per_user += shelf.taken();
        }
    }

    /// An iteration of a branch with that share of all.
    fn note_iteration(&mut self, share: f64) {
        for shelf in &mut self.0 {
            shelf.per_iteration += shelf.taken() as f64 * share;
        }
    }

    fn appetites(self, scenario: usize) -> impl Iterator<Item = Appetite> {
        let some = |shelf: &Shelf| shelf.per_user > 0 || shelf.per_iteration > 0.0;
        self.0.into_iter().filter(some).map(move |shelf| Appetite {
            scenario,
            pool: shelf.pool,
            per_user: shelf.per_user,
            per_iteration: shelf.per_iteration,
        })
    }
}

impl Shelf {
    /// Since this was last asked.
    fn taken(&mut self) -> u64 {
        let given = self.pool.once().map_or(self.given, |once| once.given);
        given - std::mem::replace(&mut self.given, given)
    }
}
