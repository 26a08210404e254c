//! `forge job cancel`, `retry`, `run-now`, `drop`: one answer per job. With a filter see `job_bulk`.

use super::job_bulk;
use super::job_filter::Filter;
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Output, plain};
use forge_jobs::JobId;
use forge_jobs::limits::MAX_VERB_BATCH;
use forge_jobs_api::service::Verb;
use forge_jobs_api::wire::{ErrorCode, JobStatus, VerbOutcome, VerbReport, VerbResult};

/// The jobs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The jobs' ids
    #[arg(value_name = "ID")]
    ids: Vec<JobId>,

    #[command(flatten)]
    filter: Filter,

    /// With a filter: do it. Without this it is told what would be done
    #[arg(long)]
    yes: bool,

    /// With a filter: stop after so many jobs; default: as many as match at first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    at_most: Option<u64>,
}

pub(crate) async fn run(verb: Verb, args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let by_filter = !args.filter.is_empty();
    if by_filter != args.ids.is_empty() {
        let text = "give ids, or a filter such as --queue or --status: one of the two";
        return Err(Failure::new(ErrorCode::Invalid, text));
    }
    if by_filter {
        return job_bulk::run(verb, (args.filter, args.yes, args.at_most), at, out).await;
    }
    let desk = at.existing().await?;
    let ids: Vec<String> = args.ids.iter().map(ToString::to_string).collect();
    let mut results = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_VERB_BATCH) {
        results.extend(desk.act_on_jobs(verb, ids).await?.results);
    }
    let report = VerbReport { results };
    out.answer(&report, text)?;
    Ok(exit(&report))
}

/// Not found wins over conflict: an id that does not exist is most likely a slip.
fn exit(report: &VerbReport) -> Exit {
    let any = |wanted: &[VerbOutcome]| report.results.iter().any(|r| wanted.contains(&r.outcome));
    if any(&[VerbOutcome::Unknown]) {
        Exit::NotFound
    } else if any(&[VerbOutcome::Refused, VerbOutcome::AlreadyFinished, VerbOutcome::Duplicate]) {
        Exit::Conflict
    } else {
        Exit::Ok
    }
}

fn text(report: &VerbReport) -> String {
    let mut out = String::new();
    for r in &report.results {
        out.extend([&r.id, " ", &plain(&words(r)), "\n"]);
    }
    out
}

fn words(r: &VerbResult) -> String {
    let status = r.status.map(|s| format!("{s:?}").to_lowercase()).unwrap_or_default();
    match r.outcome {
        VerbOutcome::Cancelled => "cancelled".into(),
        VerbOutcome::Requested => "requested: its process was asked to stop it".into(),
        VerbOutcome::AlreadyFinished => format!("already finished: it is {status}"),
        VerbOutcome::Retried => "retried: it is pending".into(),
        VerbOutcome::MadePending => "made pending".into(),
        VerbOutcome::AlreadyPending => "already pending".into(),
        VerbOutcome::Dropped => "dropped".into(),
        VerbOutcome::Refused if r.status == Some(JobStatus::Running) => {
            format!("refused: it is running; `forge job cancel {}` asks it to stop", r.id)
        }
        VerbOutcome::Refused => format!("refused: it is {status}"),
        VerbOutcome::Duplicate => {
            let holder = r.duplicate_of.as_deref().unwrap_or_default();
            format!(
                "refused: the job {holder} holds its dedupe key; when that is finished or dropped, retry again"
            )
        }
        VerbOutcome::Unknown => "unknown: there is no such job".into(),
    }
}
