//! Fields of forms: a label, what is typed, and what is wrong with it.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "handles of signals, which are small but for the places that debug builds keep in them"
)]

use crate::app::memo;
use crate::app::{Doing, browser};
use crate::model::json;
use crate::text;
use leptos::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

type Wrong = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A line of text. What is wrong is said under it.
pub(crate) fn text(
    label: &'static str,
    hint: &'static str,
    value: RwSignal<String>,
    wrong: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> AnyView {
    Line { label, hint, value, wrong: Box::new(wrong), refused: None, list: None }.view()
}

/// The same, which also says what the host refused of it: an error that names this field stands here.
pub(crate) fn named(
    label: &'static str,
    hint: &'static str,
    value: RwSignal<String>,
    wrong: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    refused: (Doing, &'static [&'static str]),
) -> AnyView {
    Line { label, hint, value, wrong: Box::new(wrong), refused: Some(refused), list: None }.view()
}

/// The same with a list of what is known, by the id of a `datalist`.
pub(crate) fn listed(
    label: &'static str,
    hint: &'static str,
    value: RwSignal<String>,
    wrong: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    refused: (Doing, &'static [&'static str]),
    list: &'static str,
) -> AnyView {
    Line { label, hint, value, wrong: Box::new(wrong), refused: Some(refused), list: Some(list) }.view()
}

/// Nothing that was typed is wrong.
pub(crate) const fn anything(_: &str) -> Option<String> {
    None
}

/// It must be there.
pub(crate) fn needed(text: &str) -> Option<String> {
    text.trim().is_empty().then(|| text::IT_CANNOT_BE_EMPTY.to_owned())
}

struct Line {
    label: &'static str,
    hint: &'static str,
    value: RwSignal<String>,
    wrong: Wrong,
    refused: Option<(Doing, &'static [&'static str])>,
    list: Option<&'static str>,
}

impl Line {
    fn view(self) -> AnyView {
        let Self { label, hint, value, wrong, refused, list } = self;
        let problem = problem(value, wrong, refused);
        // A form that was just opened does not begin with what is missing.
        let typed = RwSignal::new(false);
        let problem = memo(move |_| problem.get().filter(|_| typed.get() || !value.with(String::is_empty)));
        let invalid = move || problem.with(|p| p.is_some().then_some("true"));
        let changed = move |event: web_sys::Event| {
            typed.set(true);
            value.set(browser::value_of(&event));
        };
        let [id, of_hint, of_wrong] = ids();
        let about = format!("{of_hint} {of_wrong}");
        view! {
            <div class="fp-field">
                <label for=id.clone()>{label}</label>
                <input id=id type="text" autocomplete="off" spellcheck="false" list=list prop:value=value
                    aria-invalid=invalid aria-describedby=about on:input=changed/>
                <small id=of_hint class="fp-hint">{hint}</small>
                {said(of_wrong, problem)}
            </div>
        }
        .into_any()
    }
}

fn problem(
    value: RwSignal<String>,
    wrong: Wrong,
    refused: Option<(Doing, &'static [&'static str])>,
) -> Memo<Option<String>> {
    memo(move |_| {
        let own = value.with(|value| wrong(value));
        own.or_else(|| {
            let (doing, names) = refused?;
            doing.error.with(|error| {
                let error = error.as_ref()?;
                names.contains(&error.field()?).then(|| error.message())
            })
        })
    })
}

/// There before there is anything to say, so that what comes into it is said aloud.
fn said(id: String, problem: Memo<Option<String>>) -> AnyView {
    view! { <small id=id class="fp-wrong" role="alert">{move || problem.get()}</small> }.into_any()
}

/// Ids of a field, its hint, and what is wrong with it.
fn ids() -> [String; 3] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    ["field", "hint", "wrong"].map(|part| format!("fp-{part}-{number}"))
}

/// JSON over several lines, and what is wrong with it.
pub(crate) fn payload(rows: &'static str, value: RwSignal<String>, doing: Doing) -> AnyView {
    let wrong: Wrong = Box::new(|text| json::parse(text).is_none().then(|| text::THIS_IS_NO_JSON.to_owned()));
    let problem = problem(value, wrong, Some((doing, &["payload"])));
    let invalid = move || problem.with(|p| p.is_some().then_some("true"));
    let [id, _, of_wrong] = ids();
    view! {
        <div class="fp-field">
            <label for=id.clone()>{text::PAYLOAD}</label>
            <textarea id=id rows=rows spellcheck="false" class="fp-mono" prop:value=value aria-invalid=invalid
                aria-describedby=of_wrong.clone() on:input=move |e| value.set(browser::value_of(&e))></textarea>
            {said(of_wrong, problem)}
        </div>
    }
    .into_any()
}

/// One of a few.
pub(crate) fn choice(
    label: &'static str,
    options: &'static [(&'static str, &'static str)],
    value: RwSignal<String>,
) -> AnyView {
    let option = move |(word, shown): &'static (&str, &str)| {
        let selected = move || value.with(|value| value == word);
        view! { <option value=*word selected=selected>{*shown}</option> }
    };
    let [id, ..] = ids();
    view! {
        <div class="fp-field">
            <label for=id.clone()>{label}</label>
            <select id=id prop:value=value on:change=move |e| value.set(browser::value_of(&e))>
                {options.iter().map(option).collect_view()}
            </select>
        </div>
    }
    .into_any()
}

/// Yes or no.
pub(crate) fn check(label: &'static str, value: RwSignal<bool>) -> AnyView {
    view! {
        <label class="fp-check">
            <input type="checkbox" prop:checked=value on:change=move |_| value.update(|v| *v = !*v)/>
            <span>{label}</span>
        </label>
    }
    .into_any()
}

/// A number of seconds as people write it: `90`, `15s`, `2 min`, `6h`, `7 d`.
pub(crate) fn parse_seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|n| n * factor).filter(|s| s.is_finite())
}

/// Seconds as they are written into a field.
pub(crate) fn show_seconds(seconds: f64) -> String {
    for (unit, size) in [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)] {
        if seconds >= size && (seconds / size).fract() == 0.0 {
            return format!("{} {unit}", seconds / size);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_field_shows_is_read_as_the_same() {
        for seconds in [0.0, 0.5, 15.0, 60.0, 90.0, 3_600.0, 21_600.0, 604_800.0] {
            assert_eq!(parse_seconds(&show_seconds(seconds)), Some(seconds), "{seconds}");
        }
        assert_eq!(parse_seconds("100ms"), Some(0.1));
        for bad in ["", "s", "1 week", "-1", "1.2.3"] {
            assert_eq!(parse_seconds(bad), None, "{bad}");
        }
    }
}
