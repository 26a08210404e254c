//! What can be said of a Postgres database without a server: what is refused, and that no password is shown.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::{ErrorBody, ErrorCode};
use support::{Ended, Home};

/// What must be seen nowhere.
const CANARY: &str = "hunter2";
/// URLs with a fault each, and the remedy.
const BAD: [(&str, &str); 8] = [
    ("u:hunter2@host:port/db", "1 to 65535"),
    ("u:hunter2@a,b/db", "several hosts"),
    ("u:hunter2@host/db?sslmode=allow", "use disable, prefer"),
    ("u:hunter2@host/db?schema=Jobs", "schema \"Jobs\""),
    ("u:hunter2@host/db?colour=red", "the parameter colour is not known"),
    ("u:hunter2@host/db?options=-cx", "ALTER ROLE"),
    ("u:x@hunter2@host/db", "%40"),
    ("u:x/hunter2@host/db", "%2F"),
];

fn url(rest: &str) -> String {
    format!("postgres://{rest}")
}

#[track_caller]
fn keeps_the_secret(ended: &Ended) {
    assert!(!ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY), "{ended:?}");
}

#[test]
fn a_bad_url_is_a_usage_error_wherever_it_comes_from_and_is_not_shown() {
    let home = Home::new();
    for (rest, remedy) in BAD {
        let url = url(rest);
        let ended = home.run(["job", "list", "--database", &url]);
        keeps_the_secret(ended.check(2, &["forge: --database: ", remedy]));

        let mut command = home.command(["doctor", "--json"]);
        let ended = Ended::of(&command.env("FORGE_DATABASE_URL", &url).output().unwrap());
        keeps_the_secret(ended.check(2, &["forge: FORGE_DATABASE_URL: ", remedy]));
        assert_eq!(ended.json::<ErrorBody>().error.code, ErrorCode::Invalid);

        home.write_config(&format!("[database]\nurl = \"{url}\"\n"));
        let ended = home.run(["enqueue", "k", "1"]);
        keeps_the_secret(ended.check(2, &["database.url in ", "forge.toml: ", remedy]));
        home.write_config("");
    }
}

#[test]
fn a_setting_that_is_not_understood_is_named() {
    let home = Home::new();
    let with = |name: &str, value: &str| {
        let mut command = home.command(["job", "list", "--database", &url("host/db")]);
        Ended::of(&command.env(name, value).output().unwrap())
    };
    with("FORGE_DATABASE_SCHEMA", "My").check(2, &["forge: FORGE_DATABASE_SCHEMA: schema \"My\"", "a-z"]);
    with("PGPORT", "none").check(2, &["forge: PGPORT: the port \"none\""]);
    with("PGSSLMODE", "allow").check(2, &["forge: PGSSLMODE: ", "prefer"]);
    home.write_config("[postgres]\n\nconnections = 0\n");
    home.run(["job", "list"]).check(2, &["forge.toml:3: connections 0 is out of range: use 1 to 64"]);
}

#[test]
fn a_url_where_none_belongs_is_not_repeated() {
    let home = Home::new();
    let url = url("u:hunter2@host/db");
    for args in [&["migrate", &url][..], &["migrate", "--json", &url], &[&url], &["queue", "set", "q", &url]]
    {
        keeps_the_secret(home.run(args).check(2, &["postgres://…"]));
    }
    for args in [&["--databse", &url, "migrate"][..], &["--database", &url], &["--database", &url, "mend"]] {
        keeps_the_secret(home.run(args).check(2, &[]));
    }
}
