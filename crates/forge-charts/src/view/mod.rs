//! The components for Leptos: they draw a [`Scene`] into a page and hand what the user does to [`reduce`].
//!
//! ```no_run
//! use forge_charts::chart::Chart;
//! use forge_charts::data::Frame;
//! use forge_charts::view::{AreaChart, Group, Styles};
//! use leptos::prelude::*;
//!
//! #[component]
//! fn Throughput(data: Signal<Frame>) -> impl IntoView {
//!     let group = Group::new();
//!     view! {
//!         <Styles/>
//!         <AreaChart title="Jobs per minute" data stacked=true group
//!             with=|chart: Chart| chart.open_last(true)/>
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
    fn boxed(mut work: Box<dyn FnMut()>) {
        Effect::new(move || work());
    }
    boxed(Box::new(work));
}

/// The style sheet of the charts. Once in a page is enough.
#[component]
pub fn Styles() -> impl IntoView {
    view! { <style>{STYLE}</style> }
}
