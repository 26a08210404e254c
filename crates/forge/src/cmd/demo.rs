//! `forge demo`: its arguments. The work is in `demo`.

use crate::database::Database;
use crate::demo::{self, Ending, Options, Upstream};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use std::net::SocketAddr;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
What it does: a first job walks the directory and enqueues a job per file, each of which computes SHA-256 and size; \
when all are finished, a last job writes SHA256SUMS, which `sha256sum -c` reads. Left out are directories named \
target, anything named .git, links, special files, and the demo's own files. A file that cannot be read ends as a \
dead job with the reason, and the exit code stays 0. Beside it, made-up calls to a flaky upstream show retries, throttles and dead letters; \
which of them fail is decided by the seed alone.

Kill it at any moment and start it again: it goes on where it was, and ends with the same SHA256SUMS. Started again \
after it finished, it begins anew.

It works in a database of its own, demo.db in the user's data directory, unless --database or FORGE_DATABASE_URL \
names another.

Examples:
  forge demo --exit-when-idle
  forge demo --dir ~/Pictures --out /tmp --exit-when-idle
  cd ~/Pictures && sha256sum -c /tmp/SHA256SUMS
  forge demo --no-upstream --exit-when-idle --json";

/// Hash every file of a directory, a job each, beside calls to a flaky upstream.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The directory to walk
    #[arg(long, value_name = "PATH", default_value = ".")]
    dir: PathBuf,

    /// The directory to write SHA256SUMS into; created if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// End when everything is finished, instead of waiting for more work
    #[arg(long)]
    exit_when_idle: bool,

    /// Leave the flaky upstream out
    #[arg(long)]
    no_upstream: bool,

    /// Decides what the flaky upstream does [default: a random one; a run that is resumed keeps its own]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u32>,

    /// Serve the API and the panel here, to this machine alone [default: 127.0.0.1:7419, or another port if that is taken; with --exit-when-idle nowhere]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
}

pub(crate) async fn run(args: Args, database: &Database, out: &mut Output) -> Result<Exit, Failure> {
    let options = Options {
        dir: args.dir,
        out: args.out,
        ending: if args.exit_when_idle { Ending::WhenIdle } else { Ending::WhenTold },
        upstream: if args.no_upstream { Upstream::Absent } else { Upstream::Present },
        seed: args.seed,
        listen: args.listen,
    };
    demo::run(options, database, out).await
}
