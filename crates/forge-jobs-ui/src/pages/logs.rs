//! What a job's handler logged, as it logs it.

use crate::app::{Ctx, browser};
use crate::ipc::IpcError;
use crate::parts;
use crate::text;
use forge_jobs_api::wire::{JobStatus, LogLevel, LogLine, LogQuery};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// Lines that are kept on the page; older ones go.
const MOST: usize = 2_000;
/// Between two looks while the job runs, in milliseconds.
const EVERY: i32 = 1_000;

pub(crate) fn card(ctx: Ctx, id: String, status: Memo<Option<JobStatus>>) -> AnyView {
    let lines = RwSignal::new(Vec::<(usize, LogLine)>::new());
    let seen = RwSignal::new(false);
    let error = RwSignal::new(None::<IpcError>);
    spawn_local(async move {
        let mut after = None;
        let mut number = 0;
        let mut is_first = true;
        loop {
            while !is_first && seen.try_get_untracked().is_some() && ctx.is_resting() {
                browser::sleep(EVERY).await;
            }
            is_first = false;
            let query = LogQuery { claim_no: None, after: after.clone(), limit: Some(500) };
            match ctx.ipc().log(&id, &query).await {
                Ok(page) => {
                    if seen.try_set(true).is_some() {
                        return;
                    }
                    error.set(None);
                    if page.next.is_some() {
                        after = page.next;
                    }
                    if !page.lines.is_empty() {
                        lines.update(|lines| {
                            for line in page.lines {
                                number += 1;
                                lines.push((number, line));
                            }
                            let over = lines.len().saturating_sub(MOST);
                            lines.drain(..over);
                        });
                    }
                    if page.more {
                        continue;
                    }
                }
                Err(e) => {
                    let passes = e.may_pass();
                    if error.try_set(Some(e)).is_some() || !passes {
                        return;
                    }
                }
            }
            // One that runs says more; of the others the last words come a moment after the end.
            let runs = status.try_get_untracked().flatten() == Some(JobStatus::Running);
            browser::sleep(if runs { EVERY } else { EVERY * 5 }).await;
            if lines.try_with_untracked(Vec::is_empty).is_none() {
                return;
            }
        }
    });
    let inside = move || {
        if lines.with(Vec::is_empty) {
            return seen
                .get()
                .then(|| parts::empty(text::IT_HAS_LOGGED_NOTHING, text::LINES_OF_TRACING_THAT_A_HANDLER));
        }
        None
    };
    let line = move |(_, line): (usize, LogLine)| {
        let (word, colour) = match line.level {
            LogLevel::Error => ("error", "dead"),
            LogLevel::Warn => ("warn", "retrying"),
            LogLevel::Info => ("info", "running"),
            LogLevel::Debug => ("debug", "pending"),
            LogLevel::Trace | LogLevel::Unknown => ("trace", "pending"),
        };
        let fields =
            line.fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        view! {
            <li>
                <span class="fp-small">{parts::stamp(ctx, &line.at)}</span>
                <span class="fp-status" data-status=colour>{word}</span>
                <span class="fp-small" title=line.target.clone()>{text::CLAIM_2} {line.claim_no}</span>
                <span>{line.message}</span> <span class="fp-small">{fields}</span>
            </li>
        }
    };
    let list = view! {
        <ol class="fp-log" tabindex="0" aria-label=text::LINES_OF_THE_LOG hidden=move || lines.with(Vec::is_empty)>
            <For each=move || lines.get() key=|(number, _)| *number children=line/>
        </ol>
    };
    let wrong = move || error.get().map(|e| parts::error_view(&e, None));
    parts::card(text::LOG, view! { {wrong} {inside} {list} })
}
