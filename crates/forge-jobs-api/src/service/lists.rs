//! Lists of jobs, and counts.

use super::filter::{filter, whole};
use super::jobs::page;
use super::{Api, ApiError};
use crate::convert;
use crate::wire::{BoundedCount, Job, JobCount, JobPage, JobQuery};
use forge_jobs::JobId;
use forge_jobs::limits::{COUNT_CAP, MAX_PAGE, SCAN_ROWS};
use forge_jobs::storage::{JobFilter, ListParams, PageCursor};

/// Jobs that are read from the storage at a time.
const PIECE: u32 = 50;
/// Jobs that are looked at for a text in what is shown of them, at most.
const SEARCHED: u64 = 2_000;

/// Jobs that were found.
pub(super) struct Found {
    pub(super) jobs: Vec<Job>,
    pub(super) ids: Vec<JobId>,
    pub(super) next: Option<PageCursor>,
    pub(super) unknown: Vec<&'static str>,
    pub(super) scanned: u64,
    pub(super) complete: bool,
}

impl Api {
    /// A page of jobs. With a filter by a queue or a kind that never had a job, `unknown` names the field. What no index
    /// tells is looked for in a bounded number of jobs: `complete` says whether that was all.
    ///
    /// Long payloads are cut, see [`Redaction`](super::redact::Redaction): the job by itself has all of it.
    ///
    /// # Errors
    ///
    /// `invalid`, and what reading the storage gave.
    pub async fn jobs(&self, query: JobQuery) -> Result<JobPage, ApiError> {
        let limit = page(query.limit)?;
        let after = query.after.as_deref().map(convert::parse_cursor).transpose()?;
        let found = self.find(&filter(query)?, limit, after).await?;
        Ok(JobPage {
            jobs: found.jobs,
            next: found.next.map(convert::cursor),
            unknown: found.unknown.into_iter().map(str::to_owned).collect(),
            scanned: found.scanned,
            complete: found.complete,
        })
    }

    /// How many jobs a query lets through, up to 10,000.
    ///
    /// # Errors
    ///
    /// `invalid`, and what reading the storage gave.
    pub async fn job_count(&self, query: JobQuery) -> Result<JobCount, ApiError> {
        let (jobs, unknown) = self.count(&whole(query)?).await?;
        Ok(JobCount { jobs, unknown: unknown.into_iter().map(str::to_owned).collect() })
    }

    /// Whether payloads are to be searched here: in the storage there is more of them than is shown, and what is found
    /// would tell of it.
    fn searches(&self, filter: &JobFilter) -> bool {
        filter.payload.is_some() && self.redaction.hides()
    }

    /// Jobs that a filter lets through, at most `limit`.
    pub(super) async fn find(
        &self,
        filter: &JobFilter,
        limit: u32,
        mut after: Option<PageCursor>,
    ) -> Result<Found, ApiError> {
        let search = filter.payload.as_deref().filter(|_| self.searches(filter));
        let mut asked = filter.clone();
        if search.is_some() {
            asked.payload = None;
        }
        let mut found = Found {
            jobs: Vec::new(),
            ids: Vec::new(),
            next: None,
            unknown: Vec::new(),
            scanned: 0,
            complete: true,
        };
        let mut left = limit;
        // In pieces, so that a page of the longest payloads is never in memory as a whole. One is never cut in two.
        loop {
            let params = ListParams { filter: asked.clone(), limit: left.min(PIECE), after };
            let piece = self.storage.inspect.list(params).await?;
            for job in &piece.jobs {
                let wire = Job::from(job);
                if search.is_none_or(|text| self.shows(&wire, text)) {
                    found.jobs.push(self.redaction.listed(wire));
                    found.ids.push(job.id);
                    left = left.saturating_sub(1);
                }
            }
            found.unknown = piece.unknown;
            found.scanned = found.scanned.saturating_add(piece.scanned);
            (after, found.next) = (piece.next, piece.next);
            let bound = if search.is_some() { SEARCHED } else { u64::from(SCAN_ROWS) };
            let stops = found.scanned >= bound && left > 0 && after.is_some();
            found.complete = piece.complete && !stops;
            if after.is_none() || left == 0 || !found.complete {
                return Ok(found);
            }
        }
    }

    /// Whether a job's payload, as it is shown, holds a text.
    fn shows(&self, job: &Job, text: &str) -> bool {
        let masked = self.redaction.json(&job.payload);
        masked.as_ref().unwrap_or(&job.payload).get().contains(text)
    }

    /// How many jobs a filter lets through.
    pub(super) async fn count(
        &self,
        filter: &JobFilter,
    ) -> Result<(BoundedCount, Vec<&'static str>), ApiError> {
        if !self.searches(filter) {
            let counted = self.storage.inspect.count(filter.clone()).await?;
            return Ok((counted.count.into(), counted.unknown));
        }
        let (mut count, mut after) = (0, None);
        loop {
            let found = self.find(filter, MAX_PAGE, after).await?;
            count += u64::try_from(found.jobs.len()).unwrap_or(u64::MAX);
            after = found.next;
            if after.is_none() || !found.complete || count >= COUNT_CAP {
                let counted = BoundedCount { count: count.min(COUNT_CAP), more: after.is_some() };
                return Ok((counted, found.unknown));
            }
        }
    }
}
