//! Why an attempt did not end in done: more than its text.

use super::clean_error;
use crate::errors::Fingerprint;
use crate::limits::{MAX_CAUSE_BYTES, MAX_CAUSES, MAX_CAUSES_BYTES};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;

/// One error of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCause {
    /// The type as it names itself when it is shown for debugging, `SmtpError` for instance; `None` when it does not.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What it says, cleaned and cut.
    pub message: String,
}

/// What ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptCause {
    /// The handler reported it.
    Handler,
    /// The handler panicked.
    Panic,
    /// It ran longer than its time limit.
    TimeLimit,
    /// The payload does not fit the handler's type; nothing ran.
    Undecodable,
    /// It was throttled too many times in a row.
    Throttles,
    /// A person cancelled it.
    Cancel,
    /// Its process died.
    ProcessDied,
}

impl AttemptCause {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Handler,
        Self::Panic,
        Self::TimeLimit,
        Self::Undecodable,
        Self::Throttles,
        Self::Cancel,
        Self::ProcessDied,
    ];

    /// The word used in code, SQL views, JSON and the panel alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Panic => "panic",
            Self::TimeLimit => "time_limit",
            Self::Undecodable => "undecodable",
            Self::Throttles => "throttles",
            Self::Cancel => "cancel",
            Self::ProcessDied => "process_died",
        }
    }
}

impl fmt::Display for AttemptCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why an attempt did not end in done, as it is handed to a storage beside the error text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What ended it.
    pub cause: AttemptCause,
    /// Where it panicked: file, line and column.
    pub location: Option<String>,
    /// The error and its sources, the outermost first; empty when there is no more than the text.
    pub chain: Vec<ErrorCause>,
    /// What it is counted under; `None`: it is not counted.
    pub fingerprint: Option<Fingerprint>,
}

impl Failure {
    /// A failure of a job of this kind with this text. It is counted, unless it was cancelled.
    #[must_use]
    pub fn new(kind: &str, cause: AttemptCause, text: &str, told: Told) -> Self {
        let chain = told.chain_of(text);
        let error_type = match cause {
            AttemptCause::Handler => chain.first().and_then(|c| c.error_type.as_deref()).unwrap_or_default(),
            cause => cause.as_str(),
        };
        let counted = cause != AttemptCause::Cancel;
        let fingerprint = counted.then(|| Fingerprint::of(kind, error_type, text));
        // A chain of one error without a type says what the text says.
        let says_more = chain.len() > 1 || chain.iter().any(|c| c.error_type.is_some());
        let chain = if says_more { chain } else { Vec::new() };
        Self {
            cause,
            location: told.panicked_at.filter(|_| cause == AttemptCause::Panic),
            chain,
            fingerprint,
        }
    }

    /// The process of a job of this kind died.
    #[must_use]
    pub fn of_crash(kind: &str) -> Self {
        let fingerprint = Some(Fingerprint::of_crash(kind));
        Self { cause: AttemptCause::ProcessDied, location: None, chain: Vec::new(), fingerprint }
    }

    /// What there is beside the text, how the attempt ended and the number of the group, as storages keep it; `None`:
    /// nothing.
    #[must_use]
    pub fn details(&self) -> Option<String> {
        let by_result = matches!(self.cause, AttemptCause::Handler | AttemptCause::ProcessDied);
        let plain = by_result && self.location.is_none() && self.chain.is_empty();
        let details =
            Details { cause: self.cause, location: self.location.clone(), chain: self.chain.clone() };
        // It always has a JSON form.
        if plain { None } else { serde_json::to_string(&details).ok() }
    }
}

/// The part of a [`Failure`] that a storage keeps as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Details {
    /// What ended the attempt.
    pub cause: AttemptCause,
    /// Where it panicked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The error and its sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<ErrorCause>,
}

/// What was told of errors while a handler ran, besides its outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    chains: Vec<(String, Vec<ErrorCause>)>,
    panicked_at: Option<String>,
}

/// Chains that are remembered for one attempt: a handler may make several outcomes and report one.
const CHAINS: usize = 8;

