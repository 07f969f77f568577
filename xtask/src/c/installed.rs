//! The library as a system has it: `cargo cinstall` into a folder, and programs that know of it what
//! pkg-config says and nothing else.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::cmd;

use super::build::{EXAMPLE, HEADER, Language, SONAME, folder, plain};
use super::consumers::{self, Place};
use super::symbols;
use crate::job::{Job, Ran};

/// Installs, then builds and runs the examples against what was installed.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (sh, home) = (job.sh(), folder(job).join("installed"));
    let prefix = home.join("prefix");
    job.check("cargo cinstall installs", |job| {
        sh.remove_path(&home)?; // an earlier run's
        let target = job.world.own("capi");
        job.pass(cmd!(
            sh,
            "cargo cinstall --locked --release --package otp-engine-c --libdir lib
             --prefix {prefix} --target-dir {target}"
        ))?;
        // Where the shared library is not, a linker takes the static one.
        let statically = sh.create_dir(home.join("static"))?;
        Ok(sh.copy_file(prefix.join("lib/libotp_engine.a"), statically)?)
    });
    // It says that it installs a header even where it finds none.
    job.check("the header is there", |job| {
        let installed = sh.read_file(prefix.join(HEADER))?;
        ensure!(installed == job.world.read(HEADER)?, "it is another header");
        Ok(())
    });
    job.check("the library is there under its name", |job| {
        symbols::bears_name(job, &prefix.join("lib").join(SONAME))
    });
    for standard in ["c99", "c++17"] {
        for is_static in [false, true] {
            let how = if is_static { "static" } else { "dynamic" };
            job.check(
                format!("it works by pkg-config: {standard}, {how}"),
                |job| {
                    let (program, ran) = built(job, &home, Language(standard), is_static, &[])?;
                    ran.code(0)?;
                    works(job, &prefix, &program, is_static)
                },
            );
        }
    }
    let place = Place {
        name: "cargo-c's folder",
        libraries: prefix.join("lib"),
        prefix,
        root: PathBuf::new(),
    };
    consumers::checks(job, &place);
    job.check("a header that is elsewhere is noticed", |job| {
        let elsewhere = format!(
            "--define-variable=includedir={}",
            home.join("empty").display()
        );
        let (_, ran) = built(job, &home, Language("c99"), false, &[elsewhere])?;
        ran.caught("otp_engine.h: No such file")
    });
}

/// Builds an example with the flags that pkg-config gives.
fn built(
    job: &mut Job<'_>,
    home: &Path,
    language: Language,
    is_static: bool,
    variables: &[String],
) -> Result<(PathBuf, Ran)> {
    let statically = format!("--define-variable=libdir={}", home.join("static").display());
    let statically = ["--static".to_owned(), statically];
    let ask = cmd!(
        job.sh(),
        "pkg-config --cflags --libs {variables...} otp_engine"
    );
    let ask = ask.args(statically.iter().filter(|_| is_static));
    let said = job
        .world
        .ask(ask.env("PKG_CONFIG_PATH", home.join("prefix/lib/pkgconfig")))?;
    let program = home.join(format!("{}-{is_static}", language.0));
    let (standard, extension) = (language.0, language.extension());
    let compiler = if extension == "c" { "gcc" } else { "g++" };
    let said = said.split_whitespace();
    let ran = job.run(cmd!(
        job.sh(),
        "{compiler} -std={standard} -Wall -Wextra -Wpedantic -Werror {EXAMPLE}.{extension}
         -o {program} {said...}"
    ))?;
    Ok((program, ran))
}

/// Runs a program, and makes sure that it has the library the way it should.
fn works(job: &mut Job<'_>, prefix: &Path, program: &Path, is_static: bool) -> Result<()> {
    job.pass(plain(job, program).env("LD_LIBRARY_PATH", prefix.join("lib")))?;
    let shown = job
        .world
        .ask(cmd!(job.sh(), "readelf --dynamic --wide {program}"))?;
    let asks = shown.contains(&format!("[{SONAME}]"));
    ensure!(asks != is_static, "asks for {SONAME}: {asks}");
    if is_static {
        return Ok(());
    }
    // The control: without the installed library it does not start.
    job.run(plain(job, program))?.caught(SONAME)
}
