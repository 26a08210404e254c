//! Running other programs: shown before they start, bounded in time, failing with the command's own words.

use crate::conformance::Found;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest time that any command may take unless it says otherwise: a hang must not look like work.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// A command to run, in the workspace's directory unless told otherwise.
pub(crate) struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    dir: Option<PathBuf>,
    limit: Duration,
}

/// Cargo, the one that runs this program.
pub(crate) fn cargo<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Cmd {
    Cmd::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args)
}

impl Cmd {
    /// A program without arguments.
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: Some(crate::root::workspace().into()),
            limit: LIMIT,
        }
    }

    /// More arguments.
    pub(crate) fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// With an environment variable.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Without an environment variable.
    pub(crate) fn without_env(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// In this directory.
    pub(crate) fn in_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// In the directory that this program was started in.
    pub(crate) fn in_current_dir(mut self) -> Self {
        self.dir = None;
        self
    }

    /// Killed after this long.
    pub(crate) const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Shows the command, runs it to its end and passes its output through.
    pub(crate) fn run(&self) -> Result<(), String> {
        println!("$ {}", self.shown());
        let child = self.spawn(Stdio::inherit())?;
        self.finish(child)
    }

    /// The same for a test run, whose closing lines are counted on their way.
    pub(crate) fn run_tests(&self) -> Result<TestCount, String> {
        self.run_rules().map(|(count, _)| count)
    }

    /// The same, and what the tests say of the rules of storages.
    pub(crate) fn run_rules(&self) -> Result<(TestCount, Found), String> {
        println!("$ {}", self.shown());
        let mut child = self.spawn(Stdio::piped())?;
        let stdout = child.stdout.take().ok_or("the output of the command cannot be read")?;
        let reader = std::thread::spawn(move || pass_through(BufReader::new(stdout), std::io::stdout()));
        let result = self.finish(child);
        let (count, found) = reader.join().map_err(|_| "the thread that read the output has panicked")??;
        result?;
        if count.passed == 0 {
            return Err(format!("{}: not one test ran", self.shown()));
        }
        Ok((count, found))
    }

    /// Whether the command runs and succeeds; shows nothing.
    pub(crate) fn succeeds(&self) -> bool {
        self.output().is_ok()
    }

    /// What the command prints on stdout, trimmed; an error when it fails.
    pub(crate) fn output(&self) -> Result<String, String> {
        let output = self
            .command()
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("{} does not start: {e}", self.shown()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(format!("{} failed ({}): {}", self.shown(), output.status, stderr.trim()))
        }
    }

    /// Shows the command, runs it to its end and gives the lines of its stdout; its stderr is passed through.
    pub(crate) fn lines(&self) -> Result<Vec<String>, String> {
        println!("$ {}", self.shown());
        let mut child = self.spawn(Stdio::piped())?;
        let stdout = child.stdout.take().ok_or("the output of the command cannot be read")?;
        let reader =
            std::thread::spawn(move || BufReader::new(stdout).lines().collect::<std::io::Result<Vec<_>>>());
        let result = self.finish(child);
        let lines = reader.join().map_err(|_| "the thread that read the output has panicked")?;
        result?;
        lines.map_err(|e| format!("the output of {} cannot be read: {e}", self.shown()))
    }

    /// The command as one would type it.
    pub(crate) fn shown(&self) -> String {
        let program = PathBuf::from(&self.program);
        let name = program.file_name().unwrap_or(&self.program).to_string_lossy().into_owned();
        let args = self.args.iter().map(|arg| arg.to_string_lossy().into_owned());
        std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    fn spawn(&self, stdout: Stdio) -> Result<Child, String> {
        // What was printed so far must stand above the command's own output.
        std::io::stdout().flush().map_err(|e| format!("stdout: {e}"))?;
        self.command().stdout(stdout).spawn().map_err(|e| format!("{} does not start: {e}", self.shown()))
    }

    fn finish(&self, mut child: Child) -> Result<(), String> {
        match wait(&mut child, self.limit).map_err(|e| format!("{}: {e}", self.shown()))? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{} failed ({status})", self.shown())),
            None => {
                Err(format!("{} took longer than {} s and was ended", self.shown(), self.limit.as_secs()))
            }
        }
    }
}

/// Waits until the program has ended; ends it and gives `None` when that takes longer than `limit`.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many tests ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TestCount {
    /// Programs with tests in them, doctests included.
    pub(crate) programs: u64,
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that did not run.
    pub(crate) ignored: u64,
}

impl TestCount {
    /// Both together.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            programs: self.programs + other.programs,
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }

    /// Adds what one line of output says, if it is a closing line of a test program.
    fn add_line(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        self.programs += 1;
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

fn pass_through(mut from: impl BufRead, mut out: impl Write) -> Result<(TestCount, Found), String> {
    let (mut count, mut found) = (TestCount::default(), Found::default());
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).map_err(|e| format!("the output cannot be read: {e}"))? > 0 {
        let text = String::from_utf8_lossy(&line);
        count.add_line(&text);
        found.add_line(&text);
        // A reader that went away (`| head`) is no failure of the tests.
        let _ = out.write_all(&line).and_then(|()| out.flush());
        line.clear();
    }
    Ok((count, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_test_programs_add_up() {
        let mut shown = Vec::new();
        let output = "running 3 tests\n\
            test a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s\n\
            test result: FAILED. 4 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out; finished in 12.50s\n";
        let (count, _) = pass_through(output.as_bytes(), &mut shown).unwrap();
        assert_eq!(shown, output.as_bytes());
        assert_eq!(count, TestCount { programs: 2, passed: 7, failed: 5, ignored: 1 });
    }

    #[cfg(unix)]
    #[test]
    fn a_command_past_its_limit_is_ended_and_named() {
        let limit = Duration::from_millis(50);
        let error = Cmd::new("sleep").args(["600"]).within(limit).run().unwrap_err();
        assert!(error.contains("sleep 600") && error.contains("was ended"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_fails_or_does_not_exist_is_named() {
        let error = Cmd::new("false").run().unwrap_err();
        assert!(error.contains("false failed"), "{error}");
        let error = Cmd::new("no-such-program-here").run().unwrap_err();
        assert!(error.contains("no-such-program-here does not start"), "{error}");
        assert!(!Cmd::new("false").succeeds() && Cmd::new("true").succeeds());
    }

    #[cfg(unix)]
    #[test]
    fn a_test_run_without_a_test_is_a_failure() {
        let error = Cmd::new("true").run_tests().unwrap_err();
        assert!(error.contains("not one test ran"), "{error}");
    }
}
