//! `KIND=DEST`: what was typed → what is meant.

use std::fmt;

use crate::diagnostic::nearest;

/// What an output writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Json,
    Csv,
    Junit,
    Samples,
    Prometheus,
    /// By a flag of its own.
    Dashboard,
}

impl Kind {
    /// All that there are, as typed, with what belongs after the `=`.
    pub const ALL: [(&str, Kind, &str); 5] = [
        ("json", Kind::Json, "FILE"),
        ("csv", Kind::Csv, "DIR/ or FILE"),
        ("junit", Kind::Junit, "FILE"),
        ("samples", Kind::Samples, "FILE"),
        ("prometheus", Kind::Prometheus, "PORT or ADDRESS:PORT"),
    ];

    /// As typed.
    pub fn name(self) -> &'static str {
        if self == Kind::Dashboard {
            return "dashboard";
        }
        let named = Kind::ALL.iter().find(|(_, kind, _)| *kind == self);
        named.expect("all kinds are listed").0
    }

    /// What is counted as written.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Json | Kind::Prometheus | Kind::Dashboard => "second",
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
        matches!(self.kind, Kind::Json | Kind::Csv | Kind::Junit | Kind::Samples)
    }

    /// The destination as it may be shown.
    pub fn place(&self) -> &str {
        &self.dest
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
