//! A site that publishes charts: a small server whose answers the test may change, and which remembers who asked.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_helm::{ArchiveLimits, Chart, File};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::json;

use crate::artifact::digest;

/// The only token that the site gives.
const TOKEN: &str = "t0ken";

#[derive(Clone)]
enum Reply {
    File(Vec<u8>),
    /// Bytes that are announced and never come.
    Announced(u64),
    Redirect(String),
    /// A list of tags, and where the next page is.
    Page(Vec<u8>, String),
    /// Nothing, for as long as the other side waits.
    Silence,
}

#[derive(Default)]
struct State {
    replies: BTreeMap<String, Reply>,
    /// `user:password`, without which nobody gets in.
    login: Option<String>,
    /// Path and authorization of every request.
    asked: Vec<(String, Option<String>)>,
}

pub(super) struct Site {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
    /// What the site is known by, PEM.
    pub(super) authority_pem: String,
    /// Certificate and key of someone whom the site knows, PEM.
    pub(super) client_pem: (String, String),
}

impl Site {
    pub(super) fn new() -> Site {
        Site::start(None)
    }

    /// A site that speaks TLS, and only with those who show the certificate that it knows.
    pub(super) fn secure() -> Site {
        let ours = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        let mut known = rustls::RootCertStore::empty();
        known.add(client.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(known), Arc::clone(&provider)).build();
        let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![ours.cert.der().clone()];
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let mut site = Site::start(Some(Arc::new(tls)));
        site.authority_pem = ours.cert.pem();
        site.client_pem = (client.cert.pem(), client.signing_key.serialize_pem());
        site
    }

    /// Ends with the test's process; what asks after the test finds nothing.
    fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                std::thread::spawn(move || match tls {
                    None => drop(serve(stream, address, &state)),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).unwrap();
                        drop(serve(rustls::StreamOwned::new(connection, stream), address, &state));
                    }
                });
            }
        });
        let (authority_pem, client_pem) = (String::new(), (String::new(), String::new()));
        Site { address, scheme, state, authority_pem, client_pem }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}/{path}", self.scheme, self.address)
    }

    pub(super) fn oci(&self, path: &str) -> String {
        format!("oci://{}/{path}", self.address)
    }

    fn reply(&self, path: &str, reply: Reply) {
        self.state.lock().unwrap().replies.insert(format!("/{path}"), reply);
    }

    pub(super) fn put(&self, path: &str, file: impl Into<Vec<u8>>) {
        self.reply(path, Reply::File(file.into()));
    }

    pub(super) fn announce(&self, path: &str, bytes: u64) {
        self.reply(path, Reply::Announced(bytes));
    }

    pub(super) fn redirect(&self, path: &str, to: String) {
        self.reply(path, Reply::Redirect(to));
    }

    pub(super) fn be_silent_about(&self, path: &str) {
        self.reply(path, Reply::Silence);
    }

    /// From now on nobody gets in without.
    pub(super) fn lock(&self, login: &str) {
        self.state.lock().unwrap().login = Some(login.to_owned());
    }

    /// What was sent as authorization with the requests for a path.
    pub(super) fn authorizations(&self, path: &str) -> Vec<Option<String>> {
        let state = self.state.lock().unwrap();
        let path = format!("/{path}");
        state.asked.iter().filter(|(asked, _)| *asked == path).map(|(_, it)| it.clone()).collect()
    }

    /// Publishes charts `web` of these versions at `charts/`, and an index of them.
    pub(super) fn publish(&self, versions: &[&str]) {
        let entries = versions.iter().map(|version| {
            let archive = web(version);
            let sum = digest(&archive).replace("sha256:", "");
            let file = format!("web-{version}.tgz");
            self.put(&format!("charts/{file}"), archive);
            format!("  - {{name: web, version: {version}, urls: [{file}], digest: {sum}}}\n")
        });
        let index = format!("apiVersion: v1\nentries:\n  web:\n{}", entries.collect::<String>());
        self.put("charts/index.yaml", index);
    }

    /// Publishes a chart in the registry, as `charts/web`.
    pub(super) fn push(&self, version: &str, archive: &[u8]) {
        self.push_as(version, archive, &digest(archive));
    }

    /// [`Site::push`], with a digest that may be wrong.
    pub(super) fn push_as(&self, version: &str, archive: &[u8], sum: &str) {
        let blob = |kind: &str, digest: &str, size: usize| json!({ "mediaType": format!("application/vnd.cncf.helm.{kind}"), "digest": digest, "size": size });
        let manifest = json!({
            "schemaVersion": 2,
            "config": blob("config.v1+json", &digest(b"{}"), 2),
            "layers": [blob("chart.content.v1.tar+gzip", sum, archive.len())],
        });
        self.put(&format!("v2/charts/web/manifests/{version}"), manifest.to_string());
        self.put(&format!("v2/charts/web/blobs/{sum}"), archive);
    }

    /// What the registry has of `charts/web`, on two pages.
    pub(super) fn tags(&self, first: &[&str], second: &[&str]) {
        let list = |tags: &[&str]| json!({ "name": "charts/web", "tags": tags }).to_string();
        let next = "/v2/charts/web/tags/list?last=x".to_owned();
        self.reply("v2/charts/web/tags/list", Reply::Page(list(first).into_bytes(), next));
        self.put("v2/charts/web/tags/list?last=x", list(second));
    }
}

