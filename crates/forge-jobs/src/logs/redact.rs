//! Fields whose values are nobody's business.

/// Parts of names that tell of a secret, compared without case and without `-`, `_` and `.`.
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "authorization",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "cookie",
];
/// What stands for a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// Whether a field of this name holds a secret, as its name tells: `password`, `auth.token`, `X-Api-Key`.
pub(super) fn is_secret(name: &str) -> bool {
    let letters =
        || name.bytes().filter(|b| !matches!(b, b'-' | b'_' | b'.')).map(|b| b.to_ascii_lowercase());
    let length = letters().count();
    SECRET.iter().any(|secret| {
        (0..=length.saturating_sub(secret.len()))
            .any(|at| letters().skip(at).take(secret.len()).eq(secret.bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_of_secrets_however_they_are_written() {
        for name in
            ["password", "db_password", "Authorization", "X-Api-Key", "api_key", "auth.token", "apiKey"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["", "user", "key", "pass", "tok", "count", "message", "author"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
