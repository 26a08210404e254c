//! Runs `forge bench` and the peers in turns on one machine, and prints one table.
//!
//! Absolute figures drift from hour to hour. In each round every program has its turn at every case, and the medians
//! of the rounds are compared. What the programs say goes to standard error as it comes.

mod contest;
mod table;

use contest::Contest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use table::{All, Key};

type Failure = Box<dyn Error>;

struct Plan {
    forge: PathBuf,
    peers: PathBuf,
    /// Where the files are made when the databases are files.
    dir: PathBuf,
    /// The server, when they are on one.
    url: Option<String>,
    rounds: u32,
    /// A tenth of the work.
    quick: bool,
}

fn main() -> ExitCode {
    match plan().and_then(|plan| run(&plan)) {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

const KNOWN: &str = "use --forge, --peers, --rounds, --quick, and --dir, --database or --database-env";

fn plan() -> Result<Plan, Failure> {
    let mut plan = Plan {
        forge: PathBuf::new(),
        peers: PathBuf::new(),
        dir: std::env::current_dir()?,
        url: None,
        rounds: 3,
        quick: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--quick" {
            plan.quick = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--forge" => plan.forge = value.into(),
            "--peers" => plan.peers = value.into(),
            "--dir" => plan.dir = value.into(),
            "--database" => plan.url = Some(value),
            "--database-env" => {
                let url = std::env::var(&value);
                plan.url = Some(url.map_err(|e| format!("the URL of a server in {value}: {e}"))?);
            }
            "--rounds" => {
                let rounds = value.parse().ok().filter(|rounds| *rounds > 0);
                plan.rounds = rounds.ok_or_else(|| format!("--rounds {value}: a number from 1 on"))?;
            }
            other => return Err(format!("{other} is unknown: {KNOWN}").into()),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<String, Failure> {
    let contest = if plan.url.is_some() { contest::SERVER } else { contest::FILES };
    let mut all: All = BTreeMap::new();
    for round in 1..=plan.rounds {
        for synchronous in contest.synchronous {
            for workload in contest::WORKLOADS {
                eprintln!("round {round}: {workload}, synchronous {synchronous} …");
                forge(plan, workload, synchronous, &mut all)?;
                for (_, width) in contest::CASES.into_iter().filter(|(case, _)| *case == workload) {
                    peers(plan, contest, (workload, width, synchronous), &mut all)?;
                }
            }
        }
    }
    Ok(table::of(contest, &all))
}

fn output(program: &Path, args: &[String]) -> Result<Value, Failure> {
    let ended =
        Command::new(program).args(args).output().map_err(|e| format!("{}: {e}", program.display()))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        return Err(format!("{} {}: {}\n{said}", program.display(), args.join(" "), ended.status).into());
    }
    let said: Value = serde_json::from_slice(&ended.stdout)?;
    match &said {
        Value::Array(lines) => lines.iter().for_each(|line| eprintln!("{line}")),
        line => eprintln!("{line}"),
    }
    Ok(said)
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn forge(plan: &Plan, workload: &str, synchronous: &str, all: &mut All) -> Result<(), Failure> {
    let mut args = words(["bench", workload, "--rounds", "1", "--json"]);
    match &plan.url {
        Some(url) => args.extend(words(["--database", url])),
        None => args.extend(words(["--synchronous", synchronous, "--dir", dir(plan)?])),
    }
    if plan.quick {
        args.push("--quick".into());
    }
    for line in output(&plan.forge, &args)?.as_array().ok_or("forge gave no array")? {
        let settings = &line["settings"];
        if settings["synchronous"] != synchronous {
            return Err(format!("forge measured with synchronous {}", settings["synchronous"]).into());
        }
        let width = settings["producers"].as_u64().or(settings["concurrency"].as_u64()).unwrap_or(1);
        let key = Key::new(workload, u32::try_from(width)?, synchronous, "forge");
        all.entry(key).or_default().note(line);
    }
    Ok(())
}

fn dir(plan: &Plan) -> Result<&str, Failure> {
    Ok(plan.dir.to_str().ok_or("--dir is no UTF-8")?)
}

/// Every peer at one case.
fn peers(
    plan: &Plan,
    contest: &Contest,
    (workload, width, synchronous): (&str, u32, &str),
    all: &mut All,
) -> Result<(), Failure> {
    for peer in contest.peers.iter().filter(|peer| peer.is_at(workload)) {
        let jobs = peer.jobs(workload, width, plan.quick).to_string();
        let wide = width.to_string();
        let mut args = words([workload, "--jobs", &jobs, "--width", &wide]);
        match &plan.url {
            Some(url) => args.extend(words(["--database", url])),
            None => args.extend(words(["--synchronous", synchronous, "--dir", dir(plan)?])),
        }
        if let Some(settings) = peer.settings {
            args.extend(words(["--settings", settings]));
        }
        let line = output(&plan.peers.join(peer.program), &args)?;
        if line["unsupported"].is_null() {
            let key = Key::new(workload, width, synchronous, peer.title);
            all.entry(key).or_default().note(&line);
        }
    }
    Ok(())
}
