//! What a part needs on the machine, and how it gets there.
//!
//! Whether a thing is there is asked of the thing itself each time, which takes milliseconds: a
//! stamp that is kept apart from what it vouches for outlives it. Tools and Python packages are
//! installed under `target/xtask/`, so that nobody's own are touched; only Debian's packages and
//! the toolchain's components are the machine's.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::fs;
use std::thread;

use crate::job::Job;
use crate::llvm;
use crate::world::World;

/// Something that must be installed before a part can run.
#[derive(Debug)]
pub(crate) enum Need {
    /// Debian packages.
    Apt(&'static [&'static str]),
    /// A component of the toolchain that is the subcommand of cargo with this name.
    Component(&'static str),
    /// A subcommand of cargo, in exactly this version: its figures are compared over time.
    CargoTool {
        name: &'static str,
        version: &'static str,
    },
    /// The LLVM programs that read the profiles of the compiler in use.
    LlvmTools,
    /// Python packages, each as `name==version`, for the Python under `target/xtask/venv/`.
    Pip(&'static [&'static str]),
}

/// Installs those of `needs` that are absent.
///
/// # Errors
///
/// What to install by hand, where the runner may not (it is not root on Debian) or cannot.
pub(crate) fn install(job: &mut Job<'_>, needs: &[Need]) -> Result<(), String> {
    for need in needs {
        match need {
            Need::Apt(packages) => apt(job, packages)?,
            Need::Component(name) => component(job, name)?,
            Need::CargoTool { name, version } => cargo_tool(job, name, version)?,
            Need::LlvmTools => {
                if llvm::tools(job.world).is_none() {
                    apt(job, &[&llvm::package(job.world)?])?;
                    llvm::tools(job.world).ok_or("llvm-cov is still not found")?;
                }
            }
            Need::Pip(packages) => pip(job, packages)?,
        }
    }
    Ok(())
}

fn apt(job: &mut Job<'_>, packages: &[&str]) -> Result<(), String> {
    let there = |package: &str| {
        let answer = job
            .world
            .ask("dpkg-query", &["-W", "-f=${db:Status-Status}", package]);
        answer.as_deref() == Some("installed")
    };
    let absent: Vec<_> = packages
        .iter()
        .copied()
        .filter(|package| !there(package))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    let by_hand = format!("please install: apt-get install {}", absent.join(" "));
    if !may_use_apt(job.world) {
        return Err(by_hand);
    }
    if !job.world.apt_updated.swap(true, Ordering::Relaxed) {
        apt_get(job, &["update", "-q"]).map_err(|error| format!("{error}; {by_hand}"))?;
    }
    let mut args = vec!["install", "-q", "-y", "--no-install-recommends"];
    args.extend(&absent);
    apt_get(job, &args).map_err(|error| format!("{error}; {by_hand}"))
}

/// How long somebody else's installation is waited for.
const LOCKED: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(2);

fn apt_get(job: &mut Job<'_>, args: &[&str]) -> Result<(), String> {
    let mut tries = LOCKED.as_secs() / PAUSE.as_secs();
    loop {
        let mut command = job.world.command("apt-get");
        // For dpkg's lock apt waits itself; for those on its lists and archives it does not.
        let timeout = format!("DPkg::Lock::Timeout={}", LOCKED.as_secs());
        command.args(["-o", &timeout]).args(args);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.env("LC_ALL", "C"); // what it says of a lock is read
        let ran = job.run(&mut command)?;
        if ran.status.success() || !is_locked(&ran.output) || tries == 0 {
            return ran
                .succeeded()
                .map_err(|error| format!("apt-get {}: {error}", args[0]));
        }
        tries -= 1;
        thread::sleep(PAUSE);
    }
}

/// Says whether apt gave up because another installation holds a lock.
fn is_locked(output: &str) -> bool {
    output.contains("E: Could not get lock")
}

fn may_use_apt(world: &World) -> bool {
    world.ask("id", &["-u"]).as_deref() == Some("0")
        && world.ask("apt-get", &["--version"]).is_some()
}

