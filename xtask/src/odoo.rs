//! A real Odoo with the addon: its tests, and a server to try it on.
//!
//! Odoo comes from a Debian package that is unpacked and not installed, what it imports from PyPI,
//! and its database from a PostgreSQL cluster of its own, without a port. All of it is kept in one
//! folder between runs; nothing of the machine's is touched.

mod distribution;
mod home;
mod sources;
mod verdict;

use core::time::Duration;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{fs, thread};

use anyhow::{Result, bail, ensure};
use xshell::{Cmd, cmd};

use crate::cluster::{self, Cluster};
use crate::job::{Job, Ran};
use crate::need::{self, Need};
use crate::python::{in_groups, pytest};
use crate::world::World;
use distribution::Distribution;
use home::{FOLDER, Home};
use port::free_port;

pub(crate) use sources::checks as sources;

#[path = "../../crates/testkit/src/port.rs"]
mod port;

pub(crate) const NEEDS: &[Need] = &[
    Need::Apt("postgresql libxml2-utils chromium openssl"),
    // Certificates: what prints them and reads them, and fonts of all scripts of Malaysia.
    Need::Apt("wkhtmltopdf poppler-utils fonts-dejavu fonts-wqy-microhei fonts-lohit-taml"),
    Need::Pip("odoo"),
];

/// What the demo needs of these: nothing is tested there.
const DEMO_NEEDS: &[Need] = &[Need::Apt(DEMO_PACKAGES), Need::Pip("odoo")];
const DEMO_PACKAGES: &str = "postgresql python3-venv";

/// The database that all others are copies of: Odoo without the addon.
const TEMPLATE: &str = "otp_template";
/// The database with the addon, in which its own tests ran.
const TESTED: &str = "otp_tested";
/// That of the demo, made afresh each time.
const DEMO: &str = "otp_demo";
/// Odoo's role, which owns its databases and is no superuser.
const USER: &str = "odoo";
/// What Odoo logs of a fault that it goes on after.
const WARNING: &str = "2026-11-23 19:00:00,000 7 WARNING db odoo.modules.loading: this is planted";
/// A run with fewer test cases has lost some.
const LEAST_TESTS: u64 = 265;

/// The tests that drive servers of their own, in groups that take about as long as each other; beside them
/// those in a browser.
const FROM_OUTSIDE: &[&str] = &[
    "test_parallel.py test_crash.py test_reruns.py test_existing_backend.py test_backup.py test_canary.py \
     test_hold.py test_mail.py",
    "test_workers.py test_lifecycle.py test_keys.py test_erasure.py test_slow_gateway.py",
];

/// Installs the addon into a real Odoo and runs its tests, from within and from outside.
pub(crate) fn server(job: &mut Job<'_>) {
    if let Some(odoo) = started(job) {
        tests(job, &odoo);
    }
}

/// Lets many users send through a gateway that takes its time, on servers of a few workers.
pub(crate) fn slow_gateway(job: &mut Job<'_>) {
    let Some(odoo) = started(job) else { return };
    job.check("the addon installs", |job| {
        odoo.database(job, TESTED)?;
        job.pass(odoo.command(job, &install_faults())).map(drop)
    });
    let storm = odoo.driver(job.world).env("OTP_SOAK", "1");
    let file = format!("{FOLDER}/tests/test_slow_gateway.py");
    job.tests(storm.args([&file, "-k", "case_499"]));
}

/// Starts what a real Odoo needs; none where its package is gone.
fn started(job: &mut Job<'_>) -> Option<Odoo> {
    let mut started = None;
    let mut gone = None;
    job.check("a real Odoo runs here, unless its package is gone", |job| {
        let home = Home::open(job.world)?;
        match distribution::ready(job, &home)? {
            Distribution::Version(version) => {
                job.figure("Odoo", &version);
                started = Some(Odoo::start(job, home, &version)?);
            }
            Distribution::Gone(why) => gone = Some(why),
        }
        Ok(())
    });
    if let Some(why) = gone {
        job.skip(format!(
            "SKIPPED: nothing ran on a real Odoo, as its package cannot be had: {why}"
        ));
    }
    started
}

fn install_faults() -> String {
    format!("-d {TESTED} -i esms_otp_faults --stop-after-init")
}

