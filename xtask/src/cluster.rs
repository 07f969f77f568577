//! A PostgreSQL cluster for the tests from outside, reached through a socket in a folder of its own.

use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::env;
use std::fs::{self, File};
use std::hash::DefaultHasher;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::job::Job;
use crate::world::World;

/// initdb and the server refuse root.
const OWNER: &str = "postgres";
/// Names a folder of PostgreSQL's programs, of another version than the newest.
const PROGRAMS: &str = "OTP_POSTGRES";
const SETTINGS: &[&str] = &["listen_addresses=", "max_connections=300"];
/// For what need not outlive the machine.
pub(crate) const NO_FLUSHES: &[&str] = &["fsync=off", "full_page_writes=off"];
const ATTEMPTS: u32 = 3_000;
/// What the server says, in the home.
const LOG: &str = "postgres.log";
/// What the system takes, less the name of the socket itself.
const LONGEST_SOCKET: usize = 107 - "/.s.PGSQL.5432.lock".len();

/// A running cluster, stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Child,
    programs: PathBuf,
    folder: PathBuf,
    socket: PathBuf,
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
    ) -> Result<Self, String> {
        let programs = programs().ok_or("no PostgreSQL server is installed")?;
        let place = place(job.world, home);
        let (folder, socket) = (place.join("cluster"), place.join("socket"));
        for folder in [&folder, &socket] {
            owned(job.world, folder)?;
        }
        let fresh = is_empty(&folder);
        if fresh {
            make(job, &programs, &folder)?;
        }
        let log = File::create(home.join(LOG)).map_err(|error| error.to_string())?;
        let mut start = mortal_owner(job.world, &programs.join("postgres"));
        start.arg("-D").arg(&folder);
        start.arg("-k").arg(&socket);
        for setting in SETTINGS.iter().chain(settings) {
            start.args(["-c", setting]);
        }
        start.stderr(log).stdout(Stdio::null());
        let server = start.spawn().map_err(|error| error.to_string())?;
        let mut cluster = Self {
            server,
            programs,
            folder,
            socket,
            user,
        };
        cluster.wait(home)?;
        if fresh {
            let args = ["-U", OWNER, "--createdb", user];
            cluster.run(job, "createuser", &args)?;
        }
        Ok(cluster)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the socket, as libpq takes it for a host.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The folder of PostgreSQL's programs.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Runs a client program, as the cluster's role unless `args` names another.
    pub(crate) fn run(
        &self,
        job: &mut Job<'_>,
        program: &str,
        args: &[&str],
    ) -> Result<(), String> {
        let path = self.programs.join(program);
        let mut command = job.world.command(&path.to_string_lossy());
        command.env("PGHOST", &self.socket).env("PGUSER", self.user);
        command.args(args);
        job.run(&mut command)?
            .succeeded()
            .map_err(|error| format!("{program}: {error}"))
    }

    fn wait(&mut self, home: &Path) -> Result<(), String> {
        for _ in 0..ATTEMPTS {
            if let Ok(Some(status)) = self.server.try_wait() {
                let log = fs::read_to_string(home.join(LOG)).unwrap_or_default();
                return Err(format!("PostgreSQL ended, {status}:\n{log}"));
            }
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.arg("-q").arg("-h").arg(&self.socket);
            if ready.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("PostgreSQL does not become ready".into())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A fast shutdown, which leaves nothing to recover.
        let stop = Command::new("kill")
            .args(["-INT", &self.server.id().to_string()])
            .status();
        if !stop.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

fn make(job: &mut Job<'_>, programs: &Path, folder: &Path) -> Result<(), String> {
    let mut init = mortal_owner(job.world, &programs.join("initdb"));
    init.args(["-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", OWNER]);
    init.arg("-D").arg(folder);
    let made = job.run(&mut init).and_then(|ran| ran.succeeded());
    made.map_err(|error| {
        let _ = fs::remove_dir_all(folder); // half a cluster would be taken for a whole one
        format!(
            "initdb: {error}; can the user {OWNER} enter {}?",
            folder.display()
        )
    })
}

/// Says where a cluster can be: in `home`, or, where its owner cannot enter that or a socket's path
/// would be too long, in a temporary folder that belongs to `home` alone.
fn place(world: &World, home: &Path) -> PathBuf {
    let is_short = home.join("socket").as_os_str().len() <= LONGEST_SOCKET;
    if is_short && can_enter(world, home) {
        return home.to_owned();
    }
    let mut name = DefaultHasher::new();
    home.hash(&mut name);
    env::temp_dir().join(format!("otp-engine-{:016x}", name.finish()))
}

fn can_enter(world: &World, folder: &Path) -> bool {
    let mut test = mortal_owner(world, Path::new("test"));
    test.arg("-x").arg(folder);
    test.status().is_ok_and(|status| status.success())
}

/// A command that gets a signal to stop as soon as this process ends, however that comes.
pub(crate) fn mortal(world: &World, program: &Path) -> Command {
    let mut command = world.command("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program);
    command
}

/// As [`mortal`], with the fast shutdown of PostgreSQL, and as its owner where we are root.
fn mortal_owner(world: &World, program: &Path) -> Command {
    let mut command = world.command("setpriv");
    command.args(["--pdeathsig", "INT"]);
    command.current_dir("/"); // the project's may be closed to it
    if is_root(world) {
        command.args(["--reuid", OWNER, "--regid", OWNER, "--init-groups"]);
    }
    command.arg(program);
    command
}

/// Makes a folder that is the server's owner's alone.
fn owned(world: &World, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if is_root(world) {
        let number = |which| world.ask("id", &[which, OWNER])?.parse().ok();
        let user = number("-u").ok_or_else(|| format!("there is no user {OWNER}"))?;
        chown(folder, Some(user), number("-g")).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn is_root(world: &World) -> bool {
    world.ask("id", &["-u"]).as_deref() == Some("0")
}

/// The programs of the server that [`PROGRAMS`] names, or of the newest that is installed, where
/// Debian puts them.
fn programs() -> Option<PathBuf> {
    if let Some(named) = env::var_os(PROGRAMS) {
        return Some(PathBuf::from(named));
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(number)
        .map(|path| path.join("bin"))
}

/// Says whether `folder` holds anything.
fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_is_too_deep_for_a_socket_gets_a_place_of_its_own() {
        let world = World::new(None);
        let near = env::temp_dir();
        assert_eq!(place(&world, &near), near);
        let deep = near.join("a".repeat(LONGEST_SOCKET));
        let far = place(&world, &deep);
        assert!(far.join("socket").as_os_str().len() <= LONGEST_SOCKET);
        assert_eq!(far, place(&world, &deep));
        assert_ne!(far, place(&world, &deep.join("b")));
    }
}
