//! What a person sees while a command works: one line per step, with its time.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Prints steps. On a terminal the one under way spins; elsewhere a line appears when a step is over.
pub(crate) struct Progress {
    bar: ProgressBar,
    step: Option<(String, Instant)>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
            bar.set_style(style);
        }
        Progress { bar, step: None }
    }

    /// Begins a step; the one before is done.
    pub(crate) fn step(&mut self, what: impl Into<String>) {
        self.done();
        let what = what.into();
        self.bar.set_message(what.clone());
        self.bar.enable_steady_tick(Duration::from_millis(120));
        self.step = Some((what, Instant::now()));
    }

    /// Says more about the step under way.
    pub(crate) fn detail(&self, detail: &str) {
        if let Some((what, _)) = &self.step {
            self.bar.set_message(format!("{what}: {detail}"));
        }
    }

    /// The step under way is done.
    pub(crate) fn done(&mut self) {
        if let Some((what, began)) = self.step.take() {
            self.line(&format!("  ✓ {what} ({:.1} s)", began.elapsed().as_secs_f32()));
        }
    }

    /// The step under way failed, and this is why.
    pub(crate) fn failed(&mut self, cause: &str) {
        if let Some((what, _)) = self.step.take() {
            self.line(&format!("  ✗ {what}: {cause}"));
        }
    }

    /// Prints a line above the step under way. If nobody reads any more, the work goes on without it.
    pub(crate) fn line(&self, text: &str) {
        self.bar.suspend(|| drop(writeln!(std::io::stdout(), "{text}")));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((what, _)) = self.step.take() {
            self.line(&format!("  ✗ {what}"));
        }
        self.bar.finish_and_clear();
    }
}
