//! How this tool and its machine fared: what a reader doubts it by.

use super::{Page, Summary};
use crate::output::text;

pub(super) fn generator(summary: &Summary, page: &mut Page) {
    let facts = summary.generator_facts();
    if facts.is_empty() {
        return;
    }
    page.head("Load generator");
    let told: Vec<String> =
        facts.into_iter().map(|(name, fact)| format!("{name}: {fact}")).collect();
    for line in text::wrap(&told.join("; "), page.columns - 2) {
        page.line(format!("  {line}"));
    }
}
