//! The servers of the part on ports of their own, with tables made by hand.

use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::certificates::{Certificates, Keys};
use crate::endpoints::Services;
use crate::proxy::{Entrance, Proxy};
use crate::routes::{Routes, oldest_first};
use crate::server::Server;
use crate::tables::Tables;
use crate::tests::client::Target;
use crate::tests::objects::{self_signed, tls_secret};

/// See the module's documentation. Its certificate is for `shop.test`, in the Secret `tls`.
pub(crate) struct Front {
    pub(crate) http: SocketAddr,
    pub(crate) https: Target,
    pub(crate) shutdown: CancellationToken,
    certificate: (String, String),
    tables: Tables,
    servers: JoinSet<()>,
    _guard: DropGuard,
}

impl Front {
    pub(crate) async fn start() -> Self {
        let tables = Tables::default();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let https = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (http_address, https_address) = (http.local_addr().unwrap(), https.local_addr().unwrap());
        let proxy = Proxy::new(tables.routes.clone(), https_address.port());
        let server = Server::new(proxy, tables.certificates.clone()).unwrap();
        let shutdown = CancellationToken::new();
        let mut servers = JoinSet::new();
        servers.spawn(server.clone().serve(http, Entrance::Http, shutdown.clone()));
        servers.spawn(server.serve(https, Entrance::Https, shutdown.clone()));
        let certificate = self_signed(&["shop.test"]);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.0.as_bytes()).unwrap()).unwrap();
        Front {
            http: http_address,
            https: Target { address: https_address, roots: Arc::new(roots) },
            _guard: shutdown.clone().drop_guard(),
            shutdown,
            certificate,
            tables,
            servers,
        }
    }

    pub(crate) fn replace(&self, ingresses: &[Ingress], services: &[Service], slices: &[EndpointSlice]) {
        let mut ordered: Vec<_> = ingresses.iter().collect();
        oldest_first(&mut ordered);
        let (routes, problems) = Routes::build(&ordered, &Services::new(services, slices));
        assert!(problems.is_empty(), "{problems:?}");
        let secret = Arc::new(tls_secret("tls", &self.certificate.0, &self.certificate.1));
        let (certificates, problems) =
            Certificates::build(&ordered, &mut Keys::default(), |_| Some(secret.clone()));
        assert!(problems.is_empty(), "{problems:?}");
        self.tables.certificates.replace(certificates);
        self.tables.routes.store(Arc::new(routes));
    }

    /// Waits for the servers' end.
    pub(crate) async fn ended(mut self) {
        while let Some(ended) = self.servers.join_next().await {
            ended.unwrap();
        }
    }
}
