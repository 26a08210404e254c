//! A running `forge serve`.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]

use crate::support::{Ended, Home, end_of};
use forge_jobs_api::wire::TokenMade;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// A running server.
pub(crate) struct Serving {
    child: Option<Child>,
    pub(crate) addr: String,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Serving {
    /// On the home's database.
    pub(crate) fn start(home: &Home, args: &[&str]) -> Self {
        Self::start_with(home, args, None)
    }

    /// On the database of this URL, if there is one.
    pub(crate) fn start_with(home: &Home, args: &[&str], database: Option<&str>) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"], args].concat();
        let mut command = home.command(all);
        if let Some(url) = database {
            command.env("FORGE_DATABASE_URL", url);
        }
        let mut child = command
            .env("FORGE_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut log, mut addr) = (String::new(), None);
        while addr.is_none() {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended: {log}");
            addr = line.split_once(" on http://").map(|(_, rest)| rest.split(';').next().unwrap().to_owned());
            log.push_str(&line);
        }
        let log = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut log);
            log
        });
        Self { child: Some(child), addr: addr.unwrap(), log: Some(log) }
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> String {
        self.ask("GET", path, token, "")
    }

    /// With a body of JSON, unless it is empty.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let content = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let content = if body.is_empty() { "" } else { &content };
        write!(stream, "{head}{content}Authorization: Bearer {token}\r\n\r\n{body}").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Ends it with SIGTERM; gives what it logged.
    pub(crate) fn stop(mut self) -> (Ended, String) {
        let child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = end_of(child);
        (ended, self.log.take().unwrap().join().unwrap())
    }
}

pub(crate) fn token(home: &Home, role: &str) -> String {
    let ended = home.run(["token", role, "--role", role, "--file", "tokens", "--json"]);
    ended.check(0, &[]).json::<TokenMade>().token
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
