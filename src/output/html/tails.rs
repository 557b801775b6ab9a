//! What sets the slowest calls and steps apart from the rest.

use maud::{Markup, html};

use crate::results::format::count;
use crate::results::summary::Summary;
use crate::results::tail::{Cause, Tail};

/// Calls and steps that are shown.
const MOST: usize = 50;

pub(super) fn tails(summary: &Summary) -> Markup {
    if summary.tails.is_empty() {
        return html! {};
    }
    let mut apart: Vec<&Tail> =
        summary.tails.iter().filter(|tail| !tail.causes.is_empty()).collect();
    apart.sort_by(|a, b| b.slowest_from_ms.total_cmp(&a.slowest_from_ms));
    html! {
        section #tails {
            h2 { "What sets the slowest apart" }
            @if apart.is_empty() {
                p.faint { "Nothing that is known of them sets the slowest calls and steps apart." }
            }
            @for tail in apart.iter().take(MOST) {
                h3 { (tail.title()) }
                p.faint {
                    (tail.figures()) ", of " (count(tail.count)) " in all; "
                    (count(tail.looked_at.slowest)) " of them held against "
                    (count(tail.looked_at.rest)) " of the rest"
                }
                ul { @for cause in &tail.causes { li { (Cause::told(cause)) } } }
            }
        }
    }
}
