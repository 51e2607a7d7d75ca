//! Real git against the real door, through TLS, with the engine in process.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use bythos_api::gitrepository::{self, GitRepository};
use bythos_api::names::{BYTHOS_NAMESPACE, FLUX_NAMESPACE, PLATFORM_GIT_SECRET, RECONCILE_REQUESTED_AT};
use bythos_operator::part::BoundListener;
use bythos_operator::{Health, HealthState, PartContext, PlatformInfo};
use bythos_testing::{Engine, eventually};
use k8s_openapi::api::core::v1::{Event, Namespace, Secret};
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::init;

/// Git hosting that runs, and a folder of the owner's.
struct Hosting {
    engine: Engine,
    address: SocketAddr,
    data: tempfile::TempDir,
    home: tempfile::TempDir,
    _running: DropGuard,
}

impl Hosting {
    async fn start() -> Hosting {
        let engine = Engine::start().await.unwrap();
        let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let authority_pem = made.cert.pem();
        std::fs::write(home.path().join("ca.crt"), &authority_pem).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let (health, mut report) = Health::new();
        let shutdown = CancellationToken::new();
        let context = PartContext {
            client: engine.admin.clone(),
            caches: engine.caches.for_part(engine.admin.clone()),
            health,
            shutdown: shutdown.clone(),
            data: data.path().to_owned(),
            platform: Arc::new(PlatformInfo { domain: "bythos.localhost".to_owned(), authority_pem }),
            listeners: Arc::new(BTreeMap::from([(
                "git",
                BoundListener { socket, tls: Some(Arc::new(tls)) },
            )])),
        };
        let running = tokio::spawn((crate::part().run)(context));
        while report.state() != HealthState::Ready {
            if report.changed().await.is_none() {
                panic!("the part ended: {:?}", running.await);
            }
        }
        Hosting { engine, address, data, home, _running: shutdown.drop_guard() }
    }

    fn url(&self) -> String {
        format!("https://{}/platform.git", self.address)
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.data.path().join(crate::OWNER_TOKEN_FILE)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A local repository as `init` makes it, with these files.
    async fn init(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let directory = self.path(name);
        let token = self.data.path().join(crate::OWNER_TOKEN_FILE);
        let platform = init::Platform {
            url: self.url(),
            ca_file: self.path("ca.crt"),
            credential_command: format!(
                "!f() {{ test \"$1\" = get && echo password=$(cat {}); }}; f",
                token.display()
            ),
            domain: "bythos.localhost".to_owned(),
            files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        };
        init::run(&init::Args { directory: directory.clone() }, &platform).await.unwrap();
        directory
    }

    async fn git(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new("git");
        command
            .args(arguments)
            .current_dir(folder)
            // Not that of whoever runs the tests: GIT_SSL_CAINFO, for one, goes before all configuration.
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "me")))
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "me@example.org")))
            .kill_on_drop(true);
        command.output().await.unwrap()
    }

    #[track_caller]
    fn check(output: &Output) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// `git clone` with the authority, and with a token in the address.
    async fn clone_with(&self, token: &str, name: &str) -> Output {
        let url = self.url().replace("https://", &format!("https://owner:{token}@"));
        let authority = format!("http.sslCAInfo={}", self.path("ca.crt").display());
        self.git(self.home.path(), &["-c", &authority, "clone", "--quiet", &url, name]).await
    }
}

#[tokio::test]
async fn what_is_pushed_from_a_new_repository_can_be_cloned() {
    let hosting = Hosting::start().await;
    let large: String =
        (0..400_000_u32).map(|number| format!("{:x}\n", number.wrapping_mul(2_654_435_761))).collect();
    let mine = hosting.init("mine", &[("apps/web.yaml", "kind: Deployment\n"), ("large.txt", &large)]).await;
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    Hosting::check(&hosting.clone_with(&hosting.token(), "theirs").await);
    let theirs = hosting.path("theirs");
    assert_eq!(std::fs::read_to_string(theirs.join("apps/web.yaml")).unwrap(), "kind: Deployment\n");
    assert_eq!(std::fs::read_to_string(theirs.join("large.txt")).unwrap(), large);
    let branch = hosting.git(&theirs, &["symbolic-ref", "--short", "HEAD"]).await;
    assert_eq!(String::from_utf8_lossy(&branch.stdout).trim(), "main");
}

