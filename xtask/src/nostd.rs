//! Shows that the core and what it draws in do without the standard library.
//!
//! A build for this machine proves little: std is there for any crate that takes it. So a probe
//! brings a panic handler of its own, which the compiler refuses wherever std is among the crates,
//! at any depth. The refusal is seen in the same run, on a crate that does use std.

use std::fs;
use std::path::Path;

use crate::dependencies::CORE;
use crate::job::Job;
use crate::part::Check;

const PROBE: &str = "#![no_std]
use subject as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

/// What the compiler says when there are two panic handlers.
const REFUSAL: &str = "duplicate lang item `panic_impl`";

/// Builds the core without default features, and probes what came out.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let home = job.world.own("nostd");
    let mut checks = vec![
        Check::new("the core builds without std", build(job, &home, None)),
        Check::new(
            "no crate behind it takes std",
            probe(job, &home, &home.join("debug/libotp_engine.rlib")).and_then(
                |found| match found {
                    Std::Absent => Ok(()),
                    Std::Taken => Err("std is among its crates".into()),
                },
            ),
        ),
        Check::new("the probe sees std where it is taken", control(job, &home)),
    ];
    let targets = job.world.ask("rustup", &["target", "list", "--installed"]);
    let bare: Vec<_> = targets
        .iter()
        .flat_map(|targets| targets.lines())
        .filter(|target| is_bare(target))
        .map(str::to_owned)
        .collect();
    if bare.is_empty() {
        job.note("no target without std is installed (rustup target add thumbv7em-none-eabi)");
    }
    for target in bare {
        let built = build(job, &home, Some(&target));
        checks.push(Check::new(format!("the core builds for {target}"), built));
    }
    checks
}

/// Says whether `target` has no operating system, hence no std.
fn is_bare(target: &str) -> bool {
    target.split('-').any(|word| word == "none")
}

fn build(job: &mut Job<'_>, home: &Path, target: Option<&str>) -> Result<(), String> {
    let mut command = job.world.command("cargo");
    command.args([
        "build",
        "--locked",
        "--package",
        CORE,
        "--lib",
        "--no-default-features",
        "--features",
        "async",
    ]);
    command.arg("--target-dir").arg(home);
    if let Some(target) = target {
        command.args(["--target", target]);
    }
    job.run(&mut command)?.succeeded()
}

/// Whether std is among the crates behind a library.
enum Std {
    Absent,
    Taken,
}

fn probe(job: &mut Job<'_>, home: &Path, library: &Path) -> Result<Std, String> {
    fs::create_dir_all(home).map_err(|error| error.to_string())?;
    let source = home.join("probe.rs");
    fs::write(&source, PROBE).map_err(|error| error.to_string())?;
    let mut command = job.world.command("rustc");
    command.args([
        "--edition",
        "2024",
        "--crate-type",
        "rlib",
        "--emit",
        "metadata",
    ]);
    command
        .arg("--extern")
        .arg(format!("subject={}", library.display()));
    command
        .arg("-L")
        .arg(format!("dependency={}", home.join("debug/deps").display()));
    command.arg("--out-dir").arg(home).arg(&source);
    let ran = job.run(&mut command)?;
    match ran.succeeded() {
        Ok(()) => Ok(Std::Absent),
        Err(_) if ran.output.contains(REFUSAL) => Ok(Std::Taken),
        Err(error) => Err(error),
    }
}

/// Probes a crate without std that depends on one with it.
fn control(job: &mut Job<'_>, home: &Path) -> Result<(), String> {
    let write = |name: &str, text| fs::write(home.join(name), text);
    fs::create_dir_all(home)
        .and_then(|()| {
            write(
                "inner.rs",
                "pub fn now() -> std::time::SystemTime { std::time::UNIX_EPOCH }",
            )
        })
        .and_then(|()| write("outer.rs", "#![no_std]\npub use inner::now;"))
        .map_err(|error| error.to_string())?;
    for name in ["inner", "outer"] {
        let mut command = job.world.command("rustc");
        command.args(["--edition", "2024", "--crate-type", "rlib"]);
        command.arg("--out-dir").arg(home).arg("-L").arg(home);
        if name == "outer" {
            command.args(["--extern", "inner"]);
        }
        command.arg(home.join(name).with_extension("rs"));
        job.run(&mut command)?.succeeded()?;
    }
    // The probe looks for what a library needs where cargo puts it.
    fs::copy(
        home.join("libinner.rlib"),
        home.join("debug/deps/libinner.rlib"),
    )
    .map_err(|error| error.to_string())?;
    match probe(job, home, &home.join("libouter.rlib"))? {
        Std::Taken => Ok(()),
        Std::Absent => Err("it did not".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_without_an_operating_system_are_known_by_their_name() {
        assert!(is_bare("thumbv7em-none-eabi"));
        assert!(is_bare("x86_64-unknown-none"));
        assert!(!is_bare("x86_64-unknown-linux-gnu"));
        assert!(!is_bare("wasm32-unknown-unknown"));
    }
}
