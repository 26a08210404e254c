//! Claiming jobs.

use super::error::Fault;
use super::hot::Hot;
use super::permits::Purse;
use super::state::{ALONE, PERMITS};
use super::unique;
use super::writer::{Cx, time};
use crate::limits::MAX_CLAIM_BATCH;
use crate::storage::guard::Guard;
use crate::storage::{
    ClaimBatch, ClaimMode, ClaimParams, ClaimWant, Claimed, KindFilter, Lease, StorageError,
};
use crate::{ClaimedJob, JobId, JobStatus, Payload, ProcessId, Timestamp, TraceContext};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

pub(super) const ANY_READY: &str = "SELECT 1 FROM forge_ready LIMIT 1";
pub(super) const PROCESS: &str = "SELECT no FROM forge_processes WHERE id = ?1 AND ended_at IS NULL";
/// With [`Guard::Registration`] off.
const ANY_PROCESS: &str = "SELECT no FROM forge_processes WHERE id = ?1";
pub(super) const IS_PAUSED: &str = "SELECT paused, max_running FROM forge_queues WHERE no = ?1";
/// The table holds what runs now, so a scan is small; and only queues with a bound are asked for.
const RUNNING: &str = "SELECT count(*) FROM forge_running WHERE queue = ?1";
/// The next kind that is pending in a queue's lane, by number: a step from one kind to the next costs one seek,
/// however many jobs of it wait.
pub(super) const NEXT_KIND: &str =
    "SELECT kind FROM forge_ready WHERE queue = ?1 AND lane = ?2 AND kind > ?3 ORDER BY kind LIMIT 1";
/// A piece of one kind's pending jobs, in claim order, with what their handlers need.
///
/// Tried before (ADR 0003): one key for all kinds in claim order, which is as fast while every kind can be run and
/// reads every foreign job at each claim else; DELETE with RETURNING, which cost half as much again; and a statement
/// per job for each of reading, taking and running it.
pub(super) const PIECE: &str = "SELECT r.priority, r.due_at, r.id, r.seq, j.created_at, j.attempts, j.max_attempts, \
     j.throttles, j.tags, j.payload, j.suspect, \
     (j.dedupe_key IS NOT NULL) | (j.concurrency_key IS NOT NULL) * 16, coalesce(j.dedupe_states & 4 = 0, 0), j.trace \
     FROM forge_ready r CROSS JOIN forge_jobs j ON j.seq = r.seq \
     WHERE r.queue = ?1 AND r.lane = ?2 AND r.kind = ?3 AND (r.priority, r.due_at, r.id) > (?4, ?5, ?6) \
     ORDER BY r.priority, r.due_at, r.id LIMIT ?7";
/// What is picked of a kind is all of it up to a key, so one statement moves it.
pub(super) const RUN: &str = "INSERT OR FAIL INTO forge_running (seq, claim_no, process, attempt, flags, queue, claimed_at) \
     SELECT r.seq, ?7, ?8, j.attempts + 1, (j.dedupe_key IS NOT NULL) | (j.concurrency_key IS NOT NULL) * 16 | ?9, ?1, ?10 \
     FROM forge_ready r CROSS JOIN forge_jobs j ON j.seq = r.seq \
     WHERE r.queue = ?1 AND r.lane = ?2 AND r.kind = ?3 AND (r.priority, r.due_at, r.id) <= (?4, ?5, ?6)";
pub(super) const TAKE: &str = "DELETE FROM forge_ready WHERE queue = ?1 AND lane = ?2 AND kind = ?3 \
     AND (priority, due_at, id) <= (?4, ?5, ?6)";
/// With [`Guard::Claim`] off.
const RUN_AGAIN: &str = "INSERT OR REPLACE INTO forge_running (seq, claim_no, process, attempt, flags, queue, \
     claimed_at) SELECT r.seq, ?7, ?8, j.attempts + 1, (j.dedupe_key IS NOT NULL) | (j.concurrency_key IS NOT NULL) * 16 | ?9, ?1, ?10 \
     FROM forge_ready r CROSS JOIN forge_jobs j ON j.seq = r.seq \
     WHERE r.queue = ?1 AND r.lane = ?2 AND r.kind = ?3 AND (r.priority, r.due_at, r.id) <= (?4, ?5, ?6)";
pub(super) const NEXT_CLAIM: &str =
    "UPDATE forge_counters SET value = value + 1 WHERE name = 'claim_no' RETURNING value";

/// The pending jobs of one kind, read a piece at a time.
struct Stream {
    queue: i64,
    lane: i64,
    kind: i64,
    piece: usize,
    ahead: VecDeque<Picked>,
    ended: bool,
}

