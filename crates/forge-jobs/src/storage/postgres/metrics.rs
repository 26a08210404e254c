//! What is measured, added up (ADR 0009).

use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::limits::{MAX_METRIC_KINDS, MAX_METRIC_QUEUES, MAX_ROLL_BYTES, MAX_ROLL_EXPIRED, MAX_ROLL_PIECES};
use crate::metrics::play::{Key, Numbers, Sums};
use crate::metrics::tape::{self, Outcome, Place, Tape};
use crate::metrics::{Level, LineName, Sample, Source, Tally};
use crate::retry::Transition;
use crate::storage::checks::micros;
use crate::storage::{
    Finish, RollParams, RollReport, SampleRow, SampleSeriesParams, SamplesParams, Series, SeriesParams,
    SeriesRow, StorageError,
};
use crate::{ProcessId, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;
use uuid::Uuid;

const HOST: &str = "SELECT {schema}.host_no($1)";
const FACTS: &str = "SELECT r.id, r.claim_no, r.queue, j.kind, r.claimed_at, j.due_at, j.created_at \
     FROM {schema}.running r JOIN {schema}.jobs j ON j.id = r.id WHERE r.id = ANY ($1)";
const PIECES: &str = "SELECT no, at, host, data FROM {schema}.pieces($1, $2, $3)";
const KNOWN: &str = "SELECT 0, no, name FROM (SELECT no, name FROM {schema}.queues ORDER BY no LIMIT $1) q UNION ALL \
     SELECT 1, no, name FROM (SELECT no, name FROM {schema}.kinds ORDER BY no LIMIT $2) k";
const NOW: &str = "SELECT {schema}.clock($1)";
const OLD: &str = "SELECT u.at_place, m.no, m.data \
     FROM unnest($1::integer[], $2::smallint[], $3::integer[], $4::bigint[], $5::integer[]) WITH ORDINALITY \
          AS u(level, source, of, at, host, at_place) \
     CROSS JOIN LATERAL (SELECT x.no, x.data FROM {schema}.metrics x WHERE x.level = u.level AND x.source = u.source \
                         AND x.of = u.of AND x.at = u.at AND x.host = u.host OFFSET 0) m";
const ROLL: &str = "SELECT {schema}.roll($1, $2, $3, $4, $5, $6, $7, $8)";
const EXPIRE: &str = "SELECT {schema}.expire_metrics($1, $2, $3, $4)";
const SINCE: &str =
    "SELECT (SELECT min(m.at) FROM {schema}.metrics m WHERE m.level = $1), {schema}.clock(NULL)";
const SERIES: &str = "SELECT m.of, m.at, m.data FROM {schema}.metrics m \
     WHERE m.level = $1 AND m.source = $2 AND m.of = ANY ($3) AND m.at >= $4 AND m.at < $5 \
     AND ($6::text[] IS NULL OR m.host IN (SELECT h.no FROM {schema}.hosts h WHERE h.name = ANY ($6)))";
const PUT_SAMPLES: &str = "SELECT {schema}.record_samples($1, $2, $3, $4)";
const SAMPLES: &str = "SELECT p.id, p.host, s.at, s.data FROM {schema}.samples s \
     JOIN {schema}.processes p ON p.no = s.process WHERE s.level = $1 AND s.at >= $2 AND s.at < $3 ORDER BY s.at, p.no";
const OLDEST: &str = "SELECT name, due_at, {schema}.clock($2) FROM {schema}.oldest($1)";

/// Rolls that lost to somebody else's are made again so often.
const TRIES: u32 = 3;
/// Transactions are mostly over by then: what was added up so long ago is not looked through again.
const SETTLED: Duration = Duration::from_secs(60);
/// How often everything is looked through, for the pieces of transactions that took longer.
const FULL_LOOK: Duration = Duration::from_secs(600);
/// Groups of jobs that are looked at for the oldest one.
const MAX_GROUPS: i32 = 5_000;

/// How far pieces were added up. While a snapshot is held, those that are gone are still to be stepped over.
#[derive(Debug, Default)]
pub(super) struct Rolled {
    /// Up to which piece, when; the earliest first.
    recent: VecDeque<(Instant, i64)>,
    settled: i64,
    full_look: Option<Instant>,
}

impl Rolled {
    /// After which piece to look.
    fn floor(&mut self) -> i64 {
        while let Some((when, no)) = self.recent.front()
            && when.elapsed() >= SETTLED
        {
            self.settled = self.settled.max(*no);
            self.recent.pop_front();
        }
        if self.full_look.is_none_or(|when| when.elapsed() >= FULL_LOOK) {
            self.full_look = Some(Instant::now());
            return 0;
        }
        self.settled
    }

    fn came_to(&mut self, no: i64) {
        if self.recent.back().is_none_or(|(_, last)| *last < no) {
            self.recent.push_back((Instant::now(), no));
        }
    }

    /// Nothing was found: next time everything is looked through that may be there.
    const fn forget(&mut self) {
        self.full_look = None;
    }
}

impl Hub {
    /// What is to be told of jobs that came in, if all of them do; `None` if nobody counts.
    pub(super) async fn enqueued(&self, numbers: &[(i32, i32)]) -> Result<Option<Vec<u8>>, Fault> {
        let Some(host) = &self.host else { return Ok(None) };
        let ask = || async {
            let name = crate::host::name();
            Ok::<i32, Fault>(only(self.write(Lane::Work, HOST, &[(&name, Type::TEXT)]).await?)?.try_get(0)?)
        };
        let host = *host.get_or_try_init(ask).await?;
        let mut counts: BTreeMap<(i32, i32), u32> = BTreeMap::new();
        for pair in numbers {
            *counts.entry(*pair).or_default() += 1;
        }
        let mut tape = Tape::default();
        tape.locate_in(Place::Host(host.into()));
        for ((queue, kind), count) in counts {
            tape.enqueued(queue.into(), kind.into(), count);
        }
        Ok(Some(tape.into_bytes()))
    }

    /// What is to be told of attempts that ended, as they were meant to; `None` if nobody counts.
    pub(super) async fn ended(&self, members: &[&Finish]) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        if self.host.is_none() {
            return Ok(None);
        }
        let facts = if members.iter().any(|m| m.lease.memo.is_none()) {
            self.facts(members).await?
        } else {
            HashMap::new()
        };
        let tape = |member: &&Finish| {
            let outcome = match &member.transition {
                Transition::Done { .. } => Outcome::Done,
                Transition::Retry { .. } => Outcome::Retried,
                Transition::Throttle { .. } => Outcome::Throttled,
                Transition::Dead { reason, .. } => Outcome::Dead(*reason),
            };
            let key = (Uuid::from_bytes(*member.lease.job.as_bytes()), member.lease.claim_no);
            let [queue, kind, claimed_at, due_at, created_at, ..] =
                member.lease.memo.or_else(|| facts.get(&key).copied()).unwrap_or_default();
            let mut tape = Tape::default();
            let claim = tape::Claim { queue, kind, claimed_at, due_at, created_at };
            tape.ended(outcome, &claim, member.timing);
            tape.into_bytes()
        };
        Ok(Some(members.iter().map(tape).collect()))
    }

    /// What leases would remember that were not made by a claim of this storage.
    async fn facts(&self, members: &[&Finish]) -> Result<HashMap<(Uuid, i64), [i64; 7]>, Fault> {
        let ids: Vec<Uuid> = members.iter().map(|m| Uuid::from_bytes(*m.lease.job.as_bytes())).collect();
        let rows = self.look(Lane::Work, FACTS, &[(&ids, Type::UUID_ARRAY)]).await?;
        let fact = |row: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
            let (queue, kind): (i32, i32) = (row.try_get(2)?, row.try_get(3)?);
            let memo = [queue.into(), kind.into(), row.try_get(4)?, row.try_get(5)?, row.try_get(6)?, 0, 0];
            Ok(((row.try_get(0)?, row.try_get(1)?), memo))
        };
        Ok(rows.iter().map(fact).collect::<Result<_, _>>()?)
    }
}

