//! `PgBouncer` in front of a server, in the mode that is hardest on its clients: transaction pooling.

use crate::ready::{self, Silent};
use crate::supervisor::Supervisor;
use crate::user::RunAs;
use crate::{Cluster, Error, port, programs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How many ports are tried: another process may take one between our look and the pooler's.
const PORTS: u32 = 8;

/// The server that a pooler stands in front of, and the user whom it logs in as.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name, address or directory of a socket.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The user for every connection, whatever clients call themselves.
    pub user: String,
    /// That user's password, if it needs one.
    pub password: Option<String>,
}

impl From<&Cluster> for Target {
    fn from(cluster: &Cluster) -> Self {
        Self { host: "127.0.0.1".into(), port: cluster.port(), user: "postgres".into(), password: None }
    }
}

/// How a pooler behaves.
#[derive(Debug, Clone)]
pub struct BouncerOptions {
    /// Connections to the server per database. Small, so that clients really share them.
    pub pool_size: u32,
}

impl Default for BouncerOptions {
    fn default() -> Self {
        Self { pool_size: 2 }
    }
}

/// A `PgBouncer` of our own on a port of 127.0.0.1. Dropping it ends the process and removes its files.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    pid: u32,
    _supervisor: Supervisor,
}

impl PgBouncer {
    /// Starts a pooler in front of the server, and blocks until it lets clients in.
    ///
    /// # Errors
    ///
    /// `PgBouncer` is missing, or does not start, or does not reach the server; the error has the end of its log.
    pub fn start(target: impl Into<Target>, options: &BouncerOptions) -> Result<Self, Error> {
        let (target, program) = (target.into(), programs::pgbouncer()?);
        // Nothing of a pooler is worth keeping, and its other signals have changed their meaning between versions.
        let mut supervisor = Supervisor::start(&RunAs::choose()?, "pgbouncer", "KILL")?;
        let mut attempt = 1;
        loop {
            let port = port::free()?;
            let config = write_config(supervisor.dir(), port, &target, options)?;
            let pid = supervisor.start_server(&program, &[config.display().to_string()])?;
            let socket = supervisor.dir().join(format!(".s.PGSQL.{port}"));
            let what = match ready::wait(pid, &socket) {
                Ok(()) => return Ok(Self { port, pid, _supervisor: supervisor }),
                Err(Silent::Ended) => "PgBouncer has ended while it started".to_owned(),
                Err(Silent::TooSlow(said)) => format!("PgBouncer does not answer ({said})"),
            };
            let detail = supervisor.log_tail();
            if attempt == PORTS || !detail.contains("Address already in use") {
                return Err(Error::Program { what, detail });
            }
            attempt += 1;
        }
    }

    /// The URL of a database through the pooler.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of the pooler's own console (`SHOW POOLS`), which understands simple queries only.
    #[must_use]
    pub fn console_url(&self) -> String {
        self.url("pgbouncer")
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }
}

fn write_config(dir: &Path, port: u16, target: &Target, options: &BouncerOptions) -> Result<PathBuf, Error> {
    let path = dir.join("pgbouncer.ini");
    let cannot = |e: std::io::Error| Error::system(format!("writing {}", path.display()), &e);
    std::fs::write(&path, config(dir, port, target, options)).map_err(cannot)?;
    // Written by us, read by the pooler's user. The directory is closed to everybody else.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).map_err(cannot)?;
    Ok(path)
}

fn config(dir: &Path, port: u16, target: &Target, options: &BouncerOptions) -> String {
    let Target { host, port: server_port, user, password } = target;
    let value = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let password = password.as_deref().map_or_else(String::new, |p| format!(" password={}", value(p)));
    format!(
        "[databases]\n\
         * = host={host} port={server_port} user={user}{password}\n\
         \n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir = {socket_dir}\n\
         auth_type = any\n\
         admin_users = postgres\n\
         pool_mode = transaction\n\
         default_pool_size = {pool_size}\n\
         max_client_conn = 1000\n\
         ; Every test has a database of its own: one that is no longer used gives its connections back soon.\n\
         server_idle_timeout = 2\n\
         ; Drivers send it before anything else; without this no client gets in.\n\
         ignore_startup_parameters = extra_float_digits\n",
        host = value(host),
        user = value(user),
        socket_dir = dir.display(),
        pool_size = options.pool_size,
    )
}
