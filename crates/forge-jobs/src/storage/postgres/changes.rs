//! Tells waiting runtimes when to look again: after this process's own commits, and after other processes'.
//!
//! Wake-ups between processes are notifications of Postgres, sent apart from the transactions that they are about and
//! coalesced: one in each transaction would make all commits wait for each other. They are hints. Polling is the truth,
//! and where no notification comes through, as behind a pooler, it is all there is: then waiting runtimes are told to
//! look once a second.

use super::connect::connect_and_hear;
use super::driver::Closing;
use super::error::Fault;
use super::hub::{Hub, Lane, only};
use super::link::Live;
use crate::ProcessId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

const BACKEND: &str = "SELECT pg_backend_pid()";
const LED: &str = "SELECT EXISTS (SELECT FROM {schema}.leases l WHERE l.name = 'leader' AND l.until > {schema}.clock(NULL))";
/// Nobody waits for the disk for a hint, and a commit that does would hold up the next one of others.
const TELL: &str = "SELECT set_config('synchronous_commit', 'off', true), {schema}.tell($1)";
/// Between two notifications of one process: more often would wake others for what they are about to see.
const TELL_GAP: Duration = Duration::from_millis(5);
/// What tries out a listening connection.
const ECHO: &str = "echo:";
/// How often a listening connection is tried out: a dead one looks like a silent one.
const ECHO_EVERY: Duration = Duration::from_secs(5);
/// How long an echo may take.
const ECHO_LIMIT: Duration = Duration::from_secs(2);
/// How long a listening connection may take to be made ready.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How often waiting runtimes look while nothing can be heard.
const BLIND_POLL: Duration = Duration::from_secs(1);
/// How often two connections are asked which backend serves them, to find a pooler.
const PROBES: u32 = 4;
/// How soon a lost connection is made again, at first and at last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often listening is tried again behind a pooler.
const AGAIN_BEHIND_POOLER: Duration = Duration::from_secs(300);
/// How soon it is tried again where not even the first echo came. A pooler may have swallowed that, or a server that is
/// busy was late with it: each time half as often, in the end as rarely as behind a pooler.
const AGAIN_UNHEARD: Duration = Duration::from_secs(5);

/// What a call did that others may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    /// A job may have become claimable, or a setting changed.
    pub(super) claimable: bool,
    /// A job may have become due at some later time.
    pub(super) deferred: bool,
    /// A budget may give more than it said.
    pub(super) budgets: bool,
}

impl Effects {
    pub(super) const CLAIMABLE: Self = Self { claimable: true, deferred: false, budgets: false };
    /// A limit was changed.
    pub(super) const BUDGETS: Self = Self { claimable: true, deferred: false, budgets: true };
    pub(super) const ANY: Self = Self { claimable: true, deferred: true, budgets: true };
}

/// What is still to be told to other processes.
#[derive(Default)]
pub(super) struct Teller {
    claimable: AtomicBool,
    deferred: AtomicBool,
    filled: Notify,
}

impl Teller {
    fn add(&self, effects: Effects) {
        self.claimable.fetch_or(effects.claimable, Ordering::AcqRel);
        self.deferred.fetch_or(effects.deferred, Ordering::AcqRel);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<&'static str> {
        let claimable = self.claimable.swap(false, Ordering::AcqRel);
        let deferred = self.deferred.swap(false, Ordering::AcqRel);
        match (claimable, deferred) {
            (true, true) => Some("wd"),
            (true, false) => Some("w"),
            (false, true) => Some("d"),
            (false, false) => None,
        }
    }
}

impl Hub {
    /// Tells the runtimes of this process.
    pub(super) fn announce(&self, effects: Effects) {
        if effects == Effects::default() {
            return;
        }
        self.changes.send_modify(|c| {
            c.claimable += u64::from(effects.claimable);
            c.deferred += u64::from(effects.deferred);
            c.budgets += u64::from(effects.budgets);
        });
    }

    /// Tells everybody, this process at once.
    pub(super) fn tell(&self, effects: Effects) {
        if effects != Effects::default() {
            self.announce(effects);
            self.teller.add(effects);
        }
    }

    /// A heartbeat of this process would bring news.
    pub(super) fn tell_news(&self) {
        self.changes.send_modify(|c| c.news += 1);
    }

    fn heard(&self, what: &str) {
        if what == "l" {
            // A heartbeat takes the lease.
            self.tell_news();
            return;
        }
        if let Some(process) = what.strip_prefix("c:") {
            if process.parse::<ProcessId>().is_ok_and(|p| self.is_mine(p)) {
                self.tell_news();
            }
            return;
        }
        if what.starts_with(ECHO) {
            // Of another process, or late: the identity behind it has letters of its own.
            return;
        }
        self.announce(Effects {
            claimable: what.contains('w'),
            deferred: what.contains('d'),
            budgets: what.contains('b'),
        });
    }
}

/// Sends what is to be told, until the storage is closed and everything was said.
pub(super) async fn tell(hub: Arc<Hub>, mut closing: Closing) {
    let mut last = false;
    loop {
        if let Some(what) = hub.teller.take() {
            // Lost ones are found by polling.
            let _ = hub.write(Lane::Urgent, TELL, &[(&what, Type::TEXT)]).await;
            if !last {
                tokio::time::sleep(TELL_GAP).await;
            }
            continue;
        }
        if last {
            return;
        }
        tokio::select! {
            () = hub.teller.filled.notified() => {}
            () = closing.wait() => last = true,
        }
    }
}

