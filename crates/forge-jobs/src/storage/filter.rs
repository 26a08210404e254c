//! Which jobs, and how lists are walked through: the index that a list is in, and how far one look goes.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use super::{InvalidValue, StorageError};
use crate::errors::ErrorGroupId;
use crate::hash::Fnv;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::limits::{MAX_FILTER_QUEUES, MAX_FILTER_TEXT_BYTES};
use crate::{DeadReason, JobStatus, Timestamp};

/// Which jobs to list. What is empty or `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only of one of these queues, at most [`MAX_FILTER_QUEUES`](crate::limits::MAX_FILTER_QUEUES).
    pub queues: Vec<String>,
    /// Only with one of these statuses.
    pub statuses: Vec<JobStatus>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of kinds that begin so.
    pub kind_prefix: Option<String>,
    /// Only dead for this reason.
    pub dead_reason: Option<DeadReason>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only those whose latest error is of this group.
    pub error_group: Option<ErrorGroupId>,
    /// Only those that were enqueued within.
    pub created: TimeRange,
    /// Only those that are or were due within.
    pub due: TimeRange,
    /// Only those that were done or dead within.
    pub finished: TimeRange,
    /// Only those whose payload holds this text: byte for byte as its JSON is stored. At most
    /// [`MAX_FILTER_TEXT_BYTES`](crate::limits::MAX_FILTER_TEXT_BYTES).
    pub payload: Option<String>,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// From then on; `None`: ever.
    pub from: Option<Timestamp>,
    /// Before then; `None`: ever.
    pub until: Option<Timestamp>,
}

impl TimeRange {
    /// Whether it lets every time through.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }
}

impl JobFilter {
    /// Jobs with this status.
    #[must_use]
    pub fn of_status(status: JobStatus) -> Self {
        Self { statuses: vec![status], ..Self::default() }
    }

    /// Jobs of this queue.
    #[must_use]
    pub fn of_queue(queue: impl Into<String>) -> Self {
        Self { queues: vec![queue.into()], ..Self::default() }
    }

    /// A number that two different filters do not share, but for chance; the same in all versions and processes.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut parts: Vec<(u8, String)> = Vec::new();
        let mut add = |field: u8, value: Option<String>| parts.extend(value.map(|value| (field, value)));
        for queue in &self.queues {
            add(1, Some(queue.clone()));
        }
        for status in &self.statuses {
            add(2, Some(status.as_str().to_owned()));
        }
        add(3, self.kind.clone());
        add(4, self.kind_prefix.clone());
        add(5, self.dead_reason.map(|reason| reason.as_str().to_owned()));
        add(6, self.tag.clone());
        add(7, self.error_group.map(|group| group.to_string()));
        for (field, range) in [(8, &self.created), (10, &self.due), (12, &self.finished)] {
            add(field, range.from.map(|at| at.as_micros().to_string()));
            add(field + 1, range.until.map(|at| at.as_micros().to_string()));
        }
        add(14, self.payload.clone());
        let mut hash = Fnv::new();
        for (field, value) in &parts {
            // The length in front keeps two texts from running together.
            hash.add(&[*field]);
            hash.add(&value.len().to_le_bytes());
            hash.add(value.as_bytes());
        }
        hash.value()
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl JobFilter {
    /// Its bounds. Names and tags are compared as they are: one that is none is of no job.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let refuse = |field, value: String, remedy: String| Err(InvalidValue { field, value, remedy }.into());
        if self.queues.len() > MAX_FILTER_QUEUES {
            let remedy = format!("name at most {MAX_FILTER_QUEUES}, or none to see all");
            return refuse("queue", format!("({} queues)", self.queues.len()), remedy);
        }
        if let Some(text) = &self.payload
            && (text.is_empty() || text.len() > MAX_FILTER_TEXT_BYTES || text.contains('\0'))
        {
            let remedy = format!("use 1 to {MAX_FILTER_TEXT_BYTES} bytes without NUL");
            return refuse("payload", format!("({} bytes)", text.len()), remedy);
        }
        Ok(())
    }

    /// Its statuses, those included that follow from the rest of it; empty: any.
    pub(super) fn all_statuses(&self) -> Vec<JobStatus> {
        let mut statuses = self.statuses.clone();
        if statuses.is_empty() && self.dead_reason.is_some() {
            statuses.push(JobStatus::Dead);
        } else if statuses.is_empty() && !self.finished.is_all() {
            statuses.extend([JobStatus::Done, JobStatus::Dead]);
        }
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }
}

