//! Pictures of many points, and of data that comes in live: the columns stay, and only what is new is drawn.
#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::suboptimal_flops,
    reason = "numbers of tests are small, and what is equal is equal to the bit"
)]

mod support;

use forge_charts::chart::{Chart, Kind, Showing};
use forge_charts::data::{Frame, Series};
use forge_charts::scene::{Change, Node, Scene, changes};
use forge_charts::thin::{Grid, placed};
use proptest::prelude::*;
use support::{START, noise, points};

const SIZE: (f64, f64) = (640.0, 220.0);
const SECOND: f64 = 1e6;

fn live(series: u32, count: u32) -> Frame {
    let column = |seed| {
        let mut noise = noise(seed);
        // The ends do not come and go with the newest points, nor does the scale.
        let value = move |i: u32| if i % 50 == 25 { 1000.0 } else { 100.0 + 800.0 * noise() };
        (0..count).map(value).collect::<Vec<f64>>()
    };
    Frame::buckets(
        START,
        SECOND,
        (0..series).map(|s| Series::new(format!("series {s}"), column(s))).collect(),
    )
}

fn lines(frame: &Frame) -> Chart {
    Chart::lines("live", frame.clone())
}

fn push(frame: &mut Frame, value: f64) {
    let next = frame.bounds().map_or(START, |b| b.1) + SECOND;
    let values = vec![value; frame.series().len()];
    frame.push(next, &values, frame.len());
}

/// All elements with a path whose parent has this key.
fn pieces(scene: &Scene) -> Vec<&Node> {
    fn below<'a>(node: &'a Node, found: &mut Vec<&'a Node>) {
        for child in &node.children {
            if node.key == "line" && child.tag == "path" {
                found.push(child);
            }
            below(child, found);
        }
    }
    let mut found = Vec::new();
    scene.nodes.iter().for_each(|node| below(node, &mut found));
    found
}

