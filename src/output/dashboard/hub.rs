//! What viewers of the dashboard have seen: the run from its beginning for whoever comes late, and
//! each new second for those who are there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::output::view;

/// Messages that may wait for a slow viewer, who else begins anew.
const WAITING: usize = 32;

/// Shared by the sink and the server.
#[derive(Debug)]
pub struct Hub {
    past: Mutex<Past>,
}

#[derive(Debug)]
struct Past {
    hello: String,
    points: Vec<String>,
    tables: String,
    end: Option<Arc<str>>,
    /// Nothing follows the end, so streams end there, too.
    live: Option<Sender<Arc<str>>>,
}

impl Hub {
    /// `hello` is the first message that each viewer gets.
    pub fn new(hello: String) -> Hub {
        let live = Some(broadcast::channel(WAITING).0);
        let (points, tables) = (Vec::new(), "{}".to_owned());
        Hub { past: Mutex::new(Past { hello, points, tables, end: None, live }) }
    }

    /// One more second: what charts show of it, and the tables as they stand now; both JSON.
    pub fn second(&self, point: String, tables: String) {
        let message = format!("{{\"kind\":\"second\",\"point\":{point},\"tables\":{tables}}}");
        let mut past = self.past();
        view::keep(&mut past.points, point);
        past.tables = tables;
        past.tell(message.into());
    }

    /// The run is over.
    pub fn end(&self, message: String) {
        let message: Arc<str> = message.into();
        let mut past = self.past();
        past.end = Some(message.clone());
        past.tell(message);
        past.live = None;
    }

    /// All that was, as messages, and all that will be, unless that was all.
    pub fn join(&self) -> (Vec<Arc<str>>, Option<Receiver<Arc<str>>>) {
        let past = self.past();
        let points = past.points.join(",");
        let tables = &past.tables;
        let whole = format!("{{\"kind\":\"past\",\"points\":[{points}],\"tables\":{tables}}}");
        let mut messages: Vec<Arc<str>> = vec![past.hello.as_str().into(), whole.into()];
        messages.extend(past.end.clone());
        (messages, past.live.as_ref().map(Sender::subscribe))
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    fn tell(&self, message: Arc<str>) {
        if let Some(live) = &self.live {
            let _ = live.send(message); // nobody may be there
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    #[test]
    fn who_comes_late_gets_all_that_was_and_then_what_comes() {
        let hub = Hub::new("{\"kind\":\"hello\"}".to_owned());
        hub.second("{\"s\":0}".to_owned(), "{\"calls\":[]}".to_owned());
        hub.second("{\"s\":1}".to_owned(), "{\"calls\":[1]}".to_owned());
        let (past, live) = hub.join();
        let mut live = live.expect("it goes on");
        assert_eq!(&*past[0], "{\"kind\":\"hello\"}");
        assert_eq!(
            &*past[1],
            "{\"kind\":\"past\",\"points\":[{\"s\":0},{\"s\":1}],\"tables\":{\"calls\":[1]}}"
        );
        hub.end("over".to_owned());
        assert_eq!(live.try_recv().as_deref(), Ok("over"));
        assert_eq!(live.try_recv(), Err(TryRecvError::Closed), "nothing follows");
        let (past, live) = hub.join();
        assert_eq!((past.last().map(|last| &**last), live.is_none()), (Some("over"), true));
    }
}
