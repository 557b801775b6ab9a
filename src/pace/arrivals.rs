//! The intended starts of one share of an open load, one after the other.
//!
//! **Even** arrivals are numbered over all portions, and each takes its own numbers: the union is
//! the same sequence however many there are. **Poisson** arrivals are drawn by each portion for
//! itself, at its part of the rate: the superposition of Poisson processes is one whose rate is the
//! sum (Kingman, *Poisson Processes*, 1993, section 2.2), and what each variant gets is one as well.
//! A rate that changes is followed by time rescaling: exponential gaps in the area under it, mapped
//! back to time.

use std::time::Duration;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::RateProfile;
use crate::share::turns::Portion;

/// How arrivals are spread within the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pattern {
    /// At equal distances (of area).
    #[default]
    Even,
    /// At random, independent of each other.
    Poisson,
}

/// Offsets of a portion's arrivals from the scenario's start; never falling.
#[derive(Debug, Clone)]
pub struct Arrivals {
    profile: RateProfile,
    portion: Portion,
    /// Of this portion.
    given: u64,
    most: u64,
    gaps: Gaps,
}

#[derive(Debug, Clone)]
enum Gaps {
    Even,
    Poisson { rng: Box<Xoshiro256PlusPlus>, area: f64 },
}

impl Arrivals {
    /// The arrivals of a portion, of at most `most` over all of them. `seed` is for
    /// [`Pattern::Poisson`].
    pub fn new(
        profile: RateProfile,
        portion: Portion,
        pattern: Pattern,
        most: Option<u64>,
        seed: u64,
    ) -> Arrivals {
        let gaps = match pattern {
            Pattern::Even => Gaps::Even,
            Pattern::Poisson => {
                let rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ portion.index().rotate_left(32));
                Gaps::Poisson { rng: Box::new(rng), area: 0.0 }
            }
        };
        let most = most.map_or(u64::MAX, |most| portion.count(most));
        Arrivals { profile, portion, given: 0, most, gaps }
    }

    /// Whether there are no more because there may not be.
    pub fn is_capped(&self) -> bool {
        self.given >= self.most
    }

    fn due(&mut self) -> Option<Duration> {
        match &mut self.gaps {
            Gaps::Even => self.profile.due(self.portion.nth(self.given)),
            Gaps::Poisson { rng, area } => {
                let gap: f64 = Exp1.sample(rng);
                *area += gap * self.portion.of() as f64;
                (*area <= self.profile.whole()).then(|| self.profile.reach(*area))
            }
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.given >= self.most {
            return None;
        }
        let due = self.due()?;
        self.given += 1;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Share;
    use crate::share::turns::Turns;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The arrivals of `of` shares in the order of their times.
    fn union(profile: &RateProfile, of: u64, pattern: Pattern, most: Option<u64>) -> Vec<Duration> {
        let share = |index| Share::new(index, of).expect("index < of");
        let of_share =
            |index| Arrivals::new(profile.clone(), share(index).into(), pattern, most, 7);
        let mut all: Vec<Duration> = (0..of).flat_map(of_share).collect();
        all.sort_unstable();
        all
    }

    /// The arrivals of each of two variants, over three shares.
    fn of_variants(profile: &RateProfile, pattern: Pattern) -> [Vec<Duration>; 2] {
        let turns = Turns::new(2, 11);
        [0, 1].map(|variant| {
            let portion =
                |index| Portion::new(Share::new(index, 3).expect("index < of"), turns, variant);
            let of_share = |index| Arrivals::new(profile.clone(), portion(index), pattern, None, 7);
            let mut all: Vec<Duration> = (0..3).flat_map(of_share).collect();
            all.sort_unstable();
            all
        })
    }

    #[test]
    fn even_arrivals_of_variants_alternate_within_each_block_and_miss_none() {
        let profile = RateProfile::ramp(3.0, &[(s(10), 40.0), (s(5), 0.0)]);
        let [a, b] = of_variants(&profile, Pattern::Even);
        let mut both = [a.clone(), b.clone()].concat();
        both.sort_unstable();
        assert_eq!(both, union(&profile, 1, Pattern::Even, None));
        for second in 0..15 {
            let within = |all: &[Duration]| all.iter().filter(|due| due.as_secs() < second).count();
            assert!(within(&a).abs_diff(within(&b)) <= 1, "balanced at every moment: {second}");
        }
    }

    #[test]
    fn each_variant_gets_poisson_arrivals_of_its_own() {
        let profile = RateProfile::constant(1_000.0, s(60));
        for arrivals in of_variants(&profile, Pattern::Poisson) {
            assert!((29_300..30_700).contains(&arrivals.len()), "{}", arrivals.len());
            let distance = distance(&arrivals, 500.0);
            assert!(distance < 1.63, "{distance}");
        }
    }

    #[test]
    fn even_arrivals_are_the_same_sequence_over_any_number_of_shares() {
        let ramp = RateProfile::ramp(3.0, &[(s(10), 40.0), (s(5), 0.0)]);
        for profile in [ramp, RateProfile::constant(123.4, s(10))] {
            let whole = union(&profile, 1, Pattern::Even, None);
            assert_eq!(whole.len() as u64, profile.total());
            assert_eq!(union(&profile, 2, Pattern::Even, None), whole);
            assert_eq!(union(&profile, 7, Pattern::Even, None), whole);
            assert_eq!(union(&profile, 7, Pattern::Even, Some(30)), whole[..30]);
        }
    }

    /// Largest distance between the distribution of the gaps and that of an exponential with
    /// `rate` [1/s], times √n (Kolmogorov and Smirnov).
    fn distance(arrivals: &[Duration], rate: f64) -> f64 {
        let mut gaps: Vec<f64> =
            arrivals.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let far = gaps.iter().enumerate().map(|(index, gap)| {
            let law = 1.0 - (-rate * gap).exp();
            (law - index as f64 / n).abs().max((law - (index + 1) as f64 / n).abs())
        });
        far.fold(0.0, f64::max) * n.sqrt()
    }

    #[test]
    fn gaps_of_poisson_arrivals_are_exponential_alone_and_in_union() {
        let profile = RateProfile::constant(1_000.0, s(60));
        for of in [1, 2, 7] {
            let arrivals = union(&profile, of, Pattern::Poisson, None);
            assert!((59_000..61_000).contains(&arrivals.len()), "{of}: {}", arrivals.len());
            // 1.63 is passed by one true sample in a hundred.
            let distance = distance(&arrivals, 1_000.0);
            assert!(distance < 1.63, "{of} shares: {distance}");
        }
        // The test can tell: even arrivals are none.
        let even = union(&profile, 1, Pattern::Even, None);
        assert!(distance(&even, 1_000.0) > 10.0);
    }

    #[test]
    fn poisson_arrivals_follow_a_ramp_and_repeat_with_their_seed() {
        let profile = RateProfile::ramp(0.0, &[(s(100), 100.0)]);
        let arrivals = union(&profile, 2, Pattern::Poisson, None);
        let early = arrivals.iter().filter(|due| **due < s(50)).count() as f64;
        assert!((0.22..0.28).contains(&(early / arrivals.len() as f64)), "{early}");
        assert_eq!(union(&profile, 2, Pattern::Poisson, None), arrivals);
    }
}
