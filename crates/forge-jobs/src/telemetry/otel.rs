//! OpenTelemetry: where a job is enqueued in a trace, and the span of its run, which is a trace of its own, linked to the
//! first. Names are those of the semantic conventions for messaging.

use crate::{AttemptCause, ClaimedJob, TraceContext};
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use std::fmt;
use std::str::FromStr;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The name of the span of a run: what is done, and from which queue.
pub(super) struct Process<'a>(pub(super) &'a ClaimedJob);

impl fmt::Display for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.0.queue)
    }
}

/// Where the calling code is in a trace; `None` outside of any.
pub(crate) fn current() -> Option<TraceContext> {
    let of_span = Span::current().context();
    let context = of_span.span().span_context().clone();
    let context = if context.is_valid() {
        context
    } else {
        // Code that uses OpenTelemetry without `tracing`.
        opentelemetry::Context::current().span().span_context().clone()
    };
    if !context.is_valid() {
        return None;
    }
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
    let state = context.trace_state().header();
    TraceContext::new(&format!("00-{trace}-{span}-{flags:02x}"), Some(&state)).ok()
}

/// Tells of a run what the conventions ask for, and links it to where its job was enqueued.
pub(super) fn describe(span: &Span, job: &ClaimedJob) {
    span.set_attribute("messaging.system", "forge_jobs");
    span.set_attribute("messaging.operation.name", "process");
    span.set_attribute("messaging.operation.type", "process");
    span.set_attribute("messaging.destination.name", job.queue.clone());
    span.set_attribute("messaging.message.id", job.id.to_string());
    span.set_attribute(
        "messaging.message.body.size",
        i64::try_from(job.payload.as_str().len()).unwrap_or(i64::MAX),
    );
    span.set_attribute("forge_jobs.kind", job.kind.clone());
    span.set_attribute("forge_jobs.attempt", i64::from(job.attempt));
    if let Some(enqueued) = job.trace.as_ref().and_then(span_context) {
        span.add_link(enqueued);
    }
}

/// The attempt of this span did not work. What it said may hold a secret: only the sort is told.
pub(crate) fn failed(span: &Span, cause: AttemptCause) {
    span.set_attribute("error.type", cause.as_str());
    span.set_status(Status::error(cause.as_str()));
}

fn span_context(trace: &TraceContext) -> Option<SpanContext> {
    let mut parts = trace.traceparent().split('-').skip(1);
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    let state = trace.tracestate().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    Some(SpanContext::new(trace_id, span_id, flags, true, state))
}
