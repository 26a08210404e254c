//! The palette, reckoned: contrast on its ground, and distance for every kind of sight.

use forge_charts::scene::Colour;
use forge_charts::theme::{STYLE, Theme, dash};

/// What the eye sees of linear light, in rows. The three last are G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A
/// Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009), severity 1.0.
const SIGHTS: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn linear(colour: &str) -> [f64; 3] {
    [1, 3, 5].map(|at| {
        let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour is #rrggbb");
        let share = f64::from(byte) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    })
}

fn dot(row: [f64; 3], light: [f64; 3]) -> f64 {
    row.iter().zip(light).map(|(a, b)| a * b).sum()
}

fn luminance(light: [f64; 3]) -> f64 {
    dot([0.2126, 0.7152, 0.0722], light)
}

/// WCAG 2.2, "contrast ratio".
fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(linear(a)), luminance(linear(b)));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// CIE L*a*b* under D65.
fn lab(light: [f64; 3]) -> [f64; 3] {
    let x = dot([0.4124, 0.3576, 0.1805], light) / 0.950_47;
    let y = luminance(light);
    let z = dot([0.0193, 0.1192, 0.9505], light) / 1.088_83;
    let f = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787_f64.mul_add(t, 16.0 / 116.0) };
    [116.0_f64.mul_add(f(y), -16.0), 500.0 * (f(x) - f(y)), 200.0 * (f(y) - f(z))]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn every_series_stands_out_from_the_ground_and_every_text_can_be_read() {
    for theme in [Theme::light(), Theme::dark()] {
        for colour in theme.series.into_iter().chain([theme.axis, theme.cross, theme.selection]) {
            assert!(contrast(colour, theme.surface) >= 3.0, "{colour}: {}", contrast(colour, theme.surface));
        }
        for colour in [theme.text, theme.muted, theme.mark, theme.error] {
            assert!(contrast(colour, theme.surface) >= 4.5, "{colour}: {}", contrast(colour, theme.surface));
        }
    }
}

#[test]
fn every_two_series_differ_for_every_kind_of_sight() {
    for theme in [Theme::light(), Theme::dark()] {
        for (sight, rows) in SIGHTS {
            let seen = theme.series.map(|c| {
                let light = linear(c);
                lab(rows.map(|row| dot(row, light).clamp(0.0, 1.0)))
            });
            for (i, a) in seen.iter().enumerate() {
                for (j, b) in seen.iter().enumerate().skip(i + 1) {
                    let apart = distance(*a, *b);
                    // 2.3 is what an eye just notices.
                    assert!(apart >= 15.0, "{sight}: {} and {}: {apart}", theme.series[i], theme.series[j]);
                }
            }
        }
    }
}

#[test]
fn every_two_series_differ_in_dashes_too() {
    let dashes: std::collections::BTreeSet<_> = (0..8).map(dash).collect();
    assert_eq!(dashes.len(), 8);
}

#[test]
fn the_style_sheet_has_the_colours_of_the_themes() {
    let names = [
        ("text", Colour::Text),
        ("muted", Colour::Muted),
        ("grid", Colour::Grid),
        ("axis", Colour::Axis),
        ("surface", Colour::Surface),
        ("mark", Colour::Mark),
        ("cross", Colour::Cross),
        ("selection", Colour::Selection),
        ("error", Colour::Error),
    ];
    // The dark ones stand there twice: for the system's wish, and for the page's.
    for (theme, times) in [(Theme::light(), 1), (Theme::dark(), 2)] {
        let series = (1..=8_u8).map(|i| (i.to_string(), Colour::Series(i - 1)));
        for (name, colour) in series.chain(names.map(|(name, colour)| (name.to_owned(), colour))) {
            let rule = format!("--fc-{name}: {};", theme.colour(colour));
            assert_eq!(STYLE.matches(&rule).count(), times, "{rule}");
        }
    }
}
