//! Who may call `forge serve`, and under which names.

use crate::exit::Failure;
use forge_jobs_api::http::{Authenticator, Hosts, HttpLimits, Open, Options, Tokens, Writes};
use forge_jobs_api::server::{Exposure, ServerLimits};
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

/// How much of the server anybody may take up.
#[derive(Debug, clap::Args)]
pub(crate) struct Bounds {
    /// Connections at a time [default: 512]
    #[arg(long, value_name = "N", env = "FORGE_CONNECTIONS")]
    connections: Option<usize>,

    /// Connections of one address at a time [default: 64]
    #[arg(long, value_name = "N", env = "FORGE_CONNECTIONS_PER_PEER")]
    connections_per_peer: Option<usize>,

    /// Streams of events at a time [default: 64]
    #[arg(long, value_name = "N", env = "FORGE_STREAMS")]
    streams: Option<usize>,

    /// Streams of events to one address at a time [default: 16]
    #[arg(long, value_name = "N", env = "FORGE_STREAMS_PER_PEER")]
    streams_per_peer: Option<usize>,

    /// Wrong tokens from one address in a minute, after which it has to wait [default: 10]
    #[arg(long, value_name = "N", env = "FORGE_WRONG_TOKENS")]
    wrong_tokens: Option<u32>,
}

impl Bounds {
    pub(super) fn of_requests(&self) -> HttpLimits {
        let mut limits = HttpLimits::default();
        limits.streams = self.streams.unwrap_or(limits.streams);
        limits.streams_per_peer = self.streams_per_peer.unwrap_or(limits.streams_per_peer);
        limits.wrong_tokens = self.wrong_tokens.unwrap_or(limits.wrong_tokens);
        limits
    }

    pub(super) fn of_connections(&self) -> ServerLimits {
        let mut limits = ServerLimits::default();
        limits.connections = self.connections.unwrap_or(limits.connections);
        limits.connections_per_peer = self.connections_per_peer.unwrap_or(limits.connections_per_peer);
        limits
    }
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
