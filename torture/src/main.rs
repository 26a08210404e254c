//! `cargo xtask torture`: the long forms of the campaigns.

use clap::{Parser, Subcommand};
use forge_torture::campaigns::{Failure, Freeze, Kill, Poison};
use forge_torture::fleet::Site;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Kill, stop and starve real worker processes, and audit what they leave behind.
#[derive(Debug, Parser)]
struct Cli {
    /// The program under test [default: the one that cargo built beside this]
    #[arg(long, global = true)]
    program: Option<PathBuf>,
    /// Do the same harm again [default: a random one]
    #[arg(long, global = true)]
    seed: Option<u64>,
    #[command(subcommand)]
    campaign: Option<Campaign>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Campaign {
    /// 20,000 jobs on two processes, one killed every second for 60 s
    Kill,
    /// 20 jobs that abort their process among 2,000 good ones
    Poison,
    /// 150 times a process is stopped for three times the stale window, in the middle of a job
    Freeze,
}

const ALL: [Campaign; 3] = [Campaign::Kill, Campaign::Poison, Campaign::Freeze];

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let program = match cli.program.map_or_else(Site::built_program, Ok) {
        Ok(program) => program,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for campaign in cli.campaign.map_or_else(|| ALL.to_vec(), |c| vec![c]) {
        println!("{campaign:?}, seed {seed} …");
        match run(campaign, seed, &program).await {
            Ok(report) => {
                passed += 1;
                println!("  ok: {report}");
            }
            Err(e) => {
                failed += 1;
                println!("  FAILED (--seed {seed}): {e}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(campaign: Campaign, seed: u64, program: &std::path::Path) -> Result<String, Failure> {
    let secs = Duration::from_secs;
    match campaign {
        Campaign::Kill => {
            Kill { seed, jobs: 20_000, harm: secs(60), every: secs(1), limit: secs(600) }.run(program).await
        }
        Campaign::Poison => Poison { seed, bad: 20, good: 2_000, limit: secs(600) }.run(program).await,
        Campaign::Freeze => Freeze { rounds: 50 }.run(program).await,
    }
}
