//! A server of `forge serve`, over HTTP.

use crate::exit::Failure;
use forge_jobs_api::http::API_PREFIX;
use forge_jobs_api::wire::{ErrorBody, ErrorCode};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, IF_MATCH};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Longest answer.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// Longest file of a token.
const MAX_TOKEN_BYTES: u64 = 4 << 10;

/// What a name is written with in a path.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A server.
pub(crate) struct Remote {
    /// Host and port, as the server is called.
    authority: String,
    host: String,
    port: u16,
    tls: bool,
    /// The prefix that the API is mounted under.
    base: String,
    token: Option<String>,
}

fn invalid(text: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::Invalid, text)
}

impl Remote {
    pub(super) fn new(url: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let bad =
            || invalid("--server: expected a URL such as https://jobs.example.com, without a token in it");
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(bad()) };
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(bad()),
        };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(bad());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let token = token_file.map(read_token).transpose()?;
        // A token that goes over the network in the clear is everybody's.
        if token.is_some() && !tls && !is_loopback(&host) {
            return Err(invalid("--server: a token goes over https alone, or to a loopback address"));
        }
        Ok(Self {
            authority: authority.as_str().to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            host,
            tls,
            base: uri.path().trim_end_matches('/').to_owned(),
            token,
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.ask::<(), T>(Method::GET, self.target(path, ""), None, None).await
    }

    pub(super) async fn get_with<Q: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &Q,
    ) -> Result<T, Failure> {
        let query = serde_urlencoded::to_string(query).map_err(|e| Failure::of(ErrorCode::Failed, &e))?;
        self.ask::<(), T>(Method::GET, self.target(path, &query), None, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.ask::<(), T>(Method::POST, self.target(path, ""), None, None).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.ask::<(), T>(Method::DELETE, self.target(path, ""), None, None).await
    }

    /// Sends a change, if what is changed still has this version.
    pub(super) async fn send<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&B>,
        version: Option<i64>,
    ) -> Result<T, Failure> {
        self.ask(method, self.target(path, ""), body, version).await
    }

    fn target(&self, path: &[&str], query: &str) -> String {
        let mut target = format!("{}{API_PREFIX}", self.base);
        for part in path {
            target.push('/');
            target.extend(utf8_percent_encode(part, IN_PATH));
        }
        if !query.is_empty() {
            target.push('?');
            target.push_str(query);
        }
        target
    }

    async fn ask<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        target: String,
        body: Option<&B>,
        version: Option<i64>,
    ) -> Result<T, Failure> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(|e| Failure::of(ErrorCode::Failed, &e))?,
            None => Vec::new(),
        };
        let changes = method != Method::GET;
        let mut request = Request::builder().method(method).uri(target).header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(version) = version {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| invalid("--token-file: the token is no text that a header can hold"))?;
        let asked = tokio::time::timeout(ANSWER, self.exchange(request)).await;
        let (status, bytes) = asked
            .unwrap_or_else(|_| {
                let text = format!("{} gave no answer within {} s", self.authority, ANSWER.as_secs());
                Err(Failure::new(ErrorCode::Unavailable, text))
            })
            .map_err(|failure| {
                if changes {
                    failure.with_remedy("the change may have been made all the same")
                } else {
                    failure
                }
            })?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|e| {
                let text = format!("{} is no server of forge, or of another version: {e}", self.authority);
                Failure::new(ErrorCode::Failed, text)
            });
        }
        Err(match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(ErrorBody { error }) => Failure::from_wire(error),
            Err(_) => Failure::new(ErrorCode::Unavailable, format!("{} answers {status}", self.authority)),
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let unreachable = |e: &dyn std::fmt::Display| {
            Failure::new(ErrorCode::Unavailable, format!("{} cannot be reached: {e}", self.authority))
        };
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(stream) => stream.map_err(|e| unreachable(&e))?,
            Err(_) => return Err(unreachable(&"it does not answer")),
        };
        if !self.tls {
            return over(stream, request).await.map_err(|e| unreachable(&e));
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|e| unreachable(&e))?;
        let tls =
            TlsConnector::from(tls_config()?).connect(name, stream).await.map_err(|e| unreachable(&e))?;
        over(tls, request).await.map_err(|e| unreachable(&e))
    }
}

/// Sends a request over a connection of its own, and reads the answer.
async fn over<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let bytes = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok((status, bytes))
    }
    .await;
    driving.abort();
    answer
}

/// The authorities that this machine trusts.
fn tls_config() -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::of(ErrorCode::Failed, &e))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let bad = |reason: String| invalid(format!("--token-file {}: {reason}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| bad(e.to_string()))?.len();
    if size > MAX_TOKEN_BYTES {
        return Err(bad("it is too long to be a token".into()));
    }
    let text = std::fs::read_to_string(file).map_err(|e| bad(e.to_string()))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(bad("expected a token and nothing else".into()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_url_and_a_token_never_goes_in_the_clear() {
        let remote = |url| Remote::new(url, None);
        let prefixed = remote("https://jobs.example.com/ops/").unwrap();
        assert_eq!((prefixed.port, prefixed.tls), (443, true));
        assert_eq!(prefixed.target(&["schedules", "a/b %"], "x=1"), "/ops/api/v1/schedules/a%2Fb%20%25?x=1");
        for bad in
            ["", "jobs.example.com", "ftp://a.example", "http://ada:x@a.example", "http://a.example?token=x"]
        {
            assert!(remote(bad).is_err(), "{bad}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "forge_x\n").unwrap();
        let with_token = |url| Remote::new(url, Some(file.path()));
        assert!(with_token("http://jobs.example.com").is_err());
        for good in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://jobs.example.com"]
        {
            assert!(with_token(good).is_ok(), "{good}");
        }
    }
}
