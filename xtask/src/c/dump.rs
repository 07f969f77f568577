//! A core dump after use holds no code and no secret; a program that does not wipe is the control.

use super::DUMP;
use super::build::{Linked, c, caught, plain, program, source};
use crate::job::Job;
use crate::part::Check;

/// Searches dumps of the main job, with codes of ten digits and with tokens.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (linked, how) in [
        (Linked::Dynamically, "dynamic"),
        (Linked::Statically, "static"),
    ] {
        for (what, args, all) in [
            ("ten digits", &[][..], "9 needles, 9 found"),
            ("a token", &["--token"], "5 needles, 5 found"),
        ] {
            checks.push(Check::new(
                format!("a dump after use holds no code of {what} and no secret: {how}"),
                dumped(job, linked, args).and_then(|(success, output)| {
                    let none = success && output.contains(" 0 found,");
                    none.then_some(()).ok_or_else(|| "see the log".into())
                }),
            ));
            let unwiped = [args, &["--unwiped"]].concat();
            checks.push(Check::new(
                format!("what is not wiped is found, each piece of it: {what}, {how}"),
                dumped(job, linked, &unwiped)
                    .and_then(|(success, output)| caught(success, &output, all)),
            ));
        }
    }
    checks
}

fn dumped(job: &mut Job<'_>, linked: Linked, args: &[&str]) -> Result<(bool, String), String> {
    let program = program(job, &source(DUMP), c("c11"), linked)?;
    let ran = job.run(plain(job, &program).args(args))?;
    Ok((ran.status.success(), ran.output))
}
