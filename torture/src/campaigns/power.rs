//! The power is cut while jobs are enqueued and run.

use super::{Failure, QUICK, open, open_url, verdict};
use crate::audit;
use crate::fleet::{Site, Worker, sqlite_url};
use crate::shim;
use forge_jobs::JobId;
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How hard SQLite waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// The default.
    Full,
    /// For the proof that this campaign can fail: what was acknowledged last is lost.
    Normal,
}

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Power {
    /// What the same harm comes from.
    pub seed: u64,
    /// How often the power is cut.
    pub rounds: u32,
    /// With which setting.
    pub sync: Synchronous,
}

/// What others were told before the power went.
#[derive(Default)]
struct Told {
    enqueued: BTreeSet<String>,
    finished: BTreeSet<String>,
}

/// What one cut did.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    enqueued: usize,
    finished: usize,
    lost: usize,
}

impl Power {
    /// Runs it: every acknowledged enqueue and finish is there, and the file is in order. With [`Synchronous::Normal`]:
    /// something is lost, and the file is in order.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path) -> Result<String, Failure> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let begun = Instant::now();
        let mut all = Cut::default();
        for n in 0..self.rounds {
            // A checkpoint syncs at NORMAL too, and once the log is long there is one at each commit: before that.
            let ms = if self.sync == Synchronous::Full { 300..1_500 } else { 50..200 };
            let time = Duration::from_millis(rng.u64(ms));
            let cut = self.round(program, time).await.map_err(|e| format!("cut {n}, after {time:?}: {e}"))?;
            all.enqueued += cut.enqueued;
            all.finished += cut.finished;
            all.lost += cut.lost;
        }
        let Cut { enqueued, finished, lost } = all;
        if enqueued == 0 || finished == 0 {
            return Err("nothing was acknowledged before the power went".into());
        }
        match self.sync {
            Synchronous::Full if lost > 0 => {
                return Err(format!("{lost} acknowledged events are lost").into());
            }
            Synchronous::Normal if lost == 0 => {
                return Err(format!("nothing of {enqueued} enqueues and {finished} finishes is lost at synchronous = NORMAL: the power was not really cut").into());
            }
            _ => {}
        }
        Ok(format!(
            "{} cuts at synchronous {:?}: {enqueued} acknowledged enqueues and {finished} finishes, {lost} lost, in {:.1?}",
            self.rounds,
            self.sync,
            begun.elapsed()
        ))
    }

    async fn round(&self, program: &Path, time: Duration) -> Result<Cut, Failure> {
        let mut site = Site::new(program)?;
        if self.sync == Synchronous::Normal {
            site.configure("[sqlite]\nsynchronous = \"normal\"\n")?;
        }
        // Made, and on the disk, before the first cut.
        drop(open(&site).await?);
        for file in ["jobs.db", "jobs.db-wal"] {
            if site.path(file).is_file() {
                std::fs::copy(site.path(file), site.path(&format!("{file}.synced")))?;
            }
        }
        site.set("LD_PRELOAD", shim::build(&site.path(""))?);
        site.set("HARM_SYNCED", "1");
        let mut worker = site.worker(&QUICK)?;
        let told = Arc::new(Mutex::new(Told::default()));
        let mut producer = start_producer(&site, &told)?;
        watch_finishes(&site, &told, time).await?;
        // Both at once, as nearly as can be.
        producer.kill()?;
        worker.kill()?;
        let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
        let restored = restore(&site)?;
        audit_restored(&restored, &told).await
    }
}

/// Enqueues without end, and notes what was acknowledged.
fn start_producer(site: &Site, told: &Arc<Mutex<Told>>) -> Result<Worker, Failure> {
    let mut child = site
        .command(&["enqueue", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(input), Some(output)) = (input, output) else { return Err("no pipes".into()) };
    std::thread::spawn(move || feed(input));
    let told = told.clone();
    std::thread::spawn(move || listen(output, &told));
    Ok(Worker::of(child))
}

fn feed(mut input: ChildStdin) {
    for n in 0_u64.. {
        // A few at a time: the campaign is about commits, and each copies the file.
        let line = format!("{}\n", json!({ "kind": "t.echo", "payload": n }));
        if input.write_all(line.as_bytes()).is_err() {
            return;
        }
        if n % 8 == 7 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn listen(output: ChildStdout, told: &Mutex<Told>) {
    for line in BufReader::new(output).lines() {
        // The last line may be cut.
        if let Ok(line) = line
            && let Some((id, "inserted")) = line.split_once(' ')
        {
            told.lock().unwrap_or_else(PoisonError::into_inner).enqueued.insert(id.to_owned());
        }
    }
}

/// Longest time until the first job is done.
const TO_BEGIN: Duration = Duration::from_secs(60);

/// What a reader sees as finished is acknowledged, too.
async fn watch_finishes(site: &Site, told: &Mutex<Told>, time: Duration) -> Result<(), Failure> {
    let conn = Connection::open(site.database())?;
    conn.busy_timeout(Duration::from_secs(10))?;
    let done = "SELECT j.id FROM forge_finished f JOIN forge_jobs j ON j.seq = f.seq";
    let mut begun = Instant::now();
    let mut working = false;
    while !working || begun.elapsed() < time {
        if !working && begun.elapsed() > TO_BEGIN {
            return Err(format!("no job has finished within {TO_BEGIN:?}").into());
        }
        let ids: Vec<[u8; 16]> =
            conn.prepare_cached(done)?.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        if !working && !ids.is_empty() {
            (working, begun) = (true, Instant::now());
        }
        let ids = ids.into_iter().map(|id| JobId::from_bytes(id).to_string());
        told.lock().unwrap_or_else(PoisonError::into_inner).finished.extend(ids);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What the disk holds, in a place of its own.
fn restore(site: &Site) -> Result<PathBuf, Failure> {
    let dir = site.path("restored");
    std::fs::create_dir(&dir)?;
    for file in ["jobs.db", "jobs.db-wal"] {
        let synced = site.path(&format!("{file}.synced"));
        if synced.is_file() {
            std::fs::copy(synced, dir.join(file))?;
        }
    }
    Ok(dir.join("jobs.db"))
}

async fn audit_restored(database: &Path, told: &Told) -> Result<Cut, Failure> {
    let url = sqlite_url(database);
    let storage = open_url(&url).await?;
    let mut problems = storage.inspect.checkup().await?.problems;
    problems.extend(audit::file_problems(database, u64::MAX)?);
    verdict(&problems)?;
    drop(storage);
    let ends = audit::ends(&url).await?;
    let lost = told.enqueued.iter().filter(|id| !ends.contains_key(*id)).count();
    let undone = told.finished.iter().filter(|id| ends.get(*id).is_none_or(|(status, _)| status != "done"));
    Ok(Cut { enqueued: told.enqueued.len(), finished: told.finished.len(), lost: lost + undone.count() })
}