/// Why listening ended.
enum Ended {
    /// The connection was lost, or an echo did not come any more.
    Lost,
    /// A pooler stands between.
    Pooled,
    /// Not even the first echo came.
    Unheard,
    /// The connection was lost before it.
    Broken,
}

/// Listens for what others tell; while nothing can be heard, has waiting runtimes look once a second.
pub(super) async fn listen(hub: Arc<Hub>) {
    let (hearing, hears) = watch::channel(false);
    tokio::join!(keep_listening(&hub, &hearing), look_while_deaf(&hub, hears));
}

/// For a storage that is not to listen.
pub(super) async fn poll(hub: Arc<Hub>) {
    let (_deaf, hears) = watch::channel(false);
    look_while_deaf(&hub, hears).await;
}

async fn keep_listening(hub: &Hub, hearing: &watch::Sender<bool>) {
    let mut wait = AGAIN.0;
    let mut unheard = AGAIN_UNHEARD;
    // Where a notification came through once there is no pooler: what swallows the next ones is a fault, and passes.
    let mut ever = false;
    loop {
        let ended = hear(hub, hearing, &mut ever).await;
        hearing.send_replace(false);
        // What was told meanwhile was missed.
        hub.announce(Effects::ANY);
        hub.tell_news();
        let again = match ended {
            Ok(Ended::Lost) => {
                wait = AGAIN.0;
                wait
            }
            Ok(Ended::Pooled) if !ever => AGAIN_BEHIND_POOLER,
            Ok(Ended::Unheard) if !ever => {
                let again = unheard;
                unheard = (unheard * 2).min(AGAIN_BEHIND_POOLER);
                again
            }
            Ok(Ended::Pooled | Ended::Unheard | Ended::Broken) | Err(_) => {
                wait = (wait * 2).min(AGAIN.1);
                wait.mul_f64(0.5 + fastrand::f64() / 2.0)
            }
        };
        tokio::time::sleep(again).await;
    }
}

async fn look_while_deaf(hub: &Hub, mut hears: watch::Receiver<bool>) {
    while hears.wait_for(|hears| !hears).await.is_ok() {
        tokio::time::sleep(BLIND_POLL).await;
        if !*hears.borrow() {
            hub.announce(Effects::ANY);
            if matches!(is_led(hub).await, Ok(false)) {
                // A heartbeat takes the lease.
                hub.tell_news();
            }
        }
    }
}

async fn is_led(hub: &Hub) -> Result<bool, Fault> {
    Ok(only(hub.look(Lane::Urgent, LED, &[]).await?)?.try_get(0)?)
}

async fn hear(hub: &Hub, hearing: &watch::Sender<bool>, ever: &mut bool) -> Result<Ended, Fault> {
    let (send, mut heard) = mpsc::unbounded_channel();
    let live = connect_and_hear(&hub.server, Some(send)).await?;
    if answered(is_pooled(hub, &live)).await? {
        return Ok(Ended::Pooled);
    }
    let order =
        async |verb| Ok(live.client().batch_execute(&format!("{verb} \"{}\"", hub.schema.channel())).await?);
    answered(order("LISTEN")).await?;
    let token = format!("{ECHO}{}", ProcessId::new());
    let mut echoed = false;
    loop {
        // Until the echo comes it may be that nothing does.
        hearing.send_replace(false);
        // Sent on another connection: on its own one even a pooler might let it through.
        hub.write(Lane::Urgent, TELL, &[(&token, Type::TEXT)]).await?;
        if !until_echo(hub, &mut heard, &token).await {
            if echoed {
                return Ok(Ended::Lost);
            }
            if heard.is_closed() {
                return Ok(Ended::Broken);
            }
            // Wherever that was: perhaps it is still there.
            let _ = answered(order("UNLISTEN")).await;
            return Ok(Ended::Unheard);
        }
        hearing.send_replace(true);
        *ever = true;
        if !echoed {
            echoed = true;
            // From now on nothing is missed; what was told before may have been.
            hub.announce(Effects::ANY);
            hub.tell_news();
        }
        let pause = tokio::time::sleep(ECHO_EVERY);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                what = heard.recv() => match what {
                    Some(what) => hub.heard(&what),
                    None => return Ok(Ended::Lost),
                },
            }
        }
    }
}

/// A connection that is silent may stay so for ever, and nothing would be tried again.
async fn answered<T>(call: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(ANSWER_LIMIT, call).await.unwrap_or(Err(Fault::Late(ANSWER_LIMIT)))
}

/// Whether a pooler is known to stand between: the connection is served by one backend now and by another one then, or
/// by one that serves another connection of this storage too.
///
/// A `LISTEN` would stay behind on a connection of the pooler, and whoever gets that next would hear what it never asked
/// for; some drivers break off then.
async fn is_pooled(hub: &Hub, live: &Live) -> Result<bool, Fault> {
    let backend = |rows: Vec<Row>| -> Result<i32, Fault> { Ok(only(rows)?.try_get(0)?) };
    let first = backend(live.client().query_typed(BACKEND, &[]).await?)?;
    for _ in 0..PROBES {
        // A pooler likes to give what was given back last.
        let other = backend(hub.look(Lane::Urgent, BACKEND, &[]).await?)?;
        let now = backend(live.client().query_typed(BACKEND, &[]).await?)?;
        if other == first || now != first {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn until_echo(hub: &Hub, heard: &mut mpsc::UnboundedReceiver<String>, token: &str) -> bool {
    let echo = async {
        while let Some(what) = heard.recv().await {
            if what == token {
                return true;
            }
            hub.heard(&what);
        }
        false
    };
    tokio::time::timeout(ECHO_LIMIT, echo).await.unwrap_or(false)
}
