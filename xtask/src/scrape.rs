//! A Prometheus that scrapes a running `forge serve`: it must know what the queue holds, and take the shipped rules.

use crate::root;
use crate::run::Cmd;
use crate::serving::{Scratch, Serving, program};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Jobs of the queue that is asked for.
const JOBS: usize = 7;
/// Longest wait for Prometheus to start and to have scraped.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// Starts both, and asks.
pub(crate) fn run() -> Result<(), String> {
    let program = program()?;
    let scratch = Scratch::new("scrape")?;
    let url = format!("sqlite:{}", scratch.0.join("jobs.db").display());
    for n in 0..JOBS {
        let job = ["enqueue", "k", &n.to_string(), "--queue", "mail", "--database", &url];
        Cmd::new(&program).args(job).in_dir(&scratch.0).output()?;
    }
    let serving = Serving::start(&program, &url, &scratch.0, "viewer", &[])?;
    let prometheus = Prometheus::start(&serving, &scratch.0)?;
    let counts = JOBS.to_string();
    for (question, answer) in [
        ("up{job=\"forge\"}", "1"),
        // Whoever shows no token is told nothing.
        ("up{job=\"stranger\"}", "0"),
        ("forge_queue_enqueued_total{queue=\"mail\"}", counts.as_str()),
        ("forge_queue_jobs{queue=\"mail\",status=\"pending\"}", counts.as_str()),
        ("forge_processes{state=\"alive\"}", "0"),
        // The shipped rules are evaluated: this one holds, since nobody works.
        ("count(ALERTS{alertname=\"ForgeNoProcess\"})", "1"),
    ] {
        prometheus.expect(question, answer)?;
    }
    prometheus.has_the_rules()
}

/// A Prometheus, ended with this.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    fn start(serving: &Serving, scratch: &Path) -> Result<Self, String> {
        let rules = root::workspace().join("contrib/prometheus/forge.rules.yml").display().to_string();
        let (addr, token) = (serving.addr(), serving.token());
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{rules:?}]\n\
             scrape_configs:\n\
             - job_name: forge\n  authorization: {{ credentials: {token:?} }}\n  \
               static_configs: [{{ targets: [{addr:?}] }}]\n\
             - job_name: stranger\n  static_configs: [{{ targets: [{addr:?}] }}]\n"
        );
        let file = scratch.join("prometheus.yml");
        std::fs::write(&file, config).map_err(|e| format!("{}: {e}", file.display()))?;
        let port = free_port().ok_or("there is no free port")?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", scratch.join("prometheus").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .spawn()
            .map_err(|e| format!("prometheus does not start: {e}"))?;
        Ok(Self { child, port })
    }

    /// What its HTTP API answers.
    fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Asks until the answer is this, and for a minute at most.
    fn expect(&self, question: &str, answer: &str) -> Result<(), String> {
        let path = format!("/api/v1/query?query={}", encoded(question));
        let (began, wanted) = (Instant::now(), format!(",\"{answer}\"]"));
        loop {
            let said = self.get(&path).unwrap_or_else(|e| e.to_string());
            if said.contains(&wanted) {
                println!("{question} is {answer}");
                return Ok(());
            }
            if began.elapsed() > LIMIT {
                return Err(format!("prometheus does not say that {question} is {answer}: {said}"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// It has all rules that are shipped, and each can be evaluated.
    fn has_the_rules(&self) -> Result<(), String> {
        let file = root::workspace().join("contrib/prometheus/forge.rules.yml");
        let shipped = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let names: Vec<&str> = shipped.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")).collect();
        let said = self.get("/api/v1/rules").map_err(|e| format!("prometheus does not answer: {e}"))?;
        for name in &names {
            if !said.contains(&format!("\"name\":\"{name}\"")) {
                return Err(format!("prometheus does not have the rule {name}: {said}"));
            }
        }
        if names.is_empty() || said.contains("\"health\":\"err\"") {
            return Err(format!("a rule cannot be evaluated, or there is none: {said}"));
        }
        println!("prometheus has {} rules of {}", names.len(), file.display());
        Ok(())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Nothing of it is to be kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on which nobody listens. It is none that the system gives to outgoing connections, of which other programs open
/// many before it is taken.
fn free_port() -> Option<u16> {
    let first = 10_000 + u16::try_from(std::process::id() % 10_000).ok()?;
    (first..first + 10_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

/// A text as a query holds it.
fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}
