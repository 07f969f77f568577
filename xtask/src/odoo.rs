//! A real Odoo with the addon: its tests, and a server to try it on.
//!
//! Odoo comes from a Debian package that is unpacked and not installed, what it imports from PyPI,
//! and its database from a PostgreSQL cluster of its own, without a port. All of it is kept in one
//! folder between runs; nothing of the machine's is touched.

mod demo;
mod distribution;
mod home;
mod sources;
mod verdict;

use core::hash::BuildHasher;
use std::hash::RandomState;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use demo::serve;
pub(crate) use sources::checks as sources;

use crate::cluster::{self, Cluster};
use crate::job::Job;
use crate::part::Check;
use crate::pytest;
use distribution::Distribution;
use home::Home;

/// Where the addons are.
const FOLDER: &str = "bindings/odoo";
/// The database that all others are copies of: Odoo without the addon.
const TEMPLATE: &str = "otp_template";
/// The database with the addon, in which its own tests ran.
const TESTED: &str = "otp_tested";
/// Odoo's role, which owns its databases and is no superuser.
const USER: &str = "odoo";
/// A run with fewer test cases has lost some.
const LEAST_TESTS: u64 = 150;

/// Installs the addon into a real Odoo and runs its tests, from within and from outside.
pub(crate) fn server(job: &mut Job<'_>) -> Vec<Check> {
    let found = Home::open(job.world).and_then(|home| {
        let distribution = distribution::ready(job, &home)?;
        Ok((home, distribution))
    });
    let (home, version) = match found {
        Ok((home, Distribution::Version(version))) => (home, version),
        Ok((_, Distribution::Gone(why))) => {
            job.skip(format!(
                "SKIPPED: nothing ran on a real Odoo, as its package cannot be had: {why}"
            ));
            return Vec::new();
        }
        Err(error) => return vec![Check::new("a real Odoo is at hand", Err(error))],
    };
    job.figure("Odoo", &version);
    match Odoo::start(job, home, &version) {
        Ok(odoo) => tests(job, &odoo),
        Err(error) => vec![Check::new("Odoo runs here", Err(error))],
    }
}

fn tests(job: &mut Job<'_>, odoo: &Odoo) -> Vec<Check> {
    let tested = odoo.database(job, TESTED, TEMPLATE);
    let ran = tested.and_then(|()| {
        let mut run = odoo.command(job)?;
        run.args([
            "-d",
            TESTED,
            "-i",
            "esms_otp,esms_otp_demo",
            "--workers",
            "0",
        ]);
        run.args([
            "--test-tags",
            "/esms_otp,/esms_otp_demo",
            "--stop-after-init",
        ]);
        job.run(&mut run)
    });
    let mut checks = match ran {
        Ok(ran) => verdict::of(&ran.output, ran.succeeded(), LEAST_TESTS),
        Err(error) => vec![Check::new("the addon installs", Err(error))],
    };
    let planted = odoo.command(job).and_then(|mut run| {
        run.args(["-d", TESTED, "-i", "esms_otp_faults", "--stop-after-init"]);
        job.run(&mut run)?.succeeded()
    });
    let ready = planted.is_ok();
    checks.push(Check::new("the planted faults install", planted));
    if ready {
        checks.extend(from_outside(job, odoo));
    }
    checks
}

/// The tests that drive servers of their own, in groups that take about as long as each other.
const FROM_OUTSIDE: &[&[&str]] = &[
    &[
        "tests/test_parallel.py",
        "tests/test_crash.py",
        "tests/test_reruns.py",
        "tests/test_existing_backend.py",
        "tests/test_canary.py",
    ],
    &[
        "tests/test_workers.py",
        "tests/test_lifecycle.py",
        "tests/test_keys.py",
        "tests/test_erasure.py",
        "tests/test_slow_gateway.py",
    ],
    &["tests_browser"],
];

fn from_outside(job: &mut Job<'_>, odoo: &Odoo) -> Vec<Check> {
    let groups = FROM_OUTSIDE.iter().map(|group| {
        let mut run = odoo.python(job);
        run.args([
            "-m",
            "pytest",
            "-rA",
            "--tb=short",
            "-p",
            "no:cacheprovider",
        ]);
        run.args(group.iter().map(|name| format!("{FOLDER}/{name}")));
        run.env("OTP_ODOO_CONF", odoo.conf())
            .env("OTP_ODOO_SCRIPT", odoo.home.script())
            .env("OTP_ODOO_DATA", odoo.home.data())
            .env("OTP_ODOO_TEMPLATE", TESTED)
            .env("OTP_ODOO_PG_BIN", odoo.cluster.programs())
            .env("PGHOST", odoo.cluster.socket())
            .env("PGPORT", "5432")
            .env("PGUSER", USER);
        run
    });
    let groups = groups.collect();
    let mut checks = vec![Check::new(
        "each file of tests is in a group",
        all_in_groups(&job.world.root.join(FOLDER).join("tests")),
    )];
    checks.extend(pytest::checks_at_once(job, groups));
    checks
}

