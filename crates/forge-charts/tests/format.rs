//! Numbers in words: tables of what people expect, and properties for everything else.
#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::suboptimal_flops,
    reason = "numbers of tests are small, and what is equal is equal to the bit"
)]

use forge_charts::format::Format::{self, Bytes, Number, Percent, Seconds};
use forge_charts::text;
use proptest::prelude::*;

#[test]
fn values_are_exact_and_short() {
    for (format, value, text) in [
        (Number, 0.0, "0"),
        (Number, -0.0, "0"),
        (Number, 1234.0, "1234"),
        (Number, -1_234_567.0, "−1\u{2009}234\u{2009}567"),
        (Number, 1e15, "1\u{2009}000\u{2009}000\u{2009}000\u{2009}000\u{2009}000"),
        (Number, 0.125, "0.125"),
        (Number, 1234.567, "1235"),
        (Number, 12.345_6, "12.35"),
        (Number, 1e-6, "1e−6"),
        (Number, 1.5e300, "1.5e300"),
        (Number, f64::NAN, "no data"),
        (Bytes, 0.0, "0 B"),
        (Bytes, 1023.0, "1023 B"),
        (Bytes, 1024.0, "1 KiB"),
        (Bytes, 1_610_612_736.0, "1.5 GiB"),
        (Seconds, 0.0, "0 s"),
        (Seconds, 1e-6, "1 µs"),
        (Seconds, 0.000_25, "250 µs"),
        (Seconds, 0.012_345, "12.35 ms"),
        (Seconds, 1.5, "1.5 s"),
        (Seconds, 75.0, "1 min 15 s"),
        (Seconds, 7500.0, "2 h 5 min"),
        (Seconds, 90_000.0, "1 d 1 h"),
        (Seconds, -90.0, "−1 min 30 s"),
        (Percent, 0.5, "50 %"),
        (Percent, 0.999_5, "99.95 %"),
        (Percent, f64::MAX, "1.798e308 %"),
    ] {
        assert_eq!(format.value(value), text, "{format:?} {value}");
    }
}

#[track_caller]
fn check(format: Format, bounds: (f64, f64), count: usize, expected: &[&str]) {
    let ticks = format.ticks(bounds, count);
    let step = ticks[1] - ticks[0];
    let words: Vec<_> = ticks.into_iter().map(|t| format.tick(t, step)).collect();
    assert_eq!(words, expected);
}

#[test]
fn axes_read_as_people_count() {
    check(Number, (0.0, 2000.0), 4, &["0", "500", "1.0k", "1.5k", "2.0k"]);
    check(Number, (0.0, 1e-5), 2, &["0", "5µ", "10µ"]);
    check(Number, (-4e6, 4e6), 4, &["−4M", "−2M", "0", "2M", "4M"]);
    check(Bytes, (0.0, 4096.0), 4, &["0", "1 KiB", "2 KiB", "3 KiB", "4 KiB"]);
    check(Seconds, (0.0, 120.0), 4, &["0", "30 s", "1.0 min", "1.5 min", "2.0 min"]);
    check(Seconds, (0.0, 0.004), 4, &["0", "1 ms", "2 ms", "3 ms", "4 ms"]);
    check(Seconds, (0.0, 86_400.0), 4, &["0", "6 h", "12 h", "18 h", "1.00 d"]);
    check(Percent, (0.0, 1.0), 4, &["0%", "20%", "40%", "60%", "80%", "100%"]);
}

#[test]
fn text_that_does_not_fit_is_cut_and_says_so() {
    assert_eq!(text::fit("mail", 11.0, 100.0), "mail");
    assert_eq!(text::fit("a long name of a queue", 11.0, 60.0), "a long na…");
    assert_eq!(text::fit("mail", 11.0, 3.0), "");
    let lines = text::wrap("one two three four five", 11.0, 60.0, 2);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].ends_with('…'), "{lines:?}");
    assert!(text::wrap("", 11.0, 60.0, 2).is_empty());
}

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![Number, Bytes, Seconds, Percent])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_value_the_words_are_short(format in any_format(), value in any::<f64>(), step in any::<f64>()) {
        for words in [format.value(value), format.tick(value, step)] {
            prop_assert!(words.chars().count() <= 40, "{words}");
            prop_assert!(!words.contains("NaN") && !words.contains("inf") && !words.contains("-0"), "{words}");
        }
    }

    #[test]
    fn ticks_rise_lie_inside_and_have_different_words(
        format in any_format(), low in -1e9..1e9_f64, span in 1e-3..1e9_f64, count in 2_usize..12
    ) {
        let bounds = (low, low + span);
        let ticks = format.ticks(bounds, count);
        prop_assert!(ticks.len() <= 3 * count + 2);
        prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]));
        let slack = span * 1e-6;
        prop_assert!(ticks.iter().all(|t| *t >= bounds.0 - slack && *t <= bounds.1 + slack));
    }

    #[test]
    fn whole_numbers_are_written_to_the_unit(value in -9_007_199_254_740_992_i64..9_007_199_254_740_992) {
        let words = Number.value(value as f64).replace('\u{2009}', "").replace('−', "-");
        prop_assert_eq!(words.parse::<i64>().unwrap(), value);
    }

    #[test]
    fn cut_text_fits(words in ".{0,60}", room in 0.0..300.0_f64) {
        prop_assert!(text::width(&text::fit(&words, 11.0, room), 11.0) <= room + 1e-9);
    }
}