fn tests(job: &mut Job<'_>, odoo: &Odoo) {
    let tested = odoo.database(job, TESTED).and_then(|()| {
        let tags = "--workers 0 --test-tags /esms_otp,/esms_otp_demo --stop-after-init";
        job.run(odoo.command(
            job,
            &format!("-d {TESTED} -i esms_otp,esms_otp_demo {tags}"),
        ))
    });
    match tested {
        Ok(Ran { status, output }) => {
            verdict::judge(job, &output, status.success(), LEAST_TESTS);
            checklog(job, &output);
        }
        Err(error) => job.fail(format_args!("the addon installs: {error:#}")),
    }
    let failed = job.outcome.failed;
    job.check("the planted faults install", |job| {
        job.pass(odoo.command(job, &install_faults())).map(drop)
    });
    job.check("axe-core installs", |job| need::install(job, &[need::AXE]));
    let tests = format!("{FOLDER}/tests");
    job.check("each file of tests is in a group", |job| {
        in_groups(job, &tests, FROM_OUTSIDE)
    });
    if job.outcome.failed > failed {
        return;
    }
    let in_folder = |group: &&str| {
        let files = group.split(' ').map(|name| format!("{tests}/{name}"));
        files.collect()
    };
    let mut groups: Vec<Vec<_>> = FROM_OUTSIDE.iter().map(in_folder).collect();
    groups.push(vec![format!("{FOLDER}/tests_browser")]);
    let from_outside = |group: Vec<String>| -> Command {
        odoo.driver(job.world)
            .args(group)
            .arg("--durations=5")
            .into()
    };
    let groups = groups.into_iter().map(from_outside).collect();
    job.tests_at_once(groups);
}

/// Lets the community's judge of logs look for warnings in that of a run, and for a planted one.
fn checklog(job: &mut Job<'_>, log: &str) {
    let (sh, program) = (job.sh(), job.world.venv("checklog-odoo"));
    let path = job.world.own("log/test-odoo.installed.log");
    job.check("checklog-odoo finds no warning in the run", |job| {
        sh.write_file(&path, log)?;
        job.pass(cmd!(sh, "{program} {path}")).map(drop)
    });
    job.check("checklog-odoo finds a planted warning", |job| {
        sh.write_file(&path, format!("{log}\n{WARNING}\n"))?;
        job.run(cmd!(sh, "{program} {path}"))?.caught("is planted")
    });
}

/// `cargo xtask odoo`: sets everything up, tells how to use it, and serves until it is interrupted.
pub(crate) fn serve(world: &World) -> Result<ExitCode> {
    print!("{}", installs(&Home::folder(world), &world.own("venv")));
    let mut job = Job::new(world, "odoo", "demo")?;
    demo(&mut job).inspect_err(|_| eprint!("{}", job.text()))
}

fn demo(job: &mut Job<'_>) -> Result<ExitCode> {
    need::install(job, DEMO_NEEDS)?;
    let home = Home::open(job.world)?;
    let version = match distribution::ready(job, &home)? {
        Distribution::Version(version) => version,
        Distribution::Gone(why) => bail!("Odoo cannot be had: {why}"),
    };
    let odoo = Odoo::start(job, home, &version)?;
    odoo.database(job, DEMO)?;
    let install = format!("-d {DEMO} -i esms_otp_demo --stop-after-init");
    job.pass(odoo.command(job, &install))?;
    let port = free_port();
    // Of two ports the last one counts.
    let serve = format!(
        "--http-port {port} -d {DEMO} --db-filter ^{DEMO}$ --max-cron-threads 0 --log-level warn \
         --log-handler odoo.addons.esms_otp:INFO --log-handler otp_engine.esms:INFO"
    );
    let mut server = Command::from(odoo.command(job, &serve)).spawn()?;
    // Not before it answers: the lines are there to be copied at once.
    while server.try_wait().is_ok_and(|ended| ended.is_none())
        && TcpStream::connect(("127.0.0.1", port)).is_err()
    {
        thread::sleep(Duration::from_millis(100));
    }
    println!("{}", told(&format!("http://127.0.0.1:{port}"), &version));
    let ended = server.wait()?;
    ensure!(ended.success(), "Odoo ended, {ended}");
    Ok(ExitCode::SUCCESS)
}

/// What `cargo xtask odoo` installs, with Odoo in `folder`.
pub(crate) fn installs(folder: &Path, tools: &Path) -> String {
    include_str!("odoo/installs.txt")
        .replace("{packages}", DEMO_PACKAGES)
        .replace("{folder}", &folder.display().to_string())
        .replace("{tools}", &tools.display().to_string())
}

