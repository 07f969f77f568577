//! Shows that the Python package builds, installs and does what its tests say, as a user gets it.
//!
//! The tests run against the installed wheel, from an environment of its own: a package that only
//! works from its sources would pass otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use xshell::{Cmd, cmd};

use crate::job::Job;

const PACKAGE: &str = "bindings/python";
const EXAMPLES: &str = "examples/python";
const BENCHES: &str = "benches/peers/python";
const STACKS: &str = "benches/stacks";
const CONFIG: &str = "bindings/python/pyproject.toml";

/// pytest stays where it is: the fresh environment holds the package and nothing else.
const PYTEST: &str = "import glob, runpy, sys; sys.path += glob.glob(sys.argv.pop(1)); \
                      runpy.run_module('pytest', run_name='__main__')";

/// Builds the wheel, installs it afresh, and runs tools and tests.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (sh, home, python) = (job.sh(), job.world.own("python"), job.world.venv("python"));
    let fresh = home.join("installed");
    let wheels = home.join("wheels");
    let pip = job.world.venv("pip");
    let inner = fresh.join("bin/python");
    job.check("the wheel builds", |job| build(job, &wheels));
    job.passes(
        "it is for any Python 3 on this platform, and whole",
        cmd!(sh, "{python} {PACKAGE}/check_wheel.py {wheels}"),
    );
    let sdists = home.join("sdist");
    job.check("the sdist builds", |job| sdist(job, &python, &sdists));
    let made_of = job.world.target.join("release/libotp_engine.d");
    let root = &job.world.root;
    job.passes(
        "it holds each file that the library was made of, and no other Rust",
        cmd!(
            sh,
            "{python} {PACKAGE}/check_sdist.py {sdists} {made_of} {root}"
        ),
    );
    job.check(
        "by its lock and manifests the library has the same crates and features",
        |job| same_crates(job, &sdists),
    );
    job.check("it installs into a fresh environment", |job| {
        job.pass(cmd!(sh, "{python} -m venv --clear --without-pip {fresh}"))?;
        let into = ["--quiet", "--no-deps", "--no-index", "--find-links"];
        let said = job.pass(cmd!(
            sh,
            "{python} -c {TIMED} {pip} --python {inner} install {into...} {wheels} otp-engine"
        ))?;
        let took = said.trim().rsplit_once("seconds ").context("no time")?.1;
        job.figure("pip install of the wheel", format!("{took} s"));
        ensure!(took.parse::<f64>()? < PROMISED, "it took {took} s");
        Ok(())
    });
    // Beside them the Python stores work; with the features that the part `test` has built all with.
    job.passes(
        "the examples of the Rust stores build",
        cmd!(
            sh,
            "cargo build --locked --profile test --workspace --all-features
             --example postgres_desk --example redis_desk"
        ),
    );
    job.check("the demo runs from the installed wheel", |job| {
        let mut demo = Command::from(installed(cmd!(sh, "{inner} -m otp_engine demo")));
        demo.current_dir(&home);
        job.pass(demo).map(drop)
    });
    let packages = job.world.own("venv/lib/python3*/site-packages");
    // In two halves at once: most of them wait, for servers and for time.
    let halves = halves(job, &format!("{PACKAGE}/tests")).map(|files| {
        let tests = installed(cmd!(
            sh,
            "{inner} -P -c {PYTEST} {packages} -rA --tb=short --durations=5"
        ));
        let tests = tests.args(["-p", "no:cacheprovider"]).args(files);
        tests
            .env("OTP_RUST_EXAMPLES", job.world.target.join("debug/examples"))
            .into()
    });
    job.tests_at_once(halves.into());
    job.tests(pytest(cmd!(sh, "{python}")).arg(STACKS));
    memcheck(job, &inner);
    job.check(
        "mypy --strict finds nothing in package and examples",
        |job| {
            let (mypy, path) = (job.world.venv("mypy"), format!("{PACKAGE}/src"));
            let mypy = cmd!(
                sh,
                "{mypy} --strict --config-file {CONFIG} {path}/otp_engine {EXAMPLES} {BENCHES} {STACKS}/load.py"
            );
            job.pass(mypy.env("MYPYPATH", path)).map(drop)
        },
    );
    for folder in [PACKAGE, BENCHES, STACKS] {
        lint(job, folder, &[]);
    }
    lint(job, EXAMPLES, &["--config", CONFIG]); // the others find theirs by themselves
    job.passes(
        "the declarations are those of the header",
        cmd!(sh, "{python} {PACKAGE}/gen_bindings.py --verify"),
    );
}

