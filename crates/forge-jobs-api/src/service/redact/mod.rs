//! What is hidden of payloads, outputs and texts before anybody is shown them.
//!
//! In JSON by the name of a key, at any depth, by the path of a value, and by what a text looks like; in other texts by
//! what they look like. What is not hidden stays as it is, byte for byte. Jobs themselves are not changed: handlers get
//! what was enqueued.

mod json;
mod text;

use crate::wire::{Attempt, ErrorGroup, Job, JobEvent, LogLine, Schedule};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What stands where something is hidden.
pub const MASK: &str = "[redacted]";
/// Payloads and outputs in lists are cut beyond this many bytes.
const LISTED_BYTES: usize = 4 << 10;
/// Error texts in lists are cut beyond this many bytes.
const LISTED_ERROR_BYTES: usize = 1 << 10;
/// What is left of what was cut.
const CUT_BYTES: usize = 256;

/// Parts of the names of keys, in small letters and without `_`, `-`, `.` and spaces, whose values are hidden.
const KEYS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "credential",
    "sessionid",
    "cardnumber",
    "cvc",
    "cvv",
];

/// What to hide.
#[derive(Clone, Debug)]
pub struct Redaction {
    /// `None`: nothing is hidden.
    rules: Option<Rules>,
}

/// By what values are known that are to be hidden.
#[derive(Clone, Debug)]
struct Rules {
    keys: Vec<String>,
    paths: Vec<Vec<String>>,
}

impl Default for Redaction {
    /// Hides values of keys that have `password`, `passwd`, `passphrase`, `pwd`, `secret`, `token`, `authorization`,
    /// `cookie`, `api_key`, `access_key`, `private_key`, `signing_key`, `credential`, `session_id`, `card_number`, `cvc`
    /// or `cvv` in their name, and texts that look like a token, a key or a URL with a password.
    fn default() -> Self {
        Self { rules: Some(Rules { keys: KEYS.map(str::to_owned).to_vec(), paths: Vec::new() }) }
    }
}

/// A name as names are compared: `API-Key`, `api_key` and `apiKey` are one.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

impl Redaction {
    /// Hides nothing and cuts nothing: for a panel in the process of the one user whose jobs they are.
    #[must_use]
    pub const fn none() -> Self {
        Self { rules: None }
    }

    /// Hides the values of keys with this in their name too, however it is written: `ssn` hides `customer_SSN`.
    #[must_use]
    pub fn with_key(mut self, part: &str) -> Self {
        let part = plain(part);
        if let Some(rules) = self.rules.as_mut().filter(|_| !part.is_empty()) {
            rules.keys.push(part);
        }
        self
    }

