//! `forge job logs`.

use crate::desk::{Desk, Where};
use crate::exit::{Exit, Failure};
use crate::output::{Output, plain, to_json};
use forge_jobs::JobId;
use forge_jobs::limits::MAX_LOG_PAGE;
use forge_jobs_api::wire::{JobDetail, JobStatus, LogLevel, LogLine, LogPage, LogQuery};
use std::collections::BTreeSet;
use std::time::Duration;

const AFTER_HELP: &str = "\
Programs keep what their handlers log when they use the layer forge_jobs::logs::JobLogs. Of each attempt at most 1,000 \
lines or 256 KiB are kept. Times are those of the host that it ran on.

With --json one document without --follow; with it one line of JSON for each line of the log.

Examples:
  forge job logs 01890a5d-ac96-774b-bcce-b302099a8057 --follow
  forge job logs 01890a5d-ac96-774b-bcce-b302099a8057 --attempt 2";

/// How often --follow looks for more.
const LOOK: Duration = Duration::from_millis(500);
/// The last lines of an attempt come shortly after its end.
const LAST_LOOK: Duration = Duration::from_millis(1_500);

/// Show what a job's handler logged.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The job's id
    id: JobId,

    /// Only of this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,

    /// Go on until the job is finished
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn run(args: &Args, at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let desk = at.existing().await?;
    let id = args.id.to_string();
    let mut log = Log { desk: &desk, args, page: LogPage { lines: vec![], next: None, more: false } };
    loop {
        // Asked first: what it logged before its end is there when the end is seen, or shortly after.
        let detail = desk.job(&id).await?;
        let finished = matches!(detail.job.status, JobStatus::Done | JobStatus::Dead);
        if finished && args.follow {
            tokio::time::sleep(LAST_LOOK).await;
        }
        log.read(claims(&detail, args.attempt).as_ref(), out).await?;
        if finished || !args.follow {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    if !args.follow && out.is_json() {
        out.json(&log.page)?;
    }
    Ok(Exit::Ok)
}

/// The claims under which an attempt of this number ran: a throttle makes another one of the same number.
fn claims(JobDetail { job, attempts, .. }: &JobDetail, attempt: Option<u32>) -> Option<BTreeSet<i64>> {
    let attempt = attempt?;
    let running = (job.status == JobStatus::Running && job.attempt == attempt).then_some(job.claim_no);
    let ended = attempts.iter().filter(|a| a.attempt == attempt).map(|a| a.claim_no);
    Some(ended.chain(running).collect())
}

/// A log, as far as it was shown.
struct Log<'a> {
    desk: &'a Desk,
    args: &'a Args,
    /// What the one document holds.
    page: LogPage,
}

impl Log<'_> {
    /// Shows what there is after what was shown.
    async fn read(&mut self, claims: Option<&BTreeSet<i64>>, out: &mut Output) -> Result<(), Failure> {
        let id = self.args.id.to_string();
        loop {
            let query = LogQuery { claim_no: None, after: self.page.next.clone(), limit: Some(MAX_LOG_PAGE) };
            let page = self.desk.job_log(&id, &query).await?;
            let wanted = |l: &LogLine| claims.is_none_or(|claims| claims.contains(&l.claim_no));
            for line in page.lines.into_iter().filter(wanted) {
                self.show(line, out)?;
            }
            self.page.next = page.next;
            if !page.more {
                return Ok(());
            }
        }
    }

    fn show(&mut self, line: LogLine, out: &mut Output) -> Result<(), Failure> {
        if !out.is_json() {
            return out.text(&text(&line)?);
        }
        if self.args.follow {
            return out.json(&line);
        }
        self.page.lines.push(line);
        Ok(())
    }
}

const fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
        LogLevel::Trace => "TRACE",
        LogLevel::Unknown => "?",
    }
}

fn text(line: &LogLine) -> Result<String, Failure> {
    if line.left_out {
        return Ok(format!("… {}\n", line.message));
    }
    let mut text = format!("{} {:5} {}: {}", line.at, level(line.level), line.target, line.message);
    for (name, value) in &line.fields {
        let value = match value.as_str() {
            Some(text) => text.to_owned(),
            None => to_json(value)?,
        };
        text.extend([" ", name, "=", &value]);
    }
    Ok(plain(&text) + "\n")
}
