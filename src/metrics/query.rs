//! Reading rows: what matches a selector, merged, as a whole or by the values of some tags.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::selector::Selector;
use super::value::Value;
use super::window::{Row, Window};

/// The values of some tags, in the order asked for; empty where a tag is absent.
pub type GroupKey<'r> = Vec<&'r str>;

impl Window {
    /// All that a selector means, as one value; `None` if there is no sample.
    pub fn fold(&self, selector: &Selector) -> Option<Value> {
        fold(&self.rows, selector)
    }

    /// The same by tags; see [`group_by`].
    pub fn group_by<'r>(
        &'r self,
        selector: &Selector,
        tags: &[&str],
    ) -> BTreeMap<GroupKey<'r>, Value> {
        group_by(&self.rows, selector, tags)
    }

    /// The sum of a counter; 0 without samples.
    pub fn count(&self, selector: &Selector) -> u64 {
        matching(&self.rows, selector).map(|(_, value)| value.counter()).sum()
    }
}

/// All that a selector means, as one value; `None` if there is no sample.
pub fn fold(rows: &[Row], selector: &Selector) -> Option<Value> {
    let mut values = matching(rows, selector).map(|(_, value)| value);
    let mut whole = values.next()?.clone();
    values.for_each(|value| whole.merge(value, Ordering::Equal));
    Some(whole)
}

/// What a selector means, as one value for each combination of values that these tags have:
/// a table's rows, in order.
pub fn group_by<'r>(
    rows: &'r [Row],
    selector: &Selector,
    tags: &[&str],
) -> BTreeMap<GroupKey<'r>, Value> {
    let mut groups = BTreeMap::<GroupKey<'r>, Value>::new();
    for (row, value) in matching(rows, selector) {
        let key = tags.iter().map(|tag| row.tags.get(tag).map_or("", |value| value)).collect();
        match groups.get_mut(&key) {
            Some(group) => group.merge(value, Ordering::Equal),
            None => {
                groups.insert(key, value.clone());
            }
        }
    }
    groups
}

/// The rows that a selector means and that have a value of its metric.
pub fn matching<'r>(
    rows: &'r [Row],
    selector: &Selector,
) -> impl Iterator<Item = (&'r Row, &'r Value)> {
    rows.iter().filter_map(|row| {
        let value = row.get(selector.metric())?;
        selector.matches(&row.tags).then_some((row, value))
    })
}
