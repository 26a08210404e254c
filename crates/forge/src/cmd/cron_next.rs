//! `forge cron next`.

use crate::exit::{Exit, Failure};
use crate::output::{Align, Output, pairs, table};
use forge_jobs::Timestamp;
use forge_jobs::cron::{CronExpr, Zone};
use forge_jobs::limits::MAX_CRON_FIRES;
use forge_jobs_api::wire::CronPreview;

const AFTER_HELP: &str = "\
Five fields: minute hour day-of-month month day-of-week; six begin with seconds. Fixed times that a turned clock leaves \
out fire once right after the jump, and those that come twice fire once; with a * in minute or hour every real match \
fires.

Example:
  forge cron next '30 2 * * MON-FRI' --zone America/New_York --count 3";

/// Show the next fires of an expression, and what it means; needs no database.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The expression, such as '*/5 * * * *' or @daily; in quotes, or the shell takes the stars
    #[arg(allow_hyphen_values = true, value_name = "EXPR")]
    expression: CronExpr,

    /// The time zone, by its name in the IANA database
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: Zone,

    /// Fires later than this, in RFC 3339 [default: now]
    #[arg(long, value_name = "RFC3339")]
    from: Option<Timestamp>,

    /// How many fires, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CRON_FIRES)))]
    count: u32,
}

pub(crate) fn run(args: Args, out: &mut Output) -> Result<Exit, Failure> {
    let Args { expression, zone, from, count } = args;
    let from = from.unwrap_or_else(Timestamp::now);
    let fires: Vec<Timestamp> = expression.fires_after(from, &zone).take(count as usize).collect();
    let preview = CronPreview {
        expression: expression.to_string(),
        zone: zone.to_string(),
        description: expression.describe(),
        from: zone.rfc3339(from),
        fires: fires.iter().map(|fire| zone.rfc3339(*fire)).collect(),
    };
    out.answer(&preview, |preview| text(preview, &fires, &zone))?;
    Ok(Exit::Ok)
}

fn text(preview: &CronPreview, fires: &[Timestamp], zone: &Zone) -> String {
    let about = pairs(&[
        ("expression", preview.expression.clone()),
        ("meaning", preview.description.clone()),
        ("zone", preview.zone.clone()),
        ("after", preview.from.clone()),
    ]);
    let head = [("fires at", Align::Left), ("day", Align::Left), ("in UTC", Align::Left)];
    let rows: Vec<Vec<String>> = preview
        .fires
        .iter()
        .zip(fires)
        .map(|(local, fire)| vec![local.clone(), zone.weekday(*fire).to_owned(), fire.to_string()])
        .collect();
    format!("{about}\n{}", table(&head, &rows))
}
