//! `Audit`: what people did, and who.

use super::{InvalidValue, StorageError};
use crate::Timestamp;
use crate::limits::{MAX_ACTOR_BYTES, MAX_ADDRESS_BYTES};
use async_trait::async_trait;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Who acts. An action whose params name somebody is written to the audit in its own transaction; what a program does
/// for its own housekeeping names nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    role: Option<Role>,
    source: Source,
    address: Option<String>,
}

impl Actor {
    /// Somebody of this name, 1 to [`MAX_ACTOR_BYTES`] bytes without control characters.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for another name.
    pub fn new(name: impl Into<String>, source: Source) -> Result<Self, InvalidValue> {
        let name = name.into();
        check_text("actor", &name, MAX_ACTOR_BYTES)?;
        Ok(Self { name, role: None, source, address: None })
    }

    /// Somebody of this name, made fit: control characters are left out, and it is cut to
    /// [`MAX_ACTOR_BYTES`] bytes. Of nothing comes `unknown`.
    #[must_use]
    pub fn lossy(name: &str, source: Source) -> Self {
        let mut fit: String = name.chars().filter(|c| !c.is_control()).collect();
        let fits =
            |(at, c): (usize, char)| (at + c.len_utf8() <= MAX_ACTOR_BYTES).then_some(at + c.len_utf8());
        let end = fit.char_indices().map_while(fits).last().unwrap_or(0);
        fit.truncate(end);
        if fit.is_empty() {
            "unknown".clone_into(&mut fit);
        }
        Self { name: fit, role: None, source, address: None }
    }

    /// With what the person may do.
    #[must_use]
    pub const fn with_role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// With the address that the action came from, at most [`MAX_ADDRESS_BYTES`] bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for an empty or longer one, or one with control characters.
    pub fn with_address(mut self, address: impl Into<String>) -> Result<Self, InvalidValue> {
        let address = address.into();
        check_text("address", &address, MAX_ADDRESS_BYTES)?;
        self.address = Some(address);
        Ok(self)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the person may do, if that is known.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        self.role
    }

    /// The way that the action came.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The address that it came from, if that is known.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// As a database kept it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) const fn from_storage(
        name: String,
        role: Option<Role>,
        source: Source,
        address: Option<String>,
    ) -> Self {
        Self { name, role, source, address }
    }
}

fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), InvalidValue> {
    if (1..=most).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let value = text.chars().take(64).collect::<String>();
    let remedy = format!("use 1 to {most} bytes without control characters");
    Err(InvalidValue { field, value: format!("{value:?}"), remedy })
}

/// Makes an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, as in JSON and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::ALL.iter().copied().find(|w| w.as_str() == text).ok_or_else(|| InvalidValue {
                    field: stringify!($name),
                    value: format!("{:?}", text.chars().take(64).collect::<String>()),
                    remedy: format!("use {}", [$($word,)*].join(", ")),
                })
            }
        }
    };
}

words! {
    /// What a person may do.
    Role {
        /// Look.
        Viewer = "viewer",
        /// Steer jobs and queues.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

words! {
    /// The way that an action came.
    Source {
        /// The command line.
        Cli = "cli",
        /// The HTTP API.
        Api = "api",
        /// The panel.
        Panel = "panel",
        /// A host program's own code, for a person.
        Code = "code",
    }
}

words! {
    /// What came of an action.
    AuditOutcome {
        /// Something was changed.
        Done = "done",
        /// It was as asked before, or nothing that was named could be changed.
        Unchanged = "unchanged",
        /// The person may not do that; nothing was tried.
        Denied = "denied",
        /// It was tried and refused, or it failed.
        Refused = "refused",
    }
}

/// One action of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRow {
    /// Its number; grows.
    pub no: i64,
    /// When, by the database's clock.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done: `queue.pause`, `queue.resume`, `queue.set`, `job.cancel`, `job.retry`, `job.run_now`, `job.drop`,
    /// `job.edit`,
    /// `schedule.put`, `schedule.resume`, `schedule.pause`, `schedule.reset`, `schedule.remove`, `schedule.run`,
    /// `limit.set`, `limit.remove`, `limit.attach`, `limit.detach`, `limit.drain`, `limit.lift`; a host's own words too.
    pub action: String,
    /// To what sort of thing: `queue`, `job`, `schedule`, `limit`, `kind`.
    pub what: String,
    /// To which one; `None`: to several.
    pub target: Option<String>,
    /// How many things were changed.
    pub count: u64,
    /// Settings before, as a JSON object; of a large one only that it was.
    pub before: Option<String>,
    /// Settings after, likewise. Payloads are left out.
    pub after: Option<String>,
    /// More, as a JSON object: the ids that were named (the first of them), and how many came to which end.
    pub detail: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
}

/// Which actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of this person.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only to this sort of thing.
    pub what: Option<String>,
    /// Only to the thing of this name.
    pub target: Option<String>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
}

