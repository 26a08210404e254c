//! The examples of docs/cron.md are what the program computes.

use forge_jobs::Timestamp;
use forge_jobs::cron::{CronExpr, Zone};

#[test]
fn the_fires_in_the_documentation_are_those_that_are_computed() {
    let text = include_str!("../../../../docs/cron.md");
    let (_, examples) = text.split_once("<!-- examples, checked by a test -->").unwrap();
    let rows: Vec<Vec<&str>> = examples
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 9, "{} rows", rows.len());
    for row in rows {
        let expr: CronExpr = row[0].trim_matches('`').parse().unwrap();
        let (zone, after): (Zone, Timestamp) = (row[1].parse().unwrap(), row[2].parse().unwrap());
        let count = row[3].split(", ").count();
        let fires: Vec<_> = expr.fires_after(after, &zone).take(count).map(|at| zone.rfc3339(at)).collect();
        assert_eq!(fires.join(", "), row[3], "{}", row[0]);
    }
}
