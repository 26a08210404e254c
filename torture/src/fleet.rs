//! Worker processes under our thumb.

use crate::since_boot_ns;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The name of a site's database file.
const FILE: &str = "jobs.db";

/// The URL of a database file.
#[must_use]
pub fn sqlite_url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// Where a campaign works: a database, a ledger, and the program under test.
#[derive(Debug)]
pub struct Site {
    dir: tempfile::TempDir,
    /// The database, as `--database` names it.
    url: String,
    program: PathBuf,
    /// What the processes say on standard error goes here.
    log: PathBuf,
    /// Set for every process that is started.
    env: Vec<(&'static str, OsString)>,
}

impl Site {
    /// A new directory for a campaign.
    ///
    /// # Errors
    ///
    /// When there is no room for it, or the program is not there.
    pub fn new(program: &Path) -> io::Result<Self> {
        Self::below(program, &std::env::temp_dir())
    }

    /// The same, in a directory below this one.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn below(program: &Path, parent: &Path) -> io::Result<Self> {
        if !program.is_file() {
            let text = format!("{} is not there: cargo build -p forge", program.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        let dir = tempfile::tempdir_in(parent)?;
        // Configuration of its own, so that nobody's settings are at work.
        let env = vec![("XDG_CONFIG_HOME", dir.path().join("config").into_os_string())];
        let log = dir.path().join("log");
        let url = sqlite_url(&dir.path().join(FILE));
        Ok(Self { dir, url, program: program.to_owned(), log, env })
    }

    /// The same with a database on a server.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn on(program: &Path, url: impl Into<String>) -> io::Result<Self> {
        let mut site = Self::new(program)?;
        site.url = url.into();
        Ok(site)
    }

    /// The program as cargo builds it, beside the test or tool that runs.
    ///
    /// # Errors
    ///
    /// When this program's own place cannot be told.
    pub fn built_program() -> io::Result<PathBuf> {
        let here = std::env::current_exe()?;
        let built = here.ancestors().find(|d| d.file_name().is_some_and(|n| n == "debug" || n == "release"));
        let built = built.ok_or_else(|| io::Error::other("this program is not where cargo builds"))?;
        Ok(built.join("forge"))
    }

    /// A variable for every process that is started from now on.
    pub fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.env.push((name, value.into()));
    }

    /// The settings that the processes find, as `forge.toml`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn configure(&self, text: &str) -> io::Result<()> {
        let dir = self.path("config/forge");
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("forge.toml"), text)
    }

    /// A file of the campaign.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The database file; of no meaning when the database is on a server.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.dir.path().join(FILE)
    }

    /// The database, as `--database` names it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The ledger file.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    /// Starts a worker.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn worker(&self, args: &[&str]) -> io::Result<Worker> {
        self.worker_with(args, &[])
    }

    /// Starts a worker with more variables.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn worker_with(&self, args: &[&str], env: &[(&str, &OsStr)]) -> io::Result<Worker> {
        let mut command = self.command(&["worker", "--test-handlers"]);
        self.start(command.args(args).envs(env.iter().copied()))
    }

    /// Starts a command whose process is to be killed at the end; what it says goes where the workers' words go.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start(&self, command: &mut Command) -> io::Result<Worker> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.log()?).spawn()?;
        Ok(Worker::of(child))
    }

    /// The program with some arguments, on this site's database.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.anywhere(args);
        command.arg("--database").arg(&self.url);
        command
    }

    /// The program with some arguments, which say or leave open what database it works on.
    #[must_use]
    pub fn anywhere(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).env("FORGE_LEDGER", self.ledger()).env_remove("FORGE_DATABASE_URL");
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }

    /// How many lines of what the processes said hold all of these texts.
    #[must_use]
    pub fn said(&self, texts: &[&str]) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// What the processes said.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn words(&self) -> io::Result<String> {
        std::fs::read_to_string(&self.log)
    }

    /// The end of what the processes said.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// What the processes say on standard error, to be read when something is wrong.
    fn log(&self) -> io::Result<File> {
        File::options().create(true).append(true).open(&self.log)
    }
}

/// How long a process may take until it listens to signals, on a busy machine.
const YOUNG: Duration = Duration::from_secs(10);

/// A worker process, killed when it goes out of scope.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    started: Instant,
}

impl Worker {
    /// A process that was started in another way.
    #[must_use]
    pub fn of(child: Child) -> Self {
        Self { child, started: Instant::now() }
    }

    /// The process.
    pub const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The operating system's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and says when it was certainly dead.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> io::Result<(u32, u64)> {
        self.child.kill()?;
        self.child.wait()?;
        Ok((self.pid(), since_boot_ns()))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("no process id"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// How it exited, if it has.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn has_exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks it to stop in good order, and waits.
    ///
    /// # Errors
    ///
    /// When it has not stopped within `limit`, or ended in another way: by itself before, or with an error.
    pub fn stop(&mut self, limit: Duration) -> io::Result<()> {
        // One that has just been started dies of the signal, since it does not listen yet; it has not claimed anything.
        let is_young = self.started.elapsed() < YOUNG;
        if let Some(status) = self.has_exited()? {
            return Err(io::Error::other(format!("worker {} ended by itself with {status}", self.pid())));
        }
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.has_exited()? {
                let unheard = is_young && status.signal() == Some(Signal::TERM.as_raw());
                let said = || io::Error::other(format!("worker {} ended with {status}", self.pid()));
                return if status.success() || unheard { Ok(()) } else { Err(said()) };
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "worker {} has not stopped within {limit:?}",
                    self.pid()
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
