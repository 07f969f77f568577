//! Linking: the name that programs ask for, what a static one needs, and what it takes along.

use std::fs;
use std::path::Path;

use super::build::{Linked, PLANTED, STATIC_LIBRARIES, c, plain, program};
use super::symbols::{names, no_socket};
use crate::job::Job;
use crate::part::Check;

/// What the dynamic linker looks for; another number comes with an incompatible ABI.
pub(super) const SONAME: &str = "libotp_engine.so.0";

/// The library bears its name, needs what the header says, and brings no socket function along.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let library = job.world.target.join("release/libotp_engine.so");
    let bears = soname(job, &library).and_then(|name| is_ours(&name));
    let mut checks = vec![
        Check::new("the library bears the name that programs ask for", bears),
        Check::new(
            "a static program needs what the header says, and nothing else",
            static_libraries(job),
        ),
    ];
    let example = "examples/c/sign_loan_offer.c";
    checks.push(Check::new(
        "a static program without unused sections works, and imports no socket function",
        lean(job, example).and_then(|imported| no_socket(&imported)),
    ));
    let planted = lean(job, &format!("{PLANTED}/socket.c"));
    checks.push(Check::new(
        "a planted socket in such a program is caught",
        planted.and_then(|imported| match no_socket(&imported) {
            Err(found) if found.ends_with(" socket") => Ok(()),
            other => Err(format!("{other:?}")),
        }),
    ));
    checks
}

/// Reads the name under which a shared library is asked for.
pub(super) fn soname(job: &Job<'_>, library: &Path) -> Result<String, String> {
    let shown = library.to_string_lossy();
    let answer = job.world.ask("readelf", &["--dynamic", "--wide", &shown]);
    let answer = answer.ok_or_else(|| format!("readelf failed on {shown}"))?;
    let line = answer.lines().find(|line| line.contains("(SONAME)"));
    let name = line.and_then(|line| line.split_once('[')?.1.split_once(']'));
    name.map(|(name, _)| name.to_owned())
        .ok_or_else(|| "it has no SONAME".to_owned())
}

pub(super) fn is_ours(name: &str) -> Result<(), String> {
    if name == SONAME {
        Ok(())
    } else {
        Err(format!("it is called {name}, not {SONAME}"))
    }
}

/// Asks the compiler what a static library needs, and compares.
fn static_libraries(job: &mut Job<'_>) -> Result<(), String> {
    let mut command = job.world.command("cargo");
    command.args(["rustc", "--locked", "--release", "--package"]);
    command.args(["otp-engine-c", "--lib", "--crate-type", "staticlib"]);
    command.args(["--", "--print", "native-static-libs"]);
    let ran = job.run(&mut command)?;
    ran.succeeded()?;
    let header = fs::read_to_string(job.world.root.join("include/otp_engine.h"));
    agree(&ran.output, &header.map_err(|error| error.to_string())?)
}

fn agree(said: &str, header: &str) -> Result<(), String> {
    let needed = said
        .lines()
        .find_map(|line| line.split_once("native-static-libs: "))
        .map(|(_, needed)| needed.trim())
        .ok_or("rustc named no libraries")?;
    let linked = STATIC_LIBRARIES.join(" ");
    if needed != linked {
        return Err(format!("needed: {needed}; linked here: {linked}"));
    }
    if !header.contains(&format!("A static program needs {needed}\n")) {
        return Err(format!("the header does not name {needed}"));
    }
    Ok(())
}

/// Builds a program without unused sections and runs it; returns what it imports.
fn lean(job: &mut Job<'_>, source: &str) -> Result<Vec<String>, String> {
    let program = program(job, source, c("c11"), Linked::Lean)?;
    job.run(&mut plain(job, &program))?.succeeded()?;
    let shown = program.to_string_lossy();
    let listed = job.world.ask("nm", &["-D", "--undefined-only", &shown]);
    listed
        .map(|listed| names(&listed))
        .ok_or_else(|| format!("nm failed on {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_is_caught() {
        assert_eq!(is_ours("libotp_engine.so.0"), Ok(()));
        assert!(is_ours("libotp_engine.so.0.1").is_err());
    }

    #[test]
    fn another_library_and_a_header_that_says_otherwise_are_caught() {
        let linked = STATIC_LIBRARIES.join(" ");
        let (said, header) = (
            format!("note: native-static-libs: {linked}\n"),
            format!(" * A static program needs {linked}\n * behind"),
        );
        assert_eq!(agree(&said, &header), Ok(()));
        assert!(agree(&said.replace("-lm", "-lssl"), &header).is_err());
        assert!(agree(&said, &header.replace("-lm", "-lssl")).is_err());
        assert!(agree("Finished", &header).is_err());
    }
}
