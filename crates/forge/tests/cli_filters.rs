//! Filters, counts, verbs on all jobs of a filter, edits, and the health of the database.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::{
    BulkPreview, BulkReport, DatabaseHealth, JobCount, JobDetail, JobPage, JobStatus, RowCountBy,
};
use support::Home;

#[test]
fn jobs_are_found_and_counted_by_any_field() {
    let home = Home::new();
    let mail = home.enqueue(&["mail.send", r#"{"to":"ada"}"#, "--queue", "mail"]);
    home.enqueue(&["mail.check", "1", "--queue", "other"]);
    home.enqueue(&["report", "1", "--queue", "third"]);
    let list = |args: &[&str]| -> JobPage { home.run([&["job", "list", "--json"], args].concat()).json() };
    assert_eq!(list(&["--queue", "mail,other"]).jobs.len(), 2);
    assert_eq!(list(&["--kind", "mail.*", "--status", "pending,dead"]).jobs.len(), 2);
    assert_eq!(list(&["--created-until", "2000-01-01T00:00:00Z"]).jobs.len(), 0);
    let found = list(&["--payload", r#""ada""#]);
    assert_eq!((found.jobs.len(), found.jobs[0].id.as_str(), found.complete), (1, mail.as_str(), true));
    let counted: JobCount = home.run(["job", "count", "--kind", "mail.*", "--json"]).json();
    assert_eq!((counted.jobs.count, counted.jobs.more), (2, false));
    assert_eq!(home.run(["job", "count"]).stdout, "3 jobs\n");
    home.run(["job", "count", "--queue", "nosuch"]).check(0, &["no job was ever of the queue"]);
    home.run(["job", "list", "--status", "frozen"]).check(2, &["frozen"]);
    home.run(["job", "list", "--kind", "*"]).check(2, &["kind"]);
}

#[test]
fn a_verb_on_a_filter_says_what_it_would_do_and_does_it_when_told() {
    let home = Home::new();
    for n in 0..3 {
        home.enqueue(&["k", &n.to_string(), "--queue", "mail"]);
    }
    home.enqueue(&["k", "9", "--queue", "other"]);
    let looked = home.run(["job", "cancel", "--queue", "mail", "--json"]);
    looked.check(0, &["add --yes"]);
    let preview: BulkPreview = looked.json();
    assert_eq!((preview.jobs.count, preview.sample.len(), preview.refused.len()), (3, 3, 0));
    assert_eq!(home.run(["job", "count", "--status", "dead"]).stdout, "0 jobs\n");
    let report: BulkReport = home.run(["job", "cancel", "--queue", "mail", "--yes", "--json"]).json();
    assert_eq!((report.tried_in_all, report.stopped), (3, false));
    assert_eq!(home.run(["job", "count", "--status", "dead"]).stdout, "3 jobs\n");
    home.run(["job", "retry", "--queue", "mail", "--yes", "--at-most", "1"]).check(4, &["more jobs match"]);
    assert_eq!(home.run(["job", "count", "--status", "dead"]).stdout, "2 jobs\n");
    home.run(["job", "drop", "--queue", "nosuch", "--yes"]).check(3, &["there is no queue"]);
    home.run(["job", "retry", "--status", "done", "--yes"]).check(0, &[]);
    home.run(["job", "cancel"]).check(2, &["give ids, or a filter"]);
    home.run(["job", "cancel", "01890a5d-ac96-774b-bcce-b302099a8057", "--queue", "mail"]).check(2, &[]);
}

#[test]
fn a_job_that_waits_is_edited_and_no_other() {
    let home = Home::new();
    let id = home.enqueue(&["k", "1", "--tag", "t"]);
    let shown: JobDetail = home.run(["job", "show", &id, "--json"]).json();
    let version = shown.version.to_string();
    let edit =
        ["job", "edit", &id, "--payload", r#"{ "a": 1 }"#, "--no-tags", "--run-at", "2099-01-01T00:00:00Z"];
    let edited: JobDetail = home.run([&edit[..], &["--if-version", &version, "--json"]].concat()).json();
    assert_eq!((edited.job.status, edited.job.payload.get()), (JobStatus::Scheduled, r#"{ "a": 1 }"#));
    assert!(edited.job.tags.is_empty());
    home.run(["job", "edit", &id, "--priority", "-1", "--if-version", &version]).check(4, &["changed since"]);
    home.run(["job", "edit", &id, "--priority", "-1"]).check(0, &[]);
    home.run(["job", "edit", &id]).check(2, &["nothing to change"]);
    home.run(["job", "edit", &id, "--payload", "{"]).check(2, &["no JSON"]);
    home.run(["job", "cancel", &id]).check(0, &[]);
    home.run(["job", "edit", &id, "--priority", "1"]).check(4, &["is dead"]);
    home.run(["job", "edit", "01890a5d-ac96-774b-bcce-b302099a8057", "--priority", "1"]).check(3, &[]);
}

#[test]
fn the_health_of_the_database_is_shown() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    let health: DatabaseHealth = home.run(["db", "health", "--json"]).json();
    let jobs = health.tables.iter().find(|table| table.name == "forge_jobs").unwrap();
    assert_eq!((jobs.rows.count, jobs.rows.by), (1, RowCountBy::Count));
    assert!(health.bytes.unwrap() > 0 && health.log.is_some_and(|log| log.pages.is_some()), "{health:?}");
    let text = home.run(["db", "health"]).stdout;
    assert!(text.contains("forge_jobs") && text.contains("SQLite 3."), "{text}");
}
