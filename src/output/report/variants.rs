//! How the targets of a run compare: of each but the first a row for each number.

use anstyle::Style;

use super::sections::MOST_ROWS;
use super::{BAD, FAINT, GOOD, Page};
use crate::compare::Verdict;
use crate::output::comparison::{remarks, table};
use crate::results::format;
use crate::results::summary::Summary;

pub(super) fn variants(summary: &Summary, page: &mut Page) {
    let Some(variants) = &summary.variants else { return };
    for candidate in &variants.candidates {
        let (base, target) = (&variants.base, &candidate.target);
        page.head(&format!("{} against {}", target.name, base.name));
        let least = format::share(variants.min_change);
        page.item(
            "-",
            &format!(
                "candidate {}, base {}; changes from {least} on matter",
                target.base_url, base.base_url
            ),
        );
        let rows = &candidate.comparison.rows;
        page.table(&table(&rows[..rows.len().min(MOST_ROWS)], style));
        page.more(rows.len());
        for line in remarks(&candidate.comparison) {
            page.item("-", &line);
        }
        page.line(format!("  {}", candidate.comparison.sentence()));
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Regression => BAD,
        Verdict::Improvement => GOOD,
        Verdict::Same => Style::new(),
        Verdict::TooFew => FAINT,
    }
}
