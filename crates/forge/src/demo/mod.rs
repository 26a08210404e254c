//! The demo: a real directory, hashed by a job per file, and a flaky upstream beside it.
//!
//! ```text
//! walk ──▶ a job per file ──▶ (none unfinished) ──▶ manifest
//! ```
//!
//! Everything that must survive a kill is in the database: ids of jobs are derived from what they stand for
//! (`identity`), each file's hash is its job's output, and the program itself only looks how far the run is and
//! enqueues the manifest when nothing else is left (`run`).

mod bytes;
mod file;
mod identity;
mod manifest;
mod pages;
mod progress;
mod run;
mod show;
mod stats;
mod summary;
mod upstream;
mod walk;

pub(crate) use run::Upstream;

use crate::database::Database;
use crate::exit::{Exit, Failure};
use crate::output::{Output, say};
use crate::signals::{Signals, stop};
use forge_jobs::retry::BackoffPolicy;
use forge_jobs::storage::{QueueSettingsPatch, Retention, UpdateQueueParams};
use forge_jobs::{Enqueuer, HandlerRegistry, QueueRuntime, Router, RuntimeConfig, Storage};
use forge_jobs_api::convert;
use forge_jobs_api::wire::ErrorCode;
use identity::{RUN_QUEUE, UPSTREAM_QUEUE};
use progress::Progress;
use run::{Places, Run, State, files_of_database};
use stats::Stats;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use summary::{Facts, Session, Summary};

/// Between two looks at how far the run is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Time for handlers to finish when the demo is told to stop: they are all short, or stop when told.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Workers of the queue of the walk and the manifest.
const RUN_WORKERS: u32 = 2;
/// Workers of the flaky upstream's queue.
const UPSTREAM_WORKERS: u32 = 8;

/// When the demo ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// When everything is finished.
    WhenIdle,
    /// When it is told.
    WhenTold,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) out: PathBuf,
    pub(crate) ending: Ending,
    pub(crate) upstream: Upstream,
    pub(crate) seed: Option<u32>,
    pub(crate) listen: Option<SocketAddr>,
}

/// Why the watching ended.
enum End {
    Idle(Box<Summary>),
    Told,
}

/// Runs the demo.
pub(crate) async fn run(options: Options, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()
        .map_err(|e| Failure::new(ErrorCode::Failed, format!("signals cannot be waited for: {e}")))?;
    // The directories first: a slip in a path must not leave a database behind.
    let (dir, out_dir) = (input_directory(&options.dir)?, output_directory(&options.out)?);
    let storage = database.open_migrated().await?;
    let own = database.file()?.map(|f| files_of_database(&f)).unwrap_or_default();
    let places = Places { dir, out: out_dir, own };

    let run = Run::find_or_begin(&storage, &places, options.upstream, options.seed).await?;
    let stats = Arc::new(Stats::default());
    let (finished, found) = run.finished_before().await?;
    stats.finished.add(finished);
    stats.found.add(found);

    let runtime = runtime(&storage, &run, &stats);
    own_queues(&runtime, &run).await?;
    let enqueuer = runtime.enqueuer();
    run.enqueue(&enqueuer).await?;
    greet(&run, &database.describe()?, options.ending);
    // Who waits for the end alone needs no server.
    let shown = if options.ending == Ending::WhenTold || options.listen.is_some() {
        Some(show::start(storage.clone(), options.listen).await?)
    } else {
        None
    };
    let handle = runtime.start().await?;

    let (database, argument) = (database.describe()?, database.argument()?);
    let demo = Demo { run, storage, stats, enqueuer, database, argument, began: Instant::now() };
    let ended = demo.watch(&mut signals).await;
    let told = match ended {
        Ok(End::Idle(summary)) => {
            let answered = out.answer(&summary, |s| s.text());
            if answered.is_ok() && options.ending == Ending::WhenTold {
                say("everything is finished; Ctrl-C ends the demo");
                signals.next().await;
            }
            answered
        }
        Ok(End::Told) => {
            let message =
                "stopped before everything was finished: start the demo again to go on where it was";
            Err(Failure::new(ErrorCode::Failed, message))
        }
        Err(failure) => Err(failure),
    };
    drop(shown);
    stop(&handle, &mut signals, STOP_WITHIN).await;
    told.map(|()| Exit::Ok)
}

/// What the watching needs.
struct Demo {
    run: Run,
    storage: Storage,
    stats: Arc<Stats>,
    enqueuer: Arc<Enqueuer>,
    database: String,
    /// For `--database`.
    argument: Option<String>,
    began: Instant,
}

