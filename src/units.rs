//! Quantities as people write them: `"1m30s"`, `"10k"`, `"64MiB"`, `"50/s"`, `"1%"`.
//!
//! Parsing and printing only; what a quantity means is the caller's business.

use std::time::Duration;

/// Longest duration that can be said: more than 30 years.
pub const MAX_DURATION: Duration = Duration::from_secs(1_000_000_000);

/// Largest number that a float holds exactly, and every integer below it.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// Seconds in each unit of time.
const TIMES: [(&str, f64); 6] =
    [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

/// What people write instead of them.
const TIME_WORDS: [(&str, &[&str]); 6] = [
    ("us", &["µs", "μs", "usec", "micros", "microsecond", "microseconds"]),
    ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("d", &["day", "days"]),
];

const COUNTS: [(&str, f64); 4] = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

const BYTES: [(&str, f64); 8] = [
    ("", 1.0),
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

/// A text that is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {hint}")]
pub struct Misread {
    /// What is wrong: `` `30 sec` is no duration ``.
    pub message: String,
    /// What to write: `` did you mean `30s`? ``.
    pub hint: String,
}

/// `"250ms"`, `"30s"`, `"1m30s"`, `"2h"`, `"1.5"`: units `us ms s m h d`, seconds if there is none.
pub fn duration(text: &str) -> Result<Duration, Misread> {
    match read_seconds(text) {
        Some(seconds) => duration_of(seconds, text),
        None => Err(no_duration(text)),
    }
}

/// A plain number of seconds; 0 to [`MAX_DURATION`].
pub fn seconds(number: f64) -> Result<Duration, Misread> {
    duration_of(number, &number.to_string())
}

/// `"10k"`, `"1.5M"`, `"500"`: a number that may have a suffix `k M G`, at least 0.
pub fn number(text: &str) -> Result<f64, Misread> {
    let hint = "write a number like `500`, `10k` or `1.5M`";
    scaled(text, &COUNTS, "number", hint)
}

/// The same, but a whole number.
pub fn count(text: &str) -> Result<u64, Misread> {
    whole(number(text)?, text)
}

/// A number that must be whole, at least 0 and at most 2⁵³.
pub fn whole(number: f64, text: &str) -> Result<u64, Misread> {
    if number.fract() == 0.0 && (0.0..=MAX_COUNT).contains(&number) {
        return Ok(number as u64);
    }
    let hint = "write a whole number like `500` or `10k`".to_owned();
    Err(Misread { message: format!("`{text}` is no whole number"), hint })
}

/// `"64MiB"`, `"4KB"`, `"512"`: bytes; KB is 1,000 and KiB 1,024.
pub fn bytes(text: &str) -> Result<u64, Misread> {
    let hint = "write a size like `4KB`, `64MiB` or `1GiB`";
    let bytes = scaled(text, &BYTES, "size", hint)?;
    Ok(bytes.round() as u64)
}

/// `"50/s"`, `"30/m"`, `"1k/h"`, `"5/250ms"`, `"50"`: per second.
pub fn rate(text: &str) -> Result<f64, Misread> {
    let misread = |hint: &str| misread(text, "rate", hint.to_owned());
    let (amount, per) = text.split_once('/').unwrap_or((text, "s"));
    let amount = number(amount).map_err(|_| misread("write a rate like `50/s` or `30/m`"))?;
    let seconds = match TIMES.iter().find(|(unit, _)| *unit == per) {
        Some((_, seconds)) => *seconds,
        None => read_seconds(per).unwrap_or(0.0),
    };
    if seconds > 0.0 && (amount / seconds).is_finite() {
        Ok(amount / seconds)
    } else {
        Err(misread("after `/` comes a time: `50/s`, `30/m`, `5/250ms`"))
    }
}

/// `"1%"` or `"0.01"`: a fraction.
pub fn percent(text: &str) -> Result<f64, Misread> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits, 100.0),
        None => (text, 1.0),
    };
    match decimal(digits) {
        Some(number) => Ok(number / scale),
        None => Err(misread(text, "percentage", "write it like `1%`".to_owned())),
    }
}

