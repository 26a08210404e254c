//! The filter bar: `queue:mail status:dead payload:"alice"` as text, and as pairs of the address.

use forge_jobs_api::wire::JobQuery;

/// What a list can be narrowed by: the word in the bar, the name in the address, and what it means.
pub const QUALIFIERS: [(&str, &str, &str); 9] = [
    ("queue", "queue", "of this queue"),
    ("status", "status", "with this status"),
    ("kind", "kind", "of this kind"),
    ("reason", "dead_reason", "dead for this reason"),
    ("tag", "tag", "with this tag"),
    ("error", "error_group", "whose latest error is of this group"),
    ("payload", "payload", "whose payload holds this text; the newest are searched"),
    ("since", "created_from", "enqueued from this time on, as 2026-11-24T08:00:00Z"),
    ("until", "created_until", "enqueued before this time"),
];

/// The statuses, as the bar suggests them.
pub const STATUSES: [&str; 6] = ["pending", "scheduled", "running", "retrying", "done", "dead"];
/// The reasons of the dead.
pub const REASONS: [&str; 5] = ["exhausted", "discarded", "cancelled", "poison", "undecodable"];

/// A part of the text that was understood, or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A name of the address and its value.
    Pair(String, String),
    /// A word that means nothing here.
    Stray(String),
}

/// Cuts a text into words; quotes hold a word together, a backslash in them keeps the next character.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                begun = true;
            }
            '\\' if quoted => word.extend(chars.next()),
            c if c.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Reads the bar. Of a qualifier that comes twice the last one counts.
#[must_use]
pub fn parse(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for word in words(text) {
        let known = word.split_once(':').and_then(|(name, value)| {
            let found = QUALIFIERS.iter().find(|(qualifier, ..)| *qualifier == name)?;
            (!value.is_empty()).then(|| (found.1.to_owned(), value.to_owned()))
        });
        match known {
            Some((name, value)) => {
                parts.retain(|part| !matches!(part, Part::Pair(n, _) if *n == name));
                parts.push(Part::Pair(name, value));
            }
            None => parts.push(Part::Stray(word)),
        }
    }
    parts
}

/// What the bar shows for the pairs of an address; what is no filter is left out.
#[must_use]
pub fn text(query: &[(String, String)]) -> String {
    let shown = query.iter().filter_map(|(name, value)| {
        let (qualifier, ..) = QUALIFIERS.iter().find(|(_, param, _)| param == name)?;
        let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
        let value = if plain {
            value.clone()
        } else {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        Some(format!("{qualifier}:{value}"))
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// What the bar would show for a query: all that a list is narrowed by, also what its page alone adds.
#[must_use]
pub fn words_of(query: &JobQuery) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else { return String::new() };
    let value = |param: &str| fields.get(param)?.as_str().map(str::to_owned);
    let pairs = QUALIFIERS.iter().filter_map(|(_, param, _)| Some(((*param).to_owned(), value(param)?)));
    text(&pairs.collect::<Vec<_>>())
}

/// What could be meant by the last word of the bar: whole qualifiers, or values of one that is there already.
#[must_use]
pub fn suggestions(text: &str, values: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let last =
        if text.ends_with(char::is_whitespace) { "" } else { text.split_whitespace().last().unwrap_or("") };
    let Some((name, begun)) = last.split_once(':') else {
        let fits = QUALIFIERS.iter().filter(|(qualifier, ..)| qualifier.starts_with(last));
        return fits.map(|(qualifier, ..)| format!("{qualifier}:")).collect();
    };
    let begun = begun.trim_start_matches('"').to_ascii_lowercase();
    let mut found: Vec<String> =
        values(name).into_iter().filter(|value| value.to_ascii_lowercase().contains(&begun)).collect();
    // What begins alike comes first.
    found.sort_by_key(|value| !value.to_ascii_lowercase().starts_with(&begun));
    found.truncate(8);
    found.iter().map(|value| self::text(&[(param_of(name).to_owned(), value.clone())])).collect()
}

fn param_of(qualifier: &str) -> &'static str {
    QUALIFIERS.iter().find(|(q, ..)| *q == qualifier).map_or("", |(_, param, _)| param)
}

/// The text with its last word replaced.
#[must_use]
pub fn complete(text: &str, suggestion: &str) -> String {
    let keep = if text.ends_with(char::is_whitespace) {
        text.len()
    } else {
        text.rfind(char::is_whitespace).map_or(0, |at| at + 1)
    };
    let mut completed = text.get(..keep).unwrap_or_default().to_owned();
    completed.push_str(suggestion);
    if !suggestion.ends_with(':') {
        completed.push(' ');
    }
    completed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(name: &str, value: &str) -> Part {
        Part::Pair(name.into(), value.into())
    }

    #[test]
    fn the_bar_is_read() {
        assert_eq!(
            parse(r#"queue:mail  status:dead tag:"a b" oops reason:poison kind: queue:x"#),
            [
                pair("status", "dead"),
                pair("tag", "a b"),
                Part::Stray("oops".into()),
                pair("dead_reason", "poison"),
                Part::Stray("kind:".into()),
                pair("queue", "x"),
            ]
        );
        assert_eq!(parse("  "), []);
    }

    #[test]
    fn what_is_begun_is_completed() {
        let values = |name: &str| match name {
            "queue" => vec!["bulk-mail".to_owned(), "mail".to_owned()],
            _ => vec![],
        };
        assert_eq!(suggestions("", &values).len(), QUALIFIERS.len());
        assert_eq!(suggestions("status:dead ki", &values), ["kind:"]);
        assert_eq!(suggestions("queue:ma", &values), ["queue:mail", "queue:bulk-mail"]);
        assert_eq!(complete("status:dead ki", "kind:"), "status:dead kind:");
        assert_eq!(complete("queue:ma", "queue:mail"), "queue:mail ");
        assert_eq!(complete("", "queue:"), "queue:");
    }

    proptest! {
        #[test]
        fn what_the_bar_shows_is_read_as_the_same(value in "\\PC{1,20}", other in "[a-z \"\\\\]{1,9}") {
            let query = vec![("tag".to_owned(), value.clone()), ("queue".to_owned(), other.clone())];
            prop_assert_eq!(parse(&text(&query)), [pair("tag", &value), pair("queue", &other)]);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (parse(&text), suggestions(&text, &|_| vec![text.clone()]), complete(&text, "queue:"));
        }
    }
}
