//! Ports that stay ours when the server behind them is down for a while.

use crate::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below are the ports of well-known services.
const FIRST: u16 = 10_000;
/// Where Linux begins to take ports for outgoing connections, unless it is told otherwise.
const FIRST_OUTGOING: u16 = 32_768;
/// More attempts would not find a port either.
const ATTEMPTS: u32 = 1_000;

/// A port of 127.0.0.1 on which nobody listens, and that the system does not give to outgoing connections.
///
/// Those would be a trap: a client that tries again and again to reach a server that is down would one day be given
/// the server's own port, connect to itself, and keep the server from coming back.
pub(crate) fn free() -> Result<u16, Error> {
    let range = range(std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok().as_deref());
    let width = u32::from(range.end - range.start);
    let start = scatter();
    let candidates = (0..ATTEMPTS).map(|i| start.wrapping_add(i.wrapping_mul(7)) % width);
    candidates
        .filter_map(|offset| u16::try_from(u32::from(range.start) + offset).ok())
        .find(|port| nobody_listens(*port))
        .ok_or_else(|| Error::System {
            what: format!("looking for a free port of {range:?}"),
            detail: "all that were tried are taken".into(),
        })
}

/// Asked by a connection. A listener of our own would go on to hold the port for a moment in every process that another
/// thread is just about to start.
fn nobody_listens(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err()
}

fn range(outgoing: Option<&str>) -> Range<u16> {
    let first = outgoing.and_then(|text| text.split_whitespace().next()?.parse().ok());
    // A system that uses all ports for outgoing connections leaves no better choice than the usual one.
    let end = first.filter(|first| *first > FIRST + 1_000).unwrap_or(FIRST_OUTGOING);
    FIRST..end
}

/// A number that differs between processes and calls, so that two of them seldom want the same port.
fn scatter() -> u32 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    std::process::id().wrapping_mul(7_919).wrapping_add(calls.wrapping_mul(104_729))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_outgoing_connections_are_left_alone() {
        assert_eq!(range(Some("32768\t60999\n")), 10_000..32_768);
        assert_eq!(range(Some("20000 60999")), 10_000..20_000);
        assert_eq!(range(Some("1024 65535")), 10_000..32_768);
        assert_eq!(range(None), 10_000..32_768);
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_not_given() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!nobody_listens(listener.local_addr().unwrap().port()));
        assert!(nobody_listens(free().unwrap()));
    }
}
