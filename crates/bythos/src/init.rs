//! `bythos init`: a new platform repository, with a sample application.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use bythos_forge::credential;
use bythos_forge::init::{Args, Platform};

use crate::progress::Progress;
use crate::settings::Settings;
use crate::up::own_command;

/// The files of `examples/platform`, with the domain still to be filled in.
const SAMPLE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../examples/platform/README.md")),
    ("kustomization.yaml", include_str!("../../../examples/platform/kustomization.yaml")),
    (
        "apps/hello/kustomization.yaml",
        include_str!("../../../examples/platform/apps/hello/kustomization.yaml"),
    ),
    ("apps/hello/namespace.yaml", include_str!("../../../examples/platform/apps/hello/namespace.yaml")),
    ("apps/hello/page.yaml", include_str!("../../../examples/platform/apps/hello/page.yaml")),
    ("apps/hello/deployment.yaml", include_str!("../../../examples/platform/apps/hello/deployment.yaml")),
    ("apps/hello/service.yaml", include_str!("../../../examples/platform/apps/hello/service.yaml")),
    ("apps/hello/ingress.yaml", include_str!("../../../examples/platform/apps/hello/ingress.yaml")),
    ("images/hello/recipe.yaml", include_str!("../../../examples/platform/images/hello/recipe.yaml")),
];
/// Git takes it before `http.sslCAInfo`, so the authority that `init` sets would not count.
const GIT_CA_VARIABLE: &str = "GIT_SSL_CAINFO";
const QUESTION_BYTES_MAX: u64 = 64 * 1024;
const SAMPLE_DOMAIN: &str = "bythos.localhost";

pub(crate) async fn run(settings: &Settings, args: &Args) -> Result<()> {
    let ca_file = settings.layout.authority_certificate();
    std::fs::metadata(&ca_file)
        .with_context(|| format!("failed to read {ca_file:?}; `bythos up` makes it at its first start"))?;
    let mut progress = Progress::new();
    progress.step(format!("making the platform repository {}", args.directory.display()));
    let files =
        SAMPLE.iter().map(|(path, text)| ((*path).to_owned(), text.replace(SAMPLE_DOMAIN, &settings.domain)));
    let platform = Platform {
        url: settings.git_url(),
        ca_file,
        credential_command: format!("!{} git-credential", own_command(settings)),
        domain: settings.domain.clone(),
        files: files.collect(),
    };
    bythos_forge::init::run(args, &platform).await?;
    progress.done();
    if std::env::var_os(GIT_CA_VARIABLE).is_some() {
        progress.line(&format!(
            "\n{GIT_CA_VARIABLE} is set, and git heeds it more than this repository's own setting: run `bythos trust`, or push \
             with `env -u {GIT_CA_VARIABLE} git push`."
        ));
    }
    progress.line(&format!("\nNext: cd {} && git push", args.directory.display()));
    Ok(())
}

/// Answers the question that git asks on standard input.
pub(crate) async fn answer_git(settings: &Settings, args: &credential::Args) -> Result<()> {
    let platform = credential::Platform {
        url: settings.git_url(),
        token_file: settings.layout.part_data("forge").join("owner-token"),
    };
    let mut question = Vec::new();
    std::io::stdin().take(QUESTION_BYTES_MAX).read_to_end(&mut question)?;
    let mut answer = Vec::new();
    credential::run(args, &platform, question.as_slice(), &mut answer).await?;
    std::io::stdout().write_all(&answer)?;
    Ok(())
}
