//! Memos that leave nothing behind.
//!
//! A signal keeps who reads it in a list, and forgets those that are gone when it changes. What hardly ever changes, such as
//! how times are shown, is read by every row of every list; so a panel that was open for a night would keep the remains
//! of a million rows. A memo made here takes itself off those lists when what it was made for is drawn anew. Views in
//! rows read memos of their row, and such signals by way of them alone.

use leptos::prelude::*;
use leptos::reactive::computed::ArcMemo;
use leptos::reactive::graph::{AnySubscriber, Subscriber as _, ToAnySubscriber as _};

/// A memo that is gone with its owner without a trace.
pub(crate) fn memo<T: PartialEq + Send + Sync + 'static>(
    compute: impl Fn(Option<&T>) -> T + Send + Sync + 'static,
) -> Memo<T> {
    let memo = ArcMemo::new(compute);
    leave_when_done(memo.to_any_subscriber());
    memo.into()
}

fn leave_when_done(subscriber: AnySubscriber) {
    on_cleanup(move || subscriber.clear_sources(&subscriber));
}
