//! No text makes a quantity panic, and what is printed is read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loadtool::units;

fuzz_target!(|text: &str| {
    if let Ok(duration) = units::duration(text) {
        assert!(duration <= units::MAX_DURATION);
        let printed = units::print_duration(duration);
        let again = units::duration(&printed).expect("what is printed can be read");
        assert_eq!(units::print_duration(again), printed);
    }
    if let Ok(bytes) = units::bytes(text) {
        assert_eq!(units::bytes(&units::print_bytes(bytes)), Ok(bytes));
    }
    assert!(units::number(text).is_ok() || units::count(text).is_err());
    assert!(units::rate(text).is_ok_and(f64::is_finite) || units::rate(text).is_err());
    assert!(units::percent(text).is_ok_and(f64::is_finite) || units::percent(text).is_err());
});
