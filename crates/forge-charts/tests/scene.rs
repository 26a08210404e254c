//! Pictures of whatever comes in: finite, bounded, with labels that keep apart, and a way back from pixel to data.
#![allow(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::suboptimal_flops,
    reason = "numbers of tests are small, and what is equal is equal to the bit"
)]

mod support;

use forge_charts::chart::{Chart, Fit, Kind, Mark, Showing, YScale};
use forge_charts::data::{Frame, Series};
use forge_charts::format::Format;
use forge_charts::scene::{Change, Node, Scene, Value, changes};
use forge_charts::svg::Document;
use forge_charts::table::{MAX_ROWS, Table};
use forge_charts::text;
use forge_charts::theme::FONT;
use forge_charts::time::{DAY, HOUR, MINUTE, Zone};
use proptest::prelude::*;
use support::{START, counts};

const KINDS: [Kind; 6] = [Kind::Area, Kind::Stacked, Kind::Lines, Kind::Bars, Kind::StackedBars, Kind::Mini];

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![6 => -1e3..1e3_f64, 1 => Just(f64::NAN), 1 => any::<f64>(), 1 => Just(0.0)]
}

prop_compose! {
    fn any_chart()(
        kind in prop::sample::select(KINDS.to_vec()),
        xs in prop::collection::vec(prop_oneof![8 => START..START + DAY, 1 => any::<f64>()], 0..40),
        columns in prop::collection::vec(prop::collection::vec(any_value(), 0..40), 0..5),
        scale in prop_oneof![Just(YScale::Linear), Just(YScale::Log), any::<f64>().prop_map(YScale::Symlog)],
        fit in prop_oneof![Just(Fit::Zero), Just(Fit::Data), (any::<f64>(), any::<f64>()).prop_map(|(a, b)| Fit::Fixed(a, b))],
        format in prop::sample::select(vec![Format::Number, Format::Bytes, Format::Seconds, Format::Percent]),
        x_kind in 0..3_u8,
        range in prop::option::of((any::<f64>(), any::<f64>())),
        mark in (any::<f64>(), any::<f64>()),
        open in any::<bool>(),
    ) -> Chart {
        let series = columns.into_iter().enumerate().map(|(i, c)| Series::new(format!("series {i}"), c)).collect();
        let chart = Chart::new(kind, "Any", Frame::new(xs, series)).scale(scale).fit(fit).format(format).open_last(open);
        let chart = match x_kind {
            0 => chart.zone(Zone::fixed(3600)),
            1 => chart.numbers(Format::Number),
            _ => chart.names(["a", "b", "c"]),
        };
        let marks = vec![Mark::at(mark.0, "at"), Mark::level(mark.1, "level"), Mark::span(mark.0, mark.1, "span")];
        let chart = chart.marks(marks);
        if let Some((from, to)) = range { chart.range(from, to) } else { chart }
    }
}

fn each<'a>(nodes: &'a [Node], visit: &mut impl FnMut(&'a Node)) {
    for node in nodes {
        visit(node);
        each(&node.children, visit);
    }
}

/// Left and right end of every label of an axis, by row.
fn labels(scene: &Scene) -> Vec<(i64, f64, f64, String)> {
    let mut found = Vec::new();
    let axis = scene.nodes.iter().filter(|n| n.key == "x");
    for node in axis.flat_map(|n| &n.children).filter(|n| n.tag == "text") {
        let number = |name: &str| {
            let value = node.attrs.iter().find(|(n, _)| *n == name).map(|(_, v)| v);
            if let Some(Value::Number(n)) = value { *n } else { f64::NAN }
        };
        let half = text::width(&node.text, FONT) / 2.0;
        found.push((number("y") as i64, number("x") - half, number("x") + half, node.text.clone()));
    }
    found
}

