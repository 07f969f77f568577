//! The reference service as its users see it: its tests from outside, and its demo.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cluster::Cluster;
use crate::job::Job;
use crate::part::Check;
use crate::pytest;
use crate::world::World;

const PACKAGE: &str = "otp-engine-reference";
const FOLDER: &str = "services/reference/outside";
/// The role that owns the tests' databases.
const USER: &str = "service";
/// With the features that the part `test` builds it with: after that there is nothing to build.
const AS_TESTED: &[&str] = &[
    "test",
    "--no-run",
    "--workspace",
    "--exclude=otp-engine",
    "--all-features",
    "--test=service",
];
const OPTIMISED: &[&str] = &["build", "--release", "--package", PACKAGE];
/// How long the soak's load lasts, in seconds.
const LOAD: &str = "60";

/// The tests, in groups that take about as long as each other.
const GROUPS: &[&[&str]] = &[
    &["test_page.py", "test_verify.py"],
    &[
        "test_judge.py",
        "test_storm.py",
        "test_openapi.py",
        "test_load.py",
    ],
];

/// Builds the service, judges the tests' sources, and runs them.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = sources(job);
    checks.push(Check::new(
        "each file of tests is in a group",
        all_in_groups(&job.world.root.join(FOLDER)),
    ));
    let started = build(job, AS_TESTED, "debug").and_then(|program| {
        let home = job.world.own("service");
        std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        Ok((program, Cluster::start(job, &home, USER, &[])?))
    });
    let (program, cluster) = match started {
        Ok(started) => started,
        Err(error) => {
            checks.push(Check::new("the service and a database start", Err(error)));
            return checks;
        }
    };
    let groups = GROUPS.iter().map(|group| {
        let mut run = tests(job.world, &program, group);
        run.env("PGHOST", cluster.socket()).env("PGUSER", USER);
        run
    });
    let groups = groups.collect();
    checks.extend(pytest::checks_at_once(job, groups));
    checks
}

/// Loads an optimised service for longer.
pub(crate) fn load(job: &mut Job<'_>) -> Vec<Check> {
    match build(job, OPTIMISED, "release") {
        Ok(program) => {
            let mut run = tests(job.world, &program, &["test_load.py"]);
            run.env("OTP_LOAD_SECONDS", LOAD);
            pytest::checks(job, &mut run)
        }
        Err(error) => vec![Check::new("the optimised service builds", Err(error))],
    }
}

/// `cargo xtask service`: the demo, until it is interrupted.
pub(crate) fn serve() -> ExitCode {
    let world = World::new(None);
    let mut run = world.command("cargo");
    run.args(["run", "--locked", "--package", PACKAGE, "--", "--demo"]);
    run.arg("--data").arg(world.own("service-demo"));
    match run.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the program by a command of cargo, and returns where that leaves it.
fn build(job: &mut Job<'_>, by: &[&str], folder: &str) -> Result<PathBuf, String> {
    let mut build = job.world.command("cargo");
    build.args(by).arg("--locked");
    job.run(&mut build)?.succeeded()?;
    Ok(job.world.target.join(folder).join(PACKAGE))
}

fn tests(world: &World, program: &Path, names: &[&str]) -> Command {
    let mut run = tool(world, "python");
    run.args(["-m", "pytest", "-rA", "--tb=short"]);
    run.args(["-p", "no:cacheprovider"]);
    run.args(names.iter().map(|name| format!("{FOLDER}/{name}")));
    run.env("OTP_SERVICE", program);
    run.env("PYTHONDONTWRITEBYTECODE", "1");
    run
}

fn sources(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for args in [&["check"][..], &["format", "--check"]] {
        let mut ruff = tool(job.world, "ruff");
        ruff.args(args).arg(FOLDER);
        let claim = format!("ruff {} finds nothing in {FOLDER}", args.join(" "));
        checks.push(Check::new(claim, ended(job, &mut ruff)));
    }
    let mut mypy = tool(job.world, "mypy");
    mypy.args(["--strict", "--cache-dir"])
        .arg(job.world.own("mypy"))
        .arg(FOLDER);
    let claim = format!("mypy --strict finds nothing in {FOLDER}");
    checks.push(Check::new(claim, ended(job, &mut mypy)));
    checks
}

/// A file that was added must not be forgotten.
fn all_in_groups(folder: &Path) -> Result<(), String> {
    let files = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    for file in files.flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("test_") && !GROUPS.concat().contains(&&*name) {
            return Err(name.into_owned());
        }
    }
    Ok(())
}

/// A program of the environment that holds the tools.
fn tool(world: &World, name: &str) -> Command {
    let path = world.own("venv").join("bin").join(name);
    world.command(&path.to_string_lossy())
}

fn ended(job: &mut Job<'_>, command: &mut Command) -> Result<(), String> {
    job.run(command)?.succeeded()
}
