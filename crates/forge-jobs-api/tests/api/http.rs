//! A client that sends what it is told, byte for byte: no library would send half of what is tried here.

use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Nothing that these tests wait for takes longer, unless it hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With a body of JSON.
    pub(crate) fn json(self, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..self }.header("Content-Type", "application/json")
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text.push_str("Host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
        } else {
            text.push_str("\r\n");
        }
        text.into_bytes()
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(&self, to: SocketAddr) -> Got {
        let mut stream = TcpStream::connect(to).await.unwrap();
        // A server that has seen enough may close before everything is sent.
        let _ = stream.write_all(&self.bytes()).await;
        read(&mut stream, self.method == "HEAD").await
    }
}

/// Connects from another loopback address.
pub(crate) async fn connect_from(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(to).await
}

/// Reads an answer to its end, or the beginning of one that has none.
pub(crate) async fn read(stream: &mut TcpStream, head: bool) -> Got {
    let mut all = Vec::new();
    let reading = async {
        let mut piece = vec![0; 16 << 10];
        // A reset after the answer is the end of it too.
        while let Ok(n) = stream.read(&mut piece).await {
            all.extend_from_slice(&piece[..n]);
            let head = String::from_utf8_lossy(&all);
            let head = head.split_once("\r\n\r\n").map(|(head, _)| head);
            let endless = head.is_some_and(|head| head.contains("content-type: text/event-stream"));
            if n == 0 || endless {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, reading).await.expect("the server hangs");
    parse(&all, head).unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&all)))
}

fn parse(all: &[u8], head: bool) -> Option<Got> {
    let text = String::from_utf8_lossy(all).into_owned();
    let (top, body) = text.split_once("\r\n\r\n")?;
    let mut lines = top.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut got = Got { status, headers, body: body.to_owned() };
    if got.header("transfer-encoding") == Some("chunked") {
        got.body = unchunked(body);
    } else if let Some(length) = got.header("content-length").filter(|_| !head) {
        assert_eq!(length, body.len().to_string(), "{text}");
    }
    Some(got)
}

fn unchunked(mut text: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        out.push_str(rest.get(..size).unwrap_or(rest));
        text = rest.get(size + 2..).unwrap_or("");
    }
    out
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The code of an error.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let value: serde_json::Value = self.json();
        value["error"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}
