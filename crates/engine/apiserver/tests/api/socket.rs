//! The API through its socket: TLS, who a client certificate names, limits, the end, and kubectl where it is there.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::config::{KubeConfigOptions, Kubeconfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::tls::Tls;
use crate::*;

struct Socket {
    tls: Tls,
    port: u16,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

async fn listen(api: &ApiServer) -> Socket {
    let tls = Tls::new();
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let shutdown = CancellationToken::new();
    let (api, server, ending) = (api.clone(), tls.server.clone(), shutdown.clone());
    let serving = tokio::spawn(async move { api.serve(socket, server, ending).await });
    Socket { tls, port, shutdown, serving }
}

impl Socket {
    async fn client(&self, user: Option<(&str, &[&str])>) -> Client {
        let kubeconfig: Kubeconfig = serde_json::from_value(self.tls.kubeconfig(self.port, user)).unwrap();
        let options = KubeConfigOptions::default();
        Client::try_from(kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap()
    }
}

impl Socket {
    /// A connection of nobody's.
    async fn over_http2<B>(&self) -> http2::SendRequest<B>
    where
        B: http_body::Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        let mut roots = RootCertStore::empty();
        let authority = self.tls.authority.certificate_pem();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let (client, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// What nobody is answered, if it is of this code. It is asked once: kube's client asks again by itself.
    async fn answers(&self, path: &str, code: u16) -> Option<http::Response<Incoming>> {
        let request = http::Request::get(format!("https://localhost{path}")).body(Empty::new()).unwrap();
        let answer = self.over_http2::<Empty<Bytes>>().await.send_request(request).await.unwrap();
        Some(answer).filter(|answer| answer.status().as_u16() == code)
    }
}

#[tokio::test]
async fn a_client_certificate_names_the_user() {
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let admin = socket.client(Some(("root", &["system:masters"]))).await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let bob = socket.client(Some(("bob", &["team"]))).await;
    get(&bob, CONFIG_MAPS).await.fails(403, "Forbidden", "User \"bob\" cannot list");
    let anonymous = socket.client(None).await;
    get(&anonymous, CONFIG_MAPS).await.fails(403, "Forbidden", "system:anonymous");
    get(&anonymous, "/version").await.ok();
    let token = [("authorization", "Bearer something")];
    send(&anonymous, "GET", "/version", &token, "").await.fails(401, "Unauthorized", "Unauthorized");
    let basic = [("authorization", "Basic YTpi")];
    send(&anonymous, "GET", CONFIG_MAPS, &basic, "").await.fails(403, "Forbidden", "system:anonymous");
}

#[tokio::test]
async fn a_bearer_token_names_a_service_account() {
    let Server { api, admin } = server().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}});
    post(&admin, accounts, account).await.ok();
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let asked = post(&admin, &format!("{accounts}/robot/token"), request).await.ok();
    let bearer = format!("Bearer {}", asked["status"]["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];

    let socket = listen(&api).await;
    let client = socket.client(None).await;
    let refused = send(&client, "GET", CONFIG_MAPS, &headers, "").await;
    refused.fails(403, "Forbidden", "User \"system:serviceaccount:default:robot\" cannot list");
    let discovery = send(&client, "GET", "/openid/v1/jwks", &headers, "").await;
    discovery.ok();
    // Who shows a certificate is known by it.
    let root = socket.client(Some(("root", &["system:masters"]))).await;
    send(&root, "GET", CONFIG_MAPS, &headers, "").await.ok();
    delete(&admin, &format!("{accounts}/robot")).await.ok();
    send(&client, "GET", "/version", &headers, "").await.fails(401, "Unauthorized", "");
}

#[tokio::test]
async fn a_request_that_asks_for_a_time_that_makes_no_sense_is_refused() {
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let root = socket.client(Some(("root", &["system:masters"]))).await;
    get(&root, &format!("{CONFIG_MAPS}?timeout=5s")).await.ok();
    let refused = get(&root, &format!("{CONFIG_MAPS}?timeout=soon")).await;
    refused.fails(400, "BadRequest", "invalid timeout specified in the request URL");
}

#[tokio::test]
async fn the_end_of_the_server_ends_watches_and_lets_it_return() {
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let admin = socket.client(Some(("root", &["system:masters"]))).await;
    let watch = tokio::spawn(async move { get(&admin, &format!("{CONFIG_MAPS}?watch=1")).await.code });
    eventually("the watch", || async { api.watches().get("configmaps").copied() }).await;
    socket.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(30), socket.serving).await.expect("it returns").unwrap();
    assert_eq!(watch.await.unwrap(), 200);
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let mut client = socket.over_http2().await;
    for (path, code) in [("/version", 200), ("/nowhere", 403)] {
        let request = |method: &str| {
            let uri = format!("https://localhost{path}");
            http::Request::builder().method(method).uri(uri).body(Empty::<Bytes>::new()).unwrap()
        };
        let whole = client.send_request(request("GET")).await.unwrap();
        let bytes = whole.into_body().collect().await.unwrap().to_bytes().len();
        let answer = client.send_request(request("HEAD")).await.unwrap();
        assert_eq!(answer.status(), code, "{path}");
        assert_eq!(answer.headers()["content-length"], bytes.to_string(), "{path}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "", "{path}");
    }
}

/// A body that is begun and never ends: its request stays under way.
type Endless = StreamBody<futures::stream::Pending<Result<Frame<Bytes>, Infallible>>>;

fn endless(uri: &str) -> http::Request<Endless> {
    http::Request::get(uri).body(StreamBody::new(futures::stream::pending())).unwrap()
}

#[tokio::test]
async fn who_comes_when_too_many_requests_are_under_way_is_sent_off() {
    /// Requests of others than the system that may read at once.
    const READING_MAX: usize = 400;
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let mut busy = socket.over_http2::<Endless>().await;
    let mut under_way = tokio::task::JoinSet::new();
    for _ in 0..READING_MAX {
        under_way.spawn(busy.send_request(endless("https://localhost/version")));
    }
    let refused = eventually("a refusal", || socket.answers("/version", 429)).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    let root = socket.client(Some(("root", &["system:masters"]))).await;
    get(&root, "/version").await.ok();
    under_way.shutdown().await;
    eventually("a place", || socket.answers("/version", 200)).await;
}

#[tokio::test]
async fn a_request_that_takes_longer_than_its_time_is_ended() {
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let mut slow = socket.over_http2::<Endless>().await;
    // Half of the time that a request has if it asks for no other.
    let patience = Duration::from_secs(30);
    let answer = slow.send_request(endless("https://localhost/version?timeout=50ms"));
    let answer = tokio::time::timeout(patience, answer).await.expect("an answer in time").unwrap();
    assert_eq!(answer.status(), 504);
    let status: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&status["kind"], &status["reason"]), (&json!("Status"), &json!("Timeout")));
}

