//! `cargo xtask torture`: the long forms of the campaigns.

mod on_postgres;

use clap::{Parser, Subcommand};
use forge_torture::campaigns::{
    Clock, CronLeader, CronTexts, Crowd, Cuts, Depth, Disk, Failure, Freeze, HttpAbuse, Kill, Limits, Memory,
    Poison, Power, Races, Reads, Spin, Synchronous,
};
use forge_torture::fleet::Site;
use on_postgres::OnPostgres;
use std::path::{Path, PathBuf};
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
    /// The form of seconds that the tests run
    #[arg(long, global = true)]
    short: bool,
    #[command(subcommand)]
    campaign: Option<Campaign>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Campaign {
    /// 20,000 jobs on two processes, one killed every second for 60 s
    Kill,
    /// 10,000 jobs of 40 concurrency keys on three processes, one killed every second for 60 s; then 10,000 jobs wait for a
    /// key beside the claims of others
    Keys,
    /// 20 jobs that abort their process among 2,000 good ones
    Poison,
    /// 200 times a process is stopped for three times the stale window, in the middle of a job
    Freeze,
    /// The power is cut 50 times; then with synchronous = NORMAL, which must lose something
    Power,
    /// A file system of 8 MiB is full for 20 s
    Disk,
    /// The wall clock steps by an hour both ways, and all processes freeze for 60 s
    Clock,
    /// Handlers keep every thread busy
    Spin,
    /// 10,000 ready jobs beside a million scheduled and a million done ones
    Depth,
    /// Jobs come and go for 10 minutes; then a million are enqueued at once
    Memory,
    /// 1,000 connections with PostgreSQL are cut around single statements
    Cuts,
    /// 10,000 running jobs are cancelled and finished at the same moment
    Races,
    /// A budget is used up by four processes, one killed every 2 s for 120 s, and edited
    Limits,
    /// A million texts are read as cron expressions, and asked when they fire
    CronTexts,
    /// 50 schedules of each minute on three processes for 10 minutes, the leader killed every 3 s
    CronLeader,
    /// Overview, timelines and pages of every list beside a million jobs
    Reads,
    /// 2,000 slow connections, 200 streams, a body of 5 GiB and 10,000 broken requests, beside an honest client
    HttpAbuse,
    #[command(flatten)]
    OnPostgres(OnPostgres),
}

const ALL: [Campaign; 17] = [
    Campaign::Kill,
    Campaign::Keys,
    Campaign::Poison,
    Campaign::Freeze,
    Campaign::Power,
    Campaign::Disk,
    Campaign::Clock,
    Campaign::Spin,
    Campaign::Depth,
    Campaign::Memory,
    Campaign::Cuts,
    Campaign::Races,
    Campaign::Limits,
    Campaign::CronTexts,
    Campaign::CronLeader,
    Campaign::Reads,
    Campaign::HttpAbuse,
];

fn all() -> Vec<Campaign> {
    ALL.into_iter().chain(OnPostgres::ALL.map(Campaign::OnPostgres)).collect()
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let program = match cli.program.clone().map_or_else(Site::built_program, Ok) {
        Ok(program) => program,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::from(2);
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for campaign in cli.campaign.map_or_else(all, |c| vec![c]) {
        println!("{campaign:?}, seed {seed} …");
        match run(campaign, seed, &cli, &program).await {
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

async fn run(campaign: Campaign, seed: u64, cli: &Cli, program: &Path) -> Result<String, Failure> {
    let secs = Duration::from_secs;
    let limit = secs(600);
    let pick = |long, short| if cli.short { short } else { long };
    match campaign {
        Campaign::Kill if cli.short => {
            let every = Duration::from_millis(500);
            let kill =
                Kill { seed, replicas: 2, jobs: 4_000, sleep_ms: 50, keys: 0, harm: secs(4), every, limit };
            kill.run(&Site::new(program)?).await
        }
        Campaign::Kill => {
            let every = secs(1);
            let kill =
                Kill { seed, replicas: 2, jobs: 20_000, sleep_ms: 50, keys: 0, harm: secs(60), every, limit };
            kill.run(&Site::new(program)?).await
        }
        Campaign::Keys => {
            let (jobs, harm) = if cli.short { (600, secs(4)) } else { (10_000, secs(60)) };
            let every = Duration::from_millis(if cli.short { 500 } else { 1_000 });
            let kill = Kill { seed, replicas: 3, jobs, sleep_ms: 50, keys: 40, harm, every, limit };
            let killed = kill.run(&Site::new(program)?).await?;
            let crowd =
                Crowd { waiting: if cli.short { 1_000 } else { 10_000 } }.run(&Site::new(program)?).await?;
            Ok(format!("{killed}; {crowd}"))
        }
        Campaign::Poison => {
            let (bad, good) = if cli.short { (2, 100) } else { (20, 2_000) };
            Poison { seed, bad, good, limit }.run(program).await
        }
        Campaign::Freeze => {
            (if cli.short { Freeze::short() } else { Freeze::long(50) }).run(&Site::new(program)?).await
        }
        Campaign::Power => {
            let full = Power { seed, rounds: pick(50, 2), sync: Synchronous::Full }.run(program).await?;
            let normal = Power { seed, rounds: 3, sync: Synchronous::Normal }.run(program).await?;
            Ok(format!("{full}; {normal}"))
        }
        Campaign::Disk => {
            let tormentor = std::env::current_exe()?;
            let (full_for, back_within) = if cli.short { (secs(2), secs(30)) } else { (secs(20), secs(10)) };
            let mut args = vec!["--program", program.to_str().ok_or("the path is no UTF-8")?, "disk"];
            if cli.short {
                args.push("--short");
            }
            Disk { mib: 8, full_for, back_within }.run(program, &tormentor, &args).await
        }
        Campaign::Clock => if cli.short { Clock::short() } else { Clock::long() }.run(program).await,
        Campaign::Spin => {
            let time = secs(if cli.short { 3 } else { 30 });
            let (longest, stale) = (secs(1), Duration::from_millis(2_250));
            Spin { time, longest, stale }.run(program).await
        }
        Campaign::Depth => Depth { others: pick(1_000_000, 20_000), ready: 10_000 }.run(program).await,
        Campaign::Memory => {
            let churn = secs(if cli.short { 9 } else { 600 });
            Memory { churn, storm: pick(1_000_000, 20_000) }.run(program).await
        }
        Campaign::Cuts => Cuts { seed, cuts: pick(1_000, 96).into() }.run().await,
        Campaign::Races => Races { seed, races: pick(10_000, 500) }.run().await,
        Campaign::Limits => {
            let limits = if cli.short { Limits::short(seed) } else { Limits::long(seed) };
            limits.run(&Site::new(program)?).await
        }
        Campaign::CronTexts => CronTexts { seed, texts: pick(1_000_000, 20_000) }.run(),
        Campaign::CronLeader => {
            let campaign = if cli.short { CronLeader::short() } else { CronLeader::long() };
            campaign.run(&Site::new(program)?).await
        }
        Campaign::HttpAbuse => {
            let campaign = if cli.short { HttpAbuse::short() } else { HttpAbuse::long() };
            campaign.run(&Site::new(program)?).await
        }
        Campaign::Reads => {
            let reads = if cli.short { Reads::short() } else { Reads::long() };
            reads.run(&Site::new(program)?).await
        }
        Campaign::OnPostgres(campaign) => campaign.run(seed, cli.short, program).await,
    }
}
