//! The demo's promise: killed with `kill -9` at any moment and started again, it ends with the same bytes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs::storage::{DropOutcome, JobFilter, VerbParams};
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, JobId, JobStatus, Storage, Timestamp};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::{Ended, Home, open, wait_for};

/// Files of the tree, beside those with odd names.
const FILES: u64 = 3_000;
/// How the names of the files' queues begin.
const FILES_QUEUE: &str = "demo.files/";
/// Where this seed comes from another, the kills come at other moments.
const SEED_VARIABLE: &str = "FORGE_TEST_SEED";

/// A tree of many small files, some larger ones, and odd names.
fn grow(tree: &Path, random: &mut fastrand::Rng) -> u64 {
    for n in 0..FILES {
        let dir = tree.join(format!("d{}/e{}", n % 7, n % 31));
        std::fs::create_dir_all(&dir).unwrap();
        let size = if n % 97 == 0 { 200_000 } else { random.usize(0..2_000) };
        let content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(size).collect();
        std::fs::write(dir.join(format!("f{n}")), content).unwrap();
    }
    let odd: [&[u8]; 12] = [
        b"new\nline",
        b"carriage\rreturn",
        b"back\\slash",
        b"\\\n\r",
        b" space ",
        b"-",
        b"--",
        b"*star",
        b"quote'\"",
        b"\xff\xfe\x80",
        "ü日本".as_bytes(),
        b"\x01\x7f",
    ];
    for name in odd {
        std::fs::write(tree.join(OsStr::from_bytes(name)), name).unwrap();
    }
    FILES + odd.len() as u64
}

/// A demo over the tree with a database and an output directory of its own.
struct Demo<'a> {
    home: &'a Home,
    name: &'a str,
}

impl Demo<'_> {
    fn database(&self) -> PathBuf {
        self.home.path(&format!("{}.db", self.name))
    }

    fn manifest(&self) -> PathBuf {
        self.home.path(self.name).join("SHA256SUMS")
    }

    fn command(&self) -> Command {
        let database = format!("sqlite:{}", self.database().display());
        let mut command = self.home.command(["demo", "--exit-when-idle", "--json", "--seed", "7"]);
        command
            .args([OsStr::new("--dir"), self.home.path("tree").as_os_str()])
            .args([OsStr::new("--out"), self.home.path(self.name).as_os_str()])
            .args(["--database", &database])
            .stdin(Stdio::null());
        command
    }

    fn finish(&self) -> Value {
        let ended = Ended::of(&self.command().output().unwrap());
        ended.check(0, &[]);
        ended.json()
    }

    /// Starts it, kills it once so many file jobs are in the database and so many of them are done.
    async fn kill_at(&self, storage: &Storage, jobs: u64, done: u64) {
        let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("progress", async || {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
            let (all, finished) = files(storage).await;
            (all >= jobs && finished >= done).then_some(())
        })
        .await;
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!self.manifest().exists(), "it was killed too late to show anything");
    }

    /// Puts a job for another day into the files' queue. While it is there the run cannot end, so that no kill comes
    /// too late, however fast or busy the machine.
    async fn hold_open(&self, storage: &Storage) -> JobId {
        let queue = wait_for("the queue", async || {
            let queues = storage.queues.list().await.unwrap();
            queues.into_iter().map(|q| q.name).find(|name| name.starts_with(FILES_QUEUE))
        })
        .await;
        let tomorrow = Timestamp::now().saturating_add(Duration::from_secs(86_400));
        let blocker = EnqueueRequest::new("test.blocker", 0).on_queue(queue).with_run_at(tomorrow);
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        enqueuer.enqueue(blocker).await.unwrap().id
    }
}

/// File jobs in the database, and how many of them are finished.
async fn files(storage: &Storage) -> (u64, u64) {
    let queues = storage.inspect.queue_counts().await.unwrap();
    let (mut all, mut finished) = (0, 0);
    for queue in queues.iter().filter(|q| q.queue.name.starts_with(FILES_QUEUE)) {
        // Nothing but the job that holds the run open is scheduled.
        for (status, count) in queue.counts.iter().filter(|(s, _)| *s != JobStatus::Scheduled) {
            all += count.count;
            finished += if status.is_finished() { count.count } else { 0 };
        }
    }
    (all, finished)
}

#[tokio::test]
async fn killed_three_times_it_ends_with_the_manifest_of_an_undisturbed_run() {
    let seed = std::env::var(SEED_VARIABLE).map_or(20_261_124, |s| s.parse().unwrap());
    eprintln!("{SEED_VARIABLE}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let home = Home::new();
    let files = grow(&home.path("tree"), &mut random);

    let undisturbed = Demo { home: &home, name: "undisturbed" };
    let expected = undisturbed.finish();
    assert_eq!(expected["files"], files);

    let killed = Demo { home: &home, name: "killed" };
    let storage = open(&killed.database()).await;
    // In the walk or just after it; then twice while files are hashed.
    let (blocker, ()) =
        tokio::join!(killed.hold_open(&storage), killed.kill_at(&storage, random.u64(1..files), 0));
    killed.kill_at(&storage, files, random.u64(files / 20..files / 3)).await;
    killed.kill_at(&storage, files, random.u64(files / 2..files * 3 / 4)).await;
    let params = VerbParams { ids: vec![blocker], actor: None, now: None };
    assert_eq!(storage.jobs.drop_jobs(params).await.unwrap(), [DropOutcome::Dropped]);
    let summary = killed.finish();

    assert_eq!(summary["resumed"], true);
    assert_eq!((&summary["run"], &summary["files"]), (&1.into(), &files.into()));
    let manifest = std::fs::read(killed.manifest()).unwrap();
    assert!(manifest == std::fs::read(undisturbed.manifest()).unwrap(), "the manifests differ");
    let calls = &summary["upstream"];
    let dead: u64 = calls["dead"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(calls["done"].as_u64().unwrap() + dead, calls["jobs"].as_u64().unwrap());

    let tree = home.path("tree");
    let mut verify = Command::new("sha256sum");
    verify.args(["--strict", "--quiet", "-c"]).arg(killed.manifest()).current_dir(tree).stdin(Stdio::null());
    let verified = Ended::of(&verify.output().unwrap());
    assert_eq!((verified.code, verified.stdout.as_str()), (0, ""), "{verified:?}");

    // The database is whole, and nothing of the run is left in it.
    let checkup = storage.inspect.checkup().await.unwrap();
    assert!(checkup.problems.is_empty(), "{checkup:?}");
    assert!(!storage.inspect.has_unfinished(None).await.unwrap());
    let filter =
        JobFilter { kind: Some("demo.file".into()), statuses: vec![JobStatus::Dead], ..JobFilter::default() };
    let params = forge_jobs::storage::ListParams { filter, limit: 10, after: None };
    assert!(storage.inspect.list(params).await.unwrap().jobs.is_empty());
}
