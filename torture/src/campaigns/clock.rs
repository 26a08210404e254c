//! The wall clock steps by an hour both ways, and all processes freeze at once, while jobs run.

use super::{Failure, verdict};
use crate::fleet::{Site, Worker};
use crate::shim;
use crate::{audit, ledger};
use forge_jobs::Timestamp;
use rusqlite::Connection;
use rustix::process::Signal;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const HOUR: i64 = 3_600;
/// Short intervals, and a stale window of 4.5 s: a process that cannot beat for half of it stops its jobs, and a machine that
/// does other things too is seldom busy for so long.
const CALM: [&str; 8] =
    ["--heartbeat-ms", "1000", "--poll-ms", "200", "--alone-ms", "2000", "--metrics-ms", "100"];

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// How long each time on the clock lasts.
    pub phase: Duration,
    /// How long all processes are frozen: longer than their stale window.
    pub freeze: Duration,
    /// Arguments of the workers, for their intervals.
    pub intervals: &'static [&'static str],
    /// Their heartbeat.
    pub heartbeat: Duration,
}

impl Clock {
    /// A form of seconds.
    #[must_use]
    pub const fn short() -> Self {
        Self {
            phase: Duration::from_secs(2),
            freeze: Duration::from_secs(10),
            intervals: &CALM,
            heartbeat: Duration::from_secs(1),
        }
    }

    /// A form of minutes, with the default intervals where it counts.
    #[must_use]
    pub const fn long() -> Self {
        Self {
            phase: Duration::from_secs(25),
            freeze: Duration::from_secs(60),
            intervals: &[],
            heartbeat: Duration::from_secs(10),
        }
    }

    /// Runs it: nothing is reaped, no job starts before its time on the clock, and nothing comes in a burst.
    ///
    /// # Errors
    ///
    /// What the audit found, or what kept the campaign from running.
    pub async fn run(&self, program: &Path) -> Result<String, Failure> {
        let mut site = Site::new(program)?;
        let begun = Instant::now();
        let hand = Hand::new(&mut site)?;
        let first = site.worker(self.intervals)?;
        let long = enqueue(&site, "t.sleep", &format!("{{\"ms\":{}}}", 5 * self.phase.as_millis()), None)?;
        wait_for_start(&site, &long).await?;
        let mut fleet = [first, site.worker(self.intervals)?];
        let beats = Beats::watch(&site);
        let mut problems = Vec::new();

        // Due in half an hour: an hour's step makes it so, and no job starts before that.
        let ahead = enqueue(&site, "t.echo", "1", Some(&hand.now(HOUR / 2)))?;
        tokio::time::sleep(self.phase).await;
        problems.extend(must_not_have_run(&site, &ahead)?);
        hand.turn(HOUR)?;
        problems.extend(must_run(&site, &ahead, self.phase).await?);
        tokio::time::sleep(self.phase).await;

        // Due in a moment, which a step back puts off by an hour.
        let behind = enqueue(&site, "t.echo", "1", Some(&hand.now(1)))?;
        hand.turn(0)?;
        tokio::time::sleep(self.phase).await;
        problems.extend(must_not_have_run(&site, &behind)?);
        hand.turn(-HOUR)?;
        // A new process right after a step knows of no time before.
        fleet[1].stop(Duration::from_secs(30))?;
        fleet[1] = site.worker(self.intervals)?;
        tokio::time::sleep(self.phase).await;
        hand.turn(2 * HOUR)?;
        problems.extend(must_run(&site, &behind, self.phase).await?);
        problems.extend(must_end_undisturbed(&site, &long, 10 * self.phase).await?);
        problems.extend(beats.judge(self.heartbeat)?);

        problems.extend(self.freeze_all(&site, &fleet).await?);
        problems.extend(crashes(&site)?);
        problems.extend(audit::file_problems(&site.database(), 64 << 20)?);
        for worker in &mut fleet {
            worker.stop(Duration::from_secs(30))?;
        }
        verdict(&problems)?;
        Ok(format!(
            "four steps and a freeze of {:?}: nothing reaped, nothing early, no burst, in {:.1?}",
            self.freeze,
            begun.elapsed()
        ))
    }

    /// Everybody is away and comes back: nobody may take anybody for dead.
    async fn freeze_all(&self, site: &Site, fleet: &[Worker]) -> Result<Vec<String>, Failure> {
        let ms = format!("{{\"ms\":{}}}", self.freeze.as_millis());
        let running = [enqueue(site, "t.sleep", &ms, None)?, enqueue(site, "t.sleep", &ms, None)?];
        for job in &running {
            wait_for_start(site, job).await?;
        }
        fleet.iter().try_for_each(|w| w.signal(Signal::STOP))?;
        tokio::time::sleep(self.freeze).await;
        fleet.iter().try_for_each(|w| w.signal(Signal::CONT))?;
        let after = enqueue(site, "t.echo", "1", None)?;
        let mut problems = must_run(site, &after, 3 * self.heartbeat + Duration::from_secs(5)).await?;
        tokio::time::sleep(3 * self.heartbeat).await;
        let registered = "SELECT count(*) FROM forge_processes WHERE ended_at IS NULL";
        let mut alive = 0;
        // Both have stopped themselves and come back, which one of them may do late.
        within(Duration::from_secs(10), || {
            alive = Connection::open(site.database())?.query_row(registered, [], |r| r.get(0))?;
            Ok(alive == 2)
        })
        .await?;
        for job in &running {
            problems.extend(must_run(site, job, 3 * self.freeze).await?);
        }
        if alive != 2 {
            problems.push(format!("{alive} of 2 processes are registered after the freeze"));
        }
        Ok(problems)
    }
}

