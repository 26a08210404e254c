//! Where the panel is: all of it is in the address, so that back, reload and a pasted link work.

use std::fmt::Write as _;

/// A page of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tab {
    /// What is going on.
    Overview,
    /// All jobs.
    Jobs,
    /// Jobs that are not due yet.
    Scheduled,
    /// Jobs that failed and come back.
    Retries,
    /// Jobs that do not come back.
    Dead,
    /// Schedules.
    Cron,
    /// Queues and their settings.
    Queues,
    /// Worker processes.
    Processes,
    /// Budgets.
    Limits,
    /// What processes use of their hosts.
    Resources,
    /// How the database does.
    Database,
    /// What queues did.
    Metrics,
    /// What people did.
    Audit,
}

impl Tab {
    /// All of them, as the navigation has them.
    pub const ALL: [Self; 13] = [
        Self::Overview,
        Self::Jobs,
        Self::Scheduled,
        Self::Retries,
        Self::Dead,
        Self::Cron,
        Self::Queues,
        Self::Processes,
        Self::Limits,
        Self::Metrics,
        Self::Resources,
        Self::Database,
        Self::Audit,
    ];

    /// The word in the address.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Jobs => "jobs",
            Self::Scheduled => "scheduled",
            Self::Retries => "retries",
            Self::Dead => "dead",
            Self::Cron => "cron",
            Self::Queues => "queues",
            Self::Processes => "processes",
            Self::Limits => "limits",
            Self::Resources => "resources",
            Self::Database => "database",
            Self::Metrics => "metrics",
            Self::Audit => "audit",
        }
    }

    /// The page's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Jobs => "Jobs",
            Self::Scheduled => "Scheduled",
            Self::Retries => "Retries",
            Self::Dead => "Dead",
            Self::Cron => "Cron",
            Self::Queues => "Queues",
            Self::Processes => "Processes",
            Self::Limits => "Limits",
            Self::Resources => "Resources",
            Self::Database => "DB health",
            Self::Metrics => "Queue metrics",
            Self::Audit => "Audit",
        }
    }
}

/// A place in the panel: a page, what is open on it, and how it is filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The page; `None`: there is none of this name.
    pub tab: Option<Tab>,
    /// What is open on it: a job, a queue, a schedule.
    pub open: Option<String>,
    /// Filters, ranges, cursors: in the order of the address.
    pub query: Vec<(String, String)>,
}

impl Place {
    /// A page with nothing open.
    #[must_use]
    pub const fn of(tab: Tab) -> Self {
        Self { tab: Some(tab), open: None, query: Vec::new() }
    }

    /// The same page with this open, and no query.
    #[must_use]
    pub fn opened(tab: Tab, open: impl Into<String>) -> Self {
        Self { tab: Some(tab), open: Some(open.into()), query: Vec::new() }
    }

    /// Reads an address below the panel's own prefix.
    #[must_use]
    pub fn parse(base: &str, path: &str, search: &str) -> Self {
        let rest = path.strip_prefix(base.trim_end_matches('/')).unwrap_or(path);
        let mut parts = rest.split('/').filter(|part| !part.is_empty());
        let slug = parts.next().unwrap_or_default();
        let tab = Tab::ALL.into_iter().find(|tab| tab.slug() == slug);
        // A name with a slash comes as `%2F`, or as it is when somebody typed it.
        let open: Vec<&str> = parts.collect();
        let open = (!open.is_empty()).then(|| decode(&open.join("/")));
        Self { tab, open, query: parse_query(search) }
    }

    /// The address below the panel's own prefix.
    #[must_use]
    pub fn address(&self, base: &str) -> String {
        let base = base.trim_end_matches('/');
        let slug = self.tab.map_or("", Tab::slug);
        let mut text = format!("{base}/{slug}");
        if let Some(open) = &self.open {
            text.push('/');
            text.push_str(&encode(open));
        }
        text.push_str(&query_text(&self.query));
        text
    }

    /// The first value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The same under the filter, on the page and in the range of another place, though with nothing looked into.
    #[must_use]
    pub fn along(mut self, with: &Self) -> Self {
        self.query = with.query.iter().filter(|(name, _)| name != "peek").cloned().collect();
        self
    }

    /// The same with another value; `None` takes it away.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => match self.query.iter_mut().find(|(n, _)| n == name) {
                Some((_, old)) => value.clone_into(old),
                None => self.query.push((name.to_owned(), value.to_owned())),
            },
            None => self.query.retain(|(n, _)| n != name),
        }
        self
    }
}

/// `?a=b&c=d`, or nothing.
#[must_use]
pub fn query_text(query: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in query {
        text.push(if text.is_empty() { '?' } else { '&' });
        // Writing to a String does not fail.
        let _ = write!(text, "{}={}", encode(name), encode(value));
    }
    text
}

fn parse_query(search: &str) -> Vec<(String, String)> {
    let search = search.strip_prefix('?').unwrap_or(search);
    let pairs = search.split('&').filter(|pair| !pair.is_empty());
    let mut query: Vec<(String, String)> = Vec::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")));
        // The last one counts, as in the filter bar.
        query.retain(|(other, _)| *other != name);
        query.push((name, value));
    }
    query
}

/// Percent-encodes what means something in an address.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Takes percent-encoding back; what is no such thing stays.
#[must_use]
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value =
            hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        if let Some(value) = value {
            out.push(value);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_page_has_an_address_below_any_prefix() {
        for base in ["", "/", "/panel", "/ops/jobs/"] {
            for tab in Tab::ALL {
                let place = Place::of(tab);
                assert_eq!(Place::parse(base, &place.address(base), ""), place, "{base} {tab:?}");
            }
        }
        assert_eq!(Place::parse("/panel", "/panel/nowhere", "").tab, None);
        assert_eq!(Place::parse("/panel", "/panel", "").tab, Some(Tab::Overview));
    }

    #[test]
    fn a_query_keeps_its_order_and_its_other_values() {
        let place = Place::parse("/p", "/p/jobs", "?queue=mail&status=dead");
        let place = place.with("status", Some("done")).with("queue", None).with("kind", Some("a b&c"));
        assert_eq!(place.address("/p"), "/p/jobs?status=done&kind=a%20b%26c");
    }

    #[test]
    fn the_filter_and_the_page_of_a_list_go_along_to_a_job_and_back() {
        let list = Place::parse("/p", "/p/dead", "?queue=mail&after=x&peek=7");
        let job = Place::opened(Tab::Dead, "7").along(&list);
        assert_eq!(job.address("/p"), "/p/dead/7?queue=mail&after=x");
        assert_eq!(Place::of(Tab::Dead).along(&job).address("/p"), "/p/dead?queue=mail&after=x");
    }

    proptest! {
        #[test]
        fn names_and_values_survive_the_address(open in "\\PC{1,20}", name in "\\PC{1,8}", value in "\\PC{0,20}") {
            prop_assume!(!open.starts_with('/') && !open.ends_with('/') && !open.contains("//"));
            let mut place = Place::opened(Tab::Queues, open);
            place.query.push((name, value));
            let address = place.address("/panel");
            let (path, search) = address.split_once('?').unwrap();
            prop_assert_eq!(Place::parse("/panel", path, search), place);
        }

        #[test]
        fn no_address_panics(path in "\\PC{0,40}", search in "\\PC{0,40}") {
            let _ = Place::parse("/panel", &path, &search);
        }
    }
}