/// Carries changes out on plain values, as the view does on elements.
fn apply(nodes: &mut Vec<Node>, list: &[Change<'_>]) {
    for change in list {
        match change {
            Change::Remove(at) => drop(nodes.remove(*at)),
            Change::Move(from, to) => {
                let node = nodes.remove(*from);
                nodes.insert(*to, node);
            }
            Change::Insert(at, node) => nodes.insert(*at, (*node).clone()),
            Change::Set(at, name, value) => {
                let attrs = &mut nodes[*at].attrs;
                match attrs.iter_mut().find(|(n, _)| n == name) {
                    Some(attr) => attr.1 = (*value).clone(),
                    None => attrs.push((name, (*value).clone())),
                }
            }
            Change::Unset(at, name) => nodes[*at].attrs.retain(|(n, _)| n != name),
            Change::Text(at, text) => (*text).clone_into(&mut nodes[*at].text),
            Change::Within(at, list) => apply(&mut nodes[*at].children, list),
        }
    }
}

/// With attributes in one order, since their order is no part of a picture.
fn sorted(nodes: &[Node]) -> Vec<Node> {
    let sort = |node: &Node| {
        let mut node = node.clone();
        node.attrs.sort_by_key(|(name, _)| *name);
        node.children = sorted(&node.children);
        node
    };
    nodes.iter().map(sort).collect()
}

#[test]
fn an_update_changes_no_more_than_the_path_and_what_moved() {
    let chart = Chart::area("Jobs", counts());
    let before = chart.scene((640.0, 220.0), &Showing::default());
    assert_eq!(changes(&before.nodes, &chart.scene((640.0, 220.0), &Showing::default()).nodes), []);
    let mut values = counts().series()[2].values().to_vec();
    values[30] += 1.0;
    let series = [counts().series()[..2].to_vec(), vec![Series::new("failed", values)]].concat();
    let next = Chart::area("Jobs", Frame::new(counts().xs().to_vec(), series))
        .scene((640.0, 220.0), &Showing::default());
    let text = format!("{:?}", changes(&before.nodes, &next.nodes));
    assert_eq!(
        (text.matches("Set(").count(), text.matches("Insert(").count(), text.matches("Remove(").count()),
        (2, 0, 0),
        "{text}"
    );
}

#[test]
fn the_number_of_elements_does_not_depend_on_the_number_of_points() {
    let count = |points: usize, kind| {
        let values: Vec<f64> =
            (0..points).map(|i| if i % 997 == 0 { f64::NAN } else { (i % 100) as f64 }).collect();
        let chart = Chart::new(
            kind,
            "Jobs",
            Frame::buckets(START, HOUR * 24.0 / points as f64, vec![Series::new("jobs", values)]),
        );
        let scene = chart.scene((640.0, 220.0), &Showing::default());
        (scene.count(), Document::default().write(&scene).len())
    };
    for kind in KINDS {
        let ((few, _), (many, bytes)) = (count(10_000, kind), count(1_000_000, kind));
        assert!(few.abs_diff(many) <= 3, "{kind:?}: {few} and {many}");
        assert!(bytes < 160_000, "{kind:?}: {bytes}");
    }
}

#[test]
fn the_table_has_the_values_of_the_picture() {
    let scene = Chart::area("Jobs", counts()).scene((640.0, 220.0), &Showing::default());
    let table = Table::new(&scene);
    assert_eq!(table.head, ["Time", "completed", "retried", "failed"]);
    assert_eq!((table.rows.len(), table.note.as_deref()), (60, None));
    assert_eq!(table.rows[41][0], "29 Nov 2026, 14:11");
    assert_eq!(table.rows[41][3], "64");
    let many = Frame::buckets(START, MINUTE, vec![Series::new("jobs", vec![1.0; 100_000])]);
    let table = Table::new(&Chart::area("Jobs", many).scene((640.0, 220.0), &Showing::default()));
    assert_eq!(table.rows.len(), MAX_ROWS);
    assert!(table.note.is_some());
}

#[test]
fn the_table_says_which_bucket_still_fills_and_what_adds_up() {
    let chart = Chart::stacked("Jobs", counts()).open_last(true);
    let table = Table::new(&chart.scene((640.0, 220.0), &Showing::default()));
    assert_eq!(table.head, ["Time", "completed", "retried", "failed", "Total"]);
    assert_eq!(table.rows[58][0], "29 Nov 2026, 14:28");
    assert_eq!(table.rows[59][0], "29 Nov 2026, 14:29, still filling");
    for row in &table.rows {
        let values: Vec<f64> = row[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!((values[..3].iter().sum::<f64>() - values[3]).abs() < 0.5, "{row:?}");
    }
    // One series alone is its own sum.
    let hidden = vec!["retried".to_owned(), "failed".to_owned()];
    let table = Table::new(&chart.scene((640.0, 220.0), &Showing { hidden, ..Showing::default() }));
    assert_eq!(table.head, ["Time", "completed"]);
}

#[test]
fn the_description_says_what_there_is_to_see() {
    let chart = Chart::stacked("Jobs", counts()).open_last(true);
    let text = chart.scene((640.0, 220.0), &Showing::default()).description;
    assert!(
        text.starts_with("Stacked area chart, 3 series, 60 points, 29 Nov 2026, 13:30 to 14:29."),
        "{text}"
    );
    assert!(text.contains("highest 64 at 29 Nov 2026, 14:11"), "{text}");
    assert!(text.ends_with("The last bucket still fills."), "{text}");
    let none = Chart::area("Jobs", Frame::empty()).scene((640.0, 220.0), &Showing::default());
    assert_eq!(none.description, "Area chart, no data.");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_picture_is_finite_bounded_and_says_something(
        chart in any_chart(),
        width in prop_oneof![4 => 0.0..1500.0_f64, 1 => any::<f64>()],
        height in prop_oneof![4 => 0.0..500.0_f64, 1 => any::<f64>()],
        zoom in prop::option::of((any::<f64>(), any::<f64>())),
    ) {
        let scene = chart.scene((width, height), &Showing { range: zoom, ..Showing::default() });
        let mut count = 0;
        let mut wrong = None;
        each(&scene.nodes, &mut |node| {
            count += 1;
            for (name, value) in &node.attrs {
                let good = match value {
                    Value::Number(n) => n.is_finite(),
                    Value::Text(text) => !text.contains("NaN") && !text.contains("inf"),
                    Value::Shared(text) => text.starts_with('M'),
                    Value::Paint(_) | Value::Texture(_) => true,
                };
                if !good {
                    wrong = Some(format!("{} {name} {value:?}", node.key));
                }
            }
        });
        prop_assert_eq!(wrong, None);
        prop_assert!(count < 600, "{count}");
        prop_assert!(!scene.description.is_empty() && scene.description.len() < 5000);
        prop_assert!(scene.plot.width >= 1.0 && scene.plot.height >= 1.0);
        prop_assert!(Document::default().write(&scene).len() < 200_000);
    }

    #[test]
    fn labels_keep_apart_and_inside(
        chart in any_chart(), width in 40.0..1500.0_f64, from in START..START + DAY, length in 1e3..1e15_f64
    ) {
        let scene = chart.scene((width, 200.0), &Showing { range: Some((from, from + length)), ..Showing::default() });
        let mut found = labels(&scene);
        found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for label in &found {
            prop_assert!(label.1 >= -0.01 && label.2 <= width + 0.01, "{label:?} in {width}");
        }
        for pair in found.windows(2) {
            prop_assert!(pair[0].0 != pair[1].0 || pair[0].2 + 4.0 <= pair[1].1, "{pair:?}");
        }
    }

    #[test]
    fn a_pixel_leads_back_to_its_point(kind in prop::sample::select(KINDS.to_vec()), width in 200.0..1500.0_f64, position in 0..60_usize) {
        let scene = Chart::new(kind, "Jobs", counts()).scene((width, 200.0), &Showing::default());
        let pixel = scene.pixel(position).unwrap();
        prop_assert!(pixel >= scene.plot.x - 0.01 && pixel <= scene.plot.right() + 0.01);
        prop_assert_eq!(scene.position_at(pixel), Some(position));
        for (series, y) in scene.points(position) {
            prop_assert!(y >= scene.plot.y - 0.01 && y <= scene.plot.bottom() + 0.01, "{series} {y}");
            if !kind.is_stacked() {
                let value = scene.frame.series()[series].value(position).unwrap();
                prop_assert!((scene.y.invert(y) - value).abs() < 1e-6 * value.abs().max(1.0));
            }
        }
    }

    #[test]
    fn changes_lead_from_any_picture_to_any_other(a in any_chart(), b in any_chart(), width in 20.0..900.0_f64) {
        let showing = Showing::default();
        let (a, b) = (a.scene((width, 160.0), &showing), b.scene((640.0, 220.0), &showing));
        let mut nodes = a.nodes.clone();
        apply(&mut nodes, &changes(&a.nodes, &b.nodes));
        prop_assert_eq!(sorted(&nodes), sorted(&b.nodes));
    }
}