/// A file that was added must not be forgotten.
fn all_in_groups(folder: &Path) -> Result<(), String> {
    for path in files(folder, "py") {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let listed = format!("tests/{name}");
        if name.starts_with("test_") && !FROM_OUTSIDE.concat().contains(&&*listed) {
            return Err(listed);
        }
    }
    Ok(())
}

/// A real Odoo, ready to run on a running cluster.
#[derive(Debug)]
struct Odoo {
    cluster: Cluster,
    home: Home,
}

impl Odoo {
    /// Brings everything up to date that `home` keeps, and starts the cluster.
    fn start(job: &mut Job<'_>, home: Home, version: &str) -> Result<Self, String> {
        home.install_packages(job)?;
        home.install_engine(job)?;
        home.make_keys(job)?;
        let cluster = Cluster::start(job, &home.path(""), USER, cluster::NO_FLUSHES)?;
        let odoo = Self { cluster, home };
        odoo.write_conf(job)?;
        odoo.make_template(job, version)?;
        Ok(odoo)
    }

    fn conf(&self) -> PathBuf {
        self.home.path("odoo.conf")
    }

    fn write_conf(&self, job: &Job<'_>) -> Result<(), String> {
        let root = job.world.root.join(FOLDER);
        let text = format!(
            "[options]\naddons_path = {},{},{}\ndata_dir = {}\ndb_host = {}\ndb_port = 5432\n\
             db_user = {}\nhttp_interface = 127.0.0.1\n",
            self.home.addons().display(),
            root.display(),
            root.join("tests/addons").display(),
            self.home.data().display(),
            self.cluster.socket().display(),
            USER,
        );
        std::fs::write(self.conf(), text).map_err(|error| error.to_string())
    }

    /// Makes the database that the others are copied from, once for each version of Odoo.
    fn make_template(&self, job: &mut Job<'_>, version: &str) -> Result<(), String> {
        let stamp = self.cluster.folder().join("template.txt"); // goes when the cluster goes
        if std::fs::read_to_string(&stamp).is_ok_and(|made| made == version) {
            return Ok(());
        }
        self.drop_database(job, TEMPLATE)?;
        self.cluster.run(job, "createdb", &[TEMPLATE])?;
        let mut run = self.command(job)?;
        run.args(["-d", TEMPLATE, "-i", "base,web,portal,mail"]);
        run.args(["--without-demo", "--stop-after-init"]);
        job.run(&mut run)?.succeeded()?;
        std::fs::write(stamp, version).map_err(|error| error.to_string())
    }

    /// Makes `name` a copy of the database `template`.
    fn database(&self, job: &mut Job<'_>, name: &str, template: &str) -> Result<(), String> {
        self.drop_database(job, name)?;
        self.cluster.run(job, "createdb", &["-T", template, name])?;
        let files = self.home.data().join("filestore");
        if !files.join(template).exists() {
            return Ok(());
        }
        let mut copy = job.world.command("cp");
        copy.arg("-R")
            .arg(files.join(template))
            .arg(files.join(name));
        job.run(&mut copy)?.succeeded()
    }

    fn drop_database(&self, job: &mut Job<'_>, name: &str) -> Result<(), String> {
        let args = ["--if-exists", "--force", name];
        self.cluster.run(job, "dropdb", &args)?;
        let files = self.home.data().join("filestore").join(name);
        if files.exists() {
            std::fs::remove_dir_all(files).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The Python that Odoo runs in, with what it and the addon take from the environment.
    fn python(&self, job: &Job<'_>) -> Command {
        self.home
            .surround(cluster::mortal(job.world, &self.home.python()))
    }

    /// An Odoo command on ports that nobody else has.
    fn command(&self, job: &Job<'_>) -> Result<Command, String> {
        let mut command = self.python(job);
        command.arg(self.home.script()).arg("-c").arg(self.conf());
        command.args(["--http-port", &free_port()?.to_string()]);
        command.args(["--gevent-port", &free_port()?.to_string()]);
        Ok(command)
    }
}

/// Returns a port on which nobody listens, from below those that the kernel lends to connections:
/// one of these could take it while its server starts.
fn free_port() -> Result<u16, String> {
    let lent = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let lent = lent.unwrap_or_default();
    let lowest_lent = lent
        .split_whitespace()
        .next()
        .and_then(|it| it.parse().ok());
    let ports = LOWEST_PORT..lowest_lent.unwrap_or(32_768).max(LOWEST_PORT + 1_000);
    let any = RandomState::new().hash_one(std::process::id());
    let skipped = usize::try_from(any % 1_000_000).unwrap_or_default() % ports.len();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut all = ports.clone().cycle().skip(skipped).take(ports.len());
    all.find(is_free).ok_or_else(|| "no port is free".into())
}

const LOWEST_PORT: u16 = 10_000;

/// Returns the files below `folder` whose names end with `.` and `extension`, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = path.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|its| its == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