/// How to use the server at `url`.
fn told(url: &str, version: &str) -> String {
    let told = include_str!("odoo/demo.txt").replace("{url}", url);
    told.replace("{version}", version).replace("{DEMO}", DEMO)
}

/// A real Odoo, ready to run on a running cluster.
#[derive(Debug)]
struct Odoo {
    cluster: Cluster,
    home: Home,
}

impl Odoo {
    /// Brings everything up to date that `home` keeps, and starts the cluster.
    fn start(job: &mut Job<'_>, home: Home, version: &str) -> Result<Self> {
        home.install(job)?;
        home.make_keys(job)?;
        let cluster = Cluster::start(job, &home.path(""), USER, cluster::NO_FLUSHES)?;
        let addons = job.world.root.join(FOLDER);
        let text = format!(
            "[options]\naddons_path = {},{},{}\ndata_dir = {}\ndb_host = {}\ndb_port = 5432\n\
             db_user = {USER}\nhttp_interface = 127.0.0.1\n",
            home.path(home::ADDONS).display(),
            addons.display(),
            addons.join("tests/addons").display(),
            home.path("data").display(),
            cluster.socket.display(),
        );
        job.sh().write_file(home.path("odoo.conf"), text)?;
        let odoo = Self { cluster, home };
        odoo.make_template(job, version)?;
        Ok(odoo)
    }

    /// Makes the database that the others are copied from, once for each version of Odoo.
    fn make_template(&self, job: &mut Job<'_>, version: &str) -> Result<()> {
        let stamp = self.cluster.folder.join("template.txt"); // goes when the cluster goes
        if fs::read_to_string(&stamp).is_ok_and(|made| made == version) {
            return Ok(());
        }
        self.drop_database(job, TEMPLATE)?;
        self.cluster.run(job, &format!("createdb {TEMPLATE}"))?;
        let make = "-i base,web,portal,mail --without-demo --stop-after-init";
        job.pass(self.command(job, &format!("-d {TEMPLATE} {make}")))?;
        Ok(fs::write(stamp, version)?)
    }

    /// Makes `name` a copy of the template.
    fn database(&self, job: &mut Job<'_>, name: &str) -> Result<()> {
        self.drop_database(job, name)?;
        self.cluster
            .run(job, &format!("createdb -T {TEMPLATE} {name}"))?;
        let (from, to) = (self.files(TEMPLATE), self.files(name));
        if from.exists() {
            job.pass(cmd!(job.sh(), "cp -R {from} {to}"))?;
        }
        Ok(())
    }

    fn drop_database(&self, job: &mut Job<'_>, name: &str) -> Result<()> {
        self.cluster
            .run(job, &format!("dropdb --if-exists --force {name}"))?;
        Ok(job.sh().remove_path(self.files(name))?)
    }

    fn files(&self, database: &str) -> PathBuf {
        self.home.path("data/filestore").join(database)
    }

    /// A pytest of tests that drive servers of their own; the files are to be added.
    fn driver<'a>(&self, world: &'a World) -> Cmd<'a> {
        let run = pytest(cluster::mortal(world, &self.home.path("venv/bin/python")));
        let postgres = Cluster::program("postgres");
        self.cluster
            .known_to(self.home.surround(run))
            .env("OTP_ODOO_CONF", self.home.path("odoo.conf"))
            .env("OTP_ODOO_SCRIPT", self.home.path(home::SCRIPT))
            .env("OTP_ODOO_DATA", self.home.path("data"))
            .env("OTP_ODOO_TEMPLATE", TESTED)
            .env("OTP_ODOO_BASE", TEMPLATE)
            .env("OTP_AXE", world.own(need::AXE_PROGRAM))
            .env("OTP_ODOO_PG_BIN", postgres.parent().unwrap_or(&postgres))
    }

    /// An Odoo command on ports that nobody else has.
    fn command<'a>(&self, job: &Job<'a>, args: &str) -> Cmd<'a> {
        let python = cluster::mortal(job.world, &self.home.path("venv/bin/python"));
        let python = python.arg(self.home.path(home::SCRIPT)).arg("-c");
        let ports = format!("--http-port {} --gevent-port {}", free_port(), free_port());
        let command = python
            .arg(self.home.path("odoo.conf"))
            .args(ports.split(' '));
        self.home.surround(command.args(args.split(' ')))
    }
}
