//! One run: found in the database or begun, and brought to its end.

use super::bytes::PathText;
use super::identity::{RUN_QUEUE, RunId, UPSTREAM_QUEUE};
use super::manifest::{ManifestJob, Written};
use super::pages::each_job;
use super::upstream;
use super::walk::{WalkJob, Walked};
use crate::exit::Failure;
use forge_jobs::limits::MAX_PAGE;
use forge_jobs::storage::{JobFilter, StorageError, VerbParams};
use forge_jobs::{
    DeadReason, EnqueueError, EnqueueRequest, Enqueuer, Job, JobId, JobPayload, JobStatus, Payload, Storage,
};
use forge_jobs_api::wire::ErrorCode;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The directories of a run, canonical, and the demo's own files.
pub(crate) struct Places {
    pub(crate) dir: PathBuf,
    pub(crate) out: PathBuf,
    pub(crate) own: Vec<PathBuf>,
}

/// Whether the flaky upstream is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Present,
    Absent,
}

/// A run that is under way.
pub(crate) struct Run {
    pub(crate) walk: WalkJob,
    pub(crate) resumed: bool,
    pub(crate) upstream: Upstream,
    storage: Storage,
}

/// How far it is.
pub(crate) enum State {
    Working,
    /// Nothing of it is unfinished.
    Idle {
        walked: Walked,
        written: Written,
    },
}

impl Run {
    /// The unfinished run over these directories, or a new one.
    pub(crate) async fn find_or_begin(
        storage: &Storage,
        places: &Places,
        upstream: Upstream,
        seed: Option<u32>,
    ) -> Result<Self, Failure> {
        let key = RunId::key_of(&places.dir, &places.out);
        let latest = latest_walk(storage, &key).await?;
        let number = match latest {
            None => 1,
            Some(walk) if is_finished(storage, &walk, upstream).await? => {
                drop_jobs_of(storage, &walk.run).await?;
                walk.run.number.saturating_add(1)
            }
            Some(walk) => {
                revive(storage, &walk.run).await?;
                return Ok(Self { walk, resumed: true, upstream, storage: storage.clone() });
            }
        };
        let walk = WalkJob {
            run: RunId { key, number },
            dir: PathText::of(&places.dir),
            out: PathText::of(&places.out),
            own: places.own.iter().map(|p| PathText::of(p)).collect(),
            seed: seed.unwrap_or_else(random_seed),
        };
        Ok(Self { walk, resumed: false, upstream, storage: storage.clone() })
    }

