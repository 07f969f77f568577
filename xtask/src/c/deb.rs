//! Debian packages of the library: `libotp-engine0` for those who run programs, `libotp-engine-dev` for those who
//! build them.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use super::build::{EXAMPLE, HEADER, SONAME, STATIC_LIBRARIES, folder, library, plain};
use super::consumers::{self, Place};
use super::symbols;
use crate::job::Job;

/// The name of the package of the shared library has the number of its ABI.
const RUN: &str = "libotp-engine0";
const DEV: &str = "libotp-engine-dev";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The packages are made, and programs are built and run by what lies in them.
pub(crate) fn checks(job: &mut Job<'_>) {
    let home = folder(job).join("deb");
    let (packages, root) = (home.join("packages"), home.join("root"));
    job.check("Debian's packages are made", |job| {
        job.sh().remove_path(&home)?; // an earlier run's
        make(job, &packages)?;
        for package in job.sh().read_dir(&packages)? {
            job.pass(cmd!(job.sh(), "dpkg-deb --extract {package} {root}"))?;
        }
        Ok(())
    });
    let Ok(multiarch) = multiarch(job) else {
        return job.fail("dpkg-architecture says nothing");
    };
    let prefix = root.join("usr");
    let libraries = prefix.join("lib").join(multiarch);
    let place = Place {
        name: "Debian's packages",
        prefix,
        libraries,
        root: root.clone(),
    };
    job.check("they hold what programs need, and say it", |job| {
        let shared = place.libraries.join(SONAME);
        symbols::bears_name(job, &shared)?;
        let header = job.sh().read_file(root.join("usr").join(HEADER))?;
        ensure!(header == job.world.read(HEADER)?, "it is another header");
        for package in [RUN, DEV] {
            let about = root.join("usr/share/doc").join(package).join("copyright");
            let about = job.sh().read_file(about)?;
            ensure!(about.contains("Apache License"), "{package}: no licence");
        }
        Ok(())
    });
    job.check("pkg-config, and a package of such a program", |job| {
        depends(job, &place, &packages)
    });
    consumers::checks(job, &place);
}

/// Builds the example by pkg-config, runs it, and lets Debian's own tool say which package it needs: what is written
/// in the package's `shlibs`. Without it the tool must not know.
fn depends(job: &mut Job<'_>, place: &Place, packages: &Path) -> Result<()> {
    let sh = job.sh();
    let ask = place.shown_to(cmd!(sh, "pkg-config --cflags --libs otp_engine"));
    let flags = job.world.ask(ask)?;
    let (flags, program) = (flags.split_whitespace(), folder(job).join("deb/program"));
    job.pass(cmd!(sh, "gcc -std=c99 {EXAMPLE}.c -o {program} {flags...}"))?;
    place.run(job, &program)?;
    job.run(plain(job, &program))?.caught(SONAME)?; // the control
    let control = folder(job).join("deb/control");
    for package in sh.read_dir(packages)? {
        if package.to_string_lossy().contains(RUN) {
            job.pass(cmd!(sh, "dpkg-deb --control {package} {control}"))?;
        }
    }
    let needs = shlibs(job, place, &program, &control.join("shlibs"))?;
    let ours = format!("{RUN} (>= {VERSION})");
    ensure!(needs.contains(&ours), "it needs {needs}");
    let unknown = shlibs(job, place, &program, Path::new("/dev/null"));
    ensure!(
        unknown.is_err(),
        "a library that no package has is let pass"
    );
    Ok(())
}

fn shlibs(job: &mut Job<'_>, place: &Place, program: &Path, known: &Path) -> Result<String> {
    let (sh, libraries) = (job.sh(), &place.libraries);
    let home = folder(job).join("deb/shlibs");
    sh.write_file(
        home.join("debian/control"),
        "Source: program\n\nPackage: program\nArchitecture: any\n",
    )?;
    let _there = sh.push_dir(home);
    job.ask(cmd!(
        sh,
        "dpkg-shlibdeps -O -l{libraries} -L{known} {program}"
    ))
}

fn multiarch(job: &Job<'_>) -> Result<String> {
    let ask = cmd!(job.sh(), "dpkg-architecture --query DEB_HOST_MULTIARCH");
    job.world.ask(ask)
}

