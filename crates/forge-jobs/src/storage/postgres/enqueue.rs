//! Inserting jobs, with group commit.
//!
//! Callers that arrive while a write is under way share the next one: no timer. Each returns when its own rows are
//! durable. If a group is refused as a whole, each caller's jobs go alone, so that a bad one fails alone.

#[cfg(test)]
mod tests;

use super::changes::Effects;
use super::error::Fault;
use super::hub::{Hub, Lane};
use super::replace;
use crate::limits::{MAX_ENQUEUE_BATCH, STORAGE_CALL_LIMIT};
use crate::storage::checks::{check_batch, micros};
use crate::storage::{EnqueueParams, Inserted, StorageError};
use crate::{Due, JobId, NewJob, Timestamp, TraceContext};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_postgres::types::Type;
use uuid::Uuid;

const INSERT_PLAIN: &str = "SELECT {schema}.insert_plain($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const INSERT: &str = "SELECT i.code, i.of FROM unnest({schema}.insert_jobs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
     $12, $13, $14, $15, false, $16, $17)) i";

/// Writes at the same time: while one waits for its commit, the next one can be worked on.
const WRITERS: usize = 2;
/// Waiting jobs that are worth another writer. Fewer go together when the write under way is done: a statement and a
/// commit cost more than the rows in them.
const WORTH_ANOTHER: usize = 500;
/// A write that takes longer may wait for somebody else's transaction: others go past it.
const SLOW: Duration = Duration::from_millis(20);
/// How often a writer gives way to callers that it has just answered, before it takes those who wait. Callers that send
/// one job after the other come back at once, and those who come together share a commit. It is no timer: it ends as
/// soon as they are back, and takes microseconds if they are not.
const GIVE_WAY: usize = 100;
/// Bytes of payload in one write, unless a single caller has more.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// How far the database's clock may be ahead of this host's before a job that it takes for due waits for a poll.
const SKEW: Duration = Duration::from_secs(60);
/// Between two tries of a write whose outcome is unknown.
const RESEND: Duration = Duration::from_millis(100);

/// Callers that wait for their jobs to be written.
#[derive(Default)]
pub(super) struct Group {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Caller>,
    writers: usize,
    /// When each write under way was begun.
    under_way: Vec<Instant>,
}

type Reply = oneshot::Sender<Result<Vec<Inserted>, StorageError>>;

struct Caller {
    jobs: Vec<NewJob>,
    now: Option<Timestamp>,
    reply: Reply,
}

impl Inner {
    /// Whether to write beside a writer that is at work.
    fn is_worth_another(&self) -> bool {
        // Of many callers it is enough to look at some.
        let jobs = self.waiting.iter().take(WORTH_ANOTHER).map(|c| c.jobs.len()).sum::<usize>();
        jobs >= WORTH_ANOTHER || self.under_way.iter().any(|begun| begun.elapsed() > SLOW)
    }
}

impl Group {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The callers of the next write: those that act at the same time, within bounds. `None` ends the writer: it is
    /// counted no more, so that whoever comes now starts another.
    fn take(&self) -> Option<(Vec<Caller>, UnderWay<'_>)> {
        let mut inner = self.inner();
        if inner.writers > 1 && !inner.is_worth_another() {
            inner.writers -= 1;
            return None;
        }
        let mut callers: Vec<Caller> = Vec::new();
        let (mut jobs, mut bytes) = (0, 0);
        while let Some(next) = inner.waiting.front() {
            jobs += next.jobs.len();
            bytes += next.jobs.iter().map(|j| j.payload.as_str().len()).sum::<usize>();
            let fits = jobs <= MAX_ENQUEUE_BATCH && bytes <= MAX_BYTES;
            if callers.first().is_some_and(|first| !fits || first.now != next.now) {
                break;
            }
            callers.extend(inner.waiting.pop_front());
        }
        if callers.is_empty() {
            inner.writers -= 1;
            return None;
        }
        let begun = Instant::now();
        inner.under_way.push(begun);
        Some((callers, UnderWay { group: self, begun }))
    }

