//! What the library gives and takes: its name, its functions are the header's, and none of them, nor a static
//! program, reaches a network.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use xshell::cmd;

use super::build::{
    EXAMPLE, HEADER, Language, Linked, PLANTED, SONAME, STATIC_LIBRARIES, library, plain, program,
};
use crate::job::Job;

/// The library exports what the header declares and nothing else, and imports no socket function; it bears
/// its name; a static program needs what the header says, and brings no socket function along.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (sh, library) = (job.sh(), library(job.world, "libotp_engine.so"));
    job.check("the library exports the header's functions alone", |job| {
        let exported = job.world.ask(cmd!(sh, "nm -D --defined-only {library}"))?;
        same(&declared(&job.world.read(HEADER)?), &names(&exported))
    });
    job.check("the library imports no socket function", |job| {
        no_socket(job, &library)
    });
    job.check("the library bears the name that programs ask for", |job| {
        bears_name(job, &library)
    });
    job.check("a static program needs what the header says", |job| {
        let said = job.pass(cmd!(
            sh,
            "cargo rustc --locked --release --package otp-engine-c --lib --crate-type staticlib --
             --print native-static-libs"
        ))?;
        agree(&said, &job.world.read(HEADER)?)
    });
    let lean = |job: &mut Job<'_>, source: &str| {
        let program = program(job, source, Language("c11"), Linked::Lean)?;
        job.pass(plain(job, &program))?;
        no_socket(job, &program)
    };
    job.check("a lean static program imports no socket function", |job| {
        lean(job, &format!("{EXAMPLE}.c"))
    });
    job.check("a planted socket in it is caught", |job| {
        match lean(job, &format!("{PLANTED}/socket.c")) {
            Err(found) if found.to_string().ends_with(" socket") => Ok(()),
            other => bail!("{other:?}"),
        }
    });
}

/// The functions that a header declares.
fn declared(header: &str) -> BTreeSet<String> {
    let mut parts = header.split("/*");
    let code = parts.next().into_iter().map(str::to_owned);
    let behind = parts.map(|part| {
        part.split_once("*/")
            .map_or("", |(_, after)| after)
            .to_owned()
    });
    let code: String = code.chain(behind).collect();
    let is_name = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
    code.split('(')
        .filter_map(|before| before.rsplit(|symbol| !is_name(symbol)).next())
        .filter(|name| name.starts_with("otp_"))
        .map(str::to_owned)
        .collect()
}

/// The names in what `nm` prints, without versions.
fn names(listed: &str) -> BTreeSet<String> {
    let last = listed
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    last.filter_map(|name| name.split('@').next())
        .map(str::to_owned)
        .collect()
}

fn same(declared: &BTreeSet<String>, exported: &BTreeSet<String>) -> Result<()> {
    ensure!(!declared.is_empty(), "the header declares no function");
    let differing: Vec<_> = declared.symmetric_difference(exported).collect();
    ensure!(differing.is_empty(), "on one side alone: {differing:?}");
    Ok(())
}

/// What a program needs to reach a network.
const SOCKETS: &str = "accept accept4 bind connect getaddrinfo gethostbyname getpeername listen recv \
                       recvfrom recvmsg send sendmsg sendto setsockopt socket socketpair";

fn no_socket(job: &Job<'_>, program: &Path) -> Result<()> {
    is_quiet(&names(
        &job.world
            .ask(cmd!(job.sh(), "nm -D --undefined-only {program}"))?,
    ))
}

fn is_quiet(imported: &BTreeSet<String>) -> Result<()> {
    ensure!(!imported.is_empty(), "nm listed nothing");
    match imported
        .iter()
        .rfind(|name| SOCKETS.split(' ').any(|socket| socket == **name))
    {
        Some(name) => bail!("it imports {name}"),
        None => Ok(()),
    }
}

/// Requires the name under which a shared library is asked for.
pub(super) fn bears_name(job: &Job<'_>, library: &Path) -> Result<()> {
    is_named(
        &job.world
            .ask(cmd!(job.sh(), "readelf --dynamic --wide {library}"))?,
    )
}

fn is_named(told: &str) -> Result<()> {
    let line = told.lines().find(|line| line.contains("(SONAME)"));
    let line = line.context("it has no SONAME")?;
    let is_ours = line.ends_with(&format!("[{SONAME}]"));
    ensure!(is_ours, "not {SONAME}: {line}");
    Ok(())
}

fn agree(said: &str, header: &str) -> Result<()> {
    let needed = said
        .lines()
        .find_map(|line| line.split_once("native-static-libs: "));
    let needed = needed.context("rustc named no libraries")?.1.trim();
    ensure!(needed == STATIC_LIBRARIES, "it needs {needed}");
    let sentence = format!("A static program needs {needed}\n");
    ensure!(header.contains(&sentence), "the header: no {needed}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "/* otp_old(x) */\n#define OTP_X 1\n\
        typedef int32_t (*otp_clock_fn)(void *user_data);\n\
        OTP_API\nOTP_NODISCARD\notp_status otp_b(const otp_a *a,\n  int x);\n\
        OTP_API void otp_a_free(otp_a *a);\n";

    #[test]
    fn declared_functions_are_told_from_types_and_comments() {
        let expected = ["otp_a_free", "otp_b"].map(str::to_owned);
        assert_eq!(declared(HEADER), BTreeSet::from(expected));
    }

    #[test]
    fn a_missing_and_a_foreign_symbol_are_caught() {
        let listed = "0000 T otp_b\n0001 T otp_a_free@@V1\n";
        assert!(same(&declared(HEADER), &names(listed)).is_ok());
        assert!(same(&declared(HEADER), &names("0000 T otp_b")).is_err());
        let more = format!("{listed}0002 T sqlite3_open\n");
        assert!(same(&declared(HEADER), &names(&more)).is_err());
        assert!(same(&BTreeSet::new(), &BTreeSet::new()).is_err());
    }

    #[test]
    fn a_socket_function_and_an_empty_list_are_caught() {
        assert!(is_quiet(&names("  U malloc@GLIBC_2.2.5\n")).is_ok());
        assert!(is_quiet(&names("  U malloc\n  U socket@GLIBC_2.2.5\n")).is_err());
        assert!(is_quiet(&names("")).is_err());
    }

    #[test]
    fn another_name_is_caught() {
        let told =
            |name| format!(" 0x0e (SONAME)  Library soname: [{name}]\n 0x0c (INIT)  0x1000\n");
        assert!(is_named(&told("libotp_engine.so.0")).is_ok());
        assert!(is_named(&told("libotp_engine.so.0.1")).is_err());
        assert!(is_named("").is_err());
    }

    #[test]
    fn another_library_and_a_header_that_says_otherwise_are_caught() {
        let said = format!("note: native-static-libs: {STATIC_LIBRARIES}\n");
        let header = format!(" * A static program needs {STATIC_LIBRARIES}\n * behind");
        assert!(agree(&said, &header).is_ok());
        assert!(agree(&said.replace("-lm", "-lssl"), &header).is_err());
        assert!(agree(&said, &header.replace("-lm", "-lssl")).is_err());
        assert!(agree("Finished", &header).is_err());
    }
}