impl Stream {
    fn next(&mut self, cx: &Cx<'_, '_>) -> rusqlite::Result<Option<Picked>> {
        let Some(next) = self.ahead.pop_front() else { return Ok(None) };
        if self.ahead.is_empty() && !self.ended {
            self.fill(cx, Some(next.key()))?;
        }
        Ok(Some(next))
    }

    fn fill(&mut self, cx: &Cx<'_, '_>, after: Option<Key>) -> rusqlite::Result<()> {
        let (priority, due_at, id) = after.unwrap_or((i64::MIN, 0, [0; 16]));
        let mut statement = cx.hot(Hot::Piece)?;
        let key = params![self.queue, self.lane, self.kind, priority, due_at, &id[..], self.piece];
        let rows = statement.query_map(key, |r| Picked::read(r, self.kind))?;
        for row in rows {
            self.ahead.push_back(row?);
        }
        self.ended = self.ahead.len() < self.piece;
        Ok(())
    }
}

/// A queue that may be claimed from.
struct Open<'a> {
    want: &'a ClaimWant,
    no: i64,
    /// Jobs that all processes together may run.
    bound: Option<u32>,
}

impl Open<'_> {
    /// How many jobs may be claimed now.
    fn limit(&self, cx: &Cx<'_, '_>) -> rusqlite::Result<u32> {
        let Some(bound) = self.bound.filter(|_| cx.guards(Guard::Bound)) else { return Ok(self.want.limit) };
        let running: u32 = cx.conn.prepare_cached(RUNNING)?.query_row([self.no], |r| r.get(0))?;
        Ok(self.want.limit.min(bound.saturating_sub(running)))
    }
}

/// A job that is about to be claimed.
struct Picked {
    priority: i64,
    due_at: i64,
    id: [u8; 16],
    seq: i64,
    kind: i64,
    created_at: i64,
    attempts: u32,
    max_attempts: u32,
    throttles: u32,
    tags: Vec<String>,
    payload: Payload,
    suspicions: u32,
    /// Which keys it has.
    flags: i64,
    /// Whether its dedupe key is free from now on.
    frees: bool,
    trace: Option<TraceContext>,
}

impl Picked {
    fn read(r: &Row<'_>, kind: i64) -> rusqlite::Result<Self> {
        Ok(Self {
            priority: r.get(0)?,
            due_at: r.get(1)?,
            id: r.get(2)?,
            seq: r.get(3)?,
            kind,
            created_at: r.get(4)?,
            attempts: r.get(5)?,
            max_attempts: r.get(6)?,
            throttles: r.get(7)?,
            tags: r.get_ref(8)?.as_str_or_null()?.map(super::rows::tags).unwrap_or_default(),
            payload: Payload::from_storage(r.get_ref(9)?.as_str()?),
            suspicions: r.get(10)?,
            flags: r.get(11)?,
            frees: r.get(12)?,
            trace: r.get_ref(13)?.as_str_or_null()?.and_then(TraceContext::from_stored),
        })
    }

    const fn key(&self) -> Key {
        (self.priority, self.due_at, self.id)
    }
}

/// Where a job stands among those of its kind.
type Key = (i64, i64, [u8; 16]);

/// Claims jobs of every wanted queue.
pub(super) fn claim(cx: &mut Cx<'_, '_>, params: &ClaimParams) -> Result<ClaimBatch, Fault> {
    let process = registered(cx, params.process)?;
    let mut batch = ClaimBatch {
        settings_version: cx.hot(Hot::SettingsVersion)?.query_row([], |r| r.get(0))?,
        ..ClaimBatch::default()
    };
    // An idle process asks often; one look answers for all queues.
    if !cx.hot(Hot::AnyReady)?.exists([])? {
        return Ok(batch);
    }
    let mut claim = Claim {
        process,
        id: params.process,
        kinds: Kinds { filter: &params.kinds, known: HashMap::new() },
        now: time(params.now),
        number: None,
        purse: None,
    };
    let attached = cx.names.attached(cx.conn, batch.settings_version)?;
    if !attached.is_empty() {
        claim.purse = Some(Purse::new(attached, claim.now));
    }
    let mut open = Vec::with_capacity(params.wants.len());
    for want in &params.wants {
        if let Some(no) = cx.names.queue(cx.conn, &want.queue)? {
            let (paused, bound): (bool, Option<u32>) =
                cx.hot(Hot::IsPaused)?.query_row([no], |r| Ok((r.get(0)?, r.get(1)?)))?;
            if !(paused && cx.guards(Guard::Pause)) {
                open.push(Open { want, no, bound });
            }
        }
    }
    match params.mode {
        ClaimMode::Ordinary => {
            let mut room = MAX_CLAIM_BATCH;
            for queue in &open {
                let limit = queue.limit(cx)?.min(room);
                let picked = claim.pick(cx, queue, 0, limit)?;
                room -= u32::try_from(picked.len()).unwrap_or(room);
                claim.take(cx, queue, 0, picked, &mut batch.jobs)?;
            }
        }
        ClaimMode::Alone => {
            for queue in &open {
                let limit = queue.limit(cx)?.min(1);
                let picked = claim.pick(cx, queue, 1, limit)?;
                claim.take(cx, queue, 1, picked, &mut batch.jobs)?;
                if !batch.jobs.is_empty() {
                    break;
                }
            }
        }
    }
    if claim.purse.is_some() {
        claim.settle_purse(cx, &open, params.mode, &mut batch)?;
    }
    for queue in &open {
        batch.suspects_waiting = batch.suspects_waiting || !claim.pending_kinds(cx, queue.no, 1)?.is_empty();
    }
    Ok(batch)
}