/// As [`duration`] reads it, to the microsecond: `1m30s`, `250ms`, `1.5s`, `0s`.
pub fn print_duration(duration: Duration) -> String {
    let micros = (duration.as_nanos() + 500) / 1_000;
    if micros == 0 {
        return "0s".to_owned();
    }
    if micros < 1_000 {
        return format!("{micros}us");
    }
    if micros < 1_000_000 {
        return format!("{}ms", micros as f64 / 1e3);
    }
    let (hours, rest) = (micros / 3_600_000_000, micros % 3_600_000_000);
    let (minutes, rest) = (rest / 60_000_000, rest % 60_000_000);
    let mut text = String::new();
    for (amount, unit) in [(hours, "h"), (minutes, "m")] {
        if amount > 0 {
            text += &format!("{amount}{unit}");
        }
    }
    if rest > 0 {
        text += &format!("{}s", rest as f64 / 1e6);
    }
    text
}

/// With the largest binary unit that divides it: `64MiB`, `1000B`.
pub fn print_bytes(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}

fn duration_of(seconds: f64, text: &str) -> Result<Duration, Misread> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        _ if seconds < 0.0 => Err(misread(text, "duration", "it cannot be negative".to_owned())),
        _ => Err(misread(text, "duration", "it must be less than 30 years".to_owned())),
    }
}

/// Numbers with units, or one without.
fn read_seconds(text: &str) -> Option<f64> {
    if let Some(seconds) = decimal(text) {
        return Some(seconds);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let (_, seconds) = TIMES.iter().find(|(name, _)| *name == unit)?;
        total += decimal(number)? * seconds;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Digits with at most one point among them; nothing else that `f64` would read.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse().ok().filter(|_| plain)?;
    f64::is_finite(number).then_some(number)
}

fn no_duration(text: &str) -> Misread {
    let mended = mended_duration(text);
    let hint = match read_seconds(&mended) {
        Some(_) => format!("did you mean `{mended}`?"),
        None if text.trim_start().starts_with('-') => "it cannot be negative".to_owned(),
        None => "write it like `250ms`, `30s`, `1m30s` or `2h`".to_owned(),
    };
    misread(text, "duration", hint)
}

/// Without spaces and with the units' short names: `1 min 30 sec` → `1m30s`.
fn mended_duration(text: &str) -> String {
    let text = text.trim().to_lowercase().replace(',', ".");
    let mut mended = String::new();
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        if c.is_alphabetic() {
            word.push(c);
            continue;
        }
        let known = TIME_WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
        mended += known.map_or(word.as_str(), |(unit, _)| unit);
        word.clear();
        if !c.is_whitespace() {
            mended.push(c);
        }
    }
    mended
}

/// A number with one of `units` behind it.
fn scaled(text: &str, units: &[(&str, f64)], kind: &str, rule: &str) -> Result<f64, Misread> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number = decimal(number);
    let scale = units.iter().find(|(name, _)| *name == suffix).map(|(_, scale)| scale);
    if let (Some(number), Some(scale)) = (number, scale) {
        let scaled = number * scale;
        let too_large = || misread(text, kind, "it is too large".to_owned());
        return if scaled <= MAX_COUNT { Ok(scaled) } else { Err(too_large()) };
    }
    let suffix = suffix.trim();
    let alike = |name: &str| {
        !name.is_empty()
            && (name.eq_ignore_ascii_case(suffix) || suffix.eq_ignore_ascii_case(&name[..1]))
    };
    let meant = units.iter().find(|(name, _)| alike(name));
    let hint = match (number, meant) {
        (Some(_), Some((unit, _))) => format!("did you mean `{}{unit}`?", &text[..digits]),
        _ => rule.to_owned(),
    };
    Err(misread(text, kind, hint))
}

