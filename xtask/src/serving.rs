//! A running `forge serve` for a check, and a directory for its files.

use crate::postgres::build_as_for_tests;
use crate::root;
use crate::run::Cmd;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program, built without optimisation.
pub(crate) fn program() -> Result<PathBuf, String> {
    build_as_for_tests(&["forge"])?;
    Ok(root::debug_products()?.join(format!("forge{}", std::env::consts::EXE_SUFFIX)))
}

/// A server, ended with this.
pub(crate) struct Serving {
    child: Child,
    addr: String,
    token: String,
}

impl Serving {
    /// On a database that is there, with a token of this role, on a free port.
    pub(crate) fn start(
        program: &Path,
        database: &str,
        scratch: &Path,
        role: &str,
        options: &[&str],
    ) -> Result<Self, String> {
        let tokens = scratch.join("tokens");
        // One file for each server.
        let _ = std::fs::remove_file(&tokens);
        let token = Cmd::new(program).args(["token", "check", "--role", role, "--file"]).args([&tokens]);
        let token = token.output()?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--database", database, "--tokens"])
            .arg(&tokens)
            .args(options)
            .current_dir(scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let log = child.stderr.take().ok_or("the log of the server cannot be read")?;
        // Ended with this, also when it does not get so far as to listen.
        let mut serving = Self { child, addr: String::new(), token };
        let mut lines = BufReader::new(log).lines();
        while serving.addr.is_empty() {
            let line =
                lines.next().ok_or("the server ended before it listened")?.map_err(|e| e.to_string())?;
            let addr = line.split_once(" on http://").and_then(|(_, rest)| rest.split(';').next());
            addr.unwrap_or_default().clone_into(&mut serving.addr);
            println!("{line}");
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("{line}")));
        Ok(serving)
    }

    /// Host and port.
    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It is a test's: nothing of it is to be kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that is removed when it is no longer needed.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("forge-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|e| format!("{} cannot be created: {e}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the temporary directory's business.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