/// Makes both packages of what cargo built, in the folder `into`.
///
/// # Errors
///
/// What a tool said, or that cargo has not built the library.
pub(crate) fn make(job: &mut Job<'_>, into: &Path) -> Result<()> {
    let (sh, multiarch) = (job.sh(), multiarch(job)?);
    let home = job.world.own("deb");
    sh.remove_path(&home)?;
    let (run, dev) = (home.join(RUN), home.join(DEV));
    let at = |tree: &Path, folder: &str| -> Result<PathBuf> {
        Ok(sh.create_dir(tree.join("usr").join(folder))?)
    };
    let libraries = format!("lib/{multiarch}");
    let full = format!("libotp_engine.so.{VERSION}");

    let here = at(&run, &libraries)?;
    let (built, shared) = (library(job.world, "libotp_engine.so"), here.join(&full));
    job.pass(cmd!(sh, "strip --strip-unneeded -o {shared} {built}"))?;
    symlink(&full, here.join(SONAME))?;

    let here = at(&dev, &libraries)?;
    let (built, archive) = (
        library(job.world, "libotp_engine.a"),
        here.join("libotp_engine.a"),
    );
    job.pass(cmd!(sh, "strip --strip-debug -o {archive} {built}"))?;
    symlink(SONAME, here.join("libotp_engine.so"))?;
    sh.write_file(here.join("pkgconfig/otp_engine.pc"), pkg_config(&libraries))?;
    sh.copy_file(HEADER, at(&dev, "include")?)?;
    for file in sh.read_dir("bindings/c/cmake")? {
        sh.copy_file(file, at(&dev, "share/otp_engine/cmake")?)?;
    }

    let needs = {
        let home = home.join("shlibs");
        sh.write_file(
            home.join("debian/control"),
            "Source: otp-engine\n\nPackage: all\nArchitecture: any\n",
        )?;
        let _there = sh.push_dir(home);
        job.ask(cmd!(sh, "dpkg-shlibdeps -O {shared}"))?
    };
    let needs = needs.trim().strip_prefix("shlibs:Depends=");
    let needs = needs.context("dpkg-shlibdeps names no package")?;
    let architecture = job.world.ask(cmd!(sh, "dpkg --print-architecture"))?;
    let notices = job.ask(cmd!(sh, "python3 bindings/python/notices.py ."))?;
    let licences = [COPYRIGHT.to_owned(), notices].concat();
    for (tree, package, section, needs, about) in [
        (&run, RUN, "libs", needs, "library"),
        (
            &dev,
            DEV,
            "libdevel",
            &format!("{RUN} (= {VERSION})"),
            "development files",
        ),
    ] {
        sh.write_file(
            at(tree, &format!("share/doc/{package}"))?.join("copyright"),
            &licences,
        )?;
        let control = format!(
            "Package: {package}\nVersion: {VERSION}\nArchitecture: {architecture}\n\
             Maintainer: {MAINTAINER}\nSection: {section}\nPriority: optional\nMulti-Arch: same\n\
             Depends: {needs}\n\
             Description: embeddable engine for one-time codes - {about}\n \
             It issues a code for one record field, one user and one recipient, and accepts it once.\n \
             It has no network: your program sends the codes.\n"
        );
        sh.write_file(tree.join("DEBIAN/control"), control)?;
    }
    let shlibs = format!("libotp_engine 0 {RUN} (>= {VERSION})\n");
    sh.write_file(run.join("DEBIAN/shlibs"), shlibs)?;
    sh.write_file(run.join("DEBIAN/triggers"), "activate-noawait ldconfig\n")?;
    sh.create_dir(into)?;
    for tree in [&run, &dev] {
        // Modes are of the files as git and this process's umask made them; a package has its own.
        job.pass(cmd!(sh, "chmod --recursive u=rwX,go=rX {tree}"))?;
        job.pass(cmd!(
            sh,
            "dpkg-deb --root-owner-group -z3 --build {tree} {into}"
        ))?;
    }
    Ok(())
}

const MAINTAINER: &str = "otp-engine maintainers <otp-engine@localhost>";

/// Of the library itself; what it was built of follows.
const COPYRIGHT: &str = "otp-engine: MIT OR Apache-2.0\n";

fn pkg_config(libraries: &str) -> String {
    format!(
        "prefix=/usr\nlibdir=${{prefix}}/{libraries}\nincludedir=${{prefix}}/include\n\n\
         Name: otp_engine\nDescription: Embeddable, no-network engine for one-time codes\nVersion: {VERSION}\n\
         Libs: -L${{libdir}} -lotp_engine\nLibs.private: {STATIC_LIBRARIES}\nCflags: -I${{includedir}}\n"
    )
}
