//! A database of the test's own, and processes of the shop on it.

use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use forge_jobs::storage::{JobFilter, ListParams, PostgresConfig};
use forge_jobs::testing::wait_until;
use forge_jobs::{DefaultRouter, EnqueueRequest, Enqueuer, Job, JobStatus, Storage};
use forge_test_cluster::{Databases, TestDatabase, connect};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Nothing that these tests wait for takes longer, unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A database with the tables of the shop and of the queue.
pub(crate) struct Place {
    database: TestDatabase<'static>,
    pub(crate) storage: Storage,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let databases = tokio::task::spawn_blocking(Databases::shared).await.unwrap().unwrap();
        let database = databases.fresh(None).await.unwrap();
        let config = PostgresConfig::from_url(database.url()).unwrap();
        let config = config.with_connections(1).unwrap().with_read_connections(1).unwrap();
        let storage = PostgresStorage::open(&config, Purpose::Migrate).await.unwrap().into_bundle();
        Self { database, storage }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop-service"));
        command.env("DATABASE_URL", self.database.url()).env_remove("LISTEN").stdin(Stdio::null());
        command
    }

    /// Lets a person in; the code.
    pub(crate) fn person(&self, name: &str, role: &str) -> String {
        let output = self.command().args(["person", name, role]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// All jobs of kinds that begin so.
    pub(crate) async fn jobs(&self, kind_prefix: &str) -> Vec<Job> {
        let filter = JobFilter { kind_prefix: Some(kind_prefix.into()), ..JobFilter::default() };
        let params = ListParams { filter, limit: 500, after: None };
        let mut jobs = self.storage.inspect.list(params).await.unwrap().jobs;
        jobs.retain(|job| job.kind != "shop.clean_sessions");
        jobs
    }

    /// A job about an order once more, as if what enqueued it had been repeated.
    pub(crate) async fn enqueue(&self, kind: &str, queue: &str, order: i64) {
        let enqueuer = Enqueuer::new(self.storage.clone(), Arc::new(DefaultRouter));
        let request = EnqueueRequest::new(kind, json!({ "order": order })).on_queue(queue);
        enqueuer.enqueue(request).await.unwrap();
    }

    /// Waits until there are so many jobs of orders, and all are done.
    pub(crate) async fn all_done(&self, jobs: usize) {
        wait_until("all jobs to be done", LIMIT, || async {
            let all = self.jobs("shop.").await;
            all.len() == jobs && all.iter().all(|job| job.status == JobStatus::Done)
        })
        .await;
    }

    /// What a statement says.
    pub(crate) async fn number(&self, statement: &str) -> i64 {
        let client = connect(self.database.url()).await.unwrap();
        client.query_one(statement, &[]).await.unwrap().get(0)
    }
}

/// A process of the shop; killed when it is dropped.
pub(crate) struct Replica {
    child: Child,
    addr: String,
}

impl Replica {
    /// With mails that take so long.
    pub(crate) fn start(place: &Place, mail_ms: u64) -> Self {
        let args = ["--listen", "127.0.0.1:0", "--mail-ms", &mail_ms.to_string()];
        let mut child = place.command().args(args).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut log, mut addr) = (String::new(), None);
        while addr.is_none() {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended: {log}");
            addr = line.trim().split_once("open on http://").map(|(_, addr)| addr.to_owned());
            log.push_str(&line);
        }
        // Read on, so that a full pipe stops nobody.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
        Self { child, addr: addr.unwrap() }
    }

    /// Status, headers in small letters, and body. `headers` end in a line break each.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        let kind =
            if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        let kind = if body.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            self.addr,
            body.len()
        )
        .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> (u16, String, String) {
        self.ask("GET", path, headers, "")
    }

    pub(crate) fn order(&self, item: &str) -> (u16, String, String) {
        self.ask("POST", "/orders", "", &format!("item={item}&email=ada%40example.org"))
    }

    /// Logs in; the header with the session.
    pub(crate) fn log_in(&self, code: &str) -> String {
        let (status, head, _) =
            self.ask("POST", "/login", "Sec-Fetch-Site: same-origin\r\n", &format!("code={code}"));
        assert_eq!(status, 303, "{head}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.contains("httponly") && cookie.contains("samesite=lax"), "{cookie}");
        format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
    }

    /// Sends SIGTERM and gives the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
