//! Both ends of a conversation, in the hands of the test.

use forge_torture::proxy::Proxy;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The longest that anything may take to arrive.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// How long a test listens to be sure that nothing comes. A shorter time can only miss a fault.
const SILENCE: Duration = Duration::from_millis(40);

/// A server that accepts and leaves the talking to the test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    accepted: Receiver<TcpStream>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell, accepted) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if tell.send(stream.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { addr, accepted }
    }

    pub(crate) fn accept(&self) -> Peer {
        Peer::new(self.accepted.recv_timeout(LIMIT).unwrap())
    }

    pub(crate) fn hears_of_nobody(&self) -> bool {
        self.accepted.recv_timeout(SILENCE).is_err()
    }
}

/// A proxy before a server.
pub(crate) fn pair() -> (Proxy, Server) {
    let server = Server::start();
    (Proxy::start(server.addr).unwrap(), server)
}

/// A client and its server side, past the startup.
pub(crate) fn session(proxy: &Proxy, server: &Server, name: &str) -> (Peer, Peer) {
    let mut client = Peer::connect(proxy);
    client.send(&startup(name));
    let mut server = server.accept();
    server.hears(&startup(name));
    let welcome = [message(b'R', &0_i32.to_be_bytes()), ready()].concat();
    server.send(&welcome);
    client.hears(&welcome);
    (client, server)
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Peer(TcpStream);

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn connect(proxy: &Proxy) -> Self {
        Self::new(TcpStream::connect(proxy.addr()).unwrap())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Reads as many bytes as these, which must be these.
    #[track_caller]
    pub(crate) fn hears(&mut self, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        self.0.read_exact(&mut heard).unwrap();
        assert!(
            heard == bytes,
            "{:?} instead of {:?}",
            String::from_utf8_lossy(&heard),
            String::from_utf8_lossy(bytes)
        );
    }

    /// Nothing comes, but the connection is open.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self) {
        self.0.set_read_timeout(Some(SILENCE)).unwrap();
        let heard = self.0.read(&mut [0; 64]);
        self.0.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(heard.unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    /// The connection was closed in good order, with nothing unread.
    #[track_caller]
    pub(crate) fn hears_the_end(&mut self) {
        assert_eq!(self.0.read(&mut [0; 64]).unwrap(), 0);
    }

    /// The connection was reset.
    #[track_caller]
    pub(crate) fn hears_a_reset(&mut self) {
        assert_eq!(self.0.read(&mut [0; 64]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn ends(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Sends from a thread of its own, since the pipe is shorter than what is sent.
    pub(crate) fn send_beside(&self, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
        let mut stream = self.0.try_clone().unwrap();
        std::thread::spawn(move || stream.write_all(&bytes).unwrap())
    }
}

pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn untagged(code: i32, body: &[u8]) -> Vec<u8> {
    message(0, &[&code.to_be_bytes()[..], body].concat())[1..].to_vec()
}

pub(crate) fn startup(name: &str) -> Vec<u8> {
    untagged(196_608, format!("user\0me\0application_name\0{name}\0\0").as_bytes())
}

pub(crate) fn ssl_request() -> Vec<u8> {
    untagged(80_877_103, b"")
}

pub(crate) fn gss_request() -> Vec<u8> {
    untagged(80_877_104, b"")
}

pub(crate) fn query(text: &str) -> Vec<u8> {
    message(b'Q', format!("{text}\0").as_bytes())
}

pub(crate) fn parse(name: &str, text: &str) -> Vec<u8> {
    message(b'P', format!("{name}\0{text}\0\0\0").as_bytes())
}

pub(crate) fn bind(portal: &str, name: &str) -> Vec<u8> {
    message(b'B', format!("{portal}\0{name}\0\0\0\0\0\0\0").as_bytes())
}

pub(crate) fn execute(portal: &str) -> Vec<u8> {
    message(b'E', format!("{portal}\0\0\0\0\0").as_bytes())
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub(crate) fn flush() -> Vec<u8> {
    message(b'H', b"")
}

/// A batch that executes a prepared statement.
pub(crate) fn run(name: &str) -> Vec<u8> {
    [bind("", name), execute(""), sync()].concat()
}

pub(crate) fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// The answer to a batch.
pub(crate) fn done(what: &str) -> Vec<u8> {
    [message(b'C', format!("{what}\0").as_bytes()), ready()].concat()
}
