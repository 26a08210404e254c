//! pgmq under the workloads of `forge bench`.
//!
//! Its SQL is installed by its own crate; no extension is needed. pgmq is a queue of messages without a worker: whoever
//! uses it reads a batch, does the work and deletes or archives the batch. That loop is the worker here.
//!
//! - `deletes` deletes a batch when it is done, `archives` moves it into the archive table of the queue.
//! - A drain is run with every pair of [`LOOPS`] and [`BATCHES`], each on a fresh queue, as far as the width allows so
//!   many loops; the best is reported. All jobs of a batch are done one after the other in their loop.
//! - The crate has no call for many messages at once, nor for a batch without a wait: `pgmq.send_batch` and `pgmq.read`
//!   are called as SQL, as all its other functions are inside the crate.
//! - A pick-up waits in `read_batch_with_poll`, which looks every millisecond on the server; by default it is every 100.
//! - The pool has a connection for each producer up to 16, or for each loop, and they are not tested before each use,
//!   which would be one more round trip.
//! - Many messages are sent 1,000 at a time; with more in a call it gets slower.

use peer_harness::{Answer, Failure, PAYLOAD, Peer, Round, ServerArgs, ServerPeer, Settings, Workload};
use peer_server::Database;
use pgmq::PGMQueueExt;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const DELETES: Settings = Settings { name: "deletes", keeps: false };
const ARCHIVES: Settings = Settings { name: "archives", keeps: true };
const PEER: ServerPeer =
    ServerPeer { peer: Peer { name: "pgmq", version: "0.33.1" }, settings: &[DELETES, ARCHIVES] };

/// The queue of all messages but those of a drain, which has one for each round.
const QUEUE: &str = "bench";
/// Messages in one call of `pgmq.send_batch`, which is one commit.
const BULK: u32 = 1_000;
/// Connections of producers: more of them only wait for each other.
const CONNECTIONS: u16 = 16;
/// Loops of a drain at the same time, each on a connection of its own.
const LOOPS: [u16; 3] = [1, 2, 4];
/// Messages in one read.
const BATCHES: [i32; 3] = [100, 1_000, 10_000];
/// Seconds for which a message that was read is nobody else's: longer than any run.
const TAKEN: i32 = 3_600;
/// How often a waiting read looks.
const LOOK: Duration = Duration::from_millis(1);
/// How long a read waits.
const PATIENCE: Duration = Duration::from_secs(5);

const SEND: &str = "SELECT pgmq.send_batch($1, $2::jsonb[])";
const READ: &str = "SELECT msg_id, message FROM pgmq.read($1, $2, $3)";

fn main() -> ExitCode {
    peer_server::main(PEER, async |args, database| measure(args, database).await.map(Answer::Measured))
}

async fn measure(args: &ServerArgs, database: &Database) -> Result<Round, Failure> {
    let connections = match args.workload {
        Workload::Enqueue => args.width.min(CONNECTIONS),
        Workload::Bulk => 1,
        Workload::Drain => LOOPS[LOOPS.len() - 1],
        // A read that waits, and the producer.
        Workload::PickUp => 2,
    };
    let pool = PgPoolOptions::new()
        .max_connections(connections.into())
        .test_before_acquire(false)
        .connect_with(PgConnectOptions::from_str(database.url())?.disable_statement_logging())
        .await?;
    let queue = PGMQueueExt::new_with_pool(pool.clone()).await;
    queue.install_sql_from_embedded().await?;
    let bench = Bench { args, database, queue, pool };
    let round = match args.workload {
        Workload::Enqueue => bench.one_by_one().await,
        Workload::Bulk => bench.bulk().await,
        Workload::Drain => bench.drain().await,
        Workload::PickUp => bench.pick_up().await,
    }?;
    peer_server::expect_durable(sqlx::query_scalar(peer_server::DURABLE).fetch_one(&bench.pool).await?)?;
    Ok(round)
}

struct Bench<'a> {
    args: &'a ServerArgs,
    database: &'a Database,
    queue: PGMQueueExt,
    pool: PgPool,
}

