//! The reference service as its users see it: its tests from outside, and its demo.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use xshell::{Cmd, cmd};

use crate::cluster::Cluster;
use crate::job::Job;
use crate::need;
use crate::python::{in_groups, lint, pytest};
use crate::world::World;

const PACKAGE: &str = "otp-engine-reference";
const FOLDER: &str = "services/reference/outside";
/// The role that owns the tests' databases.
const USER: &str = "service";
/// How long the soak's load lasts, in seconds.
const LOAD: &str = "60";

/// The tests, in groups that take about as long as each other.
const GROUPS: &[&str] = &[
    "test_page.py test_steps.py test_verify.py test_backup.py",
    "test_judge.py test_storm.py test_openapi.py test_examples.py test_load.py test_metrics.py \
     test_restart.py",
];

/// Builds the service and the command, judges the tests' sources, and runs them.
pub(crate) fn checks(job: &mut Job<'_>) {
    let sh = job.sh();
    lint(job, FOLDER, &[]);
    job.check(format!("mypy --strict finds nothing in {FOLDER}"), |job| {
        let (mypy, cache) = (job.world.venv("mypy"), job.world.own("mypy"));
        job.pass(cmd!(sh, "{mypy} --strict --cache-dir {cache} {FOLDER}"))
            .map(drop)
    });
    job.check("each file of tests is in a group", |job| {
        in_groups(job, FOLDER, GROUPS)
    });
    let mut started = None;
    job.check("the service and a database start", |job| {
        // With the features that the part `test` builds it with: after that there is nothing to build.
        job.pass(cmd!(
            sh,
            "cargo test --no-run --workspace --all-features --test=service --test=commands --locked"
        ))?;
        let home = sh.create_dir(job.world.own("service"))?;
        started = Some(Cluster::start(job, &home, USER, &[])?);
        Ok(())
    });
    if let Some(cluster) = started {
        let groups = GROUPS
            .iter()
            .map(|group| cluster.known_to(tests(job, "debug", group)).into());
        let groups = groups.collect();
        job.tests_at_once(groups);
    }
}

/// Loads an optimised service for longer.
pub(crate) fn load(job: &mut Job<'_>) {
    job.passes(
        "the optimised service builds",
        cmd!(
            job.sh(),
            "cargo build --release --package {PACKAGE} --locked"
        ),
    );
    let tests = tests(job, "release", "test_load.py").env("OTP_LOAD_SECONDS", LOAD);
    job.tests(tests);
}

/// `cargo xtask service`: the demo, until it is interrupted.
pub(crate) fn serve(world: &World) -> Result<ExitCode> {
    let data = world.own("service-demo");
    world.until_its_end(cmd!(
        world.sh,
        "cargo run --locked --package {PACKAGE} -- --demo --data {data}"
    ))
}

fn tests<'a>(job: &Job<'a>, profile: &str, names: &str) -> Cmd<'a> {
    let program: PathBuf = job.world.target.join(profile).join(PACKAGE);
    let files = names.split(' ').map(|name| format!("{FOLDER}/{name}"));
    let python = job.world.venv("python");
    pytest(cmd!(job.sh(), "{python}"))
        .args(files)
        .env("OTP_SERVICE", program)
        .env("OTP_AXE", job.world.own(need::AXE_PROGRAM))
        .env("OTP_COMMAND", job.world.target.join(profile).join("otp"))
}
