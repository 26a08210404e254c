//! Runs the program as its users do: as a process, with a home of its own.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]

use forge_jobs::Storage;
use forge_jobs::storage::{DatabaseConfig, PathsError, QueuePaths};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nothing that these tests wait for takes longer, unless it hangs.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A home directory, and the program in it.
pub struct Home {
    pub dir: tempfile::TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["config/forge", "data", "work"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The default database.
    pub fn database(&self) -> PathBuf {
        self.path("data/forge/forge.db")
    }

    pub fn write_config(&self, text: &str) {
        std::fs::write(self.path("config/forge/forge.toml"), text).unwrap();
    }

    /// The program, to be run in `work`.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forge"));
        command
            .args(args)
            .current_dir(self.path("work"))
            .env_remove("FORGE_DATABASE_URL")
            .env_remove("FORGE_DATABASE_SCHEMA")
            .env_remove("FORGE_LOG")
            .env_remove("COLUMNS")
            .env("HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_DATA_HOME", self.path("data"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(&self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs it with this standard input.
    pub fn feed<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, input: &[u8]) -> Ended {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Beside the reading, or both sides would wait for the other with full pipes.
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let ended = Ended::of(&child.wait_with_output().unwrap());
        writer.join().unwrap();
        ended
    }

    /// Enqueues a job per line, as JSON.
    pub fn enqueue_lines(&self, lines: impl Iterator<Item = String>) {
        let input = lines.collect::<Vec<_>>().join("\n");
        let ended = self.feed(["enqueue", "-"], input.as_bytes());
        assert_eq!(ended.code, 0, "{ended:?}");
    }

    /// Enqueues one job and gives its id.
    pub fn enqueue(&self, args: &[&str]) -> String {
        let ended = self.run([&["enqueue"], args].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout.split_whitespace().next().unwrap().to_owned()
    }
}

impl Ended {
    pub fn of(o: &Output) -> Self {
        Self {
            code: o.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&o.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&o.stderr).into_owned(),
        }
    }

    /// It ended with this code, and said this on standard error.
    #[track_caller]
    pub fn check(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// Standard output is one JSON document of this type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }
}

struct NoPaths;

impl QueuePaths for NoPaths {
    fn config_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("config", "not in tests"))
    }

    fn data_dir(&self) -> Result<PathBuf, PathsError> {
        Err(PathsError::new("data", "not in tests"))
    }
}

/// Opens a database beside the program.
pub async fn open(file: &Path) -> Storage {
    let url = format!("sqlite:{}", file.display());
    DatabaseConfig::from_url(&url).unwrap().open_storage(&NoPaths).await.unwrap()
}

/// Waits until `look` gives something.
pub async fn wait_for<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for the end of a child, and kills it if it hangs.
pub fn end_of(mut child: Child) -> Ended {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("it hangs: {:?}", Ended::of(&child.wait_with_output().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ended::of(&child.wait_with_output().unwrap())
}
