//! Shows that the core, the log and what they draw in do without the standard library.
//!
//! A build for this machine proves little: std is there for any crate that takes it. So a probe
//! brings a panic handler of its own, which the compiler refuses wherever std is among the crates,
//! at any depth. The refusal is seen in the same run, on a crate that does use std.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use xshell::cmd;

use crate::dependencies::CORE;
use crate::job::Job;

const PROBE: &str = "#![no_std]
use subject as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

/// What the compiler says when there are two panic handlers.
const REFUSAL: &str = "duplicate lang item `panic_impl`";

/// A crate that is built without std, its features without std, and its library.
const BARE: [(&str, &str, &str); 2] = [
    (CORE, "async", "libotp_engine.rlib"),
    ("otp-log", "ml-dsa", "libotp_log.rlib"),
];

/// Builds the core and the log without default features, and probes what came out.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (sh, home) = (job.sh(), job.world.own("nostd"));
    let build = |job: &mut Job<'_>, name: &str, features: &str, target: &[&str]| {
        let build = cmd!(
            sh,
            "cargo build --locked --package {name} --lib --no-default-features --features {features}
             --target-dir {home}"
        );
        job.pass(build.args(target)).map(drop)
    };
    for (name, features, library) in BARE {
        job.check(format!("{name} builds without std"), |job| {
            build(job, name, features, &[])
        });
        job.check(format!("no crate behind {name} takes std"), |job| {
            let takes = takes_std(job, &home, &home.join("debug").join(library))?;
            ensure!(!takes, "std is among its crates");
            Ok(())
        });
    }
    job.check("the probe sees std where it is taken", |job| {
        control(job, &home)
    });
    let targets = job.world.ask(cmd!(sh, "rustup target list --installed"));
    let targets = targets.unwrap_or_default();
    let bare: Vec<_> = targets.lines().filter(|target| is_bare(target)).collect();
    if bare.is_empty() {
        job.note("no target without std is installed (rustup target add thumbv7em-none-eabi)");
    }
    for target in bare {
        for (name, features, _) in BARE {
            job.check(format!("{name} builds for {target}"), |job| {
                build(job, name, features, &["--target", target])
            });
        }
    }
}

/// Says whether `target` has no operating system, hence no std.
fn is_bare(target: &str) -> bool {
    target.split('-').any(|word| word == "none")
}

/// Says whether std is among the crates behind a library.
fn takes_std(job: &mut Job<'_>, home: &Path, library: &Path) -> Result<bool> {
    let source = home.join("probe.rs");
    job.sh().write_file(&source, PROBE)?;
    let subject = format!("subject={}", library.display());
    let deps = format!("dependency={}", home.join("debug/deps").display());
    let ran = job.run(cmd!(
        job.sh(),
        "rustc --edition 2024 --crate-type rlib --emit metadata --extern {subject} -L {deps}
         --out-dir {home} {source}"
    ))?;
    match ran.status.success() {
        true => Ok(false),
        false if ran.output.contains(REFUSAL) => Ok(true),
        false => bail!("{}", ran.status),
    }
}

/// Probes a crate without std that depends on one with it.
fn control(job: &mut Job<'_>, home: &Path) -> Result<()> {
    let sh = job.sh();
    for (name, text, inner) in [
        (
            "inner",
            "pub fn now() -> std::time::SystemTime { std::time::UNIX_EPOCH }",
            &[][..],
        ),
        (
            "outer",
            "#![no_std]\npub use inner::now;",
            &["--extern", "inner"],
        ),
    ] {
        let source = home.join(name).with_extension("rs");
        sh.write_file(&source, text)?;
        let rustc = cmd!(
            sh,
            "rustc --edition 2024 --crate-type rlib --out-dir {home} -L {home}"
        );
        job.pass(rustc.args(inner).arg(source))?;
    }
    // The probe looks for what a library needs where cargo puts it.
    sh.copy_file(home.join("libinner.rlib"), home.join("debug/deps"))?;
    let outer = home.join("libouter.rlib");
    ensure!(takes_std(job, home, &outer)?, "it did not");
    Ok(())
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
