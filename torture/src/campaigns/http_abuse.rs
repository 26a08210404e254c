//! Clients that mean no good, beside one that does.
//!
//! All at once: connections that send a byte now and then, streams of events of which half are never read, a body without
//! an end, and requests that are broken off. Meanwhile a client at another address asks for the overview again and again.

use super::{Failure, enqueue, open, verdict, wait};
use crate::fleet::{Site, Worker};
use forge_jobs::EnqueueRequest;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// The settings of the campaign.
#[derive(Clone, Copy, Debug)]
pub struct HttpAbuse {
    /// Connections that never send a whole request.
    pub slow: usize,
    /// Streams of events, half of which are never read.
    pub streams: usize,
    /// Length of a body in chunks, in MiB.
    pub body_mib: u64,
    /// Requests that are broken off.
    pub aborted: usize,
    /// How long all of it lasts at least.
    pub lasts: Duration,
    /// Of a hundred answers to the honest client one may take longer. `None` where the machine does other things too.
    pub honest_p99: Option<Duration>,
    /// Longest time that another process's write takes when nobody holds the database.
    pub write: Duration,
}

/// The server's memory, in KiB.
const MOST_MEMORY: u64 = 300 << 10;
/// How often the worker in the server beats, and the silence that is too long.
const BEAT: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(30);

const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SLOW: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const STREAMS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
const ABORTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
const ENDLESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// What all clients know.
#[derive(Clone)]
struct Target {
    addr: SocketAddr,
    token: Arc<str>,
}

impl HttpAbuse {
    /// A form of seconds.
    #[must_use]
    pub const fn short() -> Self {
        Self {
            slow: 200,
            streams: 20,
            body_mib: 64,
            aborted: 500,
            lasts: Duration::from_secs(3),
            honest_p99: None,
            write: Duration::from_secs(20),
        }
    }

    /// The form of minutes.
    #[must_use]
    pub const fn long() -> Self {
        Self {
            slow: 2_000,
            streams: 200,
            body_mib: 5 << 10,
            aborted: 10_000,
            lasts: Duration::from_secs(60),
            honest_p99: Some(Duration::from_millis(300)),
            write: Duration::from_secs(5),
        }
    }

    /// Runs it: the honest client is served in time, the worker beats in time, memory stays bounded, and the server stops
    /// in good order.
    ///
    /// # Errors
    ///
    /// What was not so, or what kept the campaign from running.
    pub async fn run(&self, site: &Site) -> Result<String, Failure> {
        let storage = open(site).await?;
        let (mut server, target) = self.serve(site).await?;
        let mut harm = JoinSet::new();
        for _ in 0..self.slow {
            harm.spawn(slow(target.clone()));
        }
        for n in 0..self.streams {
            harm.spawn(stream(target.clone(), n % 2 == 0));
        }
        let aborted = Arc::new(AtomicU64::new(0));
        let met = Arc::new(AtomicU64::new(0));
        harm.spawn(abort(target.clone(), self.aborted, Arc::clone(&aborted), Arc::clone(&met)));
        let body = tokio::spawn(endless(target.clone(), self.body_mib));
        let mut times = Vec::new();
        let (mut memory, mut silence) = (0, Duration::ZERO);
        let began = Instant::now();
        let enough = |times: &Vec<Duration>| {
            times.len() >= 200
                && began.elapsed() >= self.lasts
                && aborted.load(Ordering::Relaxed) >= self.aborted as u64
                && body.is_finished()
        };
        while !enough(&times) {
            let asked = Instant::now();
            honest(&target).await?;
            times.push(asked.elapsed());
            memory = memory.max(resident_kib(server.pid())?);
            let now = forge_jobs::Timestamp::now();
            for process in storage.inspect.processes().await? {
                silence = silence.max(now.saturating_since(process.beat_at));
            }
            if began.elapsed() > self.lasts * 10 + Duration::from_secs(120) {
                return Err("the harm does not end".into());
            }
        }
        let sent = body.await?;
        harm.abort_all();
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        let mut problems = Vec::new();
        if self.honest_p99.is_some_and(|most| p99 > most) {
            problems.push(format!("the p99 of the honest client is {p99:?}"));
        }
        if memory > MOST_MEMORY {
            problems.push(format!("the server has {memory} KiB of memory"));
        }
        if silence > BEAT * 2 {
            problems.push(format!("the worker was silent for {silence:?}"));
        }
        // Harm that was not done shows nothing.
        let met = met.load(Ordering::Relaxed);
        if sent == 0 || met < self.aborted as u64 / 2 {
            problems.push(format!("{met} of {} requests and {sent} MiB came to the server", self.aborted));
        }
        if sent >= self.body_mib {
            problems.push(format!("a body of {sent} MiB was read to its end"));
        }
        // A transaction that a broken request left open would be in the way of this.
        let job = vec![EnqueueRequest::new("noop_echo", 1)];
        let written = tokio::time::timeout(self.write, enqueue(&storage, job));
        match written.await {
            Ok(Ok(_)) => {}
            Ok(Err(e)) => problems.push(format!("a job cannot be enqueued afterwards: {e}")),
            Err(_) => problems.push(format!("a job is not enqueued within {:?} afterwards", self.write)),
        }
        if let Err(e) = server.stop(Duration::from_secs(60)) {
            problems.push(format!("the server did not stop in good order: {e}: {}", site.last_words()));
        }
        problems.extend(storage.inspect.checkup().await?.problems);
        verdict(&problems)?;
        Ok(format!(
            "{} slow, {} streams, {} aborted, a body cut at {sent} MiB: honest p99 {p99:.1?} of {}, {} MiB of memory, \
             longest silence {silence:.1?}",
            self.slow,
            self.streams,
            self.aborted,
            times.len(),
            memory >> 10,
        ))
    }

