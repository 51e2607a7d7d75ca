//! What `bythos up` tells its owner at the end.

use std::path::Path;

use crate::host;
use crate::layout::DEFAULT_ROOT;
use crate::parts::Ground;
use crate::progress::Progress;
use crate::settings::Settings;

/// Prints the addresses and what to do next, as commands that can be copied.
pub(super) fn print(progress: &Progress, settings: &Settings, ground: Ground) {
    let bythos = own_command(settings);
    progress.line("");
    progress.line("The cloud is up. This process serves it; Ctrl-C ends the process, and pods keep running.");
    progress.line(&format!("  API          https://127.0.0.1:{}", settings.api_port()));
    progress.line(&format!("  kubeconfig   export KUBECONFIG={}", settings.layout.kubeconfig().display()));
    if ground == Ground::ControlPlane {
        return;
    }
    progress.line(&format!("  Git          {}", settings.git_url()));
    progress.line(&format!("  log          {}", settings.layout.logs().display()));
    let steps = [
        format!("{bythos} init my-cloud && cd my-cloud"),
        format!("{bythos} image build images/hello/recipe.yaml"),
        "git push".to_owned(),
        format!("{bythos} trust        # once, so that this machine trusts the platform's certificates"),
    ];
    progress.line("\nIn another terminal, put your first application on it:");
    for (number, step) in steps.iter().enumerate() {
        progress.line(&format!("  {}. {step}", number + 1));
    }
    progress.line(&format!("Then visit https://hello.{}{}", settings.domain, settings.https_suffix()));
    progress.line(&format!(
        "\n`{bythos} install` keeps the cloud running from now on, also when this machine restarts."
    ));
    progress.line(&format!("`{bythos} status` says how it is, and the first cause of what is wrong."));
}

/// How the owner calls this very program for this very root.
pub(crate) fn own_command(settings: &Settings) -> String {
    let installed = host::find_in_path("bythos").and_then(|file| file.canonicalize().ok());
    let own = std::env::current_exe().ok();
    let program = match own {
        Some(own) if installed.as_ref() != Some(&own) => own.display().to_string(),
        _ => "bythos".to_owned(),
    };
    let program = quoted(&program);
    if settings.layout.root == Path::new(DEFAULT_ROOT) {
        program
    } else {
        format!("{program} --root {}", quoted(&settings.layout.root.display().to_string()))
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_come_back_from_the_shell_as_they_were() {
        assert_eq!(quoted("/var/lib/bythos"), "/var/lib/bythos");
        assert_eq!(quoted("/srv/my cloud"), "'/srv/my cloud'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
