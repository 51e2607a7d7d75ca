//! Options that verbs about releases share, and the way from them to the options of plans.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bythos_api::flux::GoDuration;
use bythos_helm::plan::{Options, ServerSide, Wait};
use kube::Client;

use crate::commands::CommandError;
use crate::kinds::Kinds;
use crate::release::{ActionError, RecordsError, Releases, Tell};

const TIMEOUT: Duration = Duration::from_secs(300);

/// Which release's namespace.
#[derive(Debug, Clone, clap::Args)]
pub struct NamespaceOptions {
    /// Namespace of the release
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
}

/// What is waited for, and how long.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WaitOptions {
    /// Wait until everything is ready: `watcher`, or `hookOnly` for hooks alone
    #[arg(long, value_name = "STRATEGY", num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    pub wait: Option<Strategy>,
    /// With --wait, wait also until jobs have ended
    #[arg(long)]
    pub wait_for_jobs: bool,
    /// How long each wait may take
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<GoDuration>,
    /// Run no hooks
    #[arg(long)]
    pub no_hooks: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Strategy {
    /// Until everything is ready
    #[value(aliases = ["true", "legacy"])]
    Watcher,
    /// For hooks alone
    #[value(name = "hookOnly", alias = "false")]
    HookOnly,
}

/// How objects are changed.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ApplyOptions {
    /// Replace objects, where they are not applied by the server
    #[arg(long, visible_alias = "force", conflicts_with = "force_conflicts")]
    pub force_replace: bool,
    /// Take fields that others own
    #[arg(long)]
    pub force_conflicts: bool,
    /// Words for the history
    #[arg(long)]
    pub description: Option<String>,
}

/// Whether objects are applied by the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Server {
    /// By the server
    True,
    /// By the client
    False,
    /// As they were before
    #[default]
    Auto,
}

impl From<Server> for ServerSide {
    fn from(server: Server) -> ServerSide {
        match server {
            Server::True => ServerSide::On,
            Server::False => ServerSide::Off,
            Server::Auto => ServerSide::Auto,
        }
    }
}

impl WaitOptions {
    /// What a plan is to wait for.
    pub(crate) fn wait(&self) -> Wait {
        match self.wait {
            Some(Strategy::Watcher) if self.wait_for_jobs => Wait::ReadyAndJobsDone,
            Some(Strategy::Watcher) => Wait::Ready,
            Some(Strategy::HookOnly) | None => Wait::Hooks,
        }
    }

    /// The options of a plan that neither makes nor changes objects.
    pub(crate) fn options(&self) -> Options {
        Options {
            wait: self.wait(),
            timeout: self.timeout.map_or(TIMEOUT, |timeout| timeout.0),
            no_hooks: self.no_hooks,
            ..Options::default()
        }
    }
}

impl ApplyOptions {
    /// The options of a plan that makes or changes objects.
    pub(crate) fn options(&self, wait: &WaitOptions, server: Server) -> Options {
        Options {
            server_side: server.into(),
            force_conflicts: self.force_conflicts,
            force_replace: self.force_replace,
            description: self.description.clone().filter(|words| !words.is_empty()),
            ..wait.options()
        }
    }
}

/// What is told while a plan is carried out, to be printed by the command.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

/// Lines that are kept until the command prints them.
const LINES_MAX: usize = 10_000;

impl Told {
    fn tell(&self) -> Tell {
        let told = self.clone();
        Arc::new(move |line| {
            let mut lines = told.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < LINES_MAX {
                lines.push(line.to_owned());
            }
        })
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A namespace with releases, for one command.
pub(crate) struct Desk {
    kinds: Kinds,
    client: Client,
    namespace: String,
    pub(crate) told: Told,
}

impl Desk {
    pub(crate) fn new(client: Client, namespace: &str) -> Desk {
        let (kinds, namespace) = (Kinds::new(client.clone()), namespace.to_owned());
        Desk { kinds, client, namespace, told: Told::default() }
    }

    pub(crate) fn releases(&self) -> Releases<'_> {
        Releases::new(&self.kinds, self.client.clone(), &self.namespace, self.told.tell())
    }
}

impl From<RecordsError> for CommandError {
    fn from(error: RecordsError) -> Self {
        CommandError::Refuse(bythos_operator::error_chain(&error))
    }
}

impl From<ActionError> for CommandError {
    fn from(error: ActionError) -> Self {
        CommandError::Refuse(error.words())
    }
}

/// An action that failed, with Helm's word for which.
pub(crate) fn failed(action: &'static str) -> impl FnOnce(ActionError) -> CommandError {
    move |error| CommandError::Refuse(format!("{action}: {}", error.words()))
}
