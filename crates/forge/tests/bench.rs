//! `forge bench`: that it measures what it says. How fast this machine is, no test asks.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may end in a panic, its helpers included")]

mod support;

use forge_jobs_api::wire::Measurement;
use support::Home;

#[test]
fn every_workload_is_measured_beside_its_floor_and_leaves_nothing_behind() {
    let home = Home::new();
    let dir = home.path("bench");
    std::fs::create_dir(&dir).unwrap();
    let dir = dir.to_str().unwrap();
    let args = ["bench", "--quick", "--rounds", "1", "--synchronous", "normal", "--json", "--dir", dir];
    let lines: Vec<Measurement> = home.run(args).json();
    let names: Vec<_> = lines.iter().map(|m| m.workload.as_str()).collect();
    let mut expected =
        vec!["enqueue", "enqueue", "bulk", "drain", "drain", "drain", "pick_up", "pick_up_across", "mixed"];
    if cfg!(target_os = "linux") {
        expected.push("idle");
    }
    assert_eq!(names, expected);
    for m in &lines {
        assert_eq!((m.settings.synchronous.as_str(), m.settings.rounds), ("normal", 1));
        let rated = matches!(m.workload.as_str(), "enqueue" | "bulk" | "drain");
        assert_eq!(m.floor.is_some_and(|f| f > 0.0), rated, "{m:?}");
        assert_eq!(m.rate.is_some_and(|r| r > 0.0), rated || m.workload == "mixed", "{m:?}");
        assert_eq!(m.ratio.is_some_and(|r| (r - m.rate.unwrap() / m.floor.unwrap()).abs() < 1e-9), rated);
        let timed = matches!(m.workload.as_str(), "enqueue" | "pick_up" | "pick_up_across" | "mixed");
        assert_eq!(m.p50_us.is_some() && m.p99_us >= m.p50_us, timed, "{m:?}");
        assert_eq!(m.memory_mib.is_some_and(|mib| mib > 0.0), m.workload == "idle", "{m:?}");
    }
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
}

#[test]
fn a_choice_of_workloads_is_measured_and_an_unknown_one_refused() {
    let home = Home::new();
    let ended = home.run(["bench", "pick_up", "--quick", "--synchronous", "full"]);
    ended.check(0, &["measuring pick_up, synchronous full, 100 jobs"]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:?}");
    home.run(["bench", "pickup"]).check(2, &["pickup", "pick_up_across"]);
    home.run(["bench", "--rounds", "0"]).check(2, &["--rounds"]);
    let nowhere = home.path("not/there");
    let ended = home.run(["bench", "bulk", "--quick", "--dir", nowhere.to_str().unwrap()]);
    ended.check(1, &["not/there"]);
    home.run(["bench", "bulk", "--database", "sqlite::memory:"]).check(2, &["--dir"]);
}