    /// Enqueues what is not there yet. Idempotent.
    pub(crate) async fn enqueue(&self, enqueuer: &Enqueuer) -> Result<(), Failure> {
        let run = &self.walk.run;
        if !self.resumed {
            let walk = EnqueueRequest::of(&self.walk)
                .on_queue(RUN_QUEUE)
                .with_id(run.walk_id())
                .with_tag(RunId::directories_tag(&run.key));
            enqueuer.enqueue(walk).await.map_err(refused)?;
        }
        if self.upstream == Upstream::Present {
            for result in enqueuer.enqueue_many(upstream::requests(run, self.walk.seed)).await {
                result.map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Looks how far the run is, and enqueues the last job once all before it are finished.
    ///
    /// The last job does not wait for the others inside a worker: a job that is suspected of killing its process runs
    /// alone in it, so the two would wait for each other.
    pub(crate) async fn advance(&self, enqueuer: &Enqueuer) -> Result<State, Failure> {
        let run = &self.walk.run;
        let Some(walked) = self.output::<Walked>(run.walk_id(), "walk").await? else {
            return Ok(State::Working);
        };
        // Asked after the walk was seen done: from then on no file is added.
        if self.storage.inspect.has_unfinished(Some(&run.files_queue())).await? {
            return Ok(State::Working);
        }
        if self.storage.inspect.job(run.manifest_id()).await?.is_none() {
            let job = ManifestJob { run: run.clone(), out: self.walk.out.clone() };
            let request = EnqueueRequest::of(&job)
                .on_queue(RUN_QUEUE)
                .with_id(run.manifest_id())
                .with_tag(run.tag())
                .with_max_attempts(5);
            enqueuer.enqueue(request).await?;
            return Ok(State::Working);
        }
        let Some(written) = self.output::<Written>(run.manifest_id(), "manifest").await? else {
            return Ok(State::Working);
        };
        if self.upstream == Upstream::Present
            && self.storage.inspect.has_unfinished(Some(UPSTREAM_QUEUE)).await?
        {
            return Ok(State::Working);
        }
        Ok(State::Idle { walked, written })
    }

    /// Files that are finished already, from earlier sessions, and how many there are as far as is known.
    pub(crate) async fn finished_before(&self) -> Result<(u64, u64), StorageError> {
        if !self.resumed {
            return Ok((0, 0));
        }
        let filter = JobFilter { queues: vec![self.walk.run.files_queue()], ..JobFilter::default() };
        let (mut finished, mut found) = (0, 0);
        each_job(&*self.storage.inspect, filter, |job| {
            found += 1;
            finished += u64::from(job.status.is_finished());
        })
        .await?;
        Ok((finished, found))
    }

    /// What a job left; `None` while it is unfinished.
    async fn output<T: DeserializeOwned>(&self, id: JobId, what: &str) -> Result<Option<T>, Failure> {
        let failed = |reason: String| Failure::new(ErrorCode::Failed, reason);
        let Some(job) = self.storage.inspect.job(id).await? else {
            return Err(failed(format!("the {what} job {id} was dropped: start the demo again")));
        };
        match job.status {
            JobStatus::Dead => {
                let error = job.error.unwrap_or_default();
                let reason = job.dead_reason.map_or("", DeadReason::as_str);
                Err(failed(format!("the {what} job {id} is dead ({reason}): {error}")))
            }
            JobStatus::Done => match job.output.as_ref().map(Payload::decode) {
                Some(Ok(output)) => Ok(Some(output)),
                _ => Err(failed(format!("the {what} job {id} left nothing that can be read"))),
            },
            _ => Ok(None),
        }
    }
}

/// The latest walk over these directories. Walks are few: one for each run.
async fn latest_walk(storage: &Storage, key: &str) -> Result<Option<WalkJob>, StorageError> {
    let filter = JobFilter {
        queues: vec![RUN_QUEUE.into()],
        kind: Some(WalkJob::KIND.into()),
        tag: Some(RunId::directories_tag(key)),
        ..JobFilter::default()
    };
    let mut latest: Option<WalkJob> = None;
    each_job(&*storage.inspect, filter, |job| {
        // A walk that cannot be read was made by another version of the demo; its run is not to be resumed.
        if let Ok(walk) = job.payload.decode::<WalkJob>()
            && latest.as_ref().is_none_or(|l| l.run.number < walk.run.number)
        {
            latest = Some(walk);
        }
    })
    .await?;
    Ok(latest)
}

/// Whether nothing of a run is left to do.
async fn is_finished(storage: &Storage, walk: &WalkJob, upstream: Upstream) -> Result<bool, StorageError> {
    let over = |job: &Job| job.status.is_finished() && job.dead_reason != Some(DeadReason::Poison);
    let walked = storage.inspect.job(walk.run.walk_id()).await?;
    if walked.is_some_and(|job| over(&job) && job.status == JobStatus::Dead) {
        return Ok(true);
    }
    let written = storage.inspect.job(walk.run.manifest_id()).await?;
    if !written.is_some_and(|job| over(&job)) {
        return Ok(false);
    }
    Ok(upstream == Upstream::Absent || !storage.inspect.has_unfinished(Some(UPSTREAM_QUEUE)).await?)
}

/// Gives the jobs of a run another chance that are dead because their process was killed again and again: whoever
/// starts the demo again has killed it, not they.
async fn revive(storage: &Storage, run: &RunId) -> Result<(), StorageError> {
    for queue in [RUN_QUEUE.to_owned(), run.files_queue(), UPSTREAM_QUEUE.to_owned()] {
        let filter = JobFilter {
            queues: vec![queue],
            statuses: vec![JobStatus::Dead],
            dead_reason: Some(DeadReason::Poison),
            ..JobFilter::default()
        };
        let mut ids = Vec::new();
        each_job(&*storage.inspect, filter, |job| ids.push(job.id)).await?;
        for ids in ids.chunks(MAX_PAGE as usize) {
            storage.jobs.retry(VerbParams { ids: ids.to_vec(), actor: None, now: None }).await?;
        }
    }
    Ok(())
}

/// Drops the jobs of a finished run: what they found is in its manifest, and the new run would only be slower for
/// them. Its walk and its manifest job stay.
async fn drop_jobs_of(storage: &Storage, run: &RunId) -> Result<(), StorageError> {
    for queue in [run.files_queue(), UPSTREAM_QUEUE.to_owned()] {
        let filter = JobFilter { queues: vec![queue], tag: Some(run.tag()), ..JobFilter::default() };
        let mut ids = Vec::new();
        each_job(&*storage.inspect, filter, |job| ids.push(job.id)).await?;
        for ids in ids.chunks(MAX_PAGE as usize) {
            storage.jobs.drop_jobs(VerbParams { ids: ids.to_vec(), actor: None, now: None }).await?;
        }
    }
    Ok(())
}

/// A seed that nobody chose: from a new id, which holds random bits.
fn random_seed() -> u32 {
    let id = JobId::new();
    let bytes = id.as_bytes();
    u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) % 1_000_000
}

/// The files that SQLite and this crate keep for a database.
pub(crate) fn files_of_database(file: &Path) -> Vec<PathBuf> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let beside = |suffix: &str| {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    ["", "-wal", "-shm", "-journal", "-forge"].map(beside).to_vec()
}
/// The ids of a run's jobs follow from its number: another demo that began the same run has other ones under them.
fn refused(e: EnqueueError) -> Failure {
    if matches!(e, EnqueueError::IdTaken { .. }) {
        let message = "another demo began the same run on this database at the same moment: start this one again, and it \
                       goes on with that run, or give it a database of its own with --database";
        return Failure::new(ErrorCode::Conflict, message);
    }
    e.into()
}
