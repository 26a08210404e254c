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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tracing::span::Id;

    /// Tells in which span it is dropped.
    struct Told<'a>(&'a RefCell<Vec<Option<Id>>>);

    impl Drop for Told<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(Span::current().id());
        }
    }

    fn ends_in(poll: Poll<()>) -> (Vec<Option<Id>>, Option<Id>) {
        let told = RefCell::default();
        let span = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let span = tracing::info_span!("job");
            let id = span.id();
            let inside = Told(&told);
            let run = std::future::poll_fn(move |_| {
                assert!(Span::current().id().is_some(), "polled in it");
                let _kept = &inside;
                poll
            });
            let mut run = InSpan::new(span, run);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert_eq!(Pin::new(&mut run).poll(&mut cx), poll);
            assert_eq!(
                told.borrow().len(),
                usize::from(poll.is_ready()),
                "what has ended is dropped at once"
            );
            drop(run);
            assert!(Span::current().is_none(), "it is left again");
            id
        });
        (told.into_inner(), span)
    }

    #[test]
    fn what_ends_and_what_is_dropped_before_its_end_is_dropped_in_the_span_once() {
        for poll in [Poll::Ready(()), Poll::Pending] {
            let (told, span) = ends_in(poll);
            assert!(span.is_some());
            assert_eq!(told, [span], "{poll:?}");
        }
    }
}
