//! `forge cron list`, `show`, `set` and the rest as scripts see them.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::{
    ErrorBody, ErrorCode, MissedFires, Overlap, Schedule, ScheduleDetail, ScheduleList, ScheduleOwner, Tick,
    TickOutcome,
};
use support::Home;

fn json(args: &[&'static str]) -> Vec<&'static str> {
    std::iter::once(&"cron").chain(args).chain(&["--json"]).copied().collect()
}

/// A home with the schedule `nightly`.
fn with_nightly() -> Home {
    let home = Home::new();
    let set = ["set", "nightly", "--expression", "0 3 * * *", "--kind", "report", "--payload", "{\"a\": 1}"];
    let schedule: Schedule = home.run(json(&set)).json();
    assert_eq!((schedule.name.as_str(), schedule.enabled), ("nightly", true));
    home
}

#[test]
fn a_schedule_is_made_listed_and_shown() {
    let home = with_nightly();
    let list: ScheduleList = home.run(json(&["list"])).json();
    let [nightly] = &list.schedules[..] else { panic!("{list:?}") };
    let s = &nightly.settings;
    assert_eq!(
        (s.expression.as_str(), s.zone.as_str(), s.description.as_str()),
        ("0 3 * * *", "UTC", "At 03:00 every day")
    );
    assert_eq!((s.kind.as_str(), s.queue.as_str(), s.payload.get()), ("report", "default", "{\"a\": 1}"));
    assert_eq!((s.missed, s.within_seconds.0, s.overlap), (MissedFires::Once, 3_600.0, Overlap::Skip));
    assert_eq!((nightly.owner, nightly.overrides_code), (ScheduleOwner::Operator, false));
    assert!(nightly.next_fire_at.as_ref().is_some_and(|at| at.contains("T03:00:00")), "{nightly:?}");
    let text = home.run(["cron", "list"]);
    for word in ["nightly", "0 3 * * *", "report", "operator", "03:00:00Z"] {
        assert!(text.stdout.contains(word), "{text:?}");
    }
    let shown = home.run(["cron", "show", "nightly"]);
    for word in ["At 03:00 every day", "once within 1h", "no fires yet"] {
        assert!(shown.stdout.contains(word), "{shown:?}");
    }
}

#[test]
fn a_set_changes_what_it_names() {
    let home = with_nightly();
    let set = ["set", "nightly", "--zone", "Europe/Berlin", "--missed", "catch-up", "--catch-up", "5"];
    let overlap = ["--overlap", "allow", "--within", "6h", "--jitter", "90"];
    let args: Vec<_> = set.into_iter().chain(overlap).collect();
    let changed: Schedule = home.run(json(&args)).json();
    let s = changed.settings;
    assert_eq!(
        (s.expression.as_str(), s.zone.as_str(), s.payload.get()),
        ("0 3 * * *", "Europe/Berlin", "{\"a\": 1}")
    );
    assert_eq!((s.missed, s.catch_up, s.within_seconds.0), (MissedFires::CatchUp, 5, 21_600.0));
    assert_eq!((s.overlap, s.jitter_seconds.0), (Overlap::Allow, 90.0));
    let fewer: Schedule =
        home.run(json(&["set", "nightly", "--missed", "catch-up", "--catch-up", "4"])).json();
    assert_eq!(
        (fewer.settings.catch_up, fewer.settings.within_seconds.0),
        (4, 21_600.0),
        "it keeps its window"
    );
    let stale = home.run(["cron", "set", "nightly", "--jitter", "1s", "--if-version", "1"]);
    stale.check(4, &["look at it again"]);
}

#[test]
fn a_schedule_is_paused_run_and_removed() {
    let home = with_nightly();
    let paused: Schedule = home.run(json(&["pause", "nightly"])).json();
    assert_eq!((paused.enabled, paused.next_fire_at), (false, None));
    let tick: Tick = home.run(json(&["run", "nightly"])).json();
    assert_eq!(tick.outcome, TickOutcome::RunNow);
    let jobs = home.run(["job", "list"]);
    assert!(jobs.stdout.contains(tick.job.as_deref().unwrap()), "{jobs:?}");
    let detail: ScheduleDetail = home.run(json(&["show", "nightly"])).json();
    assert_eq!(detail.ticks, [tick]);
    assert!(home.run(["cron", "list"]).stdout.contains("paused"));
    let resumed: Schedule = home.run(json(&["resume", "nightly"])).json();
    assert!(resumed.enabled);
    home.run(["cron", "remove", "nightly"]).check(0, &[]);
    home.run(["cron", "remove", "nightly"]).check(3, &["nightly", "forge cron list"]);
    assert_eq!(home.run(["cron", "list"]).stdout, "no schedules\n");
}

#[test]
fn mistakes_are_told_with_their_remedy_and_change_nothing() {
    let home = Home::new();
    let new = ["cron", "set", "s", "--kind", "k", "--expression"];
    home.run(new.iter().chain(&["61 * * * *"])).check(2, &["minute 61"]);
    home.run(new.iter().chain(&["@daily", "--zone", "Berlin"])).check(2, &["Europe/Berlin"]);
    home.run(new.iter().chain(&["@daily", "--payload", "{"])).check(2, &["payload"]);
    assert!(!home.database().exists(), "a typo creates nothing");
    let home = with_nightly();
    home.run(["cron", "set", "other", "--jitter", "1s"]).check(3, &["--expression"]);
    home.run(["cron", "set", "nightly"]).check(2, &["nothing to set"]);
    home.run(["cron", "set", "nightly", "--catch-up", "3"]).check(2, &["--missed catch-up"]);
    home.run(["cron", "set", "nightly", "--missed", "catch-up", "--catch-up", "3"])
        .check(2, &["allow overlap"]);
    home.run(["cron", "set", "nightly", "--within", "0"]).check(2, &["within_seconds"]);
    home.run(["cron", "reset", "nightly"]).check(4, &["no program's code declared"]);
    for verb in ["show", "pause", "resume", "reset", "run"] {
        home.run(["cron", verb, "unknown"]).check(3, &["unknown", "forge cron list"]);
    }
    let body: ErrorBody = home.run(json(&["show", "unknown"])).json();
    assert_eq!(body.error.code, ErrorCode::NotFound);
}
