//! Replacing jobs that wait, each in a transaction of its own.
//!
//! The transaction that inserts may have to wait for keys that a host program's open transaction has taken. One that
//! replaces locks what claims, finishes and promotions need, and so waits for nothing while it does.

use super::enqueue::{Columns, Said, insert_any, outcome};
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use crate::storage::{Inserted, StorageError};
use crate::{NewJob, Timestamp};
use std::slice;
use tokio_postgres::types::Type;
use uuid::Uuid;

const REPLACE: &str = "SELECT code, of FROM {schema}.replace_apart($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
     $14, $15, $16)";
/// Of the schema's functions: another job is to become this one.
const TO_REPLACE: i16 = 5;
/// How often a job is looked for that moves while it is to be replaced.
const TRIES: usize = 20;

/// What came of jobs; does what is left to be done, in their order.
pub(super) async fn replace_all(
    hub: &Hub,
    jobs: &[NewJob],
    numbers: &[(i32, i32)],
    said: Vec<Said>,
    now: Option<Timestamp>,
) -> Result<Vec<Inserted>, Fault> {
    let mut results = Vec::with_capacity(said.len());
    for ((job, numbers), said) in jobs.iter().zip(numbers).zip(said) {
        results.push(match said {
            (TO_REPLACE, Some(of)) => replace(hub, job, *numbers, of, now).await.map_err(half_done)?,
            (code, of) => outcome(code, of),
        });
    }
    Ok(results)
}

/// Others have been inserted: the same call again finds them there.
fn half_done(fault: Fault) -> Fault {
    match fault.into_storage(true) {
        StorageError::Unavailable { detail, source, .. } => {
            Fault::Refused(StorageError::Unavailable { detail, outcome_unknown: true, source })
        }
        other => Fault::Refused(other),
    }
}

async fn replace(
    hub: &Hub,
    job: &NewJob,
    numbers: (i32, i32),
    mut of: Uuid,
    now: Option<Timestamp>,
) -> Result<Inserted, Fault> {
    for _ in 0..TRIES {
        let said = replace_once(hub, job, numbers, of, now).await?;
        if said.0 != TO_REPLACE {
            return Ok(outcome(said.0, said.1));
        }
        // It has started or finished, or is moving just now: the key may be free.
        let c = Columns::of(slice::from_ref(job));
        match insert_any(hub, &c, &[numbers], now).await?.first() {
            None => return Ok(Inserted::Inserted),
            Some((TO_REPLACE, Some(other))) => of = *other,
            Some((code, of)) => return Ok(outcome(*code, *of)),
        }
    }
    let detail = format!("the job {of} could not be replaced, since it moves all the time: try again");
    Err(StorageError::Unavailable { detail, outcome_unknown: true, source: None }.into())
}

async fn replace_once(
    hub: &Hub,
    job: &NewJob,
    (queue, kind): (i32, i32),
    of: Uuid,
    now: Option<Timestamp>,
) -> Result<Said, Fault> {
    let c = Columns::of(slice::from_ref(job));
    // What a column does not hold is NULL here too.
    let first =
        |column: &Option<Vec<Option<i64>>>| column.as_ref().and_then(|c| c.first().copied().flatten());
    let (asked, period) = (first(&c.asked), first(&c.periods));
    let delay = c.delays.as_ref().is_some_and(|c| c.first() == Some(&true));
    let states = c.states.as_ref().and_then(|c| c.first().copied().flatten());
    let key = c.keys.as_ref().and_then(|c| c.first().copied().flatten());
    let turn = c.turns.as_ref().and_then(|c| c.first().copied().flatten());
    let tags = c.tags.as_ref().and_then(|c| c.first().cloned().flatten());
    let trace = c.traces.as_ref().and_then(|c| c.first().cloned().flatten());
    let now = now.map(Timestamp::as_micros);
    let values = [
        (&of as _, Type::UUID),
        (&c.ids[0] as _, Type::UUID),
        (&queue as _, Type::INT4),
        (&kind as _, Type::INT4),
        (&c.priorities[0] as _, Type::INT2),
        (&c.max[0] as _, Type::INT4),
        (&asked as _, Type::INT8),
        (&delay as _, Type::BOOL),
        (&key as _, Type::TEXT),
        (&states as _, Type::INT2),
        (&period as _, Type::INT8),
        (&turn as _, Type::TEXT),
        (&tags as _, Type::TEXT),
        (&c.payloads[0] as _, Type::TEXT),
        (&now as _, Type::INT8),
        (&trace as _, Type::TEXT),
    ];
    let row = only(hub.write(Lane::Patient, REPLACE, &values).await?)?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
