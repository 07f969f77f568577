//! A PostgreSQL cluster of one test's own.

use std::{
    fs::{self, File},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    Folder,
    process::{children, is_alive, is_root, is_stopped, mortal_as, signal, user},
    wait_until,
};

/// A PostgreSQL server with an empty database `postgres`, whose superuser `otp` needs no password.
#[derive(Debug)]
pub struct PostgresServer {
    folder: Folder,
    settings: Vec<String>,
    postmaster: Option<Child>,
}

impl PostgresServer {
    /// Makes a cluster and starts its server.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Makes a cluster and starts its server with these settings, each as `name=value`.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let folder = own_folder();
        make_cluster(&folder.path().join("data"));
        let mut server = Self {
            folder,
            settings: settings.iter().map(|setting| (*setting).into()).collect(),
            postmaster: None,
        };
        server.resume();
        server
    }

    /// Makes a standby that follows this server; it is ready when it has begun to.
    #[must_use]
    pub fn standby(&self) -> Self {
        let folder = own_folder();
        let made = mortal_as(OWNER, &program("pg_basebackup"))
            .args(["--username=otp", "--checkpoint=fast", "--wal-method=stream"])
            .args(["--no-sync", "--write-recovery-conf", "--host"])
            .arg(self.folder.path())
            .arg("-D")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "pg_basebackup: {stderr}");
        let mut standby = Self {
            folder,
            settings: self.settings.clone(),
            postmaster: None,
        };
        standby.resume();
        standby
    }

    /// Returns how to connect, as libpq writes it.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.folder.path().to_str().unwrap())
    }

    /// Returns how to connect through a socket in another folder.
    #[must_use]
    pub fn url_at(folder: &str) -> String {
        format!("host={folder} user=otp dbname=postgres")
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(Self::SOCKET)
    }

    /// The name of a server's socket in its folder.
    pub const SOCKET: &str = ".s.PGSQL.5432";

    /// Returns the folder with the server's data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns what the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Starts the server again, which recovers what was flushed.
    pub fn resume(&mut self) {
        assert!(self.postmaster.is_none(), "the server runs");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = mortal_as(OWNER, &program("postgres"));
        command.arg("-D").arg(self.data());
        let socket = format!(
            "unix_socket_directories={}",
            self.folder.path().to_str().unwrap()
        );
        let own = ["listen_addresses=", "shared_buffers=16MB", &*socket];
        for setting in own.into_iter().chain(self.settings.iter().map(|it| &**it)) {
            command.args(["-c", setting]);
        }
        let postmaster = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let own = postmaster.id();
        self.postmaster = Some(postmaster);
        wait_until("PostgreSQL is ready", || {
            assert!(is_alive(own), "PostgreSQL ended:\n{}", self.log());
            self.is_ready(own)
        });
    }

    /// The postmaster says so in a file, which may still be that of one that was killed.
    fn is_ready(&self, postmaster: u32) -> bool {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        lines.first() == Some(&&*postmaster.to_string())
            && matches!(lines.get(7), Some(&"ready" | &"standby"))
    }

    /// Stops the server as an administrator does: no connection survives, all is kept.
    pub fn stop(&mut self) {
        let mut postmaster = self.postmaster.take().expect("the server runs");
        signal("INT", &[postmaster.id()]);
        postmaster.wait().unwrap();
    }

    /// Kills the postmaster and all of its children (`kill -9`).
    pub fn kill(&mut self) {
        let mut postmaster = self.postmaster.take().expect("the server runs");
        let own = postmaster.id();
        // Held still, it neither makes children nor begins anew when one of them is gone.
        signal("STOP", &[own]);
        wait_until("the postmaster holds still", || is_stopped(own));
        let mut all = children(own);
        all.push(own);
        signal("KILL", &all);
        // Not reaped, it would be in the way of the next one.
        postmaster.wait().unwrap();
        wait_until("the server processes are gone", || {
            !all.iter().any(|process| is_alive(*process))
        });
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.postmaster.is_some() {
            self.kill();
        }
    }
}

/// Makes a folder that is its owner's, who runs the server.
pub(crate) fn own_folder() -> Folder {
    let folder = Folder::new();
    if is_root() {
        let (user, group) = user(OWNER).unwrap_or_else(|| panic!("no user {OWNER}; {MISSING}"));
        chown(folder.path(), Some(user), Some(group)).unwrap();
    }
    folder
}

/// Makes a cluster, as a copy of one that an earlier test left beside the test programs.
fn make_cluster(data: &Path) {
    let initdb = program("initdb");
    let version: PathBuf = initdb.components().rev().nth(2).into_iter().collect();
    let exe = std::env::current_exe().unwrap();
    let kept = exe.with_file_name(format!("postgresql-{}", version.display()));
    if kept.exists() && copy(&kept, data) {
        return;
    }
    let made = mortal_as(OWNER, &initdb)
        .args(["--username=otp", "--auth=trust", "--encoding=UTF8"])
        .args(["--locale=C", "--no-sync", "--no-instructions"])
        .args(["--wal-segsize=1", "-D"])
        .arg(data)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "initdb: {stderr}");
    let own = exe.with_file_name(format!("postgresql-{}", std::process::id()));
    if !copy(data, &own) || fs::rename(&own, &kept).is_err() {
        fs::remove_dir_all(&own).ok(); // another test was first, or there is no room
    }
}

fn copy(from: &Path, to: &Path) -> bool {
    let copied = Command::new("cp").arg("-a").args([from, to]).output();
    copied.unwrap().status.success()
}

/// Returns the program of the newest version that is installed.
pub(crate) fn program(name: &str) -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| {
            let path = version.ok()?.path();
            let program = path.join("bin").join(name);
            let version = path.file_name()?.to_str()?.parse().ok()?;
            program.exists().then_some((version, program))
        })
        .collect();
    found.sort_unstable();
    if let Some((_, program)) = found.pop() {
        return program;
    }
    let there = Command::new(name).arg("--version").output().is_ok();
    assert!(there, "{MISSING}");
    name.into()
}

/// Who runs the server where this process is root's.
pub(crate) const OWNER: &str = "postgres";

const MISSING: &str = "PostgreSQL is not installed: apt-get install postgresql";

impl crate::scenarios::Mortal for PostgresServer {
    fn kill(&mut self) {
        Self::kill(self);
    }

    fn resume(&mut self) {
        Self::resume(self);
    }
}
