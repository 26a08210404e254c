//! Connections that are cut around a statement.

use crate::wire::{LIMIT, Peer, done, flush, message, pair, parse, query, ready, run, session, sync};
use crate::wire::{bind, execute};

fn is_commit(text: &str) -> bool {
    text == "COMMIT"
}

#[test]
fn before_the_reply_the_server_has_done_it_and_the_client_hears_only_the_end() {
    let (proxy, server) = pair();
    let trap = proxy.cut_before_reply(1, is_commit);
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    client.send(&query("COMMIT"));
    at_server.hears(&query("COMMIT"));
    let (answer, last) = (done("COMMIT"), 1);
    at_server.send(&answer[..answer.len() - last]);
    client.hears_nothing();
    assert_eq!(trap.sprung(), 0);
    at_server.send(&answer[answer.len() - last..]);
    client.hears_the_end();
    at_server.hears_the_end();
    assert_eq!(trap.sprung(), 1);

    let (mut client, mut at_server) = session(&proxy, &server, "a");
    client.send(&query("COMMIT"));
    at_server.hears(&query("COMMIT"));
    at_server.send(&done("COMMIT"));
    client.hears(&done("COMMIT"));
}

#[test]
fn before_the_request_the_server_hears_nothing_of_it() {
    let (proxy, server) = pair();
    let trap = proxy.cut_before_request(2, is_commit);
    for times in 1..=2 {
        let (mut client, mut at_server) = session(&proxy, &server, "a");
        client.send(&[parse("", "SELECT 1"), bind("", ""), execute("")].concat());
        client.send(&[parse("", "COMMIT"), run("")].concat());
        client.hears_the_end();
        at_server.hears_the_end();
        assert_eq!(trap.sprung(), times);
    }
}

#[test]
fn either_way_only_one_of_many_batches_in_flight_is_lost() {
    let (proxy, server) = pair();
    let batches = [query("SELECT 1"), [parse("", "SELECT 2"), run("")].concat()].concat();
    let caught = [parse("", "COMMIT"), run("")].concat();
    let said = [&batches[..], &caught, &query("SELECT 3")].concat();
    let answers = [message(b'S', b"x\0y\0"), done("1"), done("2")].concat();
    // Cut into two at every byte, so that each state is reached with and without bytes at hand.
    for cut in 1..said.len() {
        for before_reply in [false, true] {
            let trap = if before_reply {
                proxy.cut_before_reply(1, is_commit)
            } else {
                proxy.cut_before_request(1, is_commit)
            };
            let (mut client, mut at_server) = session(&proxy, &server, "a");
            client.send(&said[..cut]);
            client.send(&said[cut..]);
            at_server.hears(&batches);
            if before_reply {
                at_server.hears(&caught);
                at_server.send(&[&answers[..], &done("COMMIT")].concat());
            } else {
                at_server.send(&answers);
            }
            client.hears(&answers);
            client.hears_the_end();
            at_server.hears_the_end();
            assert_eq!(trap.sprung(), 1, "cut at {cut}");
        }
    }
}

#[test]
fn a_withheld_answer_may_be_cut_at_every_byte() {
    let (proxy, server) = pair();
    let first = [message(b'N', b"ZZZZ"), done("1")].concat();
    let second = [message(b'D', b"Z\0\0\0\x05I"), message(b'A', b"Z"), done("COMMIT")].concat();
    let answer = [&first[..], &second].concat();
    for cut in 1..answer.len() {
        let trap = proxy.cut_before_reply(1, is_commit);
        let (mut client, mut at_server) = session(&proxy, &server, "a");
        let said = [query("SELECT 1"), query("COMMIT")].concat();
        client.send(&said);
        at_server.hears(&said);
        at_server.send(&answer[..cut]);
        client.hears(&first[..cut.min(first.len())]);
        at_server.send(&answer[cut..]);
        client.hears(&first[cut.min(first.len())..]);
        client.hears_the_end();
        assert_eq!(trap.sprung(), 1, "cut at {cut}");
    }
}

