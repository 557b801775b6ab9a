//! Statistics against a sorted oracle, and texts that are none.

use proptest::prelude::*;

use super::*;

fn of(micros: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    micros.iter().for_each(|&value| histogram.record(Duration::from_micros(value)));
    histogram
}

fn merged(parts: &[&Histogram]) -> Histogram {
    let mut whole = Histogram::default();
    parts.iter().for_each(|part| whole.merge(part));
    whole
}

fn micros(of: Option<Duration>) -> u64 {
    u64::try_from(of.expect("samples").as_micros()).expect("at most an hour")
}

#[test]
fn without_samples_there_is_no_statistic() {
    let empty = Histogram::default();
    let numbers = empty.of_unit(Unit::Ms);
    assert_eq!((empty.min(), empty.max(), empty.quantile(990_000)), (None, None, None));
    assert_eq!((numbers.mean(), numbers.stddev(), numbers.max()), (None, None, None));
}

#[test]
fn statistics_are_exact() {
    let histogram = of(&[2_000_001, 4_000_003, 4_000_003, 6_000_001]);
    assert_eq!(micros(histogram.min()), 2_000_001);
    assert_eq!(micros(histogram.max()), 6_000_001);
    let ms = histogram.of_unit(Unit::Ms);
    assert_eq!(ms.mean(), Some(4_000.002));
    let stddev = ms.stddev().expect("samples") / 1e3;
    assert!((stddev - std::f64::consts::SQRT_2).abs() < 1e-6, "{stddev}");
}

#[test]
fn samples_at_or_below_bounds_are_counted_in_every_form() {
    let bounds = [1, 250, 5_000, 3_600_000_000];
    let few = of(&[1, 250, 251, 5_000, 5_010, 70_000]);
    assert_eq!(few.at_most(&bounds), [1, 2, 4, 6]);
    let mut many = Histogram::default();
    (0..100).for_each(|_| many.merge(&few));
    assert_eq!(many.at_most(&bounds), [100, 200, 400, 600]);
    assert_eq!(Histogram::default().at_most(&bounds), [0; 4]);
    let ms = few.of_unit(Unit::Ms);
    assert_eq!((ms.sum(), Histogram::default().of_unit(Unit::Ms).sum()), (80.512, 0.0));
}

#[test]
fn nearest_rank_is_computed_without_floats() {
    let thousand: Vec<u64> = (1..=1000).collect();
    for (count, ppm, expected) in [
        (1000, 999_000, 999),
        (1000, 999_001, 1000),
        (1000, 500_000, 500),
        (1000, 0, 1),
        (1000, 1_000_000, 1000),
        (4, 500_000, 2),
        (5, 500_000, 3),
        (1, 999_000, 1),
        (100, 290_000, 29),
    ] {
        let histogram = of(&thousand[..count]);
        assert_eq!(micros(histogram.quantile(ppm)), expected, "{ppm} ppm of {count}");
    }
}

#[test]
fn longer_than_an_hour_counts_as_an_hour_and_is_counted() {
    let histogram = of(&[1, HIGHEST, HIGHEST + 1, u64::MAX]);
    assert_eq!(histogram.saturated(), 2);
    assert_eq!(micros(histogram.max()), HIGHEST);
    assert_eq!(histogram.count(), 4);
    assert_eq!(merged(&[&histogram, &histogram]).saturated(), 4);
    let mut forever = Histogram::default();
    forever.record(Duration::MAX);
    assert_eq!(forever.saturated(), 1);
}

#[test]
fn numbers_that_are_no_times_go_far_beyond_an_hour() {
    let mut histogram = Histogram::default();
    let numbers = [0, 1, 5_000_000_000, 1 << 40, HIGHEST_NUMBER, HIGHEST_NUMBER + 1];
    numbers.into_iter().for_each(|number| histogram.record_number(number));
    let bytes = histogram.of_unit(Unit::Bytes);
    assert_eq!((bytes.min(), bytes.max()), (Some(0.0), Some(HIGHEST_NUMBER as f64)));
    assert_eq!((histogram.count(), histogram.saturated()), (6, 1));
    let half = bytes.quantile(500_000).expect("samples");
    assert!((5e9..5e9 * 1.001).contains(&half), "{half}");
    let read = Histogram::from_base64(&histogram.to_base64()).expect("our own text");
    assert_eq!(read.buckets(), histogram.buckets());
    let mut again = Histogram::default();
    numbers.iter().rev().for_each(|&number| again.record_number(number));
    assert_eq!((again.to_base64(), &again), (histogram.to_base64(), &histogram));
    let mean = numbers.iter().map(|&n| n.min(HIGHEST_NUMBER) as f64).sum::<f64>() / 6.0;
    assert!((bytes.mean().expect("samples") / mean - 1.0).abs() < 1e-12);
}

#[test]
fn a_unit_says_what_a_whole_one_is() {
    let mut histogram = Histogram::default();
    [500_000, 1_500_000].into_iter().for_each(|number| histogram.record_number(number));
    for (unit, mean, stddev) in [
        (Unit::One, 1.0, 0.5),
        (Unit::Percent, 1.0, 0.5),
        (Unit::Ms, 1_000.0, 500.0),
        (Unit::Bytes, 1e6, 5e5),
    ] {
        let numbers = histogram.of_unit(unit);
        assert_eq!((numbers.mean(), numbers.stddev()), (Some(mean), Some(stddev)), "{unit:?}");
    }
}