/// The hand that turns the processes' clock.
struct Hand {
    file: std::fs::File,
    offset: std::cell::Cell<i64>,
}

impl Hand {
    fn new(site: &mut Site) -> Result<Self, Failure> {
        let path = site.path("clock");
        let file = std::fs::File::create(&path)?;
        let hand = Self { file, offset: std::cell::Cell::new(0) };
        hand.turn(0)?;
        site.set("LD_PRELOAD", shim::build(&site.path(""))?);
        site.set("HARM_CLOCK", path);
        Ok(hand)
    }

    /// Sets it ahead of the real one by so many seconds.
    fn turn(&self, seconds: i64) -> Result<(), Failure> {
        self.offset.set(seconds);
        Ok(self.file.write_all_at(&(seconds * 1_000_000_000).to_ne_bytes(), 0)?)
    }

    /// Its time, and some seconds.
    fn now(&self, later: i64) -> String {
        let real = Timestamp::now().as_micros();
        Timestamp::from_micros(real + (self.offset.get() + later) * 1_000_000).to_string()
    }
}

/// Enqueues by a process under the same clock.
fn enqueue(site: &Site, kind: &str, payload: &str, run_at: Option<&str>) -> Result<String, Failure> {
    let mut args = vec!["enqueue", kind, payload];
    if let Some(at) = run_at {
        args.extend(["--run-at", at]);
    }
    let ended = site.command(&args).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&ended.stdout);
    match text.split_whitespace().next() {
        Some(id) if ended.status.success() => Ok(id.to_owned()),
        _ => {
            std::io::stderr().write_all(&ended.stderr)?;
            Err(format!("enqueue {kind} {run_at:?} failed").into())
        }
    }
}

fn runs(site: &Site, job: &str) -> Result<Vec<ledger::Execution>, Failure> {
    if !site.ledger().is_file() {
        return Ok(Vec::new());
    }
    Ok(ledger::executions(&ledger::read(&site.ledger())?, &[]).remove(job).unwrap_or_default())
}

async fn within(limit: Duration, mut holds: impl FnMut() -> Result<bool, Failure>) -> Result<bool, Failure> {
    let begun = Instant::now();
    while !holds()? {
        if begun.elapsed() > limit {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(true)
}

async fn wait_for_start(site: &Site, job: &str) -> Result<(), Failure> {
    if within(Duration::from_secs(30), || Ok(!runs(site, job)?.is_empty())).await? {
        return Ok(());
    }
    Err("the first job never started".into())
}

async fn must_run(site: &Site, job: &str, limit: Duration) -> Result<Vec<String>, Failure> {
    // The clock is looked at with the next poll at the latest.
    let limit = limit.max(Duration::from_secs(10));
    let ran = within(limit, || Ok(runs(site, job)?.iter().any(|r| r.end.is_some()))).await?;
    Ok(if ran { Vec::new() } else { vec![format!("{job} is due and did not run within {limit:?}")] })
}

fn must_not_have_run(site: &Site, job: &str) -> Result<Vec<String>, Failure> {
    let early = !runs(site, job)?.is_empty();
    Ok(if early { vec![format!("{job} started before its time")] } else { Vec::new() })
}

async fn must_end_undisturbed(site: &Site, job: &str, limit: Duration) -> Result<Vec<String>, Failure> {
    let ended = within(limit, || Ok(runs(site, job)?.iter().any(|r| r.end.is_some()))).await?;
    let runs = runs(site, job)?;
    let undisturbed = ended && runs.len() == 1 && runs[0].cancelled.is_none();
    Ok(if undisturbed { Vec::new() } else { vec![format!("the long job was disturbed: {runs:?}")] })
}

/// Nobody died, so nobody may have been taken for dead.
fn crashes(site: &Site) -> Result<Vec<String>, Failure> {
    let conn = Connection::open(site.database())?;
    let mut statement =
        conn.prepare("SELECT job || ' ' || event FROM forge_job_events WHERE event = 'crashed'")?;
    Ok(statement.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Heartbeats as they reach the database.
struct Beats {
    thread: std::thread::JoinHandle<rusqlite::Result<u32>>,
    over: std::sync::Arc<std::sync::atomic::AtomicBool>,
    begun: Instant,
}

impl Beats {
    fn watch(site: &Site) -> Self {
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (database, stop) = (site.database(), over.clone());
        let thread = std::thread::spawn(move || {
            let conn = Connection::open(database)?;
            let mut statement = conn.prepare("SELECT id, beat_at FROM forge_processes")?;
            let mut seen = std::collections::HashSet::new();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let rows =
                    statement.query_map([], |r| Ok((r.get::<_, [u8; 16]>(0)?, r.get::<_, i64>(1)?)))?;
                seen.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(u32::try_from(seen.len()).unwrap_or(u32::MAX))
        });
        Self { thread, over, begun: Instant::now() }
    }

    /// Two processes: neither far more beats than there is time for, nor far fewer.
    fn judge(self, interval: Duration) -> Result<Vec<String>, Failure> {
        self.over.store(true, std::sync::atomic::Ordering::Relaxed);
        let time = self.begun.elapsed();
        let beats = self.thread.join().map_err(|_| "the watcher panicked")??;
        let expected = 2.0 * time.as_secs_f64() / interval.as_secs_f64();
        let (least, most) = (0.5f64.mul_add(expected, -2.0), 1.5f64.mul_add(expected, 8.0));
        let fine = (least..most).contains(&f64::from(beats));
        Ok(if fine {
            Vec::new()
        } else {
            vec![format!("{beats} heartbeats in {time:?}, expected {expected:.0}")]
        })
    }
}
