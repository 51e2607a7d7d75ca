//! The server on UDP and TCP port 53 of the gateway address.
//!
//! It binds its sockets itself: the address and port belong to the engine's own plumbing of the host, as the routes
//! and the rules do; they are no listener that settings could move.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use hickory_proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_server::Server;
use hickory_server::net::NetError;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageRequest, MessageResponseBuilder};
use tokio::net::{TcpListener, UdpSocket};
use tracing::debug;

use crate::dns::answer::{Reply, Responder};

const PORT: u16 = 53;
const TCP_IDLE: Duration = Duration::from_secs(10);
const TCP_RESPONSES_QUEUED: usize = 64;
/// The largest UDP answer that travels unfragmented everywhere ("DNS Flag Day 2020").
const UDP_PAYLOAD_MAX: u16 = 1232;

/// Cluster DNS cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// Its address is not there, or its port is taken.
    #[error("failed to listen for DNS on {address} ({protocol})")]
    Bind {
        /// Where it should listen.
        address: SocketAddrV4,
        /// `udp` or `tcp`.
        protocol: &'static str,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// A socket broke.
    #[error("cluster DNS stopped")]
    Serve {
        /// What the server said.
        #[source]
        source: NetError,
    },
}

/// The bound server. It answers until it is dropped.
pub(crate) struct DnsServer(Server<Handler>);

impl DnsServer {
    pub(crate) async fn bind(gateway: Ipv4Addr, responder: Responder) -> Result<Self, DnsError> {
        let address = SocketAddrV4::new(gateway, PORT);
        let bind = |protocol| move |source| DnsError::Bind { address, protocol, source };
        let udp = UdpSocket::bind(address).await.map_err(bind("udp"))?;
        let tcp = TcpListener::bind(address).await.map_err(bind("tcp"))?;
        let mut server = Server::new(Handler(responder));
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE, TCP_RESPONSES_QUEUED);
        Ok(DnsServer(server))
    }

    /// Runs until a socket breaks.
    pub(crate) async fn run(&mut self) -> DnsError {
        let ended = self.0.block_until_done().await;
        let source = ended.err().unwrap_or(NetError::Message("its sockets were closed"));
        DnsError::Serve { source }
    }
}

struct Handler(Responder);

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        response_handle: R,
    ) -> ResponseInfo {
        let reply = match request.request_info() {
            _ if request.metadata.op_code != OpCode::Query => Reply::empty(ResponseCode::NotImp),
            Err(_) => Reply::empty(ResponseCode::FormErr),
            Ok(question) => {
                let query = question.query;
                self.0.answer(query.name(), query.query_class(), query.query_type()).await
            }
        };
        send(request, &reply, response_handle).await
    }
}

async fn send<R: ResponseHandler>(request: &MessageRequest, reply: &Reply, mut handle: R) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = reply.code;
    metadata.authoritative = reply.authoritative;
    metadata.recursion_available = true;
    let edns = request.edns.as_ref().map(|asked| {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().clamp(512, UDP_PAYLOAD_MAX));
        edns
    });
    let mut builder = MessageResponseBuilder::from_message_request(request);
    if let Some(edns) = &edns {
        builder.edns(edns);
    }
    let response = builder.build(metadata, &reply.answers, &reply.authorities, [], &reply.additionals);
    handle.send_response(response).await.unwrap_or_else(|error| {
        debug!(%error, "failed to send a DNS answer");
        ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
    })
}
