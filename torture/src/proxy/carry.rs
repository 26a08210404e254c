//! Carrying one connection: two readers, two writers, and whoever may cut it.
//!
//! A chunk is stamped when it is read, waits until its delay is over, is inspected when its gate is open, and is
//! written. So a delay adds to the latency and takes nothing from the throughput.

use super::inspect::{Down, Next, Up};
use super::state::{Gate, Shared, State};
use super::{Direction, How};
use std::future::pending;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

const CHUNK: usize = 16 * 1024;
/// The most chunks that are on their way in one direction of a connection.
const CHUNKS_MOST: usize = 256;
/// When the system has no socket to give, it may have one after this.
const NO_SOCKET_WAIT: Duration = Duration::from_millis(10);

/// What was read, and when; empty at the end of the stream.
type Chunk = (Instant, Vec<u8>);

/// The connection is being cut.
#[derive(Debug)]
struct Cut;

/// Accepts connections until told to stop.
pub(super) async fn accept(
    shared: &Arc<Shared>,
    listener: std::net::TcpListener,
    upstream: SocketAddr,
    stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    tokio::pin!(stop);
    loop {
        let client = tokio::select! {
            _ = &mut stop => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = client else {
            tokio::time::sleep(NO_SOCKET_WAIT).await;
            continue;
        };
        let id = shared.change(|state| {
            if state.refusing {
                state.counts.refused += 1;
                return None;
            }
            Some(state.open())
        });
        if let Some(id) = id {
            tokio::spawn(carry(Arc::clone(shared), id, client, upstream));
        }
    }
}

/// One connection, from its first to its last byte.
async fn carry(shared: Arc<Shared>, id: u64, mut client: TcpStream, upstream: SocketAddr) {
    let up = Pipe { shared: &shared, id, direction: Direction::ToServer };
    let mut server = tokio::select! {
        () = cut(&shared, id) => None,
        // While all is frozen the server hears of no new connections.
        server = async { up.pass(|_| ()).await.ok()?; TcpStream::connect(upstream).await.ok() } => server,
    };
    if let Some(server) = &mut server {
        // Without these small messages wait for each other.
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        tokio::select! {
            () = cut(&shared, id) => {}
            () = exchange(up, &mut client, server) => {}
        }
    }
    // Whoever saw the cut first, it says how.
    let how = shared.state().links.get(&id).and_then(|l| l.cut).unwrap_or(How::Close);
    close(client, how);
    if let Some(server) = server {
        close(server, how);
    }
    shared.change(|state| state.links.remove(&id));
}

/// Both directions, until the server has nothing more to say: it never closes one direction only.
async fn exchange(up: Pipe<'_>, client: &mut TcpStream, server: &mut TcpStream) {
    let down = Pipe { direction: Direction::ToClient, ..up };
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (asked, questions) = mpsc::channel(CHUNKS_MOST);
    let (said, answers) = mpsc::channel(CHUNKS_MOST);
    tokio::select! {
        _ = async { tokio::join!(read(from_server, said), forward_down(down, answers, to_client)) } => {}
        () = async {
            // A cut is seen by whoever waits for one, an end is the server's to answer.
            let _ = tokio::join!(read(from_client, asked), forward_up(up, questions, to_server));
            pending::<()>().await;
        } => {}
    }
}

/// Waits until a connection is to be cut.
async fn cut(shared: &Shared, id: u64) {
    let mut changes = shared.changes();
    loop {
        changes.borrow_and_update();
        if shared.state().links.get(&id).is_none_or(|l| l.cut.is_some()) {
            return;
        }
        let _ = changes.changed().await;
    }
}

/// Closes a socket.
fn close(socket: TcpStream, how: How) {
    if how == How::Reset {
        let _ = socket.set_zero_linger();
        return;
    }
    // The system resets a connection that is closed with unread bytes, and the peer would see that. The runtime may not
    // know yet of bytes that are there, the system does.
    let Ok(mut socket) = socket.into_std() else { return };
    let mut rest = [0; CHUNK];
    for _ in 0..CHUNKS_MOST {
        if !matches!(socket.read(&mut rest), Ok(1..)) {
            return;
        }
    }
}

/// Reads until the end. A peer that resets is taken for one that closes.
async fn read(mut from: ReadHalf<'_>, to: mpsc::Sender<Chunk>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let bytes = from.read(&mut buffer).await.unwrap_or(0);
        let chunk = (Instant::now(), buffer[..bytes].to_vec());
        if to.send(chunk).await.is_err() || bytes == 0 {
            return;
        }
    }
}

