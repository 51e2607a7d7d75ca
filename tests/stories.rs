//! End-to-end stories: the real binary, a real containerd, real clients.
//!
//! Each story is a test of its own file, in its own network namespace and root. What several stories do is here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use bythos_testing::machine::{Machine, stdout, succeed};
use serde_json::Value;

/// Where the pictures of a story are kept for people to look at.
///
/// # Errors
/// The folder cannot be made.
pub fn pictures() -> Result<PathBuf> {
    let folder = target_folder()?.join("pictures");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The program under test: built next to the tests.
///
/// # Errors
/// It was not built.
pub fn binary() -> Result<PathBuf> {
    let binary = target_folder()?.join("bythos");
    ensure!(binary.is_file(), "{binary:?} is not there; build it with: cargo build --package bythos");
    Ok(binary)
}

/// Where clients lie that are only unpacked, not installed: `target/clients`, as `tools/packages` knows it.
pub fn clients() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/clients")).to_owned()
}

fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program lies in a folder")?;
    Ok(if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}

/// The owner's own machine: what a person does at the keyboard.
pub struct Owner {
    /// The machine.
    pub machine: Machine,
    /// The platform repository, once [`Owner::init`] made it.
    pub repository: PathBuf,
}

impl Owner {
    /// An owner at a machine with nothing on it; `binary` is the program under test.
    ///
    /// # Errors
    /// The machine cannot be made.
    pub fn new(story: &str, binary: PathBuf) -> Result<Owner> {
        let machine = Machine::new(story, binary)?;
        let repository = machine.home().join("my-cloud");
        Ok(Owner { machine, repository })
    }

    /// `bythos init` and the sample's image, as `bythos up` says.
    ///
    /// # Errors
    /// A command failed.
    pub fn init(&self) -> Result<()> {
        self.make_repository()?;
        let archive = self.build_image_of(&self.repository.join("images/hello/recipe.yaml"))?;
        self.import_image(&archive)
    }

    /// `bythos init`.
    ///
    /// # Errors
    /// The command failed.
    pub fn make_repository(&self) -> Result<()> {
        succeed(&mut self.machine.bythos(&["init", &self.repository.to_string_lossy()])).map(drop)
    }

    /// `bythos image build`, outside of the machine's namespace: packages come over the network, which it lacks.
    ///
    /// # Errors
    /// The command failed.
    pub fn build_image_of(&self, recipe: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(self.machine.home())?;
        let archive = self.machine.home().join("image.tar");
        let mut build = Command::new(self.machine.binary());
        succeed(build.args(["image", "build"]).arg(recipe).arg("--output").arg(&archive))?;
        Ok(archive)
    }

    /// `bythos image import`.
    ///
    /// # Errors
    /// The command failed.
    pub fn import_image(&self, archive: &Path) -> Result<()> {
        succeed(&mut self.machine.bythos(&["image", "import", &archive.to_string_lossy()])).map(drop)
    }

    /// Commits everything and pushes.
    ///
    /// # Errors
    /// A command failed.
    pub fn push(&self, message: &str) -> Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&[
            "-c",
            "user.name=Owner",
            "-c",
            "user.email=owner@example.org",
            "commit",
            "--quiet",
            "-m",
            message,
        ])?;
        self.git(&["push", "--quiet"])
    }

    /// A git command in the platform repository.
    ///
    /// # Errors
    /// It failed.
    pub fn git(&self, arguments: &[&str]) -> Result<()> {
        succeed(self.machine.command("git").arg("-C").arg(&self.repository).args(arguments)).map(drop)
    }

    /// Replaces `old` in a file of the platform repository.
    ///
    /// # Errors
    /// `old` is not there.
    pub fn edit(&self, file: &str, old: &str, new: &str) -> Result<()> {
        let path = self.repository.join(file);
        let text = std::fs::read_to_string(&path)?;
        ensure!(text.contains(old), "{file} does not contain {old:?}");
        Ok(std::fs::write(&path, text.replace(old, new))?)
    }

    /// `kubectl` with the owner's kubeconfig.
    ///
    /// # Errors
    /// It failed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        stdout(self.machine.command("kubectl").args(arguments))
    }

    /// An object as kubectl prints it.
    ///
    /// # Errors
    /// It failed.
    pub fn get(&self, arguments: &[&str]) -> Result<Value> {
        let mut all = vec!["get", "-o", "json"];
        all.extend(arguments);
        Ok(serde_json::from_str(&self.kubectl(&all)?)?)
    }

    /// The platform's root certificate, in a file.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn root_certificate(&self) -> Result<PathBuf> {
        let file = self.machine.home().join("root.pem");
        std::fs::write(&file, stdout(&mut self.machine.bythos(&["trust", "--print"]))?)?;
        Ok(file)
    }

    /// What an address answers, with its certificate verified against the platform's root.
    ///
    /// # Errors
    /// It does not answer 200, or its certificate does not verify.
    pub fn fetch(&self, address: &str, root: &Path) -> Result<String> {
        let mut curl = self.machine.command("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "5", "--cacert"]);
        stdout(curl.arg(root).arg(address))
    }

    /// The problems that `bythos status` names, first cause first.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn problems(&self) -> Result<Vec<String>> {
        let output = self.machine.bythos(&["status", "--output", "json"]).output()?;
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
        let problems = report["problems"].as_array().context("the report has problems")?;
        let text = |problem: &Value, field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        Ok(problems.iter().map(|one| format!("{}: {}", text(one, "object"), text(one, "cause"))).collect())
    }

    /// Checks that the first problem that `bythos status` names contains all of `words`.
    ///
    /// # Errors
    /// It does not.
    pub fn first_cause_says(&self, words: &[&str]) -> Result<()> {
        let problems = self.problems()?;
        let Some(first) = problems.first() else { bail!("status names no problem; expected {words:?}") };
        ensure!(
            words.iter().all(|word| first.contains(word)),
            "expected {words:?} first, found {problems:#?}"
        );
        Ok(())
    }
}