/// What a list is read from, in which order.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// Jobs as they came in, the newest first.
    Created,
    /// Pending ones, by due time.
    Pending,
    /// Running ones, by claim time.
    Running,
    /// Scheduled and retrying ones, by due time.
    Deferred,
    /// Done and dead ones, by finish, the newest first.
    Finished,
    /// The dead of one group of errors, likewise.
    Group,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Walk {
    pub(super) fn of(filter: &JobFilter, statuses: &[JobStatus]) -> Self {
        use JobStatus as S;
        let all = |of: &[S]| statuses.iter().all(|s| of.contains(s));
        match statuses {
            [S::Dead] if filter.error_group.is_some() => Self::Group,
            [S::Pending] => Self::Pending,
            [S::Running] => Self::Running,
            [_, ..] if all(&[S::Scheduled, S::Retrying]) => Self::Deferred,
            [_, ..] if all(&[S::Done, S::Dead]) => Self::Finished,
            _ => Self::Created,
        }
    }
}

/// How far a look into one index came.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Debug)]
pub(super) struct Scan<R> {
    /// The rows that the filter lets through, in order.
    pub(super) hits: Vec<R>,
    /// The last row that was looked at, if the look stopped before the end.
    pub(super) stopped_at: Option<R>,
    /// Rows that were looked at.
    pub(super) looked: u64,
}

/// A page out of several looks.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Debug)]
pub(super) struct Merged<R> {
    pub(super) hits: Vec<R>,
    /// Where the next page begins.
    pub(super) next: Option<R>,
    pub(super) looked: u64,
    pub(super) complete: bool,
}

/// Puts looks together: up to where the first of them stopped, since nobody knows what comes after that.
///
/// Each look that stopped because it had enough must have one hit more than `limit`.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) fn merge<R: Copy>(
    scans: Vec<Scan<R>>,
    limit: usize,
    order: impl Fn(&R, &R) -> std::cmp::Ordering,
) -> Merged<R> {
    let looked = scans.iter().map(|scan| scan.looked).sum();
    let frontier = scans.iter().filter_map(|scan| scan.stopped_at).min_by(&order);
    let mut hits: Vec<R> = scans.into_iter().flat_map(|scan| scan.hits).collect();
    hits.sort_by(&order);
    if let Some(frontier) = &frontier {
        hits.retain(|hit| order(hit, frontier).is_le());
    }
    if hits.len() > limit {
        hits.truncate(limit);
        return Merged { next: hits.last().copied(), hits, looked, complete: true };
    }
    Merged { hits, complete: frontier.is_none(), next: frontier, looked }
}

#[cfg(test)]
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod tests {
    use super::*;

    fn scan(hits: &[i32], stopped_at: Option<i32>) -> Scan<i32> {
        Scan { hits: hits.to_vec(), stopped_at, looked: 1 }
    }

    #[test]
    fn a_page_ends_where_the_first_look_stopped() {
        let page = merge(vec![scan(&[1, 5, 9], None), scan(&[2], Some(6))], 10, Ord::cmp);
        assert_eq!((page.hits, page.next, page.complete, page.looked), (vec![1, 2, 5], Some(6), false, 2));
        let page = merge(vec![scan(&[1, 5], None), scan(&[2], None)], 10, Ord::cmp);
        assert_eq!((page.hits, page.next, page.complete), (vec![1, 2, 5], None, true));
        let page = merge(vec![scan(&[1, 5], None), scan(&[2, 3, 4], Some(4))], 2, Ord::cmp);
        assert_eq!((page.hits, page.next, page.complete), (vec![1, 2], Some(2), true));
    }

    #[test]
    fn what_a_filter_says_picks_the_index() {
        let walk = |filter: &JobFilter| Walk::of(filter, &filter.all_statuses());
        assert_eq!(walk(&JobFilter::default()), Walk::Created);
        assert_eq!(walk(&JobFilter::of_status(JobStatus::Pending)), Walk::Pending);
        let dead = JobFilter { dead_reason: Some(DeadReason::Poison), ..JobFilter::default() };
        assert_eq!(walk(&dead), Walk::Finished);
        let finished = TimeRange { from: Some(Timestamp::from_micros(1)), until: None };
        assert_eq!(walk(&JobFilter { finished, ..JobFilter::default() }), Walk::Finished);
        let statuses = vec![JobStatus::Retrying, JobStatus::Scheduled];
        assert_eq!(walk(&JobFilter { statuses, ..JobFilter::default() }), Walk::Deferred);
        let statuses = vec![JobStatus::Retrying, JobStatus::Dead];
        assert_eq!(walk(&JobFilter { statuses, ..JobFilter::default() }), Walk::Created);
    }

    #[test]
    fn filters_that_differ_have_other_fingerprints() {
        let mut all: Vec<u64> = [
            JobFilter::default(),
            JobFilter::of_queue("a"),
            JobFilter { kind: Some("a".into()), ..JobFilter::default() },
            JobFilter { kind_prefix: Some("a".into()), ..JobFilter::default() },
            JobFilter { tag: Some("a".into()), ..JobFilter::default() },
            JobFilter { payload: Some("a".into()), ..JobFilter::default() },
            JobFilter { queues: vec!["a".into(), "b".into()], ..JobFilter::default() },
            JobFilter { queues: vec!["ab".into()], ..JobFilter::default() },
        ]
        .iter()
        .map(JobFilter::fingerprint)
        .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8);
    }
}