fn misread(text: &str, kind: &str, hint: String) -> Misread {
    Misread { message: format!("`{}` is no {kind}", shortened(text)), hint }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn durations_are_read_as_written() {
        for (text, want) in [
            ("250ms", ms(250)),
            ("30s", ms(30_000)),
            ("1m30s", ms(90_000)),
            ("2h", ms(7_200_000)),
            ("1d", ms(86_400_000)),
            ("1.5", ms(1_500)),
            ("0.1s", ms(100)),
            (".5s", ms(500)),
            ("0", ms(0)),
            ("20us", Duration::from_micros(20)),
            ("1h0.5s", ms(3_600_500)),
        ] {
            assert_eq!(duration(text), Ok(want), "{text}");
        }
        assert_eq!(seconds(0.25), Ok(ms(250)));
        assert!(seconds(f64::NAN).is_err() && seconds(-1.0).is_err() && seconds(1e300).is_err());
    }

    #[test]
    fn wrong_quantities_get_a_hint_that_can_be_pasted() {
        let table: [(&str, Result<f64, Misread>, &str); 20] = [
            ("30 sec", duration("30 sec").map(|_| 0.0), "did you mean `30s`?"),
            (
                "1 min 30 seconds",
                duration("1 min 30 seconds").map(|_| 0.0),
                "did you mean `1m30s`?",
            ),
            ("30S", duration("30S").map(|_| 0.0), "did you mean `30s`?"),
            ("1,5s", duration("1,5s").map(|_| 0.0), "did you mean `1.5s`?"),
            ("5 µs", duration("5 µs").map(|_| 0.0), "did you mean `5us`?"),
            (
                "soon",
                duration("soon").map(|_| 0.0),
                "write it like `250ms`, `30s`, `1m30s` or `2h`",
            ),
            ("", duration("").map(|_| 0.0), "write it like `250ms`, `30s`, `1m30s` or `2h`"),
            ("-5s", duration("-5s").map(|_| 0.0), "it cannot be negative"),
            ("99999d", duration("99999d").map(|_| 0.0), "it must be less than 30 years"),
            (
                "1e3s",
                duration("1e3s").map(|_| 0.0),
                "write it like `250ms`, `30s`, `1m30s` or `2h`",
            ),
            ("10K", number("10K"), "did you mean `10k`?"),
            ("10 k", number("10 k"), "did you mean `10k`?"),
            ("ten", number("ten"), "write a number like `500`, `10k` or `1.5M`"),
            ("99999999999G", number("99999999999G"), "it is too large"),
            ("1.5", count("1.5").map(|_| 0.0), "write a whole number like `500` or `10k`"),
            ("64mib", bytes("64mib").map(|_| 0.0), "did you mean `64MiB`?"),
            ("64M", bytes("64M").map(|_| 0.0), "did you mean `64MB`?"),
            ("50/", rate("50/"), "after `/` comes a time: `50/s`, `30/m`, `5/250ms`"),
            ("fast", rate("fast"), "write a rate like `50/s` or `30/m`"),
            ("1 %", percent("1 %"), "write it like `1%`"),
        ];
        for (text, got, hint) in table {
            let misread = got.expect_err(text);
            assert_eq!(misread.hint, hint, "{text}");
            assert!(misread.message.contains(text), "{}", misread.message);
        }
    }

    #[test]
    fn counts_sizes_rates_and_percentages_are_read_as_written() {
        assert_eq!((count("10k"), count("1.5M"), count("7")), (Ok(10_000), Ok(1_500_000), Ok(7)));
        assert_eq!((bytes("64MiB"), bytes("4KB"), bytes("9")), (Ok(64 << 20), Ok(4_000), Ok(9)));
        assert_eq!((rate("50/s"), rate("30/m"), rate("5/250ms")), (Ok(50.0), Ok(0.5), Ok(20.0)));
        assert_eq!((percent("1%"), percent("0.5")), (Ok(0.01), Ok(0.5)));
    }

    #[test]
    fn durations_and_sizes_are_printed_as_written() {
        for text in ["0s", "250ms", "1.5ms", "30s", "1m30s", "2h", "1h0.5s", "20us", "36h"] {
            assert_eq!(print_duration(duration(text).unwrap()), text);
        }
        for text in ["64MiB", "1000B", "3KiB", "0B", "2GiB"] {
            assert_eq!(print_bytes(bytes(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "\\PC{0,12}|[0-9.kmMGsuhdBi/% µ-]{0,12}") {
            let _ = (duration(&text), number(&text), count(&text), bytes(&text));
            let _ = (rate(&text), percent(&text));
        }

        #[test]
        fn what_is_printed_is_read_back(micros in 0u64..100_000_000_000) {
            let written = Duration::from_micros(micros);
            prop_assert_eq!(duration(&print_duration(written)), Ok(written));
        }
    }
}
