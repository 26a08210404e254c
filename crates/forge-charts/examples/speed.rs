//! How long the pure part of a chart takes: `cargo run --release --no-default-features --example speed`.
//!
//! The page's share, setting the attributes that changed, comes on top.

use forge_charts::chart::{Chart, Showing};
use forge_charts::data::{Frame, Series};
use forge_charts::interact::{Event, Pointer, State, overlay, reduce};
use forge_charts::scene::changes;
use std::time::{Duration, Instant};

const ROUNDS: usize = 101;
const SIZE: (f64, f64) = (800.0, 240.0);

fn values(seed: u32, count: u32) -> Vec<f64> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 16)
    };
    (0..count).map(next).collect()
}

fn frame(series: u32, count: u32, seed: u32) -> Frame {
    let column = |i| Series::new(format!("series {i}"), values(seed + i, count));
    Frame::buckets(1_795_959_000e6, 1e6, (0..series).map(column).collect())
}

/// Median and 95th percentile.
fn measure(name: &str, mut body: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            body();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("{name:50} median {:>9.3?}  p95 {:>9.3?}", times[ROUNDS / 2], times[ROUNDS * 95 / 100]);
}

fn main() {
    let showing = Showing::default();
    let draw = |chart: &Chart| chart.scene(SIZE, &showing);
    let (first, second) = (frame(5, 10_000, 1), frame(5, 10_000, 100));
    let lines = Chart::lines("lines", first.clone());
    let before = draw(&lines);
    measure("5 x 10,000 points: picture", || drop(draw(&lines)));
    measure("5 x 10,000 points: frame, picture, changes", || {
        let frame = Frame::new(second.xs().to_vec(), second.series().to_vec());
        let next = draw(&Chart::lines("lines", frame));
        assert!(!changes(&before.nodes, &next.nodes).is_empty());
    });
    let (mut live, mut shown) = (first.clone(), before.clone());
    let mut next = first.bounds().map_or(0.0, |b| b.1);
    measure("5 x 10,000 points: a point more, picture, changes", || {
        next += 1e6;
        live.push(next, &[100.0; 5], live.len());
        let picture = Chart::lines("lines", live.clone()).scene_after(&shown, SIZE, &showing);
        assert!(!changes(&shown.nodes, &picture.nodes).is_empty());
        shown = picture;
    });
    let stacked = Chart::stacked("stacked", first);
    measure("5 x 10,000 points, stacked: picture", || drop(draw(&stacked)));
    let million = frame(1, 1_000_000, 1);
    measure("1 x 1,000,000 points: frame", || {
        let xs = std::sync::Arc::<[f64]>::from(million.xs());
        drop(Frame::new(xs, million.series().to_vec()));
    });
    let huge = Chart::area("huge", million);
    measure("1 x 1,000,000 points: picture", || drop(draw(&huge)));
    println!("elements for 1,000,000 points: {}", draw(&huge).count());
    let mut state = State::default();
    let mut x = 100.0;
    measure("pointer move, 6 charts of 5 x 10,000", || {
        x = if x > 700.0 { 100.0 } else { x + 7.0 };
        let pointer = Pointer { id: 1, x, y: 100.0, touch: false, shift: false };
        for _ in 0..6 {
            state = reduce(&state, &Event::Move(pointer), &before).0;
            assert!(!overlay(&state, &before).is_empty());
        }
    });
}
