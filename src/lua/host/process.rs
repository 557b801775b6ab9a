//! What all workers of the process share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::redact::Redactor;
use crate::metrics::own::OwnMetrics;
use crate::secrets::Secrets;
use crate::shared::Objects;

/// What all workers of the process share.
pub struct Shared {
    /// `lt.env`.
    pub env: Vec<(String, String)>,
    /// Data pools.
    pub pools: crate::data::Pools,
    /// `lt.shared`.
    pub objects: Objects,
    /// What `lt.metrics` declared; see [`Shared::metrics`].
    pub metrics: Mutex<OwnMetrics>,
    /// When the load began; unset before.
    pub started: OnceLock<Instant>,
    /// Decides every random choice.
    pub seed: u64,
    /// Strikes out of exemplars what is called like a secret.
    pub redactor: Redactor,
    /// What `lt.secret` gave.
    pub secrets: Arc<Secrets>,
    /// `lt.vu.stopping`: nothing more starts.
    pub stopping: AtomicBool,
    /// `--trace`: requests carry one.
    pub trace: bool,
    /// Whether users are made only to be looked at: nobody hears what they say.
    pub is_scratch: bool,
}

impl Shared {
    /// For a run that has not begun; `redact` names headers and fields besides the usual ones.
    pub fn new(
        env: Vec<(String, String)>,
        pools: crate::data::Pools,
        seed: u64,
        redact: &[String],
    ) -> Shared {
        Shared {
            env,
            pools,
            objects: Objects::default(),
            metrics: Mutex::default(),
            started: OnceLock::new(),
            seed,
            redactor: Redactor::new(redact),
            secrets: Arc::default(),
            stopping: AtomicBool::new(false),
            trace: false,
            is_scratch: false,
        }
    }

    /// For users that are made and thrown away before the run: what they put into `lt.shared` is
    /// seen by nobody, nor what they log. Pools are the same, for at top level no row can be taken.
    pub fn scratch(&self) -> Shared {
        Shared {
            env: self.env.clone(),
            pools: self.pools.again(),
            metrics: Mutex::new(self.metrics()),
            redactor: self.redactor.clone(),
            secrets: self.secrets.clone(),
            is_scratch: true,
            ..Shared::new(Vec::new(), crate::data::Pools::default(), self.seed, &[])
        }
    }

    /// The metrics that the script has declared so far.
    pub fn metrics(&self) -> OwnMetrics {
        self.own_metrics().clone()
    }

    /// The same, to declare more.
    pub(super) fn own_metrics(&self) -> MutexGuard<'_, OwnMetrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the load began; zero before.
    pub fn elapsed(&self) -> Duration {
        self.started.get().map(Instant::elapsed).unwrap_or_default()
    }

    /// The same at an instant.
    pub fn offset(&self, at: Instant) -> Duration {
        self.started.get().map(|&start| at.saturating_duration_since(start)).unwrap_or_default()
    }
}
