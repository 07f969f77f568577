//! Two versions of the library on one store: the version before, built from the history, beside this one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::job::{Figure, Job};
use crate::part::Check;

/// The version before: docs/formats.md, *Upgrading*.
const BEFORE: &str = "9161168";
/// Where a test's players are started from, every second of them: `crates/testkit/src/player.rs`.
const PLAYER: &str = "OTP_PLAYER_BEFORE";
/// Which program of the version before the tests of `tests/support/beside.rs` ask.
const BESIDE: &str = "OTP_UPGRADE_BEFORE";
/// What the storms of `tests/processes.rs` say when half of the players were of the version before.
const PLAYED: &str = "players of the version before";

/// The stores, each with its storms in which 8 processes guess at the same codes.
const STORMS: &[(&str, &[&str])] = &[
    (
        "otp-engine-sqlite",
        &[
            "case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes",
            "case_56_a_code_is_accepted_once_though_processes_are_killed",
        ],
    ),
    (
        "otp-engine-postgres",
        &[
            "case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes",
            "case_56_a_code_is_accepted_once_though_processes_and_server_are_killed",
        ],
    ),
];

/// Builds the version before, and lets it play half of each storm.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let commit = format!("{BEFORE}^{{commit}}");
    let known = job
        .world
        .ask("git", &["rev-parse", "--verify", "--quiet", &commit]);
    if known.is_none() {
        let error = format!("the history here lacks {BEFORE}: fetch it whole");
        return vec![Check::new("the version before is at hand", Err(error))];
    }
    let home = job.world.own("before");
    let mut checks = Vec::new();
    for (package, storms) in STORMS {
        let player = source(job, &home).and_then(|source| build(job, &home, &source, package));
        let player = match player {
            Ok(player) => player,
            Err(error) => {
                let claim = format!("the tests of {package} of {BEFORE} build");
                checks.push(Check::new(claim, Err(error)));
                continue;
            }
        };
        for storm in *storms {
            let claim = format!("{package}: {storm}, half of the players of {BEFORE}");
            checks.push(Check::new(claim, rage(job, package, storm, &player)));
        }
        for (program, is_idle) in [
            (meeting(job, &home, package), false),
            (Ok(PathBuf::from("/bin/true")), true),
        ] {
            let met = program.and_then(|program| meet(job, package, &program));
            checks.push(match is_idle {
                false => {
                    let claim =
                        format!("{package}: devices, codes and records, in turn with {BEFORE}");
                    Check::new(claim, met)
                }
                true => {
                    let claim = format!("{package}: one that answers nothing is noticed");
                    Check::new(claim, noticed(met))
                }
            });
        }
        // The control: players that do not play must not go unnoticed.
        let claim = format!("{package}: a version before that does nothing is noticed");
        let idle = rage(job, package, storms[0], Path::new("/bin/true"));
        checks.push(Check::new(claim, noticed(idle)));
    }
    checks
}

/// Returns the sources of the version before, in a work tree of their own.
fn source(job: &mut Job<'_>, home: &Path) -> Result<PathBuf, String> {
    let source = home.join("source");
    if !source.join("Cargo.toml").exists() {
        let mut add = job.world.command("git");
        add.args(["worktree", "add", "--force", "--detach"]);
        add.arg(&source).arg(BEFORE);
        job.run(&mut add)?.succeeded()?;
    }
    Ok(source)
}

/// Builds the processes' test of a store as it was, and returns where that is.
fn build(job: &mut Job<'_>, home: &Path, source: &Path, package: &str) -> Result<PathBuf, String> {
    let mut build = job.world.command("cargo");
    build.args([
        "test",
        "--locked",
        "--no-run",
        "--test",
        "processes",
        "--package",
        package,
    ]);
    build
        .current_dir(source)
        .env("CARGO_TARGET_DIR", home.join("target"));
    let ran = job.run(&mut build)?;
    ran.succeeded()?;
    executable(&ran.output).ok_or_else(|| "cargo names no executable".into())
}

/// Turns it round: what must fail has.
fn noticed(ran: Result<(), String>) -> Result<(), String> {
    match ran {
        Ok(()) => Err("it passed".into()),
        Err(_) => Ok(()),
    }
}

/// Builds `tests/vectors/upgrade/meet.rs` by the version before, as an example of one of its stores.
fn meeting(job: &mut Job<'_>, home: &Path, package: &str) -> Result<PathBuf, String> {
    let store = package.rsplit('-').next().unwrap_or(package);
    let (source, name) = (home.join("source"), format!("meet_{store}"));
    let made = || {
        let folder = source.join("stores").join(store).join("examples");
        fs::create_dir_all(&folder)?;
        let text = fs::read_to_string(job.world.root.join("tests/vectors/upgrade/meet.rs"))?;
        let kind = match store {
            "sqlite" => "otp_engine_sqlite::SqliteStore",
            _ => "otp_engine_postgres::PostgresStore",
        };
        let open =
            format!("\nfn open(address: &str) -> {kind} {{ {kind}::open(address).unwrap() }}\n");
        fs::write(folder.join(&name).with_extension("rs"), text + &open)
    };
    made().map_err(|error| error.to_string())?;
    let mut build = job.world.command("cargo");
    build.args(["build", "--locked", "--package", package, "--example"]);
    build.arg(&name);
    let target = home.join("target");
    build.current_dir(&source).env("CARGO_TARGET_DIR", &target);
    job.run(&mut build)?.succeeded()?;
    Ok(target.join("debug/examples").join(name))
}

/// Runs the test in which this version and that program ask in turn.
fn meet(job: &mut Job<'_>, package: &str, program: &Path) -> Result<(), String> {
    let mut run = job.world.command("cargo");
    run.args(["test", "--locked", "--all-features", "--test", "upgrade"]);
    run.args(["--package", package, "--", "--ignored", "--show-output"]);
    run.arg("soak_upgrade");
    run.env(BESIDE, program);
    let ran = job.run(&mut run)?;
    ran.succeeded()?;
    let figures: Vec<_> = ran.output.lines().filter_map(Figure::of_line).collect();
    if figures.is_empty() {
        return Err("no test ran".into());
    }
    job.figures.extend(figures);
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

/// Runs one storm; the other half of its players, its judges and its server are of this version.
fn rage(job: &mut Job<'_>, package: &str, storm: &str, player: &Path) -> Result<(), String> {
    let mut run: Command = job.world.command("cargo");
    run.args([
        "test",
        "--locked",
        "--all-features",
        "--test",
        "processes",
        "--package",
        package,
    ]);
    run.args(["--", "--exact", storm, "--show-output"]);
    run.env(PLAYER, player);
    let ran = job.run(&mut run)?;
    ran.succeeded()?;
    let figures: Vec<_> = ran.output.lines().filter_map(Figure::of_line).collect();
    if !figures.iter().any(|figure| figure.what.starts_with(PLAYED)) {
        return Err("no player of the version before played".into());
    }
    job.figures.extend(figures);
    Ok(())
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
