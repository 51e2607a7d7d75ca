//! One health check of a gRPC server. Certificates are not verified, as those of HTTP probes are not.

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use self::health::health_check_response::ServingStatus;
use self::health::health_client::HealthClient;
use super::http::{USER_AGENT, unverified};
use super::spec::GrpcCheck;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated from proto/health.proto"
)]
mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// Asks the server at `host`; the error says in words what was wrong.
pub(super) async fn ask(check: &GrpcCheck, host: &str) -> Result<(), String> {
    let target = format!("{host}:{}", check.port);
    let channel = connect(check, host).await.map_err(|error| {
        format!("failed to connect to {target}: {}", bythos_operator::error_chain(&error))
    })?;
    let request = health::HealthCheckRequest { service: check.service.clone() };
    match HealthClient::new(channel).check(request).await {
        Ok(answer) => match answer.into_inner().status() {
            ServingStatus::Serving => Ok(()),
            other => Err(format!("service unhealthy (responded with {:?})", other.as_str_name())),
        },
        Err(status) if status.code() == Code::Unimplemented => {
            Err("this server does not implement the grpc health protocol (grpc.health.v1.Health)".to_owned())
        }
        Err(status) => Err(format!("health rpc probe failed: {}", status.message())),
    }
}

async fn connect(check: &GrpcCheck, host: &str) -> Result<Channel, tonic::transport::Error> {
    let in_uri = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let endpoint =
        Endpoint::from_shared(format!("http://{in_uri}:{}", check.port))?.user_agent(USER_AGENT)?;
    if !check.is_tls {
        return endpoint.connect().await;
    }
    let (host, port) = (host.to_owned(), check.port);
    let over_tls = service_fn(move |_: Uri| {
        let host = host.clone();
        async move {
            let mut config = unverified().map_err(std::io::Error::other)?;
            config.alpn_protocols = vec![b"h2".to_vec()];
            let name = ServerName::try_from(host.clone()).map_err(std::io::Error::other)?;
            let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
            let stream = TcpStream::connect((host, port)).await?;
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    endpoint.connect_with_connector(over_tls).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Request, Response};
    use http_body_util::StreamBody;
    use hyper::body::{Frame, Incoming};
    use hyper_util::rt::TokioExecutor;
    use tokio::net::TcpListener;

    use super::*;

    type Answer = StreamBody<futures::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::io::Error>>>>;

    /// What a server sends for this state: one message in gRPC's framing, and the status after it.
    fn answer(state: u8) -> Response<Answer> {
        let message = Bytes::from(vec![0, 0, 0, 0, 2, 8, state]);
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let frames = vec![Ok(Frame::data(message)), Ok(Frame::trailers(trailers))];
        let mut response = Response::new(StreamBody::new(futures::stream::iter(frames)));
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        response
    }

    async fn asked_and_answered(state: u8) -> (String, Result<(), String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check =
            GrpcCheck { port: listener.local_addr().unwrap().port(), service: String::new(), is_tls: false };
        let (asked, mut paths) = tokio::sync::mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let serve = hyper::service::service_fn(move |request: Request<Incoming>| {
                asked.send(request.uri().path().to_owned()).unwrap();
                async move { Ok::<_, std::convert::Infallible>(answer(state)) }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), serve).await
        });
        let outcome = ask(&check, "127.0.0.1").await;
        server.abort();
        (paths.recv().await.unwrap(), outcome)
    }

    #[tokio::test]
    async fn a_server_that_serves_is_healthy() {
        let (path, outcome) = asked_and_answered(1).await;
        assert_eq!(path, "/grpc.health.v1.Health/Check");
        assert_eq!(outcome, Ok(()));
    }

    #[tokio::test]
    async fn a_server_that_does_not_serve_says_so() {
        let (_, outcome) = asked_and_answered(2).await;
        assert_eq!(outcome, Err("service unhealthy (responded with \"NOT_SERVING\")".to_owned()));
    }

    #[tokio::test]
    async fn nobody_there_is_a_failure() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let check = GrpcCheck { port, service: String::new(), is_tls: false };
        let failure = ask(&check, "127.0.0.1").await.unwrap_err();
        assert!(failure.contains("refused"), "{failure}");
    }
}
