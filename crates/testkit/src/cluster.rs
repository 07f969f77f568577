//! PostgreSQL's programs on this machine, and how a private cluster is made and started with them.
//!
//! One file for these servers and for those of xtask, which builds nothing but itself.

use std::{
    env, fs,
    io::{Error, Result},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Who runs the server where this process is root's: initdb and the server refuse root.
const OWNER: &str = "postgres";

/// Names a folder of PostgreSQL's programs, of another version than the newest that is installed.
const PROGRAMS: &str = "OTP_POSTGRES";

/// Starts `program` as the owner of clusters; it gets `signal` as soon as the thread that started it is gone.
pub(crate) fn as_owner(signal: &str, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]);
    if number(&["-u"]) == Some(0) {
        command.args(["--reuid", OWNER, "--regid", OWNER, "--init-groups"]);
    }
    command.arg(program).stdin(Stdio::null());
    command
}

/// Gives a file or folder to the owner of clusters.
pub(crate) fn own(path: &Path) -> Result<()> {
    if number(&["-u"]) != Some(0) {
        return Ok(());
    }
    let user = number(&["-u", OWNER]).ok_or_else(|| Error::other(format!("no user {OWNER}")))?;
    chown(path, Some(user), number(&["-g", OWNER]))
}

fn number(args: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Returns a program of the newest version that is installed, where Debian puts it; else by its name alone.
pub(crate) fn program(name: &str) -> PathBuf {
    if let Some(named) = env::var_os(PROGRAMS) {
        return Path::new(&named).join(name);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let programs = versions.flatten().filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin").join(name)))
    });
    let newest = programs.filter(|(_, path)| path.exists()).max();
    newest.map_or_else(|| name.into(), |(_, path)| path)
}

/// Makes the cluster's files in `data`, which `superuser` owns without a password.
pub(crate) fn make(data: &Path, superuser: &str, how: &[&str]) -> Result<()> {
    let made = as_owner("KILL", &program("initdb"))
        .args(["--auth=trust", "--encoding=UTF8", "--username", superuser])
        .args(how)
        .arg("-D")
        .arg(data)
        .current_dir("/") // that of this process may be closed to it
        .output()?;
    if made.status.success() {
        return Ok(());
    }
    fs::remove_dir_all(data).ok(); // half a cluster would be taken for a whole one
    let said = String::from_utf8_lossy(&made.stderr);
    Err(Error::other(format!(
        "initdb: {said}; is PostgreSQL installed (apt-get install postgresql), and can {OWNER} enter {}?",
        data.display()
    )))
}

/// Starts a cluster's server, which listens on a socket in the folder `socket` and nowhere else.
pub(crate) fn server(data: &Path, socket: &Path, settings: &[&str], signal: &str) -> Command {
    let mut command = as_owner(signal, &program("postgres"));
    command
        .current_dir("/")
        .arg("-D")
        .arg(data)
        .arg("-k")
        .arg(socket);
    for setting in ["listen_addresses="].iter().chain(settings) {
        command.args(["-c", setting]);
    }
    command
}

/// The postmaster says that it is ready in a file, which may still be that of one that was killed.
pub(crate) fn is_ready(data: &Path, postmaster: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.first() == Some(&&*postmaster.to_string())
        && matches!(lines.get(7), Some(&"ready" | &"standby"))
}
