//! The names that a server answers to, against DNS rebinding: a page of another site can make its own name mean this
//! address, but cannot make a browser call it by one of these.

use http::header::HOST;
use http::request::Parts;

/// The names that a server answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any: for an application that checks them itself.
    Any,
    /// These, without a port, besides `localhost` and the loopback addresses.
    Only(Vec<String>),
}

/// Names that no other site can have.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Hosts {
    /// `localhost` and the loopback addresses.
    #[must_use]
    pub const fn loopback() -> Self {
        Self::Only(Vec::new())
    }

    /// Whether a request calls the server by one of its names.
    pub(super) fn allow(&self, parts: &Parts) -> bool {
        let Self::Only(names) = self else { return true };
        let Some(authority) = authority(parts) else { return false };
        let name = without_port(&authority);
        LOOPBACK.contains(&name) || names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// What a request calls the server: its only `Host`, in small letters.
pub(super) fn authority(parts: &Parts) -> Option<String> {
    let mut all = parts.headers.get_all(HOST).iter();
    let host = all.next()?.to_str().ok()?;
    // Two of them, or another one in the request line: whom it means is anybody's guess.
    let other = parts.uri.authority().is_some_and(|a| !a.as_str().eq_ignore_ascii_case(host));
    (all.next().is_none() && !other).then(|| host.to_ascii_lowercase())
}

fn without_port(authority: &str) -> &str {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => authority,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(hosts: &[&str], uri: &str) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_server_answers_to_its_own_names_alone() {
        let hosts = Hosts::Only(vec!["Forge.example".into()]);
        for ok in ["localhost", "LOCALHOST:80", "127.0.0.1:7419", "[::1]:1", "[::1]", "forge.example.:443"] {
            assert!(hosts.allow(&parts(&[ok], "/")), "{ok}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "",
            "forge.example@evil",
            "[::2]",
        ] {
            assert!(!hosts.allow(&parts(&[bad], "/")), "{bad}");
        }
        assert!(!hosts.allow(&parts(&[], "/")));
        assert!(!hosts.allow(&parts(&["localhost", "localhost"], "/")));
        assert!(!hosts.allow(&parts(&["localhost"], "http://evil.example/")));
        assert!(Hosts::Any.allow(&parts(&["evil.example"], "/")));
    }
}
