//! Two targets whose seconds are known.

use std::time::Duration;

use url::Url;

use super::*;
use crate::metrics::{CallSample, NameId, Outcome, Place, Recorder};
use crate::results::fixture;

fn trial() -> Trial {
    let variant = |name: &str| Variant {
        name: name.into(),
        base_url: Url::parse("http://u:pw@h").expect("it is one"),
    };
    Trial { variants: vec![variant("A"), variant("B")], min_change: 0.05 }
}

/// A second with `calls` calls of each variant, which take so long.
fn window(second: u32, calls: u64, ms: [u64; 2]) -> Window {
    window_of(second, [calls; 2], ms, ["/", "/"])
}

/// The same with numbers and names of their own.
fn window_of(second: u32, calls: [u64; 2], ms: [u64; 2], names: [&str; 2]) -> Window {
    let mut recorder = Recorder::new(vec!["shop".into()], 1_000);
    for (index, variant) in ["A", "B"].into_iter().enumerate() {
        let (calls, ms) = (calls[index], ms[index]);
        let place =
            Place { extra: recorder.intern_tags(&[(VARIANT, variant)]), ..Place::default() };
        let sample = CallSample {
            name: recorder.intern(names[index]),
            method: recorder.intern("GET"),
            status: 200,
            expected: true,
            error: NameId::NONE,
            outcome: Outcome::Completed,
            duration: Duration::ZERO,
        };
        for n in 0..calls {
            let duration = Duration::from_micros(ms * 1_000 + n);
            recorder.call(&place, &CallSample { duration, ..sample });
        }
    }
    recorder.flip(second)
}

fn compared(seconds: u32, ms: impl Fn(u32) -> [u64; 2]) -> Variants {
    let mut sides = Sides::new(Targets::of(&trial()));
    (0..seconds).for_each(|second| sides.note(&window(second, 50, ms(second))));
    sides.conclude(&load(seconds.into()), 1)
}

/// The scenario, which was under load for so long.
fn load(seconds: u64) -> [ScenarioInfo; 1] {
    let length = Duration::from_secs(seconds);
    let any = fixture::run().scenarios.remove(0);
    [ScenarioInfo { name: "shop".into(), load: length, ended: length, ..any }]
}

#[test]
fn what_slows_both_is_no_difference_and_what_slows_one_is() {
    let mood = |second: u32| u64::from(second % 7) * 30;
    let same = compared(40, |second| [100 + mood(second), 100 + mood(second)]);
    assert!(same.worse().is_empty() && same.can_tell(), "{same:?}");
    let slower = compared(40, |second| [100 + mood(second), 115 + mood(second)]);
    let [told] = &slower.worse()[..] else { panic!("{slower:?}") };
    assert!(told.starts_with("B is worse than A: shop: GET / p50 +"), "{told}");
    assert_eq!(slower.base.base_url, "http://***@h/");
}

#[test]
fn a_short_run_cannot_tell() {
    let short = compared(4, |_| [100, 200]);
    assert!(short.worse().is_empty() && !short.can_tell(), "{short:?}");
    assert!(
        !Sides::new(Targets::of(&trial())).conclude(&load(0), 1).can_tell(),
        "nothing was recorded"
    );
}

#[test]
fn a_long_run_is_kept_in_longer_seconds_and_its_rates_stay() {
    let mut sides = Sides::new(Targets::of(&trial()));
    for second in 0..2_000 {
        sides.note(&window(second, 2, [10, 10]));
    }
    sides.note(&window(1_999, 2, [10, 10])); // what came late
    assert_eq!(sides.halvings, 2);
    let variants = sides.conclude(&load(2_000), 1);
    let rate = rate_of(&variants);
    assert!((rate.base - 2.0).abs() < 0.01 && rate.base == rate.candidate, "{rate:?}");
    let seconds = sides.runs[0].series.values().map(|series| series.seconds()).max();
    assert!(seconds <= Some(MOST_PLACES as usize), "{seconds:?}");
}

fn rate_of(variants: &Variants) -> &Row {
    let mut rows = variants.candidates[0].comparison.rows.iter();
    rows.find(|row| row.stat.as_str() == "rate").expect("it is there")
}

#[test]
fn an_answer_that_comes_after_the_load_adds_no_second_to_it() {
    let mut sides = Sides::new(Targets::of(&trial()));
    for second in 0..12 {
        sides.note(&window(second, 19, [10, 10]));
    }
    sides.note(&window_of(12, [1, 0], [10, 10], ["/", "/"]));
    let variants = sides.conclude(&load(12), 1);
    let rate = rate_of(&variants);
    assert!((rate.base - 19.0).abs() < 0.1 && rate.candidate == 19.0, "{rate:?}");
    assert_eq!(rate.verdict, Verdict::Same);
}

#[test]
fn calls_that_went_elsewhere_than_to_their_target_are_told() {
    let remarks = |names: [&str; 2]| {
        let mut sides = Sides::new(Targets::of(&trial()));
        (0..10).for_each(|second| sides.note(&window_of(second, [9, 9], [10, 10], names)));
        sides.conclude(&load(10), 1).candidates[0].comparison.remarks.clone()
    };
    assert_eq!(remarks(["/", "/by?of=http://h"]), [""; 0]);
    let told = "not all calls of B went to it, for absolute URLs go where they say: GET http://h/x";
    assert_eq!(remarks(["/x", "http://h/x"]), [told]);
    assert_eq!(remarks(["http://i/x", "http://i/x"]).len(), 2);
}