async fn forward_up(
    pipe: Pipe<'_>,
    mut chunks: mpsc::Receiver<Chunk>,
    mut to: WriteHalf<'_>,
) -> Result<(), Cut> {
    let mut up = Up::new();
    while let Some((came, chunk)) = chunks.recv().await {
        pipe.due(came).await;
        if chunk.is_empty() {
            up.release();
        }
        let next = pipe.pass(|state| up.take(&chunk, state, pipe.id)).await?;
        pipe.send(&to, &up.out, |_| ()).await?;
        up.out.clear();
        match next {
            Next::More if chunk.is_empty() => break,
            Next::More => {}
            Next::Nothing => pending().await,
        }
    }
    let _ = to.shutdown().await;
    Ok(())
}

async fn forward_down(
    pipe: Pipe<'_>,
    mut chunks: mpsc::Receiver<Chunk>,
    mut to: WriteHalf<'_>,
) -> Result<(), Cut> {
    let mut down = Down::new();
    while let Some((came, chunk)) = chunks.recv().await {
        pipe.due(came).await;
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let (taken, answered) = pipe.pass(|state| down.take(rest, state, pipe.id)).await?;
            rest = &rest[taken..];
            let after = |state: &mut State| {
                if answered {
                    state.answered(pipe.id);
                }
            };
            pipe.send(&to, &down.out, after).await?;
            down.out.clear();
        }
        if chunk.is_empty() {
            pipe.pass(|_| ()).await?;
            break;
        }
    }
    let _ = to.shutdown().await;
    Ok(())
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug)]
struct Pipe<'a> {
    shared: &'a Shared,
    id: u64,
    direction: Direction,
}

impl Pipe<'_> {
    /// Waits until what came at this time may go on.
    async fn due(&self, came: Instant) {
        let mut changes = self.shared.changes();
        loop {
            changes.borrow_and_update();
            let delay = *self.shared.state().delay.get(self.direction);
            let due = came.checked_add(delay);
            if due.is_some_and(|due| due <= Instant::now()) {
                return;
            }
            let over = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = over => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// Waits until something may be forwarded, and acts before that can change.
    async fn pass<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, Cut> {
        let mut changes = self.shared.changes();
        loop {
            changes.borrow_and_update();
            {
                let mut state = self.shared.state();
                match state.gate(self.id, self.direction) {
                    Gate::Open(_) => {
                        let result = act(&mut state);
                        self.tell(&state);
                        return Ok(result);
                    }
                    Gate::Shut => {}
                    Gate::Cut => return Err(self.fail(&mut state)),
                }
            }
            let _ = changes.changed().await;
        }
    }

    /// Writes as the gate allows, and acts when the last byte is written, before the peer can be heard to have it.
    async fn send(&self, to: &WriteHalf<'_>, bytes: &[u8], done: impl FnOnce(&mut State)) -> Result<(), Cut> {
        let mut changes = self.shared.changes();
        let mut sent = 0;
        loop {
            changes.borrow_and_update();
            let open = {
                let mut state = self.shared.state();
                match state.gate(self.id, self.direction) {
                    Gate::Open(_) if sent == bytes.len() => {
                        done(&mut state);
                        self.tell(&state);
                        return Ok(());
                    }
                    Gate::Open(most) => {
                        let end = sent + most.min(bytes.len() - sent);
                        match to.try_write(&bytes[sent..end]) {
                            Ok(written) => {
                                sent += written;
                                state.forwarded(self.id, self.direction, written);
                                if sent == bytes.len() {
                                    done(&mut state);
                                    self.tell(&state);
                                    return Ok(());
                                }
                                self.tell(&state);
                                continue;
                            }
                            Err(e) if e.kind() == io::ErrorKind::WouldBlock => true,
                            Err(_) => return Err(self.fail(&mut state)),
                        }
                    }
                    Gate::Shut => false,
                    Gate::Cut => return Err(self.fail(&mut state)),
                }
            };
            tokio::select! {
                _ = to.writable(), if open => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// Cuts the connection: a peer is gone, or a limit is reached.
    fn fail(&self, state: &mut State) -> Cut {
        state.cut(self.id, How::Close);
        self.tell(state);
        Cut
    }

    /// Wakes those who count, and whoever is to cut the connection.
    fn tell(&self, state: &State) {
        let cut = state.links.get(&self.id).is_none_or(|l| l.cut.is_some());
        self.shared.tell(cut);
    }
}
