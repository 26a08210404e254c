//! `forge cron show`.

use super::cron_list::{owner, remarks, time};
use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, pairs, table, when};
use forge_jobs::limits::MAX_PAGE;
use forge_jobs_api::wire::{
    MissedFires, Overlap, ScheduleDetail, ScheduleSettings, Seconds, Tick, TickOutcome,
};
use std::time::Duration;

const AFTER_HELP: &str = "\
Each fire has one outcome: fired (a job), coalesced (a later fire stands for it), overlapped (a job of an earlier one was \
unfinished), missed (too late), run now (by a person).

Example:
  forge cron show nightly --ticks 50";

/// Show a schedule, and what became of its latest fires.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The schedule
    name: String,

    /// How many records of fires, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    ticks: u32,
}

pub(crate) async fn run(args: Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let detail = at.existing().await?.schedule(&args.name, args.ticks).await?;
    out.answer(&detail, text)?;
    Ok(Exit::Ok)
}

fn text(detail: &ScheduleDetail) -> String {
    let s = &detail.schedule;
    let mut rows = vec![("schedule", s.name.clone())];
    rows.extend(settings(&s.settings));
    rows.extend([
        ("owner", owner(s.owner).to_owned()),
        ("remarks", remarks(s)),
        ("next fire", time(s.next_fire_at.as_deref())),
        ("last fire", time(s.last_fire_at.as_deref())),
        ("last job", s.last_job.clone().unwrap_or_else(|| "-".to_owned())),
        ("edited", when(&s.edited_at)),
        ("version", s.version.to_string()),
    ]);
    let mut text = pairs(&rows);
    if let Some(code) = s.code.as_ref().filter(|_| s.overrides_code) {
        let mut rows = vec![("the code wants", if code.enabled { "enabled" } else { "paused" }.to_owned())];
        rows.extend(settings(&code.settings));
        text.push('\n');
        text.push_str(&pairs(&rows));
    }
    text.push('\n');
    text.push_str(&ticks(&detail.ticks));
    text
}

fn settings(s: &ScheduleSettings) -> Vec<(&'static str, String)> {
    vec![
        ("expression", s.expression.clone()),
        ("meaning", s.description.clone()),
        ("zone", s.zone.clone()),
        ("kind", s.kind.clone()),
        ("queue", s.queue.clone()),
        ("payload", s.payload.get().to_owned()),
        ("missed", missed(s)),
        ("overlap", if s.overlap == Overlap::Allow { "allow" } else { "skip" }.to_owned()),
        ("jitter", span(s.jitter_seconds)),
    ]
}

fn missed(s: &ScheduleSettings) -> String {
    let within = span(s.within_seconds);
    match s.missed {
        MissedFires::Skip => format!("skip those later than {within}"),
        MissedFires::Once => format!("once within {within}"),
        MissedFires::CatchUp => format!("catch up on {} within {within}", s.catch_up),
        MissedFires::Unknown => "unknown".into(),
    }
}

fn span(seconds: Seconds) -> String {
    humantime::format_duration(Duration::try_from_secs_f64(seconds.0).unwrap_or_default()).to_string()
}

fn ticks(ticks: &[Tick]) -> String {
    if ticks.is_empty() {
        return "no fires yet\n".into();
    }
    let head = [
        ("fires", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("outcome", Align::Left),
        ("job", Align::Left),
    ];
    let row = |tick: &Tick| {
        vec![
            tick.count.to_string(),
            when(&tick.first_at),
            when(&tick.last_at),
            outcome(tick.outcome).to_owned(),
            tick.job.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    table(&head, &ticks.iter().map(row).collect::<Vec<_>>())
}

const fn outcome(outcome: TickOutcome) -> &'static str {
    match outcome {
        TickOutcome::Fired => "fired",
        TickOutcome::Coalesced => "coalesced",
        TickOutcome::Overlapped => "overlapped",
        TickOutcome::Missed => "missed",
        TickOutcome::RunNow => "run now",
        TickOutcome::Unknown => "unknown",
    }
}
