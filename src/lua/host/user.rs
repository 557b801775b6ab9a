//! One virtual user, as host functions see it.

use std::cell::{Cell, OnceCell, RefCell};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlua::Table;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rustc_hash::FxHasher;
use tokio::time::Instant;
use url::Url;

use super::shared::waits::OpenTurn;
use super::{Host, Op};
use crate::data::Lease;
use crate::http::{CallOptions, Session, Transport, Wire};
use crate::lua::error::Stopped;
use crate::lua::vm::UserSpec;
use crate::metrics::{Event, Mark, NameId, Place, Trace, TraceId};
use crate::plan::{Connections, Plan, Scenario};
use crate::stop::cancel::Cancel;

/// Where a user's cell holds the function that says which answers are expected, if there is one.
pub const EXPECT_STATUS: &str = "expect_status";

/// One virtual user. Everything that its journey changes is in cells, for it is shared by the
/// operations under way; no borrow outlives a host call.
pub struct User {
    /// From 1, in the run; 0 for the instance that gives the definition.
    pub id: u64,
    /// From 1, in the scenario; 0 likewise.
    pub number: u64,
    /// Its name; empty likewise.
    pub scenario: Arc<str>,
    /// Which variant of the target its requests go to: index in the plan, 0 if there are none.
    pub variant: usize,
    /// Its name.
    pub variant_name: Option<Arc<str>>,
    /// Number of the machine, from 1.
    pub agent: u32,
    /// From 0.
    pub iteration: Cell<u64>,
    /// Tags of the samples that it makes now; `step` is the innermost open step.
    pub place: Cell<Place>,
    /// The steps that are open, outermost first.
    pub steps: RefCell<Vec<OpenStep>>,
    /// Sum of `lt.think` since the iteration began.
    pub thought: Cell<Duration>,
    /// Which trace its requests carry, once the iteration has sent one.
    pub trace_id: Cell<Option<TraceId>>,
    /// What the iteration has done so far, if that may be kept.
    pub trace: RefCell<Option<Trace>>,
    /// `lt.random` and `math.random`, seeded from (run seed, scenario, number).
    pub rng: RefCell<Xoshiro256PlusPlus>,
    /// Cookies and connections.
    pub session: Session,
    /// Defaults of its calls.
    pub options: Rc<CallOptions>,
    /// Joined with URLs that start with `/`.
    pub base_url: Option<Rc<Url>>,
    /// The operation that its coroutine waits for.
    pub op: RefCell<Option<Op>>,
    /// Whether its coroutine may wait: not at the script's top level.
    pub may_wait: Cell<bool>,
    /// Whether its cell was emptied because the heap was full.
    pub spent: Cell<bool>,
    /// How its iteration was told to end, if it was.
    pub stop: RefCell<Option<Stopped>>,
    /// Rows that are its own until the function that runs has ended.
    pub leases: RefCell<Vec<Lease>>,
    /// Of each pool of which it had one the row that it took last, from 0.
    pub rows: RefCell<Vec<(usize, usize)>>,
    /// What ends its waits.
    pub cancel: Rc<Cancel>,
    /// Values of `lt.shared.once` that it is to compute; the next in line may when they are
    /// dropped, at the latest with the end of its run.
    pub turns: RefCell<Vec<OpenTurn>>,
    /// Its own table in Lua: `env`, `loaded` (modules), `vars`, and the functions it runs.
    pub cell: OnceCell<Table>,
}

/// A plan, and what all users of a worker share of it.
pub struct Bound {
    pub(in crate::lua) plan: Arc<Plan>,
    /// By variant; one where there are none.
    base_urls: Vec<Option<Rc<Url>>>,
    /// Of `setup` and `teardown`.
    own_options: Rc<CallOptions>,
    /// By scenario.
    options: Vec<Rc<CallOptions>>,
    /// By scenario, where its users share their connections: one for each variant.
    shared: Vec<Vec<Rc<dyn Wire>>>,
}

impl Bound {
    pub(in crate::lua) fn new(plan: &Arc<Plan>, transport: &dyn Transport) -> Bound {
        let rc = |options: &CallOptions| Rc::new(options.clone());
        let wires = |(index, scenario): (usize, &Scenario)| match scenario.connections {
            Connections::Shared => {
                (0..plan.turns().variants()).map(|_| transport.open(Some(index))).collect()
            }
            Connections::Keep | Connections::Fresh => Vec::new(),
        };
        let base_urls = match plan.variants() {
            [] => vec![plan.base_url.clone().map(Rc::new)],
            variants => variants.iter().map(|one| Some(Rc::new(one.base_url.clone()))).collect(),
        };
        Bound {
            plan: plan.clone(),
            base_urls,
            own_options: rc(&plan.http),
            options: plan.scenarios.iter().map(|scenario| rc(&scenario.http)).collect(),
            shared: plan.scenarios.iter().enumerate().map(wires).collect(),
        }
    }

    fn name_of(&self, variant: usize) -> Option<Arc<str>> {
        Some(self.plan.variants().get(variant)?.name.clone())
    }
}

