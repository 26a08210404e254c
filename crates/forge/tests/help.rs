//! The help of every command is on record, so that a change of it is seen in review.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use support::Home;

#[test]
fn the_help_of_every_command_is_the_one_on_record() {
    let home = Home::new();
    for command in [
        "",
        "demo",
        "enqueue",
        "job",
        "job list",
        "job count",
        "job edit",
        "job show",
        "job events",
        "job logs",
        "job cancel",
        "job retry",
        "job run-now",
        "job drop",
        "errors",
        "errors retry",
        "queue",
        "queue list",
        "queue set",
        "queue pause",
        "queue resume",
        "limit",
        "limit list",
        "limit set",
        "limit show",
        "limit drain",
        "limit attach",
        "limit detach",
        "limit remove",
        "cron",
        "cron list",
        "cron show",
        "cron set",
        "cron pause",
        "cron resume",
        "cron reset",
        "cron run",
        "cron remove",
        "cron next",
        "audit",
        "serve",
        "token",
        "worker",
        "bench",
        "migrate",
        "db",
        "db health",
        "doctor",
    ] {
        let ended = home.run(command.split_whitespace().chain(["--help"]));
        assert_eq!(ended.code, 0, "{ended:?}");
        let name = format!("help {command}").trim_end().replace(' ', "_");
        insta::assert_snapshot!(name, ended.stdout);
    }
}

#[test]
fn without_a_command_the_help_is_shown_and_it_is_a_usage_error() {
    let ended = Home::new().run::<&str>([]);
    ended.check(2, &["Usage: forge"]);
}
