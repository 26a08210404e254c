//! Sessions of browsers: a cookie stands for a token, so that no script of a page ever holds one.

use super::Principal;
use super::tokens::{Hash, hash, random_text};
use http::header::COOKIE as COOKIE_HEADER;
use http::request::Parts;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The name of the cookie.
pub(in crate::http) const COOKIE: &str = "forge_session";
/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3_600);
/// Most sessions at a time; the oldest ends when another one begins.
const MOST: usize = 1_000;

/// A session that has begun.
pub struct Session {
    /// Whose it is.
    pub principal: Principal,
    /// What the cookie says.
    pub cookie: String,
    /// How long it lasts.
    pub lasts: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// Known by the hash of what the cookie says, so that looking one up tells nothing of the others by its time.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<Hash, (Arc<str>, Instant)>>,
}

impl Sessions {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, (Arc<str>, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, principal: Principal) -> Result<Session, getrandom::Error> {
        let cookie = random_text()?;
        let mut open = self.open();
        open.retain(|_, (_, began)| began.elapsed() < LASTS);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, (_, began))| *began).map(|(hash, _)| *hash)
        {
            open.remove(&oldest);
        }
        open.insert(hash(&cookie), (Arc::clone(&principal.name), Instant::now()));
        Ok(Session { principal, cookie, lasts: LASTS })
    }

    /// The name of whose session it is.
    pub(super) fn find(&self, cookie: &str) -> Option<Arc<str>> {
        let open = self.open();
        let (name, began) = open.get(&hash(cookie))?;
        (began.elapsed() < LASTS).then(|| Arc::clone(name))
    }

    pub(super) fn end(&self, cookie: &str) {
        self.open().remove(&hash(cookie));
    }
}

/// What the cookie of this name says.
pub(super) fn cookie_of<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = parts
        .headers
        .get_all(COOKIE_HEADER)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(n, _)| *n == name);
    values.next().map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::super::Proof;
    use super::*;
    use crate::wire::Role;

    #[test]
    fn a_session_is_known_until_it_ends_and_the_oldest_makes_room() {
        let sessions = Sessions::default();
        let begin = || sessions.begin(Principal::new("ada", Role::Viewer, Proof::Cookie)).unwrap().cookie;
        let first = begin();
        assert_eq!(sessions.find(&first).as_deref(), Some("ada"));
        assert_eq!(sessions.find("x"), None);
        sessions.end(&first);
        assert_eq!(sessions.find(&first), None);
        let oldest = begin();
        for _ in 0..MOST {
            begin();
        }
        assert_eq!(sessions.open().len(), MOST);
        assert_eq!(sessions.find(&oldest), None);
    }
}
