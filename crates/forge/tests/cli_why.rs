//! `forge job why`.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::{JobStatus, Why};
use support::Home;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn names(why: &Why) -> Vec<&str> {
    why.reasons.iter().map(|r| r.reason.as_str()).collect()
}

#[test]
fn what_keeps_a_job_is_said_with_what_helps() {
    let home = Home::new();
    let id = home.enqueue(&["mail.send", "1", "--queue", "mail"]);
    home.run(["queue", "pause", "mail"]).check(0, &[]);
    let said: Why = home.run(["job", "why", &id, "--json"]).json();
    assert_eq!((said.id.as_str(), said.status, said.claimable), (id.as_str(), JobStatus::Pending, false));
    assert_eq!(names(&said), ["queue_paused", "no_process"]);
    assert_eq!(said.reasons[0].queue.as_deref(), Some("mail"));
    assert!(said.reasons.iter().all(|r| r.holds && r.until.is_none()));
    let by = said.reasons[0].by.clone().expect("it is told who paused it");
    let paused = &said.reasons[0].text;
    let began = format!("the queue mail is paused by {by} since 2");
    assert!(
        paused.starts_with(&began) && paused.ends_with(": `forge queue resume mail` lets it go on"),
        "{paused}"
    );
    let text = home.run(["job", "why", &id]).stdout;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            &*format!("job {id} is pending"),
            &*format!("- {paused}"),
            "- no process is alive: start the program",
        ]
    );
    // What is said helps.
    home.run(["queue", "resume", "mail"]).check(0, &[]);
    let said: Why = home.run(["job", "why", &id, "--json"]).json();
    assert_eq!(names(&said), ["no_process"]);
}

#[test]
fn a_time_comes_with_the_reason() {
    let home = Home::new();
    let id = home.enqueue(&["k", "1", "--run-at", "2050-01-01T01:00:00+01:00"]);
    let said: Why = home.run(["job", "why", &id, "--json"]).json();
    assert_eq!(said.reasons[0].until.as_deref(), Some("2050-01-01T00:00:00.000000Z"));
    assert_eq!(names(&said), ["not_due", "no_process"]);
}

#[test]
fn an_unknown_job_is_an_error() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    home.run(["job", "why", ID]).check(3, &[ID]);
}
