//! The command line as scripts see it: exit codes, JSON, and bad input that changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::storage::{ClaimMode, ClaimParams, ClaimWant, KindFilter, RegisterParams};
use forge_jobs::{JobId, ProcessId};
use forge_jobs_api::wire::{
    BulkResult, EnqueueOutcome, Enqueued, ErrorBody, ErrorCode, JobDetail, JobPage, JobStatus, Migrated,
    Queue, QueueList, Retention, Seconds, VerbOutcome, VerbReport,
};
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;
use support::{Home, open};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[test]
fn enqueue_prints_the_id_and_the_outcome() {
    let home = Home::new();
    let ended = home.run(["enqueue", "mail.send", r#"{"to":"ada"}"#, "--id", ID]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, &*format!("{ID} inserted\n")));
    let again: Enqueued = home.run(["--json", "enqueue", "mail.send", r#"{"to":"ada"}"#, "--id", ID]).json();
    assert_eq!(again, Enqueued { id: ID.into(), outcome: EnqueueOutcome::AlreadyThere });
}

#[test]
fn every_option_of_enqueue_arrives_in_the_job() {
    let home = Home::new();
    let id = home.enqueue(&[
        "mail.send",
        "-5",
        "--queue",
        "mail",
        "--run-at",
        "2050-01-01T01:00:00+01:00",
        "--priority",
        "-7",
        "--max-attempts",
        "3",
        "--dedupe-key",
        "k",
        "--tag",
        "a",
        "--tag",
        "b",
    ]);
    let job = home.run(["job", "show", &id, "--json"]).json::<JobDetail>().job;
    assert_eq!((job.kind.as_str(), job.payload.get(), job.queue.as_str()), ("mail.send", "-5", "mail"));
    assert_eq!((job.status, job.due_at.as_str()), (JobStatus::Scheduled, "2050-01-01T00:00:00.000000Z"));
    assert_eq!((job.priority, job.max_attempts, job.dedupe_key.as_deref()), (-7, 3, Some("k")));
    assert_eq!(job.tags, ["a", "b"]);
}

#[test]
fn a_delay_counts_from_the_enqueue() {
    let home = Home::new();
    let id = home.enqueue(&["k", "1", "--delay", "1h 30m"]);
    let job = home.run(["job", "show", &id, "--json"]).json::<JobDetail>().job;
    let at = |text: &str| text.parse::<forge_jobs::Timestamp>().unwrap();
    assert_eq!(job.status, JobStatus::Scheduled);
    assert_eq!(at(&job.due_at).saturating_since(at(&job.created_at)).as_secs(), 5_400);
}

#[test]
fn an_id_of_another_job_is_a_conflict_and_a_dedupe_key_in_use_is_not() {
    let home = Home::new();
    let first = home.enqueue(&["k", "1", "--id", ID, "--dedupe-key", "d"]);
    home.run(["enqueue", "k", "2", "--id", ID]).check(4, &[ID]);
    let duplicate: Enqueued = home.run(["enqueue", "k", "2", "--dedupe-key", "d", "--json"]).json();
    assert_eq!(duplicate, Enqueued { id: first.clone(), outcome: EnqueueOutcome::Duplicate });
    let terms = ["--dedupe-states", "pending,scheduled,retrying,done", "--dedupe-period", "1h", "--replace"];
    let keyed = ["enqueue", "k", "3", "--dedupe-key", "d", "--json"];
    let replaced: Enqueued = home.run(keyed.into_iter().chain(terms)).json();
    assert_eq!(replaced, Enqueued { id: first.clone(), outcome: EnqueueOutcome::Replaced });
    let job = home.run(["job", "show", &first, "--json"]).json::<JobDetail>().job;
    // The terms of the key are those of the job that holds it.
    assert_eq!((job.payload.get(), job.dedupe_until), ("3", None));
    assert_eq!(job.dedupe_states, ["pending", "scheduled", "running", "retrying"]);
    let other: Enqueued =
        home.run(["enqueue", "k", "4", "--dedupe-key", "e", "--json"].into_iter().chain(terms)).json();
    let job = home.run(["job", "show", &other.id, "--json"]).json::<JobDetail>().job;
    assert_eq!(job.dedupe_states, ["pending", "scheduled", "retrying", "done"]);
    assert!(job.dedupe_until.is_some());
}

#[test]
fn bad_input_is_refused_with_its_value_before_a_database_is_made() {
    let home = Home::new();
    let deep = "[".repeat(129) + &"]".repeat(129);
    let cases: [(&[&str], &str); 21] = [
        (&["enqueue", "k", "{"], "no JSON"),
        (&["enqueue", "k", r#""\u0000""#], "NUL"),
        (&["enqueue", "k", r#""\ud800""#], "surrogate"),
        (&["enqueue", "k", &deep], "deeper"),
        (&["enqueue", "k k", "1"], "k k"),
        (&["enqueue", "k", "1", "--queue", "q!"], "q!"),
        (&["enqueue", "k", "1", "--run-at", "tomorrow"], "tomorrow"),
        (&["enqueue", "k", "1", "--delay", "soon"], "soon"),
        (&["enqueue", "k", "1", "--delay", "5m", "--run-at", "2050-01-01T00:00:00Z"], "--run-at"),
        (&["enqueue", "-", "--delay", "5m"], "standard input"),
        (&["enqueue", "k", "1", "--priority", "70000"], "70000"),
        (&["enqueue", "k", "1", "--max-attempts", "0"], "'0' for '--max-attempts"),
        (&["enqueue", "k", "1", "--max-attempts", "-1"], "-1"),
        (&["enqueue", "k", "1", "--id", "12"], "12"),
        (&["enqueue", "k", "1", "--dedupe-key", "d", "--dedupe-states", "pending"], "lack scheduled"),
        (&["enqueue", "k", "1", "--dedupe-key", "d", "--dedupe-states", "asleep"], "asleep"),
        (&["enqueue", "k", "1", "--dedupe-key", "d", "--dedupe-period", "400d"], "366 days"),
        (&["enqueue", "k", "1", "--dedupe-period", "1h"], "--dedupe-key"),
        (&["enqueue", "k", "1", "--replace"], "--dedupe-key"),
        (&["enqueue", "k"], "payload"),
        (&["enqueue", "-", "--queue", "q"], "standard input"),
    ];
    for (args, word) in cases {
        home.run(args).check(2, &[word]);
    }
    assert!(!home.database().exists());
}

#[test]
fn lines_are_enqueued_and_bad_ones_are_reported_with_their_number() {
    let home = Home::new();
    let long = format!("{{\"kind\":\"k\",\"payload\":\"{}\"}}", "x".repeat(1 << 20));
    let input = [
        &format!("{{\"kind\":\"k\",\"payload\":{{ \"a\" : 1.0 }},\"id\":\"{ID}\",\"tags\":[\"t\"]}}"),
        "",
        "{\"kind\":\"k\"}",
        "not json",
        &long,
        "{\"kind\":\"k k\",\"payload\":1}",
        "{\"kind\":\"k\",\"payload\":\"\\ud800\"}",
        &format!("{{\"kind\":\"k\",\"payload\":2,\"id\":\"{ID}\"}}"),
        "{\"kind\":\"k\",\"payload\":null,\"queue\":\"other\"}",
    ]
    .join("\n");
    let ended = home.feed(["enqueue", "-", "--json"], input.as_bytes());
    assert_eq!(ended.code, 1, "{ended:?}");
    let results: Vec<BulkResult> = ended.json();
    let good: Vec<u64> = results.iter().filter(|r| r.outcome.is_some()).map(|r| r.line).collect();
    let bad: Vec<_> = results.iter().filter_map(|r| r.error.as_ref().map(|e| (r.line, e.code))).collect();
    assert_eq!(good, [1, 9]);
    let invalid = ErrorCode::Invalid;
    assert_eq!(
        bad,
        [(3, invalid), (4, invalid), (5, invalid), (6, invalid), (7, invalid), (8, ErrorCode::Conflict)]
    );

    let job = home.run(["job", "show", ID, "--json"]).json::<JobDetail>().job;
    assert_eq!(job.payload.get(), r#"{ "a" : 1.0 }"#);
    assert_eq!(home.run(["job", "list", "--json"]).json::<JobPage>().jobs.len(), 2);

    let text = home.feed(["enqueue", "-"], b"{\"kind\":\"k\",\"payload\":1}\nx\n");
    text.check(1, &["line 2:", "1 line enqueued, 1 failed"]);
    assert!(!text.stderr.contains("line 1"), "{text:?}");
    assert!(text.stdout.ends_with(" inserted\n") && text.stdout.lines().count() == 1, "{text:?}");
}

#[test]
fn thousands_of_lines_are_all_answered_in_their_order() {
    let home = Home::new();
    let ended = home.feed(["enqueue", "-", "--json"], lines(2_500).as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let results: Vec<BulkResult> = ended.json();
    assert!(results.iter().map(|r| r.line).eq(1..=2_500));
    assert!(results.iter().all(|r| r.outcome == Some(EnqueueOutcome::Inserted)));
    let list: QueueList = home.run(["queue", "list", "--json"]).json();
    assert_eq!(list.queues[0].counts.unwrap().pending.count, 2_500);
}

#[test]
fn no_lines_are_no_jobs_and_no_error() {
    let home = Home::new();
    let ended = home.feed(["enqueue", "-", "--json"], b"");
    assert_eq!((ended.code, ended.json::<Vec<BulkResult>>()), (0, vec![]));
}

#[test]
fn a_list_is_filtered_and_paged_to_its_end_without_loss() {
    let home = Home::new();
    home.enqueue_lines((0..25).map(|n| {
        format!("{{\"kind\":\"k{}\",\"payload\":{n},\"queue\":\"q\",\"tags\":[\"t{}\"]}}", n % 2, n % 3)
    }));
    let count = |args: &[&str]| {
        let args = [&["job", "list", "--json", "--limit", "500"], args].concat();
        home.run(args).json::<JobPage>().jobs.len()
    };
    assert_eq!(count(&[]), 25);
    assert_eq!(count(&["--kind", "k1"]), 12);
    assert_eq!(count(&["--tag", "t0"]), 9);
    assert_eq!(count(&["--queue", "nobody"]), 0);
    assert_eq!(count(&["--status", "pending", "--queue", "q", "--kind", "k0", "--tag", "t0"]), 5);
    assert_eq!(count(&["--status", "dead", "--dead-reason", "poison"]), 0);

    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut args = vec!["job", "list", "--json", "--limit", "10"];
        args.extend(after.iter().flat_map(|a| ["--after", a.as_str()]));
        let page: JobPage = home.run(args).json();
        seen.extend(page.jobs.into_iter().map(|j| j.id));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (25, 25));

    for (args, word) in [
        (["--limit", "0"], "0"),
        (["--limit", "-1"], "-1 is not in 1..=500"),
        (["--limit", "501"], "501"),
        (["--status", "finished"], "retrying"),
        (["--dead-reason", "old"], "poison"),
        (["--after", "x"], "cursor"),
    ] {
        home.run([&["job", "list"], &args[..]].concat()).check(2, &[word]);
    }
}

#[test]
fn show_tells_what_happened_and_an_unknown_job_is_not_found() {
    let home = Home::new();
    let id = home.enqueue(&["k", "1"]);
    home.run(["job", "cancel", &id]).check(0, &[]);
    let detail: JobDetail = home.run(["job", "show", &id, "--json"]).json();
    let events: Vec<_> = detail.events.iter().map(|e| e.event.as_str()).collect();
    assert!(events.contains(&"enqueued") && events.contains(&"cancelled"), "{events:?}");
    let text = home.run(["job", "show", &id]);
    assert!(text.stdout.contains("dead (cancelled)") && text.stdout.contains("events"), "{text:?}");

    let unknown = home.run(["job", "show", ID, "--json"]);
    unknown.check(3, &[ID]);
    assert_eq!(unknown.json::<ErrorBody>().error.code, ErrorCode::NotFound);
    home.run(["job", "show", "12"]).check(2, &["12"]);
}

/// So many lines for `forge enqueue -`.
fn lines(count: u32) -> String {
    (0..count).map(|n| format!("{{\"kind\":\"k\",\"payload\":{n}}}")).collect::<Vec<_>>().join("\n")
}

/// Runs a verb and gives code and outcomes.
fn verb(home: &Home, verb: &str, ids: &[&str]) -> (i32, Vec<VerbOutcome>) {
    let ended = home.run([&["job", verb, "--json"], ids].concat());
    let report: VerbReport = ended.json();
    assert!(report.results.iter().map(|r| r.id.as_str()).eq(ids.iter().copied()), "{report:?}");
    (ended.code, report.results.iter().map(|r| r.outcome).collect())
}

#[test]
fn each_verb_answers_for_each_job_and_the_exit_code_for_all() {
    use VerbOutcome::*;
    let home = Home::new();
    let (a, b) = (home.enqueue(&["k", "1"]), home.enqueue(&["k", "2"]));
    let later = home.enqueue(&["k", "3", "--run-at", "2050-01-01T00:00:00Z"]);
    assert_eq!(verb(&home, "cancel", &[&a, &b]), (0, vec![Cancelled, Cancelled]));
    assert_eq!(verb(&home, "cancel", &[&a]), (4, vec![AlreadyFinished]));
    assert_eq!(verb(&home, "retry", &[&a, &later]), (4, vec![Retried, Refused]));
    assert_eq!(verb(&home, "run-now", &[&later, &a]), (0, vec![MadePending, AlreadyPending]));
    assert_eq!(verb(&home, "run-now", &[&b]), (4, vec![Refused]));
    assert_eq!(verb(&home, "drop", &[&b, ID]), (3, vec![Dropped, Unknown]));
    assert_eq!(verb(&home, "cancel", &[ID, &a]), (3, vec![Unknown, Cancelled]));
    home.run(["job", "retry"]).check(2, &["ids", "--status"]);
    home.run(["job", "drop", &a, "12"]).check(2, &["12"]);
    // Nothing was done to the good id of a bad command line.
    assert_eq!(home.run(["job", "show", &a]).code, 0);
    let text = home.run(["job", "drop", ID]);
    assert_eq!((text.code, text.stdout), (3, format!("{ID} unknown: there is no such job\n")));
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop_and_cannot_be_dropped() {
    let home = Home::new();
    let id = home.enqueue(&["k", "1"]);
    let storage = open(&home.database()).await;
    let process = ProcessId::new();
    let register = RegisterParams {
        process,
        host: "here".into(),
        pid: 1,
        version: "0".into(),
        kinds: Some(vec!["k".into()]),
        queues: None,
        heartbeat_interval: Duration::from_secs(10),
        stale_after: Duration::from_secs(45),
        now: None,
    };
    storage.processes.register(register).await.unwrap();
    let claim = ClaimParams {
        process,
        wants: vec![ClaimWant { queue: "default".into(), limit: 1 }],
        kinds: KindFilter::Any,
        mode: ClaimMode::Ordinary,
        now: None,
    };
    assert_eq!(storage.jobs.claim(claim).await.unwrap().jobs.len(), 1);

    assert_eq!(verb(&home, "drop", &[&id]), (4, vec![VerbOutcome::Refused]));
    let report: VerbReport = home.run(["job", "cancel", "--json", &id]).json();
    assert_eq!(report.results[0].outcome, VerbOutcome::Requested);
    assert_eq!(report.results[0].process, Some(process.to_string()));
    let list: QueueList = home.run(["queue", "list", "--json"]).json();
    assert_eq!((list.processes.len(), list.processes[0].holds.count), (1, 1));
    assert_eq!(list.queues[0].counts.unwrap().running.count, 1);
}

#[test]
fn a_queue_is_set_paused_and_resumed() {
    let home = Home::new();
    home.enqueue(&["k", "1", "--queue", "mail"]);
    let set = [
        "queue",
        "set",
        "mail",
        "--json",
        "--workers",
        "3",
        "--backoff",
        "off",
        "--base-seconds",
        "0.25",
        "--max-seconds",
        "60",
        "--done-retention",
        "12h",
        "--dead-retention",
        "forever",
    ];
    let queue: Queue = home.run(set).json();
    let s = queue.settings;
    assert_eq!(
        (s.workers, s.backoff_enabled, s.base_seconds, s.max_seconds),
        (3, false, Seconds(0.25), Seconds(60.0))
    );
    assert_eq!(s.done_retention_seconds, Retention::For(Seconds(43_200.0)));
    assert_eq!(s.dead_retention_seconds, Retention::FOREVER);
    assert!(queue.workers_set_by_operator);

    let paused: Queue = home.run(["queue", "pause", "mail", "--json"]).json();
    assert!(paused.settings.paused && paused.version > queue.version);
    assert_eq!(paused.settings.workers, 3);
    let text = home.run(["queue", "list"]);
    assert!(text.stdout.contains("paused") && text.stdout.contains("no live process"), "{text:?}");
    let resumed: Queue = home.run(["queue", "resume", "mail", "--json"]).json();
    assert!(!resumed.settings.paused);

    let stale = paused.version.to_string();
    home.run(["queue", "set", "mail", "--workers", "9", "--if-version", &stale]).check(4, &["version"]);
    let now = resumed.version.to_string();
    home.run(["queue", "set", "mail", "--workers", "4", "--if-version", &now]).check(0, &[]);
}

#[test]
fn absurd_settings_are_refused_and_change_nothing() {
    let home = Home::new();
    home.enqueue(&["k", "1", "--queue", "mail"]);
    let before = home.run(["queue", "list", "--json"]).stdout;
    for (args, word) in [
        (["--workers", "1025"], "1024"),
        (["--workers", "-1"], "0..=1024"),
        (["--max-seconds", "1e300"], "more than"),
        (["--base-seconds", "-1"], "-1"),
        (["--max-seconds", "1e30"], "1e30"),
        (["--base-seconds", "30000"], "30000"),
        (["--done-retention", "200years"], "done_retention_seconds"),
        (["--dead-retention", "soon"], "soon"),
        (["--backoff", "maybe"], "maybe"),
    ] {
        home.run([&["queue", "set", "mail"], &args[..]].concat()).check(2, &[word]);
    }
    home.run(["queue", "set", "mail"]).check(2, &["nothing to set"]);
    for args in [&["set", "nobody", "--workers", "1"][..], &["pause", "nobody"], &["resume", "nobody"]] {
        home.run([&["queue"], args].concat()).check(3, &["nobody"]);
    }
    assert_eq!(home.run(["queue", "list", "--json"]).stdout, before);
}

#[test]
fn a_look_at_a_database_that_is_not_there_makes_none() {
    let home = Home::new();
    for args in [
        &["job", "list"][..],
        &["job", "show", ID],
        &["job", "retry", ID],
        &["queue", "list"],
        &["queue", "pause", "q"],
        &["doctor"],
    ] {
        home.run(args).check(5, &["no database", "forge.db"]);
    }
    assert!(!home.path("data/forge").exists());
}

#[test]
fn a_slip_in_a_filter_is_told_and_a_cursor_of_another_list_refused() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    home.enqueue(&["k", "2"]);
    let ended = home.run(["job", "list", "--queue", "defautl", "--kind", "kk"]);
    ended.check(0, &["of the queue \"defautl\"", "of the kind \"kk\""]);
    let page: JobPage = home.run(["job", "list", "--queue", "defautl", "--json"]).json();
    assert_eq!(page.unknown, ["queue"]);
    home.run(["job", "list", "--status", "done", "--dead-reason", "poison"]).check(2, &["done", "poison"]);
    let page: JobPage = home.run(["job", "list", "--limit", "1", "--json"]).json();
    let next = page.next.unwrap();
    home.run(["job", "list", "--limit", "1", "--after", &next]).check(0, &[]);
    home.run(["job", "list", "--kind", "k", "--after", &next]).check(2, &["after", "another filter"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let home = Home::new();
    let file = home.path("garbage.db");
    let bytes = b"this is no database, and must not become one. ".repeat(100);
    std::fs::write(&file, &bytes).unwrap();
    let url = format!("sqlite:{}", file.display());
    for args in [&["migrate"][..], &["enqueue", "k", "1"], &["job", "list"], &["doctor"]] {
        let ended = home.run([args, &["--database", &url, "--json"]].concat());
        ended.check(5, &["garbage.db"]);
        assert_eq!(ended.json::<ErrorBody>().error.code, ErrorCode::Unavailable);
    }
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    let version = |sql: &str| {
        let db = rusqlite::Connection::open(home.database()).unwrap();
        db.execute_batch(sql).unwrap();
        let read = "SELECT value FROM forge_meta WHERE key = 'schema_version'";
        db.query_row(read, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let newer = version("UPDATE forge_meta SET value = 9999 WHERE key = 'schema_version'");
    assert_eq!(newer, 9_999);
    for args in [&["enqueue", "k", "1"][..], &["migrate"], &["job", "list"]] {
        home.run(args).check(5, &["forge.db has schema version 9999", "newer"]);
    }
    assert_eq!(version(""), 9_999);
}

#[test]
fn a_typo_in_the_config_file_is_reported_with_file_line_and_key() {
    let home = Home::new();
    home.write_config("[database]\n\nurll = \"sqlite:x.db\"\n");
    home.run(["job", "list"]).check(2, &["forge.toml:3", "urll"]);
    home.run(["enqueue", "k", "1"]).check(2, &["forge.toml:3"]);
    assert!(!home.database().exists());
}

#[test]
fn the_option_wins_over_the_variable_over_the_file_over_the_default() {
    let home = Home::new();
    let url = |name: &str| format!("sqlite:{}", home.path(name).display());
    let database = |args: &[&str], variable: Option<&str>| {
        let mut command = home.command([&["migrate", "--json"], args].concat());
        if let Some(url) = variable {
            command.env("FORGE_DATABASE_URL", url);
        }
        support::Ended::of(&command.output().unwrap()).json::<Migrated>().database
    };
    assert_eq!(database(&[], None), url("data/forge/forge.db"));
    home.write_config(&format!("[database]\nurl = \"{}\"\n", url("file.db")));
    assert_eq!(database(&[], None), url("file.db"));
    assert_eq!(database(&[], Some(&url("variable.db"))), url("variable.db"));
    assert_eq!(database(&["--database", &url("option.db")], Some(&url("variable.db"))), url("option.db"));
    for name in ["file.db", "variable.db", "option.db"] {
        assert!(home.path(name).exists(), "{name}");
    }
    home.run(["migrate", "--database", "mysql://me:hunter2@host/db"]).check(2, &["sqlite:PATH"]);
}

#[test]
fn with_json_standard_output_is_one_document_whatever_is_logged_and_whatever_fails() {
    let home = Home::new();
    let mut command = home.command(["enqueue", "k", "1", "--json"]);
    let ended = support::Ended::of(&command.env("FORGE_LOG", "trace").output().unwrap());
    ended.json::<Enqueued>();
    let usage = home.run(["--json", "job", "lst"]);
    usage.check(2, &["lst"]);
    assert_eq!(usage.json::<ErrorBody>().error.code, ErrorCode::Invalid);
    let mut command = home.command(["job", "list"]);
    let ended = support::Ended::of(&command.env("FORGE_LOG", "a=b=c").output().unwrap());
    ended.check(2, &["FORGE_LOG"]);
}

#[test]
fn a_reader_that_goes_away_ends_the_output_and_not_the_work() {
    let home = Home::new();
    let mut child = home
        .command(["enqueue", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, lines(3_000).as_bytes()).unwrap();
    drop(stdin);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), "3000 lines enqueued, 0 failed\n"));
    let list: QueueList = home.run(["queue", "list", "--json"]).json();
    assert_eq!(list.queues[0].counts.unwrap().pending.count, 3_000);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let home = Home::new();
    home.enqueue(&["k", "1"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = support::Ended::of(&home.command(["job", "list"]).stdout(full).output().unwrap());
    ended.check(1, &["standard output"]);
}

#[test]
fn ids_are_unique_and_parse() {
    let home = Home::new();
    let ids: std::collections::BTreeSet<JobId> =
        (0..3).map(|n| home.enqueue(&["k", &n.to_string()]).parse().unwrap()).collect();
    assert_eq!(ids.len(), 3);
}
