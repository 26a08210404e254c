//! What jobs leave behind: the lines that their handlers logged, and errors by sort.

use super::jobs::{job_id, page};
use super::{Api, ApiError, Verb};
use crate::convert;
use crate::wire::{
    ErrorGroup, ErrorList, ErrorQuery, ErrorSort, GroupVerb, LogPage, LogQuery, VerbOutcome, VerbResult,
};
use forge_jobs::errors::ErrorGroupId;
use forge_jobs::limits::{MAX_LOG_PAGE, MAX_PAGE};
use forge_jobs::storage::{ErrorGroupsParams, ErrorOrder, JobFilter, ListParams, LogsParams};
use forge_jobs::{JobId, JobStatus, check_name};

/// Lines of a page unless asked otherwise.
const DEFAULT_LINES: u32 = 200;

impl Api {
    /// A page of what a job's handler logged, also while it runs: `next` of the page goes on where it ended, now or
    /// later.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid`, and what reading the storage gave.
    pub async fn job_log(&self, id: &str, query: &LogQuery) -> Result<LogPage, ApiError> {
        let job = job_id(id)?;
        let limit = query.limit.unwrap_or(DEFAULT_LINES);
        if !(1..=MAX_LOG_PAGE).contains(&limit) {
            let text = format!("limit {limit} is out of range: use 1 to {MAX_LOG_PAGE}");
            return Err(ApiError::invalid("limit", text));
        }
        let after = query.after.as_deref().map(convert::parse_log_cursor).transpose()?;
        let params = LogsParams { job, claim_no: query.claim_no, after, limit };
        let page = self.storage.history.logs(params).await?;
        if page.lines.is_empty() && self.storage.inspect.job(job).await?.is_none() {
            return Err(ApiError::not_found("job", id));
        }
        let mut page = LogPage::from(&page);
        page.lines = page.lines.into_iter().map(|line| self.redaction.log_line(line)).collect();
        // Whoever has seen everything goes on from where they are.
        page.next = page.next.or_else(|| query.after.clone());
        Ok(page)
    }

    /// Errors by sort. Each attempt that failed counts, also those of jobs that are gone.
    ///
    /// # Errors
    ///
    /// `invalid`, and what reading the storage gave.
    pub async fn errors(&self, query: &ErrorQuery) -> Result<ErrorList, ApiError> {
        let limit = page(query.limit)?;
        for (field, name) in [("queue", &query.queue), ("kind", &query.kind)] {
            if let Some(name) = name {
                check_name(field, name)?;
            }
        }
        let order = match query.sort.unwrap_or_default() {
            ErrorSort::Last => ErrorOrder::Newest,
            ErrorSort::Frequent => ErrorOrder::MostFrequent,
            ErrorSort::New => ErrorOrder::NewestFirstSeen,
        };
        let params = ErrorGroupsParams { queue: query.queue.clone(), kind: query.kind.clone(), order, limit };
        let list = self.storage.history.error_groups(params).await?;
        let mut list = ErrorList::from(&list);
        list.groups = list.groups.into_iter().map(|group| self.redaction.error_group(group)).collect();
        Ok(list)
    }

    /// One sort of errors, and where it was seen. Its jobs are those of [`Self::jobs`] with `error_group`.
    ///
    /// # Errors
    ///
    /// `not_found`, and what reading the storage gave.
    pub async fn error_group(&self, id: &str) -> Result<ErrorGroup, ApiError> {
        let group = self.storage.history.error_group(group_id(id)?).await?;
        let group = group.ok_or_else(|| ApiError::not_found("error group", id))?;
        Ok(self.redaction.error_group((&group).into()))
    }

    /// Retries jobs that are dead of a sort of errors, at most 500: from where the answer before ended, and to the end
    /// where `next` of the answer is `None`. Jobs that die of it meanwhile are newer than the first, and left alone.
    ///
    /// # Errors
    ///
    /// `not_found`, `invalid` for a cursor of something else, and what the storage gave. Nothing is changed then, unless
    /// the remedy says so.
    pub async fn retry_error_group(&self, id: &str, after: Option<&str>) -> Result<GroupVerb, ApiError> {
        self.act_on_group(Verb::Retry, VerbOutcome::Retried, id, after).await
    }

    /// Deletes jobs for good that are dead of a sort of errors: a bounded number of them, as
    /// [`Self::retry_error_group`].
    ///
    /// # Errors
    ///
    /// As [`Self::retry_error_group`].
    pub async fn drop_error_group(&self, id: &str, after: Option<&str>) -> Result<GroupVerb, ApiError> {
        self.act_on_group(Verb::Drop, VerbOutcome::Dropped, id, after).await
    }

    async fn act_on_group(
        &self,
        verb: Verb,
        good: VerbOutcome,
        id: &str,
        after: Option<&str>,
    ) -> Result<GroupVerb, ApiError> {
        let group = group_id(id)?;
        let after = after.map(convert::parse_cursor).transpose()?;
        if self.storage.history.error_group(group).await?.is_none() {
            return Err(ApiError::not_found("error group", id));
        }
        let filter =
            JobFilter { statuses: vec![JobStatus::Dead], error_group: Some(group), ..JobFilter::default() };
        let page = self.storage.inspect.list(ListParams { filter, limit: MAX_PAGE, after }).await?;
        let ids: Vec<JobId> = page.jobs.iter().map(|job| job.id).collect();
        let results = if ids.is_empty() { Ok(Vec::new()) } else { self.apply(verb, &ids).await };
        self.touched();
        let changed = results?.iter().filter(|r: &&VerbResult| r.outcome == good).count() as u64;
        Ok(GroupVerb {
            group: group.to_string(),
            changed,
            left: (ids.len() as u64).saturating_sub(changed),
            next: page.next.map(convert::cursor),
        })
    }
}

/// The number of a group in a path: a text that is none names nothing.
fn group_id(text: &str) -> Result<ErrorGroupId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found("error group", text))
}
