//! Releases on a cluster: what `bythos-helm` renders and plans is rendered for a cluster, and carried out there.
//!
//! ```text
//! chart, values ──rendering──> ReleaseRecord ──bythos-helm──> Plan ──carry──> objects, hooks
//!                    │ [`world`], [`capabilities`]   ↑                 └─[`records`]: Helm's own Secrets
//!                    └ lookup, kinds served          └── History <────────────┘
//! ```
//!
//! For HelmRelease and for the commands alike. The records are the journal: each step may be carried out twice, and who
//! was stopped between any two asks for the rest ([`Releases::resume`]). Nothing here decides what is to be done.
//!
//! Left out: records in ConfigMaps and in SQL; OpenAPI validation by the client, since the API validates every write.

mod capabilities;
mod carry;
mod choice;
mod hooks;
mod objects;
mod records;
mod rendering;
mod wait;
mod world;

use std::sync::Arc;

use bythos_helm::plan::{Install, Plan, PlanError, Uninstall, install, resume, uninstall};
use bythos_helm::plan::{Options, Upgrade, upgrade};
use bythos_helm::release::{History, ReleaseRecord};
use bythos_operator::error_chain;
use kube::Client;

pub(crate) use carry::CarryError;
pub(crate) use choice::{is_chosen, only_chosen};
pub(crate) use objects::{Force, apply_params, body};
pub(crate) use records::{Records, RecordsError};
pub(crate) use rendering::{Definitions, Finish, RenderError, Wish};
pub(crate) use world::Machine;

use crate::expressions::HealthExpressions;
use crate::kinds::{Cluster, Kinds};

/// The longest name that a release may have.
const NAME_LENGTH_MAX: usize = 53;

/// Says what happens, line by line: what hooks log, and what a step after a failure could not do.
pub(crate) type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// The releases of a namespace, as one identity may work on them.
pub(crate) struct Releases<'k> {
    cluster: Cluster<'k>,
    records: Records,
    tell: Tell,
    expressions: Arc<HealthExpressions>,
}

/// What happened to a wish about a release.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActionError {
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Carry(#[from] CarryError),
}

impl ActionError {
    /// The whole chain in one line.
    pub(crate) fn words(&self) -> String {
        error_chain(self)
    }
}

impl<'k> Releases<'k> {
    /// `client` works on the objects and on the records alike; `namespace` is where the records lie.
    pub(crate) fn new(kinds: &'k Kinds, client: Client, namespace: &str, tell: Tell) -> Releases<'k> {
        let records = Records::new(client.clone(), namespace);
        Releases { cluster: kinds.used_by(client), records, tell, expressions: Arc::default() }
    }

    /// The same, with expressions that tell the health of what is waited for.
    pub(crate) fn with_expressions(self, expressions: Arc<HealthExpressions>) -> Releases<'k> {
        Releases { expressions, ..self }
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// What is known of a release.
    pub(crate) async fn history(&self, name: &str) -> Result<History, RecordsError> {
        self.records.history(name).await
    }

    /// Makes a release.
    pub(crate) async fn install(
        &self,
        history: History,
        record: ReleaseRecord,
        request: &Install,
    ) -> Result<Plan, ActionError> {
        let plan = install(record, &history, request)?;
        // It holds all charts; what comes now may take minutes.
        drop(history);
        self.carried(plan).await
    }

    /// Changes a release.
    pub(crate) async fn upgrade(
        &self,
        history: History,
        record: ReleaseRecord,
        request: &Upgrade,
    ) -> Result<Plan, ActionError> {
        let plan = upgrade(record, &history, request)?;
        drop(history);
        self.carried(plan).await
    }

    /// Takes a release away.
    pub(crate) async fn uninstall(
        &self,
        history: History,
        name: &str,
        request: &Uninstall,
    ) -> Result<Plan, ActionError> {
        let plan = uninstall(name, &history, request)?;
        drop(history);
        self.carried(plan).await
    }

    /// Goes on with what was stopped; nothing, if nothing was. The caller makes sure that nobody else is at work.
    pub(crate) async fn resume(
        &self,
        history: History,
        options: &Options,
        request: &Uninstall,
    ) -> Result<Option<Plan>, ActionError> {
        let rest = resume(&history, options, request)?;
        drop(history);
        match rest {
            Some(plan) => self.carried(plan).await.map(Some),
            None => Ok(None),
        }
    }

    /// Carries a plan out and hands it back.
    pub(crate) async fn carried(&self, plan: Plan) -> Result<Plan, ActionError> {
        self.carry_out(&plan).await?;
        Ok(plan)
    }
}

/// What the chart of a record calls itself; nothing where the record has none that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChartNames {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) app_version: String,
}

impl ChartNames {
    pub(crate) fn of(record: &ReleaseRecord) -> ChartNames {
        let metadata = record.chart.metadata().ok().flatten();
        metadata.map_or_else(ChartNames::default, |metadata| ChartNames {
            name: metadata.name,
            version: metadata.version,
            app_version: metadata.app_version,
        })
    }

    /// `<name>@<version>`
    pub(crate) fn versioned(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// A name that is too long for a release, shortened as Flux does it: its end becomes a digest of the whole.
pub(crate) fn short_name(name: &str) -> String {
    const DIGEST_LENGTH: usize = 12;
    if name.len() <= NAME_LENGTH_MAX {
        return name.to_owned();
    }
    let digest = crate::artifact::digest(name.as_bytes());
    let hex = digest.trim_start_matches("sha256:");
    let beginning: String = name.chars().take(NAME_LENGTH_MAX - DIGEST_LENGTH - 1).collect();
    format!("{beginning}-{}", hex.get(..DIGEST_LENGTH).unwrap_or(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_beginning_and_stays_unique() {
        assert_eq!(short_name("web"), "web");
        assert_eq!(short_name(&"a".repeat(53)), "a".repeat(53));
        let short = short_name(&"a".repeat(54));
        assert_eq!(short.len(), 53);
        // The first digits of `printf a%.0s $(seq 54) | sha256sum`.
        let digest = crate::artifact::digest("a".repeat(54).as_bytes());
        assert_eq!(short, format!("{}-{}", "a".repeat(40), &digest["sha256:".len()..][..12]));
        assert_ne!(short_name(&"a".repeat(55)), short);
    }
}
