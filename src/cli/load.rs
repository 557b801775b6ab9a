//! Flags of the command line that say how much load there is.

use std::time::Duration;

use clap::Args;

use crate::diagnostic::did_you_mean;
use crate::plan::draft::Flags;
use crate::plan::profile::Profile;
use crate::units;

/// How much load there is; whatever is given replaces the script's.
#[derive(Args, Debug)]
pub struct LoadArgs {
    /// The scenario that the load flags below are for
    #[arg(long, value_name = "NAME", help_heading = "Load")]
    scenario: Option<String>,

    /// How many virtual users; with --rate, how many are made beforehand
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Load")]
    vus: Option<u64>,

    /// Start this many iterations per second, whatever becomes of those before: 500, 30/m
    #[arg(long, value_name = "R", value_parser = rate, help_heading = "Load")]
    rate: Option<f64>,

    /// Most users that --rate may make on demand [default: ten times the rate, 100 to 10,000]
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Load")]
    max_vus: Option<u64>,

    /// For how long: 30s, 1m30s, 2h
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Load")]
    duration: Option<Duration>,

    /// How many iterations, all users together; with --duration, within that time
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Load")]
    iterations: Option<u64>,

    /// Ramp to N users over D (repeatable, one after the other)
    #[arg(long = "stage", value_name = "D:N", value_parser = stage, help_heading = "Load")]
    stages: Vec<(Duration, f64)>,

    /// A shape whose peak is --vus or --rate: ramp_up, sustained, spike, soak, stress, diurnal
    #[arg(long, value_name = "NAME", value_parser = profile, help_heading = "Load")]
    profile: Option<Profile>,

    /// Decides every random choice; printed, so that a run can be repeated
    #[arg(long, value_name = "N", value_parser = seed, help_heading = "Load")]
    seed: Option<u64>,

    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Load")]
    threads: Option<usize>,
}

impl From<LoadArgs> for Flags {
    fn from(args: LoadArgs) -> Flags {
        Flags {
            scenario: args.scenario,
            vus: args.vus,
            rate: args.rate,
            max_vus: args.max_vus,
            duration: args.duration,
            iterations: args.iterations,
            stages: args.stages,
            profile: args.profile,
            seed: args.seed,
            threads: args.threads,
            ..Flags::default()
        }
    }
}

fn count(text: &str) -> Result<u64, String> {
    units::count(text).map_err(|error| error.to_string())
}

pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<f64, String> {
    units::rate(text).map_err(|error| error.to_string())
}

pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected the whole number that a run has told".to_owned())
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1".to_owned()),
        Ok(threads) => Ok(threads),
    }
}

fn stage(text: &str) -> Result<(Duration, f64), String> {
    let (length, target) = text.split_once(':').ok_or("expected D:N, as in 30s:100")?;
    Ok((duration(length)?, count(target)? as f64))
}

fn profile(text: &str) -> Result<Profile, String> {
    let words = || Profile::WORDS.iter().map(|(word, _)| *word);
    let found = Profile::WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, profile)| *profile).ok_or_else(|| {
        let all = || format!("it is one of {}", words().collect::<Vec<_>>().join(", "));
        did_you_mean(text, words()).unwrap_or_else(all)
    })
}
