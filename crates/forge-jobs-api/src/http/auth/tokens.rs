//! Bearer tokens: long random texts, of which the server knows hashes alone.

use super::sessions::{COOKIE, Sessions, cookie_of};
use super::{Authenticator, Principal, Proof, Refused, Session};
use crate::wire::Role;
use async_trait::async_trait;
use forge_jobs::Timestamp;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What tokens begin with, so that people and scanners know them when they see one.
const PREFIX: &str = "forge_";
/// Random bytes of a token, and of a session.
const RANDOM_BYTES: usize = 32;
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 512;
/// Most tokens of a file.
const MAX_TOKENS: usize = 1_000;

pub(super) type Hash = [u8; 32];

/// A hash without salt or stretching: what is hashed is random, and too long to be guessed.
pub(super) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Random bytes as text.
pub(super) fn random_text() -> Result<String, getrandom::Error> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        text.push(char::from_digit(u32::from(b >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(b & 15), 16).unwrap_or('0'));
        text
    })
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != hash.len() * 2 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// A token that was just made: 32 random bytes. It is shown once.
///
/// ```
/// use forge_jobs_api::http::{NewToken, Tokens};
/// use forge_jobs_api::wire::Role;
///
/// let made = NewToken::make("ada", Role::Operator, None)?;
/// assert!(made.token.starts_with("forge_") && !made.line.contains(&made.token));
/// Tokens::parse(&format!("# who may call\n{}\n", made.line))?;
/// # Ok::<(), forge_jobs_api::http::TokenFileError>(())
/// ```
pub struct NewToken {
    /// What the caller sends.
    pub token: String,
    /// What the server keeps: a line of its file.
    pub line: String,
}

impl NewToken {
    /// A token for a caller of this name, 1 to 64 of the characters `A-Z a-z 0-9 . _ - @`. Without `expires` it holds until
    /// its line is removed.
    ///
    /// # Errors
    ///
    /// [`TokenFileError`] for a name that is none; the system has no randomness to give.
    pub fn make(name: &str, role: Role, expires: Option<Timestamp>) -> Result<Self, TokenFileError> {
        let bad = |reason: String| TokenFileError { line: 0, reason };
        check_name(name).map_err(bad)?;
        let random = random_text().map_err(|e| bad(format!("the system gives no random bytes: {e}")))?;
        let token = format!("{PREFIX}{random}");
        let mut line = format!("{name} {} sha256:{}", role.as_str(), hex(&hash(&token)));
        if let Some(expires) = expires {
            line.push(' ');
            line.push_str(&expires.to_string());
        }
        Ok(Self { token, line })
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").finish_non_exhaustive()
    }
}

/// A line of a file of tokens is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TokenFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it. Never quotes what may be a token.
    pub reason: String,
}

fn check_name(name: &str) -> Result<(), String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    if (1..=64).contains(&name.len()) && name.bytes().all(ok) {
        return Ok(());
    }
    Err("the name is none: use 1 to 64 of the characters A-Z a-z 0-9 . _ - @".into())
}

struct Known {
    name: Arc<str>,
    role: Role,
    hash: Hash,
    expires: Option<Timestamp>,
}

impl Known {
    fn read(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let shape = || "write `NAME ROLE sha256:HASH [EXPIRES]`; `forge token` makes such a line".to_owned();
        let (Some(name), Some(role), Some(hash)) = (words.next(), words.next(), words.next()) else {
            return Err(shape());
        };
        check_name(name)?;
        let role = Role::ALL.into_iter().find(|r| r.as_str() == role);
        let role = role.ok_or("the role is none of viewer, operator and admin")?;
        let hash = hash.strip_prefix("sha256:").and_then(unhex).ok_or_else(shape)?;
        let expires = match words.next() {
            Some(text) => Some(text.parse().map_err(|_| "the time of expiry is not in RFC 3339".to_owned())?),
            None => None,
        };
        if words.next().is_some() {
            return Err(shape());
        }
        Ok(Self { name: name.into(), role, hash, expires })
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|at| now < at)
    }
}

/// Callers who show a bearer token in `Authorization`, or the cookie of a session that began with one.
///
/// Each line of the file is `NAME ROLE sha256:HASH [EXPIRES]`; empty lines and those that begin with `#` are left out. At
/// most 1,000 tokens.
///
/// A session lasts 12 hours and is known to this object alone: another replica does not know it, and a restart ends it. Of
/// more than 1,000 the oldest end.
pub struct Tokens {
    known: Vec<Known>,
    sessions: Sessions,
}

