//! What users install: made in `dist/`, and tried as they have it.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, cmd};

use crate::c;
use crate::job::Job;
use crate::need::Need::{self, OwnPip};
use crate::python;

/// What the packages of Python are made with: an environment of its own, as zig takes 400 MB.
pub(crate) const PYTHON: Need = OwnPip(ENVIRONMENT);
const ENVIRONMENT: &str = "wheel";

/// What every Linux on x86-64 since 2014 has: glibc 2.17.
const PLATFORM: &str = "manylinux2014_x86_64";
const GLIBC: &str = "2.17";
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn tool(job: &Job<'_>, name: &str) -> PathBuf {
    job.world.own(ENVIRONMENT).join("bin").join(name)
}

/// Copies what was made into `dist/`, where a file of the same name is replaced.
fn deliver(job: &mut Job<'_>, from: &Path) {
    job.check("it is in dist/", |job| {
        let sh = job.sh();
        let into = sh.create_dir(job.world.root.join("dist"))?;
        let files = sh.read_dir(from)?;
        ensure!(!files.is_empty(), "nothing was made");
        for file in files {
            sh.copy_file(&file, &into)?;
            let name = file.file_name().unwrap_or_default().display().to_string();
            let size = fs::metadata(&file)?.len().div_ceil(1024);
            job.note(format!("dist/{name}, {size} KiB"));
        }
        Ok(())
    });
}

/// Makes the sdist.
pub(crate) fn sdist(job: &mut Job<'_>) {
    let (python, sdists) = (tool(job, "python"), job.world.own("dist/sdist"));
    job.check("the sdist is made", |job| {
        python::sdist(job, &python, &sdists)
    });
    deliver(job, &sdists);
}

/// Makes Debian's packages.
pub(crate) fn deb(job: &mut Job<'_>) {
    let packages = job.world.own("dist/deb");
    job.check("Debian's packages are made", |job| {
        job.sh().remove_path(&packages)?;
        c::make_deb(job, &packages)
    });
    deliver(job, &packages);
}

/// Makes the wheel, and tries it.
pub(crate) fn wheel(job: &mut Job<'_>) {
    let made = job.world.own("dist/manylinux");
    wheel_works(job, &made);
    deliver(job, &made);
}

/// Makes a wheel in the folder `made`, which auditwheel finds to need nothing newer than glibc 2.17, and which the
/// oldest Python that is promised installs and runs.
pub(crate) fn wheel_works(job: &mut Job<'_>, made: &Path) {
    let (sh, built) = (job.sh(), job.world.own("dist/wheel"));
    let auditwheel = tool(job, "auditwheel");
    job.check("zig links a wheel for glibc 2.17", |job| {
        sh.remove_path(&built)?;
        sh.remove_path(made)?;
        let (python, linker) = (tool(job, "python"), linker(job)?);
        let build = cmd!(
            sh,
            "{python} -m build --wheel --no-isolation --outdir {built} ./bindings/python"
        );
        let build = build
            .env("CARGO_BUILD_TARGET", TARGET)
            .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", &linker)
            .env("CC_x86_64_unknown_linux_gnu", &linker);
        job.pass(build)?;
        let wheels = sh.read_dir(&built)?;
        // Refuses what needs more than the platform has, and names the wheel after it.
        let repair = cmd!(
            sh,
            "{auditwheel} repair --only-plat --plat {PLATFORM} --wheel-dir {made} {wheels...}"
        );
        job.pass(with_patchelf(job, repair)?).map(drop)
    });
    job.check("it is for manylinux2014, with its licences", |job| {
        let wheels = sh.read_dir(made)?;
        judge(&job.ask(cmd!(sh, "{auditwheel} show {wheels...}"))?)?;
        let python = tool(job, "python");
        job.pass(cmd!(sh, "{python} bindings/python/check_wheel.py {made}"))
            .map(drop)
    });
    match oldest(job) {
        Ok((version, Some(python))) => {
            job.check(format!("Python {version}, the oldest, runs it"), |job| {
                let environment = job.world.own("dist/oldest");
                job.pass(cmd!(sh, "{python} -m venv --clear {environment}"))?;
                let python = environment.join("bin/python");
                let from = ["--quiet", "--no-index", "--find-links"];
                job.pass(cmd!(
                    sh,
                    "{python} -m pip install {from...} {made} otp-engine"
                ))?;
                job.pass(outside(job, cmd!(sh, "{python} -m otp_engine demo")))
                    .map(drop)
            });
        }
        Ok((version, None)) => job.skip(format!("there is no Python {version} here")),
        Err(error) => job.fail(format_args!("{error:#}")),
    }
}

/// A command that sees neither the repository nor a library of its own.
fn outside<'a>(job: &Job<'_>, command: Cmd<'a>) -> std::process::Command {
    let command = command
        .env_remove("OTP_ENGINE_LIBRARY")
        .env_remove("PYTHONPATH")
        .env_remove("CARGO_TARGET_DIR");
    let mut command = std::process::Command::from(command);
    command.current_dir(job.world.own("dist"));
    command
}

