//! A list of all pods, beside nginx with a file of the same bytes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bythos_benches::{median, workspace};
use bythos_testing::machine::{Machine, eventually, stdout, succeed};
use tempfile::TempDir;

const LIST: &str = "https://127.0.0.1:6443/api/v1/pods";
const FILE: &str = "https://127.0.0.1:8443/list.json";
/// Each is fetched so often in a round; the median counts.
const FETCHES: usize = 11;

/// Both times of one round, and how many bytes they were for.
pub(crate) struct Compared {
    ours: Duration,
    nginx: Duration,
    bytes: u64,
}

/// The row's text: medians, and their ratio.
pub(crate) fn row<'a>(rounds: impl Iterator<Item = &'a Compared> + Clone) -> Result<String> {
    let ours = median(rounds.clone().map(|compared| compared.ours))?;
    let nginx = median(rounds.clone().map(|compared| compared.nginx))?;
    let bytes = median(rounds.map(|compared| compared.bytes))?;
    Ok(format!(
        "{:.0} ms for {:.1} MB: {:.2} times nginx with a file of the same bytes",
        ours.as_secs_f64() * 1000.0,
        bytes as f64 / f64::from(1 << 20),
        ours.as_secs_f64() / nginx.as_secs_f64()
    ))
}

pub(crate) fn compare(machine: &Machine) -> Result<Compared> {
    let folder = TempDir::new()?;
    let owner = Owner::of(machine, folder.path())?;
    let file = folder.path().join("list.json");
    owner.fetch(machine, LIST, &file)?;
    let bytes = std::fs::metadata(&file)?.len();
    let _nginx = Nginx::start(machine, folder.path())?;
    let copy = folder.path().join("copy");
    eventually("nginx", || owner.fetch(machine, FILE, &copy).map(drop))?;
    ensure!(std::fs::read(&file)? == std::fs::read(&copy)?, "nginx sends something else");
    let (mut ours, mut nginx) = (Vec::new(), Vec::new());
    for _ in 0..FETCHES {
        ours.push(owner.fetch(machine, LIST, Path::new("/dev/null"))?);
        nginx.push(owner.fetch(machine, FILE, Path::new("/dev/null"))?);
    }
    Ok(Compared { ours: median(ours)?, nginx: median(nginx)?, bytes })
}

/// The owner's certificate as files, for curl.
struct Owner {
    certificate: PathBuf,
    key: PathBuf,
}

impl Owner {
    fn of(machine: &Machine, folder: &Path) -> Result<Owner> {
        let owner = Owner { certificate: folder.join("owner.crt"), key: folder.join("owner.key") };
        let field = |name: &str, path: &Path| -> Result<()> {
            let template = format!("jsonpath={{.users[0].user.{name}}}");
            let mut kubectl = machine.command("kubectl");
            let text = stdout(kubectl.args(["config", "view", "--raw", "--output", &template]))?;
            let mut decode = Command::new("sh");
            decode.args(["-c", "printf %s \"$1\" | base64 --decode > \"$2\"", "sh", &text]).arg(path);
            succeed(&mut decode).map(drop)
        };
        field("client-certificate-data", &owner.certificate)?;
        field("client-key-data", &owner.key)?;
        Ok(owner)
    }

    /// How long it takes from the request to the last byte, without the handshake.
    fn fetch(&self, machine: &Machine, url: &str, into: &Path) -> Result<Duration> {
        let mut curl = machine.command("curl");
        curl.args([
            "--silent",
            "--fail",
            "--insecure",
            "--http1.1",
            "--tlsv1.3",
            "--tls13-ciphers",
            "TLS_AES_128_GCM_SHA256",
        ]);
        curl.args(["--write-out", "%{time_appconnect} %{time_total}", "--output"]).arg(into);
        curl.arg("--cert").arg(&self.certificate).arg("--key").arg(&self.key).arg(url);
        let times = stdout(&mut curl)?;
        let (connected, total) = times.trim().split_once(' ').context("curl prints two times")?;
        Ok(Duration::from_secs_f64(total.parse::<f64>()? - connected.parse::<f64>()?))
    }
}

/// Ended when it is dropped.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Nginx {
    fn start(machine: &Machine, folder: &Path) -> Result<Nginx> {
        let at = folder.display();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-subj", "/CN=nginx", "-days", "1", "-keyout"]).arg(folder.join("nginx.key"));
        succeed(openssl.arg("-out").arg(folder.join("nginx.crt")))?;
        let configuration = folder.join("nginx.conf");
        std::fs::write(
            &configuration,
            format!(
                "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
                 events {{}}\n\
                 http {{ access_log off; sendfile on; tcp_nopush on; types {{ application/json json; }}\n\
                 client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3;\n\
                 uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;\n\
                 server {{ listen 127.0.0.1:8443 ssl; root {at};\n\
                 ssl_certificate {at}/nginx.crt; ssl_certificate_key {at}/nginx.key; ssl_protocols TLSv1.3; }} }}\n"
            ),
        )?;
        let unpacked = workspace()?.join("target/peers/usr/sbin/nginx");
        let program = if unpacked.exists() { unpacked } else { "nginx".into() };
        let mut nginx = machine.command(&program.to_string_lossy());
        nginx.arg("-e").arg(folder.join("error.log")).arg("-c").arg(configuration);
        Ok(Nginx(nginx.spawn().context("nginx cannot be started")?))
    }
}
