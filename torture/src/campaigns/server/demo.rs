//! The demo on a server, by several processes at once, against the demo on a file.

use crate::audit;
use crate::campaigns::wait;
use crate::campaigns::{Failure, open, verdict};
use crate::fleet::{Site, Worker, sqlite_url};
use forge_jobs::Storage;
use forge_jobs::storage::{QueueSettingsPatch, UpdateQueueParams};
use forge_test_cluster::Cluster;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    /// What the same directory comes from.
    pub seed: u64,
    /// Files of the directory.
    pub files: usize,
    /// Whether one of the processes is killed in the middle.
    pub kill: bool,
}

/// Processes that share the work.
const REPLICAS: usize = 3;
/// Files that all of them hash at a time.
const BOUND: u32 = 6;
/// Largest file.
const BYTES: usize = 32 << 10;
/// Files of one directory.
const PER_DIRECTORY: usize = 100;
/// The demo's queues for files begin so.
const FILES_QUEUE: &str = "demo.files/";
/// Longest time until something that is waited for.
const LIMIT: Duration = Duration::from_secs(300);
/// A killed process counts as dead after this time; the demo's processes beat every 10 s.
const STALE: &str = "interval '45 seconds'";

impl Demo {
    /// Runs it: the same SHA256SUMS as on a file, byte for byte, and each process has done some of the work.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path, cluster: &Cluster) -> Result<String, Failure> {
        let site = Site::on(program, cluster.url("postgres"))?;
        self.plant(&site.path("tree"))?;
        let expected = on_file(&site)?;
        let storage = open(&site).await?;
        let begun = Instant::now();
        let mut fleet = vec![replica(&site)?];
        // Nothing is hashed until all are there: one alone might have finished before.
        let queue = wait("the queue of the files", LIMIT, async || {
            let queues = storage.queues.list().await?;
            Ok(queues.into_iter().map(|q| q.name).find(|name| name.starts_with(FILES_QUEUE)))
        })
        .await?;
        share(&storage, &queue, true).await?;
        for _ in 1..REPLICAS {
            fleet.push(replica(&site)?);
        }
        wait("all processes to be there", LIMIT, async || {
            let there = storage.inspect.processes().await?.len();
            Ok((there == REPLICAS).then_some(()))
        })
        .await
        .map_err(|e| format!("{e}\nThe demos said:\n{}", site.last_words()))?;
        share(&storage, &queue, false).await?;
        if self.kill {
            self.kill_one(&site, &mut fleet).await?;
        }
        let mut problems = ends(&mut fleet).await?;
        let took = begun.elapsed();
        let workers = audit::number(site.url(), WORKERS).await?;
        if workers != REPLICAS as u64 {
            problems.push(format!("{workers} of {REPLICAS} processes have hashed files"));
        }
        drop(storage);
        problems.extend(audit::problems(&site)?);
        if fs::read(sums(&site, "server")).unwrap_or_default() != expected {
            problems.push("SHA256SUMS is not that of the demo on a file".into());
        }
        verdict(&problems).map_err(|e| format!("{e}\nThe demos said:\n{}", site.last_words()))?;
        Ok(format!(
            "{} files by {REPLICAS} processes{}: the same SHA256SUMS, in {took:.1?}",
            self.files,
            if self.kill { ", one of them killed" } else { "" }
        ))
    }

    /// Makes the directory.
    fn plant(&self, tree: &Path) -> Result<(), Failure> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        for n in 0..self.files {
            let dir = tree.join(format!("d{}", n / PER_DIRECTORY));
            if n % PER_DIRECTORY == 0 {
                fs::create_dir_all(&dir)?;
            }
            let mut bytes = vec![0; rng.usize(0..BYTES)];
            rng.fill(&mut bytes);
            fs::write(dir.join(format!("f{n}")), bytes)?;
        }
        Ok(())
    }

    /// Kills a process in the middle of the work. Its silence is not waited for: its last heartbeat is put back.
    async fn kill_one(&self, site: &Site, fleet: &mut Vec<Worker>) -> Result<(), Failure> {
        wait("each process to have hashed files", LIMIT, async || {
            Ok((audit::number(site.url(), WORKERS).await? == REPLICAS as u64).then_some(()))
        })
        .await?;
        let (pid, _) = fleet.remove(0).kill()?;
        if sums(site, "server").exists() {
            return Err("it was killed too late to show anything: more files".into());
        }
        let client = forge_test_cluster::connect(site.url()).await?;
        let age = format!(
            "UPDATE forge.processes SET beat_at = beat_at - (extract(epoch FROM {STALE}) * 1000000)::bigint \
             WHERE pid = {pid}"
        );
        Ok(client.batch_execute(&age).await?)
    }
}

/// How many processes have finished a file.
const WORKERS: &str = "SELECT count(DISTINCT f.process) FROM forge.finished f JOIN forge.queues q ON q.no = f.queue \
     WHERE q.name LIKE 'demo.files/%'";

/// Holds the queue up, or lets it go. It has a bound, so that nothing is claimed ahead: two processes would have taken
/// all the files before the third one looks.
async fn share(storage: &Storage, queue: &str, paused: bool) -> Result<(), Failure> {
    let patch = QueueSettingsPatch::paused(paused).with_max_running(Some(BOUND));
    let params =
        UpdateQueueParams { queue: queue.to_owned(), patch, expected_version: None, actor: None, now: None };
    storage.queues.update(params).await?;
    Ok(())
}

/// The sums of a demo alone on a file.
fn on_file(site: &Site) -> Result<Vec<u8>, Failure> {
    let mut command = demo(site, "file");
    command.env("FORGE_DATABASE_URL", sqlite_url(&site.path("demo.db")));
    let ended = command.stdin(Stdio::null()).output()?;
    if !ended.status.success() {
        return Err(format!("the demo on a file: {}", String::from_utf8_lossy(&ended.stderr)).into());
    }
    Ok(fs::read(sums(site, "file"))?)
}

fn replica(site: &Site) -> Result<Worker, Failure> {
    Ok(site.start(demo(site, "server").env("FORGE_DATABASE_URL", site.url()))?)
}

fn demo(site: &Site, out: &str) -> Command {
    let mut command = site.anywhere(&["demo", "--exit-when-idle", "--seed", "7"]);
    command.arg("--dir").arg(site.path("tree")).arg("--out").arg(site.path(out));
    command
}

fn sums(site: &Site, out: &str) -> PathBuf {
    site.path(out).join("SHA256SUMS")
}

/// Waits until all have ended, in good order.
async fn ends(fleet: &mut [Worker]) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for process in fleet {
        let status = wait("a demo to end", LIMIT, async || Ok(process.has_exited()?)).await?;
        if !status.success() {
            problems.push(format!("demo {} has ended: {status}", process.pid()));
        }
    }
    Ok(problems)
}
