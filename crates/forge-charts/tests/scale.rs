//! Scales and ticks: tables of what people expect, and properties for everything else.

use forge_charts::scale::{Linear, Log, MAX_TICKS, Scale, Symlog, tick_step, ticks};
use proptest::prelude::*;

#[test]
fn both_ends_of_the_domain_map_exactly_to_both_ends_of_the_range() {
    for (domain, range) in
        [((0.1, 0.3), (7.0, 913.0)), ((5.0, -5.0), (100.0, 0.0)), ((-1e300, 1e300), (0.0, 1.0))]
    {
        let scale = Linear::new(domain, range);
        assert_eq!((scale.map(domain.0), scale.map(domain.1)), range);
        assert_eq!((scale.invert(range.0), scale.invert(range.1)), domain);
    }
}

#[test]
fn a_domain_of_one_value_maps_to_the_middle() {
    assert_eq!(Linear::new((3.0, 3.0), (0.0, 100.0)).map(3.0).to_bits(), 50_f64.to_bits());
    assert_eq!(Linear::new((0.0, 8.0), (5.0, 5.0)).invert(5.0).to_bits(), 4_f64.to_bits());
}

#[test]
fn a_bound_that_is_no_number_counts_as_zero_and_a_gap_stays_a_gap() {
    let scale = Linear::new((f64::NAN, 10.0), (0.0, f64::INFINITY));
    assert_eq!((scale.domain(), scale.range()), ((0.0, 10.0), (0.0, 0.0)));
    assert!(Linear::new((0.0, 1.0), (0.0, 1.0)).map(f64::NAN).is_nan());
}

#[test]
fn a_nice_domain_begins_and_ends_at_a_tick() {
    let nice = |from, to, count| Linear::new((from, to), (0.0, 1.0)).nice(count).domain();
    assert_eq!(nice(0.0, 87.0, 5), (0.0, 100.0));
    assert_eq!(nice(0.13, 0.87, 10), (0.1, 0.9));
    assert_eq!(nice(-3.0, 96.0, 5), (-20.0, 100.0));
    assert_eq!(nice(87.0, 0.0, 5), (100.0, 0.0));
    assert_eq!(nice(4.0, 4.0, 5), (4.0, 4.0));
    assert_eq!(nice(0.0, 87.0, 0), (0.0, 87.0));
}

#[track_caller]
fn check(bounds: (f64, f64), count: usize, expected: &[f64]) {
    assert_eq!(ticks(bounds, count), expected, "{bounds:?} {count}");
}

#[test]
fn ticks_are_round_numbers() {
    check((0.0, 1.0), 5, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    check((0.0, 1.0), 10, &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]);
    check((-10.0, 10.0), 4, &[-10.0, -5.0, 0.0, 5.0, 10.0]);
    check((3.0, 11.0), 4, &[4.0, 6.0, 8.0, 10.0]);
    check((0.0, 4e9), 4, &[0.0, 1e9, 2e9, 3e9, 4e9]);
    check((1e-9, 4e-9), 3, &[1e-9, 2e-9, 3e-9, 4e-9]);
}

