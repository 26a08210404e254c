//! The text of paths.

use forge_charts::shape::{Path, number};
use proptest::prelude::*;

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
fn a_path_is_written_in_absolute_commands() {
    let mut path = Path::new();
    path.move_to(0.0, 10.0);
    path.line_to(5.25, 0.0);
    path.curve_to((6.0, 0.0), (7.0, 1.0), (8.0, 2.0));
    path.close();
    path.move_to(-1.0, -2.0);
    assert_eq!(path.as_str(), "M0,10L5.25,0C6,0,7,1,8,2ZM-1,-2");
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
    let mut path = Path::new();
    path.curve_to((0.0, 0.0), (0.0, 0.0), (3.0, 4.0));
    assert_eq!(path.to_string(), "M3,4");
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
}
