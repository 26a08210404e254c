//! Kind → queue.

use std::borrow::Cow;

/// Says which queue a kind goes to when the request does not.
pub trait Router: Send + Sync + 'static {
    /// The queue for `kind`. `[A-Za-z0-9._:/-]{1,128}`; anything else makes the enqueue fail.
    fn route<'a>(&'a self, kind: &'a str) -> Cow<'a, str>;
}

/// Everything goes to the queue `default`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultRouter;

impl Router for DefaultRouter {
    fn route<'a>(&'a self, _kind: &'a str) -> Cow<'a, str> {
        Cow::Borrowed("default")
    }
}

/// A function routes.
impl<F> Router for F
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    fn route<'a>(&'a self, kind: &'a str) -> Cow<'a, str> {
        Cow::Owned(self(kind))
    }
}
