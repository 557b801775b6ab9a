//! `--ab`: one run against several targets, which its users and arrivals are dealt out to by turns.
//!
//! A user belongs to one variant for its whole life, with cookies, connections and whatever it
//! keeps; arrivals are dealt out, each to the users of its variant. The first variant is the base.

use std::sync::Arc;

use url::Url;

use super::load::users;
use super::{Load, Plan, Scenario};
use crate::http::proxy::masked;
use crate::share::turns::Turns;

/// The least change that matters unless it is said.
pub const MIN_CHANGE: f64 = 0.05;

/// A run that compares targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// At least two, with different names; the first is what others are compared with.
    pub variants: Vec<Variant>,
    /// The least change that matters, as a part: 0.05.
    pub min_change: f64,
}

/// One of the targets that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The `variant` tag.
    pub name: Arc<str>,
    /// Stands in for the plan's base URL.
    pub base_url: Url,
}

impl Variant {
    /// Its base URL, without a password.
    pub fn shown(&self) -> String {
        masked(self.base_url.as_str())
    }
}

impl Plan {
    /// What is compared, if the run is to compare.
    pub fn trial(&self) -> Option<&Trial> {
        self.trial.as_ref()
    }

    /// Targets that are compared; empty where there is one, or none is named.
    pub fn variants(&self) -> &[Variant] {
        self.trial.as_ref().map_or(&[], |trial| &trial.variants)
    }

    /// Where requests go: the base URLs of the variants, or that of the plan if it has one.
    pub fn base_urls(&self) -> impl Iterator<Item = &Url> {
        let own = self.base_url.iter().filter(|_| self.trial.is_none());
        self.variants().iter().map(|variant| &variant.base_url).chain(own)
    }

    /// How users and arrivals are dealt out to variants.
    pub fn turns(&self) -> Turns {
        match self.variants() {
            [] => Turns::ONE,
            variants => Turns::new(variants.len(), self.seed ^ 0x7661_7269_616e_7473),
        }
    }
}

impl Scenario {
    /// Makes room for `variants` as far as nobody minds: an open load has as many users for each.
    /// The error is what cannot be dealt out evenly, so that one would have more users for a while;
    /// numbers that a ramp only passes are no such.
    pub(super) fn deal_out(&mut self, variants: u64) -> Result<(), String> {
        let uneven = |number: u64, when: &str| match number % variants {
            0 => Ok(()),
            _ => Err(format!("the {}{when} of `{}`", users(number), self.name)),
        };
        match &mut self.load {
            Load::ConstantVus { vus, .. }
            | Load::PerVuIterations { vus, .. }
            | Load::SharedIterations { vus, .. } => uneven(*vus, ""),
            Load::Manual { vus, max_vus, .. } => uneven(*vus, "").and(uneven(*max_vus, "")),
            Load::RampingVus { start_vus, stages, .. } => {
                let mut before = *start_vus as f64;
                stages.iter().try_for_each(|stage| {
                    let is_held = std::mem::replace(&mut before, stage.target) == stage.target;
                    let when = format!(" of stage {}", stage.name);
                    if is_held { uneven(stage.target as u64, &when) } else { Ok(()) }
                })
            }
            Load::Open(open) => {
                open.vus = open.vus.next_multiple_of(variants);
                open.max_vus = open.max_vus.next_multiple_of(variants);
                Ok(())
            }
        }
    }
}
