//! What fingers do when there are two of them, or when they come back.

mod support;

use forge_charts::interact::{Event, Key};
use support::bench::{Bench, finger};

#[test]
fn a_second_finger_takes_hold_where_the_first_one_is_by_now() {
    let mut bench = Bench::area();
    // The range is another one than all, so that there is somewhere to jump to.
    bench.key(Key::Plus);
    let before = bench.scene().range();
    bench.does(&Event::Down(finger(1, 300.0))).does(&Event::Move(finger(1, 100.0)));
    bench.does(&Event::Down(finger(2, 400.0))).does(&Event::Move(finger(1, 99.0)));
    let (now, length) = (bench.scene().range(), before.1 - before.0);
    let moved = (now.0 - before.0).abs().max((now.1 - before.1).abs()) / length;
    assert!(moved < 0.02, "the range jumped by {moved}");
}

#[test]
fn a_finger_that_went_far_and_came_back_is_no_tap() {
    let mut bench = Bench::area();
    let x = bench.at(20.0);
    bench.does(&Event::Down(finger(1, x))).does(&Event::Move(finger(1, x + 40.0)));
    bench.does(&Event::Move(finger(1, x))).does(&Event::Up(finger(1, x)));
    assert!(!bench.state.pinned);
}
