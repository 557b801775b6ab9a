//! Why and how hard a run is being stopped. One watch carries it from the control thread to all
//! workers; a flag per user ([`cancel`]) from there to whoever waits.

pub mod cancel;

use tokio::sync::watch;

/// How a run was told to end before its plan did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT, SIGTERM, SIGHUP or the user's `q`.
    Signal,
    /// `lt.abort(message)`, or a failed `setup`.
    Abort(String),
    /// A threshold with `abort = true` was crossed.
    Threshold(String),
    /// What the run was for is known.
    Finished,
}

/// What everyone who waits must heed; it only ever moves down this list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stop {
    /// Go on.
    #[default]
    None,
    /// Start nothing more; iterations under way may finish within their `graceful_stop`.
    Graceful(StopReason),
    /// Drop what is under way, now.
    Now(StopReason),
    /// The same, and be quick about tidying up: someone waits at the keyboard.
    Hurry(StopReason),
}

impl Stop {
    /// Whether nothing more may start.
    pub fn is_stopping(&self) -> bool {
        *self != Stop::None
    }

    /// Whether what is under way is dropped.
    pub fn is_now(&self) -> bool {
        matches!(self, Stop::Now(_) | Stop::Hurry(_))
    }

    /// Whether tidying up must be quick.
    pub fn is_hurried(&self) -> bool {
        matches!(self, Stop::Hurry(_))
    }

    /// The reason, if there is one.
    pub fn reason(&self) -> Option<&StopReason> {
        match self {
            Stop::None => None,
            Stop::Graceful(reason) | Stop::Now(reason) | Stop::Hurry(reason) => Some(reason),
        }
    }

    /// The reason to keep when `later` comes on top: an abort outweighs a signal (exit 6, not 5).
    fn reason_beside(&self, later: StopReason) -> StopReason {
        match self.reason() {
            None => later,
            Some(StopReason::Signal) if matches!(later, StopReason::Abort(_)) => later,
            Some(first) => first.clone(),
        }
    }
}

/// The end that listens.
pub type StopWatch = watch::Receiver<Stop>;

/// The end that tells; cloned to whoever may stop a run.
#[derive(Debug, Clone)]
pub struct StopSwitch(watch::Sender<Stop>);

impl Default for StopSwitch {
    fn default() -> Self {
        StopSwitch(watch::Sender::new(Stop::None))
    }
}

impl StopSwitch {
    /// A new listener.
    pub fn watch(&self) -> StopWatch {
        self.0.subscribe()
    }

    /// Asks for a graceful stop; the first reason stays.
    pub fn graceful(&self, reason: StopReason) {
        self.0.send_if_modified(|stop| {
            let first = *stop == Stop::None;
            if first {
                *stop = Stop::Graceful(reason);
            }
            first
        });
    }

    /// Ends the run now; the first reason stays, but for a signal before an abort.
    pub fn now(&self, reason: StopReason) {
        self.0.send_if_modified(|stop| {
            let sooner = !stop.is_now();
            if sooner {
                *stop = Stop::Now(stop.reason_beside(reason));
            }
            sooner
        });
    }

    /// Ends the run now, with little time for tidying up; the first reason stays.
    pub fn hurry(&self, reason: StopReason) {
        self.0.send_modify(|stop| {
            *stop = Stop::Hurry(stop.reason_beside(reason));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_only_gets_harder_and_keeps_its_first_reason() {
        let abort = || StopReason::Abort("enough".to_owned());
        let switch = StopSwitch::default();
        switch.graceful(StopReason::Threshold("p95".to_owned()));
        switch.now(abort());
        let first = StopReason::Threshold("p95".to_owned());
        assert_eq!(*switch.watch().borrow(), Stop::Now(first.clone()));
        switch.hurry(StopReason::Signal);
        switch.now(abort());
        switch.graceful(abort());
        assert_eq!(*switch.watch().borrow(), Stop::Hurry(first));
    }

    #[test]
    fn an_abort_outweighs_the_signal_before_it() {
        let abort = || StopReason::Abort("enough".to_owned());
        let switch = StopSwitch::default();
        switch.graceful(StopReason::Signal);
        switch.now(abort());
        switch.hurry(StopReason::Signal);
        assert_eq!(*switch.watch().borrow(), Stop::Hurry(abort()));
    }
}
