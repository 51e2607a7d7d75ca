//! Runs the parts, each under its own identity, and starts one again that fails.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bythos_access::User;
use bythos_apiserver::ApiServer;
use bythos_operator::part::BoundListener;
use bythos_operator::{
    Caches, Health, HealthReport, HealthState, Part, PartContext, PlatformInfo, error_chain,
};
use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A part that ran this long before it failed starts over with the shortest pause.
const STEADY: Duration = Duration::from_secs(300);

/// All parts at work, and how each is.
pub(crate) struct Supervisor {
    api: ApiServer,
    caches: Caches,
    platform: Arc<PlatformInfo>,
    shutdown: CancellationToken,
    running: JoinSet<()>,
}

impl Supervisor {
    pub(crate) fn new(api: ApiServer, platform: PlatformInfo, shutdown: CancellationToken) -> Supervisor {
        let reader = User::authenticated("system:bythos:caches", &["system:masters"]);
        let caches = Caches::new(api.client(reader), shutdown.clone());
        Supervisor { api, caches, platform: Arc::new(platform), shutdown, running: JoinSet::new() }
    }

    /// Starts `part` and keeps it running; `/readyz` has a check of its name from now on.
    pub(crate) fn start(
        &mut self,
        part: Part,
        data: PathBuf,
        listeners: BTreeMap<&'static str, BoundListener>,
    ) -> Result<HealthReport> {
        make_private(&data)?;
        let (health, report) = Health::new();
        let client = self.api.client(User::authenticated(part.identity(), &["system:bythos"]));
        let context = PartContext {
            caches: self.caches.for_part(client.clone()),
            client,
            health,
            shutdown: self.shutdown.clone(),
            data,
            platform: self.platform.clone(),
            listeners: Arc::new(listeners),
        };
        let watched = report.clone();
        self.api.add_check(&format!("part/{}", part.name), Arc::new(move || readiness(&watched.state())));
        let span = info_span!("part", name = part.name);
        self.running.spawn(keep_running(part, context).instrument(span));
        Ok(report)
    }

    /// Waits until every part has ended, at most for `grace`.
    pub(crate) async fn drain(mut self, grace: Duration) {
        let all_ended = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all_ended).await.is_err() {
            error!(?grace, "parts did not end in time; they are ended with the process");
        }
    }
}

fn make_private(folder: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("failed to make {folder:?}"))
}

fn readiness(state: &HealthState) -> Result<(), String> {
    match state {
        HealthState::Ready => Ok(()),
        HealthState::Starting(step) => Err(step.clone()),
        HealthState::Failing(cause) => Err(cause.clone()),
    }
}

async fn keep_running(part: Part, context: PartContext) {
    let mut pause = FIRST_PAUSE;
    while !context.shutdown.is_cancelled() {
        let began = tokio::time::Instant::now();
        let cause = run_once(&part, &context).await;
        if context.shutdown.is_cancelled() {
            break;
        }
        if began.elapsed() > STEADY {
            pause = FIRST_PAUSE;
        }
        error!(%cause, ?pause, "part ended; it is started again");
        context.health.failing(cause);
        context.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    info!("part ended");
}

/// Runs the part until it ends, and says why it did. What it left running is ended with it.
async fn run_once(part: &Part, context: &PartContext) -> String {
    let this_run = context.shutdown.child_token();
    let _ends_with_run = this_run.clone().drop_guard();
    let context = PartContext { shutdown: this_run, ..context.clone() };
    let run = async { (part.run)(context).await };
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(Ok(())) => "it ended by itself".to_owned(),
        Ok(Err(error)) => error_chain(error.as_ref()),
        Err(panic) => format!("it panicked: {}", panic_text(panic.as_ref())),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
