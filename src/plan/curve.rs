//! A rate over time as a file tells it: rows of a time and a rate, lines between them.
//!
//! Times are seconds, durations (`5m`) or timestamps (`2026-01-31T08:00:00Z`), and count from the
//! first row's. Two rows of one time are a jump. `#` begins a comment.

use std::path::Path;

use csv::StringRecord;

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::units;

/// Faults that are told of one file.
const MOST_FAULTS: usize = 5;

const EXAMPLE: &str =
    "a curve is a CSV file with the columns `t,rate`, for example `0,10` and `5m,80`";

/// A time [s] and what the rate then is, as written.
pub(super) type Point = (f64, f64);

/// The points of a curve, with times from 0 on; at least two, whose times never fall.
///
/// # Errors
/// The first few faults of the file, each with its line; the first has no place if the file cannot
/// be read at all.
pub(super) fn read(file: &Path) -> Result<Vec<Point>, Vec<Diagnostic>> {
    let text = std::fs::read(file).map_err(|error| {
        let message = format!("the curve `{}` cannot be read: {error}", file.display());
        vec![Diagnostic::new(message).hint("its path begins at the script's folder")]
    })?;
    Rows { file, text: String::from_utf8_lossy(&text).into_owned() }.read()
}

struct Rows<'f> {
    file: &'f Path,
    text: String,
}

/// Which fields of a row are which.
struct Columns {
    t: usize,
    rate: usize,
}

impl Rows<'_> {
    fn read(&self) -> Result<Vec<Point>, Vec<Diagnostic>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(self.text.as_bytes());
        let mut columns = None;
        let (mut points, mut faults) = (Vec::<Point>::new(), Vec::new());
        for record in reader.records() {
            let record = record.map_err(|error| vec![self.whole(&error.to_string())])?;
            let line = record.position().map_or(0, csv::Position::line);
            let known = match &columns {
                Some(known) => known,
                None if is_header(&record) => {
                    columns = Some(self.columns(&record, line).map_err(|fault| vec![fault])?);
                    continue;
                }
                None => columns.insert(Columns { t: 0, rate: 1 }),
            };
            match point(&record, known, points.last()) {
                Ok(point) => points.push(point),
                Err(message) => faults.push(self.fault(line, message)),
            }
            if faults.len() == MOST_FAULTS {
                return Err(faults);
            }
        }
        let begin = points.first().map_or(0.0, |first| first.0);
        let lasts = points.last().is_some_and(|last| last.0 > begin);
        match points.len() {
            _ if !faults.is_empty() => Err(faults),
            0 => Err(vec![self.whole("there is no point in it")]),
            _ if !lasts => {
                Err(vec![self.whole("it needs two points at least, of different times")])
            }
            _ => Ok(points.into_iter().map(|(t, rate)| (t - begin, rate)).collect()),
        }
    }

    fn columns(&self, header: &StringRecord, line: u64) -> Result<Columns, Diagnostic> {
        let column = |wanted: &str| {
            let found = header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
            found.ok_or_else(|| {
                let names = header.iter().collect::<Vec<_>>().join(", ");
                let near = header.iter().find(|name| did_you_mean(name, [wanted]).is_some());
                let hint = near.map(|near| format!("rename `{near}` to `{wanted}`"));
                let message = format!("no column is called `{wanted}`: there are {names}");
                self.fault(line, message).hint(hint.unwrap_or_else(|| EXAMPLE.to_owned()))
            })
        };
        Ok(Columns { t: column("t")?, rate: column("rate")? })
    }

    fn whole(&self, message: &str) -> Diagnostic {
        Diagnostic::new(format!("this is no curve: {message}")).at(self.file, None).hint(EXAMPLE)
    }

    fn fault(&self, line: u64, message: String) -> Diagnostic {
        let fault = Diagnostic::new(message).at(self.file, u32::try_from(line).ok()).hint(EXAMPLE);
        let index = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        match index.and_then(|index| self.text.lines().nth(index)) {
            Some(text) => fault.source(text),
            None => fault,
        }
    }
}

