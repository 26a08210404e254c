//! Enqueuing, one or many, so that a request can be sent again.

use super::{Api, ApiError};
use crate::wire::{BulkResult, EnqueueLine, EnqueueOutcome, EnqueueReport, Enqueued, ErrorCode, Object};
use forge_jobs::{EnqueueRequest, Enqueuer, JobId};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::{Builder, Uuid};

/// Most jobs of one request.
pub(crate) const MAX_BATCH: usize = 1_000;
/// Longest key in bytes.
const MAX_KEY_BYTES: usize = 255;

/// A key that makes a request to enqueue repeatable: each of its jobs has an id that follows from it, so that a job
/// that is there already is known again. It holds as long as the jobs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    caller: String,
    key: String,
}

impl IdempotencyKey {
    /// The key of a caller, 1 to 255 visible ASCII characters and no space: two callers who happen to choose the same one
    /// are not in each other's way.
    ///
    /// # Errors
    ///
    /// `invalid` for an empty or overlong key, or one with other characters than visible ASCII.
    pub fn new(caller: &str, key: &str) -> Result<Self, ApiError> {
        let is_visible = key.bytes().all(|b| b.is_ascii_graphic());
        if key.is_empty() || key.len() > MAX_KEY_BYTES || !is_visible {
            let other = if is_visible { "" } else { ", and other characters than visible ASCII" };
            let text = format!("the key has {} bytes{other}", key.len());
            let remedy = format!("use 1 to {MAX_KEY_BYTES} visible ASCII characters, such as a UUID");
            return Err(ApiError::invalid("Idempotency-Key", text).with_remedy(remedy));
        }
        Ok(Self { caller: caller.to_owned(), key: key.to_owned() })
    }

    /// The id of the job at this place of the request.
    fn id(&self, place: usize) -> JobId {
        let mut hash = Sha256::new();
        // Lengths in front, so that no two keys run together.
        for part in [self.caller.as_bytes(), self.key.as_bytes(), &place.to_be_bytes()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        // Version 8: a UUID by a rule of its maker's own (RFC 9562, 5.8).
        JobId::from(Uuid::from_bytes(*Builder::from_custom_bytes(bytes).as_uuid().as_bytes()))
    }
}

/// The answer to one job, and whether it was given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The answer: of a request that was sent again under its key, the one that the first got.
    pub enqueued: Enqueued,
    /// Whether the same request was carried out before.
    pub repeated: bool,
}

impl Api {
    fn enqueuer(&self) -> Enqueuer {
        Enqueuer::new(self.storage.clone(), Arc::clone(&self.router))
    }

    /// Enqueues a job. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// `invalid` with the field; `conflict` when another job has the id, or another request was sent under the key;
    /// and what the storage gave.
    pub async fn enqueue(
        &self,
        line: EnqueueLine,
        key: Option<&IdempotencyKey>,
    ) -> Result<Receipt, ApiError> {
        let request = keyed(line, key, 0)?;
        let receipt = self.enqueuer().enqueue(request).await;
        self.touched();
        let receipt = Enqueued::from(receipt.map_err(|e| ApiError::from(e).under(key))?);
        Ok(receipt_of(receipt, key))
    }

    /// Enqueues jobs, at most 1,000: an answer for each, in their order. One that is refused stops no other.
    ///
    /// Members come as JSON text, so that an object that is no job fails alone.
    ///
    /// # Errors
    ///
    /// `invalid` for none or too many, and for a member that is no object. What the storage gave is in the answers.
    pub async fn enqueue_many(
        &self,
        members: &[Box<RawValue>],
        key: Option<&IdempotencyKey>,
    ) -> Result<EnqueueReport, ApiError> {
        if members.is_empty() || members.len() > MAX_BATCH {
            let text = format!("{} jobs are out of range: use 1 to {MAX_BATCH}", members.len());
            return Err(ApiError::invalid("jobs", text));
        }
        if let Some(place) = members.iter().position(|member| !member.get().starts_with('{')) {
            return Err(ApiError::invalid(format!("jobs[{place}]"), "each job is an object"));
        }
        let read = |(place, text): (usize, &RawValue)| {
            let Object(line): Object<EnqueueLine> = serde_json::from_str(text.get()).map_err(|e| {
                ApiError::new(
                    ErrorCode::Invalid,
                    format!("it is no job: {}", self.redaction.text(&e.to_string())),
                )
            })?;
            keyed(line, key, place)
        };
        let requests: Vec<Result<EnqueueRequest, ApiError>> =
            members.iter().map(|m| &**m).enumerate().map(read).collect();
        let answers = self.enqueue_requests(requests, key).await;
        let result = |(line, answer): (u64, Result<forge_jobs::Enqueued, ApiError>)| match answer {
            Ok(receipt) => {
                let Enqueued { id, outcome } = receipt_of(receipt.into(), key).enqueued;
                BulkResult { line, id: Some(id), outcome: Some(outcome), error: None }
            }
            Err(e) => BulkResult { line, id: None, outcome: None, error: Some(e.to_wire()) },
        };
        Ok(EnqueueReport { results: (1..).zip(answers).map(result).collect() })
    }
}