/// A pass of `lt.step` that has begun.
#[derive(Debug, Clone, Copy)]
pub struct OpenStep {
    /// The step path around it.
    pub outer: NameId,
    /// When it began.
    pub began: Instant,
    /// [`User::thought`] when it began.
    pub thought: Duration,
    /// Where it stands in [`User::trace`].
    pub mark: Mark,
}

/// What of a user belongs to one branch of `lt.parallel`: its steps and pauses.
#[derive(Debug)]
pub struct Strand {
    step: NameId,
    steps: Vec<OpenStep>,
    thought: Duration,
}

impl Strand {
    /// A branch that begins inside the step that is open now.
    pub(super) fn beside(user: &User) -> Strand {
        let step = user.place.get().step;
        Strand { step, steps: Vec::new(), thought: Duration::ZERO }
    }

    /// Sum of `lt.think` in it, while it does not run.
    pub(super) fn thought(&self) -> Duration {
        self.thought
    }
}

impl User {
    /// Exchanges a branch's steps and pauses for the user's own, and back.
    pub(super) fn swap(&self, strand: &RefCell<Strand>) {
        let strand = &mut *strand.borrow_mut();
        let mut place = self.place.get();
        std::mem::swap(&mut place.step, &mut strand.step);
        self.place.set(place);
        std::mem::swap(&mut *self.steps.borrow_mut(), &mut strand.steps);
        strand.thought = self.thought.replace(strand.thought);
    }

    /// User `spec` of `scenario`.
    pub(in crate::lua) fn new(host: &Host, bound: &Bound, spec: &UserSpec) -> User {
        let scenario = &bound.plan.scenarios[spec.scenario];
        let wire = match bound.shared[spec.scenario].get(spec.variant) {
            Some(wire) => wire.clone(),
            None => host.transport().open(Some(spec.scenario)),
        };
        User {
            id: spec.id,
            number: spec.number,
            scenario: scenario.name.clone(),
            variant: spec.variant,
            variant_name: bound.name_of(spec.variant),
            agent: spec.agent,
            rng: RefCell::new(rng(bound.plan.seed, &scenario.name, spec.number)),
            options: bound.options[spec.scenario].clone(),
            base_url: bound.base_urls[spec.variant].clone(),
            ..User::nobody(wire, bound.plan.seed)
        }
    }

    /// Its cell, once its instance of the script has begun to run.
    pub(in crate::lua) fn own_cell(&self) -> &Table {
        self.cell.get().expect("an instance has a cell")
    }

    /// Notes what its iteration has done, if that may be kept.
    pub fn note(&self, event: Event<NameId>) {
        if let Some(trace) = &mut *self.trace.borrow_mut() {
            trace.note(event);
        }
    }

    /// Notes the row of a pool that it took last.
    pub fn took(&self, pool: usize, row: usize) {
        let mut rows = self.rows.borrow_mut();
        match rows.iter_mut().find(|(known, _)| *known == pool) {
            Some(known) => known.1 = row,
            None => rows.push((pool, row)),
        }
    }

    /// The user as which `setup` and `teardown` run against a variant, over the cell of the
    /// definition's instance.
    pub(in crate::lua) fn definition(
        host: &Host,
        bound: &Bound,
        cell: &Table,
        variant: usize,
    ) -> User {
        User {
            options: bound.own_options.clone(),
            variant,
            variant_name: bound.name_of(variant),
            base_url: bound.base_urls[variant].clone(),
            cell: OnceCell::from(cell.clone()),
            ..User::nobody(host.transport().open(None), bound.plan.seed)
        }
    }

    /// The instance that gives the definition, or none at all.
    pub(in crate::lua) fn nobody(wire: Rc<dyn Wire>, seed: u64) -> User {
        User {
            id: 0,
            number: 0,
            scenario: "".into(),
            variant: 0,
            variant_name: None,
            agent: 1,
            iteration: Cell::new(0),
            place: Cell::default(),
            steps: RefCell::default(),
            thought: Cell::default(),
            trace_id: Cell::default(),
            trace: RefCell::default(),
            rng: RefCell::new(rng(seed, "", 0)),
            session: Session::new(wire),
            options: Rc::default(),
            base_url: None,
            op: RefCell::default(),
            may_wait: Cell::new(false),
            spent: Cell::new(false),
            stop: RefCell::default(),
            leases: RefCell::default(),
            rows: RefCell::default(),
            cancel: Rc::default(),
            turns: RefCell::default(),
            cell: OnceCell::new(),
        }
    }

    /// Gives leased rows and turns of `once` back; nothing of the user's must run until it begins anew.
    pub(in crate::lua) fn give_back(&self) {
        self.leases.borrow_mut().clear();
        self.turns.borrow_mut().clear();
    }
}

/// The random choices of user `number` of `scenario`: the same for the same run seed.
pub(in crate::lua) fn rng(seed: u64, scenario: &str, number: u64) -> Xoshiro256PlusPlus {
    let mut hasher = FxHasher::default();
    (seed, scenario, number).hash(&mut hasher);
    Xoshiro256PlusPlus::seed_from_u64(hasher.finish())
}