    /// Hides the value at this path too: names of keys with dots between them, places in arrays left out.
    /// `customer.address.street` hides the street of each address of a list.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        if let Some(rules) = self.rules.as_mut().filter(|_| !path.is_empty()) {
            rules.paths.push(path.split('.').map(str::to_owned).collect());
        }
        self
    }

    /// Whether it hides anything of anybody's.
    pub(super) const fn hides(&self) -> bool {
        self.rules.is_some()
    }

    /// A text without what looks secret.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.rules.as_ref().map_or(Cow::Borrowed(text), |rules| rules.text(text))
    }

    /// JSON without what is secret; `None` if there is nothing to hide.
    #[must_use]
    pub fn json(&self, value: &RawValue) -> Option<Box<RawValue>> {
        let masked = self.rules.as_ref()?.json(value.get())?;
        // What was valid stays so; were it not, nothing of it may be shown.
        let all = || serde_json::value::to_raw_value(MASK).ok();
        RawValue::from_string(masked).ok().or_else(all)
    }

    fn mask_json(&self, value: &mut Box<RawValue>) -> bool {
        let masked = self.json(value);
        let changed = masked.is_some();
        if let Some(masked) = masked {
            *value = masked;
        }
        changed
    }

    fn mask_text(&self, value: &mut String) -> bool {
        let masked = match self.text(value) {
            Cow::Borrowed(_) => return false,
            Cow::Owned(masked) => masked,
        };
        *value = masked;
        true
    }

    /// A job by itself.
    pub(super) fn job(&self, mut job: Job) -> Job {
        let mut hidden = vec![
            ("payload", self.mask_json(&mut job.payload)),
            ("output", job.output.as_mut().is_some_and(|output| self.mask_json(output))),
            ("error", job.error.as_mut().is_some_and(|error| self.mask_text(error))),
        ];
        let note = job.progress.as_mut().and_then(|p| p.note.as_mut());
        hidden.push(("progress", note.is_some_and(|note| self.mask_text(note))));
        for (field, _) in hidden.into_iter().filter(|(_, hidden)| *hidden) {
            partial(&mut job, field);
        }
        job
    }

    /// A job in a list: what is long is cut as well.
    pub(super) fn listed(&self, job: Job) -> Job {
        let mut job = self.job(job);
        if self.rules.is_none() {
            return job;
        }
        if cut_json(&mut job.payload) {
            partial(&mut job, "payload");
        }
        if job.output.as_mut().is_some_and(cut_json) {
            partial(&mut job, "output");
        }
        if let Some(error) = job.error.as_mut().filter(|e| e.len() > LISTED_ERROR_BYTES) {
            error.truncate(error.floor_char_boundary_of(LISTED_ERROR_BYTES));
            error.push('…');
            partial(&mut job, "error");
        }
        job
    }

    pub(super) fn attempt(&self, mut attempt: Attempt) -> Attempt {
        attempt.error = attempt.error.map(|error| self.text(&error).into_owned());
        for cause in &mut attempt.chain {
            self.mask_text(&mut cause.message);
        }
        attempt
    }

    pub(super) fn error_group(&self, mut group: ErrorGroup) -> ErrorGroup {
        self.mask_text(&mut group.message);
        group
    }

    /// A line of a log: what it says, and what it says besides.
    pub(super) fn log_line(&self, mut line: LogLine) -> LogLine {
        self.mask_text(&mut line.message);
        if line.fields.is_empty() || self.rules.is_none() {
            return line;
        }
        // What has no JSON form cannot be looked through, and is not shown.
        line.fields = serde_json::value::to_raw_value(&line.fields)
            .ok()
            .and_then(|raw| {
                let masked = self.json(&raw).unwrap_or(raw);
                serde_json::from_str(masked.get()).ok()
            })
            .unwrap_or_default();
        line
    }

    pub(super) fn event(&self, mut event: JobEvent) -> JobEvent {
        event.detail = event.detail.map(|detail| self.text(&detail).into_owned());
        event
    }

    pub(super) fn schedule(&self, mut schedule: Schedule) -> Schedule {
        self.mask_json(&mut schedule.settings.payload);
        if let Some(code) = &mut schedule.code {
            self.mask_json(&mut code.settings.payload);
        }
        schedule
    }
}

fn partial(job: &mut Job, field: &str) {
    if !job.partial.iter().any(|there| there == field) {
        job.partial.push(field.to_owned());
    }
}

/// Long JSON becomes a JSON string of its beginning.
fn cut_json(value: &mut Box<RawValue>) -> bool {
    let text = value.get();
    if text.len() <= LISTED_BYTES {
        return false;
    }
    let beginning = format!("{}…", &text[..text.floor_char_boundary_of(CUT_BYTES)]);
    if let Ok(cut) = serde_json::value::to_raw_value(&beginning) {
        *value = cut;
    }
    true
}

/// Where a text can be cut.
trait CharBoundary {
    /// The last place at or before this one that is between two characters.
    fn floor_char_boundary_of(&self, at: usize) -> usize;
}

impl CharBoundary for str {
    fn floor_char_boundary_of(&self, at: usize) -> usize {
        (0..=at.min(self.len())).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}

impl Rules {
    /// Whether the value of a key is to be hidden, wherever it is.
    fn hides_key(&self, key: &str) -> bool {
        let key = plain(key);
        self.keys.iter().any(|part| key.contains(part.as_str()))
    }

    /// Whether the value at a path is to be hidden.
    fn hides_path(&self, path: &[String]) -> bool {
        self.paths.iter().any(|wanted| wanted == path)
    }
}
