//! Lines between the handler that logs them and the storage: bounded for each attempt and for the process.

use super::{LogLine, Outgoing};
use crate::handler::AttemptState;
use crate::limits::{MAX_LOG_BUFFER_BYTES, MAX_LOG_BYTES, MAX_LOG_LINES};
use crate::storage::{Lease, LeftOut, LogChunk, Over};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Whether a layer was ever made: without one nothing is prepared for it.
static WANTED: AtomicBool = AtomicBool::new(false);
/// Bytes of lines of all attempts that wait to be stored.
static WAITING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The attempt whose span is made on this thread just now.
    static OPENING: RefCell<Option<Capture>> = const { RefCell::new(None) };
}

pub(super) fn want() {
    WANTED.store(true, Ordering::Relaxed);
}

/// Makes a span of an attempt; the layer, if there is one, finds the attempt meanwhile. Its log ends when the guard is
/// dropped.
pub(crate) fn opening<'a, T>(
    out: &Arc<Outgoing>,
    state: &'a Arc<AttemptState>,
    span: impl FnOnce() -> T,
) -> (T, Opened<'a>) {
    if !WANTED.load(Ordering::Relaxed) {
        return (span(), Opened(None));
    }
    let capture = Capture { state: state.clone(), out: out.clone() };
    OPENING.with(|opening| *opening.borrow_mut() = Some(capture));
    let made = span();
    let untouched = OPENING.with(|opening| opening.borrow_mut().take()).is_some();
    // No layer has taken it: its filter lets no span of this crate through, or it belongs to another subscriber.
    (made, Opened((!untouched).then_some(&state.log)))
}

/// The log of an attempt that is under way. It ends when this is dropped.
pub(crate) struct Opened<'a>(Option<&'a LogSlot>);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0
            && let Some(log) = slot.0.get_or_init(|| None)
            && log.end()
        {
            log.out.one_ended();
        }
    }
}

/// The attempt whose span is made just now, once.
pub(super) fn opened() -> Option<Capture> {
    OPENING.with(|opening| opening.borrow_mut().take())
}

/// What a span of an attempt keeps: whose lines are captured in it. The attempt's state lives as long as the span does,
/// so that a task that outlives the handler finds that the log has ended.
pub(super) struct Capture {
    state: Arc<AttemptState>,
    out: Arc<Outgoing>,
}

impl Capture {
    /// The log of the attempt, made for its first line; `None` if it has ended without one.
    pub(super) fn log(&self) -> Option<Arc<AttemptLog>> {
        let made = || AttemptLog { lease: self.state.lease, out: self.out.clone(), buffer: Mutex::default() };
        self.state.log.0.get_or_init(|| Some(Arc::new(made()))).clone()
    }
}

/// Where an attempt has its log: made for its first line, because most log nothing.
#[derive(Default)]
pub(crate) struct LogSlot(OnceLock<Option<Arc<AttemptLog>>>);

/// What one attempt has logged and what of it is stored.
pub(crate) struct AttemptLog {
    lease: Lease,
    out: Arc<Outgoing>,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<LogLine>,
    bytes: usize,
    /// Of all lines that were taken in, stored ones included.
    kept: u32,
    kept_bytes: usize,
    over: u32,
    over_told: bool,
    lost: u32,
    /// The last chunk that was handed out.
    chunk: u32,
    ended: bool,
    enlisted: bool,
}

impl Buffer {
    fn push(&mut self, line: LogLine, bytes: usize) {
        if self.ended {
            return;
        }
        if self.over > 0 || self.kept >= MAX_LOG_LINES || self.kept_bytes + bytes > MAX_LOG_BYTES {
            self.over = self.over.saturating_add(1);
            return;
        }
        if WAITING.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_LOG_BUFFER_BYTES {
            WAITING.fetch_sub(bytes, Ordering::Relaxed);
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.kept += 1;
        self.kept_bytes += bytes;
        self.bytes += bytes;
        self.lines.push(line);
    }
}

/// What a flush of one attempt gave.
pub(super) struct Flushed {
    /// What to store; `None`: nothing.
    pub(super) chunk: Option<LogChunk>,
    /// Whether nothing more will come.
    pub(super) ended: bool,
}

impl AttemptLog {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line of so many bytes, if there is room.
    pub(super) fn push(self: &Arc<Self>, line: LogLine, bytes: usize) {
        let first = {
            let mut buffer = self.buffer();
            buffer.push(line, bytes);
            // A line that was lost counts: it is to be told.
            !buffer.ended && !std::mem::replace(&mut buffer.enlisted, true)
        };
        if first {
            self.out.enlist(self.clone());
        }
    }

    /// Whether the attempt has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.buffer().ended
    }

    /// The attempt has ended: what tasks of it still log is not kept. Says whether there is something to be stored.
    fn end(&self) -> bool {
        let mut buffer = self.buffer();
        buffer.ended = true;
        buffer.enlisted
    }

