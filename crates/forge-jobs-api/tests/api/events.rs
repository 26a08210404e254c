//! Streams of events: what they tell, how often, and to how many.

use crate::http::{Ask, LIMIT};
use crate::rig::{Place, Plan, Rig};
use crate::world::enqueue;
use forge_jobs::EnqueueRequest;
use forge_jobs_api::http::{HttpLimits, Options};
use forge_jobs_api::wire::{Changed, QueueEdit, Role, Topic};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A client that listens.
struct Listener {
    lines: BufReader<TcpStream>,
}

/// An event.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: String,
}

impl Event {
    fn topics(&self) -> Vec<Topic> {
        serde_json::from_str::<Changed>(&self.data).unwrap().topics
    }
}

impl Listener {
    async fn start(rig: &Rig, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(rig.addr).await.unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let token = &rig.keys.viewer;
        let text = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        let mut event = Event { name: String::new(), id: String::new(), data: String::new() };
        loop {
            let mut line = String::new();
            let read =
                tokio::time::timeout(LIMIT, self.lines.read_line(&mut line)).await.expect("nothing comes");
            if read.unwrap_or(0) == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some((field, value)) = line.split_once(": ") {
                match field {
                    "event" => event.name = value.into(),
                    "id" => event.id = value.into(),
                    "data" => event.data = value.into(),
                    _ => {}
                }
            } else if line.is_empty() && !event.name.is_empty() {
                return Some(event);
            }
        }
    }

    /// The next event that names this topic.
    async fn next_about(&mut self, topic: Topic) -> Event {
        loop {
            let event = self.next().await.expect("the stream ended");
            if event.name == "changed" && event.topics().contains(&topic) {
                return event;
            }
        }
    }
}

async fn pause(rig: &Rig, paused: bool) {
    let edit = QueueEdit { paused: Some(paused), ..QueueEdit::default() };
    rig.api.edit_queue("default", &edit, None).await.unwrap();
}

async fn with_a_queue() -> Rig {
    let rig = Rig::on_file().await;
    enqueue(&rig.storage, EnqueueRequest::new("k", 1)).await;
    rig
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_to_all_and_twice_a_second_at_most() {
    let rig = with_a_queue().await;
    let changing = async {
        for n in 0_u32.. {
            pause(&rig, n.is_multiple_of(2)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let listening = async || {
        let began = Instant::now();
        let mut listener = Listener::start(&rig, None).await;
        assert_eq!(listener.next().await.unwrap().name, "ready");
        for n in 1..=4 {
            listener.next_about(Topic::Queues).await;
            // However late this side is, the server cannot have sent so many any sooner.
            assert!(began.elapsed() >= n * Duration::from_millis(500), "{n} events came at once");
        }
    };
    tokio::select! {
        () = changing => {}
        _ = async { tokio::join!(listening(), listening()) } => {}
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_comes_back_is_told_what_it_missed() {
    let rig = with_a_queue().await;
    let mut first = Listener::start(&rig, None).await;
    let ready = first.next().await.unwrap();
    // Someone has to listen, or nobody looks.
    let mut other = Listener::start(&rig, None).await;
    other.next().await.unwrap();
    drop(first);
    let seen = loop {
        // The first look is what later ones are compared with.
        pause(&rig, true).await;
        pause(&rig, false).await;
        let event = other.next_about(Topic::Queues).await;
        if event.id != ready.id {
            break event;
        }
    };
    let mut back = Listener::start(&rig, Some(&ready.id)).await;
    assert!(back.next().await.unwrap().topics().contains(&Topic::Queues));
    // Who has seen it all is told nothing until something changes.
    let mut up_to_date = Listener::start(&rig, Some(&seen.id)).await;
    enqueue(&rig.storage, EnqueueRequest::new("k", 1)).await;
    up_to_date.next_about(Topic::Jobs).await;
    for id in ["00000000-1", "nonsense", &format!("{}9999", ready.id)] {
        let mut lost = Listener::start(&rig, Some(id)).await;
        assert_eq!(lost.next().await.unwrap().topics(), Topic::ALL, "{id}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_bounded_and_end_with_the_server() {
    fn few(options: Options) -> Options {
        let mut limits = HttpLimits::default();
        (limits.streams, limits.streams_per_peer) = (2, 2);
        options.with_limits(limits)
    }
    let rig = Rig::start(Place::file(), Plan { options: few, ..Plan::default() }).await;
    let mut listeners = [Listener::start(&rig, None).await, Listener::start(&rig, None).await];
    for listener in &mut listeners {
        listener.next().await.unwrap();
    }
    let ask = Ask::new("GET", "/api/v1/events").token(rig.keys.of(Role::Viewer));
    let got = ask.send(rig.addr).await;
    assert_eq!((got.status, got.code().as_str()), (429, "too_many_requests"));
    assert!(got.header("retry-after").is_some());
    let [first, mut second] = listeners;
    drop(first);
    // Its place is free once the server has noticed.
    while ask.send(rig.addr).await.status != 200 {}
    assert_eq!(rig.stop().await, 0);
    // It ends, whatever it was told of by then.
    while let Some(event) = second.next().await {
        assert_eq!(event.name, "changed");
    }
}
