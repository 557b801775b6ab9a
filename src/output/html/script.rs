//! What was run: the script's text, folded away.

use maud::{Markup, html};

use crate::results::format;
use crate::results::summary::Summary;

pub(super) fn script(summary: &Summary) -> Markup {
    let source = summary.run.source.trim_end();
    html! {
        @if !source.is_empty() {
            section #script {
                h2 { "Script" }
                details {
                    summary {
                        (summary.run.script) ", "
                        (format::counted(source.lines().count() as u64, "line"))
                    }
                    pre.source tabindex="0" { (source) }
                }
            }
        }
    }
}
