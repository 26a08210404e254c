//! English for numbers, days and lists.

use super::field::runs;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const COUNTED: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// 0 is Sunday.
pub(super) fn weekday(n: u8) -> &'static str {
    WEEKDAYS[usize::from(n % 7)]
}

/// 1 is January.
pub(super) fn month(n: u8) -> &'static str {
    MONTHS[usize::from(n.saturating_sub(1) % 12)]
}

/// 1 is `first`.
pub(super) fn counted(n: u8) -> &'static str {
    COUNTED[usize::from(n.saturating_sub(1) % 5)]
}

/// 1 is `1st`.
pub(super) fn ordinal(n: u8) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn all_of(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// The values of a mask in words, three and more next to each other as `a to c`.
pub(super) fn listed(mask: u64, word: impl Fn(u8) -> String) -> String {
    let parts: Vec<String> = runs(mask)
        .into_iter()
        .map(|(from, to)| if from == to { word(from) } else { format!("{} to {}", word(from), word(to)) })
        .collect();
    all_of(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_read_as_english() {
        let ordinals = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31].map(ordinal).join(" ");
        assert_eq!(ordinals, "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 31st");
        let list = |values: &[u8]| listed(values.iter().fold(0, |m, v| m | 1 << v), |v| v.to_string());
        assert_eq!(list(&[5]), "5");
        assert_eq!(list(&[5, 6]), "5 and 6");
        assert_eq!(list(&[1, 5, 6, 7, 9]), "1, 5 to 7 and 9");
    }
}
