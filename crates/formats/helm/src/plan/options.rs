//! What the user may ask for, as the options of Helm's commands.

use std::time::Duration;

use super::PlanError;
use crate::release::ApplyMethod;

/// `--wait`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wait {
    /// For hooks alone.
    #[default]
    Hooks,
    /// Until all objects are ready.
    Ready,
    /// Until all objects are ready and all jobs done: `--wait --wait-for-jobs`.
    ReadyAndJobsDone,
}

/// `--server-side`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerSide {
    /// New releases yes, others as they were.
    #[default]
    Auto,
    /// Yes; what was applied by the client is taken over.
    On,
    /// No.
    Off,
}

/// How what an object owns goes with it: `--cascade`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// Afterwards.
    #[default]
    Background,
    /// Before.
    Foreground,
    /// It stays.
    Orphan,
}

/// What all actions have in common.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is waited for.
    pub wait: Wait,
    /// How long each wait may take.
    pub timeout: Duration,
    /// `--no-hooks`
    pub no_hooks: bool,
    /// `--server-side`
    pub server_side: ServerSide,
    /// `--force-conflicts`: fields that others own are taken.
    pub force_conflicts: bool,
    /// `--force-replace`: objects are replaced, not merged.
    pub force_replace: bool,
    /// `--history-max`: how many records are kept; 0 is no limit.
    pub history_max: usize,
    /// `--description`
    pub description: Option<String>,
    /// `--rollback-on-failure`, once `--atomic`: a failed install is taken away, a failed upgrade rolled back. It waits.
    pub rollback_on_failure: bool,
    /// `--cleanup-on-fail`: what a failed upgrade or rollback made is taken away.
    pub cleanup_on_fail: bool,
}

/// What an install may ask for.
#[derive(Debug, Clone, Default)]
pub struct Install {
    /// What all actions have in common.
    pub options: Options,
    /// `--create-namespace`
    pub create_namespace: bool,
    /// `--replace`: take the name of a release that failed, or that was taken away with its history kept.
    pub replace: bool,
    /// `--take-ownership`: take objects that others made.
    pub take_ownership: bool,
}

/// What an upgrade may ask for.
#[derive(Debug, Clone, Default)]
pub struct Upgrade {
    /// What all actions have in common.
    pub options: Options,
    /// `--take-ownership`: take objects that others made.
    pub take_ownership: bool,
}

/// What a rollback may ask for.
#[derive(Debug, Clone, Default)]
pub struct Rollback {
    /// What all actions have in common.
    pub options: Options,
    /// The revision to bring back; nothing is the one before.
    pub revision: Option<i64>,
}

/// What an uninstall may ask for.
#[derive(Debug, Clone, Default)]
pub struct Uninstall {
    /// What all actions have in common.
    pub options: Options,
    /// `--keep-history`
    pub keep_history: bool,
    /// `--cascade`
    pub propagation: Propagation,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            wait: Wait::default(),
            timeout: Duration::from_secs(300),
            no_hooks: false,
            server_side: ServerSide::default(),
            force_conflicts: false,
            force_replace: false,
            history_max: 10,
            description: None,
            rollback_on_failure: false,
            cleanup_on_fail: false,
        }
    }
}

impl Options {
    /// Who wants to go back on a failure must wait for it.
    pub(super) fn wait(&self) -> Wait {
        if self.rollback_on_failure && self.wait == Wait::Hooks { Wait::Ready } else { self.wait }
    }

    /// How objects are applied, if they were so `before`.
    pub(super) fn method(&self, before: ApplyMethod) -> ApplyMethod {
        match self.server_side {
            ServerSide::Auto => before,
            ServerSide::On => ApplyMethod::ServerSide,
            ServerSide::Off => ApplyMethod::ClientSide,
        }
    }

    pub(super) fn check(&self, method: ApplyMethod) -> Result<(), PlanError> {
        let fault = match (self.force_conflicts, self.force_replace, method) {
            (true, true, _) => "force-conflicts and force-replace cannot be used together",
            (true, _, ApplyMethod::ClientSide) => {
                "force-conflicts needs server-side apply: set server-side to true"
            }
            (_, true, ApplyMethod::ServerSide) => {
                "force-replace cannot be used with server-side apply: set server-side to false"
            }
            _ => return Ok(()),
        };
        Err(PlanError::Options(fault))
    }
}
