//! A set of tags, sorted by key: what tells one row of numbers from another.

use std::fmt;
use std::sync::Arc;

/// Tags sorted by key, without empty values; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
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

    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
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
