//! The text of paths.

mod support;

use forge_charts::shape::{Path, number};
use proptest::prelude::*;
use support::points;

#[test]
fn coordinates_have_three_decimals_at_most_and_nothing_needless() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (-0.000_1, "0"),
        (12.0, "12"),
        (12.5, "12.5"),
        (1.0 / 3.0, "0.333"),
        (-2.0 / 3.0, "-0.667"),
        (100.0, "100"),
        (1e-7, "0"),
        (f64::NAN, "0"),
        (f64::INFINITY, "1000000000"),
        (f64::NEG_INFINITY, "-1000000000"),
    ] {
        assert_eq!(number(value), text, "{value}");
    }
}

#[test]
fn a_path_is_written_as_distances_with_nothing_needless() {
    let mut path = Path::new();
    path.move_to(0.0, 10.0);
    for (x, y) in [(5.25, 0.0), (6.0, 0.5), (6.0, 3.0), (6.0, 5.5), (9.0, 5.5), (4.5, 5.5), (4.5, 5.5)] {
        path.line_to(x, y);
    }
    path.close();
    path.move_to(-1.0, -2.0);
    assert_eq!(path.as_str(), "M0,10l5.25-10 .75,.5v2.5 2.5h3-4.5 0ZM-1,-2");
}

#[test]
fn a_path_always_begins_with_a_move_and_closes_once() {
    let mut path = Path::new();
    path.close();
    assert!(path.is_empty());
    path.line_to(1.0, 2.0);
    path.close();
    path.close();
    assert_eq!(path.to_string(), "M1,2Z");
    path.line_to(2.0, 2.0);
    assert_eq!(path.to_string(), "M1,2Zh1");
}

#[test]
fn a_path_goes_on_from_where_another_one_ended() {
    let (mut line, mut area) = (Path::new(), Path::new());
    line.line_to(1.0, 2.0);
    line.line_to(4.0, 4.0);
    area.append(&line);
    area.append(&Path::new());
    area.line_to(4.0, 9.0);
    area.close();
    assert_eq!((line.into_text(), area.as_str()), ("M1,2l3,2".to_owned(), "M1,2l3,2v5Z"));
    area.clear();
    assert!(area.is_empty());
    area.line_to(3.0, 3.0);
    assert_eq!(area.as_str(), "M3,3");
}

proptest! {
    #[test]
    fn every_number_parses_back_to_within_half_a_thousandth(value in -1e8..1e8_f64) {
        let text = number(value);
        prop_assert!((text.parse::<f64>().unwrap() - value).abs() <= value.abs().mul_add(1e-15, 0.000_5), "{text}");
        prop_assert!(text.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 3 && !decimals.ends_with('0')));
    }

    #[test]
    fn whatever_comes_in_the_text_is_finite_and_has_no_exponent(value in any::<f64>()) {
        let text = number(value);
        prop_assert!(text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-'), "{text}");
    }

    #[test]
    fn a_path_can_be_read_back_and_roundings_do_not_add_up(wanted in prop::collection::vec((-2e4..2e4_f64, -2e4..2e4_f64), 1..200)) {
        let mut path = Path::new();
        for (x, y) in &wanted {
            path.line_to(*x, *y);
        }
        let found = points(path.as_str());
        prop_assert_eq!(found.len(), wanted.len());
        for (a, b) in found.iter().zip(&wanted) {
            prop_assert!((a.0 - b.0).abs() <= 0.005_01 && (a.1 - b.1).abs() <= 0.005_01, "{a:?} for {b:?}");
        }
    }

    #[test]
    fn whatever_comes_in_the_path_is_text_that_svg_knows(wanted in prop::collection::vec((any::<f64>(), any::<f64>()), 0..40)) {
        let mut path = Path::new();
        for (x, y) in wanted {
            path.line_to(x, y);
        }
        prop_assert!(path.as_str().bytes().all(|b| b.is_ascii_digit() || b"Mlhv-., ".contains(&b)), "{path}");
    }
}
