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
    live: Sender<Arc<str>>,
}

#[derive(Debug, Default)]
struct Past {
    hello: String,
    points: Vec<String>,
    tables: String,
    end: Option<Arc<str>>,
}

impl Hub {
    /// `hello` is the first message that each viewer gets.
    pub fn new(hello: String) -> Hub {
        Hub {
            past: Mutex::new(Past { hello, ..Past::default() }),
            live: broadcast::channel(WAITING).0,
        }
    }

    /// One more second: what charts show of it, and the tables as they stand now; both JSON.
    pub fn second(&self, point: String, tables: String) {
        let message = format!("{{\"kind\":\"second\",\"point\":{point},\"tables\":{tables}}}");
        let mut past = self.past();
        view::keep(&mut past.points, point);
        past.tables = tables;
        let _ = self.live.send(message.into()); // nobody may be there
    }

    /// The run is over.
    pub fn end(&self, message: String) {
        let message: Arc<str> = message.into();
        let mut past = self.past();
        past.end = Some(message.clone());
        let _ = self.live.send(message);
    }

    /// All that was, as messages, and from where on all that will be.
    pub fn join(&self) -> (Vec<Arc<str>>, Receiver<Arc<str>>) {
        let past = self.past();
        let points = past.points.join(",");
        let tables = if past.tables.is_empty() { "{}" } else { &past.tables };
        let whole = format!("{{\"kind\":\"past\",\"points\":[{points}],\"tables\":{tables}}}");
        let mut messages: Vec<Arc<str>> = vec![past.hello.as_str().into(), whole.into()];
        messages.extend(past.end.clone());
        (messages, self.live.subscribe())
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_gets_all_that_was_and_then_what_comes() {
        let hub = Hub::new("{\"kind\":\"hello\"}".to_owned());
        hub.second("{\"s\":0}".to_owned(), "{\"calls\":[]}".to_owned());
        hub.second("{\"s\":1}".to_owned(), "{\"calls\":[1]}".to_owned());
        let (past, mut live) = hub.join();
        assert_eq!(&*past[0], "{\"kind\":\"hello\"}");
        assert_eq!(
            &*past[1],
            "{\"kind\":\"past\",\"points\":[{\"s\":0},{\"s\":1}],\"tables\":{\"calls\":[1]}}"
        );
        hub.end("over".to_owned());
        assert_eq!(live.try_recv().as_deref(), Ok("over"));
        assert_eq!(hub.join().0.last().map(|last| &**last), Some("over"));
    }
}
