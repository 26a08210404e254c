//! `forge cron list`.

use crate::desk::Where;
use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, table, when};
use forge_jobs_api::service::unreadable;
use forge_jobs_api::wire::{Schedule, ScheduleOwner};

const AFTER_HELP: &str = "\
Times are UTC. Under remarks: paused; overrides the code (a person's values are in effect, `forge cron show` has both); no \
longer declared (the code does not have it any more, and it goes on until it is removed).

Example:
  forge cron list --json";

/// List schedules: when they fire, what they enqueue, whose values are in effect.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {}

pub(crate) async fn run(_args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let list = at.existing().await?.schedules().await?;
    out.answer(&list, |list| {
        let mut text =
            if list.schedules.is_empty() { "no schedules\n".into() } else { table_of(&list.schedules) };
        for name in &list.unreadable {
            text.push_str(&unreadable(name));
            text.push('\n');
        }
        text
    })?;
    Ok(Exit::Ok)
}

/// Schedules, a row each.
pub(super) fn table_of(schedules: &[Schedule]) -> String {
    let head = [
        ("schedule", Align::Left),
        ("expression", Align::Left),
        ("zone", Align::Left),
        ("kind", Align::Left),
        ("next fire", Align::Left),
        ("last fire", Align::Left),
        ("owner", Align::Left),
        ("remarks", Align::Left),
    ];
    let row = |s: &Schedule| {
        vec![
            s.name.clone(),
            s.settings.expression.clone(),
            s.settings.zone.clone(),
            s.settings.kind.clone(),
            time(s.next_fire_at.as_deref()),
            time(s.last_fire_at.as_deref()),
            owner(s.owner).to_owned(),
            remarks(s),
        ]
    };
    table(&head, &schedules.iter().map(row).collect::<Vec<_>>())
}

/// A time, or a dash.
pub(super) fn time(at: Option<&str>) -> String {
    at.map_or_else(|| "-".to_owned(), when)
}

/// The word for an owner.
pub(super) const fn owner(owner: ScheduleOwner) -> &'static str {
    match owner {
        ScheduleOwner::Code => "code",
        ScheduleOwner::Operator => "operator",
        ScheduleOwner::Unknown => "unknown",
    }
}

/// What is to be said of a schedule beside its values.
pub(super) fn remarks(s: &Schedule) -> String {
    let remarks = [
        (!s.enabled, "paused"),
        (s.overrides_code, "overrides the code"),
        (s.undeclared, "no longer declared"),
    ];
    let said: Vec<_> = remarks.into_iter().filter(|(is, _)| *is).map(|(_, words)| words).collect();
    said.join(", ")
}
