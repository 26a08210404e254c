//! The commands at a server give what they give on its database.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod serving;
mod support;

use forge_jobs_api::wire::{Enqueued, ErrorBody, ErrorCode};
use serving::{Serving, token};
use support::{Ended, Home};

/// A home whose database is served, and a way to ask for the same thing twice.
struct Twice {
    home: Home,
    serving: Serving,
}

impl Twice {
    fn new() -> Self {
        Self::serving(&["--tokens", "tokens"])
    }

    fn serving(args: &[&str]) -> Self {
        let home = Home::new();
        let admin = token(&home, "admin");
        std::fs::write(home.path("work/admin.token"), format!("{admin}\n")).unwrap();
        let viewer = token(&home, "viewer");
        std::fs::write(home.path("work/viewer.token"), viewer).unwrap();
        let serving = Serving::start(&home, args);
        Self { home, serving }
    }

    fn there(&self, args: &[&str], role: &str) -> Ended {
        let (server, file) = (format!("http://{}", self.serving.addr), format!("{role}.token"));
        let at = ["--server", &server, "--token-file", &file, "--json"];
        self.home.run([args, &at].concat())
    }

    fn here(&self, args: &[&str]) -> Ended {
        self.home.run([args, &["--json"]].concat())
    }

    /// The same answer and exit code from both.
    #[track_caller]
    fn same(&self, args: &[&str]) -> Ended {
        let (here, there) = (self.here(args), self.there(args, "admin"));
        assert_eq!((here.code, &here.stdout), (there.code, &there.stdout), "{args:?}: {here:?} {there:?}");
        there
    }
}

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[test]
fn looks_give_the_same_json_from_both() {
    let twice = Twice::new();
    twice
        .there(
            &[
                "enqueue",
                "k",
                r#"{ "b": 1e400 }"#,
                "--id",
                ID,
                "--tag",
                "ü",
                "--run-at",
                "2050-01-01T00:00:00Z",
            ],
            "admin",
        )
        .check(0, &[]);
    let set =
        ["cron", "set", "a/b", "--expression", "@daily", "--kind", "k", "--jitter", "90", "--payload", "{ }"];
    twice.there(&set, "admin").check(0, &[]);
    twice.there(&["limit", "set", "slack:team-7", "5", "--per", "10s"], "admin").check(0, &[]);
    for args in [
        &["job", "list"][..],
        &["job", "list", "--tag", "ü", "--status", "scheduled", "--limit", "1"],
        &["job", "list", "--queue", "nosuch"],
        &["job", "list", "--kind", "k*", "--status", "scheduled,dead", "--payload", "1e400"],
        &["job", "count", "--created-from", "2026-01-01T00:00:00Z"],
        &["job", "drop", "--tag", "ü"],
        &["job", "show", ID],
        &["queue", "list"],
        &["cron", "list"],
        &["cron", "show", "a/b"],
        &["limit", "list"],
        &["limit", "show", "slack:team-7"],
    ] {
        assert_eq!(twice.same(args).code, 0, "{args:?}");
    }
    assert!(twice.there(&["job", "why", ID], "viewer").stdout.contains("not_due"));
    let health = twice.there(&["db", "health"], "viewer");
    assert!(health.stdout.contains(r#""tables""#), "{health:?}");
    let doctor = twice.there(&["doctor"], "admin");
    assert!(doctor.stdout.contains(r#""schema_version""#), "{doctor:?}");
}

#[test]
fn what_jobs_leave_behind_is_the_same_from_both() {
    let twice = Twice::serving(&["--tokens", "tokens", "--worker", "--test-handlers"]);
    let home = &twice.home;
    let fails: Vec<_> = (1..=2)
        .map(|n| home.enqueue(&["t.err", &format!(r#"{{"text":"row {n} is odd"}}"#), "--max-attempts", "1"]))
        .collect();
    let talks = home.enqueue(&["t.log", r#"{"n":3,"text":"hello"}"#]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    for id in fails.iter().chain([&talks]) {
        while !home.run(["job", "show", id, "--json"]).stdout.contains(r#""finished_at":"2"#) {
            assert!(std::time::Instant::now() < deadline, "{id} does not end");
        }
    }
    // The last lines of a log come shortly after its job's end.
    home.run(["job", "logs", &talks, "--follow"]).check(0, &[]);
    for args in [
        &["job", "logs", &talks][..],
        &["job", "logs", &talks, "--attempt", "1"],
        &["job", "events", &fails[0]],
        &["job", "show", &fails[0]],
        &["errors"],
        &["errors", "--sort", "frequent", "--kind", "t.err"],
    ] {
        assert_eq!(twice.same(args).code, 0, "{args:?}");
    }
    let list: forge_jobs_api::wire::ErrorList = twice.there(&["errors"], "viewer").json();
    let group = &list.groups[0].id;
    assert_eq!(list.groups[0].count, 2);
    assert_eq!(twice.same(&["errors", "show", group]).code, 0);
    twice.there(&["errors", "retry", group], "viewer").check(1, &["needs the role operator"]);
    twice.there(&["errors", "drop", group], "admin").check(0, &[]);
    twice.same(&["job", "show", &fails[1]]).check(3, &[]);
    twice.same(&["errors", "show", "00c0ffee00c0ffee"]).check(3, &[]);
    let all = twice.there(&["metrics", "--by", "kind", "--last", "6h"], "viewer");
    let all: forge_jobs_api::wire::Timeline = all.json();
    // What a worker leads to be added up may come later than the first look.
    assert!(all.lines.iter().map(|line| line.sum.enqueued).sum::<u64>() <= 3, "{all:?}");
    twice.there(&["metrics", "--resources"], "viewer").check(0, &[]);
    twice.there(&["metrics", "--last", "99999d"], "viewer").check(2, &["10 years"]);
}

#[test]
fn changes_have_their_effect_and_their_exit_code() {
    let twice = Twice::new();
    let made: Enqueued = twice.there(&["enqueue", "k", "1", "--id", ID], "admin").json();
    assert_eq!(made.id, ID);
    let again = twice.same(&["enqueue", "k", "1", "--id", ID]);
    assert!(again.stdout.contains("already_there"), "{again:?}");
    twice.same(&["enqueue", "k", "2", "--id", ID]).check(4, &["another job"]);
    twice.there(&["job", "edit", ID, "--priority", "5"], "admin").check(0, &[]);
    twice.same(&["job", "edit", ID, "--priority", "5", "--if-version", "1"]).check(4, &["changed since"]);
    twice.there(&["job", "run-now", "--queue", "nosuch", "--yes"], "admin").check(3, &["no queue"]);
    twice.there(&["queue", "pause", "default"], "admin").check(0, &[]);
    let set = ["queue", "set", "default", "--workers", "4", "--max-running", "none"];
    assert!(twice.there(&set, "admin").stdout.contains(r#""paused":true"#));
    twice.there(&["queue", "set", "default", "--workers", "5", "--if-version", "1"], "admin").check(4, &[]);
    twice.there(&["queue", "pause", "nosuch"], "admin").check(3, &["forge queue list"]);
    twice.there(&["job", "cancel", ID], "admin").check(0, &[]);
    twice.same(&["job", "cancel", ID]).check(4, &[]);
    twice.there(&["job", "drop", ID], "admin").check(0, &[]);
    twice.same(&["job", "show", ID]).check(3, &[]);
    let at = format!("http://{}", twice.serving.addr);
    let input = b"{\"kind\":\"k\",\"payload\":1}\nnonsense\n{\"kind\":\"k k\",\"payload\":1}\n";
    let bulk = twice.home.feed(["enqueue", "-", "--server", &at, "--token-file", "admin.token"], input);
    bulk.check(1, &["line 2", "line 3", "1 line enqueued, 2 failed"]);
}

#[test]
fn who_may_not_is_told_so_and_so_is_who_asks_nobody() {
    let twice = Twice::new();
    let refused = twice.there(&["enqueue", "k", "1"], "viewer");
    refused.check(1, &["needs the role operator"]);
    assert_eq!(refused.json::<ErrorBody>().error.code, ErrorCode::Forbidden);
    let home = &twice.home;
    let at = format!("http://{}", twice.serving.addr);
    home.run(["job", "list", "--server", &at]).check(1, &["no valid token"]);
    home.run(["job", "list", "--server", "http://127.0.0.1:1"]).check(5, &["cannot be reached"]);
    home.run(["migrate", "--server", &at]).check(2, &["leave --server out"]);
    home.run(["job", "list", "--server", &at, "--database", "sqlite:x"]).check(2, &["cannot be used with"]);
    home.run(["job", "list", "--server", "http://jobs.example.com", "--token-file", "viewer.token"])
        .check(2, &["https alone"]);
}
