//! Odoo itself: Debian's package of it, unpacked into a folder.

use std::process::Command;

use anyhow::{Context, Result};
use xshell::{Cmd, cmd};

use crate::job::Job;
use crate::odoo::home::Home;

/// The package, which Debian's unstable suite alone has; any version will do, and is told.
const PACKAGE: &str = "odoo-19";
/// What Debian took out of it and made packages of; without jQuery no page builds.
const REST: &str = "libjs-jquery libjs-jquery-form libjs-underscore fonts-font-awesome \
                    fonts-roboto-unhinted fonts-montserrat fonts-inconsolata fonts-ocr-b";

/// What became of the package.
pub(super) enum Distribution {
    /// It is there, in this version.
    Version(String),
    /// It cannot be had, and why.
    Gone(String),
}

/// Fetches and unpacks Odoo, unless it is there already.
///
/// # Errors
///
/// What is wrong with this machine; that there is no such package any more is no error.
pub(super) fn ready(job: &mut Job<'_>, home: &Home) -> Result<Distribution> {
    let (sh, root, debs) = (job.sh(), home.path("root"), home.path("debs"));
    let stamp = root.join("version.txt"); // inside, so that it goes when Odoo goes
    if let Ok(version) = sh.read_file(&stamp) {
        return Ok(Distribution::Version(version));
    }
    for folder in [&root, &debs] {
        sh.remove_path(folder)?; // half a run's
        sh.create_dir(folder)?;
    }
    if let Err(why) = fetch(job, home) {
        return Ok(Distribution::Gone(format!("{why:#}")));
    }
    let mut version = None;
    for deb in super::sources::files(sh, &debs, "deb") {
        let name = deb.file_stem().unwrap_or_default().to_string_lossy();
        if let Some(rest) = name.strip_prefix(&format!("{PACKAGE}_")) {
            version = rest.split('_').next().map(str::to_owned);
        }
        job.pass(cmd!(sh, "dpkg -x {deb} {root}"))?;
    }
    let version = version.context("apt-get fetched no package")?;
    sh.remove_path(debs)?;
    sh.write_file(stamp, &version)?;
    Ok(Distribution::Version(version))
}

/// Fetches the packages with lists and a cache of our own: the machine's sources stay as they are.
fn fetch(job: &mut Job<'_>, home: &Home) -> Result<()> {
    let sh = job.sh();
    let codename = ". /etc/os-release && echo $VERSION_CODENAME";
    let codename = job.world.ask(cmd!(sh, "sh -c {codename}"))?;
    let form = "$(RELEASE) $(REPO_URI)";
    let created = "Created-By: Packages";
    let targets = job
        .world
        .ask(cmd!(sh, "apt-get indextargets --format {form} {created}"))?;
    let mirror = mirror(&targets, &codename).context("apt has no mirror of Debian here")?;
    for folder in ["lists/partial", "cache/archives/partial"] {
        sh.create_dir(home.path(folder))?;
    }
    let keys = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [{keys}] {mirror} sid main\n");
    sh.write_file(home.path("sources.list"), source)?;
    job.pass(apt(job, home).arg("update"))
        .context("apt-get update")?;
    let packages = REST
        .split(' ')
        .chain([PACKAGE])
        .map(|package| format!("{package}/sid"));
    let mut download = Command::from(apt(job, home).arg("download").args(packages));
    download.current_dir(home.path("debs"));
    job.pass(download).context("apt-get download").map(drop)
}

fn apt<'a>(job: &Job<'a>, home: &Home) -> Cmd<'a> {
    let options = [
        ("Dir::State::Lists", "lists"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::sourcelist", "sources.list"),
        ("Dir::Etc::sourceparts", "no-parts"),
    ];
    let option = |(option, name)| {
        [
            "-o".into(),
            format!("{option}={}", home.path(name).display()),
        ]
    };
    cmd!(job.sh(), "apt-get").args(options.into_iter().flat_map(option))
}

/// Finds where this machine gets its own release from: lines of a release and an address.
fn mirror<'a>(targets: &'a str, codename: &str) -> Option<&'a str> {
    let mut lines = targets.lines().filter_map(|line| line.split_once(' '));
    let (_, address) = lines.find(|(release, _)| *release == codename)?;
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_release_itself() {
        let targets = "trixie-security http://one/debian-security/\ntrixie http://two/debian/\n";
        assert_eq!(mirror(targets, "trixie"), Some("http://two/debian/"));
        assert_eq!(mirror(targets, "bookworm"), None);
        assert_eq!(mirror("", ""), None);
    }
}
