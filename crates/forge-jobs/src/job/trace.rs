//! Where in a distributed trace a job was enqueued.

use crate::limits::MAX_TRACESTATE_BYTES;
use std::fmt;

/// Where in a distributed trace a job was enqueued, in the form of the W3C (Trace Context, Level 1). It is kept with the
/// job, and handed to whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
}

/// A text is no trace context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("traceparent {traceparent:?} is not allowed: use the header of that name, as 00-…-…-01")]
pub struct TraceContextError {
    traceparent: String,
}

impl TraceContext {
    /// Out of the headers `traceparent` and `tracestate`. A `tracestate` that is longer than 512 bytes, or no printable
    /// ASCII, is left out: a trace is whole without it.
    ///
    /// # Errors
    ///
    /// [`TraceContextError`] for a `traceparent` that is none of version 00.
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Result<Self, TraceContextError> {
        let parts: Vec<&str> = traceparent.split('-').collect();
        let hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_set = |part: &str| part.bytes().any(|b| b != b'0');
        let fits = match parts[..] {
            ["00", trace, span, flags] => {
                hex(trace, 32) && is_set(trace) && hex(span, 16) && is_set(span) && hex(flags, 2)
            }
            _ => false,
        };
        if !fits {
            return Err(TraceContextError { traceparent: traceparent.chars().take(64).collect() });
        }
        let printable = |text: &&str| {
            !text.is_empty()
                && text.len() <= MAX_TRACESTATE_BYTES
                && text.bytes().all(|b| (0x20..0x7f).contains(&b))
        };
        let tracestate = tracestate.map(str::trim).filter(printable).map(str::to_owned);
        Ok(Self { traceparent: traceparent.to_owned(), tracestate })
    }

    /// The header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The header `tracestate`.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// As it is stored: both, parted by a space.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn stored(&self) -> String {
        let mut text = self.traceparent.clone();
        if let Some(state) = &self.tracestate {
            text.extend([" ", state]);
        }
        text
    }

    /// What was stored; `None` for what is none.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some((parent, state)) => Self::new(parent, Some(state)).ok(),
            None => Self::new(text, None).ok(),
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent)
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_stored_comes_back() {
        for state in [None, Some("vendor=a b,other=c")] {
            let context = TraceContext::new(PARENT, state).unwrap();
            assert_eq!(context.tracestate(), state);
            assert_eq!(TraceContext::from_stored(&context.stored()), Some(context));
        }
    }

    #[test]
    fn a_state_that_is_too_long_or_not_printable_is_left_out() {
        for state in [String::new(), "x".repeat(513), "a=\u{1}".into(), "a=\u{fc}".into()] {
            assert_eq!(TraceContext::new(PARENT, Some(&state)).unwrap().tracestate(), None);
        }
    }

    #[test]
    fn what_is_no_parent_is_refused() {
        for bad in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(TraceContext::new(bad, None).unwrap_err().to_string().contains("traceparent"), "{bad}");
        }
    }
}