impl Told {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { chains: Vec::new(), panicked_at: None }
    }

    /// Whether nothing was told.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.panicked_at.is_none()
    }

    /// Adds what was told later.
    pub(crate) fn add(&mut self, later: Self) {
        for chain in later.chains {
            self.add_chain(chain);
        }
        if later.panicked_at.is_some() {
            self.panicked_at = later.panicked_at;
        }
    }

    fn add_chain(&mut self, chain: (String, Vec<ErrorCause>)) {
        if self.chains.len() >= CHAINS {
            self.chains.remove(0);
        }
        self.chains.push(chain);
    }

    /// The chain that this text was made of.
    fn chain_of(&self, text: &str) -> Vec<ErrorCause> {
        let found = self.chains.iter().rev().find(|(of, _)| of == text);
        found.map(|(_, chain)| chain.clone()).unwrap_or_default()
    }
}

/// How an error's chain finds its way from where an outcome is made of it to where the attempt is concluded, while the
/// outcome itself stays a plain text.
pub(crate) mod hearing {
    use super::{ErrorCause, Told};
    use std::cell::RefCell;

    thread_local! {
        /// What the attempt that is polled on this thread just now has told; `None`: none is.
        static HEARD: RefCell<Option<Told>> = const { RefCell::new(None) };
    }

    /// Runs one poll of a handler and gives what it told to `keep`, also when it panics.
    pub(crate) fn during<T>(keep: impl FnMut(Told), poll: impl FnOnce() -> T) -> T {
        let before = HEARD.with(|heard| heard.replace(Some(Told::new())));
        let _restored = Restore { before, keep };
        poll()
    }

    struct Restore<K: FnMut(Told)> {
        before: Option<Told>,
        keep: K,
    }

    impl<K: FnMut(Told)> Drop for Restore<K> {
        fn drop(&mut self) {
            let told = HEARD.with(|heard| heard.replace(self.before.take()));
            if let Some(told) = told.filter(|told| !told.is_empty()) {
                (self.keep)(told);
            }
        }
    }

    /// Whether an attempt is polled on this thread.
    pub(crate) fn is_on() -> bool {
        // A panic while the cell is in use must not become another one.
        HEARD.try_with(|heard| heard.try_borrow().is_ok_and(|told| told.is_some())).unwrap_or(false)
    }

    pub(crate) fn chain(text: &str, chain: Vec<ErrorCause>) {
        HEARD.with(|heard| {
            if let Some(told) = heard.borrow_mut().as_mut() {
                told.add_chain((text.to_owned(), chain));
            }
        });
    }

    pub(crate) fn panicked_at(location: String) {
        let _ = HEARD.try_with(|heard| {
            if let Ok(mut heard) = heard.try_borrow_mut()
                && let Some(told) = heard.as_mut()
            {
                told.panicked_at = Some(location);
            }
        });
    }
}

/// An error and its sources, within bounds: the last entry says how many were left out.
pub(crate) fn causes(error: &dyn Error) -> Vec<ErrorCause> {
    let mut chain = Vec::new();
    let (mut next, mut bytes, mut left_out) = (Some(error), 0, 0_u32);
    // Sources could go round in a circle.
    for _ in 0..10 * MAX_CAUSES {
        let Some(error) = next else { break };
        next = error.source();
        if chain.len() + 1 >= MAX_CAUSES || bytes >= MAX_CAUSES_BYTES {
            left_out += 1;
            continue;
        }
        let message = clean_error(&error.to_string(), MAX_CAUSE_BYTES);
        bytes += message.len();
        chain.push(ErrorCause { error_type: type_name(error), message });
    }
    if left_out > 0 {
        chain.push(ErrorCause { error_type: None, message: format!("… ({left_out} more)") });
    }
    chain
}

