//! Data pools that give each row once, held against the iterations of a load that plans how many
//! there are. What an iteration takes is not known before it has run, so this only warns, and only
//! where neither a row per iteration nor one per user would be there.

use crate::data::Once;
use crate::diagnostic::Diagnostic;
use crate::plan::draft::Node;
use crate::plan::{Load, Plan, Scenario};
use crate::results::format::{count, counted};
use crate::run::prepare::Prepared;

const HINT: &str = "have more rows, plan fewer iterations, or use rows again: pick = \"sequential\", \
                    at_end = \"recycle\"";

/// A warning for each pool that seems too small.
pub fn too_small(prepared: &Prepared) -> Vec<Diagnostic> {
    let Some(wanted) = Wanted::of(&prepared.plan, &prepared.definition.node()) else {
        return Vec::new();
    };
    let pools = prepared.shared.pools.list();
    let found = pools.iter().filter_map(|pool| wanted.warning(&pool.title(), pool.once()?));
    found.collect()
}

/// How many rows a load takes at least, if it takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    /// One for each iteration of the scenario that has fewest.
    iterations: u64,
    /// One for each user instead, in `on_start`.
    users: Option<u64>,
}

impl Wanted {
    /// `None` where it is not planned how many iterations there are.
    fn of(plan: &Plan, definition: &Node) -> Option<Wanted> {
        if !plan.steered().is_empty() {
            return None; // a search asks for itself
        }
        let each = plan.scenarios().iter().map(planned).collect::<Option<Vec<u64>>>()?;
        let users = plan.scenarios().iter().map(|scenario| scenario.load().peak_vus()).min();
        let iterations = each.into_iter().min()?;
        Some(Wanted { iterations, users: users.filter(|_| starts_users(definition)) })
    }

    fn warning(&self, pool: &str, once: Once) -> Option<Diagnostic> {
        let least = self.users.map_or(self.iterations, |users| users.min(self.iterations));
        let rows = once.left();
        (rows < least).then(|| {
            let message = format!(
                "{pool} gives each row once and has {}: with one for each iteration they last for \
                 {} of the {} that are planned",
                counted(rows, "row"),
                count(rows),
                counted(self.iterations, "iteration")
            );
            Diagnostic::new(message).hint(HINT)
        })
    }
}

/// Iterations that a scenario plans.
fn planned(scenario: &Scenario) -> Option<u64> {
    match scenario.load() {
        Load::Open(open) => {
            let most = open.max_iterations.unwrap_or(u64::MAX);
            Some(open.profile().total().min(most))
        }
        Load::PerVuIterations { vus, iterations, .. } => vus.checked_mul(*iterations),
        Load::SharedIterations { iterations, .. } => Some(*iterations),
        _ => None,
    }
}

/// Whether a scenario has an `on_start`, which may be what takes the rows.
fn starts_users(definition: &Node) -> bool {
    let field = |node: &Node, name: &str| match node {
        Node::Map(fields) => {
            fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        }
        _ => None,
    };
    match field(definition, "scenarios") {
        Some(Node::Map(scenarios)) => {
            scenarios.iter().any(|(_, scenario)| field(scenario, "on_start").is_some())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_for_rows_that_suffice_neither_for_iterations_nor_for_users() {
        let warned = |users, rows, given| {
            let wanted = Wanted { iterations: 3_000, users };
            wanted.warning("users.csv", Once { rows, given }).map(|fault| fault.message)
        };
        assert_eq!(
            warned(None, 2_000, 1).as_deref(),
            Some(
                "users.csv gives each row once and has 1,999 rows: with one for each iteration \
                 they last for 1,999 of the 3,000 iterations that are planned"
            )
        );
        assert_eq!(warned(None, 3_000, 0), None);
        assert_eq!(warned(Some(500), 500, 0), None, "on_start may take them");
        assert!(warned(Some(500), 499, 0).is_some());
        assert!(warned(Some(9_000), 2_999, 0).is_some());
    }

    #[test]
    fn a_function_of_users_is_found_wherever_it_stands() {
        let map = |fields: Vec<(&str, Node)>| {
            Node::Map(fields.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
        };
        let run = ("run", Node::Function);
        let plain = map(vec![("scenarios", map(vec![("a", map(vec![run.clone()]))]))]);
        let start = map(vec![("on_start", Node::Function), run]);
        assert!(!starts_users(&plain) && !starts_users(&Node::Function));
        assert!(starts_users(&map(vec![("scenarios", map(vec![("a", start)]))])));
    }
}