/// A chart `web`, packaged.
pub(super) fn web(version: &str) -> Vec<u8> {
    chart(&[
        ("Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: {version}\n")),
        ("values.yaml", "replicas: 1 # few\nimage: {name: web, tag: v1}\n"),
        ("prod.yaml", "replicas: 3\nimage: {tag: v2}\n"),
        (
            "templates/web.yaml",
            "kind: Web\nmetadata: {name: '{{ .Release.Name }}'}\nreplicas: {{ .Values.replicas }}\n",
        ),
    ])
}

pub(super) fn chart(files: &[(&str, &str)]) -> Vec<u8> {
    let files = files.iter().map(|(name, text)| File::new(*name, text.as_bytes())).collect();
    Chart::from_files(files, ArchiveLimits::CHARTS).unwrap().to_archive().unwrap()
}

fn serve(stream: impl Read + Write, address: SocketAddr, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push((path.clone(), authorization.clone()));
        answer(&state, address, &path, authorization.as_deref())
    };
    let out = reader.get_mut();
    match answer {
        Answer::Text(head, body) => {
            write!(out, "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            out.write_all(&body)?;
            return out.flush();
        }
        Answer::Announced(bytes) => write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n")?,
        Answer::Silence => {}
    }
    out.flush()?;
    // Until the other side has had enough.
    std::io::copy(&mut reader, &mut std::io::sink()).map(drop)
}

enum Answer {
    Text(String, Vec<u8>),
    Announced(u64),
    Silence,
}

fn answer(state: &State, address: SocketAddr, path: &str, authorization: Option<&str>) -> Answer {
    let text = |head: &str, body: &[u8]| Answer::Text(head.to_owned(), body.to_vec());
    let login = state.login.as_ref().map(|login| format!("Basic {}", STANDARD.encode(login)));
    let is_known = login.is_none() || authorization == login.as_deref();
    if path.starts_with("/token?") {
        let token = json!({ "token": TOKEN }).to_string();
        return if is_known { text("200 OK", token.as_bytes()) } else { text("401 Unauthorized", b"") };
    }
    if path.starts_with("/v2/") && authorization != Some(&format!("Bearer {TOKEN}")) {
        let realm = format!("http://{address}/token");
        let words = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "who are you" }] }).to_string();
        let head = format!("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"{realm}\",service=\"test\"");
        return text(&head, words.as_bytes());
    }
    if !path.starts_with("/v2/") && !is_known {
        return text("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"", b"");
    }
    match state.replies.get(path) {
        None => text("404 Not Found", b""),
        Some(Reply::File(file)) => text("200 OK", file),
        Some(Reply::Redirect(to)) => text(&format!("302 Found\r\nLocation: {to}"), b""),
        Some(Reply::Page(page, next)) => text(&format!("200 OK\r\nLink: <{next}>; rel=\"next\""), page),
        Some(Reply::Announced(bytes)) => Answer::Announced(*bytes),
        Some(Reply::Silence) => Answer::Silence,
    }
}