/// The name that an error's `Debug` form begins with, as derived ones do.
fn type_name(error: &dyn Error) -> Option<String> {
    use fmt::Write as _;

    /// Takes letters until something else comes.
    struct Name(String, bool);

    impl fmt::Write for Name {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                if self.0.len() >= 128 || !(c.is_ascii_alphanumeric() || c == '_') {
                    // `Name(`, `Name {` and the end of it are what a derived form has after the name.
                    self.1 = matches!(c, '(' | '{' | ' ');
                    return Err(fmt::Error);
                }
                self.0.push(c);
            }
            Ok(())
        }
    }

    let mut name = Name(String::new(), true);
    let _ = write!(name, "{error:?}");
    let Name(name, whole) = name;
    (whole && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JobOutcome;

    #[derive(Debug, thiserror::Error)]
    #[error("send mail to {to}")]
    struct Send {
        to: &'static str,
        #[source]
        source: Refused,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused(#[source] std::io::Error);

    fn error() -> Send {
        Send { to: "ada", source: Refused(std::io::Error::other("no route")) }
    }

    #[test]
    fn each_error_of_a_chain_keeps_its_type_and_message() {
        let chain = causes(&error());
        let seen: Vec<_> = chain.iter().map(|c| (c.error_type.as_deref(), c.message.as_str())).collect();
        assert_eq!(
            seen,
            [(Some("Send"), "send mail to ada"), (Some("Refused"), "refused"), (Some("Custom"), "no route")]
        );
    }

    #[test]
    fn a_text_that_is_no_type_is_none() {
        let from = |text: &str| Box::<dyn Error>::from(text.to_owned());
        assert_eq!(type_name(&*from("Out of cheese")), None);
    }

    #[test]
    fn an_endless_chain_is_cut_visibly() {
        #[derive(Debug, thiserror::Error)]
        #[error("again")]
        struct Loop;
        #[derive(Debug)]
        struct Deep(u32, Option<Box<Self>>);
        impl fmt::Display for Deep {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "level {} {}", self.0, "x".repeat(10_000))
            }
        }
        impl Error for Deep {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                self.1.as_deref().map(|d| d as &dyn Error)
            }
        }
        let deep = (0..40).fold(None, |inner, n| Some(Box::new(Deep(n, inner)))).unwrap();
        let chain = causes(&*deep);
        assert!(chain.len() <= MAX_CAUSES);
        assert!(
            chain.iter().map(|c| c.message.len()).sum::<usize>() <= MAX_CAUSES_BYTES + MAX_CAUSE_BYTES + 100
        );
        assert!(chain.last().unwrap().message.contains("more"), "{:?}", chain.last());
        assert_eq!(causes(&Loop).len(), 1);
    }

    #[test]
    fn a_chain_is_heard_while_a_handler_is_polled_and_belongs_to_its_text() {
        let mut told = Told::new();
        let outcome = hearing::during(
            |t| told.add(t),
            || {
                let _other = JobOutcome::failed(&Refused(std::io::Error::other("x")));
                JobOutcome::failed(&error())
            },
        );
        let JobOutcome::Failed(text) = outcome else { panic!("{outcome:?}") };
        let failure = Failure::new("k", AttemptCause::Handler, &text, told.clone());
        assert_eq!(failure.chain.len(), 3);
        assert_eq!(failure.fingerprint.as_ref().unwrap().error_type, "Send");
        let other = Failure::new("k", AttemptCause::Handler, "another text", told);
        assert_eq!((other.chain.len(), other.details()), (0, None));
        assert!(!hearing::is_on());
    }

    #[test]
    fn what_was_told_before_a_panic_is_kept() {
        let mut told = Told::new();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            hearing::during(
                |t| told.add(t),
                || {
                    hearing::panicked_at("src/x.rs:1:2".into());
                    std::panic::resume_unwind(Box::new("x"));
                },
            );
        }));
        assert!(panicked.is_err());
        let failure = Failure::new("k", AttemptCause::Panic, "panicked: x", told);
        assert_eq!(failure.location.as_deref(), Some("src/x.rs:1:2"));
        let details: Details = serde_json::from_str(&failure.details().unwrap()).unwrap();
        assert_eq!((details.cause, details.location.as_deref()), (AttemptCause::Panic, Some("src/x.rs:1:2")));
    }

    #[test]
    fn a_cancelled_attempt_counts_as_no_error() {
        assert_eq!(Failure::new("k", AttemptCause::Cancel, "cancelled", Told::new()).fingerprint, None);
    }

    #[test]
    fn words_and_json_agree() {
        for cause in AttemptCause::ALL {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
    }
}