#[tokio::test]
async fn nobody_but_the_owner_may_read_or_write() {
    let hosting = Hosting::start().await;
    let mine = hosting.init("mine", &[("a", "a")]).await;
    let refused = hosting.clone_with("wrong", "theirs").await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Authentication failed"), "{refused:?}");
    let origin = format!("https://{}", hosting.address);
    let helper = format!("credential.{origin}.helper");
    Hosting::check(
        &hosting.git(&mine, &["config", "--replace-all", &helper, "!echo password=wrong;:"]).await,
    );
    let refused = hosting.git(&mine, &["push", "--quiet"]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Authentication failed"), "{refused:?}");
}

async fn secret(hosting: &Hosting, name: &str, data: &[(&str, &str)]) {
    let client = &hosting.engine.admin;
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": BYTHOS_NAMESPACE },
    });
    let namespace: Namespace = serde_json::from_value(namespace).unwrap();
    bythos_operator::apply::cluster(client, "test", &namespace).await.unwrap();
    let data: BTreeMap<&str, &str> = data.iter().copied().collect();
    let secret = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": data,
        "metadata": { "name": name, "namespace": BYTHOS_NAMESPACE },
    });
    let secret: Secret = serde_json::from_value(secret).unwrap();
    bythos_operator::apply::namespaced(client, "test", &secret).await.unwrap();
}

#[tokio::test]
async fn others_come_in_with_tokens_of_their_own() {
    let hosting = Hosting::start().await;
    let mine = hosting.init("mine", &[("a", "a")]).await;
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    let token = "anna-has-a-token-of-her-own";
    let authority = format!("http.sslCAInfo={}", hosting.path("ca.crt").display());
    let url = hosting.url().replace("https://", &format!("https://anna:{token}@"));
    let clone = |name: &'static str| {
        let (hosting, authority, url) = (&hosting, &authority, &url);
        async move { hosting.git(hosting.home.path(), &["-c", authority, "clone", "--quiet", url, name]).await }
    };
    let refused = clone("early").await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Authentication failed"), "{refused:?}");
    secret(&hosting, "git-user-anna", &[("password", token)]).await;
    Hosting::check(&clone("hers").await);
    let hers = hosting.path("hers");
    Hosting::check(&hosting.git(&hers, &["commit", "--quiet", "--allow-empty", "-m", "hers"]).await);
    let push = ["-c", authority.as_str(), "push", "--quiet"];
    let refused = hosting.git(&hers, &push).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("403"), "{refused:?}");
    secret(&hosting, "git-user-anna", &[("password", token), ("access", "write")]).await;
    Hosting::check(&hosting.git(&hers, &push).await);
    let secrets = Api::<Secret>::namespaced(hosting.engine.admin.clone(), BYTHOS_NAMESPACE);
    secrets.delete("git-user-anna", &Default::default()).await.unwrap();
    let refused = clone("late").await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Authentication failed"), "{refused:?}");
}