/// The first row is one if it begins with what is no time.
fn is_header(record: &StringRecord) -> bool {
    record.get(0).is_some_and(|first| time(first).is_none())
        && record.get(1).is_none_or(|second| second.parse::<f64>().is_err())
}

/// The row's point, or what is wrong with it.
fn point(record: &StringRecord, columns: &Columns, last: Option<&Point>) -> Result<Point, String> {
    let field = |index: usize, name: &str| match record.get(index) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(format!("this row has no {name}")),
    };
    let (t, rate) = (field(columns.t, "t")?, field(columns.rate, "rate")?);
    let at = time(t).ok_or_else(|| format!("`{t}` is no time"))?;
    let rate = match rate.parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => number,
        Ok(_) => return Err(format!("a rate cannot be {rate}")),
        Err(_) => return Err(format!("`{rate}` is no rate")),
    };
    match last {
        Some((before, _)) if at < *before => {
            Err(format!("the curve is not sorted: {t} lies before the row above"))
        }
        _ => Ok((at, rate)),
    }
}

/// Seconds, since whenever.
fn time(text: &str) -> Option<f64> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite());
    let duration = || units::duration(text).ok().map(|duration| duration.as_secs_f64());
    let stamp =
        || text.parse().ok().map(|stamp: jiff::Timestamp| stamp.as_duration().as_secs_f64());
    seconds.or_else(duration).or_else(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<Point>, String> {
        let rows = Rows { file: Path::new("traffic.csv"), text: text.to_owned() };
        rows.read()
            .map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect::<String>())
    }

    #[test]
    fn times_are_seconds_durations_or_timestamps_and_count_from_the_first() {
        let curve = Ok(vec![(0.0, 1.0), (60.0, 2.5), (60.0, 0.0)]);
        assert_eq!(rows("t,rate\n0,1\n60,2.5\n60,0\n"), curve);
        assert_eq!(rows("0,1\n# lunch\n1m, 2.5\n60s,0"), curve);
        assert_eq!(rows("rate,host,t\r\n1,a,1700000000\r\n2.5,a,1700000060\n0,,1700000060"), curve);
        let stamps = "T, Rate\n2026-01-31T08:00:00Z,1\n2026-01-31T08:01:00Z,2.5\n2026-01-31T09:01:00+01:00,0";
        assert_eq!(rows(stamps), curve);
    }

    #[test]
    fn what_is_no_curve_is_told_by_line() {
        for (text, told) in [
            ("", "traffic.csv: this is no curve: there is no point in it"),
            ("t,rate\n", "there is no point in it"),
            ("0,5\n", "two points at least"),
            ("5,5\n5,6\n", "two points at least, of different times"),
            (
                "t,rate\n0,1\n9,1\n5,1\n",
                "traffic.csv:4: the curve is not sorted: 5 lies before the row above\n     4 | 5,1",
            ),
            ("0,1\n5,-3\n", "traffic.csv:2: a rate cannot be -3"),
            ("0,1\n5,inf\n", "traffic.csv:2: a rate cannot be inf"),
            ("0,1\n5,lots\n", "traffic.csv:2: `lots` is no rate"),
            ("0,1\nnoon,3\n", "traffic.csv:2: `noon` is no time"),
            ("0,1\n5\n", "traffic.csv:2: this row has no rate"),
            ("time,rate\n0,1\n", "traffic.csv:1: no column is called `t`: there are time, rate"),
            ("t,rates\n0,1\n", "hint: rename `rates` to `rate`"),
        ] {
            let faults = rows(text).expect_err(text);
            assert!(faults.contains(told), "wanted: {told}\ngot: {faults}");
            assert!(faults.contains("hint: "), "{faults}");
        }
        let many = rows(&"x\n".repeat(50)).expect_err("no rows");
        assert!(many.matches("traffic.csv:").count() <= MOST_FAULTS, "{many}");
    }
}
