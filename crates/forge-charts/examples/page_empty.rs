//! A page of Leptos without a chart: a number and a button. `cargo xtask charts` weighs `page_charts` against it.

use leptos::prelude::*;

fn main() {
    if cfg!(target_arch = "wasm32") {
        mount_to_body(|| {
            let count = RwSignal::new(0_u32);
            view! { <button type="button" on:click=move |_| count.update(|n| *n += 1)>"Jobs: " {count}</button> }
        });
    } else {
        println!("this is a page: `cargo xtask charts` builds and weighs it");
    }
}
