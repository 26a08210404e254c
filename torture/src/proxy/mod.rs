//! A proxy between a Postgres client and its server that does harm to their connections.
//!
//! It listens on a port of its own, in a thread of its own, and forwards every connection to one server. All controls
//! work on existing and new connections, are in force when their call returns, and can be taken back. Dropping the
//! proxy closes everything.
//!
//! It reads the protocol as far as it must: statements are known by their text, so a connection can be cut around a
//! certain COMMIT. What is encrypted is forwarded unread, so campaigns should connect with `sslmode=disable`.
//!
//! Known limits: a batch that waits for data (`COPY … FROM STDIN`) cannot be caught by [`Proxy::cut_before_reply`], since
//! its client never hears that the server waits. Of a statement's text the first 64 KiB are read. While a trap is
//! armed, what a client sends is held until its batch has come in full (but for 32 MiB, and up to a Flush).

mod carry;
mod frame;
mod inspect;
mod state;
mod trap;

pub use trap::Trap;

use state::{Shared, State};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use trap::Moment;

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What clients say.
    ToServer,
    /// What the server says.
    ToClient,
}

/// How a connection ends, for both of its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In good order, as when a process ends: the peer reads what was sent, then the end.
    Close,
    /// By a reset, as when a machine has forgotten the connection: the peer gets an error.
    Reset,
}

/// A connection that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// A number that is given once.
    pub id: u64,
    /// What the client calls itself; empty until it has said so.
    pub application_name: String,
    /// Whether it has executed LISTEN, and has heard that it has.
    pub listening: bool,
}

/// What the proxy has counted since the start or since [`Proxy::reset`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections that were accepted and not refused.
    pub opened: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Bytes that servers were sent.
    pub bytes_to_server: u64,
    /// Bytes that clients were sent.
    pub bytes_to_client: u64,
    /// Query and Execute messages from clients.
    pub statements: u64,
    /// The same by the beginning of the statement's text: 80 characters, white space folded.
    pub by_text: BTreeMap<String, u64>,
    /// Connections that are open, however they are counted.
    pub connections: Vec<Connection>,
}

