//! Where a kept run comes from: what its numbers are of, so that runs which do not match are told.

use std::path::Path;

use super::series::Run;

/// What runs should have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The file's name.
    script: String,
    sha256: String,
    /// A line for each scenario.
    loads: Vec<String>,
}

impl Origin {
    /// Of a script as it was typed, the hash of its text, and a plan in words.
    pub fn new(script: &str, sha256: &str, plan: &str) -> Origin {
        let name =
            Path::new(script).file_name().map_or(script.into(), |name| name.to_string_lossy());
        // What is above them (address, threads, seed) and below (thresholds) may well differ.
        let loads = plan.lines().skip(1).take_while(|line| line.starts_with(' '));
        Origin {
            script: name.into_owned(),
            sha256: sha256.to_owned(),
            loads: loads.map(|line| line.trim().to_owned()).collect(),
        }
    }

    fn script_remark(&self, other: &Origin) -> Option<String> {
        if self.script != other.script {
            return Some(format!(
                "the runs are of the scripts {} and {}: their series may mean something else",
                self.script, other.script
            ));
        }
        let changed = self.sha256 != other.sha256;
        changed.then(|| format!("{} was changed between the runs", self.script))
    }

    fn load_remark(&self, other: &Origin) -> Option<String> {
        let (here, there) = (self.loads.len(), other.loads.len());
        if here != there {
            return Some(format!("the loads differ: {here} and {there} scenarios"));
        }
        let differs = |(ours, theirs): &(&String, &String)| ours != theirs;
        let (ours, theirs) = self.loads.iter().zip(&other.loads).find(differs)?;
        Some(format!("the loads differ: `{ours}` and `{theirs}`"))
    }
}

/// How runs do not match; empty where nothing is known of them.
pub fn remarks(base: &[Run], candidate: &[Run]) -> Vec<String> {
    let mut origins = base.iter().chain(candidate).filter_map(|run| run.origin.as_ref());
    let Some(first) = origins.next() else { return Vec::new() };
    let others: Vec<&Origin> = origins.collect();
    let script = others.iter().find_map(|other| first.script_remark(other));
    let load = others.iter().find_map(|other| first.load_remark(other));
    script.into_iter().chain(load).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks_of(a: &Origin, b: &Origin) -> Vec<String> {
        let run = |origin: &Origin| Run { origin: Some(origin.clone()), ..Run::default() };
        remarks(&[run(a), run(a)], &[run(b)])
    }

    #[test]
    fn only_what_does_not_match_is_told() {
        let plan = |seed: u64, users: u64| {
            format!(
                "shop.lua: 1 scenario, seed {seed}\n  shop  {users} users for 3s\nthresholds\n  {seed}\n"
            )
        };
        let one = Origin::new("./shop.lua", "aa", &plan(1, 2));
        assert_eq!(remarks_of(&one, &Origin::new("ci/shop.lua", "aa", &plan(7, 2))), [""; 0]);
        assert_eq!(
            remarks_of(&one, &Origin::new("shop.lua", "bb", &plan(1, 4))),
            [
                "shop.lua was changed between the runs",
                "the loads differ: `shop  2 users for 3s` and `shop  4 users for 3s`"
            ]
        );
        let other = remarks_of(&one, &Origin::new("cart.lua", "cc", "cart.lua: 0 scenarios\n"));
        assert!(other[0].starts_with("the runs are of the scripts shop.lua and cart.lua: "));
        assert_eq!(other[1], "the loads differ: 1 and 0 scenarios");
        assert_eq!(remarks(&[Run::default()], &[Run::default()]), [""; 0]);
    }
}
