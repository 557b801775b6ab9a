//! The targets of a run with `--ab`, each against the first.

use maud::{Markup, html};

use super::pair::Pair;
use crate::compare::series::{Key, What, meaning};
use crate::metrics::Histogram;
use crate::metrics::tags::VARIANT;
use crate::results::summary::{Summary, Values};
use crate::results::variants::{Candidate, Variants};

pub(super) fn variants(summary: &Summary) -> Markup {
    let Some(variants) = &summary.variants else { return html! {} };
    html! {
        section #variants {
            @for candidate in &variants.candidates { (one(summary, variants, candidate)) }
        }
    }
}

fn one(summary: &Summary, variants: &Variants, candidate: &Candidate) -> Markup {
    let (base, target) = (&variants.base, &candidate.target);
    let mut keys: Vec<Key> =
        candidate.comparison.rows.iter().map(|row| row.series.clone()).collect();
    keys.dedup();
    let pair = Pair {
        base: &base.name,
        candidate: &target.name,
        comparison: &candidate.comparison,
        min_change: variants.min_change,
        latencies: keys
            .into_iter()
            .map(|key| {
                let samples = [&base.name, &target.name].map(|name| samples(summary, name, &key));
                (key, samples)
            })
            .filter(|(_, samples)| samples.iter().any(|one| !one.is_empty()))
            .collect(),
    };
    html! {
        h2 { (target.name) " against " (base.name) }
        p { strong { (candidate.comparison.sentence()) } }
        p.note {
            "Candidate " (target.base_url) ", base " (base.base_url)
            ", in the same seconds."
        }
        (pair.table())
        details {
            summary { "How latencies of both are spread" }
            (pair.plots())
        }
    }
}

/// All times of a series of one variant.
fn samples(summary: &Summary, variant: &str, key: &Key) -> Histogram {
    let mut all = Histogram::default();
    for (name, metric) in &summary.metrics {
        for series in &metric.series {
            let tag = |name: &str| series.tags.get(name).map_or("", String::as_str);
            if tag(VARIANT) != variant || meaning(name, tag) != Some((key.clone(), What::Times)) {
                continue;
            }
            if let Values::Histogram(distribution) = &series.values
                && let Some(times) = distribution.hdr.as_deref()
                && let Ok(times) = Histogram::from_base64(times)
            {
                all.merge(&times);
            }
        }
    }
    all
}
