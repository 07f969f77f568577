//! The ABI baseline: what `bindings/c/abi/otp_engine.abi` says of the header is still so.
//!
//! The comparison reads the debug information of a stub that is made of the header, as C++: of the
//! library itself it would read private fields, and as C it would lose the enumerations.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use super::build::{HEADER, folder};
use crate::job::{Job, Ran};

const BASELINE: &str = "bindings/c/abi/otp_engine.abi";

/// Set to write the baseline anew, in place of comparing with it.
const WRITE: &str = "OTP_WRITE_ABI";

/// Changes of the header that the comparison must catch: what, the text, what takes its place, and what
/// the comparison must say of it.
const PLANTS: &[(&str, &str, &str, &str)] = &[
    (
        "a member inserted into a table of callbacks",
        "  otp_store_commit_fn commit;\n",
        "  otp_store_purge_fn planted;\n  otp_store_commit_fn commit;\n",
        "'otp_store_purge_fn planted', at offset",
    ),
    (
        "a changed status",
        "  OTP_STATUS_CONTENDED = 15,",
        "  OTP_STATUS_CONTENDED = 16,",
        "'otp_status::OTP_STATUS_CONTENDED' from value '15' to '16'",
    ),
    (
        "a changed number that crosses as an integer",
        "  OTP_REJECTION_LOCKED = 10,",
        "  OTP_REJECTION_LOCKED = 13,",
        "OTP_REJECTION_LOCKED' from value '10' to '13'",
    ),
    (
        "a changed macro",
        "#define OTP_CODE_TOKEN 3",
        "#define OTP_CODE_TOKEN 4",
        "macro_OTP_CODE_TOKEN' from value '3' to '4'",
    ),
    (
        "a narrower member",
        "  size_t code_count;",
        "  uint32_t code_count;",
        "type of 'size_t code_count' changed",
    ),
];

/// The header is as the baseline has it, and the comparison sees each planted change.
pub(crate) fn checks(job: &mut Job<'_>) {
    let home = folder(job).join("abi");
    job.check("the ABI is that of the baseline", |job| {
        let (sh, python, stub) = (job.sh(), job.world.venv("python"), home.join("stub.cpp"));
        sh.create_dir(&home)?;
        job.pass(cmd!(sh, "{python} bindings/python/gen_stub.py {stub}"))?;
        let header = job.world.read(HEADER)?;
        let library = compiled(job, &home, "found", &header)?;
        if std::env::var_os(WRITE).is_some() {
            let told = ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs"];
            job.pass(cmd!(sh, "abidw {told...} --out-file {BASELINE} {library}"))?;
            job.note(format!("{BASELINE} is written anew: read what changed"));
        }
        compared(job, &library)?.code(0).map(drop).with_context(|| {
            format!("the ABI differs; if that is meant: {WRITE}=1 cargo xtask test --only c")
        })
    });
    for (claim, from, to, reason) in PLANTS {
        job.check(format!("{claim} is caught by abidiff"), |job| {
            let header = job.world.read(HEADER)?;
            ensure!(header.matches(from).count() == 1, "not one {from}");
            let library = compiled(job, &home, "planted", &header.replace(from, to))?;
            let ran = compared(job, &library)?;
            // 4 is "the ABI changed"; 1 and 2 are failures of the tool itself.
            let is_told = ran.status.code().is_some_and(|code| code & 3 == 0);
            ensure!(is_told, "abidiff failed");
            ran.caught(reason)
        });
    }
}

/// Compiles the stub against `header`.
fn compiled(job: &mut Job<'_>, home: &Path, name: &str, header: &str) -> Result<PathBuf> {
    let (sh, folder) = (job.sh(), home.join(name));
    sh.write_file(folder.join("otp_engine.h"), header)?;
    let library = folder.join("stub.so");
    let flags = ["-x", "c++", "-std=c++17", "-g", "-shared", "-fPIC"];
    // By its bare name: the baseline has it as it was given here, and is for every machine.
    let command = cmd!(sh, "g++ {flags...} -I {folder} -o {library} stub.cpp");
    let mut command = Command::from(command);
    command.current_dir(home);
    job.pass(command)?;
    Ok(library)
}

fn compared(job: &mut Job<'_>, library: &Path) -> Result<Ran> {
    job.run(cmd!(
        job.sh(),
        "abidiff --no-show-locs {BASELINE} {library}"
    ))
}
