//! Odoo itself: Debian's package of it, unpacked into a folder.

use std::fs;
use std::process::Command;

use crate::job::Job;
use crate::odoo::home::Home;

/// The package, which Debian's unstable suite alone has; any version will do, and is told.
const PACKAGE: &str = "odoo-19";
/// What Debian took out of it and made packages of; without jQuery no page builds.
const REST: &[&str] = &[
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-font-awesome",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    "fonts-ocr-b",
];

/// What became of the package.
#[derive(Debug, Eq, PartialEq)]
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
pub(super) fn ready(job: &mut Job<'_>, home: &Home) -> Result<Distribution, String> {
    let stamp = home.path("root/version.txt"); // inside, so that it goes when Odoo goes
    if let Ok(version) = fs::read_to_string(&stamp) {
        return Ok(Distribution::Version(version));
    }
    let debs = home.path("debs");
    for folder in [home.path("root"), debs.clone()] {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| error.to_string())?; // half a run's
        }
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    }
    if let Err(why) = fetch(job, home) {
        return Ok(Distribution::Gone(why));
    }
    let mut version = None;
    for deb in super::files(&debs, "deb") {
        let name = deb.file_stem().unwrap_or_default().to_string_lossy();
        if let Some(rest) = name.strip_prefix(&format!("{PACKAGE}_")) {
            version = rest.split('_').next().map(str::to_owned);
        }
        let mut unpack = job.world.command("dpkg");
        unpack.arg("-x").arg(&deb).arg(home.path("root"));
        job.run(&mut unpack)?.succeeded()?;
    }
    let version = version.ok_or("apt-get fetched no package")?;
    fs::remove_dir_all(debs).map_err(|error| error.to_string())?;
    fs::write(stamp, &version).map_err(|error| error.to_string())?;
    Ok(Distribution::Version(version))
}

/// Fetches the packages with lists and a cache of our own: the machine's sources stay as they are.
fn fetch(job: &mut Job<'_>, home: &Home) -> Result<(), String> {
    let codename = job
        .world
        .ask("sh", &["-c", ". /etc/os-release && echo $VERSION_CODENAME"])
        .unwrap_or_default();
    let targets = job.world.ask(
        "apt-get",
        &[
            "indextargets",
            "--format",
            "$(RELEASE) $(REPO_URI)",
            "Created-By: Packages",
        ],
    );
    let targets = targets.unwrap_or_default();
    let mirror = mirror(&targets, &codename).ok_or("apt has no mirror of Debian here")?;
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(home.path(folder)).map_err(|error| error.to_string())?;
    }
    let keys = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [{keys}] {mirror} sid main\n");
    fs::write(home.path("sources.list"), source).map_err(|error| error.to_string())?;
    let mut update = apt(job, home);
    job.run(update.arg("update"))?
        .succeeded()
        .map_err(|error| format!("apt-get update: {error}"))?;
    let mut download = apt(job, home);
    download.arg("download").current_dir(home.path("debs"));
    for package in [PACKAGE].iter().chain(REST) {
        download.arg(format!("{package}/sid"));
    }
    job.run(&mut download)?
        .succeeded()
        .map_err(|error| format!("apt-get download {PACKAGE}: {error}"))
}

fn apt(job: &Job<'_>, home: &Home) -> Command {
    let mut apt = job.world.command("apt-get");
    for (option, name) in [
        ("Dir::State::Lists", "lists"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::sourcelist", "sources.list"),
        ("Dir::Etc::sourceparts", "no-parts"),
    ] {
        apt.arg("-o")
            .arg(format!("{option}={}", home.path(name).display()));
    }
    apt
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
