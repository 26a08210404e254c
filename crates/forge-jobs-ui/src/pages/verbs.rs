//! What is done to jobs: asked before where it cannot be undone, and told afterwards what came of each.

use crate::app::{Ctx, Doing, Question};
use crate::ipc::Verb;
use crate::text;
use forge_jobs_api::wire::{JobStatus, VerbOutcome, VerbReport};
use std::sync::Arc;

/// Jobs that one request names at most.
const BATCH: usize = 1_000;

/// Whether a verb makes sense for a job that stands there.
pub(crate) const fn fits(verb: Verb, status: JobStatus) -> bool {
    match verb {
        Verb::Retry => matches!(status, JobStatus::Dead | JobStatus::Retrying),
        Verb::Cancel => !matches!(status, JobStatus::Done | JobStatus::Dead),
        Verb::RunNow => matches!(status, JobStatus::Scheduled | JobStatus::Retrying),
        Verb::Drop => !matches!(status, JobStatus::Running),
    }
}

/// Asks where that is due, then does it.
pub(crate) fn start(
    ctx: Ctx,
    doing: Doing,
    verb: Verb,
    ids: Vec<String>,
    done: impl Fn(VerbReport) + Copy + Send + Sync + 'static,
) {
    let count = ids.len();
    let act = Arc::new(move || {
        let ipc = ctx.ipc();
        let ids = ids.clone();
        let answer = Box::pin(async move {
            let mut results = Vec::new();
            for batch in ids.chunks(BATCH) {
                results.extend(ipc.do_to(verb, batch).await?.results);
            }
            Ok(VerbReport { results })
        });
        doing.run(answer, move |report| {
            ctx.say(told(&report));
            done(report);
        });
    });
    let text = match verb {
        Verb::Drop => text::THEY_ARE_DELETED_WITH_THEIR_HISTORY,
        Verb::Cancel => text::WHAT_WAITS_IS_DEAD_AS_CANCELLED,
        Verb::Retry | Verb::RunNow if count > 1 => text::THEY_MAY_RUN_AT_ONCE,
        Verb::Retry | Verb::RunNow => {
            act();
            return;
        }
    };
    ctx.ask(Question {
        title: text::verb_question(verb.label(), count),
        text: text.into(),
        yes: text::verb_on(verb.label(), text::counted(count)),
        // Who deletes many says how many.
        typed: (verb == Verb::Drop && count > 1).then(|| count.to_string()),
        danger: matches!(verb, Verb::Drop | Verb::Cancel),
        then: act,
    });
}

const OUTCOMES: [(VerbOutcome, &str); 10] = [
    (VerbOutcome::Cancelled, "cancelled"),
    (VerbOutcome::Requested, text::ASKED_TO_STOP),
    (VerbOutcome::AlreadyFinished, text::FINISHED_BEFORE),
    (VerbOutcome::Retried, "retried"),
    (VerbOutcome::MadePending, text::MADE_PENDING),
    (VerbOutcome::AlreadyPending, text::PENDING_ALREADY),
    (VerbOutcome::Dropped, "dropped"),
    (VerbOutcome::Refused, text::REFUSED_WHERE_THEY_STAND),
    (VerbOutcome::Duplicate, text::LEFT_SINCE_ANOTHER_JOB),
    (VerbOutcome::Unknown, text::GONE_ALREADY),
];

/// What came of it, in a sentence.
pub(crate) fn told(report: &VerbReport) -> String {
    told_of(|outcome| report.results.iter().filter(|r| r.outcome == outcome).map(|_| 1).sum())
}

/// The same of how many jobs each outcome has.
pub(crate) fn told_of(count: impl Fn(VerbOutcome) -> u64) -> String {
    let parts = OUTCOMES.iter().filter_map(|(outcome, words)| {
        let count = count(*outcome);
        (count > 0).then(|| format!("{count} {words}"))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Whether anything was not done: then it stays on the page.
pub(crate) fn left_something(report: &VerbReport) -> bool {
    report.results.iter().any(|r| {
        matches!(
            r.outcome,
            VerbOutcome::Refused
                | VerbOutcome::Duplicate
                | VerbOutcome::Unknown
                | VerbOutcome::AlreadyFinished
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_jobs_api::wire::VerbResult;

    fn report(outcomes: &[VerbOutcome]) -> VerbReport {
        let one = |outcome: &VerbOutcome| VerbResult {
            id: "x".into(),
            outcome: *outcome,
            status: None,
            dead_reason: None,
            process: None,
            claim_no: None,
            duplicate_of: None,
        };
        VerbReport { results: outcomes.iter().map(one).collect() }
    }

    #[test]
    fn what_came_of_a_verb_is_told_in_numbers() {
        let all_well = report(&[VerbOutcome::Retried, VerbOutcome::Retried]);
        assert_eq!(told(&all_well), "2 retried");
        assert!(!left_something(&all_well));
        let mixed = report(&[VerbOutcome::Duplicate, VerbOutcome::Retried, VerbOutcome::Unknown]);
        assert_eq!(told(&mixed), "1 retried, 1 left, since another job has their dedupe key, 1 gone already");
        assert!(left_something(&mixed));
    }

    #[test]
    fn verbs_are_offered_where_they_make_sense() {
        assert!(fits(Verb::Retry, JobStatus::Dead) && !fits(Verb::Retry, JobStatus::Done));
        assert!(fits(Verb::Cancel, JobStatus::Running) && !fits(Verb::Cancel, JobStatus::Dead));
        assert!(fits(Verb::RunNow, JobStatus::Scheduled) && !fits(Verb::RunNow, JobStatus::Pending));
        assert!(fits(Verb::Drop, JobStatus::Done) && !fits(Verb::Drop, JobStatus::Running));
    }
}
