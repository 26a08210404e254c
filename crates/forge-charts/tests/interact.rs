//! What pointers, fingers, keys and other charts do, without a browser.

mod support;

use forge_charts::chart::Chart;
use forge_charts::data::{Frame, Series};
use forge_charts::interact::{By, Effect, Event, Gesture, Key, Pointer, State, Tip, overlay};
use forge_charts::time::MINUTE;
use proptest::prelude::*;
use support::bench::{Bench, finger, mouse};
use support::{START, counts, one};

#[test]
fn the_crosshair_snaps_to_the_nearest_point_and_tells_the_group() {
    let mut bench = Bench::area();
    let x = bench.at(20.4);
    bench.does(&Event::Move(mouse(x, false)));
    assert_eq!(bench.position(), Some(20));
    assert_eq!(bench.effects, [Effect::Cursor(Some(MINUTE.mul_add(20.0, START)))]);
    // Where it stays at the point nobody is told anything.
    bench.does(&Event::Move(mouse(x + 0.5, false)));
    assert_eq!(bench.effects, []);
    bench.does(&Event::Leave);
    assert_eq!((bench.position(), bench.effects.as_slice()), (None, [Effect::Cursor(None)].as_slice()));
}

#[test]
fn the_crosshair_leaves_gaps_out() {
    let mut bench =
        Bench::new(Chart::area("Jobs", one("jobs", vec![1.0, f64::NAN, f64::NAN, 4.0, f64::NAN])));
    let x = bench.at(1.2);
    bench.does(&Event::Move(mouse(x, false)));
    assert_eq!(bench.position(), Some(0));
    bench.key(Key::Right);
    assert_eq!(bench.position(), Some(3));
    bench.key(Key::Right);
    assert_eq!(bench.position(), Some(3));
    bench.key(Key::Left);
    assert_eq!(bench.position(), Some(0));
}

#[test]
fn dragging_shows_the_range_and_going_back_the_one_before() {
    let mut bench = Bench::area();
    let (from, to) = (bench.at(10.0), bench.at(30.0));
    bench.drag(to, from, false);
    assert_eq!(bench.range(), Some((10.0, 30.0)));
    assert!(matches!(bench.effects[..], [Effect::Range(Some(_))]));
    let (from, to) = (bench.at(12.0), bench.at(20.0));
    bench.drag(from, to, false);
    assert_eq!(bench.range(), Some((12.0, 20.0)));
    bench.key(Key::Backspace);
    assert_eq!(bench.range(), Some((10.0, 30.0)));
    bench.key(Key::Backspace);
    assert_eq!(bench.range(), None);
}

#[test]
fn a_drag_can_be_given_up_and_a_small_one_is_a_click() {
    let mut bench = Bench::area();
    let x = bench.at(20.0);
    bench.does(&Event::Down(mouse(x, false))).does(&Event::Move(mouse(x + 80.0, false)));
    assert!(matches!(bench.state.gesture, Some(Gesture::Select(..))));
    assert!(overlay(&bench.state, &bench.scene()).iter().any(|n| n.key == "selection"));
    bench.key(Key::Escape).does(&Event::Up(mouse(x + 80.0, false)));
    assert_eq!((bench.range(), bench.state.pinned), (None, false));
    bench.does(&Event::Down(mouse(x, false))).does(&Event::Move(mouse(x + 2.0, false)));
    bench.does(&Event::Up(mouse(x + 2.0, false)));
    assert_eq!((bench.range(), bench.state.pinned, bench.position()), (None, true, Some(20)));
}

#[test]
fn a_pinned_crosshair_stays_until_it_is_clicked_again_or_escape() {
    let mut bench = Bench::area();
    let x = bench.at(20.0);
    bench.does(&Event::Down(mouse(x, false))).does(&Event::Up(mouse(x, false)));
    bench
        .does(&Event::Move(mouse(x + 100.0, false)))
        .does(&Event::Leave)
        .does(&Event::GroupCursor(Some(START)));
    assert_eq!((bench.position(), bench.state.pinned), (Some(20), true));
    bench.key(Key::Escape);
    assert!(!bench.state.pinned);
    bench.does(&Event::Move(mouse(x + 100.0, false)));
    assert_ne!(bench.position(), Some(20));
}

