//! Ways to write the same, and the one way in which it is printed.

use forge_jobs::cron::{CronExpr, Zone};

#[test]
fn every_spelling_has_one_canonical_text() {
    for (text, canonical) in [
        ("  0   09 *  *\t* ", "0 9 * * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * SUN,mon", "0 0 * * 0,1"),
        ("0 0 * * MON-FRI", "0 0 * * 1-5"),
        ("0 0 * * 1,2,3,4,5", "0 0 * * 1-5"),
        ("0 0 * * FRI-SUN", "0 0 * * 0,5,6"),
        ("0 0 * * SUN-SUN", "0 0 * * 0"),
        ("0 0 * * 0-7", "0 0 * * 0-6"),
        ("0 0 * * 7-2", "0 0 * * 0-2"),
        ("0 0 ? * ?", "0 0 * * *"),
        ("*/1 * * * *", "* * * * *"),
        ("*,5 * * * *", "* * * * *"),
        ("*/10,*/5,7 * * * *", "*/5,7 * * * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("5/10 * * * *", "5-55/10 * * * *"),
        ("0-59 0-23 1-31 1-12 *", "0-59 0-23 1-31 1-12 *"),
        ("3,1,2,1 * * * *", "1-3 * * * *"),
        ("0 0 lw,15w,l,3 * *", "0 0 3,15W,L,LW * *"),
        ("0 0 * * fril,mon#2,1", "0 0 * * 1,1#2,5L"),
        ("0 0 1 JAN,dec *", "0 0 1 1,12 *"),
        ("0 */5 * * * *", "*/5 * * * *"),
        ("00 0 0 * * *", "0 0 * * *"),
        ("0-0 0 0 * * *", "0 0 * * *"),
        ("*/10 0 0 * * *", "*/10 0 0 * * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@ANNUALLY", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ] {
        let expr: CronExpr = text.parse().unwrap();
        assert_eq!(expr.to_string(), canonical, "{text:?}");
        assert_eq!(canonical.parse::<CronExpr>().unwrap(), expr, "{text:?}");
    }
}

#[test]
fn a_star_in_minute_or_hour_makes_an_interval_expression() {
    for (text, interval) in [
        ("* 2 * * *", true),
        ("0 * * * *", true),
        ("0 */2 * * *", true),
        ("5,*/30 2 * * *", true),
        ("@hourly", true),
        ("0-59 2 * * *", false),
        ("0 0-23 * * *", false),
        ("0/5 2 * * *", false),
        ("0,30 2 * * *", false),
        ("* 30 2 * * *", false),
        ("@daily", false),
    ] {
        assert_eq!(text.parse::<CronExpr>().unwrap().is_interval(), interval, "{text}");
    }
}

#[test]
fn the_same_times_with_and_without_a_star_are_not_equal() {
    let read = |text: &str| text.parse::<CronExpr>().unwrap();
    assert_eq!(read("@daily"), read("00 0 * * *"));
    assert_ne!(read("*/30 * * * *"), read("0,30 * * * *"));
    assert_ne!(read("0 0 * * 1"), read("0 0 1-31 * 1"));
}

#[test]
fn the_longest_canonical_text_is_still_read() {
    let pairs = |low: u8, high: u8| {
        (low..=high).filter(|n| n % 3 != 2).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
    };
    let nearest: Vec<String> = (1..=31).map(|n| format!("{n}W")).collect();
    let nth: Vec<String> = (0..7).flat_map(|day| (1..=5).map(move |n| format!("{day}#{n}"))).collect();
    let text = format!(
        "{} {} {} {},{},L,LW {} {},{},0L,1L,2L,3L,4L,5L,6L",
        pairs(0, 59),
        pairs(0, 59),
        pairs(0, 23),
        pairs(1, 31),
        nearest.join(","),
        pairs(1, 12),
        pairs(0, 6),
        nth.join(",")
    );
    let expr: CronExpr = text.parse().unwrap();
    assert_eq!(expr.to_string().parse::<CronExpr>().unwrap(), expr);
}

#[test]
fn expressions_and_zones_are_text_in_json() {
    let expr: CronExpr = serde_json::from_str("\"@daily\"").unwrap();
    assert_eq!(serde_json::to_string(&expr).unwrap(), "\"0 0 * * *\"");
    let e = serde_json::from_str::<CronExpr>("\"61 * * * *\"").unwrap_err().to_string();
    assert!(e.contains("minute 61"), "{e}");
    let zone: Zone = serde_json::from_str("\"europe/berlin\"").unwrap();
    assert_eq!(serde_json::to_string(&zone).unwrap(), "\"Europe/Berlin\"");
}