#[test]
fn a_prepared_statement_is_known_by_its_name_when_it_is_executed() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let prepared = [parse("s1", "COMMIT"), parse("s2", "SELECT 1"), sync()].concat();
    client.send(&prepared);
    at_server.hears(&prepared);
    at_server.send(&done("nothing"));
    client.hears(&done("nothing"));

    let trap = proxy.cut_before_request(1, is_commit);
    let harmless = [parse("s3", "COMMIT"), sync(), run("s2")].concat();
    client.send(&harmless);
    at_server.hears(&harmless);
    let answers = [ready(), done("SELECT 1")].concat();
    at_server.send(&answers);
    client.hears(&answers);
    // A name may be given anew.
    let renamed = [message(b'C', b"Ss3\0"), parse("s3", "SELECT 2"), run("s3")].concat();
    client.send(&renamed);
    at_server.hears(&renamed);
    at_server.send(&done("SELECT 2"));
    client.hears(&done("SELECT 2"));
    assert_eq!(trap.sprung(), 0);

    client.send(&run("s1"));
    client.hears_the_end();
    at_server.hears_the_end();
    assert_eq!(trap.sprung(), 1);
}

#[test]
fn a_flush_is_not_held_back() {
    let (proxy, server) = pair();
    let trap = proxy.cut_before_reply(1, is_commit);
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let asked = [parse("s", "COMMIT"), flush()].concat();
    client.send(&asked);
    at_server.hears(&asked);
    at_server.send(&message(b'1', b""));
    client.hears(&message(b'1', b""));
    client.send(&run("s"));
    at_server.hears(&run("s"));
    at_server.send(&done("COMMIT"));
    client.hears_the_end();
    assert_eq!(trap.sprung(), 1);
}

#[test]
fn the_sync_that_a_copy_swallows_is_not_waited_for() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let copy = [parse("", "COPY t FROM STDIN"), run("")].concat();
    client.send(&copy);
    at_server.hears(&copy);
    at_server.send(&message(b'G', b"\0\0\0"));
    client.hears(&message(b'G', b"\0\0\0"));
    let data = [message(b'd', b"1\n"), message(b'c', b""), sync()].concat();
    client.send(&data);
    at_server.hears(&data);
    at_server.send(&done("COPY 1"));
    client.hears(&done("COPY 1"));

    let trap = proxy.cut_before_reply(1, is_commit);
    client.send(&query("COMMIT"));
    at_server.hears(&query("COMMIT"));
    at_server.send(&done("COMMIT"));
    client.hears_the_end();
    assert_eq!(trap.sprung(), 1);
}

#[test]
fn a_trap_waits_while_all_is_frozen() {
    let (proxy, server) = pair();
    let trap = proxy.cut_before_reply(1, is_commit);
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    client.send(&query("COMMIT"));
    at_server.hears(&query("COMMIT"));
    proxy.freeze();
    at_server.send(&done("COMMIT"));
    client.hears_nothing();
    assert_eq!(trap.sprung(), 0);
    proxy.thaw();
    assert!(trap.sprung_within(1, LIMIT));
    client.hears_the_end();
}

#[test]
fn a_server_that_ends_without_an_answer_is_not_counted() {
    let (proxy, server) = pair();
    let trap = proxy.cut_before_reply(1, is_commit);
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    client.send(&query("COMMIT"));
    at_server.hears(&query("COMMIT"));
    drop(at_server);
    client.hears_the_end();
    assert!(proxy.wait_until(LIMIT, |s| s.connections.is_empty()));
    assert_eq!(trap.sprung(), 0);
}

#[test]
fn a_disarmed_trap_catches_nothing_and_traps_are_independent() {
    let (proxy, server) = pair();
    let first = proxy.cut_before_reply(u64::MAX, is_commit);
    let mut turn = 0;
    let second = proxy.cut_before_request(1, move |_| {
        turn += 1;
        turn == 2
    });
    first.disarm();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    client.send(&query("COMMIT"));
    at_server.hears(&query("COMMIT"));
    at_server.send(&done("COMMIT"));
    client.hears(&done("COMMIT"));
    client.send(&query("SELECT 1"));
    client.hears_the_end();
    assert_eq!((first.sprung(), second.sprung()), (0, 1));
    let _ = Peer::connect(&proxy);
}
