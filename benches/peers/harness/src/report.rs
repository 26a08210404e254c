//! The one line that a program prints.

use crate::stats::{percentile, tenths};
use crate::{Args, Failure, ServerArgs, ServerPeer, Settings, Workload};
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

/// Who is measured.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The name of the crate.
    pub name: &'static str,
    /// The version that is linked.
    pub version: &'static str,
}

/// What one round gave.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Jobs per second.
    pub rate: Option<f64>,
    /// How long single jobs took.
    pub waits: Vec<Duration>,
    /// The ways that were tried and their rates, where the program chose the best of several.
    pub tried: Vec<(String, f64)>,
}

/// What a program has to say.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was measured.
    Measured(Round),
    /// The peer does not offer this, and why.
    Unsupported(&'static str),
}

/// What was asked for, as the line has it.
struct Asked {
    peer: Peer,
    workload: Workload,
    synchronous: &'static str,
    width: u16,
    jobs: u32,
    unaided: bool,
    settings: Option<Settings>,
}

#[derive(Serialize)]
struct Measured<'a> {
    peer: &'static str,
    version: &'static str,
    workload: &'static str,
    synchronous: &'static str,
    width: u16,
    jobs: u32,
    rate: Option<f64>,
    p50_us: Option<u64>,
    p99_us: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unaided: bool,
    #[serde(flatten)]
    server: Option<OnServer>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tried: BTreeMap<&'a str, f64>,
}

#[derive(Serialize)]
struct Unsupported {
    peer: &'static str,
    version: &'static str,
    workload: &'static str,
    synchronous: &'static str,
    unsupported: &'static str,
    #[serde(flatten)]
    server: Option<OnServer>,
}

/// What the line says beside the rest when it was measured on a server.
#[derive(Serialize)]
struct OnServer {
    database: &'static str,
    settings: &'static str,
    finished: &'static str,
}

impl From<Settings> for OnServer {
    fn from(settings: Settings) -> Self {
        let finished = if settings.keeps { "kept" } else { "deleted" };
        Self { database: "postgres", settings: settings.name, finished }
    }
}

/// Reads the arguments, measures, prints.
pub fn main(peer: Peer, measure: impl FnOnce(&Args) -> Result<Answer, Failure>) -> ExitCode {
    let line = Args::parse(std::env::args().skip(1)).and_then(|args| {
        let asked = Asked {
            peer,
            workload: args.workload,
            synchronous: args.synchronous.word(),
            width: args.width,
            jobs: args.jobs,
            unaided: args.unaided,
            settings: None,
        };
        line(&asked, measure(&args)?)
    });
    print(peer, line)
}

/// The same for a peer on a server; the measurement has to see to it that a commit is on disk there.
pub fn main_on_server(
    peer: ServerPeer,
    measure: impl FnOnce(&ServerArgs) -> Result<Answer, Failure>,
) -> ExitCode {
    let ServerPeer { peer, settings } = peer;
    let line = ServerArgs::parse(std::env::args().skip(1), settings).and_then(|args| {
        let asked = Asked {
            peer,
            workload: args.workload,
            synchronous: "full",
            width: args.width,
            jobs: args.jobs,
            unaided: args.unaided,
            settings: Some(args.settings),
        };
        line(&asked, measure(&args)?)
    });
    print(peer, line)
}

fn print(peer: Peer, line: Result<String, Failure>) -> ExitCode {
    match line {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("peer-{}: {e}", peer.name);
            ExitCode::FAILURE
        }
    }
}

fn line(asked: &Asked, answer: Answer) -> Result<String, Failure> {
    let Peer { name: peer, version } = asked.peer;
    let (workload, synchronous) = (asked.workload.name(), asked.synchronous);
    let server = asked.settings.map(OnServer::from);
    let line = match answer {
        Answer::Measured(Round { rate, mut waits, ref tried }) => serde_json::to_string(&Measured {
            peer,
            version,
            workload,
            synchronous,
            width: asked.width,
            jobs: asked.jobs,
            rate: rate.map(tenths),
            p50_us: percentile(&mut waits, 0.5),
            p99_us: percentile(&mut waits, 0.99),
            unaided: asked.unaided,
            server,
            tried: tried.iter().map(|(how, rate)| (how.as_str(), tenths(*rate))).collect(),
        }),
        Answer::Unsupported(unsupported) => {
            serde_json::to_string(&Unsupported { peer, version, workload, synchronous, unsupported, server })
        }
    };
    Ok(line?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer { name: "someone", version: "1.2.3" };

    fn asked() -> Asked {
        Asked {
            peer: PEER,
            workload: Workload::Drain,
            synchronous: "normal",
            width: 50,
            jobs: 50_000,
            unaided: false,
            settings: None,
        }
    }

    #[test]
    fn a_round_is_one_line() {
        let round = Round { rate: Some(58_800.04), ..Round::default() };
        let wanted = r#"{"peer":"someone","version":"1.2.3","workload":"drain","synchronous":"normal","width":50,"jobs":50000,"rate":58800.0,"p50_us":null,"p99_us":null}"#;
        assert_eq!(line(&asked(), Answer::Measured(round)).ok().as_deref(), Some(wanted));
    }

    #[test]
    fn a_round_on_a_server_says_with_what_settings_and_what_is_left_of_the_jobs() {
        let settings = Some(Settings { name: "tuned", keeps: false });
        let asked = Asked { synchronous: "full", settings, ..asked() };
        let tried = vec![("by 9".to_owned(), 7.0), ("by 10".to_owned(), 6.0)];
        let round = Round { rate: Some(7.0), tried, ..Round::default() };
        let wanted = r#"{"peer":"someone","version":"1.2.3","workload":"drain","synchronous":"full","width":50,"jobs":50000,"rate":7.0,"p50_us":null,"p99_us":null,"database":"postgres","settings":"tuned","finished":"deleted","tried":{"by 10":6.0,"by 9":7.0}}"#;
        assert_eq!(line(&asked, Answer::Measured(round)).ok().as_deref(), Some(wanted));
    }

    #[test]
    fn what_is_not_offered_says_why() {
        let wanted = r#"{"peer":"someone","version":"1.2.3","workload":"drain","synchronous":"normal","unsupported":"no worker"}"#;
        assert_eq!(line(&asked(), Answer::Unsupported("no worker")).ok().as_deref(), Some(wanted));
    }
}
