//! A future in a span.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tracing::Span;

/// Polls a future in a span, and drops it there.
///
/// `tracing`'s own `Instrumented` enters its span once more to drop what has ended, and each layer has a part in that:
/// for a handler that never waits that is half of all that its span costs.
pub(super) struct InSpan<F> {
    /// `None` once it has ended.
    run: Option<F>,
    span: Span,
}

impl<F> InSpan<F> {
    pub(super) const fn new(span: Span, run: F) -> Self {
        Self { run: Some(run), span }
    }
}

impl<F: Future + Unpin> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { run, span } = &mut *self;
        let Some(polled) = run else { return Poll::Pending };
        let _in = span.enter();
        let output = ready!(Pin::new(polled).poll(cx));
        *run = None;
        Poll::Ready(output)
    }
}

impl<F> Drop for InSpan<F> {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            let _in = self.span.enter();
            drop(run);
        }
    }
}
