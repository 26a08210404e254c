//! How far the demo is: a bar on a terminal, a plain line now and then elsewhere. On standard error.

use super::stats::Stats;
use crate::output::{bytes, say};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(3);
/// The message is cut at the terminal's edge: a line that wraps is redrawn badly.
const BAR: &str = "{bar:20} {wide_msg}";

/// Shows how far the demo is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    next_line: Instant,
}

impl Progress {
    pub(crate) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
            // A template is text; if it were wrong, the plain bar would do.
            bar.set_style(ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, next_line: Instant::now() + LINE_EVERY }
    }

    pub(crate) fn show(&mut self, stats: &Stats) {
        let (finished, found) = (stats.finished.get(), stats.found.get());
        let message = format!(
            "{finished}/{found} files  {}  retries {}  throttles {}  dead {}",
            bytes(stats.bytes.get()),
            stats.retries.get(),
            stats.throttles.get(),
            stats.dead.get()
        );
        match &self.bar {
            Some(bar) => {
                // Nothing of nothing would be drawn as a full bar.
                bar.set_length(found.max(finished).max(1));
                bar.set_position(finished);
                bar.set_message(message);
            }
            None if Instant::now() >= self.next_line => {
                self.next_line = Instant::now() + LINE_EVERY;
                say(&message);
            }
            None => {}
        }
    }

    /// Takes the bar away, so that what follows stands alone.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
