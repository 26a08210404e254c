//! Fewer points with the same picture.
#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::suboptimal_flops,
    reason = "numbers of tests are small, and what is equal is equal to the bit"
)]

use forge_charts::data::{Frame, Series};
use forge_charts::scale::Linear;
use forge_charts::stack;
use forge_charts::thin::{peaks, runs};
use proptest::prelude::*;

fn any_column(len: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(
        prop_oneof![8 => -1e6..1e6_f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)],
        0..len,
    )
}

fn xs(count: usize) -> Vec<f64> {
    (0..u32::try_from(count).expect("a small count")).map(f64::from).collect()
}

#[test]
fn a_few_points_stay_as_they_are_and_split_at_gaps() {
    let ys = [f64::NAN, 1.0, 2.0, f64::NAN, f64::NAN, 3.0, f64::INFINITY, 4.0, 5.0];
    let x = Linear::new((0.0, 8.0), (0.0, 100.0));
    assert_eq!(runs(&xs(9), &ys, 0..9, &x), [vec![1, 2], vec![5], vec![7, 8]]);
    assert_eq!(runs(&xs(9), &ys, 2..6, &x), [vec![2], vec![5]]);
    assert!(runs(&[], &[], 0..9, &x).is_empty());
}

#[test]
fn a_column_without_a_gap_has_its_two_ends_and_a_run_begins_and_ends_where_it_does() {
    // A wave of four points over ten columns of a hundred, with one peak and one hole.
    let mut ys: Vec<f64> = (0..1000).map(|i| [0.0, 1.0, 0.0, -1.0][i % 4]).collect();
    (ys[0], ys[555], ys[640], ys[999]) = (0.5, 9.0, -9.0, 0.5);
    let x = Linear::new((0.0, 1000.0), (0.0, 10.0));
    let found = runs(&xs(1000), &ys, 0..1000, &x);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][..4], [0, 1, 3, 101]);
    assert_eq!((found[0].len(), found[0].last()), (22, Some(&999)));
    assert!(found[0].contains(&555) && found[0].contains(&640));
}

