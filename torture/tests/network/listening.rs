//! A replica that does not hear any more what others tell: it looks by itself, and hears again by itself.

use crate::support::{
    HANG, Puppet, beating, config, enqueue, job, next, open, puppets, runtime, turn, until,
};
use forge_jobs::storage::JobQueue;
use forge_jobs::storage::postgres::PostgresStorage;
use forge_jobs::{JobOutcome, RuntimeConfig};
use forge_torture::proxy::{How, Proxy};
use forge_torture::stage::Stage;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const ROUNDS: usize = 2;
/// A pick-up that a wake-up explains, and no look.
const QUICK: Duration = Duration::from_millis(150);
/// How often the storage has runtimes look while it hears nothing.
const LOOK: Duration = Duration::from_secs(1);
/// For scheduling, on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(5);
/// After this the storage hears again.
const HEARS_AGAIN: Duration = Duration::from_secs(10);
/// The longest time in which a silent connection is not noticed.
const UNNOTICED: Duration = Duration::from_secs(7);

#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The connection is closed, and no new one is let in.
    Cut,
    /// The connection stays, and nothing comes.
    Silent,
}

impl Loss {
    fn begin(self, proxy: &Proxy) {
        match self {
            Self::Cut => {
                proxy.refuse(true);
                proxy.cut_listen(How::Reset);
            }
            Self::Silent => proxy.blackhole_listen(true),
        }
    }

    fn end(self, proxy: &Proxy) {
        match self {
            Self::Cut => proxy.refuse(false),
            Self::Silent => proxy.blackhole_listen(false),
        }
    }
}

/// A job is enqueued by another process; the time until it starts here.
async fn pick_up(other: &PostgresStorage, started: &mut mpsc::UnboundedReceiver<Puppet>) -> Duration {
    let sent = Instant::now();
    other.enqueue(enqueue(vec![job("k")])).await.unwrap();
    let mut puppet = next(started).await;
    puppet.end(JobOutcome::Done);
    puppet.started - sent
}

/// Loses what is told, and finds it again: `polls` are the runtime's own, `unnoticed` is how long the loss may need to
/// be noticed before pick-ups are measured.
async fn lose_and_find(polls: Duration, losses: &[Loss], unnoticed: Duration) {
    let stage = Stage::new().await.unwrap();
    let (here, other) = (open(&config(&stage.url_through())).await, stage.direct().await.unwrap());
    let (handlers, mut started) = puppets();
    let settings: RuntimeConfig = {
        let mut settings = beating(Duration::from_secs(10));
        (settings.poll_busy, settings.poll_idle) = (polls, polls);
        settings
    };
    let worker = runtime(Arc::clone(&here).into_bundle(), handlers, settings);
    let handle = worker.start().await.unwrap();
    until("a quick pick-up", async || pick_up(&other, &mut started).await < QUICK).await;
    for loss in losses.iter().copied().cycle().take(ROUNDS * losses.len()) {
        loss.begin(&stage.proxy);
        tokio::time::sleep(unnoticed).await;
        let mut longest = Duration::ZERO;
        for _ in 0..4 {
            longest = longest.max(pick_up(&other, &mut started).await);
        }
        loss.end(&stage.proxy);
        let restored = Instant::now();
        until("a quick pick-up", async || pick_up(&other, &mut started).await < QUICK).await;
        let again = restored.elapsed();
        // One may be lucky, several are not.
        let mut quick = Vec::new();
        for _ in 0..5 {
            quick.push(pick_up(&other, &mut started).await);
        }
        quick.sort();
        println!(
            "{loss:?}: while lost at most {longest:?}, well again within {again:?}, then median {:?}",
            quick[2]
        );
        assert!(quick[2] < LOOK / 2, "{loss:?}: whoever hears does not wait for a look: {quick:?}");
        assert!(longest <= LOOK + SLACK, "{loss:?}: picked up after {longest:?}");
        assert!(again <= HEARS_AGAIN + SLACK, "{loss:?}: heard again only after {again:?}");
    }
    handle.shutdown_graceful(HANG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_is_heard_the_runtimes_own_looks_find_what_others_enqueue() {
    let _turn = turn().await;
    lose_and_find(LOOK, &[Loss::Cut, Loss::Silent], Duration::ZERO).await;
}

/// The runtime itself looks so rarely that only the storage can have told it.
#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_has_noticed_that_it_is_deaf_has_runtimes_look_and_hears_again() {
    let _turn = turn().await;
    let polls = Duration::from_secs(600);
    lose_and_find(polls, &[Loss::Cut], Duration::ZERO).await;
    lose_and_find(polls, &[Loss::Silent], UNNOTICED).await;
}

/// As if a busy server were late with the first notification: that is no pooler, which would be asked again much later.
#[tokio::test(flavor = "multi_thread")]
async fn a_storage_whose_first_notification_does_not_come_listens_again_soon() {
    let _turn = turn().await;
    let stage = Stage::new().await.unwrap();
    Loss::Silent.begin(&stage.proxy);
    let (here, other) = (open(&config(&stage.url_through())).await, stage.direct().await.unwrap());
    let (handlers, mut started) = puppets();
    let settings: RuntimeConfig = {
        let mut settings = beating(Duration::from_secs(10));
        (settings.poll_busy, settings.poll_idle) = (Duration::from_secs(600), Duration::from_secs(600));
        settings
    };
    let worker = runtime(Arc::clone(&here).into_bundle(), handlers, settings);
    let handle = worker.start().await.unwrap();
    // The silent one stays where it is: nobody hears that it was closed.
    let listening = || stage.proxy.snapshot().connections.into_iter().filter(|c| c.listening).count();
    until("a connection that listens, and another one", async || listening() >= 2).await;
    Loss::Silent.end(&stage.proxy);
    until("a quick pick-up", async || pick_up(&other, &mut started).await < QUICK).await;
    handle.shutdown_graceful(HANG).await;
}
