//! The report's slowest iterations: where the time of each scenario's slowest one went.

use super::Page;
use crate::output::text;
use crate::results::format;
use crate::results::journey::Journey;
use crate::results::summary::Summary;

/// Parts of its time that are told.
const PARTS: usize = 3;

/// Columns of a part's name.
const NAME: usize = 48;

/// A remainder below this share of the time goes without saying.
const LEAST_REST: f64 = 0.05;

pub(super) fn slowest(summary: &Summary, page: &mut Page) {
    let mut slowest: Vec<_> = summary
        .scenarios
        .iter()
        .filter_map(|scenario| Some((scenario, scenario.slowest.first()?)))
        .filter(|(_, journey)| !journey.events.is_empty())
        .collect();
    slowest.sort_by(|(_, a), (_, b)| b.response_time_ms.total_cmp(&a.response_time_ms));
    if slowest.is_empty() {
        return;
    }
    page.head("Slowest iterations");
    for (scenario, journey) in slowest {
        let of_scenario = match summary.scenarios.len() {
            1 => String::new(),
            _ => format!("{}: ", text::shorten(&scenario.name, NAME)),
        };
        page.item("-", &format!("{of_scenario}{}", title(journey)));
        let parts = parts(journey);
        if !parts.is_empty() {
            page.item(" ", &parts.join(", "));
        }
    }
}

/// `44.4 ms, user 7, iteration 205, at 0:03, trace 4bf9…`.
fn title(journey: &Journey) -> String {
    let time = format::ms(journey.response_time_ms);
    let at = format::clock(journey.started_s as u64);
    let outcome = match journey.outcome.as_str() {
        "completed" => String::new(),
        other => format!(" {other},"),
    };
    let (user, iteration) = (format::count(journey.user), format::count(journey.iteration));
    let trace = journey.trace_id.as_ref().map_or_else(String::new, |id| format!(", trace {id}"));
    format!("{time},{outcome} user {user}, iteration {iteration}, at {at}{trace}")
}

/// `30.0 ms POST /cart`, `8.00 ms lt.sleep`: what its time was spent on.
fn parts(journey: &Journey) -> Vec<String> {
    let mut rest = journey.response_time_ms;
    let mut parts = Vec::new();
    for (name, ms) in journey.parts().into_iter().take(PARTS) {
        rest -= ms;
        parts.push(format!("{} {}", format::ms(ms), text::shorten(&name, NAME)));
    }
    if !parts.is_empty() && rest > LEAST_REST * journey.response_time_ms {
        parts.push(format!("{} else", format::ms(rest)));
    }
    parts
}