/// kubectl, as a user of this socket.
struct Kubectl {
    directory: tempfile::TempDir,
}

impl Kubectl {
    /// `None` where there is no kubectl.
    fn of(socket: &Socket) -> Option<Kubectl> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.exists())?;
        let directory = tempfile::tempdir().unwrap();
        let config = socket.tls.kubeconfig(socket.port, Some(("root", &["system:masters"])));
        std::fs::write(directory.path().join("kubeconfig"), config.to_string()).unwrap();
        Some(Kubectl { directory })
    }

    fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path
    }

    async fn output(&self, arguments: &str) -> (bool, String) {
        let output = tokio::process::Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(self.directory.path().join("kubeconfig"))
            .args(arguments.split_whitespace())
            .env("HOME", self.directory.path())
            .env("KUBE_EDITOR", "sed -i s/app:2/app:3/")
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    async fn says(&self, arguments: &str, expected: &str) {
        let (succeeded, text) = self.output(arguments).await;
        assert!(succeeded, "kubectl {arguments}: {text}");
        assert!(text.contains(expected), "kubectl {arguments}: expected {expected:?} in:\n{text}");
    }

    async fn refuses(&self, arguments: &str, expected: &str) {
        let (succeeded, text) = self.output(arguments).await;
        assert!(
            !succeeded && text.contains(expected),
            "kubectl {arguments}: expected {expected:?} in:\n{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_does_its_daily_work() {
    let Server { api, .. } = server().await;
    let socket = listen(&api).await;
    let Some(kubectl) = Kubectl::of(&socket) else { return };
    let file = kubectl.file("web.yaml", &deployment("web", 1));
    let file = file.display();
    kubectl.says("version", "Server Version: v1.37.0+bythos").await;
    kubectl.says("api-resources", "deploy       apps/v1").await;
    kubectl.says(&format!("apply -f {file}"), "deployment.apps/web created").await;
    kubectl.says(&format!("apply -f {file}"), "deployment.apps/web unchanged").await;
    let changed = deployment("web", 1).to_string().replace("app:1", "app:2");
    kubectl.file("web.yaml", &serde_json::from_str(&changed).unwrap());
    kubectl.refuses(&format!("diff -f {file}"), "example.org/app:2").await;
    kubectl.says(&format!("apply -f {file}"), "deployment.apps/web configured").await;
    kubectl.says(&format!("apply --server-side --force-conflicts -f {file}"), "serverside-applied").await;
    kubectl.says("get deploy", "READY   UP-TO-DATE   AVAILABLE   AGE").await;
    kubectl
        .says("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}", "example.org/app:2")
        .await;
    kubectl.says("get deploy -o wide", "example.org/app:2").await;
    kubectl.says("get all -A", "service/kubernetes").await;
    kubectl.says("describe deploy web", "RollingUpdateStrategy").await;
    kubectl.says("edit deploy web", "deployment.apps/web edited").await;
    kubectl.says("get deploy web -o yaml", "image: example.org/app:3").await;
    kubectl.says("label deploy web tier=front", "labeled").await;
    kubectl.says("annotate deploy web note=x", "annotated").await;
    kubectl.says("get deploy -l tier=front -o name", "deployment.apps/web").await;
    kubectl.says("scale deploy web --replicas=3", "scaled").await;
    kubectl.says("wait deploy web --for=jsonpath={.spec.replicas}=3 --timeout=5s", "condition met").await;
    kubectl.says("auth can-i create pods", "yes").await;
    kubectl.says("auth can-i --list", "*.*").await;
    kubectl.says("explain deployment.spec.replicas", "replicas").await;
    kubectl.says("create namespace team", "namespace/team created").await;
    kubectl.says("create configmap c --from-literal=a=b -n team", "configmap/c created").await;
    kubectl.says("get configmap -A --field-selector metadata.name=c", "team").await;
    kubectl.says("set image deploy/web main=example.org/app:4", "image updated").await;
    kubectl.says("patch deploy web -p {\"spec\":{\"paused\":true}}", "patched").await;
    kubectl.refuses("get pods nothing", "Error from server (NotFound): pods \"nothing\" not found").await;
    kubectl.refuses("get nothing", "the server doesn't have a resource type \"nothing\"").await;
    let mut unknown = deployment("bad", 1);
    unknown["spec"]["foo"] = json!(1);
    let bad = kubectl.file("bad.yaml", &unknown);
    kubectl.refuses(&format!("apply -f {}", bad.display()), "unknown field \"spec.foo\"").await;
    let mut running = pod("runs");
    running["spec"]["nodeName"] = json!("node");
    kubectl.file("pod.yaml", &running);
    kubectl
        .says(
            &format!("create -f {}", kubectl.directory.path().join("pod.yaml").display()),
            "pod/runs created",
        )
        .await;
    kubectl.says("describe pod runs", "Node:             node").await;
    kubectl.says("get pods --field-selector spec.nodeName=node -o name", "pod/runs").await;
    kubectl.says("get events", "No resources found").await;
    kubectl.refuses("logs runs", "the node is not running yet").await;
    kubectl.says("delete pod runs --now --wait=false", "deleted").await;
    kubectl.says("get ns team -o jsonpath={.metadata.labels}", "kubernetes.io/metadata.name").await;
    kubectl.says("create serviceaccount robot", "serviceaccount/robot created").await;
    kubectl
        .says(
            "create role reader --verb=get,list --resource=pods",
            "role.rbac.authorization.k8s.io/reader created",
        )
        .await;
    kubectl.says("create rolebinding reader --role=reader --user=bob", "created").await;
    kubectl
        .says("create deployment more --image=example.org/app:1 --port=80", "deployment.apps/more created")
        .await;
    kubectl.says("expose deployment more --port=80", "service/more exposed").await;
    kubectl.says("create ingress more --rule=a.example.org/*=more:80", "created").await;
    kubectl.says("create secret generic s --from-literal=a=b", "secret/s created").await;
    kubectl.says("create job once --image=example.org/app:1", "job.batch/once created").await;
    kubectl.says("delete deploy web", "deployment.apps \"web\" deleted").await;
    kubectl.says("delete configmap --all -n team", "configmap \"c\" deleted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_asks_who_it_is_and_acts_for_others() {
    let Server { api, admin } = server().await;
    let socket = listen(&api).await;
    let Some(kubectl) = Kubectl::of(&socket) else { return };
    kubectl.says("auth whoami", "system:masters").await;
    kubectl.says("auth whoami --as=eve --as-group=staff", "staff").await;
    kubectl.refuses("get pods --as=eve", "User \"eve\" cannot list resource \"pods\"").await;
    kubectl.says("auth can-i get pods", "yes").await;
    kubectl.refuses("auth can-i get pods --as=eve", "no").await;
    kubectl.says("create serviceaccount robot", "created").await;
    let (succeeded, token) = kubectl.output("create token robot --duration=20m --audience=vault").await;
    assert!(succeeded && token.trim().split('.').count() == 3, "{token}");
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token.trim(), "audiences": ["vault"]}});
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    assert_eq!(post(&admin, reviews, review).await.ok()["status"]["authenticated"], true);
    kubectl
        .refuses("create token robot --duration=1m", "may not specify a duration less than 10 minutes")
        .await;
    kubectl.says("create quota q --hard=pods=1", "created").await;
    kubectl.says("describe quota q", "pods        0     1").await;
    kubectl.says("create priorityclass high --value=7", "created").await;
    kubectl.says("create poddisruptionbudget web --selector=app=web --min-available=1", "created").await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}});
    post(&admin, "/api/v1/nodes", node).await.ok();
    let mut running = pod("runs");
    running["spec"]["nodeName"] = json!("one");
    running["spec"]["terminationGracePeriodSeconds"] = json!(0);
    post(&admin, PODS, running).await.ok();
    kubectl.says("drain one --force --timeout=10s", "node/one drained").await;
    assert_eq!(get(&admin, &format!("{PODS}/runs")).await.code, 404);
}
