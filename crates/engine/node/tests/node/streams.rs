//! exec, attach, port-forward, cp and proxy, with kubectl as users have it.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bythos_testing::socket::Socket;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::host::{Host, IMAGE, NODE, alone};
use crate::pods::{container, is_ready};

const LIMIT: Duration = Duration::from_secs(60);

/// kubectl with these arguments and this input.
async fn kubectl(socket: &Socket, arguments: &[&str], input: &str) -> anyhow::Result<Output> {
    run(socket.command("kubectl").args(arguments), input).await
}

async fn run(command: &mut tokio::process::Command, input: &str) -> anyhow::Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("its input is piped")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    Ok(output.with_context(|| format!("{command:?} does not end"))??)
}

fn text(output: &Output) -> (Option<i32>, String, String) {
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), read(&output.stdout), read(&output.stderr))
}

/// A pod that serves its name over HTTP, and one that ends at once.
async fn start_pods(host: &Host) -> anyhow::Result<()> {
    let serve = "mkdir /srv; echo hello from web > /srv/index.html; \
                 /bin/busybox httpd -p 8080 -h /srv; while sleep 1; do :; done";
    let mut web = container("main", serve);
    web["ports"] = json!([{"name": "http", "containerPort": 8080}]);
    web["readinessProbe"] = json!({"tcpSocket": {"port": 8080}});
    let side = container("side", "while sleep 1; do :; done");
    let spec = json!({"containers": [web, side], "terminationGracePeriodSeconds": 0});
    let mut pod = crate::pods::pod("web", spec)?;
    pod.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
    host.pods().create(&PostParams::default(), &pod).await?;
    host.wait_for("web", "ready", is_ready).await?;
    Ok(())
}

