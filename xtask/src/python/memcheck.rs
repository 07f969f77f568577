//! The ends of handles under valgrind's memcheck: closed in the middle of calls, collected, and
//! overtaken by the end of the interpreter.
//!
//! CPython itself makes memcheck complain. What counts is what has the library in its stack, by a
//! report that names the object of every frame; a planted use of freed memory must be in it.

use std::fs;
use std::path::Path;

use super::{PACKAGE, python};
use crate::job::Job;
use crate::part::Check;

/// What of the library is in a report.
#[derive(Debug, Default, Eq, PartialEq)]
struct Found {
    /// Memory that was used when it was not there.
    wrong: usize,
    /// Memory that nobody refers to any more.
    lost: usize,
}

/// Runs `lifecycle.py` in each of its ways from the installed wheel.
pub(super) fn checks(job: &mut Job<'_>, fresh: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
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
    ] {
        let found = run(job, fresh, way).and_then(|found| match found {
            Found { wrong: 0, lost: 0 } => Ok(()),
            // A process that ends leaves what its threads were using.
            Found { wrong: 0, .. } if way == "shutdown" => Ok(()),
            other => Err(format!("in the library: {other:?}")),
        });
        checks.push(Check::new(claim, found));
    }
    let planted = run(job, fresh, "planted").and_then(|found| match found {
        Found { wrong: 1.., .. } => Ok(()),
        Found { wrong: 0, .. } => Err("it went through".into()),
    });
    checks.push(Check::new(
        "a planted use of a freed engine is caught by memcheck",
        planted,
    ));
    checks
}

fn run(job: &mut Job<'_>, fresh: &Path, way: &str) -> Result<Found, String> {
    let report = job.world.own("python").join(format!("memcheck-{way}.xml"));
    let mut command = job.world.command("valgrind");
    command
        .args(["-q", "--num-callers=40", "--leak-check=full"])
        // Without it one spinning thread may keep the others waiting for minutes on an idle machine.
        .arg("--fair-sched=yes")
        .args(["--show-leak-kinds=definite", "--xml=yes"])
        .arg(format!("--xml-file={}", report.display()))
        // The program itself: a script that starts it would be looked at in its place.
        .arg(python(fresh))
        .arg(format!("{PACKAGE}/tests/lifecycle.py"))
        .arg(way)
        .env("PYTHONMALLOC", "malloc")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("OTP_ENGINE_LIBRARY")
        .env_remove("PYTHONPATH");
    let ran = job.run(&mut command)?;
    ran.succeeded()?;
    if way != "planted" && !ran.output.contains(&format!("{way}: done")) {
        return Err("it did not come to its end".into());
    }
    let report = fs::read_to_string(&report).map_err(|error| error.to_string())?;
    read(&report)
}

/// Counts what has the library in its stack.
fn read(report: &str) -> Result<Found, String> {
    if !report.contains("<state>FINISHED</state>") {
        return Err("memcheck's report has no end".into());
    }
    let mut found = Found::default();
    for error in report.split("<error>").skip(1) {
        let error = error.split("</error>").next().unwrap_or(error);
        match (
            error.contains("libotp_engine"),
            error.contains("<kind>Leak_"),
        ) {
            (true, true) => found.lost += 1,
            (true, false) => found.wrong += 1,
            (false, _) => {} // another's
        }
    }
    Ok(found)
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
        assert_eq!(read(&report), Ok(Found { wrong: 1, lost: 1 }));
        assert!(read(&error("InvalidRead", own)).is_err());
        assert_eq!(read("<state>FINISHED</state>"), Ok(Found::default()));
    }
}
