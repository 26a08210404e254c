//! `forge token`.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use forge_jobs::Timestamp;
use forge_jobs_api::http::NewToken;
use forge_jobs_api::wire::{ErrorCode, Role, TokenMade};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Standard output gets the token, which is shown this once, and the line for the server's file, which holds a hash of it. \
With --file the line is added there, and the token alone is shown. Take a token back by removing its line; the server \
reads the file when it starts.

Examples:
  forge token ada --role operator --file tokens > ada.token
  forge token backup --role viewer --expires 2027-01-01T00:00:00Z";

/// Make a token for callers of the HTTP API.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Whose it is, for logs: 1 to 64 of the characters A-Z a-z 0-9 . _ - @
    name: String,

    /// What they may do: look, steer jobs, or change settings and delete
    #[arg(long, value_name = "viewer|operator|admin", value_parser = role)]
    role: Role,

    /// When it ends, RFC 3339 with an offset [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,

    /// Add the line to this file, which is made if it is not there
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

fn role(text: &str) -> Result<Role, String> {
    let role = Role::ALL.into_iter().find(|role| role.as_str() == text);
    role.ok_or_else(|| "use viewer, operator or admin".into())
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    let made = NewToken::make(&args.name, args.role, args.expires)
        .map_err(|e| Failure::new(ErrorCode::Invalid, e.reason))?;
    let kept = args.file.is_some();
    if let Some(file) = &args.file {
        append(file, &made.line)?;
    }
    let answer = TokenMade { token: made.token, line: made.line };
    out.answer(
        &answer,
        |a| if kept { format!("{}\n", a.token) } else { format!("{}\n{}\n", a.token, a.line) },
    )?;
    Ok(Exit::Ok)
}

/// Hashes of tokens are no secrets, but nobody else's business either.
fn append(file: &Path, line: &str) -> Result<(), Failure> {
    let mut open = OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    let written = open.open(file).and_then(|mut to| writeln!(to, "{line}").and_then(|()| to.sync_all()));
    written.map_err(|e| Failure::new(ErrorCode::Failed, format!("{}: {e}", file.display())))
}
