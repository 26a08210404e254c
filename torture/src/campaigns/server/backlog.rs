//! A few ready jobs beside a great many that are not, on a server.

use super::percentile;
use crate::campaigns::depth::{claims_of, register};
use crate::campaigns::{Failure, open, verdict};
use crate::fleet::Site;
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, ProcessId, Storage};
use forge_test_cluster::Cluster;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Scheduled jobs, and as many done ones.
    pub others: u32,
    /// Claims, of 50 jobs each; so many jobs are ready.
    pub claims: u32,
    /// Of a hundred claims no more than one may take longer. `None` where the machine does other things too.
    pub slowest: Option<Duration>,
}

/// Jobs of one claim.
const BATCH: u32 = 50;
/// What tells the statement that picks the jobs from the others of a claim.
const PICKS: &str = "FOR UPDATE SKIP LOCKED";
/// How its plan must find them.
const BY_INDEX: &str = "Index Scan using ready_order";

impl Backlog {
    /// Runs it, without statistics and with them: the index in claim order is used, and claims are not too slow. The server must not gather statistics by itself.
    ///
    /// # Errors
    ///
    /// What was measured, or what kept the campaign from running.
    pub async fn run(&self, program: &Path, cluster: &Cluster) -> Result<String, Failure> {
        let site = Site::on(program, cluster.url("postgres"))?;
        let storage = open(&site).await?;
        let enqueuer = Enqueuer::new(storage.clone(), Arc::new(DefaultRouter));
        let later = EnqueueRequest::new("k", 1).with_delay(Duration::from_secs(86_400));
        // The queue and the kind.
        enqueuer.enqueue(later).await?;
        let explainer = Explainer::connect(site.url()).await?;
        self.fill(&explainer.client).await?;
        let (mut report, mut problems) = (Vec::new(), Vec::new());
        for (statistics, statement) in [("without", ""), ("with", "ANALYZE")] {
            let ready = (0..self.claims * BATCH).map(|n| EnqueueRequest::new("k", n));
            for receipt in enqueuer.enqueue_many(ready).await {
                receipt?;
            }
            explainer.client.batch_execute(statement).await?;
            let process = register(&storage).await?;
            problems.extend(explainer.look(process, statistics).await?);
            let (line, slow) = self.measure(&storage, process, statistics).await?;
            report.push(line);
            problems.extend(slow);
        }
        problems.extend(storage.inspect.checkup().await?.problems);
        let figures = report.join("; ");
        verdict(&problems).map_err(|e| format!("{figures}: {e}"))?;
        Ok(format!(
            "{} ready beside {} scheduled and as many done: {figures}",
            self.claims * BATCH,
            self.others
        ))
    }

    async fn measure(
        &self,
        storage: &Storage,
        process: ProcessId,
        statistics: &str,
    ) -> Result<(String, Option<String>), Failure> {
        let mut times = claims_of(storage, process, BATCH, self.claims).await?;
        times.sort_unstable();
        let (half, most) = (percentile(&times, 50), percentile(&times, 99));
        let line = format!("{statistics} statistics p50 {half:.2?}, p99 {most:.2?}");
        Ok((line.clone(), self.slowest.filter(|s| most > *s).map(|_| format!("too slow: {line}"))))
    }

    /// By hand: a million jobs through the front door would take the longest part of the campaign.
    async fn fill(self, client: &Client) -> Result<(), Failure> {
        let job = |due: &str| {
            format!(
                "INSERT INTO forge.jobs (id, queue, kind, priority, due_at, created_at, max_attempts, payload) \
                 SELECT gen_random_uuid(), j.queue, j.kind, 0, {due}, j.created_at, 20, '{{\"n\":1}}' \
                 FROM generate_series(1, {}) x, (SELECT * FROM forge.jobs LIMIT 1) j RETURNING *",
                self.others
            )
        };
        let scheduled = job("j.created_at + 86400000000 + x");
        let done = job("j.created_at");
        client
            .batch_execute(&format!(
                "SET synchronous_commit = off;
                 WITH made AS ({scheduled})
                 INSERT INTO forge.deferred (status, due_at, id, queue) SELECT 1, due_at, id, queue FROM made;
                 WITH made AS ({done})
                 INSERT INTO forge.finished (id, status, queue, finished_at, started_at, attempt, claim_no)
                 SELECT id, 4, queue, created_at + 1, created_at, 1, 0 FROM made"
            ))
            .await?;
        Ok(())
    }
}

/// A session that is told the plan of every statement, those inside of functions included.
struct Explainer {
    client: Client,
    plans: Arc<Mutex<Vec<String>>>,
}

impl Explainer {
    async fn connect(url: &str) -> Result<Self, Failure> {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
        let plans = Arc::new(Mutex::new(Vec::new()));
        let heard = plans.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(notice.message().to_owned());
                }
            }
        });
        Ok(Self { client, plans })
    }

    /// Claims in a transaction that is taken back, and looks at how the jobs were found.
    async fn look(&self, process: ProcessId, statistics: &str) -> Result<Vec<String>, Failure> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.client
            .batch_execute(&format!(
                "LOAD 'auto_explain'; SET auto_explain.log_nested_statements = on; \
                 SET auto_explain.log_level = notice; SET auto_explain.log_min_duration = 0; BEGIN; \
                 SELECT count(*) FROM forge.claim('{process}', '{{default}}', '{{{BATCH}}}', NULL, false, 100, \
                 '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', NULL); \
                 ROLLBACK; SET auto_explain.log_min_duration = -1"
            ))
            .await?;
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = plans.iter().find(|p| p.contains(PICKS)) else {
            return Ok(vec![format!("of {} plans none is the one that picks the jobs", plans.len())]);
        };
        let by_index = plan.contains(BY_INDEX) && !plan.contains("Seq Scan on ready");
        Ok(if by_index { Vec::new() } else { vec![format!("{statistics} statistics: {plan}")] })
    }
}