/// Who has tallies of their own.
#[derive(Default)]
struct Known {
    queues: BTreeMap<i32, String>,
    kinds: BTreeMap<i32, String>,
    numbers: [HashSet<i64>; 2],
}

impl Known {
    async fn read(hub: &Hub, lane: Lane) -> Result<Self, Fault> {
        let most = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (queues, kinds) = (most(MAX_METRIC_QUEUES), most(MAX_METRIC_KINDS));
        let rows = hub.look(lane, KNOWN, &[(&queues, Type::INT8), (&kinds, Type::INT8)]).await?;
        let mut known = Self::default();
        for row in rows {
            let (what, no): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
            known.numbers[usize::from(what == 1)].insert(no.into());
            let names = if what == 1 { &mut known.kinds } else { &mut known.queues };
            names.insert(no, row.try_get(2)?);
        }
        Ok(known)
    }
}

impl Numbers for Known {
    fn host_of(&self, _process: i64) -> i64 {
        // The database tells it with each piece.
        0
    }

    fn queue(&self, no: i64) -> i64 {
        if self.numbers[0].contains(&no) { no } else { 0 }
    }

    fn kind(&self, no: i64) -> i64 {
        if self.numbers[1].contains(&no) { no } else { 0 }
    }
}

/// Adds up what happened since, and deletes what is past its time.
pub(super) async fn roll(hub: Arc<Hub>, params: RollParams) -> Result<RollReport, StorageError> {
    let mut report = RollReport::default();
    for _ in 0..TRIES {
        let rolled = roll_once(&hub, &params).await.map_err(|e| e.into_storage(true))?;
        if let Some((pieces, more)) = rolled {
            (report.pieces, report.more) = (pieces, more);
            report.expired = expire(&hub, params.now).await.map_err(|e| e.into_storage(true))?;
            report.more |= report.expired >= MAX_ROLL_EXPIRED;
            return Ok(report);
        }
        // Whoever was first has done it, or some of it.
        hub.rolled.lock().unwrap_or_else(PoisonError::into_inner).forget();
    }
    report.more = true;
    Ok(report)
}

