//! A relative path, in a program that changes its working directory. Alone in its file: that is the whole process's.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use forge_jobs::storage::EnqueueParams;
use forge_jobs::storage::sqlite::{SqliteOptions, SqliteStorage};
use forge_jobs::{DefaultRouter, EnqueueRequest};

#[tokio::test]
async fn a_relative_path_means_the_directory_at_opening_and_no_name_is_special() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["jobs.db", ":memory:", "file:jobs.db?mode=memory"] {
        std::env::set_current_dir(one.path()).unwrap();
        let storage = SqliteStorage::open(name, SqliteOptions::default()).await.unwrap().into_bundle();
        let job = EnqueueRequest::new("k", 1).validate(&DefaultRouter).unwrap();
        let id = job.id;
        storage.jobs.enqueue(EnqueueParams { jobs: vec![job], now: None }).await.unwrap();
        // Connections for reads are opened when the first read comes.
        std::env::set_current_dir(other.path()).unwrap();
        assert!(storage.inspect.job(id).await.unwrap().is_some(), "{name}");
        assert!(one.path().join(name).is_file(), "{name}");
    }
    std::env::set_current_dir("/").unwrap();
}
