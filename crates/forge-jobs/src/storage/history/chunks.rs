//! What both storages do alike: chunks of log lines as they are stored, and lists of errors.

use super::{ErrorGroup, ErrorGroupList, ErrorGroupsParams, ErrorOrder, LeftOut, LogPage, LogsParams, Over};
use crate::Timestamp;
use crate::job::failure::Details;
use crate::limits::{MAX_LOG_BYTES, MAX_LOG_LINES};
use crate::logs::{LogCursor, LogLevel, LogLine, LoggedLine};
use crate::{Attempt, AttemptCause, AttemptResult};
use std::cmp::Reverse;

/// As it is stored: nothing, more to come, or how many.
pub(in crate::storage) fn over_number(over: Over) -> i64 {
    match over {
        Over::None => 0,
        Over::More => -1,
        Over::Total(lines) => lines.into(),
    }
}

/// The text of lines.
pub(in crate::storage) fn lines_text(lines: &[LogLine]) -> String {
    // They always have a JSON form.
    serde_json::to_string(lines).unwrap_or_else(|_| "[]".into())
}

/// A chunk as it was stored.
pub(in crate::storage) struct Stored<'a> {
    pub(in crate::storage) claim_no: i64,
    pub(in crate::storage) no: u32,
    pub(in crate::storage) lines: &'a str,
    pub(in crate::storage) over: i64,
    pub(in crate::storage) lost: i64,
}

/// A page under construction: chunks are added until it is full.
pub(in crate::storage) struct Page {
    params: LogsParams,
    page: LogPage,
}

impl Page {
    pub(in crate::storage) const fn new(params: LogsParams) -> Self {
        Self { params, page: LogPage { lines: Vec::new(), more: false } }
    }

    /// The first chunk that may hold lines of the page: claim and number.
    pub(in crate::storage) fn begins_at(&self) -> (i64, u32) {
        let first = (self.params.claim_no.unwrap_or(i64::MIN), 0);
        self.params.after.map_or(first, |after| (after.claim_no, after.chunk).max(first))
    }

    /// The last claim whose chunks may.
    pub(in crate::storage) fn ends_at(&self) -> i64 {
        self.params.claim_no.unwrap_or(i64::MAX)
    }

    /// Adds a chunk; says whether the page is full.
    pub(in crate::storage) fn add(&mut self, chunk: &Stored<'_>) -> bool {
        // Text of a newer version, or damaged, is shown as lines that were lost.
        let lines: Vec<LogLine> = serde_json::from_str(chunk.lines).unwrap_or_default();
        let last = lines.last().map(|line| line.at);
        let marks = marks(chunk, last).into_iter().map(|line| (line, true));
        let lines = lines.into_iter().map(|line| (line, false)).chain(marks);
        for (at, (line, left_out)) in (0..).zip(lines) {
            let at = LogCursor { claim_no: chunk.claim_no, chunk: chunk.no, line: at };
            if self.params.after.is_some_and(|after| at <= after) {
                continue;
            }
            if self.page.lines.len() >= self.params.limit as usize {
                self.page.more = true;
                return true;
            }
            self.page.lines.push(LoggedLine { at, line, left_out });
        }
        false
    }

    pub(in crate::storage) fn finish(self) -> LogPage {
        self.page
    }
}

/// Lines that stand for those that were left out.
fn marks(chunk: &Stored<'_>, last: Option<Timestamp>) -> Vec<LogLine> {
    let mut texts = Vec::new();
    if chunk.lost > 0 {
        texts.push(format!("{} lines lost: they could not be stored in time", chunk.lost));
    }
    let bounds = format!("an attempt keeps {MAX_LOG_LINES} lines and {} KiB", MAX_LOG_BYTES / 1_024);
    match chunk.over {
        0 => {}
        1.. => texts.push(format!("{} lines left out: {bounds}", chunk.over)),
        _ => texts.push(format!("lines from here on are left out: {bounds}")),
    }
    let mark = |message| LogLine {
        at: last.unwrap_or(Timestamp::from_micros(0)),
        level: LogLevel::Warn,
        target: "forge_jobs".into(),
        message,
        fields: serde_json::Map::new(),
    };
    texts.into_iter().map(mark).collect()
}

/// Whether a chunk says anything.
pub(in crate::storage) fn says_something(lines: &[LogLine], left_out: LeftOut) -> bool {
    !lines.is_empty() || left_out != LeftOut::default()
}

/// Sorts and cuts groups, of which there are not too many to be read together.
pub(in crate::storage) fn listed(mut groups: Vec<ErrorGroup>, params: &ErrorGroupsParams) -> ErrorGroupList {
    if let Some(queue) = &params.queue {
        groups.retain(|group| group.queues.iter().any(|q| q.queue == *queue));
    }
    match params.order {
        ErrorOrder::Newest => groups.sort_unstable_by_key(|g| (Reverse(g.last_at), g.id)),
        ErrorOrder::MostFrequent => {
            groups.sort_unstable_by_key(|g| (Reverse(g.count), Reverse(g.last_at), g.id));
        }
        ErrorOrder::NewestFirstSeen => groups.sort_unstable_by_key(|g| (Reverse(g.first_at), g.id)),
    }
    let more = groups.len() > params.limit as usize;
    groups.truncate(params.limit as usize);
    ErrorGroupList { groups, more }
}

impl ErrorGroup {
    /// Adds what was seen of it in another queue.
    pub(in crate::storage) fn add(&mut self, other: Self) {
        if other.last_at > self.last_at {
            self.last_job = other.last_job;
        }
        self.count += other.count;
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.queues.extend(other.queues);
    }
}

/// Puts into an attempt what a storage keeps of it as JSON.
pub(in crate::storage) fn with_details(mut attempt: Attempt, details: Option<&str>) -> Attempt {
    // Text of a newer version with a cause that is not known here says nothing.
    let known: Option<Details> = details.and_then(|text| serde_json::from_str(text).ok());
    match known {
        Some(Details { cause, location, chain }) => {
            attempt.cause = cause;
            attempt.location = location;
            attempt.chain = chain;
        }
        None => attempt.cause = cause_of(attempt.result),
    }
    attempt
}

const fn cause_of(result: AttemptResult) -> AttemptCause {
    match result {
        AttemptResult::Crashed => AttemptCause::ProcessDied,
        AttemptResult::Cancelled => AttemptCause::Cancel,
        _ => AttemptCause::Handler,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JobId;

    fn line(message: &str) -> LogLine {
        LogLine {
            at: Timestamp::from_micros(5),
            level: LogLevel::Info,
            target: "x".into(),
            message: message.into(),
            fields: serde_json::Map::new(),
        }
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_overlap() {
        let chunks: Vec<String> = ["a b c", "d", "e f"]
            .map(|words| lines_text(&words.split(' ').map(line).collect::<Vec<_>>()))
            .into();
        let mut seen = String::new();
        let mut after = None;
        loop {
            let mut page = Page::new(LogsParams { job: JobId::new(), claim_no: None, after, limit: 2 });
            let (claim_no, from) = page.begins_at();
            for (no, lines) in (1..).zip(&chunks).filter(|(no, _)| *no >= from) {
                let over = if no == 3 { 7 } else { 0 };
                assert!(claim_no <= 1);
                if page.add(&Stored { claim_no: 1, no, lines, over, lost: 0 }) {
                    break;
                }
            }
            let page = page.finish();
            seen.extend(page.lines.iter().map(|l| if l.left_out { "!" } else { &l.line.message }));
            after = page.lines.last().map(|l| l.at);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, "abcdef!");
    }
}