impl Tokens {
    /// From the text of a file.
    ///
    /// # Errors
    ///
    /// [`TokenFileError`] for the first line that is not understood, for a file without a token, and for one name or
    /// token twice.
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let mut known: Vec<Known> = Vec::new();
        let (mut names, mut hashes) = (HashSet::new(), HashSet::new());
        for (n, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            let bad = |reason: String| TokenFileError { line: n + 1, reason };
            let one = Known::read(line_text).map_err(bad)?;
            if !names.insert(Arc::clone(&one.name)) || !hashes.insert(one.hash) {
                return Err(bad("the same name or token stands above: each needs one of its own".into()));
            }
            if known.len() == MAX_TOKENS {
                return Err(bad(format!("there are more than {MAX_TOKENS} tokens")));
            }
            known.push(one);
        }
        if known.is_empty() {
            return Err(TokenFileError {
                line: 1,
                reason: "there is no token in it: nobody could call".into(),
            });
        }
        Ok(Self { known, sessions: Sessions::default() })
    }

    /// Who has this token. Takes the same time whatever is wrong with it: all hashes are compared, to their ends.
    fn find(&self, token: &str) -> Option<&Known> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let hash = hash(token);
        let now = Timestamp::now();
        let mut found = None;
        for known in &self.known {
            let same = bool::from(known.hash.ct_eq(&hash));
            if same && known.is_valid(now) {
                found = Some(known);
            }
        }
        found
    }

    fn by_name(&self, name: &str) -> Option<&Known> {
        let now = Timestamp::now();
        self.known.iter().find(|known| &*known.name == name && known.is_valid(now))
    }

    fn principal(known: &Known, proof: Proof) -> Principal {
        Principal { name: Arc::clone(&known.name), role: known.role, proof }
    }
}

/// The token of a request: the only `Authorization`, of the scheme `Bearer`.
fn bearer(parts: &Parts) -> Option<Result<&str, Refused>> {
    let mut all = parts.headers.get_all(AUTHORIZATION).iter();
    let first = all.next()?;
    let one = all.next().is_none();
    let token = first.to_str().ok().and_then(|text| text.split_once(' '));
    let token = token.filter(|(scheme, _)| one && scheme.eq_ignore_ascii_case("bearer"));
    Some(token.map(|(_, token)| token.trim()).ok_or(Refused::Wrong))
}

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(&self, request: &Parts) -> Result<Principal, Refused> {
        if let Some(token) = bearer(request) {
            let known = self.find(token?).ok_or(Refused::Wrong)?;
            return Ok(Self::principal(known, Proof::Header));
        }
        let Some(cookie) = cookie_of(request, COOKIE) else { return Err(Refused::Missing) };
        // An old session is nobody's attack: it ends with the server, or with its time.
        let name = self.sessions.find(cookie).ok_or(Refused::Missing)?;
        let known = self.by_name(&name).ok_or(Refused::Missing)?;
        Ok(Self::principal(known, Proof::Cookie))
    }

    fn has_sessions(&self) -> bool {
        true
    }

    async fn log_in(&self, token: &str) -> Result<Session, Refused> {
        let known = self.find(token).ok_or(Refused::Wrong)?;
        let principal = Self::principal(known, Proof::Cookie);
        self.sessions.begin(principal).map_err(|_| Refused::Unavailable)
    }

    async fn log_out(&self, request: &Parts) {
        if let Some(cookie) = cookie_of(request, COOKIE) {
            self.sessions.end(cookie);
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn a_token_opens_with_the_right_of_its_line_and_nothing_else_does() {
        let made = NewToken::make("ada", Role::Operator, None).unwrap();
        assert!(!made.line.contains(&made.token[PREFIX.len()..]));
        let tokens = Tokens::parse(&format!("# who\n\n{}\n", made.line)).unwrap();
        let ask = async |value: String| tokens.authenticate(&request(&[("authorization", &value)])).await;
        let got = ask(format!("bearer {}", made.token)).await.unwrap();
        assert_eq!(got, Principal::new("ada", Role::Operator, Proof::Header));
        for bad in
            ["Bearer", "Bearer ", "Basic YTpi", "Bearer x", &made.token, &format!("Bearer {}x", made.token)]
        {
            assert_eq!(ask(bad.to_owned()).await, Err(Refused::Wrong), "{bad}");
        }
        assert_eq!(tokens.authenticate(&request(&[])).await, Err(Refused::Missing));
        let header = format!("Bearer {}", made.token);
        let twice = request(&[("authorization", &header), ("authorization", &header)]);
        assert_eq!(tokens.authenticate(&twice).await, Err(Refused::Wrong));
    }

    #[tokio::test]
    async fn a_token_ends_at_its_time() {
        let long_ago = Some(Timestamp::from_micros(1));
        let made = NewToken::make("ada", Role::Admin, long_ago).unwrap();
        let tokens = Tokens::parse(&made.line).unwrap();
        let header = format!("Bearer {}", made.token);
        assert_eq!(tokens.authenticate(&request(&[("authorization", &header)])).await, Err(Refused::Wrong));
        assert_eq!(tokens.log_in(&made.token).await.err(), Some(Refused::Wrong));
    }

    #[test]
    fn a_bad_line_is_named_and_never_quoted() {
        let good = NewToken::make("ada", Role::Viewer, None).unwrap().line;
        for (text, line) in [
            ("", 1),
            ("# nothing", 1),
            ("ada viewer forge_hunter2", 1),
            ("\nada root sha256:00", 2),
            (&*format!("{good}\n{good}"), 2),
            (&*format!("{good} tomorrow"), 1),
            (&*format!("a/b{good}"), 1),
        ] {
            let e = Tokens::parse(text).unwrap_err();
            assert_eq!(e.line, line, "{text:?}: {e}");
            assert!(!e.to_string().contains("hunter2"), "{e}");
        }
    }
}
