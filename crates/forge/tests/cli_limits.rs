//! `forge limit` as scripts and people see it.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::{Attached, Limit, LimitChanged, LimitList, LimitMode, QueueList};
use support::Home;

/// A home with a database and the limit `slack`.
fn home() -> Home {
    let home = Home::new();
    home.enqueue(&["mail.send", "1", "--queue", "mail"]);
    home.run(["limit", "set", "slack", "100", "--per", "10s"]).check(0, &[]);
    home
}

fn show(home: &Home, scope: &str) -> Limit {
    home.run(["limit", "show", scope, "--json"]).json()
}

#[test]
fn a_limit_is_set_shown_listed_and_removed() {
    let home = home();
    let limit = show(&home, "slack");
    assert_eq!((limit.permits, limit.window_seconds.0, limit.mode), (100, 10.0, LimitMode::Sliding));
    assert_eq!((limit.used, limit.free, limit.set_by_operator), (0, 100, true));
    let set = ["--json", "limit", "set", "sms", "600", "--per", "1m", "--smooth"];
    let smooth: Limit = home.run(set).json();
    assert_eq!((smooth.mode, smooth.window_seconds.0), (LimitMode::Smooth, 60.0));
    let list: LimitList = home.run(["limit", "list", "--json"]).json();
    assert_eq!(list.limits.iter().map(|l| l.scope.as_str()).collect::<Vec<_>>(), ["slack", "sms"]);
    let text = home.run(["limit", "list"]).stdout;
    assert!(text.contains("100 per 10s") && text.contains("600 per 1m, smooth"), "{text}");
    let removed: LimitChanged = home.run(["limit", "remove", "sms", "--json"]).json();
    assert!(removed.changed);
    let again: LimitChanged = home.run(["limit", "remove", "sms", "--json"]).json();
    assert!(!again.changed);
    home.run(["limit", "show", "sms"]).check(3, &["sms", "limit set"]);
}

#[test]
fn a_key_has_the_limit_of_its_template_until_it_has_its_own() {
    let home = home();
    let key = show(&home, "slack:team-7");
    assert_eq!((key.inherited_from.as_deref(), key.permits), (Some("slack"), 100));
    home.run(["limit", "set", "slack:team-7", "500", "--per", "10s"]).check(0, &[]);
    let key = show(&home, "slack:team-7");
    assert_eq!((key.inherited_from, key.permits), (None, 500));
}

#[test]
fn a_drain_is_shown_and_can_be_ended() {
    let home = home();
    let drained: Limit = home.run(["limit", "drain", "slack", "10m", "--json"]).json();
    assert!(drained.drained_until.is_some() && drained.free == 0);
    assert!(show(&home, "slack:team-7").drained_until.is_some());
    assert!(home.run(["limit", "list"]).stdout.contains("drained until"));
    let lifted: Limit = home.run(["limit", "drain", "slack", "--lift", "--json"]).json();
    assert_eq!((lifted.drained_until, lifted.free), (None, 100));
    home.run(["limit", "drain", "unknown", "10m"]).check(3, &["unknown"]);
}

#[test]
fn queues_and_kinds_are_attached_and_keep_their_limit() {
    let home = home();
    home.run(["limit", "attach", "slack", "--queue", "mail"]).check(0, &[]);
    let limit: Limit = home.run(["limit", "attach", "slack", "--kind", "new.kind", "--json"]).json();
    assert_eq!(limit.attached, [Attached::Queue("mail".into()), Attached::Kind("new.kind".into())]);
    home.run(["limit", "remove", "slack"]).check(4, &["mail", "detach"]);
    home.run(["limit", "attach", "slack", "--queue", "unknown"]).check(3, &["unknown"]);
    home.run(["limit", "attach", "none", "--queue", "mail"]).check(3, &["none"]);
    for target in [["--queue", "mail"], ["--kind", "new.kind"]] {
        let done: LimitChanged = home.run(["limit", "detach", "--json"].into_iter().chain(target)).json();
        assert!(done.changed);
    }
    home.run(["limit", "remove", "slack"]).check(0, &[]);
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let home = home();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["limit", "set", "a b", "1", "--per", "1s"], 2, "a b"),
        (&["limit", "set", "slack:", "1", "--per", "1s"], 2, "key"),
        (&["limit", "set", "slack", "0", "--per", "1s"], 2, "permits"),
        (&["limit", "set", "slack", "-1", "--per", "1s"], 2, "-1"),
        (&["limit", "set", "slack", "1", "--per", "1ms"], 2, "window_seconds"),
        (&["limit", "set", "slack", "1", "--per", "soon"], 2, "soon"),
        (&["limit", "set", "slack", "1"], 2, "--per"),
        (&["limit", "attach", "slack"], 2, "--queue"),
        (&["limit", "drain", "slack"], 2, "DURATION"),
    ];
    for (args, code, word) in cases {
        home.run(args).check(code, &[word]);
    }
    assert_eq!((show(&home, "slack").permits, show(&home, "slack").version), (100, 1));
}

#[test]
fn a_limit_on_no_database_makes_none() {
    let home = Home::new();
    home.run(["limit", "list"]).check(5, &[]);
    assert!(!home.database().exists());
}

#[test]
fn a_worker_runs_no_more_jobs_of_an_attached_queue_than_there_are_permits() {
    let home = home();
    home.run(["limit", "set", "slack", "2", "--per", "1h"]).check(0, &[]);
    home.run(["limit", "attach", "slack", "--queue", "mail"]).check(0, &[]);
    home.enqueue_lines((0..5).map(|_| r#"{"kind":"t.echo","payload":1,"queue":"mail"}"#.to_owned()));
    home.enqueue_lines((0..5).map(|_| r#"{"kind":"t.echo","payload":1}"#.to_owned()));
    let mut worker = home.command(["worker", "--test-handlers"]).spawn().unwrap();
    let done = |queue: &str| {
        let list: QueueList = home.run(["queue", "list", "--json"]).json();
        list.queues.iter().find(|q| q.name == queue).and_then(|q| q.counts).map_or(0, |c| c.done.count)
    };
    let begun = std::time::Instant::now();
    while done("default") < 5 || done("mail") < 2 {
        assert!(begun.elapsed() < support::LIMIT, "waited in vain");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!((done("mail"), show(&home, "slack").used), (2, 2));
    worker.kill().unwrap();
    worker.wait().unwrap();
}
