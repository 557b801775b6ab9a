//! A transport without a network, for tests of what stands above it: a function says how long
//! each hop takes and what comes of it, and tokio's clock, which may be paused, does the rest.

use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::failure::{self, Stage};
use super::{Exchange, Hop, Timings, Transport, Wire};

type Script = dyn Fn(&Hop) -> (Duration, Exchange);

/// Answers every hop by a function.
#[derive(Clone)]
pub struct SimulatedTransport(Rc<Script>);

impl SimulatedTransport {
    /// `script` says how long a hop waits for its answer, and the answer. A hop that would
    /// outlive its deadline times out.
    pub fn new(script: impl Fn(&Hop) -> (Duration, Exchange) + 'static) -> Self {
        SimulatedTransport(Rc::new(script))
    }

    /// Answers everything with an empty 200 after `wait`.
    pub fn ok(wait: Duration) -> Self {
        Self::new(move |_| (wait, Exchange::answer(200, "")))
    }
}

impl Exchange {
    /// An HTTP/1.1 answer without headers, as if on a connection that was used before.
    pub fn answer(status: u16, body: &'static str) -> Exchange {
        Exchange {
            status,
            proto: "1.1",
            body: body.into(),
            size: body.len() as u64,
            reused: true,
            ..Exchange::default()
        }
    }
}

impl Transport for SimulatedTransport {
    fn open(&self, _: Option<usize>) -> Rc<dyn Wire> {
        Rc::new(self.clone())
    }
}

impl Wire for SimulatedTransport {
    fn fresh(&self) -> Rc<dyn Wire> {
        Rc::new(self.clone())
    }

    fn send<'a>(&'a self, hop: Hop) -> LocalBoxFuture<'a, Exchange> {
        let (wait, mut done) = (self.0)(&hop);
        async move {
            let left = hop.deadline.saturating_duration_since(tokio::time::Instant::now());
            let waited = wait.min(left);
            tokio::time::sleep(waited).await;
            if waited < wait {
                let peer = failure::peer_of(&hop.url);
                done = Exchange::default();
                done.error = Some(failure::timeout(hop.timeout, Stage::Waiting, &peer));
            }
            if done.timings == Timings::default() {
                done.timings.wait = waited;
            }
            done
        }
        .boxed_local()
    }
}