/// For [`Audit::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditListParams {
    /// Which actions.
    pub filter: AuditFilter,
    /// Rows of the page, 1 to [`MAX_PAGE`](crate::limits::MAX_PAGE).
    pub limit: u32,
    /// Only before this number: the [`next`](AuditPage::next) of the page before. `None`: from the latest on.
    pub before: Option<i64>,
}

/// A page of the audit, the latest action first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The actions.
    pub rows: Vec<AuditRow>,
    /// Pass it to get the next page; `None` at the end.
    pub next: Option<i64>,
}

/// For [`Audit::record`]: what a storage does not see itself, as that somebody was turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordParams {
    /// Who.
    pub actor: Actor,
    /// What was asked for, a name like `queue.pause`.
    pub action: String,
    /// Of what sort of thing, a name.
    pub what: String,
    /// Of which one, at most [`MAX_ACTOR_BYTES`] bytes.
    pub target: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

impl RecordParams {
    /// The names and texts are within their bounds.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn check(&self) -> Result<(), StorageError> {
        use crate::job::check_name;
        for (field, name) in [("action", &self.action), ("what", &self.what)] {
            check_name(field, name).map_err(|e| InvalidValue {
                field,
                value: format!("{name:?}"),
                remedy: e.to_string(),
            })?;
        }
        Ok(self.target.as_deref().map_or(Ok(()), |t| check_text("target", t, MAX_ACTOR_BYTES))?)
    }
}

/// For [`Audit::sweep_audit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepAuditParams {
    /// How long actions are kept.
    pub keep: Duration,
    /// At most so many rows.
    pub limit: u32,
    /// The time to act at.
    pub now: Option<Timestamp>,
}

/// What people did, and who.
///
/// The calls that people make carry an [`Actor`]; each writes its row in the transaction that does the work, so that
/// neither is there without the other. A call that ends in an error has changed nothing and leaves no row.
#[async_trait]
pub trait Audit: Send + Sync + 'static {
    /// A page of actions, the latest first.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a limit out of range.
    async fn list(&self, params: AuditListParams) -> Result<AuditPage, StorageError>;

    /// Writes a row for what no other call does. Not idempotent.
    ///
    /// # Errors
    ///
    /// [`StorageError::Invalid`] for a name or text out of its bounds.
    async fn record(&self, params: RecordParams) -> Result<(), StorageError>;

    /// Deletes rows that are older than wished, the oldest first. Gives how many. Idempotent.
    async fn sweep_audit(&self, params: SweepAuditParams) -> Result<u32, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_hold_no_control_characters() {
        let long = "x".repeat(MAX_ACTOR_BYTES + 1);
        for bad in ["", "a\nb", long.as_str()] {
            let e = Actor::new(bad, Source::Cli).unwrap_err();
            assert_eq!(e.field, "actor");
        }
        let actor = Actor::new("ada", Source::Api).unwrap().with_role(Role::Admin);
        assert!(actor.clone().with_address("").is_err());
        assert_eq!(Actor::lossy(&"ü".repeat(99), Source::Cli).name().len(), MAX_ACTOR_BYTES);
        assert_eq!(Actor::lossy("\n", Source::Cli).name(), "unknown");
        assert_eq!(actor.with_address("::1").unwrap().address(), Some("::1"));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for source in Source::ALL {
            assert_eq!(source.as_str().parse(), Ok(*source));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
