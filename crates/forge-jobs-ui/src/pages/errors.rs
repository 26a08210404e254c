//! What goes wrong, by sort: many jobs with the same error are one thing to deal with.

use crate::app::{Ctx, Doing, Pending, Question, Remote};
use crate::ipc::Verb;
use crate::model::format;
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{ErrorGroup, ErrorList, ErrorQuery, GroupVerb, Role, Topic};
use leptos::prelude::*;
use std::sync::Arc;

/// Groups that are shown above a list.
const GROUPS: u32 = 8;

/// The groups of the queue and kind that the list is filtered by.
pub(crate) fn groups(ctx: Ctx, tab: Tab, done: impl Fn() + Copy + Send + Sync + 'static) -> AnyView {
    let query = move || {
        ctx.place.with(|place| {
            let text = |name: &str| place.get(name).map(str::to_owned);
            // Who has picked one of them sees its jobs.
            place.get("error_group").is_none().then(|| ErrorQuery {
                queue: text("queue"),
                kind: text("kind").filter(|kind| !kind.ends_with('*')),
                sort: None,
                limit: Some(GROUPS),
            })
        })
    };
    let found: Remote<ErrorList> = Remote::new(ctx, &[Topic::Jobs], query, |ipc, query: ErrorQuery| {
        Box::pin(async move { ipc.errors(&query).await })
    });
    let doing = Doing::new(ctx);
    let draw = move |list: Arc<ErrorList>| {
        if list.groups.is_empty() {
            return ().into_any();
        }
        let rows = list.groups.iter().map(|group| row(ctx, tab, doing, group, done, found)).collect_view();
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
    let inside = move || found.data.get().map(draw);
    view! { {inside} {parts::doing_error(doing)} }.into_any()
}

fn row(
    ctx: Ctx,
    tab: Tab,
    doing: Doing,
    group: &ErrorGroup,
    done: impl Fn() + Copy + Send + Sync + 'static,
    found: Remote<ErrorList>,
) -> AnyView {
    let jobs = Place::of(tab).with("error_group", Some(&group.id));
    let queues = group.queues.iter().map(|q| q.queue.as_str()).collect::<Vec<_>>().join(", ");
    let act = |verb: Verb, label: &'static str, class: &'static str, needs: Role| {
        let (group, name) = (group.clone(), group.message.clone());
        (tab == Tab::Dead).then(|| {
            parts::button_of(ctx, needs, (label, &name), class, doing.busy, move || {
                ask(ctx, doing, verb, &group, done, found);
            })
        })
    };
    let kind_of =
        (!group.error_type.is_empty()).then(|| view! { <code>{group.error_type.clone()}</code> ": " });
    view! {
        <li class="fp-group">
            <div class="fp-group-count">{format::count(group.count)}</div>
            <div class="fp-group-what">
                <a href=ctx.href(&jobs)>{kind_of}{group.message.clone()}</a>
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

/// A verb for all dead jobs of a group, piece by piece.
fn ask(
    ctx: Ctx,
    doing: Doing,
    verb: Verb,
    group: &ErrorGroup,
    done: impl Fn() + Copy + Send + Sync + 'static,
    found: Remote<ErrorList>,
) {
    let id = group.id.clone();
    let then = Arc::new(move || {
        let (ipc, id) = (ctx.ipc(), id.clone());
        let answer: Pending<GroupVerb> = Box::pin(async move {
            let mut sum = ipc.act_on_group(&id, verb, None).await?;
            while let Some(next) = sum.next.take() {
                let more = ipc.act_on_group(&id, verb, Some(&next)).await?;
                sum = GroupVerb { changed: sum.changed + more.changed, left: sum.left + more.left, ..more };
                ctx.say(text::so_far(sum.changed));
            }
            Ok(sum)
        });
        doing.run(answer, move |sum: GroupVerb| {
            ctx.say(text::group_done(verb == Verb::Drop, sum.changed, sum.left));
            found.reload();
            done();
        });
    });
    ctx.ask(Question {
        title: text::group_question(verb.label()),
        text: text::group_means(verb == Verb::Drop, group.count, &group.message),
        yes: text::do_to_them(verb.label()),
        typed: (verb == Verb::Drop).then(|| "drop".to_owned()),
        danger: verb == Verb::Drop,
        then,
    });
}
