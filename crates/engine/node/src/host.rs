//! What the node tells of the host it runs on.

use std::path::Path;

use rustix::fs::statvfs;

/// Figures of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) processors: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) memory_available_bytes: u64,
    pub(crate) storage_bytes: u64,
    pub(crate) storage_available_bytes: u64,
    pub(crate) processes: u64,
    pub(crate) processes_max: u64,
    pub(crate) kernel: String,
    pub(crate) os_image: String,
    pub(crate) machine_id: String,
    pub(crate) boot_id: String,
}

impl Host {
    /// As it is now; `data` lies on the file system that pods fill. What cannot be read is zero or empty.
    pub(crate) fn now(data: &Path) -> Self {
        let memory = read("/proc/meminfo");
        let storage = statvfs(data).ok();
        let blocks = |count: fn(&rustix::fs::StatVfs) -> u64| {
            storage.as_ref().map_or(0, |storage| count(storage).saturating_mul(storage.f_frsize))
        };
        Host {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kibibytes(&memory, "MemTotal:"),
            memory_available_bytes: kibibytes(&memory, "MemAvailable:"),
            storage_bytes: blocks(|storage| storage.f_blocks),
            storage_available_bytes: blocks(|storage| storage.f_bavail),
            processes: threads(&read("/proc/loadavg")),
            processes_max: read("/proc/sys/kernel/pid_max").trim().parse().unwrap_or(0),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            os_image: os_image(&read("/etc/os-release")),
            machine_id: read("/etc/machine-id").trim().to_owned(),
            boot_id: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn kibibytes(meminfo: &str, name: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

/// The fourth field of `/proc/loadavg` is `running/all`.
fn threads(loadavg: &str) -> u64 {
    let field = loadavg.split_ascii_whitespace().nth(3);
    field.and_then(|field| field.split_once('/')?.1.parse().ok()).unwrap_or(0)
}

fn os_image(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(kibibytes("MemTotal:  1024 kB\nMemAvailable: 512 kB\n", "MemAvailable:"), 524_288);
        assert_eq!(kibibytes("", "MemTotal:"), 0);
        assert_eq!(threads("0.00 0.01 0.05 2/345 6789\n"), 345);
        assert_eq!(os_image("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"), "Debian GNU/Linux 12");
    }

    #[test]
    fn this_host_has_something_of_everything() {
        let host = Host::now(Path::new("/"));
        assert!(host.processors > 0 && host.memory_bytes > 0 && host.storage_bytes > 0);
        assert!(!host.kernel.is_empty() && host.processes > 0);
    }
}
