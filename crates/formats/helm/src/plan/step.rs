//! The steps of plans. Each may be carried out twice.

use std::sync::Arc;

use serde_json::Value;

use super::object::{Object, ObjectKey};
use super::options::Propagation;
use super::ownership::Ownership;
use crate::manifest::HookEvent;
use crate::release::{Change, ReleaseRecord};

/// One thing to do.
#[derive(Debug, Clone)]
pub enum Step {
    /// Make the namespace, with the label `name`, unless it is there.
    EnsureNamespace(String),
    /// Make each of these definitions that is not there yet.
    CreateDefinitions {
        /// The definitions.
        definitions: Vec<Object>,
        /// Whether those that are there are applied, server-side and by force, or left as they are.
        apply: bool,
    },
    /// Wait until these definitions are established; a minute at most. What the cluster serves must then be asked anew.
    AwaitDefinitions(Vec<ObjectKey>),
    /// Objects that the release does not have yet: if one is in the cluster, [`Ownership::check`] must let it pass.
    CheckOwnership {
        /// The objects.
        objects: Vec<ObjectKey>,
        /// What to ask of those that are there.
        ownership: Ownership,
    },
    /// Make the record. If it is there, somebody else is at work: stop.
    CreateRecord(Arc<ReleaseRecord>),
    /// Read the record, change it ([`ReleaseRecord::changed`]), write it.
    ChangeRecord {
        /// The revision.
        revision: i64,
        /// What becomes of it.
        change: Change,
    },
    /// Delete the record, if it is there.
    DeleteRecord {
        /// The revision.
        revision: i64,
    },
    /// Something about a hook.
    Hook {
        /// When it is carried out.
        event: HookEvent,
        /// Its place in the record's list.
        hook: usize,
        /// What to do.
        step: HookStep,
    },
    /// Make the object, or change the one that is there.
    Apply(Apply),
    /// Delete an object, if it is there and may be deleted.
    Delete {
        /// The object.
        object: ObjectKey,
        /// What must be true of what is there.
        only_if: DeleteIf,
        /// What becomes of what it owns.
        propagation: Propagation,
    },
    /// Wait until the objects are ready.
    AwaitReady {
        /// The objects.
        objects: Vec<ObjectKey>,
        /// Whether jobs must have ended as well.
        with_jobs: bool,
    },
    /// Wait until the objects are gone, those that a step before did not delete left out.
    AwaitGone {
        /// The objects.
        objects: Vec<ObjectKey>,
    },
}

/// What to do about a hook. Its objects carry no mark of the release.
#[derive(Debug, Clone)]
pub enum HookStep {
    /// Delete its objects if they are there (in the background), and wait until they are gone.
    Delete(Vec<ObjectKey>),
    /// Make its objects.
    Create {
        /// The objects.
        objects: Vec<Object>,
        /// Whether one that is there was made before a stop, and does. Otherwise a step that only makes fails.
        may_exist: bool,
        /// Whether they are applied server-side.
        server_side: bool,
    },
    /// Wait until jobs have ended well and pods too; others need only be there.
    Await(Vec<ObjectKey>),
    /// Show the log of its job or pod.
    ShowLog,
}

/// An object that is to be there.
#[derive(Debug, Clone)]
pub struct Apply {
    /// As it is to be, with the marks of the release.
    pub object: Object,
    /// What to do if it is there.
    pub manner: Manner,
}

/// How an object that is there is changed. One that is not there is made: server-side by an apply, else by a create.
#[derive(Debug, Clone, PartialEq)]
pub enum Manner {
    /// By an apply as [`super::FIELD_MANAGER`].
    ServerSide {
        /// Whether fields of others are taken.
        force_conflicts: bool,
        /// Whether what the manager owns by updates must first become what it owns by apply.
        takes_over: bool,
    },
    /// By what changed since the revision before.
    ThreeWay {
        /// The object of the revision before; nothing if it had none: then nothing is taken away.
        previous: Option<Arc<Value>>,
    },
    /// By an update with the whole object.
    Replace,
}

/// What must be true of an object so that it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteIf {
    /// Nothing.
    Always,
    /// It does not ask to be kept ([`super::is_kept`]).
    NotKept,
    /// It carries the marks of the release ([`Ownership::Required`]).
    Owned,
}