/// A proxy at work.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    addr: SocketAddr,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and forwards to this server.
    ///
    /// # Errors
    ///
    /// When the system has no port or thread to give.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let theirs = Arc::clone(&shared);
        let work = move || {
            // The runtime ends here with all of its connections. Nobody hears why, but no connection is accepted then.
            let _ = runtime.block_on(carry::accept(&theirs, listener, upstream, stopped));
        };
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(work)?;
        Ok(Self { shared, addr, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A database URL with this proxy in the place of its host and port.
    #[must_use]
    pub fn url_like(&self, url: &str) -> String {
        url_through(url, self.addr)
    }

    /// Delivers everything so much later. What is on its way keeps its order.
    pub fn delay(&self, direction: Direction, by: Duration) {
        self.shared.change(|state| *state.delay.get_mut(direction) = by);
    }

    /// Forwards nothing, and keeps every socket open. New connections are accepted, but the server hears nothing of
    /// them. An end of a connection is not forwarded either.
    pub fn freeze(&self) {
        self.shared.change(|state| state.frozen = true);
    }

    /// Forwards again, first what has come in the meantime.
    pub fn thaw(&self) {
        self.shared.change(|state| state.frozen = false);
    }

    /// Forwards nothing on connections that listen, or forwards again.
    pub fn blackhole_listen(&self, on: bool) {
        self.shared.change(|state| state.blackhole_listen = on);
    }

    /// Closes new connections at once, or accepts them again.
    pub fn refuse(&self, on: bool) {
        self.shared.change(|state| state.refusing = on);
    }

    /// Closes each connection when it has forwarded so many more bytes in a direction, exactly. Existing connections
    /// count from now, new ones from their beginning. `None` lifts the limit.
    ///
    /// Always in good order: a reset could overtake the last bytes.
    pub fn cut_after_bytes(&self, direction: Direction, bytes: Option<u64>) {
        self.shared.change(|state| state.limit(direction, bytes));
    }

    /// Cuts all connections. Says how many.
    #[expect(clippy::must_use_candidate, reason = "the number is beside the point")]
    pub fn cut_all(&self, how: How) -> usize {
        self.cut_where(how, |_| true)
    }

    /// Cuts the connections that listen. Says how many.
    #[expect(clippy::must_use_candidate, reason = "the number is beside the point")]
    pub fn cut_listen(&self, how: How) -> usize {
        self.cut_where(how, |c| c.listening)
    }

    /// Cuts some connections. Says how many.
    pub fn cut_where(&self, how: How, mut which: impl FnMut(&Connection) -> bool) -> usize {
        self.shared.change(|state| {
            let chosen: Vec<_> = state.connections().filter(|c| which(c)).map(|c| c.id).collect();
            for id in &chosen {
                state.cut(*id, how);
            }
            chosen.len()
        })
    }

    /// The next `times` times that a statement is executed which matches, its batch is forwarded, the server's answer
    /// is awaited and withheld, and the connection is closed: the work is done, and its client cannot know.
    ///
    /// Earlier batches are answered as ever; what the client has sent behind this one is dropped. Matchers see the text
    /// of a simple query, or that of the prepared statement at its Execute, and must not call the proxy.
    pub fn cut_before_reply(&self, times: u64, matcher: impl FnMut(&str) -> bool + Send + 'static) -> Trap {
        self.arm(Moment::BeforeReply, times, Box::new(matcher))
    }

    /// The same, but nothing of the batch is forwarded: nothing of it is done.
    pub fn cut_before_request(&self, times: u64, matcher: impl FnMut(&str) -> bool + Send + 'static) -> Trap {
        self.arm(Moment::BeforeRequest, times, Box::new(matcher))
    }

    fn arm(&self, moment: Moment, times: u64, matcher: trap::Matcher) -> Trap {
        let id = self.shared.state().traps.arm(moment, times, matcher);
        Trap { shared: Arc::clone(&self.shared), id }
    }

    /// How many statements clients have executed since the start or since [`Self::reset`].
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.shared.state().counts.statements
    }

    /// All that is counted, and the open connections.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.state().snapshot()
    }

    /// Counts from zero.
    pub fn reset(&self) {
        self.shared.state().counts = Snapshot::default();
    }

    /// Waits until something is so. Says whether it is.
    #[must_use]
    pub fn wait_until(&self, limit: Duration, mut so: impl FnMut(&Snapshot) -> bool) -> bool {
        self.shared.wait_until(limit, |state: &State| so(&state.snapshot()))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// A database URL with another host and port. Parameters that would overrule them are left out.
fn url_through(url: &str, addr: SocketAddr) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let user = authority.rfind('@').map_or("", |at| &authority[..=at]);
    let overruling = |p: &&str| ["host=", "hostaddr=", "port="].iter().any(|name| p.starts_with(name));
    let parameters: Vec<_> = query.split('&').filter(|p| !p.is_empty() && !overruling(p)).collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{scheme}://{user}{addr}{path}{mark}{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_all_but_its_host_and_port() {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        let cases = [
            (
                "postgres://user:secret@db.example:5432/jobs?a=1",
                "postgres://user:secret@127.0.0.1:7/jobs?a=1",
            ),
            ("postgresql://host/jobs", "postgresql://127.0.0.1:7/jobs"),
            ("postgres:///jobs?host=/run/pg&port=9&a=1", "postgres://127.0.0.1:7/jobs?a=1"),
            ("postgres://u@[::1]:5432?host=x", "postgres://u@127.0.0.1:7"),
        ];
        for (url, through) in cases {
            assert_eq!(url_through(url, addr), through);
        }
    }
}
