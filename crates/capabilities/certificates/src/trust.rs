//! `bythos trust`: this machine trusts the platform's root certificate.
//!
//! The system's store is read by curl, git and most programs; browsers of the Chromium family and Firefox keep
//! stores of their own, in NSS databases of the person who uses them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use bythos_api::names::{CERT_MANAGER_NAMESPACE, PLATFORM_ROOT_SECRET};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

const SYSTEM_STORE: &str = "/usr/local/share/ca-certificates";

/// What to trust, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the root certificate instead, to take it to another machine
    #[arg(long, conflicts_with_all = ["system", "browsers"])]
    print: bool,
    /// Only the system's store
    #[arg(long)]
    system: bool,
    /// Only the browsers' stores
    #[arg(long)]
    browsers: bool,
}

/// Carries the command out.
///
/// # Errors
/// The root cannot be read, or a store cannot be written.
#[allow(clippy::print_stdout, reason = "this is the command's own output")]
pub async fn run(args: &Args, client: Client) -> Result<()> {
    let root = root_certificate(client).await?;
    if args.print {
        print!("{root}");
        return Ok(());
    }
    let everywhere = args.system == args.browsers;
    if everywhere || args.system {
        trust_in_system(&root)?;
        println!("The system trusts the platform's root certificate.");
    }
    if everywhere || args.browsers {
        for store in trust_in_browsers(&root)? {
            println!("The browsers that use {} trust it; restart those that run.", store.display());
        }
    }
    Ok(())
}

async fn root_certificate(client: Client) -> Result<String> {
    let secret = Api::<Secret>::namespaced(client, CERT_MANAGER_NAMESPACE)
        .get(PLATFORM_ROOT_SECRET)
        .await
        .context("failed to read the platform's root certificate")?;
    let pem =
        secret.data.unwrap_or_default().remove("ca.crt").context("the platform's root has no ca.crt")?;
    String::from_utf8(pem.0).context("the platform's root certificate is not PEM")
}

/// A name that tells the roots of two platforms on one machine apart.
fn nickname(root: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(root.as_bytes());
    let mark: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("bythos-{mark}")
}

fn trust_in_system(root: &str) -> Result<()> {
    let file = Path::new(SYSTEM_STORE).join(format!("{}.crt", nickname(root)));
    std::fs::create_dir_all(SYSTEM_STORE)
        .and_then(|()| std::fs::write(&file, root))
        .with_context(|| format!("failed to write {file:?}; only root may"))?;
    run_program(Command::new("update-ca-certificates").arg("--fresh"), "ca-certificates")
}

fn trust_in_browsers(root: &str) -> Result<Vec<PathBuf>> {
    let home = std::env::home_dir().context("this user has no home folder")?;
    let shared = home.join(".pki/nssdb");
    if !shared.join("cert9.db").exists() {
        std::fs::create_dir_all(&shared).with_context(|| format!("failed to make {shared:?}"))?;
        let mut make = Command::new("certutil");
        run_program(make.args(["-N", "--empty-password", "-d"]).arg(database(&shared)), "libnss3-tools")?;
    }
    let mut stores = vec![shared];
    stores.extend(firefox_profiles(&home));
    let file = tempfile_with(root)?;
    for store in &stores {
        let mut add = Command::new("certutil");
        add.args(["-A", "-t", "C,,", "-n", &nickname(root), "-i"])
            .arg(file.path())
            .arg("-d")
            .arg(database(store));
        run_program(&mut add, "libnss3-tools")?;
    }
    Ok(stores)
}

fn database(folder: &Path) -> String {
    format!("sql:{}", folder.display())
}

/// Folders of Firefox profiles, which each have a store of their own.
fn firefox_profiles(home: &Path) -> Vec<PathBuf> {
    let profiles = std::fs::read_dir(home.join(".mozilla/firefox")).into_iter().flatten().flatten();
    profiles.map(|profile| profile.path()).filter(|profile| profile.join("cert9.db").exists()).collect()
}

fn tempfile_with(text: &str) -> Result<tempfile::NamedTempFile> {
    use std::io::Write as _;
    let mut file = tempfile::NamedTempFile::new().context("failed to make a temporary file")?;
    file.write_all(text.as_bytes()).context("failed to write a temporary file")?;
    Ok(file)
}

fn run_program(command: &mut Command, package: &str) -> Result<()> {
    let output = command.output().with_context(|| {
        format!("failed to start {:?}; install it with: apt-get install {package}", command.get_program())
    })?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