#[tokio::test]
async fn a_push_is_copied_to_the_mirror() {
    let (hosting, elsewhere) = (Hosting::start().await, Hosting::start().await);
    let authority = std::fs::read_to_string(elsewhere.path("ca.crt")).unwrap();
    let data = [
        ("url", elsewhere.url()),
        ("username", "owner".to_owned()),
        ("password", elsewhere.token()),
        ("ca.crt", authority),
    ];
    let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
    secret(&hosting, "git-mirror-platform", &data).await;
    let mine = hosting.init("mine", &[("a", "a")]).await;
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    Hosting::check(&hosting.git(&mine, &["push", "--quiet", "origin", "HEAD:refs/heads/other"]).await);
    let references = |hosting: &Hosting| {
        let folder = hosting.data.path().join("repositories/platform.git");
        let output = std::process::Command::new("git")
            .args([
                "--git-dir",
                &folder.to_string_lossy(),
                "for-each-ref",
                "--format=%(objectname) %(refname)",
            ])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let copied = |count: usize| {
        let (one, other) = (&hosting, &elsewhere);
        async move {
            eventually("the copy", || async {
                let (ours, theirs) = (references(one), references(other));
                (ours == theirs && ours.lines().count() == count).then_some(())
            })
            .await
            .unwrap();
        }
    };
    copied(2).await;
    Hosting::check(&hosting.git(&mine, &["push", "--quiet", "origin", ":refs/heads/other"]).await);
    copied(1).await;
    let events = Api::<Event>::namespaced(hosting.engine.admin.clone(), BYTHOS_NAMESPACE);
    eventually("the event", || async {
        let events = events.list(&Default::default()).await.unwrap();
        events.items.into_iter().find(|event| event.reason.as_deref() == Some("Mirrored"))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_push_wakes_the_sources_that_read_from_here() {
    let hosting = Hosting::start().await;
    let client = &hosting.engine.admin;
    bythos_operator::apply::cluster(client, "test", &gitrepository::definition()).await.unwrap();
    let sources = Api::<GitRepository>::namespaced(client.clone(), FLUX_NAMESPACE);
    for (name, url) in
        [("here", hosting.url()), ("elsewhere", "https://github.com/team/platform.git".to_owned())]
    {
        let source = serde_json::from_value(serde_json::json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": { "name": name },
            "spec": { "url": url, "interval": "1h" },
        }));
        sources.create(&PostParams::default(), &source.unwrap()).await.unwrap();
    }
    let requested = |name: &'static str| {
        let sources = sources.clone();
        async move { sources.get(name).await.unwrap().annotations().get(RECONCILE_REQUESTED_AT).cloned() }
    };
    let mine = hosting.init("mine", &[("a", "a")]).await;
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    let first = eventually("the source to be told", || requested("here")).await.unwrap();
    assert!(first.ends_with('Z') && first.len() == "2026-01-01T00:00:00.000000000Z".len(), "{first}");
    // A push without anything new tells nobody.
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    Hosting::check(&hosting.git(&mine, &["commit", "--quiet", "--allow-empty", "-m", "more"]).await);
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    eventually("the source to be told again", || async {
        requested("here").await.filter(|requested| *requested > first)
    })
    .await
    .unwrap();
    assert_eq!(requested("elsewhere").await, None);
}

#[tokio::test]
async fn delivery_gets_the_token_as_flux_expects_it() {
    let hosting = Hosting::start().await;
    let secrets = Api::<Secret>::namespaced(hosting.engine.admin.clone(), FLUX_NAMESPACE);
    let data = secrets.get(PLATFORM_GIT_SECRET).await.unwrap().data.unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    assert_eq!(text("username"), "owner");
    assert_eq!(text("password"), hosting.token());
    assert!(text("ca.crt").starts_with("-----BEGIN CERTIFICATE-----"));
}

/// One request over a connection of its own, by hand: git never asks for these.
fn ask(hosting: &Hosting, request: &str) -> String {
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(hosting.path("ca.crt")).unwrap();
    use rustls::pki_types::pem::PemObject as _;
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection =
        rustls::ClientConnection::new(Arc::new(tls), "127.0.0.1".try_into().unwrap()).unwrap();
    let mut socket = std::net::TcpStream::connect(hosting.address).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn authorization(hosting: &Hosting) -> String {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("owner:{}", hosting.token()));
    format!("Host: x\r\nAuthorization: Basic {credentials}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_no_client_of_git_makes_are_refused() {
    let hosting = Hosting::start().await;
    let authorized = authorization(&hosting);
    let cases = [
        ("GET /platform.git/info/refs HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "401"),
        (format!("GET /platform.git/HEAD HTTP/1.1\r\n{authorized}\r\n"), "404"),
        (format!("GET /other.git/info/refs HTTP/1.1\r\n{authorized}\r\n"), "404"),
        (format!("GET /platform.git/../../x.git/info/refs HTTP/1.1\r\n{authorized}\r\n"), "404"),
        (format!("GET /platform.git/info/refs HTTP/1.1\r\n{authorized}\r\n"), "403"),
        (
            format!(
                "POST /platform.git/git-receive-pack HTTP/1.1\r\n{authorized}Content-Length: 9999999999\r\n\r\n"
            ),
            "413",
        ),
    ];
    for (request, expected) in cases {
        let answer = tokio::task::block_in_place(|| ask(&hosting, &request));
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{request}{answer}");
        if expected == "401" {
            assert!(answer.contains("www-authenticate: Basic realm=\"Bythos\""), "{answer}");
        }
    }
}

/// Whether a backend that serves this folder is alive.
fn backend_is_alive(data: &Path) -> bool {
    let folder = data.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    environments.any(|environment| {
        let environment = String::from_utf8_lossy(&environment);
        environment.contains("GIT_PROJECT_ROOT=") && environment.contains(&folder)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_ends_when_its_client_goes_away() {
    let hosting = Hosting::start().await;
    let mine = hosting.init("mine", &[("a", "a")]).await;
    Hosting::check(&hosting.git(&mine, &["push", "--quiet"]).await);
    let head = format!(
        "POST /platform.git/git-upload-pack HTTP/1.1\r\n{}Content-Type: application/x-git-upload-pack-request\r\n\
         Git-Protocol: version=2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0014\r\n",
        authorization(&hosting)
    );
    // The answer's head is here, the request is not finished, and then the connection is dropped.
    let answer = tokio::task::block_in_place(|| ask(&hosting, &head));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    eventually("the backend to end", || async { (!backend_is_alive(hosting.data.path())).then_some(()) })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_folder_that_holds_something_is_not_made_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "mine").unwrap();
    let platform = init::Platform {
        url: "https://localhost:9443/platform.git".to_owned(),
        ca_file: PathBuf::from("ca.crt"),
        credential_command: String::new(),
        domain: "bythos.localhost".to_owned(),
        files: vec![("../outside".to_owned(), String::new())],
    };
    let args = |directory: PathBuf| init::Args { directory };
    let refused = init::run(&args(folder.path().to_owned()), &platform).await.unwrap_err();
    assert!(refused.to_string().contains("is not empty"), "{refused}");
    assert!(!folder.path().join(".git").exists());
    let refused = init::run(&args(folder.path().join("new")), &platform).await.unwrap_err();
    assert!(refused.to_string().contains("\"../outside\""), "{refused}");
}
