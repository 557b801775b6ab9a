//! Numbers for people: three digits that matter, a unit, and no false precision.
//!
//! It stands with the results since verdicts speak of numbers too; tables use it as well.

use std::time::Duration;

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `7`, `7 calls`, `1 call`: a count and its noun (with an `s` unless it is one).
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A latency: `0 ms`, `85.2 µs`, `1.23 ms`, `12.3 ms`, `123 ms`, `4.56 s`, `123 s`.
pub fn ms(ms: f64) -> String {
    match ms.abs() {
        0.0 => "0 ms".to_owned(),
        a if a < 0.9995 => format!("{} µs", digits(ms * 1e3)),
        a if a < 999.5 => format!("{} ms", digits(ms)),
        _ => format!("{} s", digits(ms / 1e3)),
    }
}

/// A length of time: `850 ms`, `10.0 s`, `1m30s`, `2h05m`.
pub fn length(length: Duration) -> String {
    let tenths = (length.as_secs_f64() * 10.0).round() as u64;
    let seconds = (tenths + 5) / 10;
    match tenths {
        0..10 => ms(length.as_secs_f64() * 1e3),
        10..600 => format!("{}.{} s", tenths / 10, tenths % 10),
        600..36_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A point in the run: `0:07`, `1:23:45`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// How far a run is: `0:07`, `0:07/0:10`, `0:11 finishing`.
pub fn progress(elapsed: u64, planned: Option<Duration>) -> String {
    match planned.map(|planned| planned.as_secs_f64().ceil() as u64) {
        Some(planned) if elapsed > planned => format!("{} finishing", clock(elapsed)),
        Some(planned) => format!("{}/{}", clock(elapsed), clock(planned)),
        None => clock(elapsed),
    }
}

/// A fraction as percent: `0 %`, `<0.01 %`, `1.25 %`, `>99.99 %`, `100 %`. What is not quite none
/// or not quite all never looks like it.
pub fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    match fraction {
        0.0 => "0 %".to_owned(),
        1.0 => "100 %".to_owned(),
        _ if percent > 0.0 && percent < 0.01 => "<0.01 %".to_owned(),
        _ if (99.995..100.0).contains(&percent) => ">99.99 %".to_owned(),
        _ => format!("{percent:.2} %"),
    }
}

/// A change as a part: `+1.25 %`, `−10.00 %`.
pub fn change(fraction: f64) -> String {
    let sign = if fraction >= 0.0 { "+" } else { "−" };
    format!("{sign}{}", percent(fraction.abs()))
}

/// A part of a whole that was planned: `80 %`, `33.3 %`.
pub fn share(fraction: f64) -> String {
    format!("{} %", number((fraction * 1e3).round() / 10.0))
}

/// Something per second, without `/s`: `0`, `0.25`, `12.3`, `1,234`.
pub fn rate(per_second: f64) -> String {
    number(per_second)
}

/// A plain number: whole ones whole, others with three digits.
pub fn number(number: f64) -> String {
    match number.abs() {
        a if a >= 999.5 => {
            let sign = if number < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(a.round() as u64))
        }
        _ if number.fract() == 0.0 => format!("{number:.0}"),
        _ => digits(number),
    }
}

/// Bytes: `0 B`, `999 B`, `1.18 KiB`, `34.5 MiB`.
pub fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes, 0);
    while size.abs() >= 1023.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{size:.0} B"),
        _ => format!("{} {}", digits(size), UNITS[unit]),
    }
}

/// An observed value or a limit, by the name of its unit in the summary.
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "ms" => ms(value),
        "bytes" => bytes(value),
        "bytes/s" => format!("{}/s", bytes(value)),
        "1/s" => format!("{}/s", rate(value)),
        "percent" => percent(value / 100.0),
        "fraction" => percent(value),
        _ => number(value),
    }
}

/// When something was, from RFC 3339 in UTC: `2026-01-02 03:04:05 UTC`.
pub fn moment(text: &str) -> String {
    match (text.get(..10), text.get(11..19)) {
        (Some(date), Some(time)) if text.ends_with('Z') => format!("{date} {time} UTC"),
        _ => text.to_owned(),
    }
}

/// Three significant digits, but never fewer than all before the point.
fn digits(number: f64) -> String {
    match number.abs() {
        a if a < 9.995 => format!("{number:.2}"),
        a if a < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_to_the_second() {
        for text in ["2026-01-02T03:04:05.951910276Z", "2026-01-02T03:04:05Z"] {
            assert_eq!(moment(text), "2026-01-02 03:04:05 UTC");
        }
        assert_eq!(moment("yesterday"), "yesterday");
    }

    #[test]
    fn three_digits_matter_and_units_change_where_people_change_them() {
        for (value, text) in [
            (0.0, "0 ms"),
            (0.0852, "85.2 µs"),
            (0.9996, "1.00 ms"),
            (1.234, "1.23 ms"),
            (9.996, "10.0 ms"),
            (99.96, "100 ms"),
            (999.6, "1.00 s"),
            (4560.0, "4.56 s"),
            (123_456.0, "123 s"),
        ] {
            assert_eq!(ms(value), text);
        }
        for (value, text) in [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1024.0, "1.00 KiB"),
            (1_258_291.0, "1.20 MiB"),
            (5e15, "4547 TiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
        assert_eq!(
            [rate(0.0), rate(0.25), rate(999.4), rate(1234.4)].join(" "),
            "0 0.25 999 1,234"
        );
        assert_eq!(number(-1234567.0), "-1,234,567");
    }

    #[test]
    fn counts_have_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "call") + " " + &counted(2, "call"), "1 call 2 calls");
    }

    #[test]
    fn what_is_not_quite_none_or_all_does_not_look_like_it() {
        for (fraction, text) in [
            (0.0, "0 %"),
            (0.00001, "<0.01 %"),
            (0.0125, "1.25 %"),
            (0.99999, ">99.99 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(fraction), text);
        }
    }

    #[test]
    fn lengths_and_points_of_time() {
        for (millis, text) in [
            (850, "850 ms"),
            (1000, "1.0 s"),
            (10_040, "10.0 s"),
            (59_960, "1m00s"),
            (90_400, "1m30s"),
            (7_500_000, "2h05m"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), text);
        }
        assert_eq!(clock(7) + " " + &clock(83) + " " + &clock(5025), "0:07 1:23 1:23:45");
    }
}
