//! The configuration file of containerd (`containerd-config.toml`, version 2).

use std::path::Path;

use rustix::thread::{CapabilitySet, capabilities};

use crate::config::NodeConfig;

/// Whether processes may be made safer from the kernel's search for memory than this one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OomProtection {
    Allowed,
    /// Root in a machine that took this right away; without a word about it, no container would start.
    Denied,
}

impl OomProtection {
    /// As it is for this process, and so for containerd and all that it starts.
    pub(crate) fn of_this_process() -> Self {
        let may = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE));
        if may { OomProtection::Allowed } else { OomProtection::Denied }
    }
}

/// The whole file. `sandbox_image` is the image of the container that holds a pod's namespaces.
///
/// Network namespaces are kept below the state folder, which only containerd's mount namespace sees mounted, so that
/// they end with it. Streaming listens on a free port of the loopback device.
pub(crate) fn render(config: &NodeConfig, sandbox_image: &str, protection: OomProtection) -> String {
    let root = quote(&config.containerd_root());
    let state = quote(&config.containerd_state());
    let socket = quote(&config.containerd_socket());
    let cni_conf_dir = quote(&config.cni_conf_dir);
    let cni_bin_dir = quote(&config.cni_bin_dir);
    let sandbox_image = quote(Path::new(sandbox_image));
    let (oom_score, restrict) = match protection {
        OomProtection::Allowed => (-999, false),
        OomProtection::Denied => (0, true),
    };
    format!(
        r#"# Written by Bythos at every start; changes made here are lost.
version = 2
root = {root}
state = {state}
oom_score = {oom_score}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]

[debug]
  level = "warn"

[grpc]
  address = {socket}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {sandbox_image}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = {restrict}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {cni_bin_dir}
    conf_dir = {cni_conf_dir}
"#
    )
}

/// A basic string of TOML.
fn quote(path: &Path) -> String {
    let mut quoted = String::from("\"");
    for character in path.to_string_lossy().chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_as_toml_strings() {
        assert_eq!(quote(Path::new("/a b")), r#""/a b""#);
        assert_eq!(quote(Path::new("/a\"\\\n")), r#""/a\"\\\u000A""#);
    }

    #[test]
    fn everything_lies_in_the_folders_of_this_engine() {
        let text = render(&crate::config::example(), "localhost/bythos/pause:1", OomProtection::Allowed);
        for line in [
            r#"root = "/var/lib/bythos/containerd""#,
            r#"state = "/run/bythos/0a1b2c3d/containerd""#,
            r#"address = "/run/bythos/0a1b2c3d/containerd.sock""#,
            r#"conf_dir = "/run/bythos/0a1b2c3d/cni/net.d""#,
            r#"sandbox_image = "localhost/bythos/pause:1""#,
            "oom_score = -999",
        ] {
            assert!(text.contains(line), "{line} in:\n{text}");
        }
    }

    #[test]
    fn nothing_is_asked_for_that_the_machine_forbids() {
        let text = render(&crate::config::example(), "localhost/bythos/pause:1", OomProtection::Denied);
        assert!(text.contains("oom_score = 0") && text.contains("restrict_oom_score_adj = true"), "{text}");
    }
}
