//! A second without secrets.
//!
//! What workers recorded holds none; names of scenarios, stages and the author's metrics come from
//! the plan and are masked here, as the summary masks them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::aggregator::Second;
use crate::metrics::metric::{Metric, MetricId};
use crate::metrics::window::Row;
use crate::metrics::{Exemplar, TagSet, Window};
use crate::secrets::Secrets;

/// The second as it may be written; the same one where there is nothing to strike out.
pub fn masked(second: Second, secrets: &Secrets) -> Second {
    if !second.window.rows.iter().any(|row| shows(row, secrets)) {
        return second;
    }
    let bare = Window { rows: Vec::new(), exemplars: Vec::new(), ..(*second.window).clone() };
    let mut window = bare;
    for exemplar in &second.window.exemplars {
        let exemplar = Exemplar { tags: struck(&exemplar.tags, secrets), ..exemplar.clone() };
        window.absorb(&Window { exemplars: vec![exemplar], ..Window::default() });
    }
    for row in &second.window.rows {
        let tags = struck(&row.tags, secrets);
        // One by one, since rows and metrics may have become the same.
        for (id, value) in &row.values {
            let values = vec![(without(id, secrets), value.clone())];
            let rows = vec![Row { tags: tags.clone(), values }];
            window.absorb(&Window { second: window.second, rows, ..Window::default() });
        }
    }
    Second { window: Arc::new(window), ..second }
}

fn struck(tags: &TagSet, secrets: &Secrets) -> TagSet {
    TagSet::new(tags.iter().map(|(tag, value)| (tag, secrets.mask(value))))
}

fn shows(row: &Row, secrets: &Secrets) -> bool {
    let mut own = row.values.iter().filter(|(id, _)| matches!(id, MetricId::Own(_)));
    row.tags.iter().any(|(_, value)| secrets.shows_in(value))
        || own.any(|(id, _)| secrets.shows_in(&id.metric().name))
}

fn without(id: &MetricId, secrets: &Secrets) -> MetricId {
    match id {
        MetricId::Own(metric) => match secrets.mask(&metric.name) {
            Cow::Borrowed(_) => id.clone(),
            Cow::Owned(name) => {
                MetricId::Own(Arc::new(Metric { name: Cow::Owned(name), ..(**metric).clone() }))
            }
        },
        MetricId::BuiltIn(_) => id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Value, metric};
    use crate::results::Tick;

    fn second(scenarios: [&str; 2]) -> Second {
        let mut window = Window::default();
        for scenario in scenarios {
            let tags = TagSet::new([("scenario", scenario)]);
            let row = Row { tags, values: vec![(metric::HTTP_CALLS, Value::Counter(3))] };
            window.absorb(&Window { rows: vec![row], ..Window::default() });
        }
        Second { tick: Tick::default(), window: Arc::new(window), late: false }
    }

    #[test]
    fn scenarios_whose_names_are_secrets_become_one() {
        let secrets = Secrets::default();
        let plain = second(["hunter22", "tr0ub4dor"]);
        assert!(Arc::ptr_eq(&masked(plain.clone(), &secrets).window, &plain.window));
        secrets.add("hunter22");
        secrets.add("tr0ub4dor");
        let masked = masked(plain, &secrets);
        assert_eq!(masked.window.rows.len(), 1);
        assert_eq!(masked.window.rows[0].tags.to_string(), "scenario=***");
        assert_eq!(masked.window.rows[0].get(&metric::HTTP_CALLS), Some(&Value::Counter(6)));
    }
}
