//! The disk is full while jobs are enqueued and run, and then there is room again.

use super::{Failure, QUICK, open, verdict};
use crate::audit;
use crate::fleet::Site;
use forge_jobs::storage::StorageError;
use forge_jobs::{DefaultRouter, EnqueueError, EnqueueRequest, Enqueuer, JobId};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set for the run inside of the namespace where the small file system is mounted.
const INSIDE: &str = "FORGE_TORTURE_INSIDE";

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// The size of the file system, in MiB; at least 7.
    pub mib: u32,
    /// How long it stays full.
    pub full_for: Duration,
    /// Work goes on within this time of room.
    pub back_within: Duration,
}

/// Nothing that is waited for takes longer.
const LIMIT: Duration = Duration::from_secs(120);

impl Disk {
    /// Runs it: clear errors, nothing corrupted, nothing acknowledged lost and nothing refused kept; work goes on by
    /// itself once there is room. The small file system is mounted in a namespace of its own, in which `tormentor`,
    /// the program of the campaigns, runs `args` again.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path, tormentor: &Path, args: &[&str]) -> Result<String, Failure> {
        if std::env::var_os(INSIDE).is_some() {
            return self.run_inside(program).await;
        }
        let ended = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .arg(tormentor)
            .args(args)
            .env(INSIDE, "1")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("unshare cannot be run: {e}"))?;
        let said = String::from_utf8_lossy(&ended.stdout);
        match said.lines().find_map(|l| l.trim().strip_prefix("ok: ")) {
            Some(report) if ended.status.success() => Ok(report.to_owned()),
            _ => Err(format!("{said}{}", String::from_utf8_lossy(&ended.stderr)).into()),
        }
    }

    async fn run_inside(&self, program: &Path) -> Result<String, Failure> {
        let outer = tempfile::tempdir()?;
        let option = format!("size={}m", self.mib);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &option, "tmpfs"])
            .arg(outer.path())
            .status()
            .map_err(|e| format!("mount cannot be run: {e}"))?;
        if !mounted.success() {
            return Err(format!("no tmpfs can be mounted: {mounted}").into());
        }
        // The log of the worker is on the full disk, too, as it mostly is.
        let site = Site::below(program, outer.path())?;
        let ballast = site.path("ballast");
        std::fs::write(&ballast, vec![7_u8; 3 << 20])?;
        let storage = open(&site).await?;
        let mut worker = site.worker(&[&QUICK[..], &["--queue", "default:4"]].concat())?;
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));

        let mut sent = Sent::default();
        let begun = Instant::now();
        // A worker that starts on a full disk may refuse to: it has started once it has finished something.
        sent.one(&enqueuer).await?;
        while audit::finished(site.url()).await? == 0 && begun.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        while sent.refused.is_empty() {
            sent.one(&enqueuer).await?;
            if begun.elapsed() > LIMIT {
                return Err("the disk never filled".into());
            }
        }
        let full = Instant::now();
        while full.elapsed() < self.full_for {
            sent.one(&enqueuer).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Some(status) = worker.has_exited()? {
            return Err(format!("the worker did not outlive the full disk: {status}").into());
        }
        let before = audit::finished(site.url()).await?;
        std::fs::remove_file(&ballast)?;
        let room = Instant::now();
        let accepted = sent.accepted.len();
        while sent.accepted.len() == accepted && room.elapsed() < LIMIT {
            sent.one(&enqueuer).await?;
        }
        let taken = room.elapsed();
        while audit::finished(site.url()).await? == before && room.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let finishing = room.elapsed();
        while audit::finished(site.url()).await? < sent.accepted.len() as u64 && room.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        worker.stop(Duration::from_secs(30))?;
        let mut problems = storage.inspect.checkup().await?.problems;
        drop(storage);
        problems.extend(sent.problems(&site).await?);
        for (what, time) in [("enqueue", taken), ("finish", finishing)] {
            if time > self.back_within {
                problems.push(format!("the first {what} came {time:?} after there was room"));
            }
        }
        verdict(&problems).map_err(|e| format!("{e}\nThe worker said:\n{}", site.last_words()))?;
        Ok(format!(
            "{} MiB: {} jobs accepted, {} refused in {:?} without room; enqueues went on {taken:.1?} and finishes \
             {finishing:.1?} after there was",
            self.mib,
            sent.accepted.len(),
            sent.refused.len(),
            self.full_for
        ))
    }
}

/// What became of each job that was sent.
#[derive(Default)]
struct Sent {
    accepted: Vec<JobId>,
    refused: Vec<JobId>,
}

impl Sent {
    /// Sends one job of 4 KiB, whose refusal must be a clear one.
    async fn one(&mut self, enqueuer: &Enqueuer) -> Result<(), Failure> {
        let id = JobId::new();
        let request = EnqueueRequest::new("t.echo", "x".repeat(4_096)).with_id(id);
        match enqueuer.enqueue(request).await {
            Ok(_) => self.accepted.push(id),
            Err(EnqueueError::Storage(e)) if is_clear(&e) => self.refused.push(id),
            Err(e) => return Err(format!("no clear error: {e:?}").into()),
        }
        Ok(())
    }

    async fn problems(&self, site: &Site) -> Result<Vec<String>, Failure> {
        let ends = audit::ends(site.url()).await?;
        let mut problems = audit::file_problems(&site.database(), u64::MAX)?;
        for id in &self.accepted {
            match ends.get(&id.to_string()) {
                Some((status, _)) if status == "done" => {}
                end => problems.push(format!("{id} was accepted and is {end:?}")),
            }
        }
        for id in &self.refused {
            if let Some(end) = ends.get(&id.to_string()) {
                problems.push(format!("{id} was refused and is {end:?}"));
            }
        }
        Ok(problems)
    }
}

fn is_clear(e: &StorageError) -> bool {
    e.is_retryable() && !e.outcome_unknown() && e.to_string().contains("the disk is full")
}
