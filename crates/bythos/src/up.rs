//! `bythos up`: checks the host, starts the engine and the parts, says what to do next, and stays.

mod control_plane;
mod first_objects;
mod listeners;
mod next_steps;

pub(crate) use next_steps::own_command;

use std::time::Duration;

use anyhow::{Context as _, Result};
use bythos_operator::kubelet::NodePort;
use bythos_operator::{HealthReport, HealthState, ListenerSpec, Part, PlatformInfo};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::lock::Role;
use crate::parts::{self, Ground};
use crate::progress::Progress;
use crate::settings::Settings;
use crate::supervisor::Supervisor;
use crate::{host, idle, lock, publish};
use control_plane::ControlPlane;
use listeners::Bound;

const DRAIN: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the API and its controllers: no pods, no network, no capabilities
    #[arg(long)]
    no_node: bool,
}

pub(crate) async fn run(settings: Settings, args: Args) -> Result<()> {
    let ground = if args.no_node { Ground::ControlPlane } else { Ground::Machine };
    let mut progress = Progress::new();
    progress.line(&format!("Bythos {} in {}", env!("CARGO_PKG_VERSION"), settings.layout.root.display()));
    if ground == Ground::Machine {
        host::check_user()?;
    }
    prepare_folders(&settings)?;
    let _lock = lock::take(&settings.layout.lock(), Role::Up)?;
    let _log = bythos_telemetry::log_to_files(&settings.layout.logs(), settings.log.as_deref())?;
    info!(version = env!("CARGO_PKG_VERSION"), id = settings.layout.id, "starting");

    if ground == Ground::Machine {
        progress.step("checking this machine");
        host::check_programs()?;
        progress.step("preparing the network");
        bythos_network::prepare_host(&parts::network(&settings)?)?;
    }

    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let node = NodePort::default();
    let parts = parts::table(&settings, &node, ground)?;
    listeners::check(&settings, &parts)?;
    progress.step("starting the API");
    let plane = ControlPlane::start(&settings, node, &listeners::services(&parts), shutdown.clone()).await?;
    let table = listeners::bind(&settings, parts, &plane.part_tls())?;
    let supervisor = start_parts(&settings, &plane, table, ground, &shutdown, &mut progress).await?;
    if ground == Ground::Machine && !shutdown.is_cancelled() {
        progress.step("reading the platform's repository");
        first_objects::apply(&plane.admin(), &settings).await?;
    }
    progress.done();
    if !shutdown.is_cancelled() {
        next_steps::print(&progress, &settings, ground);
        tell_service_manager();
    }
    tokio::spawn(idle::give_back_after_work(shutdown.clone()));

    shutdown.cancelled().await;
    progress.line("Stopping. Pods keep running; `bythos down` stops them too.");
    supervisor.drain(DRAIN).await;
    plane.drain(DRAIN).await;
    info!("stopped");
    Ok(())
}

fn prepare_folders(settings: &Settings) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let layout = &settings.layout;
    for folder in [layout.root.clone(), layout.etc.clone(), layout.logs(), layout.run()] {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&folder)
            .with_context(|| format!("failed to make {folder:?}; does this user own it?"))?;
    }
    Ok(())
}

/// Where systemd started this process, it holds back what waits for the cloud until now (sd_notify(3)).
fn tell_service_manager() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        warn!(error = &error as &dyn std::error::Error, "systemd was not told that the cloud is up");
    }
}

fn cancel_on_signal(shutdown: CancellationToken) -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    })
}

/// Starts every part, and waits until each is at work or says why not.
async fn start_parts(
    settings: &Settings,
    plane: &ControlPlane,
    table: Vec<(Part, Bound)>,
    ground: Ground,
    shutdown: &CancellationToken,
    progress: &mut Progress,
) -> Result<Supervisor> {
    let admin = plane.admin();
    let platform =
        PlatformInfo { domain: settings.domain.clone(), authority_pem: plane.authority_pem().to_owned() };
    let mut supervisor = Supervisor::new(plane.api(), platform, shutdown.clone());
    progress.step("starting the parts");
    publish::namespace(&admin, bythos_api::names::BYTHOS_NAMESPACE).await?;
    if ground == Ground::Machine {
        publish::kubernetes_endpoints(&admin, settings.api_port(), settings.gateway()?).await?;
    }
    let mut reports = Vec::new();
    for (mut part, bound) in table {
        publish::part(&admin, &part).await.with_context(|| format!("part {:?}", part.name))?;
        // The API has them now. Schemas of definitions are large.
        part.resources = Vec::new();
        let port_of = |spec: &ListenerSpec| settings.port(spec.name, spec.port);
        publish::services(&admin, &part.listeners, port_of, settings.gateway()?).await?;
        let (name, title) = (part.name, part.title);
        reports.push((name, title, supervisor.start(part, settings.layout.part_data(name), bound)?));
    }
    for (name, title, report) in reports {
        progress.step(format!("{title} ({name})"));
        shutdown.run_until_cancelled(until_settled(report, progress)).await;
    }
    Ok(supervisor)
}

/// Waits until the part is at work, telling meanwhile what it says of itself. One that fails is tried again by its
/// supervisor, and named by `bythos status`; the others do not wait for it.
async fn until_settled(mut report: HealthReport, progress: &mut Progress) {
    let mut state = Some(report.latest());
    while let Some(now) = state {
        match now {
            HealthState::Ready => return,
            HealthState::Starting(step) => progress.detail(&step),
            HealthState::Failing(cause) => return progress.failed(&cause),
        }
        state = report.changed().await;
    }
}
