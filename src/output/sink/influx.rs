//! `influx=URL`: every second as points of InfluxDB's line protocol, over HTTP or into a file.
//!
//! A point per series and second, at the second's end; a second's numbers are its own, so sums and
//! counts add up. What comes late gets a later nanosecond: a point of the same series and time would
//! replace the one before.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;

use super::lines::Lines;
use super::post::{Address, Post};
use super::{Moment, Sink};
use crate::metrics::{MetricId, TagSet, Value};
use crate::results::Summary;
use crate::results::summary::{Distribution, Values};

/// Of an API token, as InfluxDB's own tools have it.
const TOKEN: &str = "INFLUX_TOKEN";

/// What [`Influx`] writes to, before it is opened.
pub enum Target {
    /// `file:PATH`.
    File(Lines),
    /// A server.
    Server(Box<Address>),
}

impl Target {
    /// `file:PATH`, a write URL of either API, or `http://HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// It is none of these, or the file cannot be written.
    pub fn of(dest: &str) -> Result<Target, String> {
        if let Some(path) = dest.strip_prefix("file:") {
            return Lines::to(Path::new(path)).map(Target::File);
        }
        let mut address = Address::parse(dest, "text/plain; charset=utf-8")?;
        let url = address.url();
        let path = url.path().trim_matches('/').to_owned();
        if path.is_empty() {
            return Err("which database? http://HOST:PORT/DATABASE, or a URL of /api/v2/write \
                        with org and bucket"
                .to_owned());
        }
        if url.query().is_none() && !path.contains('/') && path != "write" {
            url.set_path("/write");
            let database = percent_encoding::percent_decode_str(&path).decode_utf8_lossy();
            url.query_pairs_mut().append_pair("db", &database);
        }
        if let Ok(token) = std::env::var(TOKEN) {
            address.authorize(&format!("Token {token}"))?;
        }
        Ok(Target::Server(Box::new(address)))
    }

    /// Opened on the thread that writes.
    pub fn open(self) -> Influx {
        let way = match self {
            Target::File(lines) => Ok(Way::File(lines)),
            Target::Server(address) => address.open().map(Way::Server),
        };
        Influx { way, late: 0 }
    }
}

enum Way {
    File(Lines),
    Server(Post),
}

/// Writes points.
pub struct Influx {
    way: Result<Way, String>,
    /// Seconds that came late.
    late: i64,
}

impl Sink for Influx {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        self.late += i64::from(moment.second.late);
        let later = if moment.second.late { self.late } else { 0 };
        let points = points(moment, later);
        match &mut self.way {
            _ if points.is_empty() => {}
            Ok(Way::File(lines)) => lines.add(points.as_bytes())?,
            Ok(Way::Server(post)) => {
                post.send(Bytes::from(points)).map_err(|refusal| refusal.why)?;
            }
            Err(why) => return Err(why.clone()),
        }
        Ok(u64::from(!moment.second.late))
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        Ok(0)
    }
}

/// All of a second, `later` nanoseconds after its end.
fn points(moment: &Moment, later: i64) -> String {
    let at = nanoseconds(moment.end()) + i128::from(later);
    let mut lines = String::new();
    for row in &moment.second.window.rows {
        let tags = tags(&row.tags);
        for (id, value) in &row.values {
            let fields = fields(id, value);
            if !fields.is_empty() {
                let name = Escaped { text: &id.metric().name, special: &[',', ' '] };
                let _ = writeln!(lines, "{name}{tags} {fields} {at}");
            }
        }
    }
    lines
}

fn nanoseconds(at: Timestamp) -> i128 {
    at.as_nanosecond()
}

fn tags(tags: &TagSet) -> String {
    let special = &[',', '=', ' '];
    let mut text = String::new();
    for (tag, value) in tags.iter() {
        let (tag, value) = (Escaped { text: tag, special }, Escaped { text: value, special });
        let _ = write!(text, ",{tag}={value}");
    }
    text
}

/// `value=3i`; empty where there is no number, for which the protocol has no word.
fn fields(id: &MetricId, value: &Value) -> String {
    match Values::of(id, value) {
        Values::Counter { value } => format!("value={value}i"),
        Values::Rate { hits, total } => format!("hits={hits}i,total={total}i"),
        Values::Gauge { last, max } => listed([("value", Some(last)), ("max", Some(max))]),
        Values::Histogram(spread) => {
            let Distribution { count, min, mean, stddev, p50, p90, p95, p99, p99_9, max, .. } =
                *spread;
            let listed = listed([
                ("min", min),
                ("mean", mean),
                ("stddev", stddev),
                ("p50", p50),
                ("p90", p90),
                ("p95", p95),
                ("p99", p99),
                ("p99_9", p99_9),
                ("max", max),
            ]);
            if listed.is_empty() { listed } else { format!("count={count}i,{listed}") }
        }
    }
}

