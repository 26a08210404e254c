//! The way to the server: a socket, and whether it is certain that it ends at the server itself.

use super::error::Fault;
use super::hub::only;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio_postgres::Client;

/// How a dead connection is noticed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alive {
    /// Silence after which the other end is probed, and the time between probes.
    pub(super) idle: Duration,
    pub(super) interval: Duration,
    /// Probes without an answer.
    pub(super) retries: u32,
    /// How long data may stay unacknowledged. Linux only.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems have no such option"))]
    pub(super) unacknowledged: Duration,
}

/// Connects to the first address that answers. `limit` is how long the caller will wait for it.
pub(super) async fn dial(to: impl ToSocketAddrs, limit: Duration, alive: Alive) -> io::Result<TcpStream> {
    let stream = reach(lookup_host(to).await?.collect(), limit).await?;
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(&stream);
    let keepalive = socket2::TcpKeepalive::new().with_time(alive.idle);
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_interval(alive.interval).with_retries(alive.retries);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(alive.unacknowledged))?;
    Ok(stream)
}

/// Each address has its share of the time: one that swallows packets would keep it all from those behind it. The last
/// one has what is left.
async fn reach(addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let Some((last, others)) = addresses.split_last() else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name of the server has no address"));
    };
    for address in others {
        if let Ok(Ok(stream)) = tokio::time::timeout(share, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    TcpStream::connect(last).await
}

/// Both ends of a connection: ours and the other one.
pub(super) type Ends = (SocketAddr, SocketAddr);

pub(super) fn ends(stream: &TcpStream) -> io::Result<Ends> {
    Ok((stream.local_addr()?, stream.peer_addr()?))
}

/// Whether one session of the server is at the other end of this very socket, and so stays there.
///
/// Two connections of one network never have both ends in common. A pooler or a proxy between has a connection of its
/// own to the server, with other ends; the server tells them. Where addresses are translated on the way, this says no.
pub(super) async fn is_direct(client: &Client, ours: Ends) -> Result<bool, Fault> {
    const ENDS: &str =
        "SELECT host(inet_client_addr()), inet_client_port(), host(inet_server_addr()), inet_server_port()";
    let row = only(client.query_typed(ENDS, &[]).await?)?;
    let end = |at: usize| -> Result<Option<(IpAddr, u16)>, Fault> {
        let (ip, port): (Option<String>, Option<i32>) = (row.try_get(at)?, row.try_get(at + 1)?);
        Ok(ip.and_then(|ip| ip.parse().ok()).zip(port.and_then(|p| p.try_into().ok())))
    };
    let (client, server) = (end(0)?, end(2)?);
    Ok(is_end(client, ours.0) && is_end(server, ours.1))
}

fn is_end(told: Option<(IpAddr, u16)>, seen: SocketAddr) -> bool {
    told.is_some_and(|(ip, port)| ip.to_canonical() == seen.ip().to_canonical() && port == seen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_an_address_and_a_port() {
        let seen: SocketAddr = "[::ffff:127.0.0.1]:5432".parse().unwrap();
        let told = |ip: &str, port| Some((ip.parse::<IpAddr>().unwrap(), port));
        assert!(is_end(told("127.0.0.1", 5432), seen));
        assert!(!is_end(told("127.0.0.1", 5433), seen));
        assert!(!is_end(told("127.0.0.2", 5432), seen));
        assert!(!is_end(None, seen), "a Unix socket of the server has no address");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_swallows_packets_keeps_nobody_from_the_next_one() {
        use socket2::{Domain, Socket, Type};
        const LOOPBACK: &str = "127.0.0.1:0";
        let new = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let full = new();
        full.bind(&LOOPBACK.parse::<SocketAddr>().unwrap().into()).unwrap();
        full.listen(0).unwrap();
        let swallows = full.local_addr().unwrap();
        // Nobody accepts them; who comes after them is not answered.
        let crowd: Vec<Socket> = (0..3).map(|_| new()).collect();
        for socket in &crowd {
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&swallows);
        }
        let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
        let good = listener.local_addr().unwrap();
        let alive = Alive {
            idle: Duration::from_secs(15),
            interval: Duration::from_secs(5),
            retries: 3,
            unacknowledged: Duration::from_secs(20),
        };
        let both = [swallows.as_socket().unwrap(), good];
        let dialled = dial(&both[..], Duration::from_secs(2), alive);
        // Long before the first one would be given up.
        let stream =
            tokio::time::timeout(Duration::from_secs(60), dialled).await.expect("it goes on").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }
}
