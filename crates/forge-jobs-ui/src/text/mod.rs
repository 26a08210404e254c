//! Every text that the panel shows, in one place: those that are always the same as constants, by the file that shows them,
//! and those with names and numbers in them as functions. Plurals are made here and nowhere else.

mod around;
mod forms;
mod pages;

pub(crate) use around::*;
pub(crate) use forms::*;
pub(crate) use pages::*;

use crate::model::format;
use forge_jobs_api::wire::BoundedCount;

/// So many of something: `1 job`, `12 000 jobs`.
fn many(count: u64, one: &str, more: &str) -> String {
    format!("{} {}", format::count(count), if count == 1 { one } else { more })
}

/// The same of a count that may have stopped: `10 000+ jobs`.
fn bounded(count: BoundedCount, one: &str, more: &str) -> String {
    let word = if count.count == 1 && !count.more { one } else { more };
    format!("{} {word}", format::bounded_count(count.count, count.more))
}

/// A count of what is at hand.
pub(crate) fn counted(count: usize) -> BoundedCount {
    BoundedCount { count: wide(count), more: false }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

pub(crate) fn jobs(count: BoundedCount) -> String {
    bounded(count, "job", "jobs")
}

/// A count that stopped before it had found one tells nothing.
pub(crate) fn matching(count: BoundedCount) -> String {
    if count.count == 0 && count.more {
        return NOT_COUNTED.to_owned();
    }
    bounded(count, "matches", "match")
}

/// `None among the newest 2000 jobs`, of a search that goes on.
pub(crate) fn none_among(which: &str, count: u64) -> String {
    format!("None among the {which} {}", many(count, "job", "jobs"))
}

/// Jobs of a process beside so many that are listed: `and 37 more`.
pub(crate) fn besides(listed: usize, more: BoundedCount) -> String {
    if listed > 0 {
        return format!("and {} more", format::bounded_count(more.count, more.more));
    }
    bounded(more, "job that is not listed here", "jobs that are not listed here")
}

pub(crate) fn things(count: u64) -> String {
    format!(" · {}", many(count, "thing", "things"))
}

pub(crate) fn kinds(count: usize) -> String {
    many(wide(count), "kind", "kinds")
}

pub(crate) fn fires(count: u32) -> String {
    many(count.into(), "fire", "fires")
}

pub(crate) fn keys_counted(count: u32) -> String {
    many(count.into(), "key has a count of its own", "keys have counts of their own")
}

pub(crate) fn queues_left_out(count: u64) -> String {
    format!("{} less than these.", many(count, "more queue did", "more queues did"))
}

/// `3 queues, 1 paused · 1 schedule · 2 live processes`.
pub(crate) fn in_all(queues: u64, paused: u64, schedules: u64, live: u64) -> String {
    format!(
        "{}, {} paused · {} · {}",
        many(queues, "queue", "queues"),
        format::count(paused),
        many(schedules, "schedule", "schedules"),
        many(live, "live process", "live processes")
    )
}

pub(crate) fn paused_with_jobs(queue: &str, waiting: BoundedCount) -> String {
    format!("Queue {queue} is paused, and {} in it.", bounded(waiting, "job waits", "jobs wait"))
}

pub(crate) fn no_workers(queue: &str, waiting: BoundedCount) -> String {
    format!("Queue {queue} has no workers: {} in vain.", bounded(waiting, "job waits", "jobs wait"))
}

pub(crate) fn late_process(host: &str, pid: u32) -> String {
    format!("Process {host}:{pid} was not heard of for more than two heartbeats.")
}

pub(crate) fn from_address(address: &str) -> String {
    format!(" from {address}")
}

pub(crate) fn of(part: impl std::fmt::Display, whole: impl std::fmt::Display) -> String {
    format!("{part} of {whole}")
}

pub(crate) fn of_total(total: u64) -> String {
    format!(" of {}", format::count(total))
}

pub(crate) fn to(from: &str, to: &str) -> String {
    format!("{from} to {to}")
}

pub(crate) fn worker(host: &str, pid: u32, version: &str) -> String {
    format!("{host}:{pid} (version {version})")
}

pub(crate) fn work_in_steps(step: &str) -> String {
    format!("Work in steps of {step}")
}

pub(crate) fn completed_of(queue: &str) -> String {
    format!("Completed jobs of {queue}")
}

pub(crate) fn verb_on(verb: &str, count: BoundedCount) -> String {
    format!("{verb} {}", jobs(count))
}

pub(crate) fn verb_question(verb: &str, count: usize) -> String {
    format!("{verb} {}?", jobs(counted(count)))
}

pub(crate) fn dead_with_this_error(verb: &str) -> String {
    format!("{verb} the dead jobs with this error")
}

pub(crate) fn on_all(verb: &str) -> String {
    format!("{verb} all that match")
}

/// What came of it: `Retry all that match (queue:mail): 3 retried`.
pub(crate) fn came_of_all(title: &str, filter: &str, told: &str, is_stopped: bool) -> String {
    let filter = if filter.is_empty() { String::new() } else { format!(" ({filter})") };
    let told = if told.is_empty() { NOTHING } else { told };
    let end = if is_stopped { STOPPED_BEFORE_ALL } else { "" };
    format!("{title}{filter}: {told}{end}.")
}

/// What a button does, and to which of many.
pub(crate) fn named(action: &str, of: &str) -> String {
    format!("{action}: {of}")
}

pub(crate) fn choose(id: &str) -> String {
    format!("Choose {id}")
}

pub(crate) fn look_inside(id: &str) -> String {
    format!("Look inside {id}")
}

pub(crate) fn the_queue(name: &str) -> String {
    format!("queue {name}")
}

pub(crate) fn the_kind(name: &str) -> String {
    format!("kind {name}")
}

pub(crate) fn used_of(scope: &str) -> String {
    format!("{scope} used")
}

pub(crate) fn drain_question(scope: &str) -> String {
    format!("Drain {scope}?")
}

pub(crate) fn remove_limit_question(scope: &str) -> String {
    format!("Remove the limit of {scope}?")
}

pub(crate) fn limit_of(scope: &str) -> String {
    format!("The limit of {scope}")
}

pub(crate) fn whole_number(least: u32, most: u32) -> String {
    format!("A whole number from {least} to {most}.")
}

pub(crate) fn given_up_after(waiting: &str) -> String {
    format!("A job with 20 attempts that always fails is given up after {waiting} of waiting, ±20 %.")
}

/// A queue that was paused, or resumed if it was.
pub(crate) fn switched(queue: &str, was_paused: bool) -> String {
    format!("{queue} is {}", if was_paused { "open again" } else { "paused: running jobs go on" })
}

pub(crate) fn delete_schedule_question(name: &str) -> String {
    format!("Delete the schedule {name}?")
}

pub(crate) fn once_within(within: &str) -> String {
    format!("one job for all, within {within}")
}

pub(crate) fn latest_within(count: u32, within: &str) -> String {
    format!("the latest {count}, within {within}")
}

pub(crate) fn copied(what: &str) -> String {
    format!("Copied {what}")
}

pub(crate) fn copy(what: &str) -> String {
    format!("Copy {what}")
}

/// What an edit changes: `Queue: mail → slow`.
pub(crate) fn changed(name: &str, old: &str, new: &str) -> String {
    format!("{name}: {old} → {new}")
}

/// Where in the payload: `Payload to[0].name`.
pub(crate) fn in_the_payload(path: &str) -> String {
    if path.is_empty() { PAYLOAD.to_owned() } else { format!("{PAYLOAD} {path}") }
}

pub(crate) fn more_of_the_payload(count: usize) -> String {
    format!("{PAYLOAD}: {}", many(wide(count), "more value differs", "more values differ"))
}

/// How much an edit changes, said aloud.
pub(crate) fn lines_of_the_edit(count: usize) -> String {
    format!("{THIS_EDIT_CHANGES} something: {}", many(wide(count), "line says what", "lines say what"))
}

pub(crate) fn the_json_of(name: &str) -> String {
    format!("the JSON of “{name}”")
}

pub(crate) fn more_characters(count: usize) -> String {
    format!(" … {}", many(wide(count), "more character", "more characters"))
}

pub(crate) fn more_to_copy(count: usize) -> String {
    format!("… {} more: copy to see all", format::count(wide(count)))
}

pub(crate) fn needs_role(needed: &str, had: &str) -> String {
    format!("This needs the role {needed}; you have {had}.")
}

/// `Times: exact, Europe/Berlin`: whose clock they are of.
pub(crate) fn times_exact(zone: Option<&str>) -> String {
    zone.map_or_else(|| TIMES_EXACT.to_owned(), |zone| format!("{TIMES_EXACT}, {zone}"))
}

pub(crate) fn times_are_of(zone: &str) -> String {
    format!("Exact times are of the clocks of {zone}")
}

pub(crate) fn server_version(version: &str) -> String {
    format!("forge {version}")
}

/// The title of a page: what is open on it, its name, the panel's.
pub(crate) fn page_title(open: Option<&str>, name: &str) -> String {
    let open = open.map(|open| format!("{open} · ")).unwrap_or_default();
    format!("{open}{name} · {MISSION_CONTROL}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn count(count: u64, more: bool) -> BoundedCount {
        BoundedCount { count, more }
    }

    #[test]
    fn one_is_one_and_more_are_more() {
        assert_eq!(in_all(1, 0, 1, 1), "1 queue, 0 paused · 1 schedule · 1 live process");
        assert_eq!(in_all(2, 1, 0, 3), "2 queues, 1 paused · 0 schedules · 3 live processes");
        assert_eq!(jobs(count(1, false)), "1 job");
        assert_eq!(jobs(count(1, true)), "1+ jobs");
        assert_eq!(matching(count(1, false)), "1 matches");
        assert_eq!(matching(count(30, false)), "30 match");
        assert_eq!(matching(count(0, false)), "0 match");
        assert_eq!(matching(count(0, true)), "not counted");
        assert_eq!(none_among(THE_NEWEST, 2000), "None among the newest 2000 jobs");
        assert_eq!(paused_with_jobs("mail", count(1, false)), "Queue mail is paused, and 1 job waits in it.");
        assert_eq!(keys_counted(2), "2 keys have counts of their own");
        assert_eq!(verb_question("Drop", 3), "Drop 3 jobs?");
        assert_eq!(page_title(Some("mail"), "Queues"), "mail · Queues · Mission Control");
    }

    /// Texts in the views themselves would be the first of many.
    #[test]
    fn no_view_has_a_text_of_its_own() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut found = Vec::new();
        for directory in ["pages", "parts", "app"] {
            for entry in std::fs::read_dir(format!("{root}/{directory}")).unwrap() {
                let path = entry.unwrap().path();
                let source = std::fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]").next().unwrap_or_default();
                for line in code.lines().filter(|line| !line.trim_start().starts_with(['/', '#'])) {
                    // What stands between two quotes; escapes and characters of quotes are rare enough here.
                    let literals = line.split('"').skip(1).step_by(2);
                    let words = literals.filter(|text| {
                        let is_sentence = text.starts_with(|c: char| c.is_ascii_uppercase())
                            && text.contains(' ')
                            && text.contains(|c: char| c.is_ascii_lowercase());
                        is_sentence && !line.contains("reason =")
                    });
                    found.extend(words.map(|text| format!("{}: {text}", path.display())));
                }
            }
        }
        assert!(found.is_empty(), "{found:#?}");
    }
}
