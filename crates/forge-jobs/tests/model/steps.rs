//! What may happen, at random.

use crate::{PROCESSES, secs, us};
use forge_jobs::{Dedupe, DedupeStates, JobStatus};
use proptest::prelude::*;

/// What may happen. Numbers pick among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Enqueue {
        queue: usize,
        delay: u64,
        key: Option<(u8, Terms)>,
        priority: i16,
        max_attempts: u32,
    },
    Claim {
        process: usize,
        queue: usize,
        limit: u32,
        alone: bool,
    },
    Finish {
        lease: usize,
        end: End,
    },
    Release {
        lease: usize,
    },
    EndAlone {
        lease: usize,
    },
    Heartbeat {
        process: usize,
    },
    /// A crash is silence; this is what comes after enough of it.
    Reap {
        by: usize,
    },
    Cancel {
        job: usize,
    },
    Retry {
        job: usize,
    },
    RunNow {
        job: usize,
    },
    Drop {
        job: usize,
    },
    Promote,
    Advance {
        seconds: u64,
    },
    Pause {
        queue: usize,
        paused: bool,
    },
    Sweep,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Done,
    Retry { after: u64 },
    Throttle { after: u64 },
    Dead,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        3 => Just(End::Done),
        3 => (0_u64..30).prop_map(|after| End::Retry { after }),
        2 => (1_u64..30).prop_map(|after| End::Throttle { after }),
        1 => Just(End::Dead),
    ];
    let pick = 0..1_000_usize;
    prop_oneof![
        6 => (0..2_usize, prop_oneof![2 => Just(0), 1 => 1_u64..60], proptest::option::of((0..3_u8, terms())), -1..2_i16, 1..4_u32)
            .prop_map(|(queue, delay, key, priority, max_attempts)| Step::Enqueue { queue, delay, key, priority, max_attempts }),
        6 => (0..PROCESSES, 0..2_usize, 1..4_u32, proptest::bool::weighted(0.3))
            .prop_map(|(process, queue, limit, alone)| Step::Claim { process, queue, limit, alone }),
        6 => (pick.clone(), end).prop_map(|(lease, end)| Step::Finish { lease, end }),
        1 => pick.clone().prop_map(|lease| Step::Release { lease }),
        1 => pick.clone().prop_map(|lease| Step::EndAlone { lease }),
        2 => (0..PROCESSES).prop_map(|process| Step::Heartbeat { process }),
        3 => (0..PROCESSES).prop_map(|by| Step::Reap { by }),
        2 => pick.clone().prop_map(|job| Step::Cancel { job }),
        2 => pick.clone().prop_map(|job| Step::Retry { job }),
        1 => pick.clone().prop_map(|job| Step::RunNow { job }),
        1 => pick.prop_map(|job| Step::Drop { job }),
        2 => Just(Step::Promote),
        4 => prop_oneof![3 => 1_u64..60, 1 => Just(700_000), 1 => Just(3_000_000)].prop_map(|seconds| Step::Advance { seconds }),
        1 => (0..2_usize, any::<bool>()).prop_map(|(queue, paused)| Step::Pause { queue, paused }),
        1 => Just(Step::Sweep),
    ]
}

/// The terms of a dedupe key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) until_started: bool,
    /// How long it is held, and whether done and dead jobs hold it too.
    pub(crate) period: Option<(u64, bool, bool)>,
    pub(crate) replace: bool,
}

pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    let period = (prop_oneof![1_u64..90, Just(1_000_000)], any::<bool>(), any::<bool>());
    let period = proptest::option::weighted(0.4, period);
    (any::<bool>(), period, any::<bool>()).prop_map(|(until_started, period, replace)| Terms {
        until_started,
        period,
        replace,
    })
}

impl Terms {
    pub(crate) const fn states(self) -> DedupeStates {
        let mut states = if self.until_started { DedupeStates::WAITING } else { DedupeStates::UNFINISHED };
        if let Some((_, done, dead)) = self.period {
            states = if done { states.and(JobStatus::Done) } else { states };
            states = if dead { states.and(JobStatus::Dead) } else { states };
        }
        states
    }

    pub(crate) fn until(self, created: i64) -> Option<i64> {
        self.period.map(|(seconds, ..)| created + us(seconds))
    }

    pub(crate) fn dedupe(self, key: u8) -> Dedupe {
        let dedupe = Dedupe::new(format!("key{key}")).in_states(self.states());
        let dedupe = match self.period {
            Some((seconds, ..)) => dedupe.within(secs(seconds)),
            None => dedupe,
        };
        if self.replace { dedupe.replacing() } else { dedupe }
    }
}
