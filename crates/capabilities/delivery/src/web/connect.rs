//! A connection to a host, with TLS where the address asks for it.

use std::net::IpAddr;
use std::sync::Arc;

use bythos_operator::names;
use kube::Client;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Address, WebError};

/// What bytes go through, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(super) async fn connect(
    address: &Address,
    tls: &Arc<rustls::ClientConfig>,
    names: Option<&Client>,
) -> Result<Box<dyn Stream>, WebError> {
    let host = || address.authority.clone();
    let resolved = in_cluster(address, names).await?;
    let connected = match resolved {
        Some(ip) => TcpStream::connect((ip, address.port)).await,
        None => TcpStream::connect((address.host.as_str(), address.port)).await,
    };
    let stream = connected.map_err(|source| WebError::Connect { host: host(), source })?;
    if !address.is_secure {
        return Ok(Box::new(stream));
    }
    let handshake = |source| WebError::Handshake { host: host(), source };
    let name = ServerName::try_from(address.host.clone())
        .map_err(|error| handshake(std::io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(handshake)?;
    Ok(Box::new(stream))
}

async fn in_cluster(address: &Address, names: Option<&Client>) -> Result<Option<IpAddr>, WebError> {
    let Some(client) = names else { return Ok(None) };
    let found = names::resolve(client, &address.host).await;
    found.map_err(|source| WebError::Find { host: address.host.clone(), source })
}
