//! `--store`, for every command that keeps runs or reads them.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::script::pair;
use super::source;
use crate::plan::Baseline;
use crate::results::baseline::baseline;
use crate::run::stored::StoreSpec;
use crate::store::place::{Place, is_none, place};
use crate::store::{self, Store};

/// For commands that run a load.
#[derive(Args, Debug)]
pub struct KeepArgs {
    /// Keep the run in this SQLite file, for `runs`, `show`, `query` and `compare`; `none` keeps it
    /// nowhere [default: $LOADTOOL_STORE, else loadtool/runs.db in the user's data folder]
    #[arg(long, value_name = "FILE", help_heading = "Store")]
    store: Option<PathBuf>,

    /// A label of the run in the store, by which it is found again (repeatable)
    #[arg(long = "label", value_name = "K=V", value_parser = pair, help_heading = "Store")]
    labels: Vec<(String, String)>,
}

impl KeepArgs {
    /// The run that thresholds are relative to.
    pub fn baseline(&self, run: &str) -> anyhow::Result<Baseline> {
        // Who keeps this run nowhere may mean one that is kept.
        let store = self.store.clone().filter(|path| !is_none(path));
        let summary = source::summary(run, &StoreArgs { store })?;
        let damaged = || anyhow::anyhow!("the baseline {run} is damaged: its series are none");
        baseline(run, &summary).ok_or_else(damaged)
    }

    /// What was asked for.
    pub fn spec(self) -> Option<StoreSpec> {
        let Place { path, insisted } = place(self.store, |name| std::env::var_os(name));
        path.map(|path| StoreSpec { path, insisted, labels: self.labels })
    }
}

/// For commands that read runs.
#[derive(Args, Debug, Clone)]
pub struct StoreArgs {
    /// The store of runs [default: $LOADTOOL_STORE, else loadtool/runs.db in the user's data folder]
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// The store, which is there.
    pub fn open(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.path()?)?)
    }

    /// Has `work` done in it, or in a new one, which is gone again if it fails.
    pub fn filled<T>(&self, work: impl FnOnce(&Store) -> store::Result<T>) -> anyhow::Result<T> {
        Ok(Store::filled(&self.path()?, work)?)
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        let Some(path) = place(self.store.clone(), |name| std::env::var_os(name)).path else {
            bail!("runs are kept nowhere: there is no store\n  hint: name one by --store FILE");
        };
        Ok(path)
    }
}
