//! What goes wrong, by sort: many jobs with the same error are one thing to deal with.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "handles of signals, which are small but for the places that debug builds keep in them"
)]

use super::bulk::{Asked, Bulk};
use crate::app::memo;
use crate::app::{Ctx, Remote};
use crate::ipc::Verb;
use crate::model::format;
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{ErrorGroup, ErrorList, ErrorQuery, JobQuery, Role, Topic};
use leptos::prelude::*;
use std::sync::Arc;

/// Groups that are shown above a list.
const GROUPS: u32 = 8;

/// The name of a group in the address.
const PARAM: &str = "error_group";

/// The groups of the queue and kind that the list is filtered by.
pub(crate) fn of_the_filter(ctx: Ctx) -> Remote<ErrorList> {
    let query = move || {
        ctx.place.with(|place| {
            let text = |name: &str| place.get(name).map(str::to_owned);
            // Who has picked one of them sees its jobs.
            place.get(PARAM).is_none().then(|| ErrorQuery {
                queue: text("queue"),
                kind: text("kind").filter(|kind| !kind.ends_with('*')),
                sort: None,
                limit: Some(GROUPS),
            })
        })
    };
    Remote::new(ctx, &[Topic::Jobs], query, |ipc, query: ErrorQuery| {
        Box::pin(async move { ipc.errors(&query).await })
    })
}

/// The groups above a list, and what can be done with their dead jobs.
pub(crate) fn groups(ctx: Ctx, tab: Tab, found: Remote<ErrorList>, bulk: Bulk) -> AnyView {
    let draw = move |list: Arc<ErrorList>| {
        if list.groups.is_empty() {
            return ().into_any();
        }
        let rows = list.groups.iter().map(|group| row(ctx, tab, bulk, group)).collect_view();
        let more =
            list.more.then(|| view! { <p class="fp-small">{text::THERE_ARE_MORE_SORTS_OF_ERRORS}</p> });
        view! {
            <details class="fp-card" open=true>
                <summary><strong>{text::ERRORS_BY_SORT}</strong> <span class="fp-small">{text::THE_LATEST_FIRST_COUNTS_ARE}</span></summary>
                <ul class="fp-groups">{rows}</ul>{more}
            </details>
        }
        .into_any()
    };
    (move || found.data.get().map(draw)).into_any()
}

/// The list of the jobs of a group: under the filter of the list above which it stands, from the first page on.
fn jobs_of(tab: Tab, list: &Place, group: &str) -> Place {
    Place::of(tab).along(list).with("after", None).with(PARAM, Some(group))
}

fn row(ctx: Ctx, tab: Tab, bulk: Bulk, group: &ErrorGroup) -> AnyView {
    let jobs = {
        let id = group.id.clone();
        memo(move |_| ctx.place.with(|list| ctx.href(&jobs_of(tab, list, &id))))
    };
    let queues = group.queues.iter().map(|q| q.queue.as_str()).collect::<Vec<_>>().join(", ");
    let act = |verb: Verb, label: &'static str, class: &'static str, needs: Role| {
        let (group, name) = (group.clone(), group.message.clone());
        (tab == Tab::Dead).then(|| {
            parts::button_of(ctx, needs, (label, &name), class, bulk.doing.busy, move || {
                ask(bulk, verb, &group);
            })
        })
    };
    let kind_of =
        (!group.error_type.is_empty()).then(|| view! { <code>{group.error_type.clone()}</code> ": " });
    view! {
        <li class="fp-group">
            <div class="fp-group-count">{format::count(group.count)}</div>
            <div class="fp-group-what">
                <a href=jobs>{kind_of}{group.message.clone()}</a>
                <div class="fp-small">{group.kind.clone()} {text::IN} {queues} {text::LAST} {parts::stamp(ctx, &group.last_at)}
                    {text::FIRST} {parts::stamp(ctx, &group.first_at)} {text::IN_VERSION} {group.first_version.clone()}</div>
            </div>
            <div class="fp-group-do">
                {act(Verb::Retry, text::RETRY_ITS_DEAD, "", Role::Operator)}
                {act(Verb::Drop, text::DROP_ITS_DEAD, "fp-danger", Role::Admin)}
            </div>
        </li>
    }
    .into_any()
}

/// A verb for the dead jobs of a group, of those that the page is filtered by.
fn ask(bulk: Bulk, verb: Verb, group: &ErrorGroup) {
    bulk.ask(Asked {
        verb,
        title: text::dead_with_this_error(verb.label()),
        about: Some(group.message.clone()),
        filter: JobQuery { error_group: Some(group.id.clone()), ..bulk.filter.get_untracked() },
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_group_are_listed_under_the_filter_that_it_was_found_under() {
        let list = Place::parse("/p", "/p/dead", "?queue=a&kind=k&after=x&peek=7");
        let jobs = jobs_of(Tab::Dead, &list, "00c0ffee00c0ffee");
        assert_eq!(jobs.address("/p"), "/p/dead?queue=a&kind=k&error_group=00c0ffee00c0ffee");
        let all = jobs_of(Tab::Retries, &Place::of(Tab::Retries), "1");
        assert_eq!(all.address("/p"), "/p/retries?error_group=1");
    }
}