/// How many pieces were added up, and whether there are more; `None` if somebody else was first.
async fn roll_once(hub: &Hub, params: &RollParams) -> Result<Option<(u32, bool)>, Fault> {
    let floor = hub.rolled.lock().unwrap_or_else(PoisonError::into_inner).floor();
    let (limit, bytes) = (
        i32::try_from(MAX_ROLL_PIECES).unwrap_or(i32::MAX),
        i64::try_from(MAX_ROLL_BYTES).unwrap_or(i64::MAX),
    );
    let values = [(&floor as _, Type::INT8), (&limit as _, Type::INT4), (&bytes as _, Type::INT8)];
    let rows = hub.look(Lane::Work, PIECES, &values).await?;
    if rows.is_empty() && params.oldest.is_empty() {
        return Ok(Some((0, false)));
    }
    let known = Known::read(hub, Lane::Work).await?;
    let mut sums = Sums::default();
    let (mut pieces, mut size) = (Vec::with_capacity(rows.len()), 0);
    for row in &rows {
        let data: &[u8] = row.try_get(3)?;
        sums.play(data, row.try_get(1)?, i64::from(row.try_get::<_, i32>(2)?), &known);
        size += data.len();
        pieces.push(row.try_get::<_, i64>(0)?);
    }
    gauges(hub, params, &known, &mut sums).await?;
    if !write(hub, &pieces, sums).await? {
        return Ok(None);
    }
    if let Some(last) = pieces.last() {
        hub.rolled.lock().unwrap_or_else(PoisonError::into_inner).came_to(*last);
    }
    let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    Ok(Some((count, count >= MAX_ROLL_PIECES || size >= MAX_ROLL_BYTES)))
}

async fn gauges(hub: &Hub, params: &RollParams, known: &Known, sums: &mut Sums) -> Result<(), Fault> {
    if params.oldest.is_empty() {
        return Ok(());
    }
    let now = params.now.map(Timestamp::as_micros);
    let now: i64 = only(hub.look(Lane::Work, NOW, &[(&now, Type::INT8)]).await?)?.try_get(0)?;
    for (queue, waited) in &params.oldest {
        sums.oldest(now, None, *waited);
        let no = known.queues.iter().find(|(_, name)| *name == queue).map_or(0, |(no, _)| *no);
        sums.oldest(now, Some(no.into()), *waited);
    }
    Ok(())
}

/// Columns of tallies.
#[derive(Default)]
struct Columns {
    levels: Vec<i32>,
    sources: Vec<i16>,
    ofs: Vec<i32>,
    ats: Vec<i64>,
    hosts: Vec<i32>,
}

