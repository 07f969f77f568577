//! Shows that the Python package builds, installs and does what its tests say, as a user gets it.
//!
//! The tests run against the installed wheel, from an environment of its own: a package that only
//! works from its sources would pass otherwise.

mod memcheck;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::job::{Job, Ran};
use crate::part::Check;
use crate::pytest;

const PACKAGE: &str = "bindings/python";
const EXAMPLES: &str = "examples/python";
const BENCHES: &str = "benches/peers/python";

/// What is in the wheel, beside what hatchling writes.
const WHEEL: &str = "import glob, sys, zipfile
wheels = glob.glob(sys.argv[1] + '/otp_engine-*.whl')
assert len(wheels) == 1, wheels
python, abi, platform = wheels[0][:-4].split('-')[-3:]
assert (python, abi) == ('py3', 'none') and platform != 'any', wheels
names = zipfile.ZipFile(wheels[0]).namelist()
assert 'otp_engine/py.typed' in names, names
libraries = [n for n in names if n.endswith(('.so', '.dylib', '.dll'))]
assert len(libraries) == 1 and libraries[0].startswith('otp_engine/'), names
assert not [n for n in names if 'tests' in n], names
assert 'otp_engine/stores/commit.lua' in names, names
about = zipfile.ZipFile(wheels[0]).read([n for n in names if n.endswith('/METADATA')][0]).decode()
needed = [line for line in about.splitlines() if line.startswith('Requires-Dist:')]
assert needed and all('extra ==' in line for line in needed), needed
";

/// Programs on the Rust stores, beside which the Python ones work; with the features that the part
/// `test` has built all with.
const DESKS: &str = "build --locked --workspace --exclude otp-engine --all-features \
                     --example postgres_desk --example redis_desk";

/// Builds the wheel, installs it afresh, and runs tools and tests.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let home = job.world.own("python");
    let fresh = home.join("installed");
    let wheels = home.join("wheels");
    let mut checks = vec![
        Check::new("the wheel builds", build(job, &wheels)),
        Check::new(
            "it is for any Python 3 on this platform, and whole",
            in_tools(job, "python", |run| {
                run.args(["-c", WHEEL]).arg(&wheels);
            }),
        ),
        Check::new(
            "it installs into a fresh environment",
            install(job, &wheels, &fresh),
        ),
        Check::new("the examples of the Rust stores build", {
            let mut cargo = job.world.command("cargo");
            cargo.args(DESKS.split_whitespace());
            cargo.env("CARGO_TARGET_DIR", &job.world.target);
            ended(job, &mut cargo)
        }),
        Check::new("the demo runs from the installed wheel", {
            let mut demo = installed(job, &fresh);
            demo.args(["-m", "otp_engine", "demo"]).current_dir(&home);
            ended(job, &mut demo)
        }),
    ];
    checks.extend(tests(job, &fresh));
    checks.extend(memcheck::checks(job, &fresh));
    let config = format!("{PACKAGE}/pyproject.toml");
    checks.push(Check::new(
        "mypy --strict finds nothing in the package, the example and the rows",
        in_tools(job, "mypy", |run| {
            run.args(["--strict", "--config-file", &config]);
            run.arg(format!("{PACKAGE}/src/otp_engine"));
            run.args([EXAMPLES, BENCHES]);
            run.env("MYPYPATH", format!("{PACKAGE}/src"));
        }),
    ));
    for args in [&["check"][..], &["format", "--check"]] {
        for folder in [PACKAGE, EXAMPLES, BENCHES] {
            checks.push(Check::new(
                format!("ruff {} finds nothing in {folder}", args.join(" ")),
                in_tools(job, "ruff", |run| {
                    run.args(args).arg(folder);
                    if folder == EXAMPLES {
                        run.args(["--config", &config]); // the others find theirs by themselves
                    }
                }),
            ));
        }
    }
    checks.push(Check::new(
        "the declarations are those of the header",
        in_tools(job, "python", |run| {
            run.arg(format!("{PACKAGE}/gen_bindings.py"))
                .arg("--verify");
        }),
    ));
    checks
}

/// Builds the wheel into `wheels`, which holds nothing else then.
pub(crate) fn build(job: &mut Job<'_>, wheels: &Path) -> Result<(), String> {
    emptied(wheels)?;
    in_tools(job, "pip", |run| {
        // hatchling is among what the part needs: nothing is fetched here.
        run.args(["wheel", "--quiet", "--no-deps", "--no-build-isolation"]);
        run.arg("--wheel-dir")
            .arg(wheels)
            .arg(format!("./{PACKAGE}"));
    })
}

fn install(job: &mut Job<'_>, wheels: &Path, fresh: &Path) -> Result<(), String> {
    let made = in_tools(job, "python", |run| {
        run.args(["-m", "venv", "--clear", "--without-pip"])
            .arg(fresh);
    });
    made.and_then(|()| {
        in_tools(job, "pip", |run| {
            run.arg("--python").arg(python(fresh));
            run.args(["install", "--quiet", "--no-deps", "--no-index"]);
            run.arg("--find-links").arg(wheels).arg("otp-engine");
        })
    })
}

/// Runs pytest on the installed package; each test is a check.
fn tests(job: &mut Job<'_>, fresh: &Path) -> Vec<Check> {
    let tools = job.world.own("venv");
    // pytest stays where it is: the fresh environment holds the package and nothing else.
    let find = "import glob, runpy, sys; sys.path += glob.glob(sys.argv.pop(1)); \
                runpy.run_module('pytest', run_name='__main__')";
    let mut run = installed(job, fresh);
    run.args(["-P", "-c", find]);
    run.arg(tools.join("lib/python3*/site-packages"));
    run.args(["-rA", "--tb=short", "-p", "no:cacheprovider"]);
    run.arg(format!("{PACKAGE}/tests"));
    run.env("OTP_RUST_EXAMPLES", job.world.target.join("debug/examples"));
    pytest::checks(job, &mut run)
}

fn emptied(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| error.to_string())?; // an earlier run's
    }
    fs::create_dir_all(folder).map_err(|error| error.to_string())
}

fn python(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// The Python of an environment, which finds no library but the one in the wheel.
fn installed(job: &Job<'_>, fresh: &Path) -> Command {
    let mut command = job.world.command(&python(fresh).to_string_lossy());
    command
        .env_remove("OTP_ENGINE_LIBRARY")
        .env_remove("PYTHONPATH");
    command
}

/// Runs a program of the environment that holds the tools.
fn in_tools(
    job: &mut Job<'_>,
    program: &str,
    with: impl FnOnce(&mut Command),
) -> Result<(), String> {
    let path = job.world.own("venv").join("bin").join(program);
    let mut command = job.world.command(&path.to_string_lossy());
    command.env("CARGO_TARGET_DIR", &job.world.target);
    with(&mut command);
    ended(job, &mut command)
}

fn ended(job: &mut Job<'_>, command: &mut Command) -> Result<(), String> {
    job.run(command).and_then(|ran: Ran| ran.succeeded())
}
