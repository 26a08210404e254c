//! Names of budgets, and the template that a keyed one follows.

use super::RateLimitError;
use crate::job::{check_name, name::cut};
use std::fmt;
use std::str::FromStr;

/// The name of a budget, checked.
///
/// `slack:team-7` is keyed: what stands before the first colon is its template, whose limit, window and mode it has
/// unless it has its own. Each key has a budget of its own. While the template is drained, all of its keys are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`RateLimitError::Scope`] outside of `[A-Za-z0-9._:/-]{1,128}`, and for a keyed name without a template or a key.
    pub fn new(name: &str) -> Result<Self, RateLimitError> {
        let bad = |remedy: String| Err(RateLimitError::Scope { scope: cut(name), remedy });
        if let Err(e) = check_name("scope", name) {
            return bad(e.to_string());
        }
        match name.split_once(':') {
            Some(("", _)) => bad("before the colon stands the template: slack:team-7".into()),
            Some((_, "")) => bad("after the colon stands the key: slack:team-7".into()),
            _ => Ok(Self(name.to_owned())),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope whose limit a keyed one has, unless it has its own; `None` for one that is not keyed.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        self.0.split_once(':').map(|(template, _)| template)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = RateLimitError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}
