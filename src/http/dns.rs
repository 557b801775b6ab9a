//! Names to addresses: those that are given, else by the system's resolver, looked up once for all
//! users of a process.
//!
//! Ten thousand users that start at once ask once: whoever comes while a lookup is under way
//! waits for it. What cannot be resolved is remembered too, for a second.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::settings::{DnsOptions, Fixed, Pick};

/// How long a failure is remembered, at most.
const KEEP_FAILURE: Duration = Duration::from_secs(1);

/// A cache of names; cloning shares it.
#[derive(Debug, Clone)]
pub struct Names(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: DnsOptions,
    fixed: Vec<(Fixed, Addresses)>,
    cache: Mutex<HashMap<String, Arc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    asked: Instant,
    found: OnceCell<Result<Addresses, Unresolved>>,
    /// Outlives the entry, so that a new lookup does not begin with the first again.
    turns: Arc<AtomicUsize>,
}

/// The addresses of a name, with port 0, and who was last.
#[derive(Debug, Clone)]
struct Addresses {
    all: Arc<[SocketAddr]>,
    turns: Arc<AtomicUsize>,
}

/// Why a name has no address. One lookup's error may be told to many users, so it is shared.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unresolved(#[source] Arc<io::Error>);

impl Names {
    /// Nothing has been looked up.
    pub fn new(options: DnsOptions, fixed: &[Fixed]) -> Self {
        let given = |fixed: &Fixed| {
            let all = fixed.addresses.iter().map(|&address| SocketAddr::from((address, 0)));
            (fixed.clone(), Addresses { all: all.collect(), turns: Arc::default() })
        };
        let fixed = fixed.iter().map(given).collect();
        Names(Arc::new(Shared { options, fixed, cache: Mutex::default() }))
    }

    /// The addresses of `name` for a connection of a URL with that port: the one to try first
    /// comes first, and all have port 0.
    pub async fn lookup(
        &self,
        name: &str,
        port: u16,
    ) -> Result<impl Iterator<Item = SocketAddr> + Send + use<>, Unresolved> {
        let addresses = match self.0.fixed(name, port) {
            Some(addresses) => addresses.clone(),
            None => self.0.entry(name).addresses(name).await?,
        };
        Ok(addresses.in_turn(self.0.options.pick))
    }
}

impl Shared {
    /// What was given for the name and this port, or for the name.
    fn fixed(&self, name: &str, port: u16) -> Option<&Addresses> {
        let of_port = |wanted: Option<u16>| {
            move |(fixed, _): &&(Fixed, Addresses)| fixed.name == name && fixed.port == wanted
        };
        let found = self.fixed.iter().find(of_port(Some(port)));
        found.or_else(|| self.fixed.iter().find(of_port(None))).map(|(_, addresses)| addresses)
    }

    fn entry(&self, name: &str) -> Arc<Entry> {
        let (now, ttl) = (Instant::now(), self.options.ttl);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cache.get(name);
        if let Some(entry) = known.filter(|entry| entry.is_good(now, ttl)) {
            return entry.clone();
        }
        let turns = known.map(|entry| entry.turns.clone()).unwrap_or_default();
        let entry = Arc::new(Entry { asked: now, found: OnceCell::new(), turns });
        cache.retain(|_, entry| entry.is_good(now, ttl));
        cache.insert(name.to_owned(), entry.clone());
        entry
    }
}

impl Entry {
    fn is_good(&self, now: Instant, ttl: Duration) -> bool {
        let failed = matches!(self.found.get(), Some(Err(_)));
        let keep = if failed { KEEP_FAILURE.min(ttl) } else { ttl };
        now.saturating_duration_since(self.asked) < keep
    }

    async fn addresses(&self, name: &str) -> Result<Addresses, Unresolved> {
        let resolve = || async {
            let all = resolve(name).await?;
            Ok(Addresses { all, turns: self.turns.clone() })
        };
        self.found.get_or_init(resolve).await.clone()
    }
}

impl Addresses {
    fn in_turn(self, pick: Pick) -> impl Iterator<Item = SocketAddr> + Send + use<> {
        let count = self.all.len();
        let first = match pick {
            Pick::RoundRobin if count > 1 => self.turns.fetch_add(1, Relaxed) % count,
            _ => 0,
        };
        (0..count).map(move |k| self.all[(first + k) % count])
    }
}

async fn resolve(name: &str) -> Result<Arc<[SocketAddr]>, Unresolved> {
    // A client that resolves for a proxy asks for addresses too, as URLs write them.
    let name = name.trim_start_matches('[').trim_end_matches(']');
    match tokio::net::lookup_host((name, 0)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(Unresolved(Arc::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn first(names: &Names, name: &str, port: u16) -> String {
        let mut found = names.lookup(name, port).await.unwrap();
        found.next().unwrap().ip().to_string()
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_while_it_is_good() {
        let options = DnsOptions::default();
        let ttl = options.ttl;
        let names = Names::new(options, &[]);
        let (one, other) = (names.0.entry("localhost"), names.0.entry("localhost"));
        assert!(Arc::ptr_eq(&one, &other), "whoever comes meanwhile waits for the same");
        let mut found = names.lookup("localhost", 80).await.unwrap();
        assert!(found.all(|address| address.ip().is_loopback() && address.port() == 0));
        tokio::time::pause();
        tokio::time::advance(ttl).await;
        assert!(!Arc::ptr_eq(&one, &names.0.entry("localhost")));
    }

    #[tokio::test]
    async fn without_a_ttl_each_connection_looks_up() {
        let names = Names::new(DnsOptions { ttl: Duration::ZERO, ..Default::default() }, &[]);
        assert!(!Arc::ptr_eq(&names.0.entry("localhost"), &names.0.entry("localhost")));
    }

    #[tokio::test]
    async fn given_addresses_win_and_those_of_a_port_first() {
        let fixed = ["shop.test=127.0.0.2", "shop.test:8080=127.0.0.3", "localhost=127.0.0.4"]
            .map(|text| Fixed::parse_flag(text).unwrap());
        let names = Names::new(DnsOptions::default(), &fixed);
        assert_eq!(first(&names, "shop.test", 80).await, "127.0.0.2");
        assert_eq!(first(&names, "shop.test", 8080).await, "127.0.0.3");
        assert_eq!(first(&names, "localhost", 80).await, "127.0.0.4");
        assert_eq!(first(&names, "[::1]", 80).await, "::1");
    }

    #[tokio::test]
    async fn addresses_are_taken_in_turn_if_that_is_asked_for() {
        let fixed = [Fixed::parse_flag("shop.test=127.0.0.2,127.0.0.3").unwrap()];
        for (pick, seen) in [(Pick::First, "2 2 2"), (Pick::RoundRobin, "2 3 2")] {
            let names = Names::new(DnsOptions { pick, ..Default::default() }, &fixed);
            let mut firsts = Vec::new();
            for _ in 0..3 {
                firsts.push(first(&names, "shop.test", 80).await.replace("127.0.0.", ""));
            }
            assert_eq!(firsts.join(" "), seen);
        }
    }
}
