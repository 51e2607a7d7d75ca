//! `bythos trust`: this machine trusts the platform's root certificate, or no longer.
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
    #[arg(long, conflicts_with_all = ["system", "browsers", "remove"])]
    print: bool,
    /// Trust it no longer, for example before the cloud is uninstalled
    #[arg(long)]
    remove: bool,
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
        let file = Path::new(SYSTEM_STORE).join(format!("{}.crt", nickname(&root)));
        if args.remove {
            remove_from_system(&file)?;
            println!("The system no longer trusts the platform's root certificate.");
        } else {
            add_to_system(&file, &root)?;
            println!("The system trusts the platform's root certificate.");
        }
    }
    if everywhere || args.browsers {
        let (stores, trust) = if args.remove {
            (remove_from_browsers(&root)?, "no longer trust it")
        } else {
            (add_to_browsers(&root)?, "trust it")
        };
        for store in stores {
            println!("The browsers that use {} {trust}; restart those that run.", store.display());
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

fn add_to_system(file: &Path, root: &str) -> Result<()> {
    std::fs::create_dir_all(SYSTEM_STORE)
        .and_then(|()| std::fs::write(file, root))
        .with_context(|| format!("failed to write {file:?}; only root may"))?;
    update_system()
}

fn remove_from_system(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => {
            removed.with_context(|| format!("failed to remove {file:?}; only root may"))?;
            update_system()
        }
    }
}

fn update_system() -> Result<()> {
    run_program(Command::new("update-ca-certificates").arg("--fresh"), "ca-certificates")
}

/// The store that all browsers of the Chromium family share.
fn shared_store(home: &Path) -> PathBuf {
    home.join(".pki/nssdb")
}

fn home() -> Result<PathBuf> {
    std::env::home_dir().context("this user has no home folder")
}

fn remove_from_browsers(root: &str) -> Result<Vec<PathBuf>> {
    let home = home()?;
    let mut changed = Vec::new();
    for store in [vec![shared_store(&home)], firefox_profiles(&home)].concat() {
        if store.join("cert9.db").exists() && holds(&store, &nickname(root))? {
            run_program(certutil(&store).args(["-D", "-n", &nickname(root)]), "libnss3-tools")?;
            changed.push(store);
        }
    }
    Ok(changed)
}

fn holds(store: &Path, nickname: &str) -> Result<bool> {
    let listed = certutil(store).args(["-L", "-n", nickname]).output();
    Ok(listed
        .context("failed to start certutil; install it with: apt-get install libnss3-tools")?
        .status
        .success())
}

fn add_to_browsers(root: &str) -> Result<Vec<PathBuf>> {
    let home = home()?;
    let shared = shared_store(&home);
    if !shared.join("cert9.db").exists() {
        std::fs::create_dir_all(&shared).with_context(|| format!("failed to make {shared:?}"))?;
        run_program(certutil(&shared).args(["-N", "--empty-password"]), "libnss3-tools")?;
    }
    let mut stores = vec![shared];
    stores.extend(firefox_profiles(&home));
    let file = tempfile_with(root)?;
    for store in &stores {
        let mut add = certutil(store);
        add.args(["-A", "-t", "C,,", "-n", &nickname(root), "-i"]).arg(file.path());
        run_program(&mut add, "libnss3-tools")?;
    }
    Ok(stores)
}

fn certutil(store: &Path) -> Command {
    let mut command = Command::new("certutil");
    command.arg("-d").arg(format!("sql:{}", store.display()));
    command
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
