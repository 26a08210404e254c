//! `forge job edit`.

use super::job_list::word;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Output, pairs, plain, when};
use forge_jobs::{JobId, Timestamp};
use forge_jobs_api::convert::time;
use forge_jobs_api::wire::{ErrorCode, JobDetail, JobEdit};
use serde_json::value::RawValue;

const AFTER_HELP: &str = "\
Only pending, scheduled and retrying jobs can be edited. The job keeps its id, its attempts, its dedupe key and its \
concurrency key.

Examples:
  forge job edit 01890a5d-ac96-774b-bcce-b302099a8057 --payload '{\"to\":\"ada@example.com\"}'
  forge job edit 01890a5d-ac96-774b-bcce-b302099a8057 --run-at 2026-12-24T18:00:00+01:00 --priority -10";

/// Change a job that waits: its payload, priority, time, queue or tags.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The job's id
    id: JobId,

    /// The payload, as JSON; kept byte for byte
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    payload: Option<String>,

    /// Lower runs first, -32768 to 32767
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i16>,

    /// When it is due, RFC 3339 with an offset; a time in the past means now
    #[arg(long, value_name = "TIME")]
    run_at: Option<Timestamp>,

    /// The queue, which must be there
    #[arg(long)]
    queue: Option<String>,

    /// A tag to search by; may be given several times, and takes the place of those that it has
    #[arg(long = "tag", value_name = "TAG", conflicts_with = "no_tags")]
    tags: Vec<String>,

    /// Take its tags away
    #[arg(long)]
    no_tags: bool,

    /// Only if it still has this version: see `forge job show --json`
    #[arg(long, value_name = "VERSION")]
    if_version: Option<i64>,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let payload = args.payload.map(|text| {
        let bad = |e| Failure::new(ErrorCode::Invalid, format!("--payload is no JSON: {e}"));
        RawValue::from_string(text).map_err(bad)
    });
    let edit = JobEdit {
        payload: payload.transpose()?,
        priority: args.priority,
        run_at: args.run_at.map(time),
        queue: args.queue,
        tags: (args.no_tags || !args.tags.is_empty()).then_some(args.tags),
    };
    let id = args.id.to_string();
    let detail = at.existing().await?.edit_job(&id, edit, args.if_version).await?;
    out.answer(&detail, text)?;
    Ok(Exit::Ok)
}

fn text(detail: &JobDetail) -> String {
    let job = &detail.job;
    pairs(&[
        ("id", job.id.clone()),
        ("status", word(&job.status)),
        ("queue", job.queue.clone()),
        ("priority", job.priority.to_string()),
        ("due", when(&job.due_at)),
        ("tags", plain(&job.tags.join(", "))),
        ("payload", plain(job.payload.get())),
    ])
}