/// How long `pip install` of the wheel takes at most, in seconds: of the processor, which others do not lengthen.
const PROMISED: f64 = 10.0;

/// Runs a command, and then says how long it had the processor.
const TIMED: &str = "import os, subprocess, sys; code = subprocess.call(sys.argv[1:]); \
                     print('seconds', sum(os.times()[2:4])); sys.exit(code)";

/// The files of tests in `folder`, in two halves that take about as long as each other.
fn halves(job: &Job<'_>, folder: &str) -> [Vec<PathBuf>; 2] {
    let files = job.sh().read_dir(folder).unwrap_or_default().into_iter();
    let name = |file: &Path| {
        file.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let files = files.filter(|file| name(file).starts_with("test_"));
    let (first, second) = files.partition(|file| name(file).as_str() < "test_o");
    [first, second]
}

/// Builds the wheel into `wheels`, which holds nothing else then.
pub(crate) fn build(job: &mut Job<'_>, wheels: &Path) -> Result<()> {
    let (sh, pip) = (job.sh(), job.world.venv("pip"));
    sh.remove_path(wheels)?; // an earlier run's
    sh.create_dir(wheels)?;
    // hatchling is among what the part needs: nothing is fetched here.
    let how = "--quiet --no-deps --no-build-isolation --wheel-dir".split(' ');
    let command = cmd!(sh, "{pip} wheel {how...} {wheels} ./{PACKAGE}");
    job.pass(command).map(drop)
}

/// Builds the sdist into `sdists`, which holds nothing else then.
pub(crate) fn sdist(job: &mut Job<'_>, python: &Path, sdists: &Path) -> Result<()> {
    let sh = job.sh();
    sh.remove_path(sdists)?; // an earlier run's
    let how = "--sdist --no-isolation --outdir".split(' ');
    let command = cmd!(sh, "{python} -m build {how...} {sdists} ./{PACKAGE}");
    job.pass(command).map(drop)
}

/// Requires that a build from the sdist takes what a build in the repository takes: to build it all once more
/// takes minutes, which the soak has.
fn same_crates(job: &mut Job<'_>, sdists: &Path) -> Result<()> {
    let (sh, root) = (job.sh(), job.world.root.clone());
    let sdist = sh.read_dir(sdists)?.pop().context("there is none")?;
    job.pass(cmd!(
        sh,
        "tar --extract --gzip --file {sdist} --directory {sdists} --strip-components 1"
    ))?;
    let mut crates = |workspace: &Path| -> Result<String> {
        let told = job.ask(cmd!(
            sh,
            "cargo tree --locked --manifest-path {workspace}/Cargo.toml --package otp-engine-c
             --edges normal,build --target all --prefix none --format {TREE}"
        ))?;
        Ok(told.replace(&format!("{}", workspace.display()), ""))
    };
    let (ours, theirs) = (crates(&root)?, crates(&sdists.join("rust"))?);
    ensure!(ours.contains("sqlite"), "cargo listed too little");
    ensure!(ours == theirs, "they differ, see the log");
    Ok(())
}

/// A crate with its version and folder, and its features.
const TREE: &str = "{p} {f}";

/// A command that finds no library but the one in the wheel.
fn installed(command: Cmd<'_>) -> Cmd<'_> {
    command
        .env_remove("OTP_ENGINE_LIBRARY")
        .env_remove("PYTHONPATH")
}

/// Makes a Python a pytest whose tests [`Job::tests`] counts; the files are to be added.
pub(crate) fn pytest(python: Cmd<'_>) -> Cmd<'_> {
    let how = "-m pytest -rA --tb=short -p no:cacheprovider";
    python
        .args(how.split(' '))
        .env("PYTHONDONTWRITEBYTECODE", "1")
}

/// Lets ruff judge the sources in `folder`.
pub(crate) fn lint(job: &mut Job<'_>, folder: &str, config: &[&str]) {
    let ruff = job.world.venv("ruff");
    for how in [&["check"][..], &["format", "--check"]] {
        job.passes(
            format!("ruff {} finds nothing in {folder}", how.join(" ")),
            cmd!(job.sh(), "{ruff} {how...} {folder} {config...}"),
        );
    }
}

/// Requires that each file of tests in `folder` is in a group: one that was added must not be forgotten.
pub(crate) fn in_groups(job: &Job<'_>, folder: &str, groups: &[&str]) -> Result<()> {
    for file in job.sh().read_dir(folder)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_test = name.starts_with("test_") && name.ends_with(".py");
        let mut names = groups.iter().flat_map(|group| group.split(' '));
        let is_listed = names.any(|its| its == name);
        ensure!(is_listed || !is_test, "{name} is in none");
    }
    Ok(())
}

/// The ends of handles under valgrind's memcheck, from the installed wheel: closed in the middle of calls,
/// collected, and overtaken by the end of the interpreter.
///
/// CPython itself makes memcheck complain. What counts is what has the library in its stack, by a
/// report that names the object of every frame; a planted use of freed memory must be in it.
fn memcheck(job: &mut Job<'_>, python: &Path) {
    for (way, claim) in [
        (
            "close",
            "closing while other threads are in calls is clean in memcheck",
        ),
        ("collect", "garbage collection is clean in memcheck"),
        (
            "shutdown",
            "the interpreter's end amid calls is clean in memcheck",
        ),
        (
            "planted",
            "a planted use of a freed engine is caught by memcheck",
        ),
    ] {
        job.check(claim, |job| {
            let (wrong, lost) = watched(job, python, way)?;
            if way == "planted" {
                ensure!(wrong > 0, "it went through");
                return Ok(());
            }
            ensure!(wrong == 0, "{wrong} errors in the library");
            // A process that ends leaves what its threads were using.
            ensure!(lost == 0 || way == "shutdown", "{lost} blocks are lost");
            Ok(())
        });
    }
}

fn watched(job: &mut Job<'_>, python: &Path, way: &str) -> Result<(usize, usize)> {
    let report = job.world.own(&format!("python/memcheck-{way}.xml"));
    // Without --fair-sched one spinning thread may keep the others waiting for minutes on an idle machine.
    // Python itself and not a script that starts it, which would be looked at in its place.
    let command = cmd!(
        job.sh(),
        "valgrind -q --num-callers=40 --leak-check=full --fair-sched=yes
         --show-leak-kinds=definite --xml=yes --xml-file={report}
         {python} {PACKAGE}/tests/lifecycle.py {way}"
    );
    let command = command
        .env("PYTHONMALLOC", "malloc")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = job.pass(installed(command))?;
    let came_to_its_end = way == "planted" || output.contains(&format!("{way}: done"));
    ensure!(came_to_its_end, "it did not come to its end");
    read(&job.sh().read_file(&report)?)
}

/// Counts what has the library in its stack: memory that was used when it was not there, and memory that nobody
/// refers to any more.
fn read(report: &str) -> Result<(usize, usize)> {
    ensure!(report.contains("<state>FINISHED</state>"), "it has no end");
    let errors = report.split("<error>").skip(1);
    let errors = errors.map(|error| error.split("</error>").next().unwrap_or(error));
    let (lost, wrong): (Vec<_>, Vec<_>) = errors
        .filter(|error| error.contains("libotp_engine"))
        .partition(|error| error.contains("<kind>Leak_"));
    Ok((wrong.len(), lost.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: &str, object: &str) -> String {
        format!("<error><kind>{kind}</kind><frame><obj>{object}</obj></frame></error>")
    }

    #[test]
    fn what_the_library_did_is_told_from_what_others_did() {
        let own = "/site-packages/otp_engine/libotp_engine.so";
        let report = [
            error("InvalidRead", own),
            error("UninitCondition", "/lib/ld.so"),
            error("Leak_DefinitelyLost", own),
            "<state>FINISHED</state>".to_owned(),
        ]
        .concat();
        assert_eq!(read(&report).unwrap(), (1, 1));
        assert!(read(&error("InvalidRead", own)).is_err());
        assert_eq!(read("<state>FINISHED</state>").unwrap(), (0, 0));
    }
}
