//! The report's tails: what sets the slowest calls and steps apart from the rest, or that nothing does.

use super::{FAINT, Page};
use crate::output::table::styled;
use crate::results::format::count;
use crate::results::summary::Summary;
use crate::results::tail;

/// Calls and steps that are told, those with the longest tails first.
const MOST: usize = 5;

pub(super) fn tails(summary: &Summary, page: &mut Page) {
    if summary.tails.is_empty() {
        return;
    }
    page.head("What sets the slowest apart");
    let told = tail::told(&summary.tails);
    for tail in told.iter().take(MOST) {
        page.item("-", &format!("{}: {}", tail.title(), tail.figures()));
        page.item(" ", &tail.told().join("; "));
    }
    if told.len() > MOST {
        let more = count((told.len() - MOST) as u64);
        page.line(format!("  … and {more} more; --summary-json has them all"));
    }
    if told.is_empty() {
        let looked_at = count(summary.tails.len() as u64);
        let told =
            format!("  nothing that is known of them (calls and steps looked at: {looked_at})");
        page.line(styled(&told, FAINT));
    }
}
