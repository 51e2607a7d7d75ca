//! `bythos helm test`: a release's tests run.

use std::io::Write;

use bythos_api::helmrelease::Filter;
use bythos_helm::plan::{HookStep, Step, test};
use kube::Client;

use super::options::{Desk, NamespaceOptions, WaitOptions};
use super::print::{self, Show};
use crate::commands::CommandError;
use crate::release::only_chosen;

/// Arguments of `helm test`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Name of the release
    pub name: String,
    /// Print the logs of the tests
    #[arg(long)]
    pub logs: bool,
    /// Which tests: `name=<test>`, or `!name=<test>` to leave one out
    #[arg(long, value_name = "FILTER", value_delimiter = ',')]
    pub filter: Vec<String>,
    /// Where the release is
    #[command(flatten)]
    pub namespace: NamespaceOptions,
    /// What is waited for
    #[command(flatten)]
    pub wait: WaitOptions,
}

fn filters(texts: &[String]) -> Result<Vec<Filter>, CommandError> {
    let filter = |text: &String| {
        let (exclude, rest) = text.strip_prefix('!').map_or((false, text.as_str()), |rest| (true, rest));
        let name = rest.trim_start().strip_prefix("name=").ok_or_else(|| {
            CommandError::Refuse(format!("--filter: expected name=TEST or !name=TEST, found {text:?}"))
        })?;
        Ok(Filter { name: name.to_owned(), exclude })
    };
    texts.iter().map(filter).collect()
}

/// Runs the tests, and prints how they went.
///
/// # Errors
/// There is no such release, or a test failed.
pub async fn run(args: &Args, client: Client, out: &mut impl Write) -> Result<(), CommandError> {
    let desk = Desk::new(client, &args.namespace.namespace);
    let releases = desk.releases();
    let history = releases.history(&args.name).await?;
    let plan = test(&args.name, &history, &args.wait.options());
    let mut plan = plan.map_err(|error| CommandError::Refuse(error.to_string()))?;
    only_chosen(&mut plan, &filters(&args.filter)?);
    if args.logs {
        show_logs(&mut plan.steps);
    }
    let done = releases.carried(plan).await;
    if let Some(record) = releases.history(&args.name).await?.last() {
        print::status(out, record, Show { hides_notes: true, manifests: false })?;
    }
    for line in desk.told.take() {
        writeln!(out, "{line}")?;
    }
    done?;
    Ok(())
}

/// Adds a look at the log to the end of each test, before anything of it is deleted.
fn show_logs(steps: &mut Vec<Step>) {
    let mut shown = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        let ended = match &step {
            Step::Hook { event, hook, step: HookStep::Await(_) } => {
                Some(Step::Hook { event: *event, hook: *hook, step: HookStep::ShowLog })
            }
            _ => None,
        };
        shown.push(step);
        shown.extend(ended);
    }
    *steps = shown;
}