/// Writes the program by which cargo and cc link and compile: zig, for the old glibc. zig takes no target of cc's
/// form, and has LLVM's unwinder in the place of GCC's.
fn linker(job: &Job<'_>) -> Result<PathBuf> {
    let (path, python) = (job.world.own("dist/zig-cc"), tool(job, "python"));
    let script = format!(
        "#!/bin/sh\nfor word; do\n  shift\n  case $word in\n    --target=*) ;;\n    \
         -lgcc_s) set -- \"$@\" -lunwind ;;\n    *) set -- \"$@\" \"$word\" ;;\n  esac\ndone\n\
         exec '{}' -m ziglang cc -target x86_64-linux-gnu.{GLIBC} \"$@\"\n",
        python.display()
    );
    job.sh().write_file(&path, script)?;
    fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    Ok(path)
}

/// auditwheel looks for patchelf, which the environment has, on the search path.
fn with_patchelf<'a>(job: &Job<'_>, command: Cmd<'a>) -> Result<Cmd<'a>> {
    let path = job.sh().var_os("PATH").unwrap_or_default();
    let folders = [job.world.own(ENVIRONMENT).join("bin")];
    let folders = folders.into_iter().chain(env::split_paths(&path));
    Ok(command.env("PATH", env::join_paths(folders)?))
}

/// Requires that what auditwheel shows is no newer than the platform.
fn judge(shown: &str) -> Result<()> {
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let tag = words.split_once("consistent with the following platform tag: \"manylinux_");
    let tag = tag.context("it names no platform")?.1;
    let minor = tag
        .strip_prefix("2_")
        .and_then(|tag| tag.split_once("_x86_64\""));
    let minor: u32 = minor.context("another platform")?.0.parse()?;
    ensure!(minor <= 17, "it needs glibc 2.{minor}");
    Ok(())
}

/// The oldest Python that the package promises, and where it is on this machine: on the search path, or pyenv's.
fn oldest(job: &Job<'_>) -> Result<(String, Option<PathBuf>)> {
    let project = job.world.read("bindings/python/pyproject.toml")?;
    let version = project.split_once("requires-python = \">=");
    let version = version.and_then(|(_, rest)| rest.split_once('"'));
    let version = version.context("no requires-python")?.0.to_owned();
    let name = format!("python{version}");
    let path = job.sh().var_os("PATH").unwrap_or_default();
    let pyenv = env::home_dir().unwrap_or_default().join(".pyenv/versions");
    let pyenv = job.sh().read_dir(pyenv).unwrap_or_default();
    let folders = pyenv.into_iter().map(|version| version.join("bin"));
    let mut programs = folders
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(&name));
    let works = |program: &PathBuf| job.world.ask(cmd!(job.sh(), "{program} --version")).is_ok();
    Ok((
        version,
        programs.find(|program| program.exists() && works(program)),
    ))
}

/// An installation of each kind, from nothing: the sdist where there is no repository, the wheel, and the command.
pub(crate) fn installed(job: &mut Job<'_>) {
    job.check("the sdist alone builds, installs and runs", alone);
    let made = job.world.own("dist/manylinux");
    wheel_works(job, &made);
    job.check("cargo install gives the command otp", command);
}

fn alone(job: &mut Job<'_>) -> Result<()> {
    let sh = job.sh();
    let (python, sdists) = (tool(job, "python"), job.world.own("dist/sdist"));
    python::sdist(job, &python, &sdists)?;
    let empty = sh.create_temp_dir()?; // outside of the repository, which cargo would find
    let (empty, sdist) = (empty.path(), sh.read_dir(&sdists)?);
    job.pass(cmd!(sh, "{python} -m venv {empty}/env"))?;
    for command in [
        cmd!(sh, "{empty}/env/bin/pip install --verbose {sdist...}"),
        cmd!(sh, "{empty}/env/bin/python -m otp_engine demo"),
    ] {
        let mut command = outside(job, command);
        command.current_dir(empty);
        job.pass(command)?;
    }
    Ok(())
}

/// Its first example, and a record of the golden ones, for the right tenant and for another.
fn command(job: &mut Job<'_>) -> Result<()> {
    let (sh, root, secret) = (
        job.sh(),
        job.world.own("dist/otp"),
        job.world.own("dist/secret"),
    );
    job.pass(cmd!(sh, "cargo install --locked --path cli --root {root}"))?;
    let otp = root.join("bin/otp");
    sh.write_file(&secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n")?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    let now = "1970-01-01T00:00:59Z";
    let code = job.pass(cmd!(sh, "{otp} totp --secret {secret} --now {now}"))?;
    ensure!(code.trim() == "287082", "another code");
    for (tenant, ends) in [("acme", 0), ("globex", 1)] {
        job.run(cmd!(
            sh,
            "{otp} record verify --keys tests/vectors/records/first.jwks --tenant {tenant}
             tests/vectors/records/first.sd-jwt"
        ))?
        .code(ends)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_534_a_wheel_that_needs_a_newer_glibc_is_caught() {
        let shown = |tag: &str| {
            format!("x.whl is consistent with the\nfollowing platform tag: \"{tag}\".\n")
        };
        assert!(judge(&shown("manylinux_2_17_x86_64")).is_ok());
        assert!(judge(&shown("manylinux_2_5_x86_64")).is_ok());
        assert!(judge(&shown("manylinux_2_34_x86_64")).is_err());
        assert!(judge(&shown("manylinux_2_17_aarch64")).is_err());
        assert!(judge(&shown("linux_x86_64")).is_err());
        assert!(judge("").is_err());
    }
}
