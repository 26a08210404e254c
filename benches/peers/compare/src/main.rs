//! Runs `forge bench` and the peers in turns on one machine, and prints one table.
//!
//! Absolute figures drift from hour to hour. In each round every program has its turn at every case, and the medians
//! of the rounds are compared.

use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Failure = Box<dyn Error>;

const PEERS: [&str; 3] = ["effectum", "honker", "apalis"];

/// What is compared: (workload, width).
const CASES: [(&str, u32); 7] = [
    ("enqueue", 8),
    ("enqueue", 64),
    ("bulk", 1),
    ("drain", 50),
    ("drain", 10),
    ("drain", 1),
    ("pick_up", 1),
];

/// The medians of a case are of these.
#[derive(Default)]
struct Samples {
    rates: Vec<f64>,
    ratios: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// (workload, width, synchronous) and the program.
type Key = (String, u32, String, String);

struct Plan {
    forge: PathBuf,
    peers: PathBuf,
    dir: PathBuf,
    rounds: u32,
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

fn plan() -> Result<Plan, Failure> {
    let mut plan =
        Plan { forge: PathBuf::new(), peers: PathBuf::new(), dir: std::env::current_dir()?, rounds: 3 };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--forge" => plan.forge = value.into(),
            "--peers" => plan.peers = value.into(),
            "--dir" => plan.dir = value.into(),
            "--rounds" => {
                plan.rounds = value.parse().map_err(|_| format!("--rounds {value}: a number from 1 on"))?
            }
            other => {
                return Err(format!("{other} is unknown: use --forge, --peers, --dir or --rounds").into());
            }
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<String, Failure> {
    let mut all: BTreeMap<Key, Samples> = BTreeMap::new();
    for round in 1..=plan.rounds {
        for synchronous in ["normal", "full"] {
            for workload in ["enqueue", "bulk", "drain", "pick_up"] {
                eprintln!("round {round}: {workload}, synchronous {synchronous} …");
                forge(plan, workload, synchronous, &mut all)?;
                for (case, width) in CASES {
                    if case == workload {
                        for name in PEERS {
                            peer(plan, name, workload, width, synchronous, &mut all)?;
                        }
                    }
                }
            }
        }
    }
    Ok(table(&all))
}

fn output(program: &Path, args: &[&str]) -> Result<Value, Failure> {
    let ended =
        Command::new(program).args(args).output().map_err(|e| format!("{}: {e}", program.display()))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        return Err(format!("{} {}: {}\n{said}", program.display(), args.join(" "), ended.status).into());
    }
    Ok(serde_json::from_slice(&ended.stdout)?)
}

fn forge(
    plan: &Plan,
    workload: &str,
    synchronous: &str,
    all: &mut BTreeMap<Key, Samples>,
) -> Result<(), Failure> {
    let dir = plan.dir.to_str().ok_or("--dir is no UTF-8")?;
    let args = ["bench", workload, "--synchronous", synchronous, "--rounds", "1", "--json", "--dir", dir];
    for line in output(&plan.forge, &args)?.as_array().ok_or("forge gave no array")? {
        let settings = &line["settings"];
        let width = settings["producers"].as_u64().or(settings["concurrency"].as_u64()).unwrap_or(1);
        let key = (workload.to_owned(), u32::try_from(width)?, synchronous.to_owned(), "forge".to_owned());
        note(all.entry(key).or_default(), line);
    }
    Ok(())
}

fn peer(
    plan: &Plan,
    name: &str,
    workload: &str,
    width: u32,
    synchronous: &str,
    all: &mut BTreeMap<Key, Samples>,
) -> Result<(), Failure> {
    let program = plan.peers.join(format!("peer-{name}"));
    let (dir, jobs, wide) =
        (plan.dir.to_str().ok_or("--dir is no UTF-8")?, jobs(name, workload).to_string(), width.to_string());
    let args = [workload, "--dir", dir, "--jobs", &jobs, "--width", &wide, "--synchronous", synchronous];
    let line = output(&program, &args)?;
    if line["unsupported"].is_null() {
        let key = (workload.to_owned(), width, synchronous.to_owned(), name.to_owned());
        note(all.entry(key).or_default(), &line);
    }
    Ok(())
}

/// As many as `forge bench` has, but for enqueues one by one, of which slow peers would take a minute: there the rate
/// does not depend on their number.
fn jobs(name: &str, workload: &str) -> u32 {
    match (name, workload) {
        (_, "pick_up") => 500,
        (_, "bulk") => 100_000,
        (_, "drain") => 50_000,
        ("effectum", _) => 80_000,
        _ => 10_000,
    }
}

fn note(samples: &mut Samples, line: &Value) {
    samples.rates.extend(line["rate"].as_f64());
    samples.ratios.extend(line["ratio"].as_f64());
    samples.p50.extend(line["p50_us"].as_f64());
    samples.p99.extend(line["p99_us"].as_f64());
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

fn table(all: &BTreeMap<Key, Samples>) -> String {
    let mut out = String::from(
        "| workload | synchronous | forge | share of floor | effectum | honker | apalis | forge / best peer |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (workload, width) in CASES {
        for synchronous in ["normal", "full"] {
            let of = |program: &str| {
                all.get(&(workload.to_owned(), width, synchronous.to_owned(), program.to_owned()))
            };
            let timed = workload == "pick_up";
            let cell = |program: &str| match of(program) {
                None => "–".to_owned(),
                Some(s) if timed => times(s),
                Some(s) => median(&s.rates).map(thousands).unwrap_or_default(),
            };
            let share = of("forge").and_then(|s| median(&s.ratios)).map(|r| format!("{:.0} %", r * 100.0));
            let best =
                PEERS.iter().filter_map(|p| of(p)).filter_map(|s| median(&s.rates)).fold(0.0, f64::max);
            let mine = of("forge").and_then(|s| median(&s.rates)).unwrap_or_default();
            let factor = if timed || best == 0.0 { "–".to_owned() } else { format!("{:.1}", mine / best) };
            let name = if matches!(workload, "enqueue" | "drain") {
                format!("{workload}, {width} at a time")
            } else {
                workload.to_owned()
            };
            let cells: Vec<String> = ["effectum", "honker", "apalis"].into_iter().map(cell).collect();
            out.push_str(&format!(
                "| {name} | {synchronous} | {} | {} | {} | {factor} |\n",
                cell("forge"),
                share.unwrap_or_else(|| "–".into()),
                cells.join(" | ")
            ));
        }
    }
    out
}

/// `p50 / p99` in milliseconds.
fn times(s: &Samples) -> String {
    let ms = |v: &[f64]| median(v).map_or_else(|| "–".to_owned(), |us| format!("{:.2}", us / 1e3));
    format!("{} / {} ms", ms(&s.p50), ms(&s.p99))
}

/// `12,345`.
fn thousands(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
