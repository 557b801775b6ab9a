//! Regular expressions over bytes: Rust's syntax, linear time whatever the pattern.

use regex::bytes::{Captures, Regex};

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Which part of a match is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group<'g> {
    /// 0 is the whole match.
    Number(usize),
    /// `(?<name>…)`.
    Name(&'g str),
}

impl Pattern {
    /// Compiles a pattern. The error shows the place in it.
    pub fn compile(pattern: &str) -> Result<Pattern, String> {
        Regex::new(pattern).map(Pattern).map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("the regular expression needs more than {limit} bytes once compiled")
            }
            error => error.to_string(),
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it occurs in `body`.
    pub fn is_match(&self, body: &[u8]) -> bool {
        self.0.is_match(body)
    }

    /// The first match's group: the one asked for, else the first if there is one, else all of it.
    /// `None` too if the group took no part. The error: the pattern has no such group.
    pub fn first<'b>(
        &self,
        body: &'b [u8],
        group: Option<Group<'_>>,
    ) -> Result<Option<&'b [u8]>, String> {
        let group = self.resolve(group)?;
        Ok(self.0.captures(body).and_then(|found| part(&found, group)))
    }

    /// The same group of every match that does not overlap; those where it took no part are left out.
    pub fn all<'b>(
        &self,
        body: &'b [u8],
        group: Option<Group<'_>>,
    ) -> Result<Vec<&'b [u8]>, String> {
        let group = self.resolve(group)?;
        Ok(self.0.captures_iter(body).filter_map(|found| part(&found, group)).collect())
    }

    fn resolve(&self, group: Option<Group<'_>>) -> Result<usize, String> {
        let last = self.0.captures_len() - 1;
        match group {
            None => Ok(last.min(1)),
            Some(Group::Number(number)) if number <= last => Ok(number),
            Some(Group::Number(number)) => Err(format!(
                "the pattern `{}` has no group {number}, only 0 to {last}",
                self.as_str()
            )),
            Some(Group::Name(name)) => self
                .0
                .capture_names()
                .position(|known| known == Some(name))
                .ok_or_else(|| self.no_such_name(name)),
        }
    }

    fn no_such_name(&self, name: &str) -> String {
        let known: Vec<&str> = self.0.capture_names().flatten().collect();
        let have = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("the pattern `{}` has no group named `{name}` (named: {have})", self.as_str())
    }
}

fn part<'b>(found: &Captures<'b>, group: usize) -> Option<&'b [u8]> {
    found.get(group).map(|part| part.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_is_taken_if_there_is_one() {
        let body = b"id=12; id=34";
        let first = |pattern: &str, group| {
            Pattern::compile(pattern).unwrap().first(body, group).map(|f| f.map(<[u8]>::to_vec))
        };
        assert_eq!(first("id=[0-9]+", None), Ok(Some(b"id=12".to_vec())));
        assert_eq!(first("id=([0-9]+)", None), Ok(Some(b"12".to_vec())));
        assert_eq!(first("id=([0-9]+)", Some(Group::Number(0))), Ok(Some(b"id=12".to_vec())));
        assert_eq!(first("(id)=(?<n>[0-9]+)", Some(Group::Name("n"))), Ok(Some(b"12".to_vec())));
        assert_eq!(first("(x)?id", None), Ok(None));
        assert_eq!(first("nothing", None), Ok(None));
    }

    #[test]
    fn all_matches_are_found_in_bytes_that_are_no_text() {
        let pattern = Pattern::compile(r"(?-u)\xff?<([a-z]+)>").unwrap();
        assert_eq!(pattern.all(b"\xff<a>\x80<b>", None).unwrap(), [b"a", b"b"]);
    }

    #[test]
    fn mistakes_are_named() {
        let pattern = Pattern::compile("(?<id>a)(b)").unwrap();
        let number = pattern.first(b"", Some(Group::Number(3))).unwrap_err();
        assert_eq!(number, "the pattern `(?<id>a)(b)` has no group 3, only 0 to 2");
        let name = pattern.first(b"", Some(Group::Name("key"))).unwrap_err();
        assert_eq!(name, "the pattern `(?<id>a)(b)` has no group named `key` (named: id)");
        assert!(Pattern::compile("a(b").unwrap_err().contains("unclosed group"));
        assert!(Pattern::compile(r"(\w{9999}){9999}").unwrap_err().contains("bytes"));
    }
}
