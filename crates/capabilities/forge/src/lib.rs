//! Git hosting for the platform's repository, over smart HTTP on a TLS port of its own.
//!
//! For the owner, who pushes with any Git client, and for delivery, which fetches what was pushed. The protocol is
//! spoken by the machine's own `git http-backend`, the most trusted code there is for it; this part brings the door:
//!
//! ```text
//! client ──TLS──> [`server`] ──> [`access`]: whose token ──> [`backend`]: git http-backend, as CGI, streamed
//!                                                                    │ a push moved a branch
//!                                     GitRepository <──requestedAt── [`announce`] ──> [`mirror`]: a copy elsewhere
//! ```
//!
//! [`init`] and [`credential`] are commands for the owner's machine: a first local repository, and the token for git.
//!
//! Left out: mirrors over SSH, and more than one of a repository. A mirror that is set up is first written to at the next
//! push or start.
//!
//! Nothing here understands Git's objects, knows what a push means, or lets the host's Git configuration have a say.

pub mod credential;
pub mod init;

mod access;
mod announce;
mod backend;
mod cgi;
mod git;
mod mirror;
mod repository;
mod route;
mod secret;
mod server;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bythos_api::names::PLATFORM;
use bythos_operator::part::allow;
use bythos_operator::{BoxError, ListenerSpec, Part, PartContext, Reach};
use futures::FutureExt as _;
use tokio::sync::mpsc;

pub use token::{OWNER, OWNER_TOKEN_FILE};

/// Port of the Git hosting where nothing else is configured.
pub const PORT: u16 = 9443;

/// Name of the listener, and of the Service in `bythos-system`.
const LISTENER: &str = "git";
const SERVICE: &str = "forge";

/// Git hosting as a part.
pub fn part() -> Part {
    Part {
        name: "forge",
        title: "Git hosting",
        resources: Vec::new(),
        role: vec![
            allow("", &["namespaces", "secrets", "events"], &["get", "create", "patch"]),
            allow("source.toolkit.fluxcd.io", &["gitrepositories"], &["get", "list", "patch"]),
        ],
        listeners: vec![ListenerSpec {
            name: LISTENER,
            port: PORT,
            reach: Reach::World,
            tls: true,
            service: Some(SERVICE),
        }],
        run: Arc::new(|context| run(context).boxed()),
    }
}

async fn run(context: PartContext) -> Result<(), BoxError> {
    context.health.starting("preparing the platform's repository");
    let git = git::Git::find(&context.data).await?;
    let repositories = repository::Repositories::open(git.clone(), &context.data).await?;
    repositories.ensure(PLATFORM).await?;
    let token = token::load_or_create(&context.data.join(OWNER_TOKEN_FILE))?;

    context.health.starting("handing the owner's token to delivery");
    secret::apply(&context.client, &token, &context.platform.authority_pem).await?;

    let listener = context.listener(LISTENER)?;
    let (pushed, pushes) = mpsc::channel(16);
    let (to_copy, copies) = mpsc::channel(16);
    // What was pushed while nobody could copy it goes now.
    to_copy.send(PLATFORM.to_owned()).await?;
    let mirrors = mirror::Mirrors::new(context.client.clone(), git.clone(), repositories.clone());
    let backends = backend::Backends::new(git, repositories, pushed);
    let people = access::People::new(token, context.client.clone());
    let door = server::Door::new(people, backends);
    context.health.ready();
    tokio::join!(
        server::serve(listener, door, context.shutdown.clone()),
        announce::run(context.client, context.platform.domain.clone(), pushes, to_copy),
        mirrors.run(copies),
    );
    Ok(())
}
