//! One registration of this process, and the claims made under it.
//!
//! A process usually has one session from start to stop. It gets another when it was fenced, when it fenced itself,
//! or when a claim's outcome is unknown: rows may then be ours in the database that this process has never seen, and
//! ending the old registration is what hands them back.

use super::boot_clock::BootInstant;
use crate::ProcessId;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One registration of this process.
pub(crate) struct Session {
    pub(crate) process: ProcessId,
    /// Claims that this process knows of and that are not written as ended.
    outstanding: AtomicUsize,
    /// Whether the claims are not ours any more, as far as this process can prove.
    lost: AtomicBool,
    /// Whether its registration is being ended by this process itself.
    leaving: AtomicBool,
    confirmed: Mutex<BootInstant>,
}

impl Session {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            process: ProcessId::new(),
            outstanding: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            confirmed: Mutex::new(BootInstant::now()),
        })
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// From now on it is no news that the registration has ended.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Says whether this call was the first.
    pub(crate) fn lose(&self) -> bool {
        !self.lost.swap(true, Ordering::AcqRel)
    }

    /// A heartbeat that was sent at `sent` was confirmed.
    pub(crate) fn confirm(&self, sent: BootInstant) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = sent;
    }

    /// Since the last confirmed heartbeat was sent.
    pub(crate) fn unconfirmed_for(&self) -> Duration {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    pub(crate) fn took(&self, claims: usize) {
        self.outstanding.fetch_add(claims, Ordering::AcqRel);
    }

    pub(crate) fn gave_back(&self, claims: usize) {
        self.outstanding.fetch_sub(claims, Ordering::AcqRel);
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Acquire)
    }
}

/// The sessions of a runtime.
#[derive(Default)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The one that new claims are made under; none between a fence and the next registration.
    current: Option<Arc<Session>>,
    /// Earlier ones whose handlers still run or whose claims are still to be handed back.
    retiring: Vec<Arc<Session>>,
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn current(&self) -> Option<Arc<Session>> {
        self.lock().current.clone()
    }

    pub(crate) fn set_current(&self, session: Arc<Session>) {
        self.lock().current = Some(session);
    }

    /// Takes the session out of use for new claims.
    pub(crate) fn retire(&self, session: &Arc<Session>) {
        let mut inner = self.lock();
        if inner.current.as_ref().is_some_and(|c| Arc::ptr_eq(c, session)) {
            inner.current = None;
        }
        if !inner.retiring.iter().any(|s| Arc::ptr_eq(s, session)) {
            inner.retiring.push(session.clone());
        }
    }

    /// Forgets a retired session.
    pub(crate) fn forget(&self, session: &Arc<Session>) {
        self.lock().retiring.retain(|s| !Arc::ptr_eq(s, session));
    }

    /// Takes the session out of use and forgets it: nothing of it runs.
    #[cfg(feature = "testing")]
    pub(crate) fn forget_all(&self, session: &Arc<Session>) {
        self.retire(session);
        self.forget(session);
    }

    pub(crate) fn retiring(&self) -> Vec<Arc<Session>> {
        self.lock().retiring.clone()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let inner = self.lock();
        inner.current.iter().chain(&inner.retiring).cloned().collect()
    }
}