impl Demo {
    /// Brings the run to its end, and shows how far it is.
    async fn watch(&self, signals: &mut Signals) -> Result<End, Failure> {
        let mut progress = Progress::start();
        let ended = loop {
            progress.show(&self.stats);
            match self.run.advance(&self.enqueuer).await {
                Ok(State::Working) => {}
                Ok(State::Idle { walked, written }) => {
                    let facts = Facts {
                        walk: &self.run.walk,
                        walked,
                        written,
                        database: self.database.clone(),
                        argument: self.argument.clone(),
                        resumed: self.run.resumed,
                        upstream: self.run.upstream == Upstream::Present,
                        session: self.session(),
                    };
                    break Ok(End::Idle(Box::new(Summary::read(&*self.storage.inspect, facts).await?)));
                }
                Err(failure) => break Err(failure),
            }
            tokio::select! {
                () = signals.next() => break Ok(End::Told),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        };
        progress.end();
        ended
    }

    fn session(&self) -> Session {
        Session {
            files: self.stats.hashed.get(),
            bytes: self.stats.bytes.get(),
            seconds: convert::seconds(self.began.elapsed()),
        }
    }
}

/// The directory to walk, canonical.
fn input_directory(dir: &Path) -> Result<PathBuf, Failure> {
    let refused = |reason: &dyn std::fmt::Display| {
        Failure::new(ErrorCode::Invalid, format!("--dir {}: {reason}", dir.display()))
    };
    let canonical = dir.canonicalize().map_err(|e| refused(&e))?;
    if canonical.is_dir() { Ok(canonical) } else { Err(refused(&"this is no directory")) }
}

/// The directory to write to, created if need be, canonical.
fn output_directory(out: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(out)
        .and_then(|()| out.canonicalize())
        .map_err(|e| Failure::new(ErrorCode::Invalid, format!("--out {}: {e}", out.display())))
}

/// A runtime for this run's queues and no others.
fn runtime(storage: &Storage, run: &Run, stats: &Arc<Stats>) -> QueueRuntime {
    let mut handlers = HandlerRegistry::new();
    handlers
        .register_typed(walk::Walk { stats: stats.clone() })
        .register_typed(file::Hash { stats: stats.clone() })
        .register_typed(manifest::WriteManifest { storage: storage.clone(), stats: stats.clone() })
        .register_typed(upstream::CallUpstream { storage: storage.clone(), stats: stats.clone() });
    let config = RuntimeConfig::default()
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_queue(run.walk.run.files_queue(), None)
        .with_queue(RUN_QUEUE, None)
        .with_queue(UPSTREAM_QUEUE, None);
    // Every request names its queue; a job that somebody else sends to the demo's kinds goes where it does no harm.
    let router: Arc<dyn Router> = Arc::new(|_: &str| RUN_QUEUE.to_owned());
    QueueRuntime::new(storage.clone(), handlers, router).with_config(config)
}

/// Creates the demo's queues. Their retries come soon, and nothing of an unfinished run is ever swept away.
async fn own_queues(runtime: &QueueRuntime, run: &Run) -> Result<(), Failure> {
    let workers = std::thread::available_parallelism().map_or(2, |n| u32::try_from(n.get()).unwrap_or(32));
    let backoff = BackoffPolicy::new(Duration::from_millis(100), Duration::from_millis(800));
    for (queue, workers) in [
        (run.walk.run.files_queue(), workers.clamp(2, 32)),
        (RUN_QUEUE.to_owned(), RUN_WORKERS),
        (UPSTREAM_QUEUE.to_owned(), UPSTREAM_WORKERS),
    ] {
        let known = runtime.storage().queues.get(&queue).await?;
        runtime.ensure_queue(&queue, workers).await?;
        // Set once; what an operator changes later stays, but for the retention that a run needs.
        let kept = known.is_some_and(|row| {
            row.settings.done_retention == Retention::Forever
                && row.settings.dead_retention == Retention::Forever
        });
        if !kept {
            let patch = QueueSettingsPatch::default()
                .with_backoff(backoff)
                .with_done_retention(Retention::Forever)
                .with_dead_retention(Retention::Forever);
            runtime
                .storage()
                .queues
                .update(UpdateQueueParams { queue, patch, expected_version: None, actor: None, now: None })
                .await?;
        }
    }
    Ok(())
}

fn greet(run: &Run, database: &str, ending: Ending) {
    let walk = &run.walk;
    let how = if run.resumed { "goes on with" } else { "begins" };
    say(&format!(
        "{how} run {} over {}; database {database}; seed {}",
        walk.run.number,
        walk.dir.text(),
        walk.seed
    ));
    if ending == Ending::WhenTold {
        say("Ctrl-C stops it; started again, it goes on where it was");
    }
}
