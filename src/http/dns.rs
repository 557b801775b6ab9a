//! Names to addresses, by the system's resolver, looked up once for all users of a process.
//!
//! Ten thousand users that start at once ask once: whoever comes while a lookup is under way
//! waits for it. What cannot be resolved is remembered too, for a second.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long addresses are good for.
const KEEP: Duration = Duration::from_secs(60);
/// How long a failure is.
const KEEP_FAILURE: Duration = Duration::from_secs(1);

/// A cache of names; cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<Mutex<HashMap<String, Arc<Entry>>>>);

#[derive(Debug)]
struct Entry {
    asked: Instant,
    found: OnceCell<Result<Arc<[SocketAddr]>, Unresolved>>,
}

/// Why a name has no address. One lookup's error may be told to many users, so it is shared.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unresolved(#[source] Arc<io::Error>);

impl Names {
    /// The addresses of `name`, with port 0.
    pub async fn lookup(&self, name: &str) -> Result<Arc<[SocketAddr]>, Unresolved> {
        let entry = self.entry(name);
        entry.found.get_or_init(|| resolve(name)).await.clone()
    }

    fn entry(&self, name: &str) -> Arc<Entry> {
        let now = Instant::now();
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match names.get(name) {
            Some(entry) if entry.is_good(now) => entry.clone(),
            _ => {
                names.retain(|_, entry| entry.is_good(now));
                let entry = Arc::new(Entry { asked: now, found: OnceCell::new() });
                names.insert(name.to_owned(), entry.clone());
                entry
            }
        }
    }
}

impl Entry {
    fn is_good(&self, now: Instant) -> bool {
        let keep = if let Some(Err(_)) = self.found.get() { KEEP_FAILURE } else { KEEP };
        now.saturating_duration_since(self.asked) < keep
    }
}

async fn resolve(name: &str) -> Result<Arc<[SocketAddr]>, Unresolved> {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(Unresolved(Arc::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_once_while_it_is_good() {
        let names = Names::default();
        let (first, second) = tokio::join!(names.lookup("localhost"), names.lookup("localhost"));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(Arc::ptr_eq(&first, &second), "both came from one lookup");
        assert!(first.iter().all(|address| address.ip().is_loopback() && address.port() == 0));
        tokio::time::pause();
        tokio::time::advance(KEEP).await;
        tokio::time::resume();
        assert!(!Arc::ptr_eq(&first, &names.lookup("localhost").await.unwrap()));
    }
}