#[test]
fn escape_gives_up_one_thing_at_a_time_and_then_is_left_to_the_page() {
    let mut bench = Bench::area();
    bench.key(Key::Home).key(Key::Plus).key(Key::Enter);
    assert!(bench.state.pinned && bench.state.is_zoomed());
    bench.key(Key::Escape);
    assert!(!bench.state.pinned && bench.state.is_zoomed());
    bench.key(Key::Escape);
    assert!(!bench.state.is_zoomed() && bench.state.cursor.is_some());
    bench.key(Key::Escape);
    assert_eq!((bench.position(), bench.effects.contains(&Effect::Handled)), (None, true));
    bench.key(Key::Escape);
    assert_eq!(bench.effects, []);
}

#[test]
fn every_key_does_what_it_says() {
    let mut bench = Bench::area();
    bench.key(Key::End);
    assert_eq!(bench.position(), Some(59));
    bench.key(Key::Left).key(Key::PageUp);
    assert_eq!(bench.position(), Some(52));
    bench.key(Key::PageDown).key(Key::Home).key(Key::Right);
    assert_eq!(bench.position(), Some(1));
    let words = "29 Nov 2026, 13:31: completed ";
    let said = |e: &Effect| matches!(e, Effect::Announce(text) if text.starts_with(words));
    assert!(bench.effects.iter().any(said), "{:?}", bench.effects);
    bench.key(Key::Home).key(Key::Plus);
    assert_eq!(bench.range(), Some((0.0, 29.5)));
    bench.does(&Event::Key(Key::Right, true));
    assert_eq!(bench.range(), Some((7.38, 36.88)));
    bench.key(Key::Minus);
    assert_eq!(bench.range(), None);
    bench.key(Key::Plus).key(Key::Zero);
    assert_eq!(bench.range(), None);
}

#[test]
fn wheel_and_shift_move_within_what_there_is() {
    let mut bench = Bench::area();
    bench.does(&Event::WheelPan(50.0));
    assert_eq!((bench.range(), bench.effects.as_slice()), (None, [].as_slice()));
    let x = bench.at(40.0);
    bench.does(&Event::WheelZoom(x, -250.0));
    let (from, to) = bench.range().unwrap();
    assert!((bench.at(40.0) - x).abs() < 0.01, "the point under the pointer stays there");
    assert!((to - from - 59.0 / std::f64::consts::E).abs() < 0.02);
    bench.does(&Event::WheelPan(1e9));
    assert_eq!(bench.range().unwrap().1.to_bits(), 59_f64.to_bits());
    let x = bench.at(50.0);
    bench.drag(x, x + 30.0, true);
    assert!(bench.range().unwrap().1 < 59.0);
    assert!((bench.at(50.0) - x - 30.0).abs() < 0.1, "the point that was held is under the pointer");
    bench.does(&Event::Double);
    assert_eq!(bench.range(), None);
}

#[test]
fn one_finger_moves_the_crosshair_and_two_zoom() {
    let mut bench = Bench::area();
    let (a, b) = (bench.at(20.0), bench.at(30.0));
    bench.does(&Event::Down(finger(1, a)));
    assert_eq!(bench.position(), Some(20));
    bench.does(&Event::Move(finger(1, bench.at(25.0))));
    assert_eq!((bench.position(), bench.range()), (Some(25), None));
    bench.does(&Event::Move(finger(1, a))).does(&Event::Down(finger(2, b)));
    // Apart by as much again, to both sides.
    let (left, right) = (a - (b - a) / 2.0, b + (b - a) / 2.0);
    bench.does(&Event::Move(finger(1, left))).does(&Event::Move(finger(2, right)));
    let (from, to) = bench.range().unwrap();
    assert!((to - from - 29.5).abs() < 0.1, "{from} to {to}");
    bench.does(&Event::Up(finger(1, left))).does(&Event::Up(finger(2, right)));
    assert!(!bench.state.pinned && bench.state.gesture.is_none());
    // A tap keeps the crosshair.
    bench.does(&Event::Down(finger(3, a))).does(&Event::Up(finger(3, a)));
    assert!(bench.state.pinned);
}

