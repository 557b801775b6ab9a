//! Which part of a global sequence is mine.
//!
//! Item `n` (from 0) of any numbered sequence (users, arrivals, data rows) belongs to share
//! `n mod of`. The union over all shares is exactly the whole, and nobody hands out work.

/// One of `of` equal parts; `index` is in `0..of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

impl Share {
    /// The whole sequence as a single share.
    pub const WHOLE: Share = Share { index: 0, of: 1 };

    /// Part `index` of `of`; `None` unless `index < of`.
    pub fn new(index: u64, of: u64) -> Option<Share> {
        (index < of).then_some(Share { index, of })
    }

    /// Whether item `n` (from 0) is in this share.
    pub fn owns(self, n: u64) -> bool {
        n % self.of == self.index
    }

    /// The global number of this share's item `k` (from 0).
    pub fn nth(self, k: u64) -> u64 {
        self.index + k * self.of
    }

    /// How many of the first `total` items are in this share.
    pub fn count(self, total: u64) -> u64 {
        (total + self.of - 1 - self.index) / self.of
    }
}
