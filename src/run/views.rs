//! Who looks at the run while it goes on, and what they may do: the dashboard, the whole terminal,
//! single keys beside the live line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::control::Control;
use super::controls::StopOnly;
use super::pilot::Pilot;
use super::prepare::Prepared;
use super::spec::RunError;
use crate::output::dashboard::Dashboard;
use crate::output::full::{Feed, Full, Shared};
use crate::output::keyboard::Keyboard;
use crate::output::screen::Screen;
use crate::output::sink::spec::{Kind, Wanted};
use crate::output::steer::Steer;
use crate::output::tty::Terminal;
use crate::output::view::{self, View};
use crate::plan::Plan;

/// Serves the run as it goes on, to whoever has the address that is told.
pub(super) fn open_dashboard(
    address: SocketAddr,
    control: &mut Control,
    prepared: &Prepared,
    screen: &Screen,
) -> Result<(), RunError> {
    let steer = steer(control);
    let (view, secrets) = (view(control, prepared), &prepared.shared.secrets);
    let (dashboard, url) = Dashboard::open(address, view, steer, secrets.clone())?;
    let wanted = Wanted { kind: Kind::Dashboard, dest: address.to_string() };
    control.sinks.add(wanted, dashboard, secrets)?;
    screen.line(&format!("dashboard: {url}"));
    Ok(())
}

/// Lets the full screen know of each second; what it draws.
pub(super) fn feed_screen(control: &mut Control, prepared: &Prepared) -> Result<Shared, RunError> {
    let secrets = &prepared.shared.secrets;
    let (feed, board) = Feed::new(view(control, prepared), secrets.clone());
    let wanted = Wanted { kind: Kind::Screen, dest: "terminal".to_owned() };
    control.sinks.add(wanted, feed, secrets)?;
    Ok(board)
}

/// Whoever sits at the terminal while the load goes on; it is given back when they rise.
pub(super) enum Seat {
    Full(#[expect(dead_code, reason = "it lives as long as the seat")] Full),
    Keys(#[expect(dead_code, reason = "it lives as long as the seat")] Keyboard),
    Empty,
}

/// Gives the terminal to whoever sits at it: all of it if that is wanted, else single keys, with
/// which they steer unless a pilot does.
pub(super) fn sit(board: Option<Shared>, control: &Control, terminal: &Terminal) -> Seat {
    if let Some(board) = board {
        if let Some(full) = Full::open(terminal, board, steer(control)) {
            return Seat::Full(full);
        }
        log::warn!("the terminal cannot be had whole: a line tells how the run goes");
    }
    if control.pilot.is_some() {
        return Seat::Empty;
    }
    let Some(keyboard) = Keyboard::open(terminal, steer(control)) else { return Seat::Empty };
    let closed = !control.controls.wanted().is_empty();
    let keys = if closed { "keys: + - users, p pause, q stop" } else { "keys: q stop" };
    terminal.screen().line(keys);
    Seat::Keys(keyboard)
}

/// The run's length, where its plan has one that says anything: a search ends when it has found.
pub(super) fn planned(plan: &Plan, pilot: Option<&dyn Pilot>) -> Option<Duration> {
    plan.length().filter(|_| !pilot.is_some_and(Pilot::seeks))
}

/// What live views show of the run.
fn view(control: &Control, prepared: &Prepared) -> View {
    let Prepared { plan, shared, .. } = prepared;
    View::new(
        plan,
        view::About::new(plan, planned(plan, control.pilot.as_deref()), &shared.secrets),
    )
}

/// What whoever looks may do.
fn steer(control: &Control) -> Arc<dyn Steer> {
    let controls = control.controls.clone();
    match control.pilot {
        Some(_) => Arc::new(StopOnly(controls)),
        None => Arc::new(controls),
    }
}
