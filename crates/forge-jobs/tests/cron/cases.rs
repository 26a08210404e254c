//! The fires that Python computes (`cargo xtask cron-cases`) are the ones that are computed here.

use forge_jobs::Timestamp;
use forge_jobs::cron::{CronExpr, FireWindow, WindowFires, Zone};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    expr: CronExpr,
    zone: Zone,
    from: String,
    fires: Vec<String>,
}

fn cases(json: &str, least: usize) -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    assert!(cases.len() >= least, "{} cases", cases.len());
    cases
}

fn every_case() -> Vec<Case> {
    let mut all = cases(include_str!("cases.json"), 90);
    all.extend(cases(include_str!("random.json"), 150));
    all
}

#[test]
fn the_fires_of_every_case_are_those_of_python() {
    for case in every_case() {
        let from: Timestamp = case.from.parse().unwrap();
        let fires: Vec<String> = case
            .expr
            .fires_after(from, &case.zone)
            .take(case.fires.len())
            .map(|fire| fire.to_string())
            .collect();
        assert_eq!(fires, case.fires, "{}: {} in {}", case.name, case.expr, case.zone);
    }
}

#[test]
fn looking_back_finds_the_same_fires_in_the_opposite_order() {
    for case in every_case() {
        let (after, last): (Timestamp, &str) = (case.from.parse().unwrap(), case.fires.last().unwrap());
        let window = FireWindow {
            after,
            until: last.parse().unwrap(),
            newest: u32::try_from(case.fires.len()).unwrap(),
        };
        let WindowFires { fires, more } = case.expr.fires_in(window, &case.zone);
        let fires: Vec<String> = fires.iter().map(Timestamp::to_string).collect();
        assert_eq!((fires, more), (case.fires, false), "{}: {} in {}", case.name, case.expr, case.zone);
    }
}

#[test]
fn a_window_gives_its_newest_fires_and_says_whether_there_are_more() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let expr: CronExpr = "0 * * * *".parse().unwrap();
    let window = |newest, after, until| {
        let found = expr.fires_in(FireWindow { after: at(after), until: at(until), newest }, &Zone::UTC);
        (found.fires.iter().map(Timestamp::to_string).collect::<Vec<_>>().join(" "), found.more)
    };
    let (from, to) = ("2026-11-24T08:00:00Z", "2026-11-24T11:00:00Z");
    let all = "2026-11-24T09:00:00Z 2026-11-24T10:00:00Z 2026-11-24T11:00:00Z";
    assert_eq!(window(3, from, to), (all.into(), false));
    assert_eq!(window(2, from, to), (all[21..].into(), true));
    assert_eq!(window(0, from, to), (String::new(), true));
    assert_eq!(window(5, to, from), (String::new(), false));
    assert_eq!(window(5, "2026-11-24T08:00:01Z", "2026-11-24T08:59:59.999999Z"), (String::new(), false));
    // A window without bounds is no endless loop.
    let every_second: CronExpr = "* * * * * *".parse().unwrap();
    let wide = FireWindow { after: Timestamp::MIN, until: Timestamp::MAX, newest: u32::MAX };
    let found = every_second.fires_in(wide, &Zone::UTC);
    assert_eq!((found.fires.len(), found.more), (1_000, true));
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    for zone in ["UTC", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"] {
        let zone: Zone = zone.parse().unwrap();
        for expr in ["* * * * * *", "0 0 29 2 ?", "59 59 23 31 12 *", "30 2 * * 5L"] {
            let expr: CronExpr = expr.parse().unwrap();
            assert_eq!(expr.next_after(Timestamp::MAX, &zone), None);
            assert_eq!(expr.previous_or_at(Timestamp::MIN, &zone).filter(|t| *t > Timestamp::MIN), None);
            assert!(expr.next_after(Timestamp::MIN, &zone).is_some(), "{expr}");
            assert!(expr.previous_or_at(Timestamp::MAX, &zone).is_some(), "{expr}");
        }
    }
}
