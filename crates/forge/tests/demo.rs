//! The demo on real directories: what is in the manifest, what is left out, and what is said of the rest.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::storage::{JobFilter, ListParams, QueueSettingsPatch, UpdateQueueParams};
use forge_jobs::{JobStatus, Storage};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Ended, Home, end_of, open, wait_for};

const DEMO: [&str; 4] = ["demo", "--exit-when-idle", "--json", "--no-upstream"];

/// Writes a file, and the directories above it.
fn put(dir: &Path, name: impl AsRef<OsStr>, content: &str) {
    let file = dir.join(name.as_ref());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

/// Runs the demo over `tree` in the home, with the manifest in `out`.
fn demo(home: &Home, args: &[&str]) -> Ended {
    let (dir, out) = (home.path("tree"), home.path("out"));
    let places = ["--dir", dir.to_str().unwrap(), "--out", out.to_str().unwrap()];
    home.run([args, &places].concat())
}

fn summary(ended: &Ended) -> Value {
    ended.check(0, &[]);
    ended.json()
}

fn manifest(home: &Home) -> Vec<u8> {
    std::fs::read(home.path("out/SHA256SUMS")).unwrap()
}

/// The paths in a manifest, as they stand there.
fn paths(manifest: &[u8]) -> Vec<String> {
    let lines = manifest.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    lines.map(|l| String::from_utf8_lossy(l).split_once("  ").unwrap().1.to_owned()).collect()
}

/// What `sha256sum -c` says of a manifest, run in the directory.
fn verify(dir: &Path, manifest: &Path) -> Ended {
    let mut command = Command::new("sha256sum");
    command.args(["--strict", "-c"]).arg(manifest).current_dir(dir).stdin(Stdio::null());
    Ended::of(&command.output().unwrap())
}

#[test]
fn the_manifest_is_the_one_that_sha256sum_writes_and_reads() {
    let home = Home::new();
    let tree = home.path("tree");
    // FIPS 180-4, example B.1.
    put(&tree, "abc", "abc");
    for name in [" leading", "*star", "a\nb", "a\rb", "a\\b", "dir/-", "ü/日本", "-", "--help", "z"] {
        put(&tree, name, name);
    }
    put(&tree, OsStr::from_bytes(b"raw-\xff\xfe"), "raw");
    put(&tree, "empty", "");
    let summary = summary(&demo(&home, &DEMO));
    assert_eq!((&summary["files"], &summary["vanished"]), (&13.into(), &0.into()), "{summary}");

    let text = manifest(&home);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n";
    assert!(String::from_utf8_lossy(&text).contains(abc));
    let verified = verify(&tree, &home.path("out/SHA256SUMS"));
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(verified.stdout.lines().count(), 13, "{verified:?}");

    // Line for line what the tool itself writes, for the names that it can be given without another meaning.
    let mut names: Vec<_> = std::fs::read_dir(&tree).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.retain(|n| tree.join(n).is_file() && n != "-");
    names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    let written = Command::new("sha256sum").arg("--").args(&names).current_dir(&tree).output().unwrap();
    let ours: Vec<&[u8]> = text
        .split_inclusive(|b| *b == b'\n')
        .filter(|l| !l.ends_with(b"/-\n") && !l.ends_with("ü/日本\n".as_bytes()))
        .collect();
    assert_eq!(ours.concat(), written.stdout);
}

#[test]
fn links_special_files_git_target_and_its_own_files_are_left_out() {
    let home = Home::new();
    let tree = home.path("tree");
    for name in
        ["kept", "sub/SHA256SUMS", "sub/target-not", ".git/config", "sub/.git", "target/x", "sub/target/x"]
    {
        put(&tree, name, name);
    }
    std::os::unix::fs::symlink("kept", tree.join("link")).unwrap();
    std::os::unix::fs::symlink("..", tree.join("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    put(&tree, "SHA256SUMS", "old");
    put(&tree, ".SHA256SUMS.abc.forge-part", "left by a killed process");
    let database = format!("sqlite:{}", tree.join("db/demo.db").display());
    let dir = tree.to_str().unwrap();
    let run = || {
        let args = ["--dir", dir, "--out", dir, "--database", &database];
        summary(&home.run([&DEMO[..], &args].concat()))
    };
    let first = run();
    let text = std::fs::read(tree.join("SHA256SUMS")).unwrap();
    assert_eq!(paths(&text), ["kept", "sub/SHA256SUMS", "sub/target-not"]);
    let skipped = &first["skipped"];
    assert_eq!(
        (&skipped["links"], &skipped["special"], &skipped["named"]),
        (&2.into(), &1.into(), &4.into())
    );
    // The second time its own manifest is there, and its database: nothing changes.
    run();
    assert_eq!(std::fs::read(tree.join("SHA256SUMS")).unwrap(), text);
}

#[test]
fn a_finished_run_is_not_resumed_so_that_changes_are_seen() {
    let home = Home::new();
    put(&home.path("tree"), "a", "1");
    put(&home.path("tree"), "b", "1");
    let first = summary(&demo(&home, &DEMO));
    let before = manifest(&home);
    put(&home.path("tree"), "a", "2");
    std::fs::remove_file(home.path("tree/b")).unwrap();
    let second = summary(&demo(&home, &DEMO));
    assert_eq!((&first["run"], &second["run"], &second["resumed"]), (&1.into(), &2.into(), &false.into()));
    assert_ne!(manifest(&home), before);
    assert_eq!(paths(&manifest(&home)), ["a"]);
    // The first run's jobs went with it.
    assert_eq!((&second["files"], &second["vanished"]), (&1.into(), &0.into()));
}

#[test]
fn an_empty_directory_has_an_empty_manifest() {
    let home = Home::new();
    std::fs::create_dir(home.path("tree")).unwrap();
    assert_eq!(summary(&demo(&home, &DEMO))["files"], 0);
    assert_eq!(manifest(&home), b"");
}

#[test]
fn a_slip_in_a_path_leaves_no_database_behind() {
    let home = Home::new();
    put(&home.path("work"), "file", "");
    home.run(["demo", "--exit-when-idle", "--dir", "nowhere"]).check(2, &["--dir nowhere"]);
    home.run(["demo", "--exit-when-idle", "--dir", "file"]).check(2, &["no directory"]);
    home.run(["demo", "--exit-when-idle", "--out", "file"]).check(2, &["--out file"]);
    assert!(!home.path("data/forge").exists());
}

#[test]
fn the_upstream_shows_retries_throttles_and_deaths_decided_by_the_seed() {
    let run = |seed: &str| {
        let home = Home::new();
        put(&home.path("tree"), "a", "1");
        summary(&demo(&home, &["demo", "--exit-when-idle", "--json", "--seed", seed]))["upstream"].clone()
    };
    let (seven, again, eight) = (run("7"), run("7"), run("8"));
    assert_eq!(seven, again);
    assert_ne!(seven, eight);
    let number = |v: &Value| v.as_u64().unwrap();
    assert!(number(&seven["retries"]) > 0 && number(&seven["throttles"]) > 0, "{seven}");
    assert!(number(&seven["dead"]["exhausted"]) > 0 && number(&seven["dead"]["discarded"]) > 0, "{seven}");
    let dead: u64 = seven["dead"].as_object().unwrap().values().map(number).sum();
    assert_eq!(number(&seven["done"]) + dead, number(&seven["jobs"]));
}

#[test]
fn the_summary_for_people_says_where_the_manifest_is_and_how_to_look_further() {
    let home = Home::new();
    put(&home.path("tree"), "a", "1");
    let ended = demo(&home, &["demo", "--exit-when-idle", "--seed", "7"]);
    ended.check(0, &["seed 7", "run 1"]);
    // As it was called: in a fresh checkout it is not on the search path.
    let look = format!("{} job list --database", env!("CARGO_BIN_EXE_forge"));
    for word in ["SHA256SUMS", "1 (1 B)", "throttles", "sha256sum -c", &look] {
        assert!(ended.stdout.contains(word), "no {word:?} in {ended:?}");
    }
}

/// The demo's storage, its files' queue, and whatever else a test wants to do while it runs.
async fn storage(home: &Home) -> Storage {
    open(&home.path("data/forge/demo.db")).await
}

async fn count(storage: &Storage, kind: &str, status: JobStatus) -> usize {
    let filter = JobFilter { kind: Some(kind.into()), statuses: vec![status], ..JobFilter::default() };
    storage.inspect.list(ListParams { filter, limit: 500, after: None }).await.unwrap().jobs.len()
}

async fn pause(storage: &Storage, queue: &str, paused: bool) {
    let patch = QueueSettingsPatch::paused(paused);
    let params =
        UpdateQueueParams { queue: queue.into(), patch, expected_version: None, actor: None, now: None };
    storage.queues.update(params).await.unwrap();
}

/// Starts the demo, and does not wait for its end.
fn begin(home: &Home) -> std::process::Child {
    let (dir, out) = (home.path("tree"), home.path("out"));
    home.command([&DEMO[..], &["--dir", dir.to_str().unwrap(), "--out", out.to_str().unwrap()]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn files_that_vanish_between_walk_and_hash_are_reported_and_left_out() {
    let home = Home::new();
    let tree = home.path("tree");
    for name in ["gone", "kept", "piped", "sub/gone"] {
        put(&tree, name, name);
    }
    // A first run makes the queue, which is then paused: the second run walks, and its files wait.
    let first = summary(&demo(&home, &DEMO));
    let queue = first["files_queue"].as_str().unwrap().to_owned();
    let storage = storage(&home).await;
    pause(&storage, &queue, true).await;
    let child = begin(&home);
    wait_for("the second walk", async || {
        (count(&storage, "demo.walk", JobStatus::Done).await == 2
            && count(&storage, "demo.file", JobStatus::Pending).await == 4)
            .then_some(())
    })
    .await;
    std::fs::remove_file(tree.join("gone")).unwrap();
    std::fs::remove_dir_all(tree.join("sub")).unwrap();
    std::fs::remove_file(tree.join("piped")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("piped")).unwrap();
    pause(&storage, &queue, false).await;

    let second = summary(&end_of(child));
    assert_eq!((&second["vanished"], &second["files"]), (&3.into(), &1.into()), "{second}");
    assert_eq!(second["vanished_paths"], serde_json::json!(["gone", "piped", "sub/gone"]));
    assert_eq!(paths(&manifest(&home)), ["kept"]);
}

/// The number of `nobody` on most systems; any but 0 would do.
const NOBODY: u32 = 65_534;

/// Makes a command run as a user who may not read everything. Root may, so for root it is another user, who is given
/// the home.
fn as_ordinary_user(home: &Home, command: &mut Command) {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    give(home.dir.path());
    command.uid(NOBODY).gid(NOBODY);
}

/// Makes it the owner of a directory and all that is in it.
fn give(path: &Path) {
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path());
        }
    }
}

/// A copy of the program where an ordinary user can run it: the build directory may be root's alone.
fn program_for_anybody(home: &Home) -> PathBuf {
    let copy = home.path("forge");
    std::fs::copy(env!("CARGO_BIN_EXE_forge"), &copy).unwrap();
    copy
}

#[test]
fn what_cannot_be_read_is_dead_with_its_reason_and_the_rest_is_in_the_manifest() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let tree = home.path("tree");
    for name in ["kept", "secret", "closed/inside"] {
        put(&tree, name, name);
    }
    let mut command = Command::new(program_for_anybody(&home));
    let (dir, out) = (home.path("tree"), home.path("out"));
    command
        .args(DEMO)
        .args([OsStr::new("--dir"), dir.as_os_str(), OsStr::new("--out"), out.as_os_str()])
        .current_dir(home.path("work"))
        .env_remove("FORGE_DATABASE_URL")
        .env("XDG_CONFIG_HOME", home.path("config"))
        .env("XDG_DATA_HOME", home.path("data"));
    as_ordinary_user(&home, &mut command);
    for name in ["secret", "closed"] {
        std::fs::set_permissions(tree.join(name), std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    let ended = Ended::of(&command.output().unwrap());
    std::fs::set_permissions(tree.join("closed"), std::fs::Permissions::from_mode(0o700)).unwrap();

    let summary = summary(&ended);
    assert_eq!(summary["dead"], serde_json::json!({ "discarded": 2 }), "{summary}");
    let named: Vec<_> = summary["dead_files"].as_array().unwrap().iter().collect();
    for (file, path) in named.iter().zip(["closed", "secret"]) {
        assert_eq!(file["path"], path);
        assert!(file["error"].as_str().unwrap().contains("ermission denied"), "{file}");
    }
    assert_eq!(paths(&manifest(&home)), ["kept"]);
}

#[test]
fn an_output_directory_that_cannot_be_written_to_is_a_failure_with_the_reason() {
    let home = Home::new();
    put(&home.path("tree"), "a", "1");
    // A directory in the manifest's place cannot be replaced by a file, not even by root.
    std::fs::create_dir_all(home.path("out/SHA256SUMS")).unwrap();
    demo(&home, &DEMO).check(1, &["manifest", "cannot be written"]);
    std::fs::remove_dir(home.path("out/SHA256SUMS")).unwrap();
    summary(&demo(&home, &DEMO));
    assert_eq!(paths(&manifest(&home)), ["a"]);
}

fn signal(child: &std::process::Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn without_exit_when_idle_it_stays_until_it_is_told_and_ends_well() {
    let home = Home::new();
    put(&home.path("tree"), "a", "1");
    let (dir, out) = (home.path("tree"), home.path("out"));
    let child = home
        .command(["demo", "--no-upstream", "--dir", dir.to_str().unwrap(), "--out", out.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the manifest", async || out.join("SHA256SUMS").exists().then_some(())).await;
    let storage = storage(&home).await;
    wait_for("its job's end", async || {
        (count(&storage, "demo.manifest", JobStatus::Done).await == 1).then_some(())
    })
    .await;
    assert_eq!(storage.inspect.processes().await.unwrap().len(), 1);
    signal(&child, rustix::process::Signal::INT);
    let ended = end_of(child);
    // Told between the end of the job and the summary, it has not seen that everything is finished.
    assert!(ended.code == 0 || ended.stderr.contains("start the demo again"), "{ended:?}");
    assert_eq!(storage.inspect.processes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn told_in_the_middle_it_stops_in_good_order_and_goes_on_when_started_again() {
    let home = Home::new();
    for n in 0..20 {
        put(&home.path("tree"), format!("f{n}"), "x");
    }
    let queue = summary(&demo(&home, &DEMO))["files_queue"].as_str().unwrap().to_owned();
    let storage = storage(&home).await;
    pause(&storage, &queue, true).await;
    let child = begin(&home);
    wait_for("the second walk", async || {
        (count(&storage, "demo.walk", JobStatus::Done).await == 2).then_some(())
    })
    .await;
    signal(&child, rustix::process::Signal::TERM);
    let stopped = end_of(child);
    stopped.check(1, &["start the demo again"]);
    assert_eq!(
        stopped.json::<forge_jobs_api::wire::ErrorBody>().error.code,
        forge_jobs_api::wire::ErrorCode::Failed
    );
    assert!(storage.inspect.processes().await.unwrap().is_empty());

    pause(&storage, &queue, false).await;
    let summary = summary(&demo(&home, &DEMO));
    assert_eq!(
        (&summary["run"], &summary["resumed"], &summary["files"]),
        (&2.into(), &true.into(), &20.into())
    );
}
