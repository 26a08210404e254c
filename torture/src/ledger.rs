//! Reading what handlers wrote down, and the rules that it must keep.

use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

/// A line of the ledger.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    /// Nanoseconds since the machine started.
    pub ts_ns: u64,
    /// The operating system's process id.
    pub pid: u32,
    /// The process's identity in the database.
    pub worker: String,
    /// The job.
    pub job: String,
    /// Which attempt.
    pub attempt: u32,
    /// Which claim.
    pub lease: i64,
    /// `start`, `end`, `cancelled` or `granted`.
    pub ev: String,
    /// When permits of a budget were given, by the database's clock, in microseconds.
    #[serde(default)]
    pub granted_us: Option<i64>,
}

/// One execution of a handler.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The claim it ran under.
    pub lease: i64,
    /// Which attempt.
    pub attempt: u32,
    /// The process.
    pub pid: u32,
    /// When it started.
    pub start: u64,
    /// When it ended, by itself or with its process; `None` if it never did.
    pub end: Option<u64>,
    /// When it was told to stop.
    pub cancelled: Option<u64>,
}

/// The executions of each job.
pub type Executions = BTreeMap<String, Vec<Execution>>;

/// Reads a ledger. A last line that was cut by a kill is an error: each line is one write.
///
/// # Errors
///
/// When the file cannot be read or a line is no line.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path)?;
    text.lines()
        .map(|l| serde_json::from_str(l).map_err(|e| io::Error::other(format!("{l:?}: {e}"))))
        .collect()
}

/// The executions of each job, in the order of their starts. A process that was killed at a time ends what it ran.
#[must_use]
pub fn executions(lines: &[Line], deaths: &[(u32, u64)]) -> Executions {
    let died: HashMap<u32, u64> = deaths.iter().copied().collect();
    let mut jobs = Executions::new();
    for line in lines {
        let runs = jobs.entry(line.job.clone()).or_default();
        let same = |e: &&mut Execution| e.lease == line.lease && e.pid == line.pid;
        match line.ev.as_str() {
            "start" => runs.push(Execution {
                lease: line.lease,
                attempt: line.attempt,
                pid: line.pid,
                start: line.ts_ns,
                end: died.get(&line.pid).copied(),
                cancelled: None,
            }),
            "end" => runs.iter_mut().filter(same).for_each(|e| e.end = Some(line.ts_ns)),
            "granted" => {}
            _ => runs.iter_mut().filter(same).for_each(|e| e.cancelled = Some(line.ts_ns)),
        }
    }
    for runs in jobs.values_mut() {
        runs.sort_by_key(|e| e.start);
    }
    jobs
}

/// How many executions ended with their process.
#[must_use]
pub fn interrupted(jobs: &Executions, deaths: &[(u32, u64)]) -> usize {
    let died = |run: &&Execution| deaths.iter().any(|(pid, at)| *pid == run.pid && Some(*at) == run.end);
    jobs.values().flatten().filter(died).count()
}

/// What must not be in a ledger.
///
/// Two executions of a job under one claim; claims that do not grow; an execution that begins while an earlier one
/// still runs, unless that one had been told to stop (its claim was lost) before.
#[must_use]
pub fn problems(jobs: &Executions) -> Vec<String> {
    let mut problems = Vec::new();
    for (job, runs) in jobs {
        for pair in runs.windows(2) {
            let [first, second] = pair else { continue };
            if second.lease <= first.lease {
                problems.push(format!("{job}: claim {} after claim {}", second.lease, first.lease));
            }
            let over = first.end.is_some_and(|e| e <= second.start);
            let told = first.cancelled.is_some_and(|c| c <= second.start);
            if !over && !told {
                problems.push(format!("{job}: claims {} and {} ran at once", first.lease, second.lease));
            }
        }
    }
    problems.sort();
    problems
}

/// Executions of different jobs of one key at once.
#[must_use]
pub fn at_once(jobs: &Executions, key: impl Fn(&str) -> Option<usize>) -> Vec<String> {
    let mut by_key = BTreeMap::<usize, Vec<(&Execution, &str)>>::new();
    for (job, runs) in jobs {
        if let Some(key) = key(job) {
            by_key.entry(key).or_default().extend(runs.iter().map(|run| (run, job.as_str())));
        }
    }
    let mut problems = Vec::new();
    for (key, mut runs) in by_key {
        runs.sort_by_key(|(run, _)| run.start);
        for pair in runs.windows(2) {
            let [(first, job), (second, other)] = pair else { continue };
            // Those of one job are looked at apart.
            if job != other && first.end.is_none_or(|end| end > second.start) {
                problems.push(format!("key {key}: {job} and {other} ran at once"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ts_ns: u64, pid: u32, lease: i64, ev: &str) -> Line {
        let (worker, job) = ("w".to_owned(), "j".to_owned());
        Line { ts_ns, pid, worker, job, attempt: 1, lease, ev: ev.to_owned(), granted_us: None }
    }

    fn check(lines: &[Line], deaths: &[(u32, u64)]) -> Vec<String> {
        problems(&executions(lines, deaths))
    }

    #[test]
    fn one_after_the_other_is_fine() {
        let lines =
            [line(1, 1, 1, "start"), line(2, 1, 1, "end"), line(3, 2, 2, "start"), line(4, 2, 2, "end")];
        assert_eq!(check(&lines, &[]), Vec::<String>::new());
    }

    #[test]
    fn two_at_once_are_found_unless_the_first_is_dead_or_was_told() {
        let lines = [line(1, 1, 1, "start"), line(3, 2, 2, "start"), line(4, 1, 1, "end")];
        assert_eq!(check(&lines, &[]), ["j: claims 1 and 2 ran at once"]);
        assert_eq!(check(&lines[..2], &[]), ["j: claims 1 and 2 ran at once"]);
        assert_eq!(check(&lines[..2], &[(1, 2)]), Vec::<String>::new());
        assert_eq!(check(&lines[..2], &[(1, 9)]), ["j: claims 1 and 2 ran at once"]);
        let told = [
            line(1, 1, 1, "start"),
            line(2, 1, 1, "cancelled"),
            line(3, 2, 2, "start"),
            line(4, 1, 1, "end"),
        ];
        assert_eq!(check(&told, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_claim_that_comes_twice_is_found() {
        let lines = [line(1, 1, 1, "start"), line(2, 1, 1, "end"), line(3, 2, 1, "start")];
        assert_eq!(check(&lines, &[]), ["j: claim 1 after claim 1"]);
    }

    #[test]
    fn two_jobs_of_a_key_at_once_are_noticed() {
        let of = |job: &str, ts_ns, ev: &str| Line { job: job.to_owned(), ..line(ts_ns, 1, 1, ev) };
        let apart = [of("a", 1, "start"), of("a", 2, "end"), of("b", 3, "start"), of("b", 4, "end")];
        let at_once = [of("a", 1, "start"), of("b", 2, "start"), of("a", 3, "end"), of("b", 4, "end")];
        assert_eq!(super::at_once(&executions(&apart, &[]), |_| Some(0)), Vec::<String>::new());
        assert_eq!(super::at_once(&executions(&at_once, &[]), |_| Some(0)), ["key 0: a and b ran at once"]);
        assert_eq!(super::at_once(&executions(&at_once, &[]), |_| None), Vec::<String>::new());
    }
}
