//! Two versions of the library on one store: the version before, built from the history, beside this one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xshell::cmd;

use crate::job::{self, Job};

/// The version before: docs/formats.md, *Upgrading*.
const BEFORE: &str = "9161168";
/// Where a test's players are started from, every second of them: `crates/testkit/src/player.rs`.
const PLAYER: &str = "OTP_PLAYER_BEFORE";
/// Which program of the version before the tests of `tests/support/beside.rs` ask.
const BESIDE: &str = "OTP_UPGRADE_BEFORE";
/// What the storms of `tests/processes.rs` say when half of the players were of the version before.
const PLAYED: &str = "players of the version before";

/// The stores, their types, and what is killed in the second of the storms in which 8 processes guess at the
/// same codes.
const STORES: &[(&str, &str, &str)] = &[
    (
        "sqlite",
        "otp_engine_sqlite::SqliteStore",
        "processes_are_killed",
    ),
    (
        "postgres",
        "otp_engine_postgres::PostgresStore",
        "processes_and_server_are_killed",
    ),
];

/// Builds the version before, and lets it play half of each storm.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (home, mut is_there) = (job.world.own("before"), false);
    job.check("the version before is at hand", |job| {
        let (sh, source) = (job.sh(), home.join("source"));
        if !source.join("Cargo.toml").exists() {
            job.pass(cmd!(
                sh,
                "git worktree add --force --detach {source} {BEFORE}"
            ))
            .with_context(|| format!("the history here lacks {BEFORE}: fetch it whole"))?;
        }
        is_there = true;
        Ok(())
    });
    if !is_there {
        return;
    }
    for (store, kind, killed) in STORES {
        let package = format!("otp-engine-{store}");
        let storms = [
            "case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes".to_owned(),
            format!("case_56_a_code_is_accepted_once_though_{killed}"),
        ];
        let mut player = PathBuf::new();
        job.check(format!("the tests of {package} of {BEFORE} build"), |job| {
            let build = format!("test --no-run --test processes --package {package}");
            let output = built(job, &home, &build)?;
            player = executable(&output).context("cargo names no executable")?;
            Ok(())
        });
        for storm in &storms {
            job.check(format!("{package}: {storm}, beside {BEFORE}"), |job| {
                raged(job, &package, storm, &player)
            });
        }
        let mut program = PathBuf::new();
        job.check(format!("{package}: in turn with {BEFORE}"), |job| {
            program = meeting(job, &home, store, kind, &package)?;
            met(job, &package, &program)
        });
        // The controls: what answers nothing and plays nothing must not go unnoticed.
        let idle = Path::new("/bin/true");
        job.check(format!("{package}: no answer is noticed"), |job| {
            noticed(met(job, &package, idle))
        });
        job.check(format!("{package}: an idle player is noticed"), |job| {
            noticed(raged(job, &package, &storms[0], idle))
        });
    }
}

/// Runs cargo on the version before.
fn built(job: &mut Job<'_>, home: &Path, line: &str) -> Result<String> {
    let (line, target) = (line.split(' '), home.join("target"));
    let cargo = cmd!(job.sh(), "cargo {line...} --locked").env("CARGO_TARGET_DIR", target);
    let mut cargo = Command::from(cargo);
    cargo.current_dir(home.join("source"));
    job.pass(cargo)
}

/// Turns it round: what must fail has.
fn noticed(ran: Result<()>) -> Result<()> {
    ensure!(ran.is_err(), "it passed");
    Ok(())
}

/// Builds `tests/vectors/upgrade/meet.rs` by the version before, as an example of one of its stores.
fn meeting(
    job: &mut Job<'_>,
    home: &Path,
    store: &str,
    kind: &str,
    package: &str,
) -> Result<PathBuf> {
    let name = format!("meet_{store}");
    let text = job.world.read("tests/vectors/upgrade/meet.rs")?;
    let open = format!("\nfn open(address: &str) -> {kind} {{ {kind}::open(address).unwrap() }}\n");
    let path = home.join(format!("source/stores/{store}/examples/{name}.rs"));
    job.sh().write_file(path, text + &open)?;
    built(
        job,
        home,
        &format!("build --package {package} --example {name}"),
    )?;
    Ok(home.join("target/debug/examples").join(name))
}

/// Runs the test in which this version and that program ask in turn.
fn met(job: &mut Job<'_>, package: &str, program: &Path) -> Result<()> {
    let line = "upgrade -- --ignored --show-output soak_upgrade";
    figures(job, package, line, (BESIDE, program), "")
}

/// Runs one storm; the other half of its players, its judges and its server are of this version.
fn raged(job: &mut Job<'_>, package: &str, storm: &str, player: &Path) -> Result<()> {
    let line = format!("processes -- --exact {storm} --show-output");
    figures(job, package, &line, (PLAYER, player), PLAYED)
}

/// Runs a test that must tell a figure whose name begins so: else it did not run, or in part.
fn figures(
    job: &mut Job<'_>,
    package: &str,
    line: &str,
    (name, program): (&str, &Path),
    begins: &str,
) -> Result<()> {
    let test = format!("test --locked --all-features --package {package} --test {line}");
    let test = test.split(' ');
    let output = job.pass(cmd!(job.sh(), "cargo {test...}").env(name, program))?;
    let figures: Vec<_> = job::figures(&output).collect();
    if !figures.iter().any(|(what, _)| what.starts_with(begins)) {
        bail!("it tells no figure {begins}");
    }
    job.outcome.figures.extend(figures);
    Ok(())
}

/// Finds where cargo says that it left a test.
fn executable(output: &str) -> Option<PathBuf> {
    let line = output
        .lines()
        .rev()
        .find(|line| line.trim().starts_with("Executable "))?;
    let (_, path) = line.rsplit_once('(')?;
    Some(path.trim_end().strip_suffix(')')?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_the_one_that_cargo_names_last() {
        let output =
            "    Finished `test` profile\n  Executable tests/processes.rs (/a b/processes-0f)\n";
        assert_eq!(executable(output), Some("/a b/processes-0f".into()));
        assert_eq!(executable("Finished\n"), None);
    }
}
