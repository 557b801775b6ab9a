//! Advice on what goes over the wire: connections, redirects, what requests carry.

use std::collections::BTreeMap;

use super::{and_others, percent};
use crate::results::format::{bytes, count, ms};
use crate::results::summary::{Request, Second, Series, Summary, Values};

/// Of so many requests at least, fewer found a connection open; the first of each user cannot.
const REQUESTS: u64 = 100;
const KEPT: f64 = 0.5;

/// Redirects that take so much of a call's time, of so many at least.
const REDIRECT_SHARE: f64 = 0.2;
const REDIRECTS: u64 = 50;

/// Requests that carry so many times as much in the last quarter of a run as in the first, and so
/// many bytes more.
const GROWN: f64 = 1.5;
const GROWN_BYTES: f64 = 200.0;
const SECONDS: usize = 20;

/// Of so many answers at least, so many [%] are text that came uncompressed, each of so many bytes.
const ANSWERS: u64 = 100;
const UNCOMPRESSED: f64 = 50.0;
const LARGE: f64 = 4096.0;

/// Requests that opened a connection where one might have been kept.
pub fn few_connections_kept(summary: &Summary) -> Option<String> {
    let connections = &summary.connections;
    let requests = connections.opened + connections.reused;
    let beyond_the_first = connections.opened > 2 * summary.users_max();
    let kept = connections.reused as f64 / requests.max(1) as f64;
    if requests < REQUESTS || !beyond_the_first || kept >= KEPT {
        return None;
    }
    let cost = connections
        .connect_ms
        .p50
        .map_or_else(String::new, |p50| format!(", {} each (p50)", ms(p50)));
    Some(format!(
        "{} of {} requests opened a connection{cost}: unless your users are new each time, keep them: no \
         connections = \"fresh\", and a server that neither answers `connection: close` nor closes idle \
         ones too early",
        count(connections.opened),
        count(requests)
    ))
}

/// Calls of which much is spent on the way to where they end.
pub fn costly_redirects(summary: &Summary) -> Option<String> {
    let requests = summary.metrics.get("http_req_duration")?;
    let mut redirects = BTreeMap::<(&str, &str), (u64, f64)>::new();
    for series in requests.series.iter().filter(|series| is_redirect(series)) {
        let Values::Histogram(times) = &series.values else { continue };
        let tag = |name: &str| series.tags.get(name).map_or("", String::as_str);
        let sum = redirects.entry((tag("scenario"), tag("name"))).or_default();
        sum.0 += times.count;
        sum.1 += times.count as f64 * times.mean.unwrap_or(0.0);
    }
    let costs = redirects.into_iter().filter_map(|((scenario, name), (number, time))| {
        let calls =
            summary.requests.iter().filter(|one| one.scenario == scenario && one.name == name);
        let whole: f64 = calls
            .map(|one| one.duration_ms.count as f64 * one.duration_ms.mean.unwrap_or(0.0))
            .sum();
        let share = (time / whole).min(1.0);
        let speaks = number >= REDIRECTS && whole > 0.0 && share >= REDIRECT_SHARE;
        speaks.then_some((name, number, time / number as f64, share))
    });
    let (name, number, each, share) = costs.max_by(|a, b| a.3.total_cmp(&b.3))?;
    Some(format!(
        "{} redirects take {} of the time of {name}, {} each on average: call the URL that they lead to, \
         if real users come to it directly",
        count(number),
        percent(share),
        ms(each)
    ))
}

/// A series of requests in the load that were answered with a redirect, which was followed.
fn is_redirect(series: &Series) -> bool {
    let is = |name: &str, value: &str| series.tags.get(name).is_some_and(|own| own == value);
    let status = series.tags.get("status").map_or("", String::as_str);
    is("phase", "load")
        && is("expected", "true")
        && ["301", "302", "303", "307", "308"].contains(&status)
}

/// Requests that carry more and more: as a rule cookies.
pub fn growing_requests(summary: &Summary) -> Option<String> {
    let seconds: Vec<&Second> = summary.timeline.iter().filter(|one| one.requests > 0).collect();
    if seconds.len() < SECONDS {
        return None;
    }
    let each = |quarter: &[&Second]| {
        let sum =
            |part: fn(&Second) -> u64| quarter.iter().map(|one| part(one)).sum::<u64>() as f64;
        sum(|one| one.bytes_sent) / sum(|one| one.requests)
    };
    let quarters: Vec<f64> = seconds.chunks(seconds.len().div_ceil(4)).map(each).collect();
    let (first, last) = (*quarters.first()?, *quarters.last()?);
    let grows = quarters.windows(2).all(|pair| pair[0] < pair[1]);
    (grows && last >= GROWN * first && last - first >= GROWN_BYTES).then(|| {
        format!(
            "requests grow, from {} to {} each between the first and the last quarter of the run: cookies \
             pile up if users keep them (session = \"fresh\", http.cookies:clear()), or bodies do",
            bytes(first),
            bytes(last)
        )
    })
}

/// Text that is sent as it is to a client that takes it compressed.
pub fn uncompressed_bodies(summary: &Summary) -> Option<String> {
    let each = |call: &Request| call.bytes_received as f64 / call.count.max(1) as f64;
    let large = |call: &&Request| {
        let uncompressed = call.uncompressed_percent.is_some_and(|percent| percent >= UNCOMPRESSED);
        uncompressed && call.count >= ANSWERS && each(call) >= LARGE
    };
    let large: Vec<&Request> = summary.requests.iter().filter(large).collect();
    let worst = large.iter().max_by_key(|call| call.bytes_received)?;
    Some(format!(
        "{} of the answers to {} {} are text that comes uncompressed, {} each and {} in all{}: let the \
         server compress it, if it does for its real users",
        percent(worst.uncompressed_percent? / 100.0),
        worst.method,
        worst.name,
        bytes(each(worst)),
        bytes(worst.bytes_received as f64),
        and_others(large.len() - 1)
    ))
}
