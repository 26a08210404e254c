//! Where handlers panic.
//!
//! What catches a panic is told its message and not its place; only the hook of the process knows that. So there is one,
//! in front of the one that was there before, which goes on doing what it did.

use crate::job::failure::hearing;
use std::sync::Once;

/// Listens to panics of handlers from now on. The first call counts.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if hearing::is_on()
                && let Some(place) = panic.location()
            {
                hearing::panicked_at(place.to_string());
            }
            before(panic);
        }));
    });
}
