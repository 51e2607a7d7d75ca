//! Where a revision stands, and how its objects were applied.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a revision stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nobody knows; also what a record says that is none of these.
    #[default]
    Unknown,
    /// It is what the cluster has.
    Deployed,
    /// It was taken away, and its record kept.
    Uninstalled,
    /// A later revision took its place.
    Superseded,
    /// It did not succeed.
    Failed,
    /// It is being taken away.
    Uninstalling,
    /// It is being made.
    PendingInstall,
    /// It is being changed.
    PendingUpgrade,
    /// It is being brought back.
    PendingRollback,
}

const NAMES: [(Status, &str); 9] = [
    (Status::Unknown, "unknown"),
    (Status::Deployed, "deployed"),
    (Status::Uninstalled, "uninstalled"),
    (Status::Superseded, "superseded"),
    (Status::Failed, "failed"),
    (Status::Uninstalling, "uninstalling"),
    (Status::PendingInstall, "pending-install"),
    (Status::PendingUpgrade, "pending-upgrade"),
    (Status::PendingRollback, "pending-rollback"),
];

impl Status {
    /// As Helm writes it.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(status, _)| *status == self).map_or("unknown", |(_, name)| name)
    }

    /// The status of that name.
    pub fn named(name: &str) -> Status {
        NAMES.iter().find(|(_, known)| *known == name).map_or(Status::Unknown, |(status, _)| *status)
    }

    /// Whether work on it was begun and not ended. Helm refuses to begin another one then.
    pub fn is_pending(self) -> bool {
        matches!(self, Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Status, D::Error> {
        Ok(Status::named(&String::deserialize(reader)?))
    }
}

/// How objects are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplyMethod {
    /// Helm 3's way, and what no word in a record means: a three-way merge that the client makes.
    #[default]
    #[serde(rename = "csa", alias = "")]
    ClientSide,
    /// Helm 4's way: the server merges by field ownership.
    #[serde(rename = "ssa")]
    ServerSide,
}