impl Columns {
    fn of<'a>(keys: impl Iterator<Item = &'a Key>) -> Self {
        let mut columns = Self::default();
        let small = |n: i64| i32::try_from(n).unwrap_or(0);
        for key in keys {
            columns.levels.push(small(key.level.seconds()));
            columns.sources.push(key.source.number());
            columns.ofs.push(small(key.of));
            columns.ats.push(key.at);
            columns.hosts.push(small(key.host));
        }
        columns
    }
}

/// Puts the sums in the place of what they were made of; `false` if somebody else has added up some of it.
async fn write(hub: &Hub, pieces: &[i64], sums: Sums) -> Result<bool, Fault> {
    let (keys, mut tallies): (Vec<Key>, Vec<Tally>) = sums.into_inner().into_iter().unzip();
    let c = Columns::of(keys.iter());
    let places = [
        (&c.levels as _, Type::INT4_ARRAY),
        (&c.sources as _, Type::INT2_ARRAY),
        (&c.ofs as _, Type::INT4_ARRAY),
        (&c.ats as _, Type::INT8_ARRAY),
        (&c.hosts as _, Type::INT4_ARRAY),
    ];
    let mut old: Vec<i64> = Vec::new();
    for row in hub.look(Lane::Work, OLD, &places).await? {
        let at = usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
        if let Some(tally) = tallies.get_mut(at) {
            old.push(row.try_get(1)?);
            tally.merge(&Tally::from_bytes(row.try_get(2)?));
        }
    }
    let datas: Vec<Vec<u8>> = tallies.iter().map(Tally::to_bytes).collect();
    let values = [
        (&pieces as _, Type::INT8_ARRAY),
        (&old as _, Type::INT8_ARRAY),
        (&c.levels as _, Type::INT4_ARRAY),
        (&c.sources as _, Type::INT2_ARRAY),
        (&c.ofs as _, Type::INT4_ARRAY),
        (&c.ats as _, Type::INT8_ARRAY),
        (&c.hosts as _, Type::INT4_ARRAY),
        (&datas as _, Type::BYTEA_ARRAY),
    ];
    Ok(only(hub.write(Lane::Work, ROLL, &values).await?)?.try_get(0)?)
}

async fn expire(hub: &Hub, now: Option<Timestamp>) -> Result<u32, Fault> {
    let levels: Vec<i32> = Level::ALL.map(|l| i32::try_from(l.seconds()).unwrap_or(0)).to_vec();
    let kept: Vec<i64> = Level::ALL.map(|l| micros(l.kept().unwrap_or(Duration::MAX))).to_vec();
    let (limit, now) = (i32::try_from(MAX_ROLL_EXPIRED).unwrap_or(i32::MAX), now.map(Timestamp::as_micros));
    let values = [
        (&levels as _, Type::INT4_ARRAY),
        (&kept as _, Type::INT8_ARRAY),
        (&limit as _, Type::INT4),
        (&now as _, Type::INT8),
    ];
    let gone: i64 = only(hub.write(Lane::Work, EXPIRE, &values).await?)?.try_get(0)?;
    Ok(u32::try_from(gone).unwrap_or(u32::MAX))
}

/// Tallies as of the last roll.
pub(super) async fn series(hub: Arc<Hub>, params: SeriesParams) -> Result<Series, StorageError> {
    read_series(&hub, &params).await.map_err(|e| e.into_storage(false))
}

async fn read_series(hub: &Hub, params: &SeriesParams) -> Result<Series, Fault> {
    let level = i32::try_from(params.level.seconds()).unwrap_or(0);
    let first = only(hub.look(Lane::Read, SINCE, &[(&level, Type::INT4)]).await?)?;
    let (since, now): (Option<i64>, i64) = (first.try_get(0)?, first.try_get(1)?);
    let mut series = Series {
        rows: Vec::new(),
        since: since.map(Timestamp::from_micros),
        now: Timestamp::from_micros(now),
    };
    let names = lines(hub, params).await?;
    let ofs: Vec<i32> = names.keys().copied().collect();
    let (source, from, to) = (params.source.number(), params.from.as_micros(), params.to.as_micros());
    let values = [
        (&level as _, Type::INT4),
        (&source as _, Type::INT2),
        (&ofs as _, Type::INT4_ARRAY),
        (&from as _, Type::INT8),
        (&to as _, Type::INT8),
        (&params.hosts as _, Type::TEXT_ARRAY),
    ];
    for row in hub.look(Lane::Read, SERIES, &values).await? {
        let Some(name) = names.get(&row.try_get(0)?) else { continue };
        let (at, tally) = (Timestamp::from_micros(row.try_get(1)?), Tally::from_bytes(row.try_get(2)?));
        series.rows.push(SeriesRow { name: name.clone(), at, tally });
    }
    Ok(series)
}

