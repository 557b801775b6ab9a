//! A table that all read and write, entry by entry.
//!
//! Each write gives the entry a new version, so that who computes a new value of an old one can do
//! so without a lock, and learns that it was overtaken when it wants to write.

use std::sync::Mutex;

use rustc_hash::FxHashMap;

use super::{Charge, Value, lock};

/// Values by key.
#[derive(Debug, Default)]
pub struct Map(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_key: FxHashMap<Box<[u8]>, Entry>,
    /// Of the last write.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    version: u64,
    _key: Charge,
}

/// An entry as it was read: none has version 0.
#[derive(Debug, Clone)]
pub struct Read {
    /// The value, if there was an entry.
    pub value: Option<Value>,
    /// To be given to [`Map::swap`].
    pub version: u64,
}

impl Map {
    /// The entry of `key`.
    pub fn get(&self, key: &[u8]) -> Read {
        match lock(&self.0).by_key.get(key) {
            Some(entry) => Read { value: Some(entry.value.clone()), version: entry.version },
            None => Read { value: None, version: 0 },
        }
    }

    /// Writes an entry, or deletes it. `charge` is of the key.
    pub fn set(&self, key: &[u8], value: Option<Value>, charge: Charge) {
        lock(&self.0).put(key, value, charge);
    }

    /// The same, unless the entry has another version by now; whether it was written.
    pub fn swap(&self, key: &[u8], version: u64, value: Option<Value>, charge: Charge) -> bool {
        let mut entries = lock(&self.0);
        let current = entries.by_key.get(key).map_or(0, |entry| entry.version);
        if current == version {
            entries.put(key, value, charge);
        }
        current == version
    }
}

impl Entries {
    fn put(&mut self, key: &[u8], value: Option<Value>, charge: Charge) {
        self.version += 1;
        let version = self.version;
        match (value, self.by_key.get_mut(key)) {
            (Some(value), Some(entry)) => (entry.value, entry.version) = (value, version),
            (Some(value), None) => {
                self.by_key.insert(key.into(), Entry { value, version, _key: charge });
            }
            (None, _) => {
                self.by_key.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Objects;
    use super::*;

    fn number(read: &Read) -> u64 {
        let text = read.value.as_ref().map_or("0", |value| str::from_utf8(value.json()).unwrap());
        text.parse().unwrap()
    }

    #[test]
    fn no_update_of_many_threads_is_lost() {
        let objects = Objects::default();
        let map = objects.map("stock").unwrap();
        let add = |key: &[u8]| loop {
            let read = map.get(key);
            let sum = (number(&read) + 1).to_string().into_bytes();
            let (value, charge) = (objects.value(sum).unwrap(), objects.charge(1).unwrap());
            if map.swap(key, read.version, Some(value), charge) {
                break;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..500).for_each(|n| add(if n % 2 == 0 { b"a" } else { b"b" })));
            }
        });
        assert_eq!((number(&map.get(b"a")), number(&map.get(b"b"))), (2_000, 2_000));
    }

    #[test]
    fn a_swap_fails_if_the_entry_was_written_meanwhile_even_with_the_same_value() {
        let objects = Objects::default();
        let map = objects.map("m").unwrap();
        let value = || Some(objects.value(b"1".to_vec()).unwrap());
        let charge = || objects.charge(1).unwrap();
        map.set(b"k", value(), charge());
        let read = map.get(b"k");
        map.set(b"k", value(), charge());
        assert!(!map.swap(b"k", read.version, None, charge()));
        assert!(map.swap(b"k", map.get(b"k").version, None, charge()));
        assert!(map.get(b"k").value.is_none());
        assert!(map.swap(b"k", 0, value(), charge()));
    }
}
