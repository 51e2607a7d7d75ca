//! Requests per second to a pod: through the address of its service, and to its own.

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bythos_benches::median;
use bythos_testing::machine::{Machine, eventually, stdout, succeed};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{IMAGE, ask};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const PORT: u16 = 8080;
const CONNECTIONS: usize = 16;
/// How long each measurement asks; they take turns.
const SPAN: Duration = Duration::from_secs(2);
const TURNS: usize = 5;
/// One connection for all requests of a worker, and one for each request.
const MANNERS: [&str; 2] = ["kept", "new"];

/// Per second, in the order of [`MANNERS`].
pub(crate) struct Requests {
    direct: [u64; 2],
    through_service: [u64; 2],
}

/// The row's text: medians, and their ratio.
pub(crate) fn compared(rounds: &[&Requests]) -> Result<String> {
    let mut words = Vec::new();
    for (index, manner) in ["on kept connections", "each on a new connection"].into_iter().enumerate() {
        let direct = median(rounds.iter().map(|requests| requests.direct[index]))?;
        let through = median(rounds.iter().map(|requests| requests.through_service[index]))?;
        let ratio = through as f64 / direct.max(1) as f64;
        words.push(format!("{through} per second {manner}: {ratio:.2} times those to the pod itself"));
    }
    Ok(words.join("; "))
}

/// Makes a pod with a service and asks it in both ways.
pub(crate) fn measure(machine: &Machine) -> Result<Requests> {
    let run = format!(
        "kubectl run server --image={IMAGE} --port={PORT} --expose --command -- /bin/busybox sleep 1000000"
    );
    succeed(machine.command("sh").args(["-c", &run]))?;
    succeed(machine.command("kubectl").args([
        "wait",
        "--for=condition=Ready",
        "--timeout=60s",
        "pod/server",
    ]))?;
    let pod = get(machine, "pod/server")?;
    let service = get(machine, "service/server")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("it has one");
    let direct = format!("{}:{PORT}", text(&pod["status"]["podIP"])?);
    let through = format!("{}:{PORT}", text(&service["spec"]["clusterIP"])?);
    let _server = Server::start(&text(&pod["metadata"]["uid"])?)?;
    let mut requests = Requests { direct: [0; 2], through_service: [0; 2] };
    for (index, manner) in MANNERS.into_iter().enumerate() {
        let asked = |address: &str| ask::<u64>(machine, &["requests", manner, address]);
        eventually("the service", || asked(&through))?;
        let (mut direct_turns, mut service_turns) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            direct_turns.push(asked(&direct)?);
            service_turns.push(asked(&through)?);
        }
        requests.direct[index] = median(direct_turns)?;
        requests.through_service[index] = median(service_turns)?;
    }
    succeed(machine.command("kubectl").args(["delete", "--now", "pod/server", "service/server"]))?;
    Ok(requests)
}

fn get(machine: &Machine, object: &str) -> Result<Value> {
    Ok(serde_json::from_str(&stdout(machine.command("kubectl").args(["get", "-o", "json", object]))?)?)
}

/// This program as the server of a pod: in its network. Ended when it is dropped.
struct Server(Child);

impl Server {
    fn start(uid: &str) -> Result<Server> {
        let process = process_of(uid)?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{process}/ns/net")).arg(std::env::current_exe()?);
        Ok(Server(command.args(["serve", &format!("0.0.0.0:{PORT}")]).spawn()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A process of the pod.
fn process_of(uid: &str) -> Result<u32> {
    let of_pod = format!("pod{uid}");
    for process in std::fs::read_dir("/proc")?.flatten() {
        let cgroup = std::fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
        if let (true, Ok(process)) = (cgroup.contains(&of_pod), process.file_name().to_string_lossy().parse())
        {
            return Ok(process);
        }
    }
    anyhow::bail!("the pod {uid} has no process")
}

/// Answers every request with the same words.
pub(crate) async fn serve(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut request = [0; REQUEST.len()];
            while stream.read_exact(&mut request).await.is_ok() && stream.write_all(ANSWER).await.is_ok() {}
        });
    }
}

/// Requests that were answered in a second, by this `manner` of connecting.
pub(crate) async fn per_second(manner: &str, address: &str) -> Result<u64> {
    let answered = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (address, answered, is_kept) = (address.to_owned(), answered.clone(), manner == "kept");
        workers.spawn(async move {
            let mut stream = connect(&address).await?;
            while began.elapsed() < SPAN {
                request(&mut stream).await?;
                answered.fetch_add(1, Ordering::Relaxed);
                if !is_kept {
                    stream = connect(&address).await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok((answered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()) as u64)
}

async fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn request(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(REQUEST).await?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).await?;
    Ok(())
}
