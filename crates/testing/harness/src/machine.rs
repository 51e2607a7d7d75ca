//! A machine for end-to-end tests: the real binary, in a network namespace and a root of its own.
//!
//! Nothing of it touches the host's network or folders, so that any number can stand side by side; and
//! [`Machine::leftovers`] finds what it left behind on the host.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// See the module's documentation.
pub struct Machine {
    namespace: String,
    folder: tempfile::TempDir,
    binary: PathBuf,
    process: Option<Child>,
}

impl Machine {
    /// A machine with nothing on it. `binary` is the program under test.
    ///
    /// # Errors
    /// This process is not root, or the namespace cannot be made.
    pub fn new(name: &str, binary: PathBuf) -> Result<Machine> {
        let namespace = format!("bythos-{name}-{}", std::process::id());
        let folder = tempfile::Builder::new().prefix(&format!("bythos-{name}-")).tempdir()?;
        succeed(Command::new("ip").args(["netns", "add", &namespace]))?;
        succeed(Command::new("ip").args(["-netns", &namespace, "link", "set", "lo", "up"]))?;
        Ok(Machine { namespace, folder, binary, process: None })
    }

    /// The program under test.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Folder of the cloud.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A folder for what the person at this machine keeps: the home of every command.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A command on this machine: in its network, with its home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.namespace)).arg("--").arg(program);
        // Nothing of who runs the tests reaches the machine: no proxy, no certificate store, no configuration.
        command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
        command.env("HOME", self.home()).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("KUBECONFIG", self.root().join("etc/kubeconfig.yaml"));
        command
    }

    /// The program under test, for this machine's root.
    pub fn bythos(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.binary.to_string_lossy());
        command.arg("--root").arg(self.root()).args(arguments);
        command
    }

    /// Starts the cloud and waits until it says that it is up. Returns what it printed.
    ///
    /// # Errors
    /// It ended, or did not come up in time.
    pub fn up(&mut self, arguments: &[&str]) -> Result<String> {
        std::fs::create_dir_all(self.home())?;
        let mut child = self
            .bythos(&["up"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(self.folder.path().join("stderr"))?)
            .spawn()?;
        let stdout = child.stdout.take().context("its output is piped")?;
        self.process = Some(child);
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The test may have heard enough; the pipe is drained all the same.
                drop(sender.send(line));
            }
        });
        let mut printed = String::new();
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            printed.push_str(&line);
            printed.push('\n');
            if line.contains("says how it is")
                || line.contains("kubeconfig   export") && arguments.contains(&"--no-node")
            {
                return Ok(printed);
            }
        }
        bail!("the cloud did not come up:\n{printed}\n{}", self.logs())
    }

    /// Ends the process of Bythos as a crash would: without a word.
    ///
    /// # Errors
    /// It does not run.
    pub fn crash(&mut self) -> Result<()> {
        self.end(Signal::KILL)
    }

    /// Ends the process of Bythos as Ctrl-C would.
    ///
    /// # Errors
    /// It does not run.
    pub fn interrupt(&mut self) -> Result<()> {
        self.end(Signal::INT)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let mut child = self.process.take().context("Bythos does not run on this machine")?;
        let process = Pid::from_child(&child);
        kill_process(process, signal)?;
        child.wait()?;
        Ok(())
    }

    /// Process id of the running Bythos.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Process id of the machine's containerd, which outlives Bythos.
    ///
    /// # Errors
    /// It was not started yet.
    pub fn containerd(&self) -> Result<u32> {
        let file = format!("/run/bythos/{}/containerd.process", self.id());
        let identity = std::fs::read_to_string(&file).with_context(|| format!("failed to read {file}"))?;
        Ok(identity.split(' ').next().unwrap_or_default().parse()?)
    }

    /// Ends the machine's containerd as a crash would.
    ///
    /// # Errors
    /// It does not run.
    pub fn crash_containerd(&self) -> Result<()> {
        let process = i32::try_from(self.containerd()?)?;
        Ok(kill_process(Pid::from_raw(process).context("it has a process id")?, Signal::KILL)?)
    }

    /// What Bythos wrote to its log, for a failed test's message.
    pub fn logs(&self) -> String {
        let mut text = std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
        for entry in std::fs::read_dir(self.root().join("log")).into_iter().flatten().flatten() {
            let tail = File::open(entry.path()).ok().map(tail_of).unwrap_or_default();
            text.push_str(&format!("--- {}\n{tail}", entry.path().display()));
        }
        text
    }

    /// What is left on the host of this machine's cloud, though it was taken down: processes, mounts, cgroups,
    /// links and nftables tables in its namespace.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub fn leftovers(&self) -> Result<Vec<String>> {
        let marks = [self.root().display().to_string(), format!("/run/bythos/{}", self.id())];
        let mut found = Vec::new();
        found.extend(processes_with(&marks)?);
        found.extend(lines_with(Path::new("/proc/self/mountinfo"), &marks)?);
        found.extend(cgroups_of(&self.id())?);
        let links = stdout(&mut self.command_with("ip", &["-o", "link"]))?;
        found.extend(links.lines().filter(|line| line.contains("veth")).map(str::to_owned));
        let tables = stdout(&mut self.command_with("nft", &["list", "tables"]))?;
        found.extend(tables.lines().map(str::to_owned));
        for folder in [self.root(), PathBuf::from(format!("/run/bythos/{}", self.id()))] {
            if folder.exists() {
                found.push(format!("folder {}", folder.display()));
            }
        }
        Ok(found)
    }

    fn command_with(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(program);
        command.args(arguments);
        command
    }

    /// The id of the cloud, as `/run/bythos/<id>` has it. It is derived from the root, so it is known without it.
    pub fn id(&self) -> String {
        let digest = stdout(Command::new("sh").args([
            "-c",
            "printf %s \"$1\" | sha256sum | cut -c1-8",
            "sh",
            &self.root().display().to_string(),
        ]));
        digest.unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            drop(child.kill());
            drop(child.wait());
        }
        if self.root().exists() {
            drop(self.bythos(&["uninstall", "--yes"]).output());
        }
        drop(Command::new("ip").args(["netns", "del", &self.namespace]).output());
    }
}