/// The texts of paths that the changes write, and how many other things they do.
fn work(list: &[Change<'_>], written: &mut Vec<String>, others: &mut usize) {
    for change in list {
        match change {
            Change::Within(_, below) => work(below, written, others),
            Change::Set(_, "d", value) => written.push(format!("{value:?}")),
            _ => *others += 1,
        }
    }
}

#[test]
fn a_point_more_changes_the_ends_of_a_line_and_nothing_else() {
    let mut frame = live(5, 10_000);
    let mut before = lines(&frame).scene(SIZE, &Showing::default());
    assert!(pieces(&before).len() >= 5 * 9, "long lines are in pieces");
    let (mut same, mut moved) = (0, 0);
    for n in 0..100 {
        push(&mut frame, 400.0 + f64::from(n));
        let next = lines(&frame).scene_after(&before, SIZE, &Showing::default());
        let (mut written, mut others) = (Vec::new(), 0);
        work(&changes(&before.nodes, &next.nodes), &mut written, &mut others);
        // The oldest points go at one end of each line, new ones come at the other.
        assert!(written.len() <= 5 * 2, "{} paths of {}", written.len(), pieces(&next).len());
        if others == 0 {
            same += 1;
        } else {
            moved += 1;
        }
        before = next;
    }
    // Sixteen points are a column, and the picture moves by whole ones.
    assert!((1..=10).contains(&moved) && same >= 90, "{same} stay, {moved} move");
}

#[test]
fn a_peak_reaches_its_height_at_its_place_whichever_piece_it_is_in() {
    for at in [0_usize, 1, 63, 64, 977, 1024, 5000, 9998, 9999] {
        let mut values = vec![10.0; 10_000];
        values[at] = 1000.0;
        let scene = lines(&Frame::buckets(START, SECOND, vec![Series::new("a", values)]))
            .scene(SIZE, &Showing::default());
        let group = scene.nodes.iter().find(|n| n.key == "plot").expect("a plot").children[0].clone();
        let shift = group.attrs.iter().find(|(name, _)| *name == "transform").map(|(_, v)| format!("{v:?}"));
        let shift = shift.expect("lines of many points are moved");
        let shift: f64 = shift.split(['(', ' ']).find_map(|word| word.parse().ok()).expect("a number");
        let drawn = pieces(&scene).into_iter().flat_map(|piece| {
            let text = piece.attrs.iter().find(|(name, _)| *name == "d").map(|(_, v)| format!("{v:?}"));
            let text = text.expect("a path has a text");
            points(text.split('"').nth(1).expect("a text in quotes"))
        });
        let top = drawn.min_by(|a, b| a.1.total_cmp(&b.1)).expect("a line has points");
        let wanted = scene.pixel(at).expect("the point is there") - scene.plot.x;
        assert!((top.0 + shift - wanted).abs() <= 1.0, "{at}: {} instead of {wanted}", top.0 + shift);
        assert!((top.1 - (scene.y.map(1000.0) - scene.plot.y)).abs() <= 0.06, "{at}: {}", top.1);
    }
}

#[test]
fn where_numbers_cannot_tell_columns_apart_there_is_no_grid() {
    for range in [
        (0.0, 0.0),
        (1.0, 0.0),
        (f64::NAN, 1.0),
        (0.0, f64::INFINITY),
        (f64::MIN, f64::MAX),
        (1e18, 1e18 + 1000.0),
    ] {
        assert_eq!(Grid::new(range, 500.0), None, "{range:?}");
    }
    assert_eq!(Grid::new((0.0, 1.0), 0.5), None);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![12 => -1e3..1e3_f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_picture_after_another_one_is_the_picture(
        kind in prop::sample::select(vec![Kind::Area, Kind::Stacked, Kind::Lines, Kind::Mini]),
        first in prop::collection::vec(any_value(), 200..800),
        more in prop::collection::vec((any_value(), 1_u8..30), 1..12),
        width in 60.0..300.0_f64,
        open in any::<bool>(),
    ) {
        let count = first.len();
        let mut back = first.clone();
        back.reverse();
        let mut frame = Frame::buckets(START, SECOND, vec![Series::new("a", first), Series::new("b", back)]);
        let chart = |frame: &Frame| Chart::new(kind, "any", frame.clone()).open_last(open);
        let mut before = chart(&frame).scene((width, 100.0), &Showing::default());
        for (value, steps) in more {
            let next = frame.bounds().map_or(START, |b| b.1) + f64::from(steps) * SECOND;
            frame.push(next, &[value, -value], count);
            let whole = chart(&frame).scene((width, 100.0), &Showing::default());
            let after = chart(&frame).scene_after(&before, (width, 100.0), &Showing::default());
            prop_assert_eq!(&whole.nodes, &after.nodes);
            prop_assert_eq!(&whole.description, &after.description);
            before = after;
        }
    }

    #[test]
    fn a_grid_ends_with_the_range_and_begins_less_than_a_column_later(
        from in -1e15..1e15_f64, length in 1e6..1e13_f64, pixels in 1.0..2000.0_f64
    ) {
        let to = from + length;
        let Some(grid) = Grid::new((from, to), pixels) else { return Ok(()) };
        let column = length / pixels.floor();
        let (begin, end) = grid.range();
        let little = column * 0.01 + to.abs() * 1e-12;
        prop_assert!((end - begin - length).abs() <= little);
        prop_assert!(end >= to - little && end - to <= column + little, "{end} for {to}");
    }

    #[test]
    fn a_range_that_moves_has_the_same_columns(from in 0.0..1e15_f64, steps in prop::collection::vec(0.0..3.0_f64, 1..20)) {
        let (column, pixels) = (1e6, 500.0);
        // Whole microseconds, as times are, so that the range stays as long as it is.
        let mut from = from.round();
        let grid = |from: f64| Grid::new((from, from + column * pixels), pixels).expect("a grid");
        let mut before = grid(from);
        for step in steps {
            from += (step * column).round();
            let next = grid(from);
            let by = next.first() - before.first();
            prop_assert!(by == by.round() && (by - step).abs() <= 1.01, "{step} columns: {by}");
            before = next;
        }
    }

    #[test]
    fn each_point_is_placed_in_its_column_and_no_end_is_lost(
        ys in prop::collection::vec(any_value(), 0..3000), pixels in 1_u32..200, from in 0.0..0.5_f64
    ) {
        let count = ys.len();
        let xs: Vec<f64> = (0..count).map(|i| i as f64).collect();
        let range = (count as f64 * from, count.max(2) as f64);
        let Some(grid) = Grid::new(range, f64::from(pixels)) else { return Ok(()) };
        let (begin, end) = grid.range();
        let width = (end - begin) / f64::from(pixels);
        let runs = placed(&xs, &ys, 0..count, &grid);
        let found: Vec<(i32, usize)> = runs.into_iter().flatten().collect();
        prop_assert!(found.len() <= 8 * (pixels as usize + 2));
        for (column, at) in &found {
            let exact = (xs[*at] - begin) / width;
            let within = match column {
                -1 => exact < 0.001,
                c if f64::from(*c) >= f64::from(pixels) => exact > f64::from(pixels) - 0.001,
                c => (exact - f64::from(*c) - 0.5).abs() < 0.501,
            };
            prop_assert!(within, "{at} at {exact} in {column}");
        }
        let finite = || (0..count).filter(|at| ys[*at].is_finite());
        prop_assert_eq!(found.first().map(|p| p.1), finite().next());
        prop_assert_eq!(found.last().map(|p| p.1), finite().next_back());
        let most = |of: &mut dyn Iterator<Item = usize>| of.map(|at| ys[at]).fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!(most(&mut found.iter().map(|p| p.1)), most(&mut finite()));
    }
}
