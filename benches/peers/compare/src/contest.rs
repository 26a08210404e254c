//! Who is compared, and at what.

/// What `forge bench` and all peers do.
pub(crate) const WORKLOADS: [&str; 4] = ["enqueue", "bulk", "drain", "pick_up"];

/// (workload, width).
pub(crate) const CASES: [(&str, u32); 7] = [
    ("enqueue", 8),
    ("enqueue", 64),
    ("bulk", 1),
    ("drain", 50),
    ("drain", 10),
    ("drain", 1),
    ("pick_up", 1),
];

/// Those that can be compared with each other.
pub(crate) struct Contest {
    pub(crate) synchronous: &'static [&'static str],
    pub(crate) peers: &'static [Peer],
}

/// A column of the table.
pub(crate) struct Peer {
    pub(crate) title: &'static str,
    pub(crate) program: &'static str,
    /// Where a program has more than one.
    pub(crate) settings: Option<&'static str>,
    /// Jobs of an enqueue one by one.
    enqueued: u32,
    drained: Drained,
    /// Whether it is only run where jobs end; up to there it does the same as the one before.
    only_ends: bool,
}

/// Jobs of a drain.
enum Drained {
    All(u32),
    /// So many for each that runs at a time.
    Each(u32),
}

impl Peer {
    const fn on_file(title: &'static str, program: &'static str, enqueued: u32) -> Self {
        let drained = Drained::All(50_000);
        Self { title, program, settings: None, enqueued, drained, only_ends: false }
    }

    const fn on_server(title: &'static str, program: &'static str, settings: &'static str) -> Self {
        Self {
            drained: Drained::All(100_000),
            settings: Some(settings),
            ..Self::on_file(title, program, 10_000)
        }
    }

    pub(crate) fn is_at(&self, workload: &str) -> bool {
        !self.only_ends || matches!(workload, "drain" | "pick_up")
    }

    /// As many as `forge bench` has, but where a slow peer would take minutes and the rate does not depend on their
    /// number.
    pub(crate) fn jobs(&self, workload: &str, width: u32, quick: bool) -> u32 {
        let share = if quick { 10 } else { 1 };
        match workload {
            "pick_up" => 500 / share,
            "bulk" => 100_000 / share,
            "drain" => match self.drained {
                Drained::All(jobs) => jobs / share,
                // With less of it there would be nothing but the first poll, which is at once.
                Drained::Each(jobs) => jobs * width,
            },
            _ => self.enqueued / share,
        }
    }
}

/// On SQLite.
pub(crate) const FILES: &Contest = &Contest {
    synchronous: &["normal", "full"],
    peers: &[
        Peer::on_file("effectum", "peer-effectum", 80_000),
        Peer::on_file("honker", "peer-honker", 10_000),
        Peer::on_file("apalis", "peer-apalis", 10_000),
    ],
};

/// On Postgres.
pub(crate) const SERVER: &Contest = &Contest {
    synchronous: &["full"],
    peers: &[
        Peer::on_server("graphile_worker, tuned", "peer-graphile-worker", "tuned"),
        Peer {
            // It takes a job for each that runs at a time, and then waits for its next poll, a second later.
            drained: Drained::Each(20),
            ..Peer::on_server("graphile_worker, defaults", "peer-graphile-worker", "defaults")
        },
        Peer::on_server("apalis", "peer-apalis-postgres", "tuned"),
        Peer::on_server("pgmq, deletes", "peer-pgmq", "deletes"),
        Peer { only_ends: true, ..Peer::on_server("pgmq, archives", "peer-pgmq", "archives") },
    ],
};
