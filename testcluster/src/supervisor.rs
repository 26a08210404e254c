//! The shell that watches a server, so that none outlives the process that wanted it: `supervisor.sh`.

use crate::Error;
use crate::user::RunAs;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

const SCRIPT: &str = include_str!("supervisor.sh");
/// A socket's path has at most 107 bytes; the rest is for the names below the temporary directory.
const LONGEST_TEMP: usize = 60;
/// How much of a log an error shows.
const LOG_TAIL: usize = 2_000;

/// A directory, and at most one server in it. Dropping it stops the server and removes the directory.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shell: Child,
    /// The only writing end of the pipe: it is closed when this process ends, and when a child starts another program.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    dir: PathBuf,
}

impl Supervisor {
    /// A shell with a fresh directory, whose server will be stopped by `signal`.
    pub(crate) fn start(run_as: &RunAs, name: &str, signal: &str) -> Result<Self, Error> {
        let what = "starting the shell that watches a server";
        let mut shell = run_as
            .command("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(temp_dir())
            .args([name, signal])
            // The directory of whoever runs this may be closed to the user of the server.
            .current_dir("/")
            // A server that speaks another language could not be understood.
            .env("LC_ALL", "C")
            // Ctrl-C in a terminal is for us; the shell must live to clear away.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| Error::system(what, &e))?;
        let (Some(commands), Some(answers)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(Error::Program { what: what.into(), detail: "it has no pipes".into() });
        };
        let mut supervisor =
            Self { shell, commands: Some(commands), answers: BufReader::new(answers), dir: PathBuf::new() };
        supervisor.dir = supervisor.answer()?.into();
        Ok(supervisor)
    }

    /// The directory, which belongs to the user of the server.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a program to its end.
    pub(crate) fn run(&mut self, program: &Path, args: &[String]) -> Result<(), Error> {
        match self.ask(&format!("run {}", words(program, args)))?.as_str() {
            "0" => Ok(()),
            code => Err(Error::Program {
                what: format!("{} failed with code {code}", program.display()),
                detail: self.log_tail(),
            }),
        }
    }

    /// Starts the server and gives its process id; it is not ready yet.
    pub(crate) fn start_server(&mut self, program: &Path, args: &[String]) -> Result<u32, Error> {
        let answer = self.ask(&format!("start {}", words(program, args)))?;
        answer.parse().map_err(|_| Error::Program {
            what: format!("starting {}", program.display()),
            detail: format!("{answer:?} is no process id"),
        })
    }

    /// Stops the server by the signal, and returns when it has ended.
    pub(crate) fn stop_server(&mut self) -> Result<(), Error> {
        self.ask("stop").map(|_| ())
    }

    /// The last lines that the server wrote.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.read_log();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..]).trim().to_owned()
    }

    /// All that the server wrote.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.read_log()).into_owned()
    }

    fn read_log(&self) -> Vec<u8> {
        std::fs::read(self.dir.join("log")).unwrap_or_default()
    }

    fn ask(&mut self, command: &str) -> Result<String, Error> {
        let sent = self.commands.as_mut().map(|commands| {
            commands.write_all(command.as_bytes())?;
            commands.write_all(b"\n")
        });
        sent.transpose().map_err(|e| Error::system("writing to the shell that watches a server", &e))?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        let what = "reading from the shell that watches a server";
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(Error::Program {
                what: what.into(),
                detail: format!("it has ended; can {} be written by its user?", temp_dir().display()),
            }),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(e) => Err(Error::system(what, &e)),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // The end of its input tells the shell to clear away; its end tells us that this is done.
        drop(self.commands.take());
        let _ = self.shell.wait();
    }
}

fn temp_dir() -> PathBuf {
    let dir = std::env::temp_dir();
    if dir.as_os_str().len() <= LONGEST_TEMP { dir } else { "/tmp".into() }
}

/// A command line, each word quoted for the shell.
fn words(program: &Path, args: &[String]) -> String {
    let mut line = quoted(&program.to_string_lossy());
    for arg in args {
        // Writing to a string cannot fail.
        let _ = write!(line, " {}", quoted(arg));
    }
    line
}

fn quoted(word: &str) -> String {
    // A line is one command; none of our words has a line break.
    format!("'{}'", word.replace('\'', r"'\''").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_program_as_they_are() {
        let mut supervisor = Supervisor::start(&RunAs::choose().unwrap(), "words", "KILL").unwrap();
        let args = ["-c", r#"test "$1" = "it's \$HOME" && echo said"#, "sh", "it's $HOME"];
        supervisor.run(Path::new("sh"), &args.map(str::to_owned)).unwrap();
        assert_eq!(supervisor.log_tail(), "said");
        let error = supervisor.run(Path::new("false"), &[]).unwrap_err().to_string();
        assert!(error.contains("false failed with code 1"), "{error}");
    }

    #[test]
    fn dropping_it_ends_the_server_and_removes_the_directory() {
        let mut supervisor = Supervisor::start(&RunAs::choose().unwrap(), "drop", "KILL").unwrap();
        let pid = supervisor.start_server(Path::new("sleep"), &["600".into()]).unwrap();
        let dir = supervisor.dir().to_owned();
        assert!(crate::ready::is_running(pid) && dir.is_dir());
        drop(supervisor);
        assert!(!crate::ready::is_running(pid) && !dir.exists());
    }
}
