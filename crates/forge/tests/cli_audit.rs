//! `forge audit`.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::AuditPage;
use support::Home;

#[test]
fn what_the_command_line_does_is_written_down() {
    let home = Home::new();
    let id = home.enqueue(&["mail.send", "1", "--queue", "mail"]);
    home.run(["queue", "pause", "mail"]).check(0, &[]);
    home.run(["limit", "set", "slack", "5", "--per", "1s"]).check(0, &[]);
    home.run(["cron", "set", "nightly", "--expression", "0 3 * * *", "--kind", "k"]).check(0, &[]);
    home.run(["cron", "pause", "nightly"]).check(0, &[]);
    home.run(["job", "cancel", &id]).check(0, &[]);
    let all: AuditPage = home.run(["audit", "--json"]).json();
    let actions: Vec<_> = all.actions.iter().map(|a| a.action.as_str()).collect();
    assert_eq!(actions, ["job.cancel", "schedule.pause", "schedule.put", "limit.set", "queue.pause"]);
    assert!(all.actions.iter().all(|a| a.source == "cli" && !a.actor.is_empty() && a.count == 1));
    let one: AuditPage = home.run(["audit", "--target", &id, "--json"]).json();
    assert_eq!((one.actions.len(), one.actions[0].what.as_str()), (1, "job"));
    let text = home.run(["audit", "--limit", "2"]).stdout;
    assert!(text.contains("job.cancel") && text.contains("more: --before "), "{text}");
    let empty = home.run(["audit", "--actor", "nobody-of-that-name"]).stdout;
    assert_eq!(empty, "nothing was done\n");
}
