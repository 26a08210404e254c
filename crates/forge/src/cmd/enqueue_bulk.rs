//! `forge enqueue -`: a job a line from standard input, in batches.

use super::enqueue::word;
use crate::desk::{Desk, Where};
use crate::exit::{Exit, Failure};
use crate::output::{Output, counted, plain, say, to_json};
use forge_jobs::EnqueueRequest;
use forge_jobs::limits::MAX_PAYLOAD_BYTES;
use forge_jobs_api::wire::{BulkResult, EnqueueLine, Enqueued, ErrorCode, ErrorDetail, Object};
use std::io::{self, BufRead, BufReader};
use tokio::sync::mpsc;

/// Jobs of one batch at most.
const BATCH: usize = 1_000;
/// Longest line: a payload of the greatest length, and room for the rest.
const MAX_LINE_BYTES: usize = MAX_PAYLOAD_BYTES + (64 << 10);
/// What one read of standard input takes at most.
const READ_BYTES: usize = 256 << 10;

/// One line: its number, and what it asks for.
type Line = (u64, Result<EnqueueLine, ErrorDetail>);

/// Batches, or the error that ended the reading.
type Batch = Result<Vec<Line>, io::Error>;

pub(super) async fn run(at: &Where, out: &mut Output) -> Result<Exit, Failure> {
    let (batches, mut incoming) = mpsc::channel(2);
    // A thread of its own: a read of standard input may never return, and must not hold up the end.
    std::thread::spawn(move || read(BufReader::with_capacity(READ_BYTES, io::stdin()), &batches));
    // Opened for the first good line: a slip creates nothing.
    let mut desk = None;
    let mut report = Report::new(out);
    let mut stop = None;
    while let Some(batch) = incoming.recv().await {
        let failure = match batch {
            Ok(lines) => {
                if desk.is_none() && lines.iter().any(|(_, line)| line.is_ok()) {
                    desk = Some(at.lasting().await);
                }
                if report.is_empty()
                    && let Some(Err(failure)) = desk
                {
                    return Err(failure);
                }
                enqueue(desk.as_ref(), lines, &mut report).await?
            }
            Err(e) => {
                let failure = Failure::new(ErrorCode::Failed, format!("standard input cannot be read: {e}"));
                if report.is_empty() {
                    return Err(failure);
                }
                report.line(report.last + 1, Err(failure.detail()))?;
                Some(failure)
            }
        };
        if failure.is_some() {
            stop = failure;
            break;
        }
    }
    report.end(stop.as_ref())
}

/// Enqueues a batch. Gives the failure that makes it useless to go on.
async fn enqueue(
    desk: Option<&Result<Desk, Failure>>,
    lines: Vec<Line>,
    report: &mut Report<'_>,
) -> Result<Option<Failure>, Failure> {
    let mut stop = None;
    let mut receipts = Vec::new().into_iter();
    match desk {
        Some(Ok(desk)) => {
            let good: Vec<_> = lines.iter().filter_map(|(_, line)| line.as_ref().ok().cloned()).collect();
            receipts = desk.enqueue_many(good).await.into_iter();
        }
        Some(Err(failure)) => stop = Some(failure.clone()),
        // Every line is a bad one.
        None => {}
    }
    for (number, line) in lines {
        // Only good lines have receipts.
        let receipt = if line.is_ok() { receipts.next() } else { None };
        let result = match (line, receipt) {
            (Err(detail), _) => Err(detail),
            (Ok(_), Some(Ok(receipt))) => Ok(receipt),
            (Ok(_), Some(Err(failure))) => {
                let detail = failure.detail();
                if !matches!(failure.code(), ErrorCode::Invalid | ErrorCode::Conflict) {
                    stop = Some(failure);
                }
                Err(detail)
            }
            (Ok(_), None) => Err(stop.as_ref().map_or_else(no_answer, Failure::detail)),
        };
        report.line(number, result)?;
    }
    Ok(stop)
}

fn no_answer() -> ErrorDetail {
    ErrorDetail::new(ErrorCode::Failed, "no answer")
}

/// What came of the lines, written as they are done: memory stays bounded however long the input.
struct Report<'a> {
    out: &'a mut Output,
    /// The number of the last line that was answered.
    last: u64,
    enqueued: u64,
    failed: u64,
}

impl<'a> Report<'a> {
    const fn new(out: &'a mut Output) -> Self {
        Self { out, last: 0, enqueued: 0, failed: 0 }
    }

    const fn is_empty(&self) -> bool {
        self.enqueued + self.failed == 0
    }

    fn line(&mut self, line: u64, result: Result<Enqueued, ErrorDetail>) -> Result<(), Failure> {
        let first = self.is_empty();
        self.last = line;
        let answer = match result {
            Ok(receipt) => {
                self.enqueued += 1;
                let Enqueued { id, outcome } = receipt;
                BulkResult { line, id: Some(id), outcome: Some(outcome), error: None }
            }
            Err(error) => {
                self.failed += 1;
                BulkResult { line, id: None, outcome: None, error: Some(error) }
            }
        };
        if self.out.is_json() {
            let separator = if first { "[\n" } else { ",\n" };
            return self.out.text(&format!("{separator}{}", to_json(&answer)?));
        }
        match answer {
            BulkResult { id: Some(id), outcome: Some(outcome), .. } => {
                self.out.text(&format!("{id} {}\n", word(outcome)))
            }
            BulkResult { error, .. } => {
                let message = error.map(|e| e.message).unwrap_or_default();
                say(&format!("line {line}: {}", plain(&message)));
                Ok(())
            }
        }
    }

