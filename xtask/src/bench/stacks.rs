//! What teams run for the same job beside our service: whole servers, loaded on one PostgreSQL.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use super::programs::Effort;
use super::rows::Rows;
use crate::cluster::{Cluster, mortal};
use crate::job::Job;
use crate::need::{self, Need};

/// What the rows are of; no other program's are.
pub(crate) const PROCESS: &str = "over HTTP";
/// The groups that the chart shows.
pub(crate) const CHARTED: [&str; 2] = ["CPU for a code", "time for a code, 8 at once"];

const PACKAGE: &str = "otp-engine-reference";
const NEEDS: &[Need] = &[
    Need::Apt("postgresql"),
    Need::OwnPip("peers"),
    Need::Npm("benches/stacks/better-auth"),
];
/// The role that owns the databases.
const USER: &str = "bench";

/// Installs the peers, starts a database with its shipped settings, and loads all on it; a peer that does not
/// start is an error.
///
/// # Errors
///
/// What could not be installed, built or started; what the load or a storm found wrong.
pub(crate) fn run(job: &mut Job<'_>, effort: Effort) -> Result<Rows> {
    need::install(job, NEEDS)?;
    job.pass(cmd!(
        job.sh(),
        "cargo build --release --package {PACKAGE} --locked"
    ))?;
    let own = |name: &str| job.world.own(name);
    let (python, node) = (own("peers/bin/python"), own("better-auth"));
    let (home, service) = (
        own("stacks"),
        job.world.target.join("release").join(PACKAGE),
    );
    let database = job.sh().create_dir(own("stacks-database"))?;
    let cluster = Cluster::start(job, &database, USER, &[])?;
    let quick = (effort == Effort::Quick).then_some("--quick");
    let load = mortal(job.world, &python)
        .arg("benches/stacks/load.py")
        .args(["--service".as_ref(), service.as_os_str()])
        .args(["--better-auth".as_ref(), node.as_os_str()])
        .args(["--home".as_ref(), home.as_os_str()])
        .args(quick)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("OTP_POSTMASTER", cluster.pid().to_string());
    let mut load = Command::from(cluster.known_to(load));
    // It takes minutes: how far it is goes to the terminal.
    let load = load.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = load.output().context("load.py")?;
    job.say(String::from_utf8_lossy(&output.stdout)); // what was measured before a failure, too
    ensure!(output.status.success(), "load.py: {}", output.status);
    Rows::read(&String::from_utf8(output.stdout)?)
}

/// Part of the soak: each peer installs, starts and is loaded for a moment.
pub(crate) fn checks(job: &mut Job<'_>) {
    job.check(
        "our service and its peers are loaded, and only the right ones accept a code twice",
        |job| run(job, Effort::Quick).map(drop),
    );
}
