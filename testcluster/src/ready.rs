//! Waiting until a server answers, by its socket and within a limit.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest time that a server may take to answer; recovery after a crash included.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);

/// Why a server does not answer.
#[derive(Debug)]
pub(crate) enum Silent {
    /// Its process has ended.
    Ended,
    /// It runs, but has not answered in time; what it said last.
    TooSlow(String),
}

/// Returns when the server with this process id lets somebody in by its socket.
///
/// By its socket, because that lies in a directory of its own: nobody else can have answered.
pub(crate) fn wait(pid: u32, socket: &Path) -> Result<(), Silent> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let said = match greet(socket) {
            Ok(()) => return Ok(()),
            Err(said) => said,
        };
        if !is_running(pid) {
            return Err(Silent::Ended);
        }
        if Instant::now() >= deadline {
            return Err(Silent::TooSlow(said));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether the process lives; one that has ended and was not waited for does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state follows the name, which may itself hold brackets.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Logs in as a client would; the error is what came instead of a welcome.
fn greet(socket: &Path) -> Result<(), String> {
    let said = |e: std::io::Error| e.to_string();
    let mut stream = UnixStream::connect(socket).map_err(said)?;
    stream.set_read_timeout(Some(LIMIT)).map_err(said)?;
    stream.write_all(&startup_message()).map_err(said)?;
    loop {
        let mut head = [0_u8; 5];
        stream.read_exact(&mut head).map_err(said)?;
        let [kind, length @ ..] = head;
        let mut body = vec![0_u8; usize::try_from(u32::from_be_bytes(length)).unwrap_or(4).saturating_sub(4)];
        stream.read_exact(&mut body).map_err(said)?;
        match kind {
            b'Z' => return stream.write_all(b"X\0\0\0\x04").map_err(said),
            b'E' => return Err(String::from_utf8_lossy(&body).replace('\0', " ").trim().to_owned()),
            _ => {}
        }
    }
}

/// The first message of the protocol, version 3.0.
fn startup_message() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body.as_slice()].concat()
}
