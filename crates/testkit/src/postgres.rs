//! A PostgreSQL cluster of one test's own.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::{
    Certificate, Folder,
    cluster::{as_owner, is_ready, make, own, program, server},
    process::{children, is_alive, is_stopped, signal},
    wait_until,
};

/// A PostgreSQL server with an empty database `postgres`, whose superuser `otp` needs no password.
#[derive(Debug)]
pub struct PostgresServer {
    folder: Folder,
    settings: Vec<String>,
    /// The port of loopback where it takes TLS; else it listens on its socket alone.
    port: Option<u16>,
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
        let settings = settings.iter().map(|setting| (*setting).into()).collect();
        Self::made(own_folder(), settings, None)
    }

    /// Makes a cluster and starts its server, which also listens on a [port](Self::port) of loopback.
    /// There it takes TLS, with this certificate, or plain text where none is given; those of
    /// `allowed` get in, lines of a `pg_hba.conf`.
    ///
    /// Certificates of clients are known by the root of the server's own.
    #[must_use]
    pub fn on_loopback(certificate: Option<&Certificate>, allowed: &str) -> Self {
        let (port, folder) = (crate::free_port(), own_folder());
        let mut settings = vec!["listen_addresses=127.0.0.1".into(), format!("port={port}")];
        let mut keep = |setting: &str, name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            own(&path).unwrap();
            settings.push(format!("{setting}={}", path.display()));
        };
        let allowed = format!("local all all trust\n{allowed}\n");
        keep("hba_file", "hba", allowed.as_bytes());
        if let Some(certificate) = certificate {
            let read = |path: &Path| fs::read(path).unwrap();
            keep("ssl_cert_file", "server.pem", &read(&certificate.path));
            keep("ssl_key_file", "server.key", &read(&certificate.key));
            keep("ssl_ca_file", "root.pem", &read(&certificate.root));
            settings.push("ssl=on".into());
        }
        Self::made(folder, settings, Some(port))
    }

    fn made(folder: Folder, settings: Vec<String>, port: Option<u16>) -> Self {
        make_cluster(&folder.path().join("data"));
        let mut server = Self {
            folder,
            settings,
            port,
            postmaster: None,
        };
        server.resume();
        server
    }

    /// Makes a standby that follows this server; it is ready when it has begun to.
    #[must_use]
    pub fn standby(&self) -> Self {
        let folder = own_folder();
        let made = as_owner("KILL", &program("pg_basebackup"))
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
            port: self.port,
            postmaster: None,
        };
        standby.resume();
        standby
    }

    /// Returns how to connect, as libpq writes it.
    #[must_use]
    pub fn url(&self) -> String {
        let url = Self::url_at(self.folder.path().to_str().unwrap());
        self.port
            .map_or(url.clone(), |port| format!("{url} port={port}"))
    }

    /// Returns the port of loopback of a server that was started [there](Self::on_loopback).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.expect("the server listens on loopback")
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
        let mut settings = vec!["shared_buffers=16MB"];
        settings.extend(self.settings.iter().map(|setting| &**setting));
        let mut command = server(&self.data(), self.folder.path(), &settings, "KILL");
        let postmaster = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let own = postmaster.id();
        self.postmaster = Some(postmaster);
        wait_until("PostgreSQL is ready", || {
            assert!(is_alive(own), "PostgreSQL ended:\n{}", self.log());
            is_ready(&self.data(), own)
        });
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
    own(folder.path()).unwrap();
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
    let how = [
        "--locale=C",
        "--no-sync",
        "--no-instructions",
        "--wal-segsize=1",
    ];
    make(data, "otp", &how).unwrap();
    // Of this test alone: two threads that copied to one place would nest one cluster in the other.
    let folder = data.parent().and_then(Path::file_name).unwrap();
    let own = exe.with_file_name(format!("postgresql-{}", folder.display()));
    if !copy(data, &own) || fs::rename(&own, &kept).is_err() {
        fs::remove_dir_all(&own).ok(); // another test was first, or there is no room
    }
}

fn copy(from: &Path, to: &Path) -> bool {
    let copied = Command::new("cp").arg("-a").args([from, to]).output();
    copied.unwrap().status.success()
}

impl crate::scenarios::Mortal for PostgresServer {
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
