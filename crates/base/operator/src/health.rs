//! How a part tells whether it is at work, and in words why not.

use std::sync::Arc;

use tokio::sync::watch;

/// Where a part stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthState {
    /// On its way; the text says to what.
    Starting(String),
    /// At work.
    Ready,
    /// Not at work; the text is the first cause.
    Failing(String),
}

/// The part's end: it reports.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<HealthState>>);

/// Everyone else's end: they read and wait.
#[derive(Debug, Clone)]
pub struct HealthReport(watch::Receiver<HealthState>);

impl Health {
    /// Both ends, starting as [`HealthState::Starting`].
    pub fn new() -> (Health, HealthReport) {
        let (sender, receiver) = watch::channel(HealthState::Starting("starting".to_owned()));
        (Health(Arc::new(sender)), HealthReport(receiver))
    }

    /// The part is at work.
    pub fn ready(&self) {
        self.set(HealthState::Ready);
    }

    /// The part is on its way to what `step` says, for example `starting containerd`.
    pub fn starting(&self, step: impl Into<String>) {
        self.set(HealthState::Starting(step.into()));
    }

    /// The part cannot work; `cause` is the first cause, in words.
    pub fn failing(&self, cause: impl Into<String>) {
        self.set(HealthState::Failing(cause.into()));
    }

    fn set(&self, state: HealthState) {
        self.0.send_if_modified(|current| {
            let changed = *current != state;
            *current = state;
            changed
        });
    }
}

impl HealthReport {
    /// The state now.
    pub fn state(&self) -> HealthState {
        self.0.borrow().clone()
    }

    /// The state now; [`HealthReport::changed`] waits for a later one.
    pub fn latest(&mut self) -> HealthState {
        self.0.borrow_and_update().clone()
    }

    /// Waits for the next change and returns the new state; `None` when the part is gone.
    pub async fn changed(&mut self) -> Option<HealthState> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }
}