fn registered(cx: &Cx<'_, '_>, process: ProcessId) -> Result<i64, Fault> {
    let key = [&process.as_bytes()[..]];
    let no = if cx.guards(Guard::Registration) {
        cx.hot(Hot::Registered)?.query_row(key, |r| r.get(0)).optional()?
    } else {
        cx.conn.prepare_cached(ANY_PROCESS)?.query_row(key, |r| r.get(0)).optional()?
    };
    no.ok_or_else(|| StorageError::NotFound { what: "registered process", name: process.to_string() }.into())
}

/// Which kinds may be claimed, by number.
struct Kinds<'a> {
    filter: &'a KindFilter,
    known: HashMap<i64, bool>,
}

impl Kinds<'_> {
    fn allow(&mut self, cx: &mut Cx<'_, '_>, kind: i64) -> rusqlite::Result<bool> {
        if let Some(allowed) = self.known.get(&kind) {
            return Ok(*allowed);
        }
        let allowed = self.filter.allows(&cx.names.kind_name(cx.conn, kind)?);
        self.known.insert(kind, allowed);
        Ok(allowed)
    }
}

struct Claim<'a> {
    process: i64,
    id: ProcessId,
    kinds: Kinds<'a>,
    now: i64,
    /// Taken when the first job is.
    number: Option<i64>,
    /// `None` while nothing is attached to a budget.
    purse: Option<Purse>,
}