#[test]
fn durations_round_to_the_nearest_microsecond() {
    let mut histogram = Histogram::default();
    histogram.record(Duration::from_nanos(1_500));
    histogram.record(Duration::from_nanos(1_499));
    histogram.record(Duration::from_nanos(400));
    assert_eq!((micros(histogram.min()), micros(histogram.max())), (0, 2));
}

#[test]
fn no_bucket_overflows_when_more_samples_meet_than_32_bits_count() {
    let mut histogram = of(&[5]);
    for _ in 0..40 {
        let twin = histogram.clone();
        histogram.merge(&twin);
    }
    histogram.record(Duration::from_micros(7));
    assert_eq!(histogram.count(), (1 << 40) + 1);
    assert_eq!(micros(histogram.quantile(999_999)), 5);
    assert_eq!(micros(histogram.quantile(1_000_000)), 7);
    assert_eq!(histogram.clone(), merged(&[&of(&[]), &histogram]));
}

#[test]
fn taking_leaves_an_empty_one_that_records_alike() {
    let values: Vec<u64> = (0..2_000).map(|n| n * 37).collect();
    let mut histogram = of(&values);
    assert_eq!(histogram.take(), of(&values));
    assert_eq!(histogram, Histogram::default());
    values.iter().for_each(|&value| histogram.record(Duration::from_micros(value)));
    assert_eq!(histogram, of(&values));
}

#[test]
fn the_text_is_what_hdr_tools_read() {
    let text = of(&[1, 2, 3, 1_000_000]).to_base64();
    assert!(text.starts_with("HISTFAAA"), "{text}");
}

#[test]
fn a_text_that_is_no_histogram_is_refused() {
    let head = |digits: u8, length: u8| {
        let mut bytes = vec![0x1c, 0x84, 0x93, 0x13, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, digits];
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 16, 0, 0x3f, 0xf0]);
        bytes.extend([0; 6]);
        hdr_text::close(&bytes)
    };
    assert_eq!(Histogram::from_base64(&head(3, 0)), Ok(Histogram::default()));
    for (text, reason) in [
        ("%", "not base64"),
        ("", "not in HDR V2 format"),
        ("HISTFA==", "not compressed"),
        (&head(5, 0), "3 significant digits"),
        (&head(3, 9), "not as long as it says"),
        (&"A".repeat(2 << 20), "too long"),
    ] {
        let fault = Histogram::from_base64(text).expect_err(reason);
        assert!(fault.contains(reason), "{fault}");
    }
}

/// Values over the whole range, and enough of them at times for every form.
fn samples() -> impl Strategy<Value = Vec<u64>> {
    let value = prop_oneof![0..3_000_u64, 0..5_000_000_u64, 0..=HIGHEST];
    prop_oneof![prop::collection::vec(value.clone(), 0..20), prop::collection::vec(value, 200..600),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn quantiles_are_those_of_the_sorted_samples_within_a_thousandth(
        mut values in samples(), ppm in 0..=1_000_000_u32,
    ) {
        prop_assume!(!values.is_empty());
        let histogram = of(&values);
        values.sort_unstable();
        let rank = (values.len() as u128 * u128::from(ppm)).div_ceil(1_000_000).max(1);
        let truth = values[usize::try_from(rank).expect("small") - 1];
        let got = micros(histogram.quantile(ppm));
        prop_assert!(truth <= got && got - truth <= truth / 1000, "{} for {}", got, truth);
    }

    #[test]
    fn merging_is_recording_in_whatever_order(
        a in samples(), b in samples(), c in samples(),
    ) {
        let all = of(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (of(&a), of(&b), of(&c));
        prop_assert_eq!(&merged(&[&a, &b, &c]), &all);
        prop_assert_eq!(&merged(&[&c, &a, &b]), &all);
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &all);
    }

    #[test]
    fn a_text_carries_count_and_quantiles_and_does_not_depend_on_order(values in samples()) {
        let histogram = of(&values);
        let text = histogram.to_base64();
        let read = Histogram::from_base64(&text).expect("our own text");
        prop_assert_eq!(read.count(), histogram.count());
        prop_assert_eq!(read.buckets(), histogram.buckets());
        let reversed: Vec<u64> = values.into_iter().rev().collect();
        prop_assert_eq!(of(&reversed).to_base64(), text);
    }

    #[test]
    fn buckets_are_those_of_the_library(value in 0..=HIGHEST) {
        let hdr: Hdr<u32> = buckets_up_to(2);
        prop_assert_eq!(top_of_bucket(value), hdr.highest_equivalent(value));
    }

    #[test]
    fn no_text_makes_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for cookie in [0x13, 0x14] {
            bytes.splice(0..bytes.len().min(4), [0x1c, 0x84, 0x93, cookie]);
            let _ = Histogram::from_base64(&hdr_text::close(&bytes));
        }
    }
}