fn listed<const N: usize>(fields: [(&str, Option<f64>); N]) -> String {
    let finite = fields.into_iter().filter_map(|(name, value)| {
        value.filter(|value| value.is_finite()).map(|value| format!("{name}={value}"))
    });
    finite.collect::<Vec<_>>().join(",")
}

/// A name or a tag's part: what separates has a backslash before it, line breaks become blanks, and
/// a backslash at the end, which would escape the separator, gets a blank after it.
struct Escaped<'t> {
    text: &'t str,
    special: &'t [char],
}

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.text.chars() {
            match c {
                '\n' | '\r' => f.write_str("\\ ")?,
                c if self.special.contains(&c) => write!(f, "\\{c}")?,
                c => f.write_char(c)?,
            }
        }
        if self.text.ends_with('\\') { f.write_str("\\ ") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::aggregator::Second;
    use crate::metrics::own::{Form, OwnMetrics, Sample};
    use crate::metrics::{Outcome, Place, Recorder};
    use crate::results::Tick;

    fn moment(late: bool) -> Moment {
        let mut recorder = Recorder::new(vec!["a b,c=d\\".into()], 100);
        let mut own = OwnMetrics::default();
        let mut declared = |name, form| own.declare(name, form).unwrap().id;
        let place = Place::default();
        recorder.own(&place, &declared("orders", Form::Counter), Sample::Count(3));
        recorder.own(&place, &declared("hit", Form::Rate), Sample::Hit(true));
        let level = |value| Sample::Level { at: Duration::ZERO, value };
        recorder.own(&place, &declared("stock", Form::Gauge), level(-1.5));
        let time = Sample::Time(Duration::from_millis(20), Outcome::Completed);
        recorder.own(&place, &declared("import", Form::Timer), time);
        let tick = Tick { second: 1, ..Tick::default() };
        let second = Second { tick, window: Arc::new(recorder.flip(1)), late };
        Moment { second, began: Timestamp::from_second(1000).unwrap() }
    }

    #[test]
    fn a_point_has_tags_fields_and_the_end_of_its_second() {
        let tags = r"phase=load,scenario=a\ b\,c\=d\\ ";
        let import = "count=1i,min=20,mean=20,stddev=0,p50=20,p90=20,p95=20,p99=20,p99_9=20,max=20";
        let expected = [
            format!("hit,{tags} hits=1i,total=1i 1002000000000"),
            format!("orders,{tags} value=3i 1002000000000"),
            format!("stock,{tags} value=-1.5,max=-1.5 1002000000000"),
            format!("import,outcome=completed,{tags} {import} 1002000000000"),
        ];
        let points = points(&moment(false), 0);
        let mut lines: Vec<&str> = points.lines().collect();
        lines.sort_unstable();
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_comes_late_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("points");
        let mut sink = Target::of(&format!("file:{}", path.display())).unwrap().open();
        let written: u64 =
            [false, true, true].map(|late| sink.second(&moment(late)).unwrap()).iter().sum();
        assert_eq!(written, 1, "a second is one, however many parts it comes in");
        let text = std::fs::read_to_string(path).unwrap();
        for (later, count) in [("000", 4), ("001", 4), ("002", 4)] {
            assert_eq!(text.lines().filter(|line| line.ends_with(later)).count(), count);
        }
    }

    #[test]
    fn a_destination_is_a_write_url_or_a_database() {
        let url = |dest: &str| match Target::of(dest) {
            Ok(Target::Server(mut address)) => Ok(address.url().to_string()),
            Ok(Target::File(_)) => Ok("file".to_owned()),
            Err(why) => Err(why),
        };
        for (dest, expected) in [
            ("http://h:1/my%20db", "http://h:1/write?db=my+db"),
            ("http://u:p@h:1/write?db=x", "http://h:1/write?db=x"),
            ("http://h:1/api/v2/write?org=o&bucket=b", "http://h:1/api/v2/write?org=o&bucket=b"),
        ] {
            assert_eq!(url(dest).as_deref(), Ok(expected));
        }
        for dest in ["http://h:1", "h:1/x", "ftp://h/x", "x"] {
            assert!(url(dest).is_err(), "{dest}");
        }
    }
}
