//! A shell that a page's commands are given to, one block after the other, so that `cd` and `export` last.

use super::page::matches;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The longest that a block may take; with `--real` it builds a program.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// The longest that something in the background may take to print what the page says.
const START: Duration = Duration::from_secs(60);
/// Begins the line that tells how a block has ended.
const MARK: char = '\u{1}';

pub(super) struct Shell {
    child: Child,
    input: ChildStdin,
    ends: Receiver<String>,
    printed: PathBuf,
    log: PathBuf,
}

impl Shell {
    pub(super) fn start(dir: &Path, environment: &[(&str, String)]) -> Result<Self, String> {
        let mut child = Command::new("sh")
            .current_dir(dir)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env_remove("FORGE_DATABASE_URL")
            .env_remove("FORGE_DATABASE_SCHEMA")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("there is no sh: {e}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("sh has no pipes".into()) };
        let (tell, ends) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(status) = line.strip_prefix(MARK)
                    && tell.send(status.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { child, input, ends, printed: dir.join("printed"), log: dir.join("log") })
    }

    /// Runs commands. Each must succeed, or with another `status` the last one must end with that.
    pub(super) fn run(&mut self, text: &str, prints: Option<&str>, status: u8) -> Result<(), String> {
        let text = text.trim_end();
        println!("$ {}", text.replace('\n', "\n  "));
        let strict = if status == 0 { "set -e" } else { "set +e" };
        // The group is of this very shell, so that what it changes lasts.
        let all = format!("{strict}\n{{\n{text}\n}} >'{}' 2>&1", self.printed.display());
        let ended = self.send(&all);
        let printed = std::fs::read_to_string(&self.printed).unwrap_or_default();
        match ended? {
            None => return Err(format!("a command failed, after\n{printed}")),
            Some(got) if got != status.to_string() => {
                return Err(format!("it ended with {got}, not {status}, after\n{printed}"));
            }
            Some(_) => {}
        }
        match prints {
            Some(expected) if !matches(expected, &printed, true) => {
                Err(format!("it printed\n{printed}\nand not\n{expected}"))
            }
            _ => Ok(()),
        }
    }

    /// Starts a command that goes on, and waits until it has printed what the page says.
    pub(super) fn begin(&mut self, text: &str, prints: Option<&str>) -> Result<(), String> {
        let text = text.trim();
        if text.contains('\n') {
            return Err("only one command can be in the background".into());
        }
        println!("$ {text} &");
        // The shell empties the log when it comes to it; what stands in it of an earlier command must be gone before.
        let _ = std::fs::remove_file(&self.log);
        self.send(&format!("{text} >'{}' 2>&1 &\nbackground=$!", self.log.display()))?;
        let expected = prints.unwrap_or_default();
        let began = Instant::now();
        loop {
            let printed = std::fs::read_to_string(&self.log).unwrap_or_default();
            if matches(expected, &printed, false) {
                return Ok(());
            }
            if began.elapsed() > START {
                return Err(format!("it printed\n{printed}\nand not\n{expected}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ctrl-C for what is in the background, which must end well.
    pub(super) fn interrupt(&mut self) -> Result<(), String> {
        let ended = self.send("set +e\nkill -INT \"$background\" && wait \"$background\"")?;
        if ended.as_deref() == Some("0") {
            return Ok(());
        }
        let printed = std::fs::read_to_string(&self.log).unwrap_or_default();
        Err(format!("what was in the background ended with {ended:?}, after\n{printed}"))
    }

    pub(super) fn write(&mut self, path: &str, text: &str) -> Result<(), String> {
        println!("$ edit {path}");
        let end = "END-OF-THE-FILE";
        match self.send(&format!("cat >'{path}' <<'{end}'\n{text}{end}"))? {
            Some(status) if status == "0" => Ok(()),
            _ => Err(format!("{path} cannot be written")),
        }
    }

    /// How the commands have ended; `None` when the shell ended with them.
    fn send(&mut self, commands: &str) -> Result<Option<String>, String> {
        // A shell that has ended takes nothing; what it says below is the better error.
        let _ =
            writeln!(self.input, "{commands}\nprintf '\\001%s\\n' \"$?\"").and_then(|()| self.input.flush());
        match self.ends.recv_timeout(LIMIT) {
            Ok(status) => Ok(Some(status)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("it takes longer than {} s", LIMIT.as_secs())),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Something may be in the background still, when a page fails half-way.
        let _ = writeln!(self.input, "[ -z \"$background\" ] || kill \"$background\" 2>/dev/null; exit");
        let _ = self.input.flush();
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > Duration::from_secs(5) {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