#[test]
fn a_gap_within_a_column_breaks_the_line_once() {
    let mut ys = vec![1.0; 10_000];
    for at in [5050, 5052, 5054] {
        ys[at] = f64::NAN;
    }
    let x = Linear::new((0.0, 9999.0), (0.0, 100.0));
    let found = runs(&xs(10_000), &ys, 0..10_000, &x);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].last(), found[1].first()), (Some(&5049), Some(&5051)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reduced_runs_are_bounded_rise_and_keep_ends_and_peaks(ys in any_column(4000), pixels in 1_u32..300) {
        let count = ys.len();
        let last = f64::from(u32::try_from(count.max(2) - 1).unwrap());
        let x = Linear::new((0.0, last), (0.0, f64::from(pixels)));
        let found = runs(&xs(count), &ys, 0..count, &x);
        let points: Vec<usize> = found.iter().flatten().copied().collect();
        prop_assert!(points.len() <= 8 * (pixels as usize + 2));
        prop_assert!(points.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(points.iter().all(|at| ys[*at].is_finite()));
        let finite: Vec<usize> = (0..count).filter(|at| ys[*at].is_finite()).collect();
        prop_assert_eq!(points.first(), finite.first());
        prop_assert_eq!(points.last(), finite.last());
        let most = |of: &[usize]| of.iter().map(|at| ys[*at]).fold(f64::NEG_INFINITY, f64::max);
        let least = |of: &[usize]| of.iter().map(|at| ys[*at]).fold(f64::INFINITY, f64::min);
        prop_assert_eq!((most(&points), least(&points)), (most(&finite), least(&finite)));
        // No run goes over a gap that is wider than a pixel.
        for run in &found {
            for pair in run.windows(2) {
                let hidden = pair[0] + 1..pair[1];
                let gap = hidden.clone().filter(|at| !ys[*at].is_finite()).count();
                let per_pixel = last / f64::from(pixels);
                prop_assert!((gap as f64) <= per_pixel + 1.0, "{pair:?}");
            }
        }
    }

    #[test]
    fn the_tallest_of_each_group_is_kept(ys in any_column(2000), pixels in 1_usize..200) {
        let found = peaks(0..ys.len(), pixels, |at| ys[at]);
        prop_assert!(found.len() <= pixels);
        prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
        let most = |of: &mut dyn Iterator<Item = usize>| of.map(|at| ys[at]).fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!(most(&mut found.into_iter()), most(&mut (0..ys.len())));
    }

    #[test]
    fn a_stack_ends_at_the_sum(a in any_column(50), b in any_column(50)) {
        let frame = Frame::buckets(0.0, 1.0, vec![Series::new("a", a), Series::new("b", b)]);
        let layers = stack::stack(&frame, &[0, 1], 0..frame.len());
        for at in 0..frame.len() {
            let values: Vec<f64> = frame.series().iter().filter_map(|s| s.value(at)).collect();
            let up: f64 = values.iter().filter(|v| **v >= 0.0).sum();
            let down: f64 = values.iter().filter(|v| **v < 0.0).sum();
            let ends = layers.iter().map(|l| l.tops[at]).filter(|v| v.is_finite());
            let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
            prop_assert!((high - up).abs() <= up * 1e-12 && (low - down).abs() <= -down * 1e-12);
            let single = stack::at(&frame, &[0, 1], at);
            for (layer, ends) in layers.iter().zip(single) {
                prop_assert_eq!(ends.map(|e| e.1), Some(layer.tops[at]).filter(|v| v.is_finite()));
            }
        }
    }

    #[test]
    fn a_frame_rises_and_keeps_what_belongs_together(
        points in prop::collection::vec((prop_oneof![9 => -100.0..100.0_f64, 1 => Just(f64::NAN)], -10.0..10.0_f64), 0..60)
    ) {
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        let frame = Frame::new(xs, vec![Series::new("a", ys), Series::new("short", [1.0])]);
        prop_assert!(frame.xs().is_sorted() && frame.xs().iter().all(|x| x.is_finite()));
        prop_assert!(frame.series().iter().all(|s| s.values().len() == frame.len()));
        for at in 0..frame.len() {
            let pair = (frame.xs()[at], frame.series()[0].values()[at]);
            prop_assert!(points.contains(&pair));
        }
    }

    #[test]
    fn the_nearest_point_is_the_nearest(values in prop::collection::vec(-100.0..100.0_f64, 1..60), x in -150.0..150.0_f64) {
        let frame = Frame::new(values, vec![]);
        let away = |at: usize| (frame.xs()[at] - x).abs();
        let found = frame.nearest(x).unwrap();
        prop_assert!((0..frame.len()).all(|at| away(found) <= away(at)));
    }

    #[test]
    fn a_frame_that_is_pushed_to_is_the_frame_of_the_newest_points(
        xs in prop::collection::vec(-50_i8..50, 1..40), keep in 1_usize..20
    ) {
        let mut frame = Frame::new([0.0, 1.0], vec![Series::new("a", [7.0, 8.0]), Series::new("b", [f64::NAN, 9.0])]);
        let mut points = vec![(0.0, 7.0), (1.0, 8.0)];
        for (value, x) in xs.into_iter().enumerate() {
            let (x, value) = (f64::from(x), value as f64);
            let newest = points.last().is_none_or(|last| x >= last.0);
            frame.push(x, &[value], keep);
            frame.push(f64::NAN, &[value], keep);
            if points.last().is_some_and(|last| last.0 == x) {
                points.pop();
            }
            points.push((x, value));
            points.drain(..points.len().saturating_sub(keep));
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            prop_assert!(!newest || frame.series()[1].values().last().is_some_and(|v| v.is_nan()));
            let found: Vec<(f64, f64)> =
                frame.xs().iter().copied().zip(frame.series()[0].values().iter().copied()).collect();
            prop_assert_eq!(&found, &points);
            let steps = frame.xs().windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0.0);
            prop_assert_eq!(frame.step(), steps.min_by(f64::total_cmp));
        }
    }

    #[test]
    fn the_closest_neighbours_are_known_while_points_come_and_go(
        distances in prop::collection::vec(0_u8..5, 1..60), keep in 1_usize..12
    ) {
        let mut frame = Frame::new([0.0], vec![Series::new("a", [0.0])]);
        for (at, x) in distances.iter().scan(0.0, |x, distance| { *x += f64::from(*distance); Some(*x) }).enumerate() {
            frame.push(x, &[at as f64], keep);
            prop_assert_eq!(&frame, &Frame::new(frame.xs(), frame.series().to_vec()));
        }
    }
}
