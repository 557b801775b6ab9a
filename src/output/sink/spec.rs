//! `KIND=DEST`: what was typed → what is meant.

use std::borrow::Cow;
use std::fmt;

use url::Url;

use crate::diagnostic::nearest;
use crate::secrets::STRUCK;

/// What an output writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Json,
    Csv,
    Junit,
    Samples,
    Prometheus,
    PrometheusRw,
    Otlp,
    Influx,
    Statsd,
    /// By a flag of its own.
    Dashboard,
    /// Likewise.
    Store,
    /// Likewise.
    Screen,
}

impl Kind {
    /// All that there are, as typed, with what belongs after the `=`.
    pub const ALL: [(&str, Kind, &str); 9] = [
        ("json", Kind::Json, "FILE"),
        ("csv", Kind::Csv, "DIR/ or FILE"),
        ("junit", Kind::Junit, "FILE"),
        ("samples", Kind::Samples, "FILE"),
        ("prometheus", Kind::Prometheus, "PORT or ADDRESS:PORT"),
        ("prometheus-rw", Kind::PrometheusRw, "URL"),
        ("otlp", Kind::Otlp, "URL"),
        ("influx", Kind::Influx, "URL or file:PATH"),
        ("statsd", Kind::Statsd, "HOST:PORT"),
    ];

    /// As typed.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Dashboard => "dashboard",
            Kind::Store => "store",
            Kind::Screen => "screen",
            _ => {
                let named = Kind::ALL.iter().find(|(_, kind, _)| *kind == self);
                named.expect("all others are listed").0
            }
        }
    }

    /// What is counted as written.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Json
            | Kind::Prometheus
            | Kind::PrometheusRw
            | Kind::Otlp
            | Kind::Influx
            | Kind::Statsd
            | Kind::Dashboard
            | Kind::Store
            | Kind::Screen => "second",
            Kind::Csv => "row",
            Kind::Junit => "test case",
            Kind::Samples => "request",
        }
    }
}

/// One output that was asked for. Prints as typed, without the secrets of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it writes.
    pub kind: Kind,
    /// Where to.
    pub dest: String,
}

impl Wanted {
    /// Reads `KIND=DEST`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Wanted, String> {
        let kinds = || Kind::ALL.map(|(name, _, dest)| format!("{name}={dest}")).join(", ");
        let (name, dest) = text.split_once('=').unwrap_or((text, ""));
        let Some((_, kind, place)) = Kind::ALL.iter().find(|(known, ..)| *known == name) else {
            let meant = nearest(name, Kind::ALL.map(|(known, ..)| known));
            let hint = meant.map_or_else(
                || format!("there are {}", kinds()),
                |meant| format!("did you mean `{meant}`?"),
            );
            return Err(format!("there is no output `{name}`: {hint}"));
        };
        match dest {
            "" => Err(format!("expected {name}={place}")),
            "-" => Err("stdout is the report's: name a file or a pipe".to_owned()),
            dest => Ok(Wanted { kind: *kind, dest: dest.to_owned() }),
        }
    }

    /// Whether it is a file, which must be there in the end.
    pub fn is_file(&self) -> bool {
        match self.kind {
            Kind::Json | Kind::Csv | Kind::Junit | Kind::Samples => true,
            Kind::Influx => self.dest.starts_with("file:"),
            Kind::Prometheus
            | Kind::PrometheusRw
            | Kind::Otlp
            | Kind::Statsd
            | Kind::Dashboard
            | Kind::Screen => false,
            Kind::Store => false, // kept for later: a run does not fail for it
        }
    }

    /// Whether one would overwrite what the other wrote: a pipe or a device may take both.
    pub fn collides(&self, other: &Wanted) -> bool {
        let takes_both = || std::fs::metadata(&self.dest).is_ok_and(|place| !place.is_file());
        let files = self.is_file() && other.is_file() && self.dest == other.dest;
        self == other || (files && !takes_both())
    }

    /// As it was asked for on the command line.
    pub fn flag(&self) -> String {
        match self.kind {
            Kind::Dashboard => format!("--dashboard={}", self.place()),
            Kind::Store => format!("--store {}", self.place()),
            Kind::Screen => "--ui full".to_owned(),
            _ => format!("--out {self}"),
        }
    }

    /// The destination as it may be shown: of a URL neither its user nor what its query says.
    pub fn place(&self) -> Cow<'_, str> {
        let Ok(mut url) = Url::parse(&self.dest) else { return Cow::Borrowed(&self.dest) };
        if self.is_file() || !url.has_host() {
            return Cow::Borrowed(&self.dest);
        }
        if !url.username().is_empty() || url.password().is_some() {
            // It has a host, so it can have a user.
            let _ = url.set_username(STRUCK).and_then(|()| url.set_password(None));
        }
        let shown = |name: &str| ["db", "org", "bucket", "precision", "rp"].contains(&name);
        let query: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if shown(&name) { value.into_owned() } else { STRUCK.to_owned() };
                (name.into_owned(), value)
            })
            .collect();
        if !query.is_empty() {
            url.query_pairs_mut().clear().extend_pairs(query);
        }
        Cow::Owned(url.into())
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind.name(), self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_and_a_place_are_read_and_printed_again() {
        for text in ["json=a.json", "csv=out/", "junit=a=b.xml"] {
            assert_eq!(Wanted::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (dest, shown) in [
            ("http://ann:pass@h:1/x", "http://***@h:1/x"),
            ("http://h:1/write?db=x&u=ann&p=pass", "http://h:1/write?db=x&u=***&p=***"),
            ("http://h:1/write", "http://h:1/write"),
            ("file:/a?p=pass", "file:/a?p=pass"),
        ] {
            let wanted = Wanted::parse(&format!("influx={dest}")).unwrap();
            assert_eq!(wanted.to_string(), format!("influx={shown}"));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_meant() {
        for (text, told) in [
            ("jsn=a", "there is no output `jsn`: did you mean `json`?"),
            ("carrier-pigeon=a", "there is no output `carrier-pigeon`: there are json=FILE, "),
            ("json", "expected json=FILE"),
            ("csv=", "expected csv=DIR/ or FILE"),
            ("=a", "there is no output ``"),
            ("json=-", "stdout is the report's"),
        ] {
            let fault = Wanted::parse(text).unwrap_err();
            assert!(fault.contains(told), "{text}: {fault}");
        }
    }
}