fn component(job: &mut Job<'_>, name: &str) -> Result<(), String> {
    if job.world.ask("cargo", &[name, "--version"]).is_some() {
        return Ok(());
    }
    // The component with `cargo fmt` is rustfmt.
    let component = if name == "fmt" { "rustfmt" } else { name };
    let mut command = job.world.command("rustup");
    command.args(["component", "add", component]);
    let added = job.run(&mut command).and_then(|ran| ran.succeeded());
    added.map_err(|error| format!("please run: rustup component add {component} ({error})"))
}

fn cargo_tool(job: &mut Job<'_>, name: &str, version: &str) -> Result<(), String> {
    // `cargo c` is short for `cargo check`.
    let subcommand = match name {
        "cargo-c" => "cinstall",
        _ => name.strip_prefix("cargo-").unwrap_or(name),
    };
    let there = |world: &World| {
        let answer = world.ask("cargo", &[subcommand, "--version"]);
        answer.is_some_and(|answer| states(&answer, version))
    };
    if there(job.world) {
        return Ok(());
    }
    let mut command = job.world.command("cargo");
    command.args(["install", "--locked", "--quiet", "--root"]);
    command.arg(job.world.own("tools"));
    command.arg(format!("{name}@{version}"));
    let installed = job.run(&mut command).and_then(|ran| ran.succeeded());
    installed
        .and_then(|()| {
            there(job.world)
                .then_some(())
                .ok_or_else(|| "it is not found".into())
        })
        .map_err(|error| format!("please run: cargo install --locked {name}@{version} ({error})"))
}

/// Says whether `answer`, such as `cargo-mutants 27.1.0`, states `version`.
fn states(answer: &str, version: &str) -> bool {
    answer.split_whitespace().any(|word| word == version)
}

fn pip(job: &mut Job<'_>, packages: &[&str]) -> Result<(), String> {
    let home = job.world.own("venv");
    let stamp = home.join("installed.txt"); // inside, so that it goes when the packages go
    let installed = fs::read_to_string(&stamp).unwrap_or_default();
    let absent = absent(&installed, packages);
    if absent.is_empty() {
        return Ok(());
    }
    if !stamp.exists() {
        apt(job, &["python3-venv"])?;
        let mut command = job.world.command("python3");
        command.args(["-m", "venv", "--clear"]).arg(&home);
        job.run(&mut command)?.succeeded()?;
    }
    let program = home.join("bin").join("pip");
    let mut command = job.world.command(&program.to_string_lossy());
    command.args(["install", "--quiet"]).args(&absent);
    job.run(&mut command)?
        .succeeded()
        .map_err(|error| format!("pip install {}: {error}", absent.join(" ")))?;
    let all = format!("{installed}{}\n", absent.join("\n"));
    fs::write(stamp, all).map_err(|error| error.to_string())
}

/// Returns those of `wanted` that are not among the lines of `installed`.
fn absent<'a>(installed: &str, wanted: &[&'a str]) -> Vec<&'a str> {
    let there = |package: &&str| installed.lines().any(|line| line == *package);
    wanted
        .iter()
        .copied()
        .filter(|package| !there(package))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_installation_is_waited_for_and_no_other_failure_is() {
        assert!(is_locked(
            "Reading package lists...\nE: Could not get lock /var/lib/apt/lists/lock. It is held \
             by process 14621 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/\n"
        ));
        assert!(!is_locked("E: Unable to locate package x\n"));
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
        assert_eq!(absent(installed, &["mypy==1.13.0"]), [""; 0]);
        assert_eq!(
            absent(installed, &["mypy==1.13", "ruff==0.8.1"]),
            ["mypy==1.13"]
        );
        assert_eq!(absent("", &["mypy==1.13.0"]), ["mypy==1.13.0"]);
    }

    #[test]
    fn where_nothing_is_wanted_nothing_is_done() {
        let world = World::new(Some(1));
        let mut job = Job::new(&world, "self-test-need").unwrap();
        let needs = [Need::Apt(&[]), Need::Pip(&[])];
        assert_eq!(install(&mut job, &needs), Ok(()));
        assert_eq!(job.text(), "");
    }
}
