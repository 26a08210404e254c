//! Kind → queue.

use std::borrow::Cow;

/// Says which queue a kind goes to when the request does not.
///
/// A function is a router:
///
/// ```
/// use forge_jobs::Router;
///
/// // mail.send goes to the queue mail.
/// let router = |kind: &str| kind.split('.').next().unwrap_or(kind).to_owned();
/// assert_eq!(router.route("mail.send"), "mail");
/// ```
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
