//! A PostgreSQL cluster for the tests from outside, reached through a socket in a folder of its own.

use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::env;
use std::fs::{self, File};
use std::hash::DefaultHasher;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;

use anyhow::{Result, bail};
use xshell::{Cmd, cmd};

use crate::job::Job;
use crate::world::World;

#[path = "../../crates/testkit/src/cluster.rs"]
mod shared;

/// The cluster's superuser.
const SUPERUSER: &str = "postgres";
/// For what need not outlive the machine.
pub(crate) const NO_FLUSHES: &[&str] = &["fsync=off", "full_page_writes=off"];
const ATTEMPTS: u32 = 3_000;
/// What the system takes, less the name of the socket itself.
const LONGEST_SOCKET: usize = 107 - "/.s.PGSQL.5432.lock".len();

/// A running cluster, stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Child,
    /// The cluster's files.
    pub(crate) folder: PathBuf,
    /// The folder of the socket, as libpq takes it for a host.
    pub(crate) socket: PathBuf,
    user: &'static str,
}

impl Cluster {
    /// Starts the cluster of the folder `home`, and makes it first if there is none; its role `user`
    /// owns what it makes and is no superuser. `settings` are added to those of every cluster.
    pub(crate) fn start(
        job: &mut Job<'_>,
        home: &Path,
        user: &'static str,
        settings: &[&str],
    ) -> Result<Self> {
        let place = place(home);
        let (folder, socket) = (place.join("cluster"), place.join("socket"));
        for folder in [&folder, &socket] {
            job.sh().create_dir(folder)?;
            shared::own(folder)?;
        }
        let is_fresh = fs::read_dir(&folder)?.next().is_none();
        if is_fresh {
            shared::make(&folder, SUPERUSER, &["--locale=C.UTF-8"])?;
        }
        let log = home.join("postgres.log");
        let file = File::create(&log)?;
        let settings = [&["max_connections=300"], settings].concat();
        // A fast shutdown, which leaves nothing to recover.
        let mut server = shared::server(&folder, &socket, &settings, "INT");
        let server = server.stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut cluster = Self {
            server,
            folder,
            socket,
            user,
        };
        cluster.wait(&log)?;
        if is_fresh {
            cluster.run(job, &format!("createuser -U {SUPERUSER} --createdb {user}"))?;
        }
        Ok(cluster)
    }

    /// Tells a command, by libpq's variables, where the cluster is.
    pub(crate) fn known_to<'a>(&self, command: Cmd<'a>) -> Cmd<'a> {
        let command = command.env("PGHOST", &self.socket).env("PGPORT", "5432");
        command.env("PGUSER", self.user)
    }

    /// The process whose descendants the server is.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// A program of PostgreSQL's.
    pub(crate) fn program(name: &str) -> PathBuf {
        shared::program(name)
    }

    /// Runs a client program, as the cluster's role unless `line` names another.
    pub(crate) fn run(&self, job: &mut Job<'_>, line: &str) -> Result<()> {
        let (program, args) = line.split_once(' ').unwrap_or((line, ""));
        let (program, args) = (Self::program(program), args.split(' '));
        let command = self.known_to(cmd!(job.sh(), "{program} {args...}"));
        job.pass(command).map(drop)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if let Ok(Some(status)) = self.server.try_wait() {
                bail!("PostgreSQL ended, {status}:\n{}", fs::read_to_string(log)?);
            }
            if shared::is_ready(&self.folder, self.server.id()) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("PostgreSQL does not become ready")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = Command::new("kill")
            .args(["-INT", &self.server.id().to_string()])
            .status();
        if !stop.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// Says where a cluster can be: in `home`, or, where its owner cannot enter that or a socket's path
/// would be too long, in a temporary folder that belongs to `home` alone.
fn place(home: &Path) -> PathBuf {
    let is_short = home.join("socket").as_os_str().len() <= LONGEST_SOCKET;
    let enter = || {
        shared::as_owner("INT", Path::new("test"))
            .arg("-x")
            .arg(home)
            .status()
    };
    if is_short && enter().is_ok_and(|status| status.success()) {
        return home.to_owned();
    }
    let mut name = DefaultHasher::new();
    home.hash(&mut name);
    env::temp_dir().join(format!("otp-engine-{:016x}", name.finish()))
}

/// A command that gets a signal to stop as soon as this process ends, however that comes.
pub(crate) fn mortal<'a>(world: &'a World, program: &Path) -> Cmd<'a> {
    cmd!(world.sh, "setpriv --pdeathsig TERM {program}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_is_too_deep_for_a_socket_gets_a_place_of_its_own() {
        let near = env::temp_dir();
        assert_eq!(place(&near), near);
        let deep = near.join("a".repeat(LONGEST_SOCKET));
        let far = place(&deep);
        assert!(far.join("socket").as_os_str().len() <= LONGEST_SOCKET);
        assert_eq!(far, place(&deep));
        assert_ne!(far, place(&deep.join("b")));
    }
}