    fn end(self, stop: Option<&Failure>) -> Result<Exit, Failure> {
        if self.out.is_json() {
            self.out.text(if self.is_empty() { "[]\n" } else { "\n]\n" })?;
        }
        let exit = match stop {
            Some(failure) => {
                say(&format!("forge: {}; the lines after it were not read", failure.message()));
                failure.exit()
            }
            None if self.failed > 0 => Exit::Failed,
            None => Exit::Ok,
        };
        if self.failed > 0 || !self.out.is_json() {
            let lines = counted(self.enqueued, "line", "lines");
            say(&format!("{lines} enqueued, {} failed", self.failed));
        }
        Ok(exit)
    }
}

/// Reads lines until the end of the input, or until nobody wants them.
fn read(mut input: impl BufferedInput, batches: &mpsc::Sender<Batch>) {
    let mut number = 0;
    let mut batch = Vec::new();
    loop {
        match next_line(&mut input) {
            Ok(None) => {
                if !batch.is_empty() {
                    let _ = batches.blocking_send(Ok(batch));
                }
                return;
            }
            Ok(Some(line)) => {
                number += 1;
                if let Some(request) = parse(line) {
                    batch.push((number, request));
                }
            }
            Err(e) => {
                let _ = batches.blocking_send(Ok(batch));
                let _ = batches.blocking_send(Err(e));
                return;
            }
        }
        // A producer that writes a line now and then is served at once, one that floods fills the batch.
        let full = batch.len() >= BATCH || (input.is_drained() && !batch.is_empty());
        if full && batches.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
            return;
        }
    }
}

/// Input that knows whether the next read may wait.
trait BufferedInput: BufRead {
    fn is_drained(&self) -> bool;
}

impl<R: io::Read> BufferedInput for BufReader<R> {
    fn is_drained(&self) -> bool {
        self.buffer().is_empty()
    }
}

/// A line without its end; `Err` holds the length of one that is too long, of which nothing is kept.
type RawLine = Result<Vec<u8>, usize>;

/// The next line; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<RawLine>> {
    let mut line = Vec::new();
    let mut length = 0_usize;
    loop {
        let chunk = match input.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            return Ok((length > 0).then(|| kept(line, length)));
        }
        let end = chunk.iter().position(|b| *b == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        length += part.len();
        if length <= MAX_LINE_BYTES {
            line.extend_from_slice(part);
        } else {
            line = Vec::new();
        }
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(kept(line, length)));
        }
    }
}

fn kept(line: Vec<u8>, length: usize) -> RawLine {
    if length <= MAX_LINE_BYTES { Ok(line) } else { Err(length) }
}

/// What a line asks for; `None` for a blank one.
fn parse(line: RawLine) -> Option<Result<EnqueueLine, ErrorDetail>> {
    let invalid = |message: String| Err(ErrorDetail::new(ErrorCode::Invalid, message));
    let line = match line {
        Ok(line) => line,
        Err(length) => {
            return Some(invalid(format!("the line has {length} bytes, over the limit of {MAX_LINE_BYTES}")));
        }
    };
    let text = match str::from_utf8(&line) {
        // Some editors begin a file with a mark of its byte order.
        Ok(text) => text.trim_start_matches('\u{feff}').trim(),
        Err(e) => return Some(invalid(format!("the line is no UTF-8 after byte {}", e.valid_up_to()))),
    };
    if text.is_empty() {
        return None;
    }
    Some(match serde_json::from_str::<Object<EnqueueLine>>(text) {
        Err(e) => invalid(format!("the line is no job: {}", without_line(&e))),
        // What can be told without a database is told with the line.
        Ok(Object(line)) => match EnqueueRequest::try_from(line.clone()) {
            Ok(_) => Ok(line),
            Err(e) => invalid(e.to_string()),
        },
    })
}

/// What is wrong and in which column. The parser saw one line and calls it the first, which beside the number of the
/// line in the input would mislead.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let column = error.column();
    text.replace(&format!(" at line {} column {column}", error.line()), &format!(" at column {column}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<RawLine> {
        // A buffer of three bytes, so that lines span several reads.
        let mut input = BufReader::with_capacity(3, input);
        std::iter::from_fn(|| next_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_end_at_line_breaks_and_at_the_end_of_the_input() {
        let owned = |texts: &[&str]| texts.iter().map(|t| Ok(t.as_bytes().to_vec())).collect::<Vec<_>>();
        assert_eq!(lines(b"abcd\n\nxy"), owned(&["abcd", "", "xy"]));
        assert_eq!(lines(b"a\n"), owned(&["a"]));
        assert_eq!(lines(b""), owned(&[]));
    }

    #[test]
    fn a_line_over_the_limit_is_dropped_and_the_next_one_is_read() {
        let mut input = vec![b'x'; MAX_LINE_BYTES + 5];
        input.extend_from_slice(b"\nok\n");
        assert_eq!(lines(&input), [Err(MAX_LINE_BYTES + 5), Ok(b"ok".to_vec())]);
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        let check = |line: &[u8], word: &str| {
            let detail = parse(Ok(line.to_vec())).unwrap().unwrap_err();
            assert!(detail.message.contains(word), "{}", detail.message);
        };
        check(b"{", "while parsing an object at column 1");
        check(b"null", "expected an object with the keys kind and payload");
        check(b"{\"kind\":\"k\",\"payload\":1,\"color\":2}", "color");
        check(b"{\"kind\":\"k\",\"payload\":1,\"run_at\":\"soon\"}", "run_at");
        check(b"\xff", "UTF-8");
        check(
            b"{\"kind\":\"k\",\"payload\":1,\"priority\":99999}",
            "priority 99999 is out of range: use -32768 to 32767",
        );
        assert!(parse(Ok(b" \r".to_vec())).is_none());
        assert!(parse(Ok("\u{feff}{\"kind\":\"k\",\"payload\":1}".into())).unwrap().is_ok());
    }
}
