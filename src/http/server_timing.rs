//! What a target says that it spent its time on: the header `Server-Timing` (W3C, Server Timing).
//!
//! `db;dur=53.2, app;desc="a, b";dur=4` is 53.2 ms of `db` and 4 ms of `app`. Entries without a
//! duration are marks and say nothing here.

use std::time::Duration;

use http::HeaderMap;

/// Parts of one response that are read; more is a listing.
const MOST: usize = 12;

/// Characters of a name that are kept.
const NAME: usize = 60;

/// Longer than any call can be.
const LONGEST_MS: f64 = 3.6e6;

/// Each part's name and how long it took, in the order of the response.
pub fn parts(headers: &HeaderMap) -> Vec<(String, Duration)> {
    let lines = headers.get_all("server-timing").iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| split(line, ',')).filter_map(part).take(MOST).collect()
}

fn part(entry: &str) -> Option<(String, Duration)> {
    let mut fields = split(entry, ';');
    let name: String = fields.next()?.trim().chars().take(NAME).collect();
    let ms = fields.find_map(|field| {
        let (key, value) = field.split_once('=')?;
        let value = value.trim().trim_matches('"');
        key.trim().eq_ignore_ascii_case("dur").then(|| value.parse::<f64>().ok())?
    })?;
    let is_time = (0.0..=LONGEST_MS).contains(&ms);
    (is_time && !name.is_empty()).then(|| (name, Duration::from_secs_f64(ms / 1e3)))
}

/// Parts between separators that stand outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and microseconds.
    fn read(lines: &[&str]) -> Vec<(String, u128)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("server-timing", line.parse().unwrap());
        }
        let told = |(name, time): (String, Duration)| (name, time.as_micros());
        parts(&headers).into_iter().map(told).collect()
    }

    #[test]
    fn names_and_durations_are_read_from_all_lines() {
        let app = r#"app;desc="a, b; dur=9";dur=4"#;
        assert_eq!(
            read(&["db;dur=53.2, cache", app, " total ; DUR = \"60\" "]),
            [("db".into(), 53_200), ("app".into(), 4_000), ("total".into(), 60_000)]
        );
    }

    #[test]
    fn what_is_no_time_is_passed_over() {
        let none: [(String, u128); 0] = [];
        let lines =
            ["db;dur=-1", "db;dur=NaN", "db;dur=inf", "db;dur=1e99", ";dur=1", "", ",;,=;", "\""];
        for line in lines {
            assert_eq!(read(&[line]), none, "{line}");
        }
        assert_eq!(read(&["a;dur=1,".repeat(40).as_str()]).len(), MOST);
    }
}
