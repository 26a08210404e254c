//! The layer that captures what handlers log.

use super::capture::{Capture, opened, want};
use super::redact::{REDACTED, is_secret};
use super::{LogLevel, LogLine};
use crate::limits::{MAX_LOG_FIELDS, MAX_LOG_TEXT_BYTES};
use crate::{Timestamp, clean_error};
use serde_json::{Map, Number, Value};
use std::fmt;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Filtered, LevelFilter};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// Says of a field, by its name, whether its value is to be left out.
pub type Redact = dyn Fn(&str) -> bool + Send + Sync;

/// Keeps what handlers log with their jobs: a layer for `tracing_subscriber`.
///
/// It captures events inside the span `job` that each handler runs in, in spans below it, and in tasks that are
/// instrumented with one of them. A runtime of this process stores the lines each second and when the attempt ends, so
/// that they can be read while the job runs. Of one attempt at most 1,000 lines or 256 KiB are kept; a last line says how
/// many were left out. It never makes a handler wait: lines for which there is no room are lost, and counted.
///
/// The values of fields are left out whose names tell of a secret: `password`, `token`, `secret`, `authorization`,
/// `api_key` and the like. A message is text of the program's own, and kept as it is.
///
/// ```
/// use forge_jobs::logs::JobLogs;
/// use tracing::level_filters::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry()
///     .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::WARN))
///     .with(JobLogs::new().up_to(LevelFilter::INFO))
///     .init();
/// ```
///
/// A filter in front of all layers, an `EnvFilter` that is a layer of its own for instance, must let the span `job`
/// (target `forge_jobs`, level info) through.
#[derive(Clone)]
pub struct JobLogs {
    redact: Arc<Redact>,
}

impl JobLogs {
    /// A layer that captures lines of all levels.
    #[must_use]
    pub fn new() -> Self {
        want();
        Self { redact: Arc::new(is_secret) }
    }

    /// With another rule for which fields are left out, in place of the one above.
    #[must_use]
    pub fn with_redaction(mut self, is_secret: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.redact = Arc::new(is_secret);
        self
    }

    /// A layer that captures lines up to this level, whatever other layers are given. It costs nothing where lines of a
    /// finer level are written that no layer wants.
    #[must_use]
    pub fn up_to<S>(self, level: LevelFilter) -> Filtered<Self, UpTo, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.with_filter(UpTo(level))
    }
}

/// The filter of [`JobLogs::up_to`]: lines up to a level, and the spans that tell which job they belong to.
#[derive(Clone, Copy, Debug)]
pub struct UpTo(LevelFilter);

impl UpTo {
    fn lets_through(self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() { metadata.target() == TARGET } else { *metadata.level() <= self.0 }
    }
}

impl<S> Filter<S> for UpTo {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets_through(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // The span of a job is at info.
        Some(self.0.max(LevelFilter::INFO))
    }
}

/// The target of the span that a handler runs in.
const TARGET: &str = "forge_jobs";

impl Default for JobLogs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for JobLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobLogs").finish_non_exhaustive()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JobLogs {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() != TARGET {
            return;
        }
        if let Some(capture) = opened()
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().insert(capture);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(scope) = context.event_scope(event) else { return };
        let log = scope.into_iter().find_map(|span| span.extensions().get().map(Capture::log));
        if let Some(log) = log.flatten() {
            let (line, bytes) = self.line(event);
            log.push(line, bytes);
        }
    }
}

impl JobLogs {
    fn line(&self, event: &Event<'_>) -> (LogLine, usize) {
        let metadata = event.metadata();
        let mut said = Said { redact: &*self.redact, message: String::new(), fields: Map::new(), bytes: 0 };
        event.record(&mut said);
        let Said { message, fields, bytes, .. } = said;
        let line = LogLine {
            at: Timestamp::now(),
            level: level(*metadata.level()),
            target: metadata.target().to_owned(),
            message,
            fields,
        };
        // Brackets, names of parts and the time are stored too.
        let bytes = bytes + line.target.len() + line.message.len() + 64;
        (line, bytes)
    }
}

const fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// What an event says.
struct Said<'a> {
    redact: &'a Redact,
    message: String,
    fields: Map<String, Value>,
    bytes: usize,
}

impl Said<'_> {
    fn add(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        let name = field.name();
        if self.fields.len() >= MAX_LOG_FIELDS {
            self.fields.insert("…".into(), "further fields were left out".into());
            return;
        }
        let value = if (self.redact)(name) { REDACTED.into() } else { value() };
        self.bytes += name.len() + 8 + value.as_str().map_or(12, str::len);
        self.fields.insert(name.to_owned(), value);
    }

    fn text(&mut self, field: &Field, text: impl FnOnce() -> String) {
        if field.name() == "message" {
            self.message = text();
        } else {
            self.add(field, || text().into());
        }
    }
}

impl Visit for Said<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, || bounded(format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, || clean_error(value, MAX_LOG_TEXT_BYTES));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text(field, || bounded(format_args!("{value}")));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, || value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, || value.into());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.add(field, || value.to_string().into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.add(field, || value.to_string().into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, || value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, || Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number));
    }
}

/// Text that is formatted only as far as it is kept.
fn bounded(text: fmt::Arguments<'_>) -> String {
    struct Bounded(String);

    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            if self.0.len() > MAX_LOG_TEXT_BYTES { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut out = Bounded(String::new());
    // It ends early on purpose.
    let _ = fmt::Write::write_fmt(&mut out, text);
    clean_error(&out.0, MAX_LOG_TEXT_BYTES)
}
