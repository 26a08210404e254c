//! `forge-test-cluster`: a PostgreSQL server for the length of a command, or until somebody has seen enough.

use clap::{Args, Parser, Subcommand};
use forge_test_cluster::{BouncerOptions, Cluster, Error, Options, PGBOUNCER_URL, POSTGRES_URL, PgBouncer};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

/// A PostgreSQL server of one's own, for the length of a command.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run a command with `FORGE_TEST_POSTGRES_URL` set to a fresh server, and pass its exit code on.
    ///
    /// When the variable is set already, the command just runs.
    Run {
        #[command(flatten)]
        server: ServerArgs,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Start a server, print its URLs, and stop it at Ctrl-C or when stdin ends.
    Serve {
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// Also start PgBouncer in front of it, in transaction mode, and set `FORGE_TEST_PGBOUNCER_URL`.
    #[arg(long)]
    bouncer: bool,
    /// What is committed survives the loss of power; slower.
    #[arg(long)]
    durable: bool,
    /// A setting as in `postgresql.conf`, `shared_buffers=1GB` for instance; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        What::Run { server, command } => run(&server, &command),
        What::Serve { server } => serve(&server).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|e| {
        eprintln!("error: {e}");
        ExitCode::FAILURE
    })
}

/// A server and what stands in front of it. The pooler is dropped first.
struct Servers {
    bouncer: Option<PgBouncer>,
    cluster: Cluster,
}

impl Servers {
    fn start(args: &ServerArgs) -> Result<Self, Error> {
        let cluster = Cluster::start(&Options {
            durable: args.durable,
            settings: args.settings.clone(),
            ..Options::default()
        })?;
        let start_bouncer = || PgBouncer::start(&cluster, &BouncerOptions::default());
        let bouncer = args.bouncer.then(start_bouncer).transpose()?;
        Ok(Self { bouncer, cluster })
    }

    /// The variables that name them.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![(POSTGRES_URL, self.cluster.url("postgres"))];
        variables.extend(self.bouncer.iter().map(|bouncer| (PGBOUNCER_URL, bouncer.url("postgres"))));
        variables
    }
}

fn run(args: &ServerArgs, words: &[OsString]) -> Result<ExitCode, Error> {
    let Some((program, rest)) = words.split_first() else { return Ok(ExitCode::FAILURE) };
    let servers = match std::env::var_os(POSTGRES_URL) {
        Some(url) if !url.is_empty() => None,
        _ => Some(Servers::start(args)?),
    };
    let variables = servers.as_ref().map(Servers::variables).unwrap_or_default();
    let status = Command::new(program).args(rest).envs(variables).status().map_err(|e| Error::System {
        what: format!("starting {}", program.to_string_lossy()),
        detail: e.to_string(),
    })?;
    Ok(code(status))
}

/// As a shell would pass it on: 128 and the signal for a program that was ended by one.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn serve(args: &ServerArgs) -> Result<(), Error> {
    let servers = Servers::start(args)?;
    let mut lines: Vec<_> = servers.variables().iter().map(|(name, url)| format!("{name}={url}")).collect();
    lines.push("running until Ctrl-C or the end of stdin\n".into());
    // At once: a program that reads the URLs from a pipe may close it when it has them.
    std::io::stdout()
        .write_all(lines.join("\n").as_bytes())
        .map_err(|e| Error::System { what: "printing the URLs".into(), detail: e.to_string() })?;
    // Ctrl-C ends this process, and that ends the servers like any other end of it.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        .map_err(|e| Error::System { what: "reading stdin".into(), detail: e.to_string() })?;
    Ok(())
}
