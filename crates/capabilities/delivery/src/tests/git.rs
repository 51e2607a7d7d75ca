//! A repository that git can fetch from, over HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn git(folder: &Path, arguments: &[&str]) -> String {
    git_at(folder, arguments, None)
}

/// [`git`], as if at that time.
fn git_at(folder: &Path, arguments: &[&str], time: Option<&str>) -> String {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "me").env(format!("GIT_{role}_EMAIL"), "me@example.org");
        command.envs(time.map(|time| (format!("GIT_{role}_DATE"), time)));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository that is served over HTTP, with the owner's working copy of it.
pub(super) struct Remote {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Remote {
    /// An empty repository. Where there are credentials (`user:password`), nobody gets in without them.
    pub(super) fn new(credentials: Option<&str>) -> Remote {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "app.git"]);
        git(folder.path(), &["init", "--quiet", "--initial-branch=main", "work"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (root, credentials) = (folder.path().to_owned(), credentials.map(str::to_owned));
        // Ends with the test's process; a connection that comes after the test finds no repository.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (root, credentials) = (root.clone(), credentials.clone());
                std::thread::spawn(move || drop(serve(&stream, &root, credentials.as_deref())));
            }
        });
        Remote { folder, address }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/app.git", self.address)
    }

    /// Makes these files all that there is, and pushes them. Returns the commit.
    pub(super) fn push(&self, files: &[(&str, &str)]) -> String {
        let work = self.folder.path().join("work");
        for entry in
            std::fs::read_dir(&work).unwrap().map(Result::unwrap).filter(|it| it.file_name() != ".git")
        {
            let path = entry.path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        for (path, text) in files {
            let file = work.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        self.push_all()
    }

    /// [`Remote::push`], as if at that time.
    pub(super) fn push_at(&self, files: &[(&str, &str)], time: &str) -> String {
        self.push(files);
        let work = self.folder.path().join("work");
        git_at(&work, &["commit", "--quiet", "--amend", "--no-edit"], Some(time));
        git(&work, &["push", "--quiet", "--force", "../app.git", "HEAD:main"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    /// Pushes what is in the working copy. Returns the commit.
    pub(super) fn push_all(&self) -> String {
        let work = self.folder.path().join("work");
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "--allow-empty", "-m", "change"]);
        git(&work, &["push", "--quiet", "../app.git", "HEAD:main"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    /// Makes an earlier commit the head again.
    pub(super) fn force_back(&self, commit: &str) {
        let work = self.folder.path().join("work");
        git(&work, &["reset", "--quiet", "--hard", commit]);
        git(&work, &["push", "--quiet", "--force", "../app.git", "HEAD:main"]);
    }

    /// Takes all branches away.
    pub(super) fn empty(&self) {
        let work = self.folder.path().join("work");
        git(&work.join("../app.git"), &["update-ref", "-d", "refs/heads/main"]);
    }

    /// The repository as others see it.
    pub(super) fn bare(&self) -> PathBuf {
        self.folder.path().join("app.git")
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Adds the other remote as a submodule, by its address, and pushes. Returns the commit.
    pub(super) fn push_module(&self, path: &str, url: &str) -> String {
        let work = self.folder.path().join("work");
        git(&work, &["submodule", "--quiet", "add", url, path]);
        git(&work, &["commit", "--quiet", "-m", "module"]);
        git(&work, &["push", "--quiet", "../app.git", "HEAD:main"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    pub(super) fn tag(&self, name: &str) {
        let work = self.folder.path().join("work");
        git(&work, &["tag", "-a", name, "-m", name]);
        git(&work, &["push", "--quiet", "../app.git", name]);
    }
}

/// Answers one request by `git http-backend`.
fn serve(stream: &TcpStream, root: &Path, credentials: Option<&str>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let expected = credentials.map(|it| format!("Basic {}", STANDARD.encode(it)));
    let mut out = stream;
    if expected.is_some_and(|expected| header("authorization") != expected) {
        let refusal =
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n";
        return write!(out, "{refusal}Connection: close\r\n\r\n");
    }
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", header("content-length"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    backend.stdin.take().unwrap().write_all(&body)?;
    let answer = backend.wait_with_output()?.stdout;
    let text = String::from_utf8_lossy(&answer);
    let status = text.strip_prefix("Status: ").and_then(|rest| rest.split("\r\n").next()).unwrap_or("200 OK");
    write!(out, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
    out.write_all(&answer)
}