async fn make_service(host: &Host) -> anyhow::Result<()> {
    let web = host.pods().get("web").await?;
    let address = web.status.and_then(|status| status.pod_ip).context("the pod has an address")?;
    let services = Api::<Service>::namespaced(host.engine.admin.clone(), "default");
    let service = json!({"metadata": {"name": "web"}, "spec": {
        "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}});
    services.create(&PostParams::default(), &serde_json::from_value(service)?).await?;
    let slices = Api::<EndpointSlice>::namespaced(host.engine.admin.clone(), "default");
    let slice = json!({
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
    });
    slices.create(&PostParams::default(), &serde_json::from_value(slice)?).await?;
    Ok(())
}

async fn exec_passes_streams_and_the_exit_code(socket: &Socket) -> anyhow::Result<()> {
    let script = "cat; echo problem >&2; exit 7";
    let output =
        kubectl(socket, &["exec", "-i", "web", "-c", "main", "--", "sh", "-c", script], "hello").await?;
    let (code, stdout, stderr) = text(&output);
    ensure!(code == Some(7) && stdout == "hello", "{code:?} {stdout} {stderr}");
    ensure!(stderr.contains("problem") && stderr.contains("exit code 7"), "{stderr}");
    let output = kubectl(socket, &["exec", "web", "-c", "side", "--", "sh", "-c", "echo a b"], "").await?;
    ensure!(text(&output).1 == "a b\n", "{output:?}");
    Ok(())
}

async fn exec_gives_a_terminal(socket: &Socket) -> anyhow::Result<()> {
    let inside = "test -t 0 && test -t 1 && echo it is a terminal";
    let command = format!("kubectl exec -it web -c main -- sh -c '{inside}'");
    let output = run(socket.command("script").args(["-qec", &command, "/dev/null"]), "").await?;
    ensure!(text(&output).1.contains("it is a terminal"), "{output:?}");
    Ok(())
}

async fn what_cannot_be_reached_is_named(socket: &Socket) -> anyhow::Result<()> {
    let (code, _, words) = text(&kubectl(socket, &["exec", "web", "-c", "nobody", "--", "ls"], "").await?);
    ensure!(code == Some(1) && words.contains("container nobody is not valid for pod web"), "{words}");
    let output = kubectl(socket, &["exec", "web", "-c", "main", "--", "/bin/nothing"], "").await?;
    let (code, _, words) = text(&output);
    ensure!(code != Some(0) && words.contains("/bin/nothing"), "{code:?} {words}");
    let (code, _, words) = text(&kubectl(socket, &["exec", "absent", "--", "ls"], "").await?);
    ensure!(code == Some(1) && words.contains("pods \"absent\" not found"), "{words}");
    Ok(())
}

async fn files_are_copied_there_and_back(socket: &Socket) -> anyhow::Result<()> {
    let content: Vec<u8> =
        (0..3_000_000_u32).flat_map(|number| (number ^ (number >> 7)).to_le_bytes()).collect();
    let (there, back) = (socket.folder().join("there"), socket.folder().join("back"));
    std::fs::write(&there, &content)?;
    for paths in [["there", "web:/copied"], ["web:/copied", "back"]] {
        let output = kubectl(socket, &["cp", "-c", "main", paths[0], paths[1]], "").await?;
        ensure!(output.status.success(), "{paths:?} {output:?}");
    }
    ensure!(std::fs::read(&back)? == content, "the file is not the same when it comes back");
    Ok(())
}

async fn run_attaches_to_a_pod_and_removes_it(host: &Host, socket: &Socket) -> anyhow::Result<()> {
    let overrides = json!({"spec": {"nodeName": NODE}}).to_string();
    let options = ["--rm", "-i", "--restart=Never", "--image", IMAGE, "--overrides", &overrides];
    let command = ["--", "sh", "-c", "read line; echo heard $line"];
    let arguments = [&["run", "once", "--quiet"][..], &options[..], &command[..]].concat();
    let (code, stdout, stderr) = text(&kubectl(socket, &arguments, "a word\n").await?);
    ensure!(code == Some(0) && stdout.contains("heard a word"), "{code:?} {stdout} {stderr}");
    host.wait_until_gone("once").await
}

async fn ports_are_forwarded(socket: &Socket, what: &str, port: &str) -> anyhow::Result<()> {
    let mut forward = socket.command("kubectl");
    let mut forward =
        forward.args(["port-forward", what, &format!(":{port}")]).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(forward.stdout.take().context("its output is piped")?).lines();
    let line = tokio::time::timeout(LIMIT, lines.next_line()).await??.context("it says where it listens")?;
    let address = line.split_whitespace().nth(2).context("the third word is the address")?.to_owned();
    // One after the other over the same connection to the API.
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        tokio::time::timeout(LIMIT, stream.read_to_string(&mut answer)).await??;
        ensure!(answer.contains("hello from web"), "{what}: {answer}");
    }
    forward.kill().await?;
    Ok(())
}

async fn requests_are_passed_on(socket: &Socket) -> anyhow::Result<()> {
    let namespace = "/api/v1/namespaces/default";
    for (path, expected) in [
        (format!("{namespace}/pods/web/proxy/index.html"), "hello from web"),
        (format!("{namespace}/pods/http:web:8080/proxy/"), "hello from web"),
        (format!("{namespace}/services/web:http/proxy/index.html"), "hello from web"),
        (format!("{namespace}/services/web:80/proxy/index.html?a=b"), "hello from web"),
        (format!("/api/v1/nodes/{NODE}/proxy/healthz"), "ok"),
        (format!("/api/v1/nodes/{NODE}/proxy/pods"), "\"kind\":\"PodList\""),
    ] {
        let output = kubectl(socket, &["get", "--raw", &path], "").await?;
        ensure!(text(&output).1.contains(expected), "{path}: {output:?}");
    }
    let path = format!("{namespace}/services/web/proxy/");
    let (_, _, words) = text(&kubectl(socket, &["get", "--raw", &path], "").await?);
    ensure!(words.contains("no endpoints available for service \"web\""), "{words}");
    Ok(())
}

/// Where the Python client is not installed, it is left out.
async fn the_python_client_speaks_web_sockets(socket: &Socket) -> anyhow::Result<()> {
    if !run(socket.command("python3").args(["-c", "import kubernetes"]), "").await?.status.success() {
        return Ok(());
    }
    let output = run(socket.command("python3").args(["-c", include_str!("stream.py")]), "").await?;
    ensure!(text(&output).1 == "the streams work\n", "{output:?}");
    Ok(())
}

#[test]
fn kubectl_reaches_into_pods() {
    alone("streams::kubectl_reaches_into_pods", |host| async move {
        let node = host.run_node_with_image().await?;
        let socket = Socket::open(&host.engine).await?;
        start_pods(&host).await?;
        make_service(&host).await?;
        exec_passes_streams_and_the_exit_code(&socket).await?;
        exec_gives_a_terminal(&socket).await?;
        what_cannot_be_reached_is_named(&socket).await?;
        files_are_copied_there_and_back(&socket).await?;
        run_attaches_to_a_pod_and_removes_it(&host, &socket).await?;
        ports_are_forwarded(&socket, "pod/web", "8080").await?;
        ports_are_forwarded(&socket, "service/web", "80").await?;
        requests_are_passed_on(&socket).await?;
        the_python_client_speaks_web_sockets(&socket).await?;
        node.stop().await
    });
}

/// The frames of a WebSocket that the server sends, as channel and payload.
async fn frames(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> anyhow::Result<Vec<(u8, Vec<u8>)>> {
    const CLOSE: u8 = 8;
    let mut frames = Vec::new();
    loop {
        let head = [stream.read_u8().await?, stream.read_u8().await?];
        let length = match head[1] {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length)?];
        stream.read_exact(&mut payload).await?;
        if head[0] & 0x0f == CLOSE {
            return Ok(frames);
        }
        if let Some((channel, payload)) = payload.split_first() {
            frames.push((*channel, payload.to_vec()));
        }
    }
}

#[test]
fn a_web_socket_of_the_fourth_protocol_is_spoken_and_a_newer_one_refused() {
    let name = "streams::a_web_socket_of_the_fourth_protocol_is_spoken_and_a_newer_one_refused";
    alone(name, |host| async move {
        let node = host.run_node_with_image().await?;
        host.create("one", json!({"containers": [container("main", "while sleep 1; do :; done")]})).await?;
        host.wait_for("one", "ready", is_ready).await?;
        let ask = |protocol: &'static str| {
            let uri =
                "/exec/default/one/main?command=sh&command=-c&command=echo%20out;exit%203&output=1&error=1";
            let request = http::Request::get(uri)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .header("sec-websocket-protocol", protocol)
                .body(http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync());
            let port = host.port.clone();
            async move { anyhow::Ok(port.call(request?).await?) }
        };
        ensure!(ask("v5.channel.k8s.io").await?.status() == 403);
        let mut response = ask("v4.channel.k8s.io").await?;
        ensure!(response.status() == 101, "{response:?}");
        ensure!(response.headers()["sec-websocket-protocol"] == "v4.channel.k8s.io", "{response:?}");
        let mut stream = TokioIo::new(hyper::upgrade::on(&mut response).await?);
        let frames = tokio::time::timeout(LIMIT, frames(&mut stream)).await??;
        let said = |channel: u8| -> Vec<u8> {
            frames.iter().filter(|(on, _)| *on == channel).flat_map(|(_, said)| said.clone()).collect()
        };
        ensure!(said(1) == b"out\n", "{frames:?}");
        let status: serde_json::Value = serde_json::from_slice(&said(3))?;
        ensure!(status["details"]["causes"][0]["message"] == "3", "{status}");
        node.stop().await
    });
}
