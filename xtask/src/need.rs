//! What a part needs on the machine, and how it gets there.
//!
//! Whether a thing is there is asked of the thing itself each time, which takes milliseconds: a
//! stamp that is kept apart from what it vouches for outlives it. Tools and Python packages are
//! installed under `target/xtask/`, so that nobody's own are touched; only Debian's packages and
//! the toolchain's components are the machine's.

use core::time::Duration;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use xshell::cmd;

use crate::coverage;
use crate::job::Job;

/// Something that must be installed before a part can run.
#[derive(Debug)]
pub(crate) enum Need {
    /// Debian packages, between spaces.
    Apt(&'static str),
    /// A component of the toolchain that is the subcommand of cargo with this name.
    Component(&'static str),
    /// A subcommand of cargo, and its version, exactly: its figures are compared over time.
    CargoTool(&'static str, &'static str),
    /// The LLVM programs that read the profiles of the compiler in use.
    LlvmTools,
    /// Python packages for the Python under `target/xtask/venv/`: the file in `xtask/requirements`
    /// that pins them all, those too that they depend on, as a run of today must be that of tomorrow.
    Pip(&'static str),
    /// The same in an environment of its own, `target/xtask/NAME/`: for what others must not meet.
    OwnPip(&'static str),
    /// What the lock file in a folder of the repository names, in the folder of that name under
    /// `target/xtask/`, beside the sources of that folder.
    Npm(&'static str),
}

/// What judges pages: axe-core, for their tests alone.
pub(crate) const AXE: Need = Need::Npm("bindings/odoo/tests_browser/axe");
/// Where its program then is, under `target/xtask/`.
pub(crate) const AXE_PROGRAM: &str = "axe/node_modules/axe-core/axe.min.js";

/// Installs those of `needs` that are absent; one at a time, whoever asks.
///
/// # Errors
///
/// What to install by hand, where the runner may not (it is not root on Debian) or cannot.
pub(crate) fn install(job: &mut Job<'_>, needs: &[Need]) -> Result<()> {
    // One at a time: a folder that two fill at once is neither's.
    static INSTALLING: Mutex<()> = Mutex::new(());
    for need in needs {
        let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        match need {
            Need::Apt(packages) => apt(job, packages)?,
            Need::Component(name) => component(job, name)?,
            Need::CargoTool(name, version) => cargo_tool(job, name, version)?,
            Need::LlvmTools => {
                if coverage::llvm(job.world).is_none() {
                    apt(job, &coverage::llvm_package(job.world)?)?;
                    coverage::llvm(job.world).context("llvm-cov is still not found")?;
                }
            }
            Need::Pip(list) => pip(job, list, "venv")?,
            Need::OwnPip(list) => pip(job, list, list)?,
            Need::Npm(folder) => npm(job, folder)?,
        }
    }
    Ok(())
}

fn apt(job: &mut Job<'_>, packages: &str) -> Result<()> {
    let (sh, world) = (job.sh(), job.world);
    let form = "${db:Status-Status}";
    let is_absent = |package: &&str| {
        let status = world.ask(cmd!(sh, "dpkg-query -W -f {form} {package}"));
        status.unwrap_or_default() != "installed"
    };
    let absent: Vec<_> = packages.split_whitespace().filter(is_absent).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let by_hand = format!("please install: apt-get install {}", absent.join(" "));
    let is_root = world.ask(cmd!(sh, "id -u")).unwrap_or_default() == "0";
    if !is_root || world.ask(cmd!(sh, "apt-get --version")).is_err() {
        bail!(by_hand);
    }
    static UPDATED: Once = Once::new();
    let mut updated = Ok(());
    UPDATED.call_once(|| updated = apt_get(job, &["update", "-q"]));
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    updated
        .and_then(|()| apt_get(job, &[&install, &*absent].concat()))
        .context(by_hand)
}

/// How long another installation is waited for, and the pause between two tries.
const LOCKED: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(2);

fn apt_get(job: &mut Job<'_>, args: &[&str]) -> Result<()> {
    apt_get_within(job, args, LOCKED)
}

#[expect(clippy::disallowed_methods, reason = "bounds a wait")]
fn apt_get_within(job: &mut Job<'_>, args: &[&str], wait: Duration) -> Result<()> {
    let end = Instant::now() + wait;
    let mut told = false;
    loop {
        // For dpkg's lock apt waits itself; for those on its lists and archives it does not.
        let left = end.saturating_duration_since(Instant::now());
        let timeout = format!("DPkg::Lock::Timeout={}", left.as_secs());
        let command = cmd!(job.sh(), "apt-get -o {timeout} {args...}")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C"); // what it says of a lock is read
        let ran = job.run(command)?;
        if ran.status.success() || !is_locked(&ran.output) || left < PAUSE {
            return ran.code(0).map(drop).context("apt-get");
        }
        if !told {
            eprintln!("another installation holds apt's lock: waiting for it, at most {wait:?}");
            told = true;
        }
        thread::sleep(PAUSE);
    }
}

/// Says whether apt gave up because another installation holds a lock.
fn is_locked(output: &str) -> bool {
    output.contains("E: Could not get lock")
}

fn component(job: &mut Job<'_>, name: &str) -> Result<()> {
    if job
        .world
        .ask(cmd!(job.sh(), "cargo {name} --version"))
        .is_ok()
    {
        return Ok(());
    }
    // The component with `cargo fmt` is rustfmt.
    let component = if name == "fmt" { "rustfmt" } else { name };
    job.pass(cmd!(job.sh(), "rustup component add {component}"))
        .map(drop)
        .with_context(|| format!("please run: rustup component add {component}"))
}

fn cargo_tool(job: &mut Job<'_>, name: &str, version: &str) -> Result<()> {
    // `cargo c` is short for `cargo check`.
    let subcommand = match name {
        "cargo-c" => "cinstall",
        _ => name.trim_start_matches("cargo-"),
    };
    let (sh, world) = (job.sh(), job.world);
    let is_there = || {
        let answer = world.ask(cmd!(sh, "cargo {subcommand} --version"));
        answer.is_ok_and(|answer| states(&answer, version))
    };
    if is_there() {
        return Ok(());
    }
    let root = world.own("tools");
    job.pass(cmd!(
        sh,
        "cargo install --locked --quiet --root {root} {name}@{version}"
    ))
    .and_then(|_| is_there().then_some(()).context("it is not found"))
    .with_context(|| format!("please run: cargo install --locked {name}@{version}"))
}

/// Says whether `answer`, such as `cargo-mutants 27.1.0`, states `version`.
fn states(answer: &str, version: &str) -> bool {
    answer.split_whitespace().any(|word| word == version)
}

fn pip(job: &mut Job<'_>, list: &str, home: &str) -> Result<()> {
    let sh = job.sh();
    let wanted = job.world.read(&format!("xtask/requirements/{list}.txt"))?;
    let home = job.world.own(home);
    let stamp = home.join("installed.txt"); // inside, so that it goes when the packages go
    let installed = sh.read_file(&stamp).unwrap_or_default();
    let absent = absent(&installed, &wanted);
    if absent.is_empty() {
        return Ok(());
    }
    if !stamp.exists() {
        apt(job, "python3-venv")?;
        job.pass(cmd!(sh, "python3 -m venv --clear {home}"))?;
    }
    let (program, packages) = (home.join("bin/pip"), &absent);
    job.pass(cmd!(sh, "{program} install --quiet {packages...}"))
        .with_context(|| format!("pip install {}", absent.join(" ")))?;
    Ok(sh.write_file(stamp, format!("{installed}{}\n", absent.join("\n")))?)
}

fn npm(job: &mut Job<'_>, folder: &str) -> Result<()> {
    let sh = job.sh();
    let home = job.world.own(folder.rsplit('/').next().unwrap_or(folder));
    sh.create_dir(&home)?;
    for source in sh.read_dir(folder)? {
        sh.copy_file(source, &home)?;
    }
    let wanted = sh.read_file(home.join("package-lock.json"))?;
    let stamp = home.join("node_modules/installed.json"); // inside, so that it goes when they go
    if sh.read_file(&stamp).unwrap_or_default() == wanted {
        return Ok(());
    }
    if job.world.ask(cmd!(sh, "npm --version")).is_err() {
        apt(job, "nodejs npm")?;
    }
    job.pass(cmd!(
        sh,
        "npm ci --prefix {home} --ignore-scripts --no-audit --no-fund"
    ))
    .with_context(|| format!("npm ci in {}", home.display()))?;
    Ok(sh.write_file(stamp, wanted)?)
}

/// Returns the lines of `wanted` that are not among those of `installed`.
fn absent<'a>(installed: &str, wanted: &'a str) -> Vec<&'a str> {
    let is_absent = |package: &&str| !installed.lines().any(|line| line == *package);
    wanted
        .lines()
        .filter(|line| !line.is_empty() && is_absent(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::world::World;

    #[test]
    fn another_installation_is_waited_for_and_no_other_failure_is() {
        assert!(is_locked(
            "Reading package lists...\nE: Could not get lock /var/lib/apt/lists/lock. It is held \
             by process 14621 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/\n"
        ));
        assert!(!is_locked("E: Unable to locate package x\n"));
    }

    /// Holds the lock as apt does, says so, and lets it go after so many seconds.
    const HOLDER: &str = "import fcntl, sys, time; lock = open(sys.argv[1], 'w'); \
                          fcntl.lockf(lock, fcntl.LOCK_EX); print(flush=True); \
                          time.sleep(float(sys.argv[2]))";

    /// Lets apt read lists of a folder of its own, whose lock another process holds for so many
    /// seconds.
    #[expect(clippy::disallowed_methods, reason = "measures a wait")]
    fn beside_another(seconds: &str, wait: Duration) -> (Result<()>, Duration) {
        let world = World::new(Some(1)).unwrap();
        let mut job = Job::new(&world, "self-test", "apt").unwrap();
        let home = world.sh.create_temp_dir().unwrap();
        let home = home.path();
        world.sh.create_dir(home.join("lists/partial")).unwrap();
        world.sh.create_dir(home.join("archives/partial")).unwrap();
        let own = format!(
            "Dir::State::Lists \"{0}/lists\"; Dir::Cache \"{0}\"; Dir::Etc::sourcelist \"/dev/null\"; \
             Dir::Etc::sourceparts \"/dev/null\";",
            home.display()
        );
        let config = home.join("apt.conf");
        world.sh.write_file(&config, own).unwrap();
        let mut other = Command::new("python3")
            .args(["-c", HOLDER])
            .arg(home.join("lists/lock"))
            .arg(seconds)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0];
        other.stdout.take().unwrap().read_exact(&mut held).unwrap();
        let begun = Instant::now();
        let config = config.to_string_lossy();
        let ended = apt_get_within(&mut job, &["-c", &*config, "update"], wait);
        let took = begun.elapsed();
        let _ = other.kill();
        other.wait().unwrap();
        (ended, took)
    }

    #[test]
    fn case_496_a_lock_that_another_holds_is_waited_for_and_not_for_ever() {
        let (ended, took) = beside_another("3", LOCKED);
        ended.unwrap();
        assert!(took >= Duration::from_secs(2), "{took:?}");
        let (ended, _) = beside_another("600", PAUSE + Duration::from_secs(1));
        assert!(ended.is_err());
    }

    #[test]
    fn a_tool_counts_only_in_the_version_that_is_wanted() {
        assert!(states("cargo-mutants 27.1.0", "27.1.0"));
        assert!(states("cargo-llvm-cov 0.9.1 (abc)", "0.9.1"));
        assert!(!states("cargo-mutants 27.1.01", "27.1.0"));
        assert!(!states("", "27.1.0"));
    }

    #[test]
    fn python_packages_count_only_in_the_version_that_is_wanted() {
        let installed = "ruff==0.8.1\nmypy==1.13.0\n";
        assert_eq!(absent(installed, "mypy==1.13.0\n"), [""; 0]);
        assert_eq!(
            absent(installed, "mypy==1.13\nruff==0.8.1\n"),
            ["mypy==1.13"]
        );
        assert_eq!(absent("", "mypy==1.13.0"), ["mypy==1.13.0"]);
    }

    #[test]
    fn where_nothing_is_wanted_nothing_is_done() {
        let world = World::new(Some(1)).unwrap();
        let mut job = Job::new(&world, "self-test", "need").unwrap();
        assert!(install(&mut job, &[Need::Apt("")]).is_ok());
        assert_eq!(job.text(), "");
    }
}
