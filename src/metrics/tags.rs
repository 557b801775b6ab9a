//! A set of tags, sorted by key: what tells one row of numbers from another.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Tags that loadtool sets itself.
const OWN: [&str; 19] = [
    "category", "check", "error", "expected", "hop", "method", "name", "outcome", "overflow",
    "peer", "phase", "proto", REASON, "scenario", "stage", "status", "step", "try", VARIANT,
];

/// Which of several targets it is of, of a run that compares them.
pub const VARIANT: &str = "variant";

/// Why an iteration never started, or ended before its time.
pub const REASON: &str = "reason";

/// The reason of one that found no row: its data was used up.
pub const OUT_OF_DATA: &str = "data";

/// Why a tag of the author's may not have that name.
pub fn own_tag(name: &str) -> Option<String> {
    OWN.contains(&name).then(|| format!("the tag `{name}` is one that loadtool sets itself"))
}

/// Tags sorted by key, without empty values; cheap to clone, and to compare with a clone.
#[derive(Debug, Clone, Eq, Default)]
pub struct TagSet(Arc<[(Arc<str>, Arc<str>)]>);

impl TagSet {
    /// From pairs in any order; empty values mean "absent", a later pair wins over an earlier.
    pub fn new<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> TagSet
    where
        K: Into<Arc<str>>,
        V: Into<Arc<str>>,
    {
        let mut tags = std::collections::BTreeMap::<Arc<str>, Arc<str>>::new();
        for (key, value) in pairs {
            tags.insert(key.into(), value.into());
        }
        TagSet(tags.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of a tag; `None` if it is absent.
    pub fn get(&self, key: &str) -> Option<&Arc<str>> {
        let index = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.0[index].1)
    }

    /// Those whose key is kept; copies no text.
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> TagSet {
        match self.0.iter().all(|(key, _)| keep(key)) {
            true => self.clone(),
            false => TagSet(self.0.iter().filter(|(key, _)| keep(key)).cloned().collect()),
        }
    }

    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl Ord for TagSet {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for TagSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for TagSet {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl fmt::Display for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{key}={value}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}
