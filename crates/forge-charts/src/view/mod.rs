//! The components for Leptos: they draw a [`Scene`] into a page and hand what the user does to [`reduce`].
//!
//! ```no_run
//! use forge_charts::chart::{Chart, Mark};
//! use forge_charts::data::{Frame, Series};
//! use forge_charts::view::{AreaChart, Group, Styles};
//! use leptos::prelude::*;
//!
//! #[component]
//! fn Throughput(done: Signal<Vec<f64>>, failed: Signal<Vec<f64>>) -> impl IntoView {
//!     let (first, minute) = (1_795_959_000e6, 60e6);
//!     let data = Signal::derive(move || {
//!         let series = vec![Series::new("completed", done.get()), Series::new("failed", failed.get())];
//!         Frame::buckets(first, minute, series)
//!     });
//!     let group = Group::new();
//!     view! {
//!         <Styles/>
//!         <AreaChart title="Jobs per minute" data stacked=true group
//!             with=move |chart: Chart| chart
//!                 .open_last(true)
//!                 .marks(vec![Mark::at(first + 12.0 * minute, "deploy 1.4.0")])/>
//!     }
//! }
//! ```

#![allow(clippy::must_use_candidate, reason = "components are used by `view!`, which drops the attribute")]

mod browser;
#[allow(unreachable_pub, reason = "the macro writes a public function that only its own type names")]
mod chart;
mod dom;
mod group;
#[allow(unreachable_pub, reason = "the macro writes a public function that only its own type names")]
mod mini;
#[allow(unreachable_pub, reason = "the macro writes a public function that only its own type names")]
mod named;
mod page;
mod stage;

pub use browser::zone as browser_zone;
pub use chart::ChartView;
pub use group::Group;
pub use mini::MiniChart;
pub use named::{AreaChart, BarChart, LineChart};

use crate::theme::STYLE;
#[cfg(doc)]
use crate::{interact::reduce, scene::Scene};
use leptos::prelude::*;

/// Runs a function now and whenever a signal that it read has changed, as long as the component is there.
///
/// All that follows signals here goes through one function, since each further one would be generated anew.
fn follow(work: impl FnMut() + 'static) {
    fn boxed(work: Box<dyn FnMut()>) {
        Effect::new(work);
    }
    boxed(Box::new(work));
}

/// The style sheet of the charts. Once in a page is enough.
#[component]
pub fn Styles() -> impl IntoView {
    view! { <style>{STYLE}</style> }
}
