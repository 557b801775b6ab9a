//! The loop that loadtool is measured against: reqwest alone, tuned as loadtool tunes it.
//!
//! One thread, one current-thread runtime, one `Client` (so one connection) per user, no
//! redirects, no proxy, no retries, the URL parsed once, each body read to its end. It does
//! nothing else: no script, no checks, no samples. `benches/macro.sh` runs it.
//!
//!     bare_reqwest URL USERS SECONDS

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use tokio::task::LocalSet;
use tokio::time::Instant;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Default)]
struct Count {
    good: Cell<u64>,
    bad: Cell<u64>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ensure!(arguments.len() == 3, "usage: bare_reqwest URL USERS SECONDS");
    let url = Url::parse(&arguments[0]).context("URL")?;
    let users: usize = arguments[1].parse().context("USERS")?;
    let length = Duration::from_secs_f64(arguments[2].parse().context("SECONDS")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let count = LocalSet::new().block_on(&runtime, load(&url, users, length))?;
    let (good, bad) = (count.good.get(), count.bad.get());
    println!("{good} good, {bad} bad, {:.0} requests/s", good as f64 / length.as_secs_f64());
    Ok(())
}

async fn load(url: &Url, users: usize, length: Duration) -> Result<Rc<Count>> {
    let count = Rc::new(Count::default());
    let tls = tls()?;
    let end = Instant::now() + length;
    let start =
        |_| Ok(tokio::task::spawn_local(user(client(&tls)?, url.clone(), end, count.clone())));
    let all: Vec<_> = (0..users).map(start).collect::<Result<_>>()?;
    for user in all {
        user.await?;
    }
    Ok(count)
}

async fn user(client: Client, url: Url, end: Instant, count: Rc<Count>) {
    while Instant::now() < end {
        let outcome = match get(&client, &url).await {
            Ok(200) => &count.good,
            _ => &count.bad,
        };
        outcome.set(outcome.get() + 1);
    }
}

async fn get(client: &Client, url: &Url) -> reqwest::Result<u16> {
    let response = client.get(url.clone()).send().await?;
    let status = response.status().as_u16();
    response.bytes().await?;
    Ok(status)
}

fn client(tls: &ClientConfig) -> Result<Client> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only();
    client.build().context("a client")
}

/// Built once: a client of its own making would load the system's roots each time.
fn tls() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
