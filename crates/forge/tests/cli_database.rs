//! What commands do to a database file, above all to one that is not theirs.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;
use support::Home;

/// A job's id.
const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// All that stands beside a file, and its bytes.
fn around(file: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(file.parent().unwrap()).unwrap().map(Result::unwrap);
    let mut all: Vec<_> = entries
        .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
        // An index of the log that every reader makes anew.
        .filter(|(name, _)| !name.ends_with("-shm"))
        .collect();
    all.sort();
    all
}

const LOOKS: [&[&str]; 7] = [
    &["job", "list"],
    &["job", "show", ID],
    &["job", "retry", ID],
    &["queue", "list"],
    &["queue", "pause", "q"],
    &["queue", "set", "q", "--workers", "1"],
    &["doctor"],
];
const USES: [&[&str]; 3] = [&["enqueue", "k", "1"], &["migrate"], &["worker", "--test-handlers"]];

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let home = Home::new();
    std::fs::create_dir(home.path("other")).unwrap();
    let file = home.path("other/notes.db");
    let url = format!("sqlite:{}", file.display());
    let other = Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')").unwrap();
    for log in ["DELETE", "WAL"] {
        other.query_row(&format!("PRAGMA journal_mode = {log}"), [], |_| Ok(())).unwrap();
        other.execute_batch("INSERT INTO notes VALUES ('and mine')").unwrap();
        let before = around(&file);
        for args in LOOKS.iter().chain(&USES) {
            let ended = home.run([args, &["--database", &url][..]].concat());
            ended.check(5, &["notes.db is no Forge database: it holds notes", "share_file"]);
        }
        let ended = home.feed(["enqueue", "-", "--database", &url], br#"{"kind":"k","payload":1}"#);
        ended.check(5, &["no Forge database"]);
        assert_eq!(around(&file), before, "{log}");
    }
    drop(other);
    // Nor when nobody has it open, and its log waits for the next one who does.
    let other = Connection::open(&file).unwrap();
    other.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    other.execute_batch("INSERT INTO notes VALUES ('in the log')").unwrap();
    drop(other);
    let before = around(&file);
    assert!(before.len() > 1);
    for args in LOOKS.iter().chain(&USES) {
        home.run([args, &["--database", &url][..]].concat()).check(5, &["no Forge database"]);
    }
    assert_eq!(around(&file), before);

    // It can be wanted.
    home.write_config("[sqlite]\nshare_file = true\n");
    let mut command = home.command(["enqueue", "k", "1"]);
    let ended = command.env("FORGE_DATABASE_URL", &url).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let ended = home.run(["job", "list", "--database", &url]);
    assert!(ended.code == 0 && ended.stdout.contains("pending"), "{ended:?}");
}

#[test]
fn a_look_makes_no_database_out_of_an_empty_file_and_brings_none_up_to_date() {
    let home = Home::new();
    std::fs::create_dir(home.path("other")).unwrap();
    let file = home.path("other/empty.db");
    let url = format!("sqlite:{}", file.display());
    std::fs::write(&file, "").unwrap();
    for args in LOOKS {
        home.run([args, &["--database", &url]].concat()).check(5, &["empty.db is empty", "forge migrate"]);
    }
    assert_eq!(around(&file), [("empty.db".into(), Vec::new())]);
    home.run(["migrate", "--database", &url]).check(0, &[]);

    let db = Connection::open(&file).unwrap();
    db.execute_batch("UPDATE forge_meta SET value = 0").unwrap();
    for args in LOOKS {
        let ended = home.run([args, &["--database", &url]].concat());
        ended.check(5, &["empty.db has schema version 0", "forge migrate"]);
    }
    let version: i64 = db.query_row("SELECT value FROM forge_meta", [], |r| r.get(0)).unwrap();
    assert_eq!(version, 0);
}

#[test]
fn a_database_in_memory_is_refused_where_it_would_be_gone_at_once() {
    let home = Home::new();
    for args in LOOKS.iter().chain(&USES[..2]) {
        let ended = home.run([args, &["--database", "sqlite::memory:"][..]].concat());
        ended.check(2, &["private to one program", "sqlite:PATH"]);
    }
}

