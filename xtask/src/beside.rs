//! Steps that only compile, run beside the test programs: those wait much, and a compiler of low priority takes nothing
//! from them.

use crate::root;
use crate::run::Cmd;
use crate::suite::{End, SKIPPED};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What came of a step.
struct Outcome {
    name: &'static str,
    took: Duration,
    result: Result<(), String>,
    log: PathBuf,
}

/// The steps that run beside others, one after the other.
pub(crate) struct Beside {
    names: Vec<&'static str>,
    ended: HashMap<&'static str, Outcome>,
    outcomes: Receiver<Outcome>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Beside {
    /// Starts them: each is this very program with that one step, its output in a file until it is asked for.
    pub(crate) fn start(names: Vec<&'static str>) -> Self {
        let (sender, outcomes) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (steps, stopped) = (names.clone(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for name in steps {
                let log = root::target().join(format!("step-{name}.log"));
                let at = Instant::now();
                let result = if stopped.load(Ordering::Relaxed) {
                    Err("not run: another step has failed".into())
                } else {
                    run(name, &log)
                };
                if sender.send(Outcome { name, took: at.elapsed(), result, log }).is_err() {
                    break;
                }
            }
        });
        Self { names, ended: HashMap::new(), outcomes, stop, thread: Some(thread) }
    }

    /// Waits for a step's end and shows what it printed; how long it took and what came of it, or `None` when it is not
    /// among these.
    pub(crate) fn end_of(&mut self, name: &str) -> Option<(Duration, End)> {
        if !self.names.contains(&name) {
            return None;
        }
        while !self.ended.contains_key(name) {
            let outcome = self.outcomes.recv().ok()?;
            self.ended.insert(outcome.name, outcome);
        }
        let outcome = self.ended.remove(name)?;
        let printed = std::fs::read_to_string(&outcome.log).unwrap_or_default();
        print!("{printed}");
        Some((outcome.took, outcome.result.map_or_else(End::Failed, |()| good(name, &printed))))
    }
}

impl Drop for Beside {
    /// What runs already is waited for: a compiler that is left behind would be in the way of the next run.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has no outcome, and whoever asked for one was told so.
            let _ = thread.join();
        }
    }
}

/// A step that did not fail was done, or skipped, as its own summary says.
fn good(name: &str, printed: &str) -> End {
    let of = |line: &str| Some(line.strip_prefix(name)?.split_once(SKIPPED)?.1.to_owned());
    printed.lines().find_map(of).map_or(End::Done, End::Skipped)
}

fn run(name: &str, log: &Path) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
    let file = std::fs::File::create(log).map_err(|e| format!("{} cannot be written: {e}", log.display()))?;
    let also = file.try_clone().map_err(|e| format!("{}: {e}", log.display()))?;
    let mut command = if Cmd::new("nice").args(["-n", "19", "true"]).succeeds() {
        let mut nice = Command::new("nice");
        nice.args(["-n", "19"]).arg(own);
        nice
    } else {
        Command::new(own)
    };
    let status = command
        .args(["test", name])
        .current_dir(root::workspace())
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(also)
        .status()
        .map_err(|e| format!("the step does not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("failed ({status}); what it printed is above")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_skipped_is_not_taken_for_one_that_was_done() {
        let printed = "step           seconds  result\ncargo-deny         0.1  SKIPPED: not installed\n";
        assert!(matches!(good("cargo-deny", printed), End::Skipped(why) if why == "not installed"));
        assert!(matches!(good("docs", printed), End::Done));
    }
}