impl Bench<'_> {
    /// Nothing is reported unless so many messages wait, and so many are archived.
    async fn check(&self, queue: &str, wait: u32, archived: u32) -> Result<(), Failure> {
        for (what, table, wanted) in [("messages left", "q", wait), ("messages archived", "a", archived)] {
            let sql = format!("SELECT count(*) FROM pgmq.{table}_{queue}");
            peer_server::expect_rows(what, wanted, sqlx::query_scalar(&sql).fetch_one(&self.pool).await?)?;
        }
        Ok(())
    }

    /// Messages that stay when they are done.
    fn kept(&self, messages: u32) -> u32 {
        if self.args.settings.keeps { messages } else { 0 }
    }

    /// One by one from several producers, each of which waits for its own commit.
    async fn one_by_one(&self) -> Result<Round, Failure> {
        self.queue.create(QUEUE).await?;
        self.database.settle(false).await?;
        let payload: Value = serde_json::from_str(PAYLOAD)?;
        let begun = Instant::now();
        let tasks: Vec<_> = peer_harness::shares(self.args.jobs, self.args.width.into())
            .map(|jobs| {
                let (queue, payload) = (self.queue.clone(), payload.clone());
                tokio::spawn(async move {
                    let mut waits = Vec::with_capacity(jobs as usize);
                    for _ in 0..jobs {
                        let called = Instant::now();
                        queue.send(QUEUE, &payload).await?;
                        waits.push(called.elapsed());
                    }
                    Ok::<_, Failure>(waits)
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await??);
        }
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        self.check(QUEUE, self.args.jobs, 0).await?;
        Ok(Round { rate: Some(rate), waits, ..Round::default() })
    }

    /// Many at once, from the requests to the last commit.
    async fn bulk(&self) -> Result<Round, Failure> {
        self.queue.create(QUEUE).await?;
        self.database.settle(false).await?;
        let begun = Instant::now();
        self.fill(QUEUE).await?;
        let rate = peer_harness::rate(self.args.jobs, begun.elapsed());
        self.check(QUEUE, self.args.jobs, 0).await?;
        Ok(Round { rate: Some(rate), ..Round::default() })
    }

    async fn fill(&self, queue: &str) -> Result<(), Failure> {
        let payload: Value = serde_json::from_str(PAYLOAD)?;
        for start in (0..self.args.jobs).step_by(BULK as usize) {
            let number = BULK.min(self.args.jobs - start) as usize;
            let send = sqlx::query(SEND);
            send.bind(queue).bind(vec![payload.clone(); number]).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// The best of several rounds, each with another number of loops and size of batches.
    async fn drain(&self) -> Result<Round, Failure> {
        let mut tried = Vec::new();
        for loops in LOOPS.into_iter().filter(|loops| *loops <= self.args.width) {
            for batch in BATCHES {
                let took = self.drain_by(loops, batch).await?;
                let rate = peer_harness::rate(self.args.jobs, took);
                tried.push((format!("{loops} loops, {batch} a read"), rate));
            }
        }
        let best = tried.iter().map(|(_, rate)| *rate).max_by(f64::total_cmp);
        Ok(Round { rate: best, tried, ..Round::default() })
    }

    /// From the start of the loops until all jobs are deleted or archived.
    async fn drain_by(&self, loops: u16, batch: i32) -> Result<Duration, Failure> {
        let name = format!("bench_{loops}_{batch}");
        self.queue.create(&name).await?;
        self.fill(&name).await?;
        self.check(&name, self.args.jobs, 0).await?;
        self.database.settle(!self.args.unaided).await?;
        let begun = Instant::now();
        let tasks: Vec<_> = (0..loops)
            .map(|_| {
                let reader =
                    Reader { queue: self.queue.clone(), pool: self.pool.clone(), name: name.clone() };
                let archives = self.args.settings.keeps;
                tokio::spawn(async move { reader.run(batch, archives).await })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        let took = begun.elapsed();
        peer_harness::expect("messages done", self.args.jobs, done)?;
        self.check(&name, 0, self.kept(self.args.jobs)).await?;
        self.queue.drop_queue(&name).await?;
        Ok(took)
    }

    /// From the call of an enqueue to the return of the read that waits for it, on a queue that is idle otherwise.
    async fn pick_up(&self) -> Result<Round, Failure> {
        self.queue.create(QUEUE).await?;
        self.database.settle(false).await?;
        let (started, mut starts) = mpsc::unbounded_channel();
        let total = self.args.jobs + peer_harness::WARM_UP;
        let (queue, archives) = (self.queue.clone(), self.args.settings.keeps);
        let worker = tokio::spawn(async move {
            let mut done = 0;
            while done < total {
                let wait = queue.read_batch_with_poll::<Value>(QUEUE, TAKEN, 1, Some(PATIENCE), Some(LOOK));
                for message in wait.await?.unwrap_or_default() {
                    // Nobody listens any more when the measurement was broken off.
                    let _ = started.send(Instant::now());
                    if archives {
                        queue.archive(QUEUE, message.msg_id).await?;
                    } else {
                        queue.delete(QUEUE, message.msg_id).await?;
                    }
                    done += 1;
                }
            }
            Ok::<_, Failure>(())
        });
        let mut waits = Vec::new();
        for n in 0..total {
            tokio::time::sleep(peer_harness::pause(n)).await;
            let called = Instant::now();
            self.queue.send(QUEUE, &n).await?;
            let at = starts.recv().await.ok_or("the worker ended")?;
            if n >= peer_harness::WARM_UP {
                waits.push(at.saturating_duration_since(called));
            }
        }
        worker.await??;
        self.check(QUEUE, 0, self.kept(total)).await?;
        Ok(Round { waits, ..Round::default() })
    }
}

/// One loop of a drain.
struct Reader {
    queue: PGMQueueExt,
    pool: PgPool,
    name: String,
}

impl Reader {
    /// How many messages went through it until none was left.
    async fn run(&self, batch: i32, archives: bool) -> Result<u64, Failure> {
        let mut done = 0;
        loop {
            let read = sqlx::query_as::<_, (i64, Value)>(READ).bind(&self.name).bind(TAKEN).bind(batch);
            let ids: Vec<_> = read.fetch_all(&self.pool).await?.into_iter().map(|(id, _)| id).collect();
            if ids.is_empty() {
                return Ok(done);
            }
            done += if archives {
                self.queue.archive_batch(&self.name, &ids).await?
            } else {
                self.queue.delete_batch(&self.name, &ids).await?
            } as u64;
        }
    }
}