    /// Hands out what is to be stored now.
    pub(super) fn flush(&self) -> Flushed {
        let mut buffer = self.buffer();
        let ended = buffer.ended;
        let lines = std::mem::take(&mut buffer.lines);
        WAITING.fetch_sub(std::mem::take(&mut buffer.bytes), Ordering::Relaxed);
        let over = match (buffer.over, ended) {
            (0, _) => Over::None,
            (total, true) => Over::Total(total),
            (_, false) if buffer.over_told => Over::None,
            (_, false) => Over::More,
        };
        // Alone they are told at the end, so that there are never many chunks without a line.
        let lost = if lines.is_empty() && !ended { 0 } else { std::mem::take(&mut buffer.lost) };
        let left_out = LeftOut { over, lost };
        if lines.is_empty() && left_out == LeftOut::default() {
            return Flushed { chunk: None, ended };
        }
        buffer.over_told |= over != Over::None;
        buffer.chunk += 1;
        let chunk = LogChunk { lease: self.lease, no: buffer.chunk, lines, left_out };
        Flushed { chunk: Some(chunk), ended }
    }

    /// A chunk could not be stored: its lines are lost, and that is told with what comes next.
    pub(crate) fn lose(self: &Arc<Self>, chunk: &LogChunk) {
        let mut buffer = self.buffer();
        // Once, so that there is an end to it.
        let tell_later = buffer.ended && !chunk.lines.is_empty();
        let lines = u32::try_from(chunk.lines.len()).unwrap_or(u32::MAX);
        buffer.lost = buffer.lost.saturating_add(lines).saturating_add(chunk.left_out.lost);
        buffer.over_told &= chunk.left_out.over == Over::None;
        drop(buffer);
        if tell_later {
            self.out.enlist(self.clone());
        }
    }
}

impl Drop for AttemptLog {
    fn drop(&mut self) {
        let buffer = self.buffer.get_mut().unwrap_or_else(PoisonError::into_inner);
        WAITING.fetch_sub(buffer.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::HandlerOptions;
    use crate::logs::LogLevel;
    use crate::{ClaimedJob, JobId, ProcessId, Timestamp};

    fn log() -> Arc<AttemptLog> {
        let lease = Lease { job: JobId::new(), claim_no: 1, process: ProcessId::new(), row: 0, memo: None };
        Arc::new(AttemptLog { lease, out: Arc::default(), buffer: Mutex::default() })
    }

    fn line() -> LogLine {
        LogLine {
            at: Timestamp::from_micros(1),
            level: LogLevel::Info,
            target: "t".into(),
            message: "m".into(),
            fields: serde_json::Map::new(),
        }
    }

    #[test]
    fn lines_over_the_bound_are_told_once_at_first_and_counted_at_the_end() {
        let log = log();
        for _ in 0..MAX_LOG_LINES + 5 {
            log.push(line(), 10);
        }
        let chunk = log.flush().chunk.unwrap();
        assert_eq!(
            (chunk.no, chunk.lines.len(), chunk.left_out.over),
            (1, MAX_LOG_LINES as usize, Over::More)
        );
        log.push(line(), 10);
        assert!(log.flush().chunk.is_none());
        assert!(log.end());
        let last = log.flush();
        let chunk = last.chunk.unwrap();
        assert_eq!((chunk.no, chunk.lines.len(), chunk.left_out.over), (2, 0, Over::Total(6)));
        assert!(last.ended);
    }

    #[test]
    fn bytes_are_bounded_too_and_nothing_comes_after_what_was_left_out() {
        let log = log();
        log.push(line(), MAX_LOG_BYTES);
        log.push(line(), 1);
        log.push(line(), 0);
        let chunk = log.flush().chunk.unwrap();
        assert_eq!((chunk.lines.len(), chunk.left_out.over), (1, Over::More));
    }

    #[test]
    fn lines_that_no_storage_took_are_told_with_the_next_ones() {
        let log = log();
        log.push(line(), 10);
        let lost = log.flush().chunk.unwrap();
        log.lose(&lost);
        assert!(log.flush().chunk.is_none(), "alone they wait for the end");
        log.push(line(), 10);
        let next = log.flush().chunk.unwrap();
        assert_eq!((next.no, next.lines.len(), next.left_out.lost), (2, 1, 1));
    }

    #[test]
    fn an_attempt_that_logs_nothing_costs_no_write() {
        let log = log();
        assert!(log.flush().chunk.is_none());
        assert!(!log.end());
        assert!(log.flush().chunk.is_none());
    }

    fn attempt() -> Arc<AttemptState> {
        let job = ClaimedJob::plain();
        let lease = Lease { job: job.id, claim_no: 1, process: ProcessId::new(), row: 0, memo: None };
        Arc::new(AttemptState::new(job, lease, HandlerOptions::default()))
    }

    #[test]
    fn what_a_task_logs_after_its_attempt_has_ended_is_not_kept() {
        want();
        let out = Arc::default();
        for logs in [false, true] {
            let state = attempt();
            let (capture, opened) = opening(&out, &state, opened);
            let capture = capture.expect("a span that is made meanwhile finds the attempt");
            let before = logs.then(|| capture.log().expect("it is made for the first line"));
            drop(opened);
            let after = capture.log();
            assert_eq!(after.is_some(), logs, "none is made any more");
            if let (Some(before), Some(after)) = (before, after) {
                assert!(Arc::ptr_eq(&before, &after) && after.has_ended());
            }
        }
        assert!(opened().is_none(), "each finds its own once");
    }
}