impl Claim<'_> {
    /// The first jobs of a queue's lane, in claim order, that this process can run: the merge of its kinds.
    fn pick(
        &mut self,
        cx: &mut Cx<'_, '_>,
        queue: &Open<'_>,
        lane: i64,
        limit: u32,
    ) -> Result<Vec<Picked>, Fault> {
        let limit = limit as usize;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let kinds = self.pending_kinds(cx, queue.no, lane)?;
        if let Some(purse) = &mut self.purse {
            purse.open(cx, queue.no, &kinds)?;
        }
        // Enough for an even share, and some for an uneven one.
        let piece = limit / kinds.len().max(1) + 1;
        let mut streams = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let mut stream =
                Stream { queue: queue.no, lane, kind, piece, ahead: VecDeque::new(), ended: false };
            stream.fill(cx, None)?;
            streams.push(stream);
        }
        let mut picked = Vec::with_capacity(limit.min(64));
        while picked.len() < limit {
            if let Some(purse) = &self.purse {
                streams.retain(|s| purse.allows(queue.no, s.kind));
            }
            let first = streams.iter_mut().filter(|s| !s.ahead.is_empty()).min_by_key(|s| s.ahead[0].key());
            let Some(stream) = first else { break };
            if let Some(purse) = &mut self.purse {
                purse.take(queue.no, stream.kind);
            }
            picked.extend(stream.next(cx)?);
        }
        Ok(picked)
    }

    /// The kinds pending in a queue's lane that this process can run.
    fn pending_kinds(&mut self, cx: &mut Cx<'_, '_>, queue: i64, lane: i64) -> rusqlite::Result<Vec<i64>> {
        let mut statement = cx.hot(Hot::NextKind)?;
        let mut kinds = Vec::new();
        let mut last = 0;
        while let Some(kind) = statement.query_row(params![queue, lane, last], |r| r.get(0)).optional()? {
            if self.kinds.allow(cx, kind)? {
                kinds.push(kind);
            }
            last = kind;
        }
        Ok(kinds)
    }

    /// Moves jobs from ready to running. Of each kind they are the first ones, without a gap.
    fn take(
        &mut self,
        cx: &mut Cx<'_, '_>,
        queue: &Open<'_>,
        lane: i64,
        picked: Vec<Picked>,
        claimed: &mut Vec<Claimed>,
    ) -> Result<(), Fault> {
        if picked.is_empty() {
            return Ok(());
        }
        let claim_no = match self.number {
            Some(no) => no,
            None => cx.hot(Hot::NextClaim)?.query_row([], |r| r.get(0))?,
        };
        self.number = Some(claim_no);
        let mut last: Vec<(i64, Key)> = Vec::new();
        for p in &picked {
            match last.iter_mut().find(|(kind, _)| *kind == p.kind) {
                Some((_, key)) => *key = p.key(),
                None => last.push((p.kind, p.key())),
            }
        }
        let lane_flags = if lane == 1 { ALONE } else { 0 };
        let mut moved = 0;
        for (kind, (priority, due_at, id)) in last {
            let (process, now) = (self.process, self.now);
            let flags = lane_flags | self.permit_flag(queue.no, kind);
            let run = params![queue.no, lane, kind, priority, due_at, &id[..], claim_no, process, flags, now];
            if cx.guards(Guard::Claim) {
                moved += cx.hot(Hot::Run)?.execute(run)?;
                cx.hot(Hot::TakeReady)?.execute(params![queue.no, lane, kind, priority, due_at, &id[..]])?;
            } else {
                moved += cx.conn.prepare_cached(RUN_AGAIN)?.execute(run)?;
            }
        }
        if moved != picked.len() {
            let detail = format!("{} jobs were picked and {moved} were claimed", picked.len());
            return Err(StorageError::Corrupt { detail, source: None }.into());
        }
        claimed.reserve(moved);
        for p in picked {
            let flags = lane_flags | self.permit_flag(queue.no, p.kind);
            if let Some(purse) = self.purse.as_ref().filter(|_| flags & PERMITS != 0) {
                purse.note(cx, claim_no, p.seq, (queue.no, p.kind))?;
            }
            if p.frees {
                unique::enters(cx, p.seq, JobStatus::Running)?;
            }
            let kind = cx.names.kind_name(cx.conn, p.kind)?;
            claimed.push(self.claimed(p, &kind, queue, claim_no, flags));
        }
        Ok(())
    }

    /// The flag of jobs that take permits.
    fn permit_flag(&self, queue: i64, kind: i64) -> i64 {
        if self.purse.as_ref().is_some_and(|purse| purse.is_limited(queue, kind)) { PERMITS } else { 0 }
    }

    /// Writes the permits that were taken, and tells of the queues whose jobs take some.
    fn settle_purse(
        &mut self,
        cx: &mut Cx<'_, '_>,
        open: &[Open<'_>],
        mode: ClaimMode,
        batch: &mut ClaimBatch,
    ) -> Result<(), Fault> {
        let Some(mut purse) = self.purse.take() else { return Ok(()) };
        purse.close(cx)?;
        let lane = i64::from(mode == ClaimMode::Alone);
        for queue in open {
            let kinds = self.pending_kinds(cx, queue.no, lane)?;
            purse.open(cx, queue.no, &kinds)?;
            batch.limited.extend(purse.tell(&queue.want.queue, queue.no, &kinds));
        }
        Ok(())
    }

    fn claimed(&self, p: Picked, kind: &Arc<str>, queue: &Open<'_>, claim_no: i64, flags: i64) -> Claimed {
        let id = JobId::from_bytes(p.id);
        let attempt = p.attempts.saturating_add(1);
        let flags = flags | p.flags;
        let memo = Some([attempt.into(), flags, queue.no, self.now, p.kind, p.due_at, p.created_at]);
        let lease = Lease { job: id, claim_no, process: self.id, row: p.seq, memo };
        let job = ClaimedJob {
            id,
            kind: kind.to_string(),
            queue: queue.want.queue.clone(),
            payload: p.payload,
            attempt,
            max_attempts: p.max_attempts,
            priority: i16::try_from(p.priority).unwrap_or_default(),
            throttles: p.throttles,
            created_at: Timestamp::from_micros(p.created_at),
            due_at: Timestamp::from_micros(p.due_at),
            tags: p.tags,
            trace: p.trace,
            suspicions: p.suspicions,
        };
        Claimed { job, lease }
    }
}
