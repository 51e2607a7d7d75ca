//! What a Deployment wants, parsed once: numbers instead of percentages, a strategy instead of a string. Pure.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DeploymentSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::share::{self, Rounding};

/// Upstream's default for both bounds of a rolling update.
const DEFAULT_BOUND: &str = "25%";
const NO_DEADLINE: i32 = i32::MAX;

/// How the pods of the old template make room for those of the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// All of the old ones go first.
    Recreate,
    /// Step by step, within these bounds.
    Rolling {
        /// How many pods there may be beyond the wanted number.
        surge_max: i32,
        /// How many of the wanted number may be missing.
        unavailable_max: i32,
    },
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Desired {
    pub(super) replicas: i32,
    pub(super) strategy: Strategy,
    pub(super) is_paused: bool,
    pub(super) min_ready_seconds: i32,
    /// How long a rollout may stand still. None: for ever.
    pub(super) progress_deadline: Option<Duration>,
    /// How many old ReplicaSets without pods are kept.
    pub(super) history_limit: usize,
}

impl Desired {
    pub(super) fn of(spec: &DeploymentSpec) -> Desired {
        let replicas = spec.replicas.unwrap_or(1).max(0);
        let deadline = spec.progress_deadline_seconds.unwrap_or(600);
        Desired {
            replicas,
            strategy: strategy(spec, replicas),
            is_paused: spec.paused.unwrap_or_default(),
            min_ready_seconds: spec.min_ready_seconds.unwrap_or_default(),
            progress_deadline: (deadline != NO_DEADLINE)
                .then(|| Duration::from_secs(u64::try_from(deadline).unwrap_or_default())),
            history_limit: usize::try_from(spec.revision_history_limit.unwrap_or(10)).unwrap_or_default(),
        }
    }

    /// Most pods that there may be at any time.
    pub(super) fn replicas_max(&self) -> i32 {
        match self.strategy {
            Strategy::Recreate => self.replicas,
            Strategy::Rolling { surge_max, .. } => self.replicas.saturating_add(surge_max),
        }
    }

    /// Fewest available pods that a rollout may leave.
    pub(super) fn available_min(&self) -> i32 {
        match self.strategy {
            Strategy::Recreate => self.replicas,
            Strategy::Rolling { unavailable_max, .. } => self.replicas - unavailable_max,
        }
    }
}

fn strategy(spec: &DeploymentSpec, replicas: i32) -> Strategy {
    let strategy = spec.strategy.as_ref();
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate") {
        return Strategy::Recreate;
    }
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let default = IntOrString::String(DEFAULT_BOUND.to_owned());
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref()).unwrap_or(&default);
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref()).unwrap_or(&default);
    let surge_max = share::of(surge, replicas, Rounding::Up);
    let mut unavailable_max = share::of(unavailable, replicas, Rounding::Down);
    if surge_max == 0 && unavailable_max == 0 {
        // Both are percentages that round to nothing, and a rollout would never move.
        unavailable_max = 1;
    }
    Strategy::Rolling { surge_max, unavailable_max: unavailable_max.min(replicas) }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[track_caller]
    fn check(replicas: i32, surge: serde_json::Value, unavailable: serde_json::Value, expected: (i32, i32)) {
        let spec: DeploymentSpec = from_value(json!({
            "replicas": replicas,
            "selector": {},
            "template": {},
            "strategy": { "rollingUpdate": { "maxSurge": surge, "maxUnavailable": unavailable } },
        }))
        .unwrap();
        let (surge_max, unavailable_max) = expected;
        assert_eq!(Desired::of(&spec).strategy, Strategy::Rolling { surge_max, unavailable_max });
    }

    #[test]
    fn bounds_are_rounded_so_that_a_rollout_moves_and_stays_available() {
        check(10, json!("25%"), json!("25%"), (3, 2));
        check(1, json!(null), json!(null), (1, 0));
        check(3, json!(1), json!(0), (1, 0));
        check(3, json!("0%"), json!("10%"), (0, 1));
        check(2, json!(0), json!(5), (0, 2));
        check(0, json!("25%"), json!("25%"), (0, 0));
    }
}
