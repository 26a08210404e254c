//! Handlers for tests and load: each does one thing, as its payload says, and writes it down.

use super::ledger::{Event, Ledger};
use forge_jobs::{HandlerRegistry, JobContext, JobOutcome};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a spinning handler looks at the clock.
const SPINS: u32 = 1_000;

#[derive(Deserialize)]
struct Ms {
    ms: u64,
}

#[derive(Deserialize)]
struct Times {
    n: u32,
}

#[derive(Deserialize)]
struct Throttle {
    n: u32,
    ms: u64,
}

#[derive(Deserialize)]
struct Permits {
    scope: String,
    n: u32,
}

#[derive(Deserialize)]
struct Lines {
    n: u32,
    text: String,
}

#[derive(Deserialize)]
struct Steps {
    ms: u64,
    n: u64,
}

#[derive(Deserialize)]
struct File {
    path: PathBuf,
}

/// How often it is looked for a file.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Text {
    text: String,
    /// The outermost first.
    #[serde(default)]
    causes: Vec<String>,
}

/// An error with what led to it.
#[derive(Debug)]
struct Caused {
    text: String,
    source: Option<Box<Self>>,
}

impl fmt::Display for Caused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The kinds, and what each does: for the help text.
pub(crate) const HELP: &str = "\
Test handlers (--test-handlers), by kind and payload:
  t.sleep {\"ms\":N}            waits, or until it is told to stop
  t.steps {\"ms\":N,\"n\":K}     takes K steps of N ms, and tells each as progress
  t.file {\"path\":P}          waits for a file, or until it is told to stop
  t.spin {\"ms\":N}             keeps its thread busy, and listens to nobody
  t.fail {\"n\":N}              fails N times, then is done
  t.throttle {\"n\":N,\"ms\":M}   asks N times to wait M ms, then is done
  t.dead, t.panic, t.abort    gives up; panics; aborts the process
  t.err {\"text\":T,\"causes\":C} fails with this text, caused by these texts if any
  t.log {\"n\":N,\"text\":T}      logs N lines
  t.acquire {\"scope\":S,\"n\":N} waits for N permits of a budget
  t.echo                      keeps its payload as its output
Each writes a line per start, end and cancel to the file named by FORGE_LEDGER, if it is set.";

/// Registers all of them.
pub(crate) fn register(handlers: &mut HandlerRegistry, ledger: &Ledger) {
    add(handlers, ledger, "t.sleep", |ctx, Ms { ms }| async move {
        tokio::select! {
            cause = ctx.cancel.cancelled() => JobOutcome::Failed(format!("told to stop: {cause}")),
            () = tokio::time::sleep(Duration::from_millis(ms)) => JobOutcome::Done,
        }
    });
    add(handlers, ledger, "t.steps", |ctx, Steps { ms, n }| async move {
        for step in 1..=n {
            tokio::select! {
                cause = ctx.cancel.cancelled() => return JobOutcome::Failed(format!("told to stop: {cause}")),
                () = tokio::time::sleep(Duration::from_millis(ms)) => ctx.progress(step, Some(n), None),
            }
        }
        JobOutcome::Done
    });
    add(handlers, ledger, "t.file", |ctx, File { path }| async move {
        while !path.exists() {
            tokio::select! {
                cause = ctx.cancel.cancelled() => return JobOutcome::Failed(format!("told to stop: {cause}")),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        JobOutcome::Done
    });
    add(handlers, ledger, "t.spin", |_, Ms { ms }| async move {
        spin(Duration::from_millis(ms));
        JobOutcome::Done
    });
    add(handlers, ledger, "t.fail", |ctx, Times { n }| async move {
        if ctx.attempt() <= n {
            JobOutcome::Failed(format!("failure {} of {n}", ctx.attempt()))
        } else {
            JobOutcome::Done
        }
    });
    add(handlers, ledger, "t.throttle", |ctx, Throttle { n, ms }| async move {
        if ctx.throttles() < n { JobOutcome::throttled(Duration::from_millis(ms)) } else { JobOutcome::Done }
    });
    add(handlers, ledger, "t.dead", |_, _: serde_json::Value| async {
        JobOutcome::Dead("it gives up".into())
    });
    add(handlers, ledger, "t.panic", |_, _: serde_json::Value| async { panic!("it panics") });
    add(handlers, ledger, "t.abort", |_, _: serde_json::Value| async { std::process::abort() });
    add(handlers, ledger, "t.err", |_, Text { text, causes }| async {
        if causes.is_empty() {
            return JobOutcome::Failed(text);
        }
        let within = |source, text| Some(Box::new(Caused { text, source }));
        JobOutcome::failed(&Caused { text, source: causes.into_iter().rev().fold(None, within) })
    });
    add(handlers, ledger, "t.log", |_, Lines { n, text }| async move {
        for line in 1..=n {
            tracing::info!(line, "{text}");
        }
        JobOutcome::Done
    });
    let of_grants = ledger.clone();
    add(handlers, ledger, "t.acquire", move |ctx, Permits { scope, n }| {
        let ledger = of_grants.clone();
        async move {
            match ctx.rate_limit.acquire_n(&scope, n).await {
                Ok(at) => {
                    ledger.granted(&ctx, at);
                    JobOutcome::Done
                }
                Err(e) => JobOutcome::failed(&e),
            }
        }
    });
    add(handlers, ledger, "t.echo", |ctx, echo: Box<serde_json::value::RawValue>| async move {
        ctx.set_output(echo).map_or_else(|e| JobOutcome::dead(&e), |()| JobOutcome::Done)
    });
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        for _ in 0..SPINS {
            std::hint::spin_loop();
        }
    }
}

/// Registers one: its payload is decoded, and what it does written down.
fn add<P, F, Fut>(handlers: &mut HandlerRegistry, ledger: &Ledger, kind: &'static str, run: F)
where
    P: DeserializeOwned + Send + 'static,
    F: Fn(JobContext, P) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = JobOutcome> + Send,
{
    let ledger = ledger.clone();
    handlers.register_typed_fn_as(kind, move |ctx, payload: P| {
        let (ledger, run) = (ledger.clone(), run.clone());
        async move {
            ledger.write(&ctx, Event::Start);
            let outcome = listened(&ledger, &ctx, run(ctx.clone(), payload)).await;
            ledger.write(&ctx, Event::End);
            outcome
        }
    });
}

/// Runs a handler, and writes down when it is told to stop, whether it listens or not.
async fn listened(
    ledger: &Ledger,
    ctx: &JobContext,
    handler: impl Future<Output = JobOutcome>,
) -> JobOutcome {
    tokio::pin!(handler);
    tokio::select! {
        biased;
        _ = ctx.cancel.cancelled() => ledger.write(ctx, Event::Cancelled),
        outcome = &mut handler => return outcome,
    }
    handler.await
}
