//! `forge job cancel`, `retry`, `run-now` and `drop` on all jobs of a filter: first what it would come to, then a part at
//! a time.

use super::job_count::many;
use super::job_filter::Filter;
use super::job_list::word;
use crate::desk::{Desk, Where};
use crate::exit::{Exit, Failure};
use crate::output::{Output, plain, say, short};
use forge_jobs_api::service::Verb;
use forge_jobs_api::wire::{
    BulkPreview, BulkQuery, BulkReport, BulkRun, BulkVerb, ErrorCode, JobQuery, OutcomeCount,
};

const fn wire(verb: Verb) -> BulkVerb {
    match verb {
        Verb::Cancel => BulkVerb::Cancel,
        Verb::Retry => BulkVerb::Retry,
        Verb::RunNow => BulkVerb::RunNow,
        Verb::Drop => BulkVerb::Drop,
    }
}

/// Does it if `sure`, else tells what it would come to.
pub(super) async fn run(
    verb: Verb,
    (filter, sure, at_most): (Filter, bool, Option<u64>),
    at: &Where,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let query = filter.query()?;
    let desk = at.existing().await?;
    let asked = BulkQuery { verb: wire(verb), ids: None, filter: Some(query.clone()) };
    let preview = desk.preview_bulk(asked).await?;
    if !sure {
        out.answer(&preview, text)?;
        say("nothing was done: add --yes to do it");
        return Ok(Exit::Ok);
    }
    let count = preview.jobs;
    if count.more && at_most.is_none() {
        let text = format!("{} match: say with --at-most how many it may be done with", many(count));
        return Err(Failure::new(ErrorCode::Invalid, text));
    }
    let at_most = at_most.unwrap_or(count.count);
    if at_most == 0 {
        out.answer(&preview, text)?;
        return Ok(Exit::Ok);
    }
    let report = work(&desk, verb, &query, at_most).await?;
    out.answer(&report, told)?;
    if report.stopped {
        say("stopped: more jobs match than were to be acted on; look again, or give --at-most");
        return Ok(Exit::Conflict);
    }
    Ok(Exit::Ok)
}

async fn work(desk: &Desk, verb: Verb, filter: &JobQuery, at_most: u64) -> Result<BulkReport, Failure> {
    let mut whole: Option<BulkReport> = None;
    let mut after: Option<String> = None;
    loop {
        let run = BulkRun { filter: filter.clone(), at_most, after: after.take() };
        let part = desk.run_bulk(verb, run).await.map_err(|failure| {
            let done = whole.as_ref().map_or(0, |whole| whole.tried_in_all);
            failure.with_remedy(&format!("it was tried with {done} jobs before that"))
        })?;
        after.clone_from(&part.next);
        let so_far = match whole.take() {
            Some(whole) => sum(whole, part),
            None => part,
        };
        if after.is_none() {
            return Ok(so_far);
        }
        say(&format!("{} of at most {at_most} so far", so_far.tried_in_all));
        whole = Some(so_far);
    }
}

fn sum(mut whole: BulkReport, part: BulkReport) -> BulkReport {
    whole.tried += part.tried;
    whole.tried_in_all = part.tried_in_all;
    for OutcomeCount { outcome, jobs } in part.outcomes {
        match whole.outcomes.iter_mut().find(|o| o.outcome == outcome) {
            Some(known) => known.jobs += jobs,
            None => whole.outcomes.push(OutcomeCount { outcome, jobs }),
        }
    }
    whole.unchanged.extend(part.unchanged);
    (whole.next, whole.stopped) = (part.next, part.stopped);
    whole
}

fn text(preview: &BulkPreview) -> String {
    let mut lines = vec![format!("{} would be acted on\n", many(preview.jobs))];
    for job in &preview.sample {
        lines.push(format!("  {} {} {} {}\n", job.id, plain(&job.kind), job.queue, word(&job.status)));
    }
    for refused in &preview.refused {
        let ids = short(&refused.ids.join(" "), 80);
        lines.push(format!("refused: {} {}, such as {ids}\n", many(refused.jobs), word(&refused.status)));
    }
    lines.concat()
}

fn told(report: &BulkReport) -> String {
    if report.outcomes.is_empty() {
        return "no jobs\n".into();
    }
    let line = |o: &OutcomeCount| format!("{} {}\n", o.jobs, word(&o.outcome).replace('_', " "));
    report.outcomes.iter().map(line).collect::<Vec<_>>().concat()
}
