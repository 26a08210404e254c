//! The one line that a program prints.

use crate::stats::{percentile, tenths};
use crate::{Args, Failure};
use serde::Serialize;
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
}

/// What a program has to say.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was measured.
    Measured(Round),
    /// The peer does not offer this, and why.
    Unsupported(&'static str),
}

#[derive(Serialize)]
struct Measured {
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
}

#[derive(Serialize)]
struct Unsupported {
    peer: &'static str,
    version: &'static str,
    workload: &'static str,
    synchronous: &'static str,
    unsupported: &'static str,
}

/// Reads the arguments, measures, prints.
pub fn main(peer: Peer, measure: impl FnOnce(&Args) -> Result<Answer, Failure>) -> ExitCode {
    let line = Args::parse(std::env::args().skip(1)).and_then(|args| line(peer, &args, measure(&args)?));
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

fn line(peer: Peer, args: &Args, answer: Answer) -> Result<String, Failure> {
    let Peer { name: peer, version } = peer;
    let (workload, synchronous) = (args.workload.name(), args.synchronous.word());
    let line = match answer {
        Answer::Measured(Round { rate, mut waits }) => serde_json::to_string(&Measured {
            peer,
            version,
            workload,
            synchronous,
            width: args.width,
            jobs: args.jobs,
            rate: rate.map(tenths),
            p50_us: percentile(&mut waits, 0.5),
            p99_us: percentile(&mut waits, 0.99),
            unaided: args.unaided,
        }),
        Answer::Unsupported(unsupported) => {
            serde_json::to_string(&Unsupported { peer, version, workload, synchronous, unsupported })
        }
    };
    Ok(line?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Synchronous, Workload};

    const PEER: Peer = Peer { name: "someone", version: "1.2.3" };

    fn args() -> Args {
        Args {
            workload: Workload::Drain,
            dir: ".".into(),
            jobs: 50_000,
            width: 50,
            synchronous: Synchronous::Normal,
            unaided: false,
        }
    }

    #[test]
    fn a_round_is_one_line() {
        let round = Round { rate: Some(58_800.04), waits: Vec::new() };
        let wanted = r#"{"peer":"someone","version":"1.2.3","workload":"drain","synchronous":"normal","width":50,"jobs":50000,"rate":58800.0,"p50_us":null,"p99_us":null}"#;
        assert_eq!(line(PEER, &args(), Answer::Measured(round)).ok().as_deref(), Some(wanted));
    }

    #[test]
    fn what_is_not_offered_says_why() {
        let wanted = r#"{"peer":"someone","version":"1.2.3","workload":"drain","synchronous":"normal","unsupported":"no worker"}"#;
        assert_eq!(line(PEER, &args(), Answer::Unsupported("no worker")).ok().as_deref(), Some(wanted));
    }
}