#[test]
fn degenerate_bounds_have_a_defined_answer() {
    check((7.0, 7.0), 5, &[7.0]);
    for bounds in [(1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        check(bounds, 5, &[]);
    }
    check((0.0, 1.0), 0, &[]);
    // Two neighbouring numbers have nothing between them.
    assert_eq!(tick_step((1e300, 1e300_f64.next_up()), 10), None);
}

#[test]
fn a_few_powers_of_ten_have_ticks_between_them() {
    for ((low, high), count, ticks) in [
        ((2.0, 50.0), 4, vec![2.0, 5.0, 10.0, 20.0, 50.0]),
        ((1.0, 100.0), 4, vec![1.0, 3.0, 10.0, 30.0, 100.0]),
        ((1.0, 100.0), 6, vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
        ((1.0, 1_000.0), 4, vec![1.0, 10.0, 100.0, 1_000.0]),
        ((1.0, 1_000.0), 6, vec![1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0]),
        ((1.0, 1e8), 4, vec![1.0, 100.0, 1e4, 1e6, 1e8]),
    ] {
        let found = Log::new((low, high), (200.0, 0.0)).ticks(count);
        assert_eq!(found.len(), ticks.len(), "{found:?}, and not {ticks:?}");
        assert!(found.iter().zip(&ticks).all(|(f, t)| (f / t - 1.0).abs() < 1e-9), "{found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ticks_rise_stay_inside_and_are_not_many(a in any::<f64>(), b in any::<f64>(), count in 0_usize..500) {
        let bounds = (a.min(b), a.max(b));
        let found = ticks(bounds, count);
        prop_assert!(found.len() <= MAX_TICKS);
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
        // A tick that is a bound but for the last digit is welcome.
        let slack = (bounds.1 - bounds.0).abs() * 1e-9;
        prop_assert!(found.iter().all(|t| *t >= bounds.0 - slack && *t <= bounds.1 + slack), "{found:?}");
    }

    #[test]
    fn about_as_many_ticks_come_as_were_asked_for(
        low in -1e6..1e6_f64, span in 1e-3..1e6_f64, count in 2_usize..40
    ) {
        let found = ticks((low, low + span), count).len();
        prop_assert!(found <= 2 * count + 1 && 3 * (found + 1) >= count, "{found} for {count}");
    }

    #[test]
    fn a_step_is_1_2_or_5_times_a_power_of_ten(low in -1e6..1e6_f64, span in 1e-3..1e6_f64, count in 1_usize..40) {
        let step = tick_step((low, low + span), count).unwrap();
        let digits = format!("{step:.0e}");
        prop_assert!(["1", "2", "5"].iter().any(|d| digits.starts_with(d)), "{step}");
        prop_assert!((digits.parse::<f64>().unwrap() - step).abs() < step * 1e-9);
    }

    #[test]
    fn invert_undoes_map(from in -1e6..1e6_f64, span in 1e-3..1e6_f64, share in 0.0..1.0_f64) {
        let scale = Linear::new((from, from + span), (0.0, 800.0));
        let value = span.mul_add(share, from);
        prop_assert!((scale.invert(scale.map(value)) - value).abs() <= span.mul_add(1e-9, from.abs() * 1e-12));
    }

    #[test]
    fn a_scale_is_monotone(a in -1e9..1e9_f64, b in -1e9..1e9_f64, x in -1e9..1e9_f64, y in -1e9..1e9_f64) {
        prop_assume!(a < b && x < y);
        let scale = Linear::new((a, b), (0.0, 100.0));
        prop_assert!(scale.map(x) <= scale.map(y) + 1e-9);
    }

    #[test]
    fn a_nice_domain_holds_the_old_one(a in -1e6..1e6_f64, b in -1e6..1e6_f64, count in 0_usize..40) {
        let (low, high) = (a.min(b), a.max(b));
        let nice = Linear::new((low, high), (0.0, 1.0)).nice(count).domain();
        let slack = (high - low) * 1e-9;
        prop_assert!(nice.0 <= low + slack && nice.1 >= high - slack, "{nice:?}");
    }

    #[test]
    fn a_logarithm_is_undone_rises_and_its_ticks_lie_inside(
        low in -9.0..9.0_f64, decades in 0.1..12.0_f64, share in 0.0..1.0_f64, count in 1_usize..20
    ) {
        let (from, to) = (10_f64.powf(low), 10_f64.powf(low + decades));
        let scale = Log::new((from, to), (200.0, 0.0));
        let value = 10_f64.powf(decades.mul_add(share, low));
        let pixel = scale.map(value);
        prop_assert!((-1e-6..=200.0 + 1e-6).contains(&pixel));
        prop_assert!((scale.invert(pixel) / value - 1.0).abs() < 1e-9);
        prop_assert!(scale.map(value * 1.5) < pixel);
        // What is not positive lies where the smallest value does.
        for value in [0.0, -0.0, -value, f64::NEG_INFINITY] {
            prop_assert!((scale.map(value) - 200.0).abs() < 1e-9);
        }
        let ticks = scale.ticks(count);
        prop_assert!(ticks.len() <= MAX_TICKS && ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
        prop_assert!(ticks.iter().all(|t| *t >= from * (1.0 - 1e-9) && *t <= to * (1.0 + 1e-9)), "{ticks:?}");
        let nice = scale.nice().domain();
        prop_assert!(nice.0 <= from * (1.0 + 1e-9) && nice.1 >= to * (1.0 - 1e-9), "{nice:?}");
    }

    #[test]
    fn a_bent_scale_is_undone_rises_and_is_the_same_on_both_sides(
        constant in 1e-6..1e6_f64, a in -1e9..1e9_f64, b in -1e9..1e9_f64, share in 0.0..1.0_f64, count in 1_usize..20
    ) {
        prop_assume!(b - a > 1.0);
        let scale = Symlog::new((a, b), (200.0, 0.0), constant);
        let value = (b - a).mul_add(share, a);
        prop_assert!((scale.invert(scale.map(value)) - value).abs() <= 1e-6 * value.abs().max(constant));
        prop_assert!(scale.map(value) >= scale.map((b - a).mul_add(0.01, value)));
        let both = Symlog::new((-b.abs(), b.abs()), (-100.0, 100.0), constant);
        prop_assert!((both.map(value) + both.map(-value)).abs() < 1e-9);
        let ticks = scale.ticks(count);
        prop_assert!(ticks.len() <= MAX_TICKS && ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
        prop_assert!(ticks.iter().all(|t| *t >= a && *t <= b), "{ticks:?}");
        prop_assert!(ticks.contains(&0.0) == (a <= 0.0 && b >= 0.0));
    }

    #[test]
    fn every_scale_gives_a_pixel_for_every_number_and_stands_within_its_range(
        a in any::<f64>(), b in any::<f64>(), constant in any::<f64>(), value in any::<f64>()
    ) {
        let range = (200.0, 0.0);
        for scale in [
            Scale::Linear(Linear::new((a, b), range)),
            Scale::Log(Log::new((a, b), range)),
            Scale::Symlog(Symlog::new((a, b), range, constant)),
        ] {
            prop_assert!(scale.map(value).is_nan() == value.is_nan(), "{scale:?} {value}");
            let base = scale.base();
            prop_assert!((-1e-6..=200.0 + 1e-6).contains(&base), "{scale:?} {base}");
            prop_assert!(scale.domain().0.is_finite() && scale.domain().1.is_finite());
        }
    }
}
