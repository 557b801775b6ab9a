//! The way from the control thread to a sink: a bounded queue, a thread, and what became of it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::masked::masked;
use super::spec::Wanted;
use super::{Moment, Opened, PATIENCE, QUEUE, Sink};
use crate::results::Summary;
use crate::results::format::counted;
use crate::results::summary::Delivery;
use crate::secrets::Secrets;

/// The control thread's end. Dropped before its end, the sink ends without a summary.
pub struct Relay {
    queue: SyncSender<Moment>,
    closing: Closing,
}

/// A relay that takes no more seconds.
pub struct Closing {
    wanted: Wanted,
    account: Arc<Account>,
    secrets: Arc<Secrets>,
    summary: Arc<OnceLock<Arc<Summary>>>,
    over: oneshot::Receiver<()>,
}

/// What became of what was sent.
struct Account {
    wanted: Wanted,
    tally: Mutex<Tally>,
}

#[derive(Default, Clone)]
struct Tally {
    /// Units of the kind.
    written: u64,
    /// Seconds.
    lost: u64,
    /// Seconds in the queue or in the sink's hands.
    waiting: u64,
    error: Option<String>,
}

impl Account {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something went wrong; the first time it is told.
    fn fail(&self, why: &str) {
        if self.tally().error.is_none() {
            log::warn!("{}: {why}", self.wanted.flag());
            self.tally().error = Some(why.to_owned());
        }
    }
}

impl Relay {
    /// Starts the sink's thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(wanted: Wanted, opened: Opened, secrets: Arc<Secrets>) -> std::io::Result<Relay> {
        let (queue, seconds) = sync_channel(QUEUE);
        let account = Arc::new(Account { wanted: wanted.clone(), tally: Mutex::default() });
        let summary = Arc::new(OnceLock::<Arc<Summary>>::new());
        let (is_over, over) = oneshot::channel();
        let (kept, last, hidden) = (account.clone(), summary.clone(), secrets.clone());
        let name = format!("out-{}", wanted.kind.name());
        thread::Builder::new().name(name).spawn(move || {
            let mut sink = opened();
            follow(sink.as_mut(), &seconds, &kept, &hidden);
            if let Some(summary) = last.get() {
                match sink.finish(summary) {
                    Ok(written) => kept.tally().written += written,
                    Err(why) => kept.fail(&why),
                }
            }
            drop(sink); // what it closes is then closed
            let _ = is_over.send(()); // nobody waits for it any longer than is told
        })?;
        Ok(Relay { queue, closing: Closing { wanted, account, secrets, summary, over } })
    }

    /// One more second; never waits.
    pub fn send(&mut self, moment: Moment) {
        let account = &self.closing.account;
        account.tally().waiting += 1;
        let why = match self.queue.try_send(moment) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => "it does not keep up: seconds are lost",
            Err(TrySendError::Disconnected(_)) => "its thread is gone (a bug in loadtool)",
        };
        let mut tally = account.tally();
        tally.waiting -= 1;
        tally.lost += 1;
        drop(tally);
        account.fail(why);
    }

    /// Nothing more comes but the summary.
    pub fn close(self, summary: Arc<Summary>) -> Closing {
        // Nobody but this end sets it; the queue closes after it.
        let _ = self.closing.summary.set(summary);
        self.closing
    }
}

/// Hands the sink what comes, until the other end hangs up.
fn follow(sink: &mut dyn Sink, seconds: &Receiver<Moment>, account: &Account, secrets: &Secrets) {
    for mut moment in seconds {
        moment.second = masked(moment.second, secrets);
        let came = sink.second(&moment);
        let mut tally = account.tally();
        tally.waiting -= 1;
        match came {
            Ok(written) => tally.written += written,
            Err(why) => {
                tally.lost += 1;
                drop(tally);
                account.fail(&why);
            }
        }
    }
}

impl Closing {
    /// Waits for its end until `deadline`; what became of it.
    pub async fn end(self, deadline: Instant) -> Delivery {
        match timeout_at(deadline, self.over).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.account.fail("its thread panicked (a bug in loadtool)"),
            Err(_) => {
                let waiting = counted(self.account.tally().waiting, "second");
                let patience = PATIENCE.as_secs();
                let why = format!("not done {patience} s after the run, {waiting} still waiting");
                self.account.fail(&why);
            }
        }
        let Tally { written, lost, waiting, error } = self.account.tally().clone();
        let shown = |text: &str| self.secrets.mask(text).into_owned();
        Delivery {
            kind: self.wanted.kind.name().to_owned(),
            dest: shown(&self.wanted.place()),
            unit: self.wanted.kind.unit().to_owned(),
            written,
            lost: lost + waiting,
            file: self.wanted.is_file(),
            error: error.as_deref().map(shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::ready;
    use super::*;
    use crate::aggregator::Second;
    use crate::results::{Tick, example};

    /// Does what it is told with each second.
    struct Told(mpsc::Receiver<Result<u64, String>>);

    impl Sink for Told {
        fn second(&mut self, _: &Moment) -> Result<u64, String> {
            self.0.recv().unwrap_or(Ok(1))
        }

        fn finish(&mut self, summary: &Summary) -> Result<u64, String> {
            Ok(summary.run.threads as u64 * 100)
        }
    }

    fn relay() -> (mpsc::Sender<Result<u64, String>>, Relay) {
        let (tell, told) = mpsc::channel();
        let wanted = Wanted::parse("json=x").unwrap();
        (tell, Relay::start(wanted, ready(Told(told)), Arc::default()).unwrap())
    }

    fn moment() -> Moment {
        let second = Second { tick: Tick::default(), window: Arc::default(), late: false };
        Moment { second, began: jiff::Timestamp::UNIX_EPOCH }
    }

    fn end(relay: Relay, patience: Duration) -> (u64, u64, Option<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let summary = Arc::new(example::good());
        let closing = relay.close(summary);
        let ended = runtime.block_on(async { closing.end(Instant::now() + patience).await });
        (ended.written, ended.lost, ended.error)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_was_written_and_lost_is_counted() {
        let (tell, mut relay) = relay();
        for told in [Ok(1), Err("no luck".to_owned()), Ok(1), Err("again".to_owned())] {
            tell.send(told).unwrap();
            relay.send(moment());
        }
        assert_eq!(end(relay, LONG), (202, 2, Some("no luck".to_owned())));
    }

    #[test]
    fn a_sink_that_hangs_costs_nothing_but_what_it_does_not_take() {
        let (tell, mut relay) = relay();
        (0..QUEUE + 10).for_each(|_| relay.send(moment()));
        let (written, lost, error) = end(relay, Duration::from_millis(50));
        assert_eq!((written, lost), (0, QUEUE as u64 + 10), "the end waits for none of them");
        assert_eq!(error.as_deref(), Some("it does not keep up: seconds are lost"));
        drop(tell); // lets its thread go
    }

    #[test]
    fn what_waits_at_the_end_is_still_written() {
        let (tell, mut relay) = relay();
        (0..QUEUE / 2).for_each(|_| relay.send(moment()));
        drop(tell);
        assert_eq!(end(relay, LONG), (QUEUE as u64 / 2 + 200, 0, None));
    }
}
