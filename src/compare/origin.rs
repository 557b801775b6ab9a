//! Where a run comes from, what its numbers are of and whether they can be believed: so that runs
//! which do not match are told.

use std::path::Path;

use super::series::Run;

/// What runs should have in common, and what is wrong with one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// The file's name.
    script: String,
    sha256: String,
    /// A line for each scenario.
    loads: Vec<String>,
    /// As `was aborted: …`; of a sound run none.
    fault: Option<String>,
}

/// The loads of a plan in words. What is above them (address, threads, seed) and below (thresholds)
/// may well differ between runs.
pub fn loads(plan: &str) -> Vec<String> {
    let lines = plan.lines().skip(1).take_while(|line| line.starts_with(' '));
    lines.map(|line| line.trim().to_owned()).collect()
}

impl Origin {
    /// Of a script as it was typed, the hash of its text, and [`loads`] in words.
    pub fn new(script: &str, sha256: &str, loads: Vec<String>) -> Origin {
        let name =
            Path::new(script).file_name().map_or(script.into(), |name| name.to_string_lossy());
        Origin { script: name.into_owned(), sha256: sha256.to_owned(), loads, fault: None }
    }

    /// The same of a run with which something is wrong.
    pub fn with_fault(self, fault: Option<String>) -> Origin {
        Origin { fault, ..self }
    }

    /// The script's file name.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// Of the script's text.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The loads, in words.
    pub fn loads(&self) -> &[String] {
        &self.loads
    }

    /// What is wrong with it, as `was aborted: …`; nothing with a sound run.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// That the other is of another script.
    pub fn script_remark(&self, other: &Origin) -> Option<String> {
        (self.script != other.script).then(|| {
            format!(
                "the runs are of the scripts {} and {}: their series may mean something else",
                self.script, other.script
            )
        })
    }

    fn change_remark(&self, other: &Origin) -> Option<String> {
        let changed = self.script == other.script && self.sha256 != other.sha256;
        changed.then(|| format!("{} was changed between the runs", self.script))
    }

    /// That the other is of another load; nothing where one of them is not known.
    pub fn load_remark(&self, other: &Origin) -> Option<String> {
        let (ours, theirs) = (&self.loads, &other.loads);
        let at = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
        match (ours.get(at), theirs.get(at)) {
            _ if ours.is_empty() || theirs.is_empty() => None,
            (Some(ours), Some(theirs)) => {
                Some(format!("the loads differ: `{ours}` and `{theirs}`"))
            }
            (Some(more), None) | (None, Some(more)) => {
                Some(format!("the loads differ: only one of them has `{more}`"))
            }
            (None, None) => None,
        }
    }
}

/// How runs do not match, and which are not to be trusted; empty where nothing is known of them.
pub fn remarks(base: &[Run], candidate: &[Run]) -> Vec<String> {
    let faults = [("base", base), ("candidate", candidate)];
    let faults = faults.into_iter().filter_map(|(side, runs)| fault_remark(side, runs));
    let origins: Vec<&Origin> =
        base.iter().chain(candidate).filter_map(|run| run.origin.as_ref()).collect();
    let unlike = [Origin::script_remark, Origin::change_remark, Origin::load_remark];
    faults.chain(unlike.into_iter().filter_map(|remark| first(&origins, remark))).collect()
}

/// What is first to be said of runs that are not like the first of them.
pub fn first(
    origins: &[&Origin],
    remark: impl Fn(&Origin, &Origin) -> Option<String>,
) -> Option<String> {
    let (first, others) = origins.split_first()?;
    others.iter().find_map(|other| remark(first, other))
}

fn fault_remark(side: &str, runs: &[Run]) -> Option<String> {
    let faults: Vec<&str> = runs.iter().filter_map(|run| run.origin.as_ref()?.fault()).collect();
    let fault = faults.first()?;
    Some(match runs.len() {
        1 => format!("the {side} {fault}"),
        all => {
            let many = faults.len();
            format!("{many} of the {all} runs of the {side} cannot be relied on: one {fault}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(origin: &Origin) -> Run {
        Run { origin: Some(origin.clone()), ..Run::default() }
    }

    fn remarks_of(a: &Origin, b: &Origin) -> Vec<String> {
        remarks(&[run(a), run(a)], &[run(b)])
    }

    fn of(script: &str, sha256: &str, plan: &str) -> Origin {
        Origin::new(script, sha256, loads(plan))
    }

    #[test]
    fn only_what_does_not_match_is_told() {
        let plan = |seed: u64, users: u64| {
            format!(
                "shop.lua: 1 scenario, seed {seed}\n  shop  {users} users for 3s\nthresholds\n  {seed}\n"
            )
        };
        let one = of("./shop.lua", "aa", &plan(1, 2));
        assert_eq!(remarks_of(&one, &of("ci/shop.lua", "aa", &plan(7, 2))), [""; 0]);
        assert_eq!(
            remarks_of(&one, &of("shop.lua", "bb", &plan(1, 4))),
            [
                "shop.lua was changed between the runs",
                "the loads differ: `shop  2 users for 3s` and `shop  4 users for 3s`"
            ]
        );
        let two = plan(1, 2).replace("thresholds", "  cart  1 user for 3s\nthresholds");
        let other = remarks_of(&one, &of("cart.lua", "cc", &two));
        assert!(other[0].starts_with("the runs are of the scripts shop.lua and cart.lua: "));
        assert_eq!(other[1], "the loads differ: only one of them has `cart  1 user for 3s`");
        assert_eq!(remarks_of(&one, &of("shop.lua", "aa", "")), [""; 0], "its load is not known");
        assert_eq!(remarks(&[Run::default()], &[Run::default()]), [""; 0]);
    }

    #[test]
    fn runs_that_cannot_be_relied_on_are_told_with_their_side() {
        let sound = of("shop.lua", "aa", "");
        let cut = sound.clone().with_fault(Some("was aborted: stopped by a signal".to_owned()));
        assert_eq!(
            remarks(&[run(&sound)], &[run(&cut)]),
            ["the candidate was aborted: stopped by a signal"]
        );
        assert_eq!(
            remarks(&[run(&sound), run(&cut)], &[run(&sound)]),
            [
                "1 of the 2 runs of the base cannot be relied on: one was aborted: stopped by a signal"
            ]
        );
    }
}
