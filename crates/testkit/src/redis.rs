//! A Redis server of one test's own.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    Folder,
    process::{is_alive, mortal, signal},
    wait_until,
};

/// A Redis server that keeps what it answered: append-only, flushed always, nothing evicted.
#[derive(Debug)]
pub struct RedisServer {
    folder: Folder,
    settings: Vec<String>,
    sentinel: Option<PathBuf>,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts an empty server.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts an empty server with these options of its command line, which come last.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let mut server = Self {
            folder: Folder::new(),
            settings: settings.iter().map(|setting| (*setting).into()).collect(),
            sentinel: None,
            process: None,
        };
        server.resume();
        server
    }

    /// Starts a Sentinel that watches nothing, on a file of settings that it may write to.
    #[must_use]
    pub fn sentinel(settings: &Path) -> Self {
        let mut server = Self {
            folder: Folder::new(),
            settings: Vec::new(),
            sentinel: Some(settings.into()),
            process: None,
        };
        server.resume();
        server
    }

    /// Returns how to connect, as an address of the crate `redis`.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(&self.socket())
    }

    /// Returns how to connect through another socket.
    #[must_use]
    pub fn url_at(socket: &Path) -> String {
        format!("redis+unix://{}", socket.display())
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Returns the folder with the server's data.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the file to which the server appends what it does.
    #[must_use]
    pub fn append_only_file(&self) -> PathBuf {
        let newest = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        let files = fs::read_dir(self.data().join("appendonlydir")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let files = files.filter(|path| path.to_string_lossy().ends_with(".incr.aof"));
        files.max_by_key(newest).unwrap()
    }

    /// Returns the number of the server's process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Waits until the server has ended by itself.
    pub fn wait_for_its_end(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        process.wait().unwrap();
        fs::remove_file(self.socket()).ok();
    }

    /// Returns what the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Starts the server again, which reads what it had written.
    pub fn resume(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        let there = Command::new(PROGRAM).arg("--version").output().is_ok();
        assert!(
            there,
            "Redis is not installed: apt-get install redis-server"
        );
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = mortal(Path::new(PROGRAM));
        match &self.sentinel {
            Some(settings) => command.arg(settings).args(["--sentinel", "--port", "0"]),
            None => command.args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--maxmemory-policy",
                "noeviction",
            ]),
        };
        let process = command
            .arg("--dir")
            .arg(self.folder.path())
            .arg("--unixsocket")
            .arg(self.socket())
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let own = process.id();
        self.process = Some(process);
        wait_until("Redis is ready", || {
            assert!(is_alive(own), "Redis ended:\n{}", self.log());
            answers(&self.socket()).is_some()
        });
    }

    /// Stops the server as an administrator does.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Kills the server (`kill -9`).
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    fn end(&mut self, with: &str) {
        let mut process = self.process.take().expect("the server runs");
        signal(with, &[process.id()]);
        process.wait().unwrap();
        // A killed server leaves its socket, and who finds it must not take it for the next one's.
        fs::remove_file(self.socket()).ok();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

/// Asks the server whether it is there and has read its data.
fn answers(socket: &Path) -> Option<()> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).ok()?;
    (&answer == b"+PONG").then_some(())
}

const PROGRAM: &str = "redis-server";

impl crate::scenarios::Mortal for RedisServer {
    fn kill(&mut self) {
        Self::kill(self);
    }

    fn stop(&mut self) {
        Self::stop(self);
    }

    fn resume(&mut self) {
        Self::resume(self);
    }
}
