//! `forge job show`.

use super::job_list::status;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, pairs, short, table, when};
use forge_jobs::JobId;
use forge_jobs_api::wire::{Attempt, Job, JobDetail, JobEvent, Seconds};

/// Show all that is known of a job: its data, its attempts, what happened to it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  forge job show 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct Args {
    /// The job's id
    id: JobId,
}

pub(crate) async fn run(args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let detail = at.existing().await?.job(&args.id.to_string()).await?;
    out.answer(&detail, text)?;
    Ok(Exit::Ok)
}

fn text(detail: &JobDetail) -> String {
    let mut out = pairs(&facts(&detail.job));
    if !detail.attempts.is_empty() {
        out.push_str("\nattempts\n");
        let head = [
            ("attempt", Align::Right),
            ("claim", Align::Right),
            ("result", Align::Left),
            ("cause", Align::Left),
            ("ended", Align::Left),
            ("took", Align::Right),
            ("host", Align::Left),
            ("version", Align::Left),
            ("error", Align::Left),
        ];
        out.push_str(&table(&head, &detail.attempts.iter().map(attempt).collect::<Vec<_>>()));
        for a in &detail.attempts {
            out.push_str(&more_of(a));
        }
    }
    if !detail.events.is_empty() {
        out.push_str("\nevents\n");
        out.push_str(&events(&detail.events));
    }
    out
}

fn facts(job: &Job) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("id", job.id.clone()),
        ("kind", job.kind.clone()),
        ("queue", job.queue.clone()),
        ("status", status(job)),
        ("attempt", format!("{} of {}", job.attempt, job.max_attempts)),
        ("priority", job.priority.to_string()),
        ("claim", job.claim_no.to_string()),
        ("created", job.created_at.clone()),
        ("due", job.due_at.clone()),
    ];
    let mut add = |name, value: Option<String>| rows.extend(value.map(|v| (name, v)));
    add("started", job.started_at.clone());
    add("finished", job.finished_at.clone());
    add("cancel requested", job.cancel_requested_at.clone());
    add("process", job.process.clone());
    add("throttles in a row", (job.throttles > 0).then(|| job.throttles.to_string()));
    add("crashes", (job.crashes > 0).then(|| job.crashes.to_string()));
    add("suspect", job.suspect.then(|| "yes: it runs alone in its process".to_owned()));
    add("dedupe key", job.dedupe_key.clone());
    add("held while", (!job.dedupe_states.is_empty()).then(|| job.dedupe_states.join(", ")));
    add("held until", job.dedupe_until.clone());
    add("concurrency key", job.concurrency_key.clone());
    add("waits for", job.waits_for.clone());
    add("tags", (!job.tags.is_empty()).then(|| job.tags.join(", ")));
    add(
        "progress",
        job.progress.as_ref().map(|p| {
            let total = p.total.map(|t| format!(" of {t}")).unwrap_or_default();
            let note = p.note.as_deref().map(|n| format!(", {n}")).unwrap_or_default();
            format!("{}{total}{note}", p.done)
        }),
    );
    add("error", job.error.clone());
    add("payload", Some(job.payload.get().to_owned()));
    add("output", job.output.as_ref().map(|o| o.get().to_owned()));
    rows
}

fn attempt(a: &Attempt) -> Vec<String> {
    let result = format!("{:?}", a.result).to_lowercase();
    let worker = a.worker.as_ref();
    vec![
        a.attempt.to_string(),
        a.claim_no.to_string(),
        result,
        a.cause.clone(),
        when(&a.ended_at),
        took(a.ran_seconds),
        worker.map(|w| w.host.clone()).unwrap_or_default(),
        worker.map(|w| w.version.clone()).unwrap_or_default(),
        a.error.as_deref().map(|e| short(e, 100)).unwrap_or_default(),
    ]
}

/// The chain of errors, where it panicked, and what it is counted under.
fn more_of(a: &Attempt) -> String {
    let mut rows = Vec::new();
    for (n, cause) in a.chain.iter().enumerate() {
        let name = if n == 0 { "error" } else { "caused by" };
        let of = cause.error_type.as_deref().map(|t| format!("{t}: ")).unwrap_or_default();
        rows.push((name, format!("{of}{}", cause.message)));
    }
    rows.extend(a.location.clone().map(|at| ("panicked at", at)));
    rows.extend(a.error_group.clone().map(|group| ("error group", group)));
    if rows.is_empty() { String::new() } else { format!("\nattempt {}\n{}", a.attempt, pairs(&rows)) }
}

/// A time that an attempt took.
fn took(ran: Seconds) -> String {
    let Seconds(seconds) = ran;
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

/// What happened, as a table.
pub(super) fn events(events: &[JobEvent]) -> String {
    let head = [
        ("at", Align::Left),
        ("event", Align::Left),
        ("attempt", Align::Right),
        ("claim", Align::Right),
        ("cause", Align::Left),
        ("host", Align::Left),
        ("version", Align::Left),
        ("took", Align::Right),
        ("detail", Align::Left),
    ];
    table(&head, &events.iter().map(event).collect::<Vec<_>>())
}

fn event(e: &JobEvent) -> Vec<String> {
    let number = |n: Option<String>| n.unwrap_or_default();
    let worker = e.worker.as_ref();
    vec![
        e.at.clone(),
        e.event.clone(),
        number(e.attempt.map(|n| n.to_string())),
        number(e.claim_no.map(|n| n.to_string())),
        e.cause.clone().unwrap_or_default(),
        worker.map(|w| w.host.clone()).unwrap_or_default(),
        worker.map(|w| w.version.clone()).unwrap_or_default(),
        e.ran_seconds.map(took).unwrap_or_default(),
        e.detail.as_deref().map(|d| short(d, 100)).unwrap_or_default(),
    ]
}
