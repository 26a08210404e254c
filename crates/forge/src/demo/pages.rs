//! All jobs that pass a filter, a page at a time.

use forge_jobs::Job;
use forge_jobs::limits::MAX_PAGE;
use forge_jobs::storage::{Inspect, JobFilter, ListParams, StorageError};

/// Calls `visit` with each job.
pub(crate) async fn each_job(
    inspect: &dyn Inspect,
    filter: JobFilter,
    mut visit: impl FnMut(&Job) + Send,
) -> Result<(), StorageError> {
    let mut after = None;
    loop {
        let params = ListParams { filter: filter.clone(), limit: MAX_PAGE, after };
        let page = inspect.list(params).await?;
        page.jobs.iter().for_each(&mut visit);
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
