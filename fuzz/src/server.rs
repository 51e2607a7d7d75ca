//! The API in this process, as a client with every right meets it. Writes are only tried, so that an input does the same
//! every time.

use bythos_access::User;
use bythos_access::token::TokenSigner;
use bythos_apiserver::{ApiServer, Config};
use bythos_operator::kubelet::NodePort;
use bythos_store::{Options, Store};
use futures::FutureExt as _;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use tokio::runtime::{Builder, Runtime};

/// An API server with nothing but its first objects.
pub struct Server {
    runtime: Runtime,
    client: Client,
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// It does not start.
    pub fn start() -> Server {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async {
            let store = Store::open(Options { directory: None, history_events: 100 }).expect("a store");
            let config = Config {
                store,
                node: NodePort::default(),
                tokens: TokenSigner::ephemeral().expect("a key"),
                service_network: "10.43.0.0/16".to_owned(),
                checks: Vec::new(),
            };
            let api = ApiServer::start(config).await.expect("an API server");
            api.client(User::authenticated("fuzz", &["system:masters"]))
        });
        Server { runtime, client }
    }

    /// Asks; what the answer is does not matter, as long as it is one that blames the client or nobody. `None` if no
    /// client could send this.
    ///
    /// # Panics
    /// The server blames itself.
    pub fn ask(&self, method: &str, target: &str, headers: HeaderMap, body: &[u8]) -> Option<StatusCode> {
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        let tried = if method == Method::GET { "" } else { "dryRun=All" };
        let border = if target.contains('?') { '&' } else { '?' };
        let request = Request::builder().method(method).uri(format!("{target}{border}{tried}"));
        let mut request = request.body(Body::from(body.to_vec())).ok()?;
        request.headers_mut().extend(headers);
        let answer = self.runtime.block_on(self.answer(request))?;
        assert_ne!(answer, StatusCode::INTERNAL_SERVER_ERROR, "{target}");
        Some(answer)
    }

    async fn answer(&self, request: Request<Body>) -> Option<StatusCode> {
        let answer: Response<Body> = self.client.send(request).await.ok()?;
        let (head, mut body) = answer.into_parts();
        // A watch has no end: what is there at once is enough.
        while let Some(Some(Ok(_))) = body.frame().now_or_never() {}
        Some(head.status)
    }
}