#[test]
fn a_pointer_that_the_page_takes_away_leaves_nothing_behind() {
    let mut bench = Bench::area();
    let x = bench.at(20.0);
    bench.does(&Event::Down(finger(1, x))).does(&Event::Lost(finger(1, x)));
    assert_eq!(bench.state, State::default());
}

#[test]
fn the_legend_hides_shows_and_isolates() {
    let mut bench = Bench::area();
    bench.does(&Event::Toggle("failed".into()));
    assert_eq!(bench.scene().shown, [0, 1]);
    bench.does(&Event::Toggle("failed".into())).does(&Event::Toggle("of another chart".into()));
    assert_eq!(bench.scene().shown, [0, 1, 2]);
    bench.does(&Event::Isolate("retried".into()));
    assert_eq!(bench.scene().shown, [1]);
    bench.does(&Event::Isolate("retried".into()));
    assert_eq!(bench.scene().shown, [0, 1, 2]);
}

#[test]
fn the_group_moves_the_crosshair_and_hears_no_echo() {
    let mut bench = Bench::area();
    bench.does(&Event::GroupCursor(Some(MINUTE.mul_add(30.2, START))));
    assert_eq!((bench.position(), bench.state.cursor.unwrap().by), (Some(30), By::Group));
    assert_eq!(bench.effects, []);
    // A time that this chart does not show is none.
    bench.does(&Event::GroupCursor(Some(MINUTE.mul_add(90.0, START))));
    assert_eq!(bench.position(), None);
    bench.does(&Event::SetRange(Some((START, MINUTE.mul_add(10.0, START)))));
    assert_eq!((bench.range(), bench.effects.as_slice()), (Some((0.0, 10.0)), [].as_slice()));
}

#[test]
fn the_crosshair_stays_at_its_time_when_data_moves_on() {
    let mut bench = Bench::area();
    bench.key(Key::End).key(Key::Left);
    let x = bench.state.cursor.unwrap().x;
    let old = counts();
    let xs: Vec<f64> = old.xs()[10..].iter().copied().chain([MINUTE.mul_add(60.0, START)]).collect();
    bench.chart = Chart::area("Jobs", Frame::new(xs, vec![Series::new("completed", vec![1.0; 51])]));
    bench.does(&Event::Updated);
    assert_eq!(bench.position(), Some(48));
    assert_eq!(bench.state.cursor.unwrap().x.to_bits(), x.to_bits());
    bench.chart = Chart::area("Jobs", Frame::empty());
    bench.does(&Event::Updated);
    assert_eq!(bench.position(), None);
}

#[test]
fn the_tooltip_has_every_series_sorted_and_a_total_where_it_adds_up() {
    let mut bench = Bench::new(Chart::stacked("Jobs", counts()).open_last(true));
    bench.key(Key::End);
    let tip = Tip::new(&bench.state, &bench.scene()).unwrap();
    assert_eq!(
        tip.rows.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(),
        ["completed", "retried", "failed"]
    );
    let sum: f64 = tip.rows.iter().map(|r| r.value.parse::<f64>().unwrap()).sum();
    assert_eq!(tip.total.as_deref(), Some(sum.to_string().as_str()));
    assert!(tip.open && tip.words().contains("still filling"));
    let lines = Bench { chart: Chart::lines("Jobs", counts()), ..bench };
    assert_eq!(Tip::new(&lines.state, &lines.scene()).unwrap().total, None);
}