    /// A server with a worker, and a token for it.
    async fn serve(&self, site: &Site) -> Result<(Worker, Target), Failure> {
        let tokens = site.path("tokens");
        let made =
            site.anywhere(&["token", "honest", "--role", "operator", "--file"]).arg(&tokens).output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        let token = String::from_utf8(made.stdout)?.trim().to_owned();
        let most = (self.slow + self.streams + 500).to_string();
        let tokens = tokens.to_str().ok_or("the path of the tokens is no UTF-8")?;
        let mut command = site.command(&["serve", "--listen", "127.0.0.1:0", "--worker", "--tokens", tokens]);
        for bound in ["--connections", "--connections-per-peer", "--streams", "--streams-per-peer"] {
            command.args([bound, &most]);
        }
        let mut server = site.start(&mut command)?;
        let addr = wait("the server", START, async || {
            if server.has_exited()?.is_some() {
                return Err(format!("the server has ended: {}", site.last_words()).into());
            }
            let words = site.words()?;
            let addr = words.split_once(" on http://").and_then(|(_, rest)| rest.split_once(';'));
            Ok(addr.and_then(|(addr, _)| addr.parse().ok()))
        })
        .await?;
        Ok((server, Target { addr, token: token.into() }))
    }
}

async fn connect(from: Ipv4Addr, target: &Target) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(target.addr).await
}

fn head(target: &Target, line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{more}\r\n", target.token)
}

/// One whole request, answered with 200.
async fn honest(target: &Target) -> Result<(), Failure> {
    let mut stream = connect(HONEST, target).await?;
    stream.write_all(head(target, "GET /api/v1/overview", "Connection: close\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await??;
    if answer.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("the honest client got {:?}", String::from_utf8_lossy(&answer)).into())
}

/// Sends a byte now and then, and comes back when it is let go.
async fn slow(target: Target) {
    let text = head(&target, "GET /api/v1/overview", "");
    loop {
        let Ok(mut stream) = connect(SLOW, &target).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        for byte in text.as_bytes() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Listens, or only holds the connection.
async fn stream(target: Target, reads: bool) {
    let text = head(&target, "GET /api/v1/events", "");
    loop {
        let Ok(mut stream) = connect(STREAMS, &target).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            continue;
        }
        if !reads {
            std::future::pending::<()>().await;
        }
        let mut buffer = [0; 1_024];
        while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    }
}

/// Breaks requests off at all places.
async fn abort(target: Target, times: usize, done: Arc<AtomicU64>, met: Arc<AtomicU64>) {
    let body = r#"{"kind":"noop_echo","payload":1}"#;
    let more = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let text = head(&target, "POST /api/v1/jobs", &more) + body;
    for n in 0..times {
        if let Ok(mut stream) = connect(ABORTED, &target).await {
            let _ = stream.write_all(&text.as_bytes()[..text.len() - n % text.len()]).await;
            met.fetch_add(1, Ordering::Relaxed);
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// A body in chunks; gives how many MiB of it the server took.
async fn endless(target: Target, mib: u64) -> u64 {
    let more = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let text = head(&target, "POST /api/v1/jobs", more);
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let Ok(mut stream) = connect(ENDLESS, &target).await else { return 0 };
    if stream.write_all(text.as_bytes()).await.is_err() {
        return 0;
    }
    for sent in 0..mib {
        let writing = tokio::time::timeout(Duration::from_secs(60), stream.write_all(chunk.as_bytes()));
        if !matches!(writing.await, Ok(Ok(()))) {
            return sent;
        }
    }
    mib
}

/// The memory of a process that is in use, in KiB.
fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the server has ended")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}
