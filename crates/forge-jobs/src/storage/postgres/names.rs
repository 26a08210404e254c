//! Queues and kinds are stored as numbers; this knows the names.

use super::error::Fault;
use super::hub::{Hub, Lane};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_postgres::types::Type;

const NAMES: &str = "SELECT queue, kind FROM {schema}.names($1, $2)";
const KINDS: &str = "SELECT no, name FROM {schema}.kinds";

/// The numbers of a queue and its kinds, by the kind's name.
type Kinds = HashMap<Arc<str>, (i32, i32)>;

/// The numbers that were heard of. Rows are never deleted, so that a number is good for ever.
#[derive(Default)]
pub(super) struct Names {
    pairs: RwLock<HashMap<Arc<str>, Kinds>>,
    kinds: RwLock<HashMap<i32, Arc<str>>>,
}

impl Names {
    fn pair(&self, queue: &str, kind: &str) -> Option<(i32, i32)> {
        self.pairs.read().unwrap_or_else(PoisonError::into_inner).get(queue)?.get(kind).copied()
    }

    fn learn(&self, queue: &str, kind: &str, numbers: (i32, i32)) {
        let kind: Arc<str> = kind.into();
        self.kinds.write().unwrap_or_else(PoisonError::into_inner).insert(numbers.1, kind.clone());
        let mut pairs = self.pairs.write().unwrap_or_else(PoisonError::into_inner);
        pairs.entry(queue.into()).or_default().insert(kind, numbers);
    }

    fn kind(&self, no: i32) -> Option<Arc<str>> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).get(&no).cloned()
    }
}

impl Hub {
    /// The numbers of pairs of queue and kind; what is new is created, and committed before anything uses it.
    pub(super) async fn numbers(&self, wanted: &[(&str, &str)]) -> Result<Vec<(i32, i32)>, Fault> {
        // In order, so that two calls at once do not wait for each other in a circle.
        let new: BTreeSet<_> = wanted.iter().filter(|(q, k)| self.names.pair(q, k).is_none()).collect();
        if !new.is_empty() {
            let (queues, kinds): (Vec<&str>, Vec<&str>) = new.iter().copied().copied().unzip();
            let params = [(&queues as _, Type::TEXT_ARRAY), (&kinds as _, Type::TEXT_ARRAY)];
            let rows = self.write(Lane::Patient, NAMES, &params).await?;
            for ((queue, kind), row) in new.into_iter().zip(rows) {
                self.names.learn(queue, kind, (row.try_get(0)?, row.try_get(1)?));
            }
        }
        let unknown = || crate::storage::StorageError::Internal {
            detail: "the database did not number every name".into(),
            source: None,
        };
        wanted.iter().map(|(q, k)| Ok(self.names.pair(q, k).ok_or_else(unknown)?)).collect()
    }

    /// The name of a kind.
    pub(super) async fn kind_name(&self, no: i32) -> Result<Arc<str>, Fault> {
        if let Some(name) = self.names.kind(no) {
            return Ok(name);
        }
        for row in self.look(Lane::Work, KINDS, &[]).await? {
            let (no, name): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            self.names.kinds.write().unwrap_or_else(PoisonError::into_inner).insert(no, name.into());
        }
        let unknown = || crate::storage::StorageError::Corrupt {
            detail: format!("a job has the kind {no}, which has no name"),
            source: None,
        };
        Ok(self.names.kind(no).ok_or_else(unknown)?)
    }
}
