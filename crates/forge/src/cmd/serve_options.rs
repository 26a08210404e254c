//! Who may call `forge serve`, and under which names.

use crate::exit::Failure;
use forge_jobs_api::http::{Authenticator, Hosts, Open, Options, Tokens, Writes};
use forge_jobs_api::server::Exposure;
use forge_jobs_api::wire::ErrorCode;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file of tokens that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Who may call, and how the server is called.
#[derive(Debug, clap::Args)]
pub(crate) struct Access {
    /// A file of tokens, a line each, as `forge token` makes them
    #[arg(long, value_name = "FILE", env = "FORGE_TOKENS")]
    tokens: Option<PathBuf>,

    /// A name that the server answers to, besides localhost; may be given more than once
    #[arg(long = "host", value_name = "NAME", env = "FORGE_HOSTS", value_delimiter = ',')]
    hosts: Vec<String>,

    /// Change nothing, whoever asks
    #[arg(long, env = "FORGE_READ_ONLY")]
    read_only: bool,

    /// Browsers send the session cookie over HTTPS alone: for a server behind a proxy that speaks it
    #[arg(long, env = "FORGE_SECURE_COOKIES")]
    secure_cookies: bool,

    /// Let everybody who reaches the server do everything, from other machines too
    #[arg(long, conflicts_with = "tokens")]
    insecure_no_auth: bool,
}

impl Access {
    pub(super) const fn exposure(&self) -> Exposure {
        if self.insecure_no_auth { Exposure::Insecure } else { Exposure::Closed }
    }

    pub(super) fn options(&self) -> Result<Options, Failure> {
        let authenticator: Arc<dyn Authenticator> = match &self.tokens {
            Some(file) => Arc::new(read(file)?),
            None => Arc::new(Open),
        };
        let writes = if self.read_only { Writes::Refused } else { Writes::Allowed };
        let options = Options::new(authenticator, Hosts::Only(self.hosts.clone())).with_writes(writes);
        Ok(if self.secure_cookies { options.with_secure_cookies() } else { options })
    }
}

fn read(file: &Path) -> Result<Tokens, Failure> {
    let bad = |reason: String| Failure::new(ErrorCode::Invalid, format!("{}: {reason}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| bad(e.to_string()))?.len();
    if size > MAX_FILE_BYTES {
        return Err(bad(format!("it has {size} bytes, over the limit of {MAX_FILE_BYTES}")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| bad(e.to_string()))?;
    Tokens::parse(&text).map_err(|e| bad(e.to_string()))
}
