//! What sets the slowest calls and steps apart from the rest.

use maud::{Markup, html};

use crate::results::format::count;
use crate::results::summary::Summary;
use crate::results::tail;

/// Calls and steps that are shown.
const MOST: usize = 50;

pub(super) fn tails(summary: &Summary) -> Markup {
    if summary.tails.is_empty() {
        return html! {};
    }
    let told = tail::told(&summary.tails);
    html! {
        section #tails {
            h2 { "What sets the slowest apart" }
            @if told.is_empty() {
                p.faint { "Nothing that is known of them sets the slowest calls and steps apart." }
            }
            @for tail in told.iter().take(MOST) {
                h3 { (tail.title()) }
                p.faint {
                    (tail.figures()) ", of " (count(tail.count)) " in all; "
                    (count(tail.looked_at.slowest)) " of them held against "
                    (count(tail.looked_at.rest)) " of the rest"
                }
                ul { @for line in tail.told() { li { (line) } } }
            }
        }
    }
}
