//! Clients that mean no good, in small: the campaign `http-abuse` does the same for minutes.

use crate::http::{Ask, LIMIT, connect_from, read};
use crate::rig::{Place, Plan, Rig};
use forge_jobs_api::server::ServerLimits;
use forge_jobs_api::wire::Role;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn short() -> Plan {
    let mut limits = ServerLimits::default();
    limits.header_time = Duration::from_secs(2);
    limits.write_time = Duration::from_millis(300);
    limits.connections_per_peer = 20;
    Plan { limits, ..Plan::default() }
}

/// The server ends the connection, with or without an answer.
async fn ends(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.expect("it is still open");
}

async fn honest(rig: &Rig) {
    let mut stream = connect_from([127, 0, 0, 2], rig.addr).await.unwrap();
    let token = &rig.keys.viewer;
    let text = format!(
        "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    assert_eq!(read(&mut stream, false).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_let_go_and_others_are_served_meanwhile() {
    let rig = Rig::start(Place::file(), short()).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        stream.write_all(b"GET /api/v1/me HTTP/1.1\r\nHost: loc").await.unwrap();
        slow.push(stream);
    }
    honest(&rig).await;
    // One more of that address is closed at once.
    let mut more = TcpStream::connect(rig.addr).await.unwrap();
    ends(&mut more).await;
    for stream in &mut slow {
        ends(stream).await;
    }
    assert_eq!(rig.ask(Role::Viewer, "GET", "/me", None).await.status, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body_is_cut_at_its_bound() {
    let rig = Rig::on_file().await;
    let mut stream = TcpStream::connect(rig.addr).await.unwrap();
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        rig.keys.operator
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
    let (mut from, mut to) = stream.split();
    let sending = async {
        let mut sent = 0_u64;
        while to.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 1;
            assert!(sent < 10_000, "nobody stops it");
        }
    };
    let reading = async {
        let mut all = Vec::new();
        let _ = tokio::time::timeout(LIMIT, from.read_to_end(&mut all)).await.expect("the server hangs");
        all
    };
    let ((), all) = tokio::join!(sending, reading);
    let text = String::from_utf8_lossy(&all);
    // The answer may be lost where the client goes on sending; then the connection is all that ended.
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 413"), "{text}");
    honest(&rig).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_requests_leave_nothing_behind() {
    let rig = Rig::on_file().await;
    let body = r#"{"kind":"k","payload":1}"#;
    let whole = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        rig.keys.operator,
        body.len()
    );
    for n in 0..300 {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        stream.write_all(&whole.as_bytes()[..whole.len() - n % 40]).await.unwrap();
    }
    honest(&rig).await;
    assert_eq!(rig.stop().await, 0, "connections outlived their clients");
}

#[tokio::test]
async fn odd_requests_get_an_answer_or_none_and_never_a_crash() {
    let rig = Rig::on_file().await;
    for text in [
        "GET /api/v1/me HTTP/1.1\r\n\r\n",
        "GET /api/v1/me HTTP/1.0\r\n\r\n",
        "GET http://evil.example/api/v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n",
        "GET /api/v1/me\u{0} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n\r\n\r\n",
        "nonsense",
    ] {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut all = Vec::new();
        let _ = tokio::time::timeout(LIMIT, stream.read_to_end(&mut all)).await.expect("the server hangs");
        let answer = String::from_utf8_lossy(&all);
        assert!(!answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"), "{text:?}: {answer}");
    }
    assert_eq!(Ask::new("GET", "/api/v1/me").token(&rig.keys.viewer).send(rig.addr).await.status, 200);
    rig.stop().await;
}
