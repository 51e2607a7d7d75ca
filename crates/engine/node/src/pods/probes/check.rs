//! One attempt of a probe.

use std::time::Duration;

use bythos_operator::error_chain;
use tokio::net::TcpStream;

use super::spec::{Check, HttpCheck};
use super::{grpc, http};
use crate::cri::Cri;

const OUTPUT_BYTES_MAX: usize = 1024;

/// Whom a probe asks.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) cri: Cri,
    pub(super) container_id: String,
    /// The pod's own address.
    pub(super) address: String,
}

/// Asks once. A success may come with a warning; the error says in words what was wrong.
pub(super) async fn attempt(
    check: &Check,
    target: &Target,
    timeout: Duration,
) -> Result<Option<&'static str>, String> {
    let attempt = async {
        match check {
            Check::Http(http) => ask_http(http, target).await,
            Check::Tcp { host, port } => {
                let host = host.as_deref().unwrap_or(&target.address);
                let connected = TcpStream::connect((host, *port)).await;
                connected.map(|_| None).map_err(|error| format!("dial tcp {host}:{port}: {error}"))
            }
            Check::Grpc(check) => grpc::ask(check, &target.address).await.map(|()| None),
            Check::Exec { command } => run(command, target, timeout).await.map(|()| None),
        }
    };
    tokio::time::timeout(timeout, attempt)
        .await
        .unwrap_or_else(|_| Err(format!("got no answer within {} s", timeout.as_secs())))
}

async fn ask_http(check: &HttpCheck, target: &Target) -> Result<Option<&'static str>, String> {
    let host = check.host.as_deref().unwrap_or(&target.address);
    match http::ask(check, host).await {
        Ok(status) if status.is_success() => Ok(None),
        Ok(status) if status.is_redirection() => Ok(Some("Probe terminated redirects")),
        Ok(status) => Err(format!("HTTP probe failed with statuscode: {}", status.as_u16())),
        Err(error) => Err(format!("Get {:?}: {}", check.url(host), error_chain(&error))),
    }
}

async fn run(command: &[String], target: &Target, timeout: Duration) -> Result<(), String> {
    let answer = target
        .cri
        .exec(&target.container_id, command, Some(timeout))
        .await
        .map_err(|error| error.to_string())?;
    if answer.exit_code == 0 {
        return Ok(());
    }
    let output = [answer.stdout, answer.stderr].concat();
    let output = output.get(..OUTPUT_BYTES_MAX).unwrap_or(&output);
    let output = String::from_utf8_lossy(output);
    Err(format!("command ended with exit code {}: {}", answer.exit_code, output.trim()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn target() -> Target {
        let cri = Cri::new(std::path::Path::new("/nowhere")).unwrap();
        Target { cri, container_id: String::new(), address: "127.0.0.1".to_owned() }
    }

    fn http(port: u16) -> Check {
        let headers = vec![("X-Probe".to_owned(), "yes".to_owned())];
        Check::Http(HttpCheck { host: None, port, path: "/ready".to_owned(), is_https: false, headers })
    }

    /// Answers one request with `answer`, returns what was asked.
    async fn serve(listener: TcpListener, answer: &'static str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let count = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&asked[..count]).into_owned()
    }

    async fn asked_and_answered(answer: &'static str) -> (String, Result<Option<&'static str>, String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = http(listener.local_addr().unwrap().port());
        let server = tokio::spawn(serve(listener, answer));
        let outcome = attempt(&check, &target(), LIMIT).await;
        (server.await.unwrap(), outcome)
    }

    #[tokio::test]
    async fn an_http_probe_asks_as_the_kubelet_does() {
        let (asked, outcome) = asked_and_answered("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(outcome, Ok(None));
        assert!(asked.starts_with("GET /ready HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("user-agent: kube-probe/"), "{asked}");
        assert!(asked.contains("x-probe: yes"), "{asked}");
    }

    #[tokio::test]
    async fn the_status_decides() {
        let (_, outcome) = asked_and_answered("HTTP/1.1 204 Nothing\r\n\r\n").await;
        assert_eq!(outcome, Ok(None));
        let (_, outcome) = asked_and_answered("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(outcome, Err("HTTP probe failed with statuscode: 503".to_owned()));
    }

    #[tokio::test]
    async fn a_redirect_is_followed_on_its_host_and_no_further() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut asked = Vec::new();
            for location in ["next?to=1", "http://example.org/login"] {
                let answer =
                    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                let first_line = String::from_utf8_lossy(&request[..count]);
                asked.push(first_line.lines().next().unwrap_or_default().to_owned());
            }
            asked
        });
        let outcome = attempt(&http(port), &target(), LIMIT).await;
        assert_eq!(outcome, Ok(Some("Probe terminated redirects")));
        assert_eq!(server.await.unwrap(), ["GET /ready HTTP/1.1", "GET /next?to=1 HTTP/1.1"]);
    }

    #[tokio::test]
    async fn a_redirect_in_a_circle_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = http(listener.local_addr().unwrap().port());
        let circle = "HTTP/1.1 307 Again\r\nlocation: /ready\r\ncontent-length: 0\r\n\r\n";
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                drop(stream.read(&mut [0; 4096]).await);
                drop(stream.write_all(circle.as_bytes()).await);
            }
        });
        let failure = attempt(&check, &target(), LIMIT).await.unwrap_err();
        assert!(failure.ends_with("stopped after 10 redirects"), "{failure}");
        server.abort();
    }

    #[tokio::test]
    async fn nobody_there_is_a_failure_that_says_so() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        for check in [http(port), Check::Tcp { host: None, port }] {
            let failure = attempt(&check, &target(), LIMIT).await.unwrap_err();
            assert!(failure.contains("refused"), "{failure}");
        }
    }

    #[tokio::test]
    async fn silence_is_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = http(listener.local_addr().unwrap().port());
        let failure = attempt(&check, &target(), Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(failure, "got no answer within 0 s");
    }
}
