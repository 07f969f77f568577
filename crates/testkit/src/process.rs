//! Processes: started so that they do not outlive a test, found, and killed by their numbers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Starts `program` so that the kernel kills it when the thread that started it is gone.
pub(crate) fn mortal(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Returns a program that Debian may keep out of a user's way.
pub(crate) fn program_of(package: &str, name: &str) -> PathBuf {
    let found =
        ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed: apt-get install {package}"))
}

/// Returns the processes whose parent is `parent`.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| stat(*process).is_some_and(|(_, its)| its == parent))
        .collect()
}

/// Says whether the process is there and is more than a number that nobody has asked for yet.
pub(crate) fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z')
}

/// Says whether the process was stopped, or is gone.
pub(crate) fn is_stopped(process: u32) -> bool {
    stat(process).is_none_or(|(state, _)| "TtZX".contains(state))
}

/// Returns state and parent of a process.
fn stat(process: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    Option::zip(words.next()?.chars().next(), words.next()?.parse().ok())
}

/// Sends a signal to processes, all in one call; some of them may be gone.
pub(crate) fn signal(signal: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    Command::new("kill")
        .args(["-s", signal, "--"])
        .args(processes)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
}