#[test]
fn the_tooltip_stays_inside_and_beside_the_crosshair() {
    for width in [200.0, 320.0, 640.0, 1280.0] {
        let mut bench = Bench { size: (width, 220.0), ..Bench::area() };
        for position in 0..60 {
            bench.key(if position == 0 { Key::Home } else { Key::Right });
            let scene = bench.scene();
            let tip = Tip::new(&bench.state, &scene).unwrap();
            let pixel = scene.pixel(position).unwrap();
            assert!(tip.at.0 >= 0.0 && tip.at.0 <= width);
            if width >= 640.0 {
                assert!(if tip.left { tip.at.0 < pixel } else { tip.at.0 > pixel }, "{width} {position}");
            }
        }
    }
}

#[test]
fn without_a_point_nothing_happens() {
    let mut bench = Bench::new(Chart::area("Jobs", Frame::empty()));
    for key in [Key::Left, Key::End, Key::Enter, Key::Plus, Key::Minus, Key::Backspace, Key::Zero] {
        bench.key(key);
    }
    bench.drag(100.0, 300.0, false).does(&Event::WheelZoom(200.0, -100.0));
    assert_eq!(bench.position(), None);
    assert!(overlay(&State::default(), &bench.scene()).is_empty());
}

fn any_event() -> impl Strategy<Value = Event> {
    let number = prop_oneof![6 => -50.0..700.0_f64, 1 => any::<f64>()];
    let pointer = (0..3_i32, number, any::<bool>(), any::<bool>())
        .prop_map(|(id, x, touch, shift)| Pointer { id, x, y: 100.0, touch, shift });
    let keys = [
        Key::Left,
        Key::Right,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
        Key::Plus,
        Key::Minus,
        Key::Zero,
        Key::Backspace,
        Key::Enter,
        Key::Escape,
    ];
    prop_oneof![
        pointer.clone().prop_map(Event::Move),
        pointer.clone().prop_map(Event::Down),
        pointer.clone().prop_map(Event::Up),
        pointer.prop_map(Event::Lost),
        (prop::sample::select(keys.to_vec()), any::<bool>()).prop_map(|(key, shift)| Event::Key(key, shift)),
        (any::<f64>(), -500.0..500.0_f64).prop_map(|(x, by)| Event::WheelZoom(x, by)),
        any::<f64>().prop_map(Event::WheelPan),
        Just(Event::Leave),
        Just(Event::Blur),
        Just(Event::Double),
        Just(Event::Updated),
        prop::sample::select(vec!["completed", "failed", "none"]).prop_map(|n| Event::Toggle(n.into())),
        prop::sample::select(vec!["completed", "failed", "none"]).prop_map(|n| Event::Isolate(n.into())),
        prop::option::of(any::<f64>()).prop_map(Event::GroupCursor),
        prop::option::of((any::<f64>(), any::<f64>())).prop_map(Event::SetRange),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_state_stays_within_the_data(events in prop::collection::vec(any_event(), 0..60), bars in any::<bool>()) {
        let chart = if bars { Chart::stacked_bars("Jobs", counts()) } else { Chart::area("Jobs", counts()) };
        let mut bench = Bench::new(chart);
        for event in events {
            let outside = matches!(event, Event::SetRange(Some(_)));
            bench.does(&event);
            let scene = bench.scene();
            if let Some((from, to)) = bench.state.showing.range {
                prop_assert!(from < to && from.is_finite() && to.is_finite());
                if outside {
                    // A host may show a range of its own; the user comes back to the data from there.
                    bench.does(&Event::Reset);
                    continue;
                }
                prop_assert!(from >= scene.full.0 - 1.0 && to <= scene.full.1 + 1.0, "{from} {to}");
            }
            prop_assert!(bench.position().is_none_or(|p| p < scene.frame.len()));
            for node in overlay(&bench.state, &scene) {
                let text = format!("{node:?}");
                prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
            if let Some(tip) = Tip::new(&bench.state, &scene) {
                prop_assert!(tip.at.0.is_finite() && tip.at.1.is_finite());
            }
        }
    }
}
