//! The library as a system has it: `cargo cinstall` into a folder, and programs that know of it what
//! pkg-config says and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::{Language, c, caught, cpp, plain};
use super::linking::{SONAME, is_ours, soname};
use crate::job::Job;
use crate::part::Check;

/// Installs, then builds and runs the examples against what was installed.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let home = job.world.own("c").join("installed");
    let prefix = home.join("prefix");
    let library = prefix.join("lib").join(SONAME);
    let mut checks = vec![
        Check::new("cargo cinstall installs", install(job, &home, &prefix)),
        // It says that it installs a header even where it finds none.
        Check::new("the header is there", header(job, &prefix)),
        Check::new(
            "the library is there under the name that programs ask for",
            soname(job, &library).and_then(|name| is_ours(&name)),
        ),
    ];
    for (language, source) in [
        (c("c99"), "examples/c/sign_loan_offer.c"),
        (cpp("c++17"), "examples/c/sign_loan_offer.cpp"),
    ] {
        for is_static in [false, true] {
            let how = if is_static { "--static" } else { "dynamic" };
            let found = built(job, &home, language, source, is_static, None)
                .and_then(|program| works(job, &prefix, &program, is_static));
            checks.push(Check::new(
                format!("{source} works by pkg-config: {}, {how}", language.standard),
                found,
            ));
        }
    }
    let elsewhere = Some(home.join("empty"));
    let planted = built(
        job,
        &home,
        c("c99"),
        "examples/c/sign_loan_offer.c",
        false,
        elsewhere,
    );
    checks.push(Check::new(
        "a header that is not where pkg-config says is noticed",
        match planted {
            Err(found) if found.contains("otp_engine.h: No such file") => Ok(()),
            other => Err(format!("{other:?}")),
        },
    ));
    checks
}

fn install(job: &mut Job<'_>, home: &Path, prefix: &Path) -> Result<(), String> {
    if home.exists() {
        fs::remove_dir_all(home).map_err(|error| error.to_string())?; // an earlier run's
    }
    let mut command = job.world.command("cargo");
    command
        .args(["cinstall", "--locked", "--release"])
        .args(["--package", "otp-engine-c", "--libdir", "lib", "--prefix"])
        .arg(prefix)
        .arg("--target-dir")
        .arg(job.world.own("capi"));
    job.run(&mut command)?.succeeded()?;
    // Where the shared library is not, a linker takes the static one.
    let statically = static_folder(home);
    fs::create_dir_all(&statically)
        .and_then(|()| {
            let name = "libotp_engine.a";
            fs::copy(prefix.join("lib").join(name), statically.join(name))
        })
        .map(drop)
        .map_err(|error| error.to_string())
}

fn static_folder(home: &Path) -> PathBuf {
    home.join("static")
}

fn header(job: &Job<'_>, prefix: &Path) -> Result<(), String> {
    let read =
        |path: PathBuf| fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let ours = read(job.world.root.join("include/otp_engine.h"))?;
    if read(prefix.join("include/otp_engine.h"))? == ours {
        Ok(())
    } else {
        Err("it is another header".into())
    }
}

/// Builds an example with the flags that pkg-config gives.
fn built(
    job: &mut Job<'_>,
    home: &Path,
    language: Language,
    source: &str,
    is_static: bool,
    headers: Option<PathBuf>,
) -> Result<PathBuf, String> {
    let mut ask = job.world.command("pkg-config");
    ask.env("PKG_CONFIG_PATH", home.join("prefix/lib/pkgconfig"))
        .args(["--cflags", "--libs", "otp_engine"]);
    if is_static {
        let folder = static_folder(home);
        ask.arg("--static")
            .arg(format!("--define-variable=libdir={}", folder.display()));
    }
    if let Some(headers) = headers {
        ask.arg(format!(
            "--define-variable=includedir={}",
            headers.display()
        ));
    }
    let said = job.run(&mut ask)?;
    said.succeeded()?;
    let program = home.join(format!("{}-{is_static}", language.standard));
    let mut command: Command = job.world.command(language.compiler);
    command
        .arg(format!("-std={}", language.standard))
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg(source)
        .arg("-o")
        .arg(&program)
        .args(said.output.split_whitespace());
    let ran = job.run(&mut command)?;
    ran.succeeded().map_err(|_| ran.output)?;
    Ok(program)
}

/// Runs a program, and makes sure that it has the library the way it should.
fn works(job: &mut Job<'_>, prefix: &Path, program: &Path, is_static: bool) -> Result<(), String> {
    let mut run = plain(job, program);
    run.env("LD_LIBRARY_PATH", prefix.join("lib"));
    job.run(&mut run)?.succeeded()?;
    let mut ask = job.world.command("readelf");
    ask.args(["--dynamic", "--wide"]).arg(program);
    let shown = job.run(&mut ask)?;
    let needed = format!("[{SONAME}]");
    match (is_static, shown.output.contains(&needed)) {
        (false, true) => {}
        (true, false) => return Ok(()),
        (false, false) => return Err(format!("it does not ask for {SONAME}")),
        (true, true) => return Err(format!("it asks for {SONAME}")),
    }
    // The control: without the installed library it does not start.
    let mut alone = plain(job, program);
    alone.env_remove("LD_LIBRARY_PATH");
    let ran = job.run(&mut alone)?;
    caught(ran.status.success(), &ran.output, SONAME)
}
