//! What warnings are worth: failures, by the lints of the compiler that the code was judged by last.
//!
//! Each new Rust brings lints. Whoever has it must not fail by what nobody could have heeded.

use std::process::Command;
use std::sync::OnceLock;

/// Rust 1.95: its lints have been heeded.
const HEEDED: u32 = 95;

/// What makes each warning of clippy a failure.
pub(crate) const DENIED: &[&str] = &["--", "-D", "warnings"];

/// What comes after clippy's own arguments.
pub(crate) fn denied() -> &'static [&'static str] {
    if are_heeded() { DENIED } else { &[] }
}

/// The flags of rustdoc.
pub(crate) fn denied_in_docs() -> &'static str {
    if are_heeded() { "-D warnings" } else { "" }
}

fn are_heeded() -> bool {
    static HEED: OnceLock<bool> = OnceLock::new();
    *HEED.get_or_init(|| {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let said = Command::new(rustc).arg("--version").output();
        let newer = said.ok().and_then(|said| minor(&String::from_utf8_lossy(&said.stdout)));
        let newer = newer.filter(|minor| *minor > HEEDED);
        if let Some(minor) = newer {
            println!(
                "Rust 1.{minor} has lints that came after 1.{HEEDED}: warnings are told, and fail nothing"
            );
        }
        newer.is_none()
    })
}

/// 95 of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn the_minor_version_is_read() {
        assert_eq!(minor("rustc 1.95.0 (59807616e 2026-04-14)\n"), Some(95));
        assert_eq!(minor("rustc 1.101.0-nightly (59807616e 2026-04-14)"), Some(101));
        assert_eq!(minor("a compiler"), None);
    }
}
