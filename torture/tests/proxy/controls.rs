//! Harm that needs no understanding of what is said, and what is counted.

use crate::wire::{LIMIT, Peer, done, pair, query, session};
use forge_torture::proxy::{Direction, How, Proxy};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn a_delay_keeps_the_order_and_is_taken_back_for_what_is_on_its_way() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    proxy.delay(Direction::ToServer, Duration::MAX);
    let asked: Vec<_> = (0..50).map(|i| query(&format!("SELECT {i}"))).collect();
    for question in &asked[..25] {
        client.send(question);
    }
    at_server.hears_nothing();
    at_server.send(&done("the other direction has no delay"));
    client.hears(&done("the other direction has no delay"));
    proxy.delay(Direction::ToServer, Duration::ZERO);
    for question in &asked[25..] {
        client.send(question);
    }
    at_server.hears(&asked.concat());
}

#[test]
fn a_delay_is_at_least_as_long_as_it_says() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let delay = Duration::from_millis(60);
    proxy.delay(Direction::ToClient, delay);
    let began = Instant::now();
    at_server.send(&done("x"));
    client.hears(&done("x"));
    assert!(began.elapsed() >= delay);
}

#[test]
fn while_frozen_sockets_stay_open_and_nothing_passes() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let (ending, mut at_server_ending) = session(&proxy, &server, "b");
    proxy.freeze();
    client.send(&query("SELECT 1"));
    at_server.send(&done("SELECT 2"));
    ending.ends();
    let mut new = Peer::connect(&proxy);
    new.send(b"hello");
    assert!(server.hears_of_nobody());
    at_server.hears_nothing();
    client.hears_nothing();
    at_server_ending.hears_nothing();
    new.hears_nothing();

    proxy.thaw();
    at_server.hears(&query("SELECT 1"));
    client.hears(&done("SELECT 2"));
    at_server_ending.hears_the_end();
    server.accept().hears(b"hello");
}

#[test]
fn a_frozen_connection_can_be_cut() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    proxy.freeze();
    let mut new = Peer::connect(&proxy);
    // Unread, it would turn the end into a reset.
    new.send(b"hello");
    assert!(proxy.wait_until(LIMIT, |s| s.connections.len() == 2));
    assert_eq!(proxy.cut_all(How::Close), 2);
    client.hears_the_end();
    at_server.hears_the_end();
    new.hears_the_end();
}

#[test]
fn a_cut_is_an_end_or_a_reset_for_both_peers() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let (mut other, mut at_server_other) = session(&proxy, &server, "b");
    assert_eq!(proxy.cut_where(How::Reset, |c| c.application_name == "b"), 1);
    other.hears_a_reset();
    at_server_other.hears_a_reset();
    assert_eq!(proxy.cut_all(How::Close), 1);
    client.hears_the_end();
    at_server.hears_the_end();
    assert!(proxy.snapshot().connections.is_empty());
    session(&proxy, &server, "later");
}

#[test]
fn new_connections_are_refused_as_long_as_it_is_said() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    proxy.refuse(true);
    Peer::connect(&proxy).hears_the_end();
    client.send(b"x");
    at_server.hears(b"x");
    proxy.refuse(false);
    session(&proxy, &server, "b");
    let counts = proxy.snapshot();
    assert_eq!((counts.opened, counts.refused), (2, 1));
}

#[test]
fn a_connection_is_cut_after_exactly_so_many_bytes() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let answer = done("SELECT 1");
    for bytes in [1, 5, answer.len() - 1, answer.len()] {
        proxy.cut_after_bytes(Direction::ToClient, Some(u64::try_from(bytes).unwrap()));
        at_server.send(&answer);
        client.hears(&answer[..bytes]);
        client.hears_the_end();
        proxy.cut_after_bytes(Direction::ToClient, None);
        (client, at_server) = session(&proxy, &server, "a");
    }
    at_server.send(&answer);
    client.hears(&answer);

    proxy.cut_after_bytes(Direction::ToServer, Some(3));
    let mut new = Peer::connect(&proxy);
    new.send(b"hello");
    let mut at_server = server.accept();
    at_server.hears(b"hel");
    at_server.hears_the_end();
    proxy.cut_after_bytes(Direction::ToServer, Some(0));
    client.send(b"x");
    client.hears_the_end();
}

#[test]
fn a_drop_closes_everything() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    proxy.freeze();
    let mut new = Peer::connect(&proxy);
    assert!(proxy.wait_until(LIMIT, |s| s.connections.len() == 2));
    let addr = proxy.addr();
    drop(proxy);
    client.hears_the_end();
    at_server.hears_the_end();
    new.hears_the_end();
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn either_end_is_passed_on() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    client.send(&query("SELECT 1"));
    client.ends();
    at_server.hears(&query("SELECT 1"));
    at_server.hears_the_end();
    at_server.send(&done("SELECT 1"));
    client.hears(&done("SELECT 1"));
    drop(at_server);
    client.hears_the_end();
    assert!(proxy.wait_until(LIMIT, |s| s.connections.is_empty()));
}

#[test]
fn a_server_that_is_not_there_ends_the_connection() {
    // A port that the system never gives away, so that nobody can be found there.
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
    Peer::connect(&proxy).hears_the_end();
}

#[test]
fn those_that_listen_go_silent_or_are_cut_alone() {
    let (proxy, server) = pair();
    let (mut listener, mut at_listener) = session(&proxy, &server, "listener");
    let (mut other, mut at_other) = session(&proxy, &server, "other");
    for (client, at_server, text) in
        [(&mut listener, &mut at_listener, "listen \"forge\""), (&mut other, &mut at_other, "UNLISTEN *")]
    {
        client.send(&query(text));
        at_server.hears(&query(text));
        assert!(proxy.snapshot().connections.iter().all(|c| c.application_name != "other" || !c.listening));
        at_server.send(&done(text));
        client.hears(&done(text));
    }
    let listening: Vec<_> = proxy.snapshot().connections.into_iter().filter(|c| c.listening).collect();
    assert_eq!(listening.len(), 1);
    assert_eq!(listening[0].application_name, "listener");

    proxy.blackhole_listen(true);
    listener.send(b"x");
    at_listener.send(b"x");
    other.send(b"x");
    at_other.hears(b"x");
    listener.hears_nothing();
    at_listener.hears_nothing();
    proxy.blackhole_listen(false);
    at_listener.hears(b"x");
    listener.hears(b"x");

    assert_eq!(proxy.cut_listen(How::Reset), 1);
    listener.hears_a_reset();
    at_other.send(b"x");
    other.hears(b"x");
}
