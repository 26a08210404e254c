//! What is zoomed and moved: by two fingers, on a host that knows more than it shows, and what is said of it.

mod support;

use forge_charts::chart::Chart;
use forge_charts::interact::{Effect, Event, Key};
use forge_charts::time::{DAY, MINUTE};
use support::bench::{Bench, finger, mouse};
use support::{START, counts};

/// What was said aloud last.
fn said(bench: &Bench) -> Option<&str> {
    bench.effects.iter().find_map(|effect| match effect {
        Effect::Announce(words) => Some(words.as_str()),
        _ => None,
    })
}

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

#[test]
fn a_range_that_keys_change_is_said_aloud() {
    let mut bench = Bench::area();
    bench.key(Key::Home).key(Key::Plus);
    assert_eq!(said(&bench), Some("Shows 29 Nov 2026, 13:30 to 13:59:30"));
    bench.does(&Event::Key(Key::Right, true));
    assert_eq!(said(&bench), Some("Shows 29 Nov 2026, 13:37:23 to 14:06:53"));
    bench.key(Key::Backspace);
    assert_eq!(said(&bench), Some("Shows all"));
    for key in [Key::Zero, Key::Escape, Key::Minus] {
        bench.key(Key::Plus).key(key);
        assert_eq!(said(&bench), Some("Shows all"), "{key:?}");
    }
    bench.key(Key::Plus).does(&Event::Reset);
    assert_eq!(said(&bench), Some("Shows all"));
    bench.key(Key::Home).key(Key::Enter);
    assert!(said(&bench).unwrap().starts_with("Crosshair kept: 29 Nov 2026, 13:30: "));
    bench.key(Key::Enter);
    assert_eq!(said(&bench), Some("Crosshair free"));
}

#[test]
fn what_goes_in_many_steps_says_nothing_at_each() {
    let mut bench = Bench::area();
    bench.does(&Event::WheelZoom(300.0, -100.0));
    assert!(bench.state.is_zoomed() && said(&bench).is_none());
    bench.does(&Event::Down(mouse(300.0, true))).does(&Event::Move(mouse(280.0, true)));
    assert_eq!(said(&bench), None);
}

/// The host shows a quarter of an hour and has the day around it.
fn part_of_a_day() -> (Bench, (f64, f64)) {
    let day = (START - DAY / 2.0, START + DAY / 2.0);
    let mut bench = Bench::new(Chart::area("Jobs", counts()).range(day.0, day.1));
    let shown = (START, MINUTE.mul_add(15.0, START));
    bench.does(&Event::SetRange(Some(shown)));
    (bench, shown)
}

#[test]
fn a_host_that_has_more_than_it_shows_is_asked_for_it() {
    let asked = |key: Key, shift: bool| {
        let (mut bench, _) = part_of_a_day();
        bench.does(&Event::Key(key, shift));
        bench.effects.iter().find_map(|effect| match effect {
            Effect::Range(range) => Some(range.map(|(a, b)| ((a - START) / MINUTE, (b - START) / MINUTE))),
            _ => None,
        })
    };
    assert_eq!(asked(Key::Minus, false), Some(Some((-7.5, 22.5))));
    assert_eq!(asked(Key::Left, true), Some(Some((-3.75, 11.25))));
    assert_eq!(asked(Key::Right, true), Some(Some((3.75, 18.75))));
    for key in [Key::Zero, Key::Escape, Key::Backspace] {
        assert_eq!(asked(key, false), Some(None), "{key:?}");
    }
}

#[test]
fn nobody_gets_beyond_what_the_host_has() {
    let (mut bench, (from, to)) = part_of_a_day();
    let full = bench.scene().full;
    for _ in 0..500 {
        bench.does(&Event::Key(Key::Right, true));
    }
    let (a, b) = bench.scene().range();
    assert!((b - full.1).abs() < 1.0 && (b - a - (to - from)).abs() < 1.0, "{a} to {b}");
}