/// Its tables are there, and have other columns.
const LIKE_OURS: [&str; 4] = [
    "CREATE TABLE forge_meta (key TEXT, value TEXT); INSERT INTO forge_meta VALUES ('version', '1.20'); \
     CREATE TABLE mods (x)",
    "CREATE TABLE forge_meta (key TEXT, value INT); INSERT INTO forge_meta VALUES ('schema_version', 1)",
    "CREATE TABLE forge_meta (id, name)",
    "CREATE TABLE forge_jobs (id, name)",
];

#[test]
fn a_table_of_a_like_name_makes_no_database_ours() {
    let home = Home::new();
    std::fs::create_dir(home.path("other")).unwrap();
    let file = home.path("other/mods.db");
    let url = format!("sqlite:{}", file.display());
    for tables in LIKE_OURS {
        let _ = std::fs::remove_file(&file);
        Connection::open(&file).unwrap().execute_batch(tables).unwrap();
        let before = around(&file);
        for args in LOOKS.iter().chain(&USES[1..]) {
            home.run([args, &["--database", &url][..]].concat()).check(5, &["mods.db is no Forge database"]);
        }
        assert_eq!(around(&file), before, "{tables}");
    }
}

#[test]
fn what_another_program_left_half_done_is_not_rolled_back() {
    let home = Home::new();
    std::fs::create_dir(home.path("other")).unwrap();
    let file = home.path("other/notes.db");
    let url = format!("sqlite:{}", file.display());
    let other = Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')").unwrap();
    // As after a crash: the journal is there, and pages have been written.
    other
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN; INSERT INTO notes SELECT hex(randomblob(4000)) FROM \
        (WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100) SELECT x FROM n)",
        )
        .unwrap();
    let crashed = home.path("other/crashed");
    std::fs::create_dir(&crashed).unwrap();
    for name in ["notes.db", "notes.db-journal"] {
        std::fs::copy(home.path("other").join(name), crashed.join(name)).unwrap();
    }
    drop(other);
    let file = crashed.join("notes.db");
    let url = url.replace("other/", "other/crashed/");
    let before = around(&file);
    assert_eq!(before.len(), 2);
    for args in LOOKS {
        home.run([args, &["--database", &url][..]].concat()).check(5, &["no Forge database"]);
    }
    assert_eq!(around(&file), before);
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_file_and_all_that_stands_beside_it() {
    let home = Home::new();
    for dir in ["real", "links"] {
        std::fs::create_dir(home.path(dir)).unwrap();
    }
    let (real, link) = (home.path("real/jobs.db"), home.path("links/link.db"));
    let url = |file: &Path| format!("sqlite:{}", file.display());
    home.run(["migrate", "--database", &url(&real)]).check(0, &[]);
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut child = home
        .command(["worker", "--test-handlers", "--database", &url(&link)])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(said.any(|line| line.unwrap().contains("Ctrl-C stops it")));
    assert_eq!(std::fs::read_dir(home.path("links")).unwrap().count(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    home.run(["enqueue", "t.echo", "1", "--database", &url(&real)]).check(0, &[]);
    let ended = home.run(["doctor", "--database", &url(&real)]);
    assert!(ended.code == 1 && ended.stdout.contains("no process is alive"), "{ended:?}");
}

#[test]
fn what_is_no_file_is_called_what_it_is() {
    let home = Home::new();
    std::fs::create_dir(home.path("dir.db")).unwrap();
    for args in LOOKS.iter().chain(&USES[1..]) {
        let url = format!("sqlite:{}", home.path("dir.db").display());
        home.run([args, &["--database", &url][..]].concat()).check(5, &["dir.db is a directory"]);
        #[cfg(unix)]
        home.run([args, &["--database", "sqlite:/dev/null"][..]].concat()).check(5, &["no regular file"]);
    }
}