impl Api {
    /// Enqueues any number of jobs, in transactions of 2,000 or more: an answer for each, in their order. One that is
    /// refused stops no other.
    pub async fn enqueue_lines(&self, lines: Vec<EnqueueLine>) -> Vec<Result<Enqueued, ApiError>> {
        let requests: Vec<_> = lines.into_iter().map(|line| keyed(line, None, 0)).collect();
        let answers = self.enqueue_requests(requests, None).await;
        answers.into_iter().map(|answer| answer.map(Enqueued::from)).collect()
    }

    async fn enqueue_requests(
        &self,
        requests: Vec<Result<EnqueueRequest, ApiError>>,
        key: Option<&IdempotencyKey>,
    ) -> Vec<Result<forge_jobs::Enqueued, ApiError>> {
        let good: Vec<EnqueueRequest> = requests.iter().filter_map(|r| r.as_ref().ok().cloned()).collect();
        let mut receipts = self.enqueuer().enqueue_many(good).await.into_iter();
        self.touched();
        let mut next = || {
            let receipt = receipts.next().ok_or_else(|| ApiError::new(ErrorCode::Failed, "no answer"))?;
            receipt.map_err(|e| ApiError::from(e).under(key))
        };
        requests.into_iter().map(|request| request.and_then(|_| next())).collect()
    }
}

/// The request of a line, with the id that follows from the key.
fn keyed(
    mut line: EnqueueLine,
    key: Option<&IdempotencyKey>,
    place: usize,
) -> Result<EnqueueRequest, ApiError> {
    if let Some(key) = key {
        if line.id.is_some() {
            let text = "an id and an Idempotency-Key say the same thing twice: leave one of them out";
            return Err(ApiError::invalid("id", text));
        }
        line.id = Some(key.id(place).to_string());
    }
    Ok(EnqueueRequest::try_from(line)?)
}

/// Under a key the second answer is the first one again.
fn receipt_of(mut enqueued: Enqueued, key: Option<&IdempotencyKey>) -> Receipt {
    let repeated = key.is_some() && enqueued.outcome == EnqueueOutcome::AlreadyThere;
    if repeated {
        enqueued.outcome = EnqueueOutcome::Inserted;
    }
    Receipt { enqueued, repeated }
}

impl ApiError {
    /// Under a key, an id that is taken is a key that was used for something else.
    fn under(self, key: Option<&IdempotencyKey>) -> Self {
        if key.is_none() || self.code() != ErrorCode::Conflict {
            return self;
        }
        let text = "another request was sent under this Idempotency-Key: use a new one for each";
        Self::new(ErrorCode::Conflict, text).on("Idempotency-Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_caller_key_and_place_alone() {
        let key = |caller, key| IdempotencyKey::new(caller, key).unwrap();
        assert_eq!(key("a", "k").id(0), key("a", "k").id(0));
        let others = [key("a", "k").id(1), key("b", "k").id(0), key("a", "l").id(0), key("ak", "-").id(0)];
        assert!(others.iter().all(|id| *id != key("a", "k").id(0)));
    }

    #[test]
    fn a_key_is_visible_and_short() {
        for bad in ["", "a\nb", "a b", "ä", &"x".repeat(256)] {
            assert_eq!(IdempotencyKey::new("a", bad).unwrap_err().field(), Some("Idempotency-Key"));
        }
    }
}
