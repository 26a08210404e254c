//! What a server allows: the statements that a job needs, in bare loops on connections without a queue around them.
//!
//! Inserts are those of the two tables that hold a pending job; claims and finishes are the schema's own functions.
//! They are prepared once, which the queue, that must work behind any pooler, cannot do.

use super::place::Place;
use super::server::{Server, failed};
use super::stats::Rate;
use crate::exit::Failure;
use forge_jobs::{JobId, Timestamp};
use std::time::Instant;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

/// Jobs by one statement of the bulk floor.
const BULK_BATCH: u32 = 1_000;
/// Connections that claim and finish.
const DRAIN_CONNECTIONS: u32 = 4;

const INSERT: &str = "WITH fresh AS (
        INSERT INTO {schema}.jobs (id, due_at, created_at, queue, kind, max_attempts, priority, payload)
        SELECT id, $2, $2, 1, 1, 20, 0, $3 FROM unnest($1::uuid[]) AS u(id) RETURNING id, due_at)
    INSERT INTO {schema}.ready (due_at, id, queue, kind, lane, priority) SELECT due_at, id, 1, 1, 0, 0 FROM fresh";
const CLAIM: &str = "SELECT id, claim_no, payload FROM {schema}.claim($1, '{default}', ARRAY[$2::int], NULL, false, \
    $2, '{}', '{}', '{}', '{}', '{}', '{}', NULL) WHERE want IS NOT NULL";
const FINISH: &str =
    "SELECT {schema}.finish($1, $2, $3, $4, $4, $5, NULL, NULL, $5, $5, NULL, NULL, NULL, NULL, NULL, NULL)";
const NAMES: &str = "SELECT {schema}.names('{default}', '{bench}')";
const REGISTER: &str = "SELECT {schema}.register($1, 'bench', 0, '', NULL, NULL, 1000000, 60000000, NULL)";

/// Inserts jobs by one statement each call.
struct Inserter {
    client: Client,
    insert: Statement,
    payload: String,
}

impl Inserter {
    async fn new(server: &Server, place: &Place, payload: &str) -> Result<Self, Failure> {
        let client = server.connect().await?;
        let text = |sql: &str| sql.replace("{schema}", &place.schema());
        client.batch_execute(&text(NAMES)).await.map_err(failed)?;
        let insert = client.prepare(&text(INSERT)).await.map_err(failed)?;
        Ok(Self { client, insert, payload: payload.to_owned() })
    }

    async fn insert(&self, jobs: u32) -> Result<(), Failure> {
        let ids: Vec<Uuid> = (0..jobs).map(|_| Uuid::from_bytes(*JobId::new().as_bytes())).collect();
        let now = Timestamp::now().as_micros();
        let inserted = self.client.execute(&self.insert, &[&ids, &now, &self.payload]).await;
        inserted.map(drop).map_err(failed)
    }

    async fn insert_all(&self, jobs: u32, batch: u32) -> Result<(), Failure> {
        for start in (0..jobs).step_by(batch as usize) {
            self.insert(batch.min(jobs - start)).await?;
        }
        Ok(())
    }
}

/// One connection, a statement and a commit for `batch` jobs.
pub(super) async fn in_batches(
    server: &Server,
    place: &Place,
    (jobs, batch): (u32, u32),
    payload: &str,
) -> Result<Rate, Failure> {
    let inserter = Inserter::new(server, place, payload).await?;
    let begun = Instant::now();
    inserter.insert_all(jobs, batch).await?;
    Ok(Rate::of(jobs.into(), begun.elapsed()))
}

/// Many at once, a commit per thousand.
pub(super) async fn bulk(server: &Server, place: &Place, jobs: u32, payload: &str) -> Result<Rate, Failure> {
    in_batches(server, place, (jobs, BULK_BATCH), payload).await
}

/// A connection for each caller, a commit for each job.
pub(super) async fn one_by_one(
    server: &Server,
    place: &Place,
    (jobs, callers): (u32, u32),
    payload: &str,
) -> Result<Rate, Failure> {
    let mut inserters = Vec::new();
    for _ in 0..callers {
        inserters.push(Inserter::new(server, place, payload).await?);
    }
    let begun = Instant::now();
    let each = jobs / callers;
    let tasks = inserters.into_iter().map(|i| tokio::spawn(async move { i.insert_all(each, 1).await }));
    for task in tasks.collect::<Vec<_>>() {
        super::queue::joined(task.await)??;
    }
    Ok(Rate::of(u64::from(each * callers), begun.elapsed()))
}

/// A registered process that claims and finishes.
pub(super) struct Worker {
    client: Client,
    claim: Statement,
    finish: Statement,
    process: Uuid,
}

/// Jobs and the numbers of their claims.
pub(super) type Claimed = (Vec<Uuid>, Vec<i64>);

impl Worker {
    pub(super) async fn new(server: &Server, place: &Place) -> Result<Self, Failure> {
        let client = server.connect().await?;
        let text = |sql: &str| sql.replace("{schema}", &place.schema());
        let process = Uuid::from_bytes(*JobId::new().as_bytes());
        client.query(&text(REGISTER), &[&process]).await.map_err(failed)?;
        let claim = client.prepare(&text(CLAIM)).await.map_err(failed)?;
        let finish = client.prepare(&text(FINISH)).await.map_err(failed)?;
        Ok(Self { client, claim, finish, process })
    }

    pub(super) async fn claim(&self, batch: i32) -> Result<Claimed, Failure> {
        let rows = self.client.query(&self.claim, &[&self.process, &batch]).await.map_err(failed)?;
        Ok(rows
            .iter()
            .map(|row| {
                std::hint::black_box(row.get::<_, &str>(2));
                (row.get::<_, Uuid>(0), row.get::<_, i64>(1))
            })
            .unzip())
    }

    pub(super) async fn finish(&self, (ids, claims): &Claimed) -> Result<(), Failure> {
        let (done, zeros) = (vec![0_i16; ids.len()], vec![0_i64; ids.len()]);
        let finished = self.client.query(&self.finish, &[&self.process, ids, claims, &done, &zeros]).await;
        finished.map(drop).map_err(failed)
    }

    async fn drain(&self, batch: i32) -> Result<u64, Failure> {
        let mut count = 0;
        loop {
            let claimed = self.claim(batch).await?;
            if claimed.0.is_empty() {
                return Ok(count);
            }
            self.finish(&claimed).await?;
            count += claimed.0.len() as u64;
        }
    }
}

/// Claim and finish in turns on four connections, `batch` jobs a commit each.
pub(super) async fn drain(
    server: &Server,
    place: &Place,
    (jobs, batch): (u32, i32),
    payload: &str,
) -> Result<Rate, Failure> {
    fill(server, place, jobs, payload).await?;
    let mut workers = Vec::new();
    for _ in 0..DRAIN_CONNECTIONS {
        workers.push(Worker::new(server, place).await?);
    }
    server.settle().await?;
    let begun = Instant::now();
    let tasks = workers.into_iter().map(|w| tokio::spawn(async move { w.drain(batch).await }));
    let mut count = 0;
    for task in tasks.collect::<Vec<_>>() {
        count += super::queue::joined(task.await)??;
    }
    Ok(Rate::of(count, begun.elapsed()))
}

/// Pending jobs, past the queue.
pub(super) async fn fill(server: &Server, place: &Place, jobs: u32, payload: &str) -> Result<(), Failure> {
    Inserter::new(server, place, payload).await?.insert_all(jobs, BULK_BATCH).await
}
