//! Names that are not the cluster's: the host's resolvers are asked, and their answers kept for as long as they say.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bythos_operator::error_chain;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{LowerName, Name, Record, RecordType};
use hickory_resolver::config::{ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Resolver, TokioResolver};
use tracing::{info, warn};

/// Clients give up after five seconds; they get an answer before that.
const PATIENCE: Duration = Duration::from_secs(4);
const PATIENCE_PER_SERVER: Duration = Duration::from_millis(1500);
/// How often, at most, and only while names are asked for, it is looked whether the host's settings changed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What the host's resolvers said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forwarded {
    pub(crate) code: ResponseCode,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
}

impl Forwarded {
    fn failed(code: ResponseCode) -> Self {
        Forwarded { code, answers: Vec::new(), authorities: Vec::new() }
    }
}

/// See the module's documentation.
pub(crate) struct Forwarder {
    settings_path: PathBuf,
    own_addresses: [Ipv4Addr; 2],
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    looked: Option<Instant>,
    modified: Option<SystemTime>,
    resolver: Option<Arc<TokioResolver>>,
}

impl Forwarder {
    /// `settings_path` is the host's `resolv.conf`. Resolvers at `own_addresses` would lead back here: they are left
    /// out.
    pub(crate) fn new(settings_path: impl Into<PathBuf>, own_addresses: [Ipv4Addr; 2]) -> Self {
        Forwarder { settings_path: settings_path.into(), own_addresses, current: Mutex::default() }
    }

    pub(crate) async fn look_up(&self, name: &LowerName, record_type: RecordType) -> Forwarded {
        let Some(resolver) = self.resolver() else { return Forwarded::failed(ResponseCode::Refused) };
        let asked = resolver.lookup(Name::from(name.clone()), record_type);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(found)) => Forwarded {
                code: ResponseCode::NoError,
                answers: found.answers().to_vec(),
                authorities: Vec::new(),
            },
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(nothing)))) => Forwarded {
                code: nothing.response_code,
                answers: Vec::new(),
                authorities: nothing.soa.into_iter().map(|soa| soa.into_record_of_rdata()).collect(),
            },
            Ok(Err(NetError::Dns(DnsError::ResponseCode(code)))) => Forwarded::failed(code),
            Ok(Err(error)) => {
                tracing::debug!(%name, error = %error_chain(&error), "the host's resolvers did not answer");
                Forwarded::failed(ResponseCode::ServFail)
            }
            Err(_) => Forwarded::failed(ResponseCode::ServFail),
        }
    }

    /// The resolver for the host's settings as they are now; `None` if they name nobody to ask.
    fn resolver(&self) -> Option<Arc<TokioResolver>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.is_some_and(|looked| looked.elapsed() < LOOK_AGAIN) {
            return current.resolver.clone();
        }
        let first = current.looked.replace(Instant::now()).is_none();
        let modified = std::fs::metadata(&self.settings_path).and_then(|metadata| metadata.modified()).ok();
        if first || modified != current.modified {
            current.modified = modified;
            current.resolver = self.build();
        }
        current.resolver.clone()
    }

    fn build(&self) -> Option<Arc<TokioResolver>> {
        let path = self.settings_path.display();
        let built = std::fs::read(&self.settings_path)
            .map_err(NetError::from)
            .and_then(parse_resolv_conf)
            .and_then(|(settings, _)| self.build_from(settings));
        match built {
            Ok(Some(resolver)) => Some(Arc::new(resolver)),
            Ok(None) => {
                warn!("{path} names no resolver but this one; names outside the cluster are refused");
                None
            }
            Err(error) => {
                let cause = error_chain(&error);
                warn!(%cause, "failed to learn the host's resolvers from {path}; names outside the cluster are refused");
                None
            }
        }
    }

    fn build_from(&self, settings: ResolverConfig) -> Result<Option<TokioResolver>, NetError> {
        let (_, _, mut servers) = settings.into_parts();
        servers.retain(|server| match server.ip {
            IpAddr::V4(address) => !self.own_addresses.contains(&address),
            IpAddr::V6(_) => true,
        });
        if servers.is_empty() {
            return Ok(None);
        }
        let addresses: Vec<_> = servers.iter().map(|server| server.ip.to_string()).collect();
        info!(
            resolvers = addresses.join(", "),
            "names outside the cluster are asked of the host's resolvers"
        );
        let settings = ResolverConfig::from_name_servers(servers);
        let mut builder = Resolver::builder_with_config(settings, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = PATIENCE_PER_SERVER;
        options.attempts = 1;
        options.max_active_requests = 512;
        // The host's own `/etc/hosts` is for the host.
        options.use_hosts_file = ResolveHosts::Never;
        builder.build().map(Some)
    }
}
