//! The ABI baseline: what `bindings/c/abi/otp_engine.abi` says of the header is still so.
//!
//! The comparison reads the debug information of a stub that is made of the header, as C++: of the
//! library itself it would read private fields, and as C it would lose the enumerations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::caught;
use crate::job::{Job, Ran};
use crate::part::Check;

const BASELINE: &str = "bindings/c/abi/otp_engine.abi";

const HEADER: &str = "include/otp_engine.h";

/// Set to write the baseline anew, in place of comparing with it.
const WRITE: &str = "OTP_WRITE_ABI";

/// A change of the header that the comparison must catch.
struct Planted {
    claim: &'static str,
    from: &'static str,
    to: &'static str,
    /// What the comparison must say of it.
    reason: &'static str,
}

const PLANTS: &[Planted] = &[
    Planted {
        claim: "a member inserted into a table of callbacks",
        from: "  otp_store_commit_fn commit;\n",
        to: "  otp_store_purge_fn planted;\n  otp_store_commit_fn commit;\n",
        reason: "'otp_store_purge_fn planted', at offset",
    },
    Planted {
        claim: "a changed status",
        from: "  OTP_STATUS_CONTENDED = 15,",
        to: "  OTP_STATUS_CONTENDED = 16,",
        reason: "'otp_status::OTP_STATUS_CONTENDED' from value '15' to '16'",
    },
    Planted {
        claim: "a changed number that crosses as an integer",
        from: "  OTP_REJECTION_LOCKED = 10,",
        to: "  OTP_REJECTION_LOCKED = 13,",
        reason: "OTP_REJECTION_LOCKED' from value '10' to '13'",
    },
    Planted {
        claim: "a changed macro",
        from: "#define OTP_CODE_TOKEN 3",
        to: "#define OTP_CODE_TOKEN 4",
        reason: "macro_OTP_CODE_TOKEN' from value '3' to '4'",
    },
    Planted {
        claim: "a narrower member",
        from: "  size_t code_count;",
        to: "  uint32_t code_count;",
        reason: "type of 'size_t code_count' changed",
    },
];

/// The header is as the baseline has it, and the comparison sees each planted change.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let home = job.world.own("c").join("abi");
    let stub = home.join("stub.cpp");
    let mut checks = vec![Check::new(
        "the ABI is as bindings/c/abi/otp_engine.abi has it",
        written(job, &home, &stub).and_then(|header| baseline(job, &home, &stub, &header)),
    )];
    for (nth, plant) in PLANTS.iter().enumerate() {
        checks.push(Check::new(
            format!("{} is caught by abidiff", plant.claim),
            planted(job, &home.join(format!("planted-{nth}")), &stub, plant),
        ));
    }
    checks
}

/// Writes the stub; returns the header that it is made of.
fn written(job: &mut Job<'_>, home: &Path, stub: &Path) -> Result<String, String> {
    fs::create_dir_all(home).map_err(|error| error.to_string())?;
    let python = job.world.own("venv").join("bin").join("python");
    let mut command = job.world.command(&python.to_string_lossy());
    command.arg("bindings/python/gen_stub.py").arg(stub);
    job.run(&mut command)?.succeeded()?;
    fs::read_to_string(job.world.root.join(HEADER)).map_err(|error| error.to_string())
}

fn baseline(job: &mut Job<'_>, home: &Path, stub: &Path, header: &str) -> Result<(), String> {
    let library = library(job, &home.join("found"), stub, header)?;
    if std::env::var_os(WRITE).is_some() {
        let mut write = job.world.command("abidw");
        write
            .args(["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs"])
            .args(["--out-file", BASELINE])
            .arg(&library);
        job.run(&mut write)?.succeeded()?;
        job.note(format!("{BASELINE} is written anew: read what changed"));
    }
    let compared = compare(job, &library)?;
    compared.succeeded().map_err(|_| {
        format!("the ABI differs; if that is meant: {WRITE}=1 cargo xtask test --only c")
    })
}

fn planted(job: &mut Job<'_>, home: &Path, stub: &Path, plant: &Planted) -> Result<(), String> {
    let header = fs::read_to_string(job.world.root.join(HEADER));
    let header = header.map_err(|error| error.to_string())?;
    if header.matches(plant.from).count() != 1 {
        return Err(format!("the header has not one '{}'", plant.from.trim()));
    }
    let library = library(job, home, stub, &header.replace(plant.from, plant.to))?;
    let compared = compare(job, &library)?;
    // 4 is "the ABI changed"; 1 and 2 are failures of the tool itself.
    match compared.status.code() {
        Some(code) if code & 3 == 0 => caught(code & 4 == 0, &compared.output, plant.reason),
        _ => Err("abidiff failed".into()),
    }
}

/// Compiles the stub against `header`.
fn library(job: &mut Job<'_>, home: &Path, stub: &Path, header: &str) -> Result<PathBuf, String> {
    fs::create_dir_all(home).map_err(|error| error.to_string())?;
    fs::write(home.join("otp_engine.h"), header).map_err(|error| error.to_string())?;
    let library = home.join("stub.so");
    let mut command: Command = job.world.command("g++");
    command
        .args(["-x", "c++", "-std=c++17", "-g", "-shared", "-fPIC", "-I"])
        .arg(home)
        .arg("-o")
        .arg(&library);
    // By its bare name: the baseline has it as it was given here, and is for every machine.
    if let (Some(folder), Some(name)) = (stub.parent(), stub.file_name()) {
        command.current_dir(folder).arg(name);
    }
    job.run(&mut command)?.succeeded()?;
    Ok(library)
}

fn compare(job: &mut Job<'_>, library: &Path) -> Result<Ran, String> {
    let mut command = job.world.command("abidiff");
    command.args(["--no-show-locs", BASELINE]).arg(library);
    job.run(&mut command)
}