/// The lines that are asked for, with their numbers.
async fn lines(hub: &Hub, params: &SeriesParams) -> Result<BTreeMap<i32, LineName>, Fault> {
    if params.source == Source::All {
        return Ok(BTreeMap::from([(0, LineName::All)]));
    }
    let known = Known::read(hub, Lane::Read).await?;
    let names = if params.source == Source::Kinds { known.kinds } else { known.queues };
    let wanted = |name: &String| params.names.as_ref().is_none_or(|names| names.contains(name));
    let mut lines: BTreeMap<i32, LineName> = names
        .into_iter()
        .filter(|(_, name)| wanted(name))
        .map(|(no, name)| (no, LineName::Of(name)))
        .collect();
    if params.names.is_none() {
        lines.insert(0, LineName::Other);
    }
    Ok(lines)
}

/// Keeps what a process used.
pub(super) async fn record_samples(hub: Arc<Hub>, params: SamplesParams) -> Result<(), StorageError> {
    let process = Uuid::from_bytes(*params.process.as_bytes());
    let samples = || params.samples.iter();
    let levels: Vec<i32> = samples().map(|(l, ..)| i32::try_from(l.seconds()).unwrap_or(0)).collect();
    let ats: Vec<i64> = samples().map(|(_, at, _)| at.as_micros()).collect();
    let datas: Vec<String> = samples().map(|(.., sample)| sample.to_json()).collect();
    let values = [
        (&process as _, Type::UUID),
        (&levels as _, Type::INT4_ARRAY),
        (&ats as _, Type::INT8_ARRAY),
        (&datas as _, Type::TEXT_ARRAY),
    ];
    hub.write(Lane::Work, PUT_SAMPLES, &values).await.map(drop).map_err(|e| e.into_storage(true))
}

/// What processes used.
pub(super) async fn samples(
    hub: Arc<Hub>,
    params: SampleSeriesParams,
) -> Result<Vec<SampleRow>, StorageError> {
    let level = i32::try_from(params.level.seconds()).unwrap_or(0);
    let (from, to) = (params.from.as_micros(), params.to.as_micros());
    let values = [(&level as _, Type::INT4), (&from as _, Type::INT8), (&to as _, Type::INT8)];
    let rows: Result<Vec<SampleRow>, Fault> = async {
        let rows = hub.look(Lane::Read, SAMPLES, &values).await?;
        let row = |row: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
            Ok(SampleRow {
                process: ProcessId::from_bytes(*row.try_get::<_, Uuid>(0)?.as_bytes()),
                host: row.try_get(1)?,
                at: Timestamp::from_micros(row.try_get(2)?),
                sample: Sample::from_json(row.try_get(3)?),
            })
        };
        Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
    }
    .await;
    rows.map_err(|e| e.into_storage(false))
}

/// How long the first claimable job of each queue has been waiting.
pub(super) async fn oldest(
    hub: Arc<Hub>,
    now: Option<Timestamp>,
) -> Result<Vec<(String, Duration)>, StorageError> {
    let now = now.map(Timestamp::as_micros);
    let rows: Result<Vec<_>, Fault> = async {
        let values = [(&MAX_GROUPS as _, Type::INT4), (&now as _, Type::INT8)];
        let rows = hub.look(Lane::Read, OLDEST, &values).await?;
        let row = |row: &tokio_postgres::Row| -> Result<_, tokio_postgres::Error> {
            let (due_at, now): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok((row.try_get(0)?, Duration::from_micros(now.saturating_sub(due_at).max(0).unsigned_abs())))
        };
        Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
    }
    .await;
    rows.map_err(|e| e.into_storage(false))
}
