//! What of HTTP belongs to one user: connections and cookies.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::{Jar, Wire};

/// Connections rest while their user sends nothing for this long; to wake one costs some microseconds.
const LONG: Duration = Duration::from_millis(100);

/// One user's connections and cookies; in cells, for all calls of the user share it.
pub struct Session {
    wire: RefCell<Rc<dyn Wire>>,
    /// The cookie jar, used on every hop.
    pub cookies: Jar,
}

impl Session {
    /// A session with an empty jar.
    pub fn new(wire: Rc<dyn Wire>) -> Self {
        Session { wire: RefCell::new(wire), cookies: Jar::default() }
    }

    /// The connections that calls go through.
    pub fn wire(&self) -> Rc<dyn Wire> {
        self.wire.borrow().clone()
    }

    /// New connections from now on (`connections = "fresh"`); calls under way keep theirs, the
    /// old ones close after them.
    pub fn reconnect(&self) {
        let fresh = self.wire().fresh();
        self.wire.replace(fresh);
    }

    /// Awaits `wait`, which takes about `length` and during which the user sends nothing: its
    /// connections are looked after, and rest if that is for long.
    pub async fn idle<F: Future>(&self, length: Duration, mut wait: Pin<&mut F>) -> F::Output {
        let wire = self.wire();
        if length >= LONG {
            wire.rest();
        }
        poll_fn(|cx| {
            let over = wait.as_mut().poll(cx);
            if over.is_pending() {
                wire.tend(cx);
            }
            over
        })
        .await
    }

    /// Forgets the cookies (`session = "fresh"`).
    pub fn clear(&self) {
        self.cookies.clear();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("cookies", &self.cookies).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::task::Context;

    use futures_util::future::LocalBoxFuture;
    use tokio::time::sleep;

    use super::*;
    use crate::http::{Exchange, Hop};

    /// Counts how often its connections were told to rest, and looked after.
    #[derive(Default)]
    struct Counting {
        rested: Cell<u32>,
        tended: Cell<u32>,
    }

    impl Wire for Counting {
        fn fresh(&self) -> Rc<dyn Wire> {
            Rc::new(Counting::default())
        }

        fn send<'a>(&'a self, _: Hop) -> LocalBoxFuture<'a, Exchange> {
            Box::pin(async { Exchange::default() })
        }

        fn rest(&self) {
            self.rested.update(|count| count + 1);
        }

        fn tend(&self, _: &mut Context<'_>) {
            self.tended.update(|count| count + 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connections_rest_in_long_waits_and_are_looked_after_in_all() {
        let wire = Rc::new(Counting::default());
        let session = Session::new(wire.clone());
        let short = Duration::from_millis(99);
        session.idle(short, pin!(sleep(short))).await;
        assert_eq!((wire.rested.get(), wire.tended.get()), (0, 1));
        session.idle(LONG, pin!(sleep(LONG))).await;
        assert_eq!((wire.rested.get(), wire.tended.get()), (1, 2));
        assert_eq!(session.idle(Duration::ZERO, pin!(async { 7 })).await, 7);
        assert_eq!((wire.rested.get(), wire.tended.get()), (1, 2));
    }
}
