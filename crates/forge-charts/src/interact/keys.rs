//! What each key does.

use super::event::Key;
use super::reduce::Step;
use super::{By, zoom};
use crate::num::{float, index};

pub(super) fn press(step: &mut Step<'_>, key: Key, shift: bool) {
    let (from, to) = step.scene.range();
    let length = to - from;
    match key {
        Key::Left if shift => range(step, zoom::moved(step.scene, -length / 4.0), false),
        Key::Right if shift => range(step, zoom::moved(step.scene, length / 4.0), false),
        Key::Left => walk(step, -1.0),
        Key::Right => walk(step, 1.0),
        Key::PageUp => walk(step, -tenth(step)),
        Key::PageDown => walk(step, tenth(step)),
        Key::Home => walk(step, f64::NEG_INFINITY),
        Key::End => walk(step, f64::INFINITY),
        Key::Plus => range(step, zoom::around(step.scene, middle(step), 0.5), true),
        Key::Minus => range(step, zoom::around(step.scene, middle(step), 2.0), true),
        Key::Zero => return step.reset(),
        Key::Backspace => {
            step.back();
            step.say_range();
        }
        Key::Enter => pin(step),
        Key::Escape => return escape(step),
    }
    step.handled();
}

/// Shows a range, and says it: without a crosshair nothing else tells that a key did something.
fn range(step: &mut Step<'_>, range: Option<(f64, f64)>, remember: bool) {
    step.show(range, remember);
    step.say_range();
}

/// The first of these that there is something to do for; else the key is left to the page, to close a dialog for example.
fn escape(step: &mut Step<'_>) {
    if step.state.gesture.take().is_some() {
        step.state.down.clear();
    } else if step.state.pinned {
        step.state.pinned = false;
        step.say_pinned();
    } else if step.state.is_zoomed() {
        return step.reset();
    } else if step.state.cursor.is_some() {
        step.put_cursor(None, By::Key);
    } else {
        return;
    }
    step.handled();
}

fn pin(step: &mut Step<'_>) {
    if step.state.cursor.is_none() {
        walk(step, f64::INFINITY);
    }
    step.state.pinned = !step.state.pinned && step.state.cursor.is_some();
    if step.state.cursor.is_some() {
        step.say_pinned();
    }
}

fn tenth(step: &Step<'_>) -> f64 {
    (float(step.scene.positions().len()) / 10.0).ceil().max(1.0)
}

/// The x to zoom around: that of the crosshair, or the middle.
fn middle(step: &Step<'_>) -> f64 {
    let (from, to) = step.scene.range();
    step.state.cursor.map_or(from / 2.0 + to / 2.0, |c| c.x)
}

/// Moves the crosshair over so many points that have a value; without one it comes in at the end it walks from.
fn walk(step: &mut Step<'_>, by: f64) {
    let shown = step.scene.positions();
    if shown.is_empty() {
        return;
    }
    let last = shown.end - 1;
    let target = match step.state.cursor {
        None if by.is_infinite() => {
            if by > 0.0 {
                last
            } else {
                shown.start
            }
        }
        None => {
            if by > 0.0 {
                shown.start
            } else {
                last
            }
        }
        Some(cursor) => {
            let to = float(cursor.position) + by;
            index(to.max(float(shown.start))).min(last)
        }
    };
    // Over gaps, in the direction of the walk; at the end of the data back to the last value.
    let has_value = |at: &usize| step.scene.has_value(*at);
    let on = (target..shown.end).find(has_value);
    let back = (shown.start..=target).rev().find(has_value);
    let found = if by > 0.0 { on.or(back) } else { back.or(on) };
    step.put_cursor(found, By::Key);
    step.announce();
}
