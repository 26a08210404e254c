//! What each queue did: a small chart per queue, which opens to the charts of the overview.

use super::charts;
use crate::app::{Ctx, Remote};
use crate::model::format;
use crate::model::route::{Place, Tab};
use crate::parts;
use crate::text;
use forge_charts::view::MiniChart;
use forge_jobs_api::wire::{Latency, Tally, Timeline, TimelineBy, TimelineLine};
use leptos::prelude::*;
use std::sync::Arc;

type Text = fn(&Tally) -> String;

/// What a row has beside its chart, each over the whole range.
const COLUMNS: [(&str, Text); 6] = [
    (text::ENQUEUED, |sum| format::count(sum.enqueued)),
    (text::COMPLETED, |sum| format::count(sum.done)),
    (text::CAME_BACK, |sum| format::count(sum.retried + sum.throttled + sum.crashed)),
    (text::DEAD, |sum| {
        let dead = &sum.dead;
        format::count(dead.exhausted + dead.discarded + dead.cancelled + dead.poison + dead.undecodable)
    }),
    (text::WAIT_P95, |sum| p95(sum.wait)),
    (text::RUN_P95, |sum| p95(sum.run)),
];

fn p95(latency: Option<Latency>) -> String {
    latency.map_or_else(|| "–".to_owned(), |l| parts::seconds(l.p95_seconds.0))
}

pub(crate) fn page(ctx: Ctx) -> AnyView {
    let timeline = charts::timeline(ctx, TimelineBy::Queue, None);
    let draw = move |timeline: Arc<Timeline>| {
        if timeline.lines.is_empty() {
            return parts::empty(text::NOTHING_HAPPENED_IN_THIS_RANGE, text::TAKE_A_LONGER_ONE_WHAT_WAS);
        }
        let left = (timeline.left_out > 0)
            .then(|| view! { <p class="fp-small">{text::queues_left_out(timeline.left_out)}</p> });
        let heading =
            |(label, _): (&'static str, Text)| view! { <th scope="col" class="fp-num">{label}</th> };
        let rows = timeline.lines.iter().map(|line| row(ctx, line)).collect_view();
        view! {
            <div class="fp-scroll"><table class="fp-table fp-cards" aria-label=text::QUEUE_METRICS>
                <thead><tr><th scope="col">{text::QUEUE}</th><th scope="col">{text::COMPLETED_OVER_TIME}</th>
                    {COLUMNS.map(heading).collect_view()}</tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
            {left}
        }
        .into_any()
    };
    parts::page(text::QUEUE_METRICS, view! { {charts::ranges(ctx)} {parts::shown(timeline, 5, draw)} })
}

fn row(ctx: Ctx, line: &TimelineLine) -> AnyView {
    let name = line.name.clone().unwrap_or_else(|| text::OTHER_QUEUES.into());
    let link = line.name.as_ref().map_or_else(
        || name.clone().into_any(),
        |queue| {
            let queue = queue.clone();
            let href = move || {
                let mut place = Place::opened(Tab::Metrics, queue.clone());
                place.query.clone_from(&ctx.place.get().query);
                ctx.href(&place)
            };
            view! { <a href=href>{name.clone()}</a> }.into_any()
        },
    );
    let cell = |(label, of): (&'static str, Text)| view! { <td class="fp-num" data-label=label>{of(&line.sum)}</td> };
    let title = text::completed_of(&name);
    view! {
        <tr>
            <th scope="row">{link}</th>
            <td data-label=text::COMPLETED_OVER_TIME><MiniChart title data=Signal::stored(charts::small(line))/></td>
            {COLUMNS.map(cell).collect_view()}
        </tr>
    }
    .into_any()
}

/// One queue, with all charts.
pub(crate) fn of_queue(ctx: Ctx, name: String) -> AnyView {
    let timeline: Remote<Timeline> = charts::timeline(ctx, TimelineBy::Queue, Some(name.clone()));
    let settings = Place::opened(Tab::Queues, name.clone());
    let back = move || {
        let mut place = Place::of(Tab::Metrics);
        place.query.clone_from(&ctx.place.get().query);
        ctx.href(&place)
    };
    view! {
        <p class="fp-crumb"><a href=back>{text::QUEUE_METRICS}</a></p>
        <div class="fp-head"><h1 class="fp-h1">{name}</h1><a href=ctx.href(&settings)>{text::ITS_SETTINGS}</a></div>
        {charts::ranges(ctx)}
        {parts::remote_error(timeline)}
        {charts::of_line(ctx, timeline, Signal::stored(Vec::new()))}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::super::measured;
    use super::*;

    #[test]
    fn each_sum_of_a_queue_stands_in_its_own_column() {
        let found = COLUMNS.map(|(label, of)| (label, of(&measured::tally())));
        let wanted = [
            ("Enqueued", "1"),
            ("Completed", "4"),
            ("Came back", "56"),
            ("Dead", "1984"),
            ("Wait p95", "12.0 s"),
            ("Run p95", "22.0 s"),
        ];
        assert_eq!(found, wanted.map(|(label, text)| (label, text.to_owned())));
    }
}
