//! Profiles: which one, and how high.

use super::check_vus;
use super::load::{graceful_ramp_down, required};
use super::open::{self, SHARED};
use crate::plan::load::Load;
use crate::plan::profile::Profile;
use crate::plan::read::Fields;

const PEAK: &str = "add `peak_vus = 100`, or `peak_rate = 50` for an open load";

pub(super) fn profile(fields: &Fields<'_, '_>) -> Option<Load> {
    let there = required(fields, "profile");
    let profile = fields.choice("profile", &Profile::WORDS);
    let duration = match fields.has("duration") {
        true => fields.positive_duration("duration"),
        false => profile.map(Profile::usual_duration),
    };
    match (fields.has("peak_vus"), fields.has("peak_rate")) {
        (false, false) => {
            let message = format!("{} does not say how high its profile goes", fields.path);
            let hint = match (fields.has("rate"), fields.has("vus")) {
                (true, _) => "its highest rate is `peak_rate`",
                (_, true) => "its highest number of users is `peak_vus`",
                _ => PEAK,
            };
            fields.report.fault(&fields.path, message, hint);
            None
        }
        (true, true) => {
            let message = format!("{} has both `peak_vus` and `peak_rate`", fields.path);
            fields.fault("peak_rate", message, "keep one of them");
            None
        }
        (true, false) => {
            no_field_of_rates(fields);
            let (peak, ramp_down) = (peak_vus(fields), graceful_ramp_down(fields));
            Some(profile?.users(peak?, duration?, ramp_down?)).filter(|_| there)
        }
        (false, true) => {
            if fields.has("graceful_ramp_down") {
                let message = "`graceful_ramp_down` goes with `peak_vus`, not with `peak_rate`";
                fields.fault("graceful_ramp_down", message.to_owned(), "leave it out");
            }
            let (per, peak) = (open::per(fields), open::rate(fields, "peak_rate"));
            let shape = profile.zip(peak).zip(duration);
            let shape = shape.map(|((profile, peak), duration)| profile.rates(peak, duration));
            open::load(fields, shape, per)
        }
    }
}

fn peak_vus(fields: &Fields<'_, '_>) -> Option<u64> {
    let peak = fields.count("peak_vus")?;
    if let Err(message) = check_vus(peak) {
        let message = format!("{} = {peak}: {message}", fields.name("peak_vus"));
        fields.fault("peak_vus", message, "write for example `peak_vus = 100`");
        return None;
    }
    Some(peak)
}

/// Users who start when they have ended have no rate, no queue and no spare users.
fn no_field_of_rates(fields: &Fields<'_, '_>) {
    for name in SHARED.into_iter().chain(["per"]) {
        if fields.has(name) {
            let message = format!("`{name}` goes with `peak_rate`, not with `peak_vus`");
            fields.fault(name, message, "leave it out, or give `peak_rate`");
        }
    }
}
