//! A server that takes connections and never says a word.

use crate::{HANG, databases};
use forge_jobs::JobId;
use forge_jobs::storage::PostgresConfig;
use forge_jobs::storage::postgres::{PostgresStorage, Purpose};
use futures_util::future::join_all;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between until it is told to fall silent; then connections end, and new ones get no answer.
async fn between(
    listener: TcpListener,
    server: String,
    mut silent: watch::Receiver<bool>,
    unanswered: Arc<Mutex<Vec<TcpStream>>>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        if *silent.borrow_and_update() {
            unanswered.lock().unwrap().push(near);
            continue;
        }
        let (server, mut silent) = (server.clone(), silent.clone());
        tokio::spawn(async move {
            let mut far = TcpStream::connect(server).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = silent.wait_for(|silent| *silent) => {}
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_for_a_connection_share_the_end_of_the_attempt() {
    const CALLS: usize = 20;
    let database = databases::fresh().await;
    let direct = PostgresConfig::from_url(database.url()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = format!("127.0.0.1:{}", direct.port());
    let (fall_silent, silent) = watch::channel(false);
    let unanswered = Arc::<Mutex<Vec<TcpStream>>>::default();
    tokio::spawn(between(listener, server, silent, unanswered.clone()));
    let url = database.url().replace(&format!(":{}/", direct.port()), &format!(":{port}/"));
    let config =
        PostgresConfig::from_url(&url).unwrap().with_connect_timeout(Duration::from_secs(5)).unwrap();
    let config = config.with_read_connections(1).unwrap().without_listen();
    let storage = PostgresStorage::open(&config, Purpose::Look).await.unwrap().into_bundle();
    assert_eq!(storage.inspect.job(JobId::new()).await.unwrap(), None);
    fall_silent.send(true).unwrap();
    let calls = join_all((0..CALLS).map(|_| storage.inspect.job(JobId::new())));
    let ends = tokio::time::timeout(HANG, calls).await.expect("they end");
    assert!(ends.iter().all(Result::is_err), "{ends:?}");
    // One, or another one for those whose connection was lost on the way.
    let attempts = unanswered.lock().unwrap().len();
    assert!((1..CALLS / 2).contains(&attempts), "{attempts} attempts");
}