    /// Until as many wait as were answered, if they come at once.
    async fn gather(&self, answered: usize) {
        for _ in 0..GIVE_WAY {
            if self.inner().waiting.len() >= answered {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// A write that is not over.
struct UnderWay<'a> {
    group: &'a Group,
    begun: Instant,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut inner = self.group.inner();
        if let Some(at) = inner.under_way.iter().position(|b| *b == self.begun) {
            inner.under_way.swap_remove(at);
        }
    }
}

/// One that writes for all callers, until nobody waits. It is counted from before it is spawned.
struct Writer {
    hub: Arc<Hub>,
    keyed: usize,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    New,
    Begun,
    /// Nobody waited, and it is counted no more.
    Ended,
}

impl Drop for Writer {
    /// Whoever waits is not left alone: after a panic another writer goes on. All else that drops the last one is the end
    /// of the storage, of which they are told. One that never began did not panic, but was spawned too late: were it
    /// replaced, so would be the next one, for ever.
    fn drop(&mut self) {
        if self.state == State::Ended {
            return;
        }
        let mut inner = self.group().inner();
        inner.writers -= 1;
        if inner.writers > 0 || inner.waiting.is_empty() {
            return;
        }
        let panicked = self.state == State::Begun && std::thread::panicking();
        if let (true, Ok(runtime)) = (panicked, Handle::try_current()) {
            inner.writers += 1;
            // A runtime that is ending drops what it is given at once, here.
            drop(inner);
            runtime.spawn(Self::new(&self.hub, self.keyed).write_all());
        } else {
            let gone = std::mem::take(&mut inner.waiting);
            drop(inner);
            drop(gone);
        }
    }
}

/// Inserts every job that can be inserted.
pub(super) async fn enqueue(
    hub: &Arc<Hub>,
    handle: &Handle,
    params: EnqueueParams,
) -> Result<Vec<Inserted>, StorageError> {
    check_batch("jobs", params.jobs.len(), MAX_ENQUEUE_BATCH)?;
    if params.jobs.is_empty() {
        return Ok(Vec::new());
    }
    let (reply, answer) = oneshot::channel();
    // Jobs with keys are written apart: they may have to wait for a transaction of the host program.
    let keyed = usize::from(has_keys(&params.jobs));
    let start = {
        let mut inner = hub.groups[keyed].inner();
        inner.waiting.push_back(Caller { jobs: params.jobs, now: params.now, reply });
        let start = inner.writers == 0 || (inner.writers < WRITERS && inner.is_worth_another());
        inner.writers += usize::from(start);
        start
    };
    if start {
        handle.spawn(Writer::new(hub, keyed).write_all());
    }
    answer.await.unwrap_or(Err(StorageError::Closed))
}

impl Writer {
    fn new(hub: &Arc<Hub>, keyed: usize) -> Self {
        Self { hub: hub.clone(), keyed, state: State::New }
    }

    fn group(&self) -> &Group {
        &self.hub.groups[self.keyed]
    }

    async fn write_all(mut self) {
        self.state = State::Begun;
        let mut answered = 0;
        loop {
            if answered > 1 {
                self.group().gather(answered).await;
            }
            let Some((callers, _under_way)) = self.hub.groups[self.keyed].take() else {
                self.state = State::Ended;
                return;
            };
            answered = callers.len();
            let mut answering = pin!(answer(&self.hub, callers));
            if tokio::time::timeout(SLOW, answering.as_mut()).await.is_err() {
                self.let_others_past();
                answering.await;
            }
        }
    }

    /// Those who came meanwhile do not wait for a write that hangs; those who come from now on see to it themselves.
    fn let_others_past(&self) {
        let mut inner = self.group().inner();
        if inner.writers < WRITERS && !inner.waiting.is_empty() {
            inner.writers += 1;
            drop(inner);
            tokio::spawn(Self::new(&self.hub, self.keyed).write_all());
        }
    }
}

/// Writes the jobs of all these callers, and answers each.
async fn answer(hub: &Hub, callers: Vec<Caller>) {
    let (groups, replies): (Vec<_>, Vec<_>) = callers.into_iter().map(|c| ((c.jobs, c.now), c.reply)).unzip();
    let sizes: Vec<usize> = groups.iter().map(|(jobs, _)| jobs.len()).collect();
    let now = groups.first().and_then(|(_, now)| *now);
    let jobs: Vec<NewJob> = groups.into_iter().flat_map(|(jobs, _)| jobs).collect();
    match write(hub, &jobs, now).await {
        Ok(results) => {
            let mut results = results.into_iter();
            for (size, reply) in sizes.into_iter().zip(replies) {
                // A caller that has stopped waiting misses the answer, not the effect.
                let _ = reply.send(Ok(results.by_ref().take(size).collect()));
            }
        }
        Err(e) if replies.len() > 1 && !e.is_retryable() => {
            let mut rest = &jobs[..];
            for (size, reply) in sizes.into_iter().zip(replies) {
                let (own, others) = rest.split_at(size);
                rest = others;
                let _ = reply.send(write(hub, own, now).await);
            }
        }
        Err(e) => replies.into_iter().for_each(|reply| _ = reply.send(Err(e.duplicate()))),
    }
}

/// Writes jobs, and again if nobody knows whether the first write was made: their ids tell.
async fn write(hub: &Hub, jobs: &[NewJob], now: Option<Timestamp>) -> Result<Vec<Inserted>, StorageError> {
    let started = Instant::now();
    let mut resent = false;
    loop {
        match insert(hub, jobs, now).await {
            Ok(mut results) => {
                if resent {
                    // There already, since the first try was committed after all.
                    let known = results.iter_mut().filter(|r| **r == Inserted::AlreadyThere);
                    known.for_each(|r| *r = Inserted::Inserted);
                }
                let is_new = |r: &Inserted| matches!(r, Inserted::Inserted | Inserted::Replaced { .. });
                let new = jobs.iter().zip(&results).filter(|(_, r)| is_new(r));
                let effects = new.fold(Effects::default(), |e, (job, _)| Effects {
                    claimable: e.claimable || may_be_due(job, now),
                    deferred: e.deferred || job.due != Due::Now,
                    budgets: false,
                });
                hub.tell(effects);
                return Ok(results);
            }
            Err(e) if e.is_unknown() && started.elapsed() < STORAGE_CALL_LIMIT / 2 => {
                resent = true;
                tokio::time::sleep(RESEND).await;
            }
            // What failed on the way to a new try says nothing of the first one.
            Err(Fault::NoConnection(_)) if resent && started.elapsed() < STORAGE_CALL_LIMIT / 2 => {
                tokio::time::sleep(RESEND).await;
            }
            Err(e) => {
                return Err(match e.into_storage(true) {
                    StorageError::Unavailable { detail, outcome_unknown, source } => {
                        let outcome_unknown = outcome_unknown || resent;
                        StorageError::Unavailable { detail, outcome_unknown, source }
                    }
                    other => other,
                });
            }
        }
    }
}

/// Whether a job may be ready at once. Of a run-at only the database knows, whose clock may be ahead of this one: within
/// [`SKEW`] a claim in vain is better than a job that waits for a poll. Not for every run-at, or a program that plans far
/// ahead would have all processes claim in vain all the time.
fn may_be_due(job: &NewJob, now: Option<Timestamp>) -> bool {
    match job.due {
        Due::Now => true,
        Due::At(at) => at <= now.unwrap_or_else(|| Timestamp::now().saturating_add(SKEW)),
        // As it is sent: less than a microsecond is nothing.
        Due::After(delay) => micros(delay) <= 0,
    }
}

fn has_keys(jobs: &[NewJob]) -> bool {
    jobs.iter().any(NewJob::has_key)
}

/// What is sent of jobs, column by column, but for their queues and kinds. What no job has is not sent.
pub(super) struct Columns<'a> {
    pub(super) ids: Vec<Uuid>,
    pub(super) priorities: Vec<i16>,
    pub(super) max: Vec<i32>,
    pub(super) asked: Option<Vec<Option<i64>>>,
    pub(super) delays: Option<Vec<bool>>,
    pub(super) keys: Option<Vec<Option<&'a str>>>,
    pub(super) states: Option<Vec<Option<i16>>>,
    pub(super) periods: Option<Vec<Option<i64>>>,
    pub(super) replaces: Option<Vec<bool>>,
    pub(super) turns: Option<Vec<Option<&'a str>>>,
    pub(super) tags: Option<Vec<Option<String>>>,
    pub(super) payloads: Vec<&'a str>,
    pub(super) traces: Option<Vec<Option<String>>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(jobs: &'a [NewJob]) -> Self {
        let asked = |j: &NewJob| match j.due {
            Due::Now => None,
            Due::At(at) => Some(at.as_micros()),
            Due::After(delay) => Some(micros(delay)),
        };
        // A list of strings always has a JSON form.
        let tags = |j: &NewJob| if j.tags.is_empty() { None } else { serde_json::to_string(&j.tags).ok() };
        let is_asked = jobs.iter().any(|j| j.due != Due::Now);
        let terms = || jobs.iter().map(|j| j.dedupe.as_ref());
        let is_keyed = terms().any(|d| d.is_some());
        let has_terms = terms().flatten().any(|d| d.states.stored().is_some() || d.period.is_some());
        let is_replacing = terms().flatten().any(|d| d.replaces);
        let takes_turns = jobs.iter().any(|j| j.concurrency_key.is_some());
        let trace = |j: &NewJob| j.trace.as_ref().map(TraceContext::stored);
        let is_traced = jobs.iter().any(|j| j.trace.is_some());
        let is_tagged = jobs.iter().any(|j| !j.tags.is_empty());
        Self {
            ids: jobs.iter().map(|j| Uuid::from_bytes(*j.id.as_bytes())).collect(),
            priorities: jobs.iter().map(|j| j.priority).collect(),
            max: jobs.iter().map(|j| j.max_attempts.try_into().unwrap_or(i32::MAX)).collect(),
            asked: is_asked.then(|| jobs.iter().map(asked).collect()),
            delays: is_asked.then(|| jobs.iter().map(|j| matches!(j.due, Due::After(_))).collect()),
            keys: is_keyed.then(|| terms().map(|d| d.map(|d| d.key.as_str())).collect()),
            states: has_terms.then(|| terms().map(|d| d.and_then(|d| d.states.stored())).collect()),
            periods: has_terms.then(|| terms().map(|d| d.and_then(|d| d.period).map(micros)).collect()),
            replaces: is_replacing.then(|| terms().map(|d| d.is_some_and(|d| d.replaces)).collect()),
            turns: takes_turns.then(|| jobs.iter().map(|j| j.concurrency_key.as_deref()).collect()),
            tags: is_tagged.then(|| jobs.iter().map(tags).collect()),
            payloads: jobs.iter().map(|j| j.payload.as_str()).collect(),
            traces: is_traced.then(|| jobs.iter().map(trace).collect()),
        }
    }
}

async fn insert(hub: &Hub, jobs: &[NewJob], now: Option<Timestamp>) -> Result<Vec<Inserted>, Fault> {
    let names: Vec<(&str, &str)> = jobs.iter().map(|j| (j.queue.as_str(), j.kind.as_str())).collect();
    let numbers = hub.numbers(&names).await?;
    let c = Columns::of(jobs);
    if c.keys.is_none() && c.turns.is_none() && c.asked.is_none() {
        let (queues, kinds): (Vec<i32>, Vec<i32>) = numbers.iter().copied().unzip();
        let tape = hub.enqueued(&numbers).await?;
        let now = now.map(Timestamp::as_micros);
        let values = [
            (&c.ids as _, Type::UUID_ARRAY),
            (&queues as _, Type::INT4_ARRAY),
            (&kinds as _, Type::INT4_ARRAY),
            (&c.priorities as _, Type::INT2_ARRAY),
            (&c.max as _, Type::INT4_ARRAY),
            (&c.tags as _, Type::TEXT_ARRAY),
            (&c.payloads as _, Type::TEXT_ARRAY),
            (&tape as _, Type::BYTEA),
            (&now as _, Type::INT8),
            (&c.traces as _, Type::TEXT_ARRAY),
        ];
        match hub.write(Lane::Work, INSERT_PLAIN, &values).await {
            // An id is known already: the long way tells which, and inserts the others.
            Err(e) if e.is_duplicate() => {}
            other => return other.map(|_| vec![Inserted::Inserted; jobs.len()]),
        }
    }
    let said = insert_any(hub, &c, &numbers, now).await?;
    if said.is_empty() {
        return Ok(vec![Inserted::Inserted; jobs.len()]);
    }
    replace::replace_all(hub, jobs, &numbers, said, now).await
}

/// Inserts jobs of any kind. An empty answer means that all of them were.
pub(super) async fn insert_any(
    hub: &Hub,
    c: &Columns<'_>,
    numbers: &[(i32, i32)],
    now: Option<Timestamp>,
) -> Result<Vec<Said>, Fault> {
    let (queues, kinds): (Vec<i32>, Vec<i32>) = numbers.iter().copied().unzip();
    let tape = hub.enqueued(numbers).await?;
    let now = now.map(Timestamp::as_micros);
    let has_keys = c.keys.is_some() || c.turns.is_some();
    let rows = hub
        .write(
            if has_keys { Lane::Patient } else { Lane::Work },
            INSERT,
            &[
                (&c.ids, Type::UUID_ARRAY),
                (&queues, Type::INT4_ARRAY),
                (&kinds, Type::INT4_ARRAY),
                (&c.priorities, Type::INT2_ARRAY),
                (&c.max, Type::INT4_ARRAY),
                (&c.asked, Type::INT8_ARRAY),
                (&c.delays, Type::BOOL_ARRAY),
                (&c.keys, Type::TEXT_ARRAY),
                (&c.states, Type::INT2_ARRAY),
                (&c.periods, Type::INT8_ARRAY),
                (&c.replaces, Type::BOOL_ARRAY),
                (&c.turns, Type::TEXT_ARRAY),
                (&c.tags, Type::TEXT_ARRAY),
                (&c.payloads, Type::TEXT_ARRAY),
                (&tape, Type::BYTEA),
                (&now, Type::INT8),
                (&c.traces, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// What the schema's functions say of a job: a code, and another job.
pub(super) type Said = (i16, Option<Uuid>);

/// What the schema's functions say of a job.
pub(super) fn outcome(code: i16, of: Option<Uuid>) -> Inserted {
    let of = JobId::from_bytes(*of.unwrap_or_default().as_bytes());
    match code {
        0 => Inserted::Inserted,
        1 => Inserted::AlreadyThere,
        2 => Inserted::Duplicate { of },
        4 => Inserted::Replaced { of },
        _ => Inserted::IdTaken,
    }
}
