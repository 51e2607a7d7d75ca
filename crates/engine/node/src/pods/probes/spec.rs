//! A probe as the specification asks for it, with all defaults in place.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl ProbeKind {
    pub(super) fn title(self) -> &'static str {
        match self {
            ProbeKind::Startup => "Startup",
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    Http(HttpCheck),
    /// `host` is the pod's own where it is absent.
    Tcp {
        host: Option<String>,
        port: u16,
    },
    Grpc(GrpcCheck),
    Exec {
        command: Vec<String>,
    },
}

/// One HTTP request. Its host is the pod's own where it is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpCheck {
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) is_https: bool,
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GrpcCheck {
    pub(super) port: u16,
    /// May be empty: the server as a whole.
    pub(super) service: String,
    pub(super) is_tls: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProbeSpec {
    pub(crate) kind: ProbeKind,
    pub(super) check: Check,
    pub(super) initial_delay: Duration,
    pub(super) period: Duration,
    pub(super) timeout: Duration,
    pub(super) successes_needed: u32,
    pub(super) failures_needed: u32,
    /// What a container is given to end that this probe has found unhealthy, if it is not what the pod is given.
    pub(super) grace: Option<Duration>,
}

/// A probe that cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("{field}: the container has no port named {name:?}")]
    NoPort { field: String, name: String },
    #[error("{field}: found {port}, expected a port from 1 to 65535")]
    Port { field: String, port: i32 },
    #[error("{field}: expected one of httpGet, tcpSocket, grpc and exec")]
    Nothing { field: String },
}

impl ProbeSpec {
    /// All probes of a container.
    pub(crate) fn of(container: &Container) -> Result<Vec<Self>, ProbeError> {
        let probes = [
            (ProbeKind::Startup, "startupProbe", &container.startup_probe),
            (ProbeKind::Liveness, "livenessProbe", &container.liveness_probe),
            (ProbeKind::Readiness, "readinessProbe", &container.readiness_probe),
        ];
        let read = |(kind, field, probe): (_, &str, &Option<Probe>)| {
            Some(read(kind, field, probe.as_ref()?, container))
        };
        probes.into_iter().filter_map(read).collect()
    }
}

fn read(kind: ProbeKind, field: &str, probe: &Probe, container: &Container) -> Result<ProbeSpec, ProbeError> {
    let check = if let Some(http) = &probe.http_get {
        Check::Http(HttpCheck::read(&format!("{field}.httpGet"), http, container)?)
    } else if let Some(tcp) = &probe.tcp_socket {
        Check::Tcp {
            host: tcp.host.clone(),
            port: port(&format!("{field}.tcpSocket"), &tcp.port, container)?,
        }
    } else if let Some(grpc) = &probe.grpc {
        Check::Grpc(GrpcCheck {
            port: in_range(format!("{field}.grpc.port"), grpc.port)?,
            service: grpc.service.clone().unwrap_or_default(),
            is_tls: grpc.mode.as_deref() == Some("TLS"),
        })
    } else if let Some(exec) = &probe.exec {
        Check::Exec { command: exec.command.clone().unwrap_or_default() }
    } else {
        return Err(ProbeError::Nothing { field: field.to_owned() });
    };
    let seconds = |asked: Option<i32>, otherwise: u64| {
        Duration::from_secs(asked.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(otherwise))
    };
    let times = |asked: Option<i32>, otherwise: u32| {
        asked.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(otherwise)
    };
    Ok(ProbeSpec {
        kind,
        check,
        initial_delay: seconds(probe.initial_delay_seconds, 0),
        period: seconds(probe.period_seconds, 10),
        timeout: seconds(probe.timeout_seconds, 1),
        successes_needed: times(probe.success_threshold, 1),
        failures_needed: times(probe.failure_threshold, 3),
        grace: probe
            .termination_grace_period_seconds
            .and_then(|n| u64::try_from(n).ok())
            .map(Duration::from_secs),
    })
}

impl HttpCheck {
    /// Reads what stands at `field`.
    pub(crate) fn read(field: &str, http: &HTTPGetAction, container: &Container) -> Result<Self, ProbeError> {
        let path = http.path.as_deref().unwrap_or_default();
        let headers = http.http_headers.iter().flatten();
        Ok(HttpCheck {
            host: http.host.clone().filter(|host| !host.is_empty()),
            port: port(field, &http.port, container)?,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            is_https: http.scheme.as_deref() == Some("HTTPS"),
            headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
        })
    }
}

fn port(field: &str, asked: &IntOrString, container: &Container) -> Result<u16, ProbeError> {
    let field = format!("{field}.port");
    let number = match asked {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let ports = container.ports.as_deref().unwrap_or_default();
            let named = ports.iter().find(|port| port.name.as_ref() == Some(name));
            match named.map(|port| port.container_port).or_else(|| name.parse().ok()) {
                Some(number) => number,
                None => return Err(ProbeError::NoPort { field, name: name.clone() }),
            }
        }
    };
    in_range(field, number)
}

fn in_range(field: String, number: i32) -> Result<u16, ProbeError> {
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(ProbeError::Port { field, port: number }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_one(probe: Value) -> Result<ProbeSpec, ProbeError> {
        let ports = json!([{"name": "http", "containerPort": 8080}]);
        let mut container = json!({"name": "web", "ports": ports});
        container["readinessProbe"] = probe;
        ProbeSpec::of(&serde_json::from_value(container).unwrap()).map(|mut probes| probes.remove(0))
    }

    #[test]
    fn defaults_are_those_of_kubernetes() {
        let probe = read_one(json!({"httpGet": {"port": "http"}})).unwrap();
        let Check::Http(http) = &probe.check else { panic!("{probe:?}") };
        assert_eq!((http.port, http.path.as_str(), http.is_https), (8080, "/", false));
        assert_eq!(probe.period, Duration::from_secs(10));
        assert_eq!(probe.timeout, Duration::from_secs(1));
        assert_eq!((probe.successes_needed, probe.failures_needed), (1, 3));
        assert_eq!(probe.initial_delay, Duration::ZERO);
    }

    #[test]
    fn a_grpc_probe_asks_for_its_service() {
        let probe = read_one(json!({"grpc": {"port": 9000, "service": "web"}})).unwrap();
        let expected = GrpcCheck { port: 9000, service: "web".to_owned(), is_tls: false };
        assert_eq!(probe.check, Check::Grpc(expected));
        let probe = read_one(json!({"grpc": {"port": 9000, "mode": "TLS"}})).unwrap();
        let expected = GrpcCheck { port: 9000, service: String::new(), is_tls: true };
        assert_eq!(probe.check, Check::Grpc(expected));
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let cases = [
            (
                json!({"httpGet": {"port": "web"}}),
                "readinessProbe.httpGet.port: the container has no port named \"web\"",
            ),
            (
                json!({"tcpSocket": {"port": 0}}),
                "readinessProbe.tcpSocket.port: found 0, expected a port from 1 to 65535",
            ),
            (json!({}), "readinessProbe: expected one of httpGet, tcpSocket, grpc and exec"),
        ];
        for (probe, expected) in cases {
            assert_eq!(read_one(probe).unwrap_err().to_string(), expected);
        }
    }
}
