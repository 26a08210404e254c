//! One PostgreSQL server of our own: made, started, crashed, started again, and cleared away.

use crate::ready::{self, Silent};
use crate::supervisor::Supervisor;
use crate::user::RunAs;
use crate::{Error, Programs, port};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many ports are tried: another process may take one between our look and the server's.
const PORTS: u32 = 8;

/// How a cluster is made.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether what is committed survives the loss of power. Without, everything is quicker.
    pub durable: bool,
    /// More settings, as in `postgresql.conf`; they win over our own.
    pub settings: Vec<(String, String)>,
    /// The directory with the programs of the PostgreSQL to use; found by itself when it is not given.
    pub bin_dir: Option<PathBuf>,
}

impl Options {
    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// A private PostgreSQL server on a port of 127.0.0.1. Dropping it ends the server and removes its files.
#[derive(Debug)]
pub struct Cluster {
    postgres: PathBuf,
    major: u32,
    settings: Vec<String>,
    port: u16,
    dir: PathBuf,
    server: Mutex<Server>,
}

#[derive(Debug)]
struct Server {
    supervisor: Supervisor,
    pid: Option<u32>,
}

impl Cluster {
    /// Makes a cluster and starts its server. Blocks until the server answers, about a second.
    ///
    /// # Errors
    ///
    /// PostgreSQL is missing or too old, or does not start; the error has the end of its log.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let programs = match &options.bin_dir {
            Some(dir) => Programs::in_directory(dir)?,
            None => Programs::find()?,
        };
        // Immediate: the data is thrown away, so there is nothing to write first, and PostgreSQL itself ends within
        // five seconds whatever its clients do.
        let mut supervisor = Supervisor::start(&RunAs::choose()?, "postgres", "QUIT")?;
        let dir = supervisor.dir().to_owned();
        supervisor.run(&programs.initdb, &initdb_args(&dir.join("data"), options.durable))?;
        let mut cluster = Self {
            major: programs.major_version()?,
            postgres: programs.postgres,
            settings: settings(&dir, options),
            port: 0,
            dir,
            server: Mutex::new(Server { supervisor, pid: None }),
        };
        for _ in 1..PORTS {
            cluster.port = port::free()?;
            match cluster.start_again() {
                Err(Error::Program { detail, .. }) if detail.contains("Address already in use") => {}
                result => return result.map(|()| cluster),
            }
        }
        cluster.port = port::free()?;
        cluster.start_again().map(|()| cluster)
    }

    /// The URL of a database of this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The major version of PostgreSQL.
    #[must_use]
    pub const fn major_version(&self) -> u32 {
        self.major
    }

    /// The port on 127.0.0.1; it stays the same over restarts.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the server's Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// The directory with the cluster's files.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The process id of the server, or `None` while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server().pid
    }

    /// The last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.server().supervisor.log_tail()
    }

    /// All that the server has written since it was made.
    #[must_use]
    pub fn log(&self) -> String {
        self.server().supervisor.log()
    }

    /// Stops the server at once, as a crash of it would: nothing is written, clients are cut off.
    ///
    /// # Errors
    ///
    /// The shell that watches the server is gone.
    pub fn stop_immediate(&self) -> Result<(), Error> {
        let mut server = self.server();
        server.pid = None;
        server.supervisor.stop_server()
    }

    /// Starts the stopped server on the same port and files, and blocks until it answers, recovered.
    ///
    /// # Errors
    ///
    /// It does not start; the error has the end of its log.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut server = self.server();
        let mut args = self.settings.clone();
        args.extend(["-p".into(), self.port.to_string()]);
        let pid = server.supervisor.start_server(&self.postgres, &args)?;
        match ready::wait(pid, &self.dir.join(format!(".s.PGSQL.{}", self.port))) {
            Ok(()) => {
                server.pid = Some(pid);
                Ok(())
            }
            Err(silent) => {
                let what = match silent {
                    Silent::Ended => "the server has ended while it started".into(),
                    Silent::TooSlow(said) => format!("the server does not answer ({said})"),
                };
                Err(Error::Program { what, detail: server.supervisor.log_tail() })
            }
        }
    }

    /// A crash and a new start on the same port.
    ///
    /// # Errors
    ///
    /// As [`Self::start_again`].
    pub fn restart_immediate(&self) -> Result<(), Error> {
        self.stop_immediate()?;
        self.start_again()
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn initdb_args(data: &Path, durable: bool) -> Vec<String> {
    let mut args: Vec<String> =
        ["-A", "trust", "-E", "UTF8", "--locale=C", "-U", "postgres"].map(str::to_owned).into();
    if !durable {
        args.push("--no-sync".into());
    }
    args.extend(["-D".into(), data.display().to_string()]);
    args
}

/// The arguments of the server, all but the port.
fn settings(dir: &Path, options: &Options) -> Vec<String> {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("unix_socket_directories", dir.display().to_string()),
        ("max_connections", "300".to_owned()),
        ("shared_buffers", "128MB".to_owned()),
        ("synchronous_commit", "on".to_owned()),
    ];
    if !options.durable {
        // A commit still waits for its write, as in production; only the disk is not waited for.
        settings.extend([("fsync", "off".to_owned()), ("full_page_writes", "off".to_owned())]);
    }
    let own = settings.into_iter().map(|(name, value)| format!("{name}={value}"));
    // The last one of a name counts.
    let given = options.settings.iter().map(|(name, value)| format!("{name}={value}"));
    let mut args = vec!["-D".to_owned(), dir.join("data").display().to_string()];
    args.extend(own.chain(given).flat_map(|setting| ["-c".to_owned(), setting]));
    args
}