fn tail_of(mut file: File) -> String {
    const TAIL: usize = 20_000;
    let mut text = String::new();
    if file.read_to_string(&mut text).is_err() {
        return String::new();
    }
    let start = text.len().saturating_sub(TAIL);
    let start = (start..text.len()).find(|&index| text.is_char_boundary(index)).unwrap_or(text.len());
    text.split_off(start)
}

/// Runs a command and returns what it printed.
///
/// # Errors
/// It cannot be started, or it failed; the error holds all that it said.
pub fn stdout(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&succeed(command)?.stdout).into_owned())
}

/// Runs a command that has to succeed.
///
/// # Errors
/// It cannot be started, or it failed; the error holds all that it said.
pub fn succeed(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("failed to start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output)
}

/// Asks `look` until it succeeds, at most for [`PATIENCE`]; a hundred times a second at most.
///
/// # Errors
/// The last failure, with what was waited for.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!("waited {PATIENCE:?} for {what}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn processes_with(marks: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let own = std::process::id().to_string();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if marks.iter().any(|mark| command.contains(mark)) {
            found.push(format!("process {name}: {command}"));
        }
    }
    Ok(found)
}

fn lines_with(file: &Path, marks: &[String]) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)?;
    let marked = text.lines().filter(|line| marks.iter().any(|mark| line.contains(mark)));
    Ok(marked.map(|line| format!("mount {line}")).collect())
}

fn cgroups_of(id: &str) -> Result<Vec<String>> {
    let is_of = |name: &str| name.split_once("bythos").is_some_and(|(_, rest)| rest.contains(id));
    let found = cgroups(|path| path.file_name().is_some_and(|name| is_of(&name.to_string_lossy())))?;
    Ok(found.iter().map(|path| format!("cgroup {}", path.display())).collect())
}

/// The control groups of this host that are wanted. Those of others come and go meanwhile: one that is gone when it is
/// looked into is none.
///
/// # Errors
/// They cannot be read.
pub fn cgroups(is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from("/sys/fs/cgroup")]);
    while let Some(folder) = folders.pop() {
        match folders_in(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            inner => folders.extend(inner?),
        }
        if is_wanted(&folder) {
            found.push(folder);
        }
    }
    Ok(found)
}

fn folders_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}
