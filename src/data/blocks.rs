//! Where rows begin in a text, in little memory and with little to search.
//!
//! A row is noted only if the last one noted begins [`BLOCK`] bytes before it or more: two words
//! for that many bytes, however short the rows are, and to reach a row no more than a block and
//! the row before it is walked over.

/// Least distance of two marks in the text, in bytes.
const BLOCK: usize = 512;

/// The beginnings of some rows.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    marks: Vec<Mark>,
    rows: usize,
}

/// The beginning of one row.
#[derive(Debug)]
struct Mark {
    row: usize,
    start: usize,
}

impl Blocks {
    /// Adds a row that begins at `start`, behind all others.
    pub(super) fn push(&mut self, start: usize) {
        if self.marks.last().is_none_or(|last| start - last.start >= BLOCK) {
            self.marks.push(Mark { row: self.rows, start });
        }
        self.rows += 1;
    }

    /// No more rows are to come: gives back what was meant for them.
    pub(super) fn close(&mut self) {
        self.marks.shrink_to_fit();
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The beginning of a row at or before `row`, and how many rows lie between the two.
    pub(super) fn find(&self, row: usize) -> Option<(usize, usize)> {
        if row >= self.rows {
            return None;
        }
        let at = self.marks.partition_point(|mark| mark.row <= row);
        let mark = &self.marks[at - 1];
        Some((mark.start, row - mark.row))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_reached_from_a_mark_that_is_near(lengths in prop::collection::vec(1..700_usize, 0..200)) {
            let mut blocks = Blocks::default();
            let mut starts = vec![0];
            for length in &lengths {
                blocks.push(starts[starts.len() - 1]);
                starts.push(starts[starts.len() - 1] + length);
            }
            for row in 0..lengths.len() {
                let (start, more) = blocks.find(row).unwrap();
                prop_assert_eq!(start, starts[row - more]);
                prop_assert!(more == 0 || starts[row] - start < BLOCK + lengths[row - 1]);
            }
            prop_assert_eq!((blocks.rows(), blocks.find(lengths.len())), (lengths.len(), None));
            prop_assert!(blocks.marks.len() <= starts[lengths.len()] / BLOCK + 1);
        }
    }
}
