//! What is said arrives as it was said, in whatever pieces, and is understood.

use crate::wire::{LIMIT, Peer};
use crate::wire::{
    bind, done, execute, gss_request, message, pair, parse, query, ready, run, session, ssl_request, startup,
    sync,
};

/// All that a client says in a short life, and what is counted of it.
fn life() -> (Vec<u8>, [(&'static str, u64); 3]) {
    let said = [
        startup("split"),
        message(b'p', b"password\0"),
        query("SELECT 1"),
        parse("s1", "INSERT  INTO\n t"),
        sync(),
        run("s1"),
        run("s1"),
        parse("", "COMMIT"),
        bind("c", ""),
        execute("c"),
        sync(),
        message(b'X', b""),
    ];
    (said.concat(), [("COMMIT", 1), ("INSERT INTO t", 2), ("SELECT 1", 1)])
}

#[test]
fn a_conversation_may_be_cut_at_every_byte() {
    let (proxy, server) = pair();
    let (said, counted) = life();
    for cut in 1..said.len() {
        proxy.reset();
        let mut client = Peer::connect(&proxy);
        client.send(&said[..cut]);
        let mut at_server = server.accept();
        at_server.hears(&said[..cut]);
        client.send(&said[cut..]);
        at_server.hears(&said[cut..]);
        let counts = proxy.snapshot();
        assert_eq!(counts.statements, 4, "cut at {cut}");
        assert!(counts.by_text.iter().map(|(t, n)| (t.as_str(), *n)).eq(counted), "cut at {cut}");
        assert_eq!(counts.connections.last().unwrap().application_name, "split");
        assert_eq!(counts.bytes_to_server, u64::try_from(said.len()).unwrap());
    }
}

#[test]
fn an_armed_trap_changes_nothing_for_others() {
    let (proxy, server) = pair();
    let _reply = proxy.cut_before_reply(1, |text| text == "something else");
    let _request = proxy.cut_before_request(1, |text| text == "something else");
    let (said, _) = life();
    for cut in 1..said.len() {
        let mut client = Peer::connect(&proxy);
        client.send(&said[..cut]);
        let mut at_server = server.accept();
        client.send(&said[cut..]);
        at_server.hears(&said);
    }
}

#[test]
fn what_is_held_for_a_trap_is_let_go_when_the_client_ends() {
    let (proxy, server) = pair();
    let _trap = proxy.cut_before_request(1, |_| false);
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let begun = [parse("", "SELECT 1"), bind("", ""), b"E\0\0".to_vec()].concat();
    client.send(&begun);
    client.ends();
    at_server.hears(&begun);
    at_server.hears_the_end();
}

#[test]
fn large_messages_pass_both_ways() {
    let (proxy, server) = pair();
    let (mut client, mut at_server) = session(&proxy, &server, "a");
    let _trap = proxy.cut_before_reply(1, |_| false);
    let large = vec![b'x'; 1 << 24];
    let question = [parse("", "SELECT $1"), message(b'B', &large), execute(""), sync()].concat();
    let answer = [message(b'D', &large), done("SELECT 1")].concat();
    let asking = client.send_beside(question.clone());
    at_server.hears(&question);
    asking.join().unwrap();
    let answering = at_server.send_beside(answer.clone());
    client.hears(&answer);
    answering.join().unwrap();
}

#[test]
fn a_request_to_encrypt_is_answered_by_one_byte() {
    let (proxy, server) = pair();
    let trap = proxy.cut_before_request(1, |text| text == "SELECT 1");
    let mut client = Peer::connect(&proxy);
    client.send(&gss_request());
    let mut at_server = server.accept();
    at_server.hears(&gss_request());
    at_server.send(b"N");
    client.hears(b"N");
    client.send(&ssl_request());
    at_server.hears(&ssl_request());
    at_server.send(b"N");
    client.hears(b"N");
    client.send(&startup("plain"));
    at_server.hears(&startup("plain"));
    let notice = [message(b'N', b"a notice"), ready()].concat();
    at_server.send(&notice);
    client.hears(&notice);
    assert_eq!(proxy.snapshot().connections[0].application_name, "plain");
    client.send(&query("SELECT 1"));
    client.hears_the_end();
    assert_eq!(trap.sprung(), 1);
}

#[test]
fn what_is_encrypted_is_passed_on_unread() {
    let (proxy, server) = pair();
    let _trap = proxy.cut_before_request(1, |_| true);
    for (request, yes) in [(ssl_request(), b"S"), (gss_request(), b"G")] {
        let mut client = Peer::connect(&proxy);
        client.send(&request);
        let mut at_server = server.accept();
        at_server.hears(&request);
        at_server.send(yes);
        client.hears(yes);
        let looks_like_a_message = [&startup("x")[..], &query("SELECT 1"), b"Q\x7f\xff\xff\xff"].concat();
        client.send(&looks_like_a_message);
        at_server.hears(&looks_like_a_message);
        at_server.send(b"Z\xff\xff\xff\xff and more");
        client.hears(b"Z\xff\xff\xff\xff and more");
    }
    assert_eq!(proxy.statements(), 0);
}

#[test]
fn a_number_can_be_awaited() {
    let (proxy, server) = pair();
    let (mut client, _at_server) = session(&proxy, &server, "a");
    client.send(&query("SELECT 1"));
    assert!(proxy.wait_until(LIMIT, |counts| counts.statements == 1));
    assert!(!proxy.wait_until(std::time::Duration::ZERO, |counts| counts.statements == 2));
}
