//! A disk that fails: what a process writes to one file is refused by the kernel, as strace asks.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use crate::{
    process::{mortal, signal},
    wait_until,
};

/// While this lives, calls of one process on one file fail.
#[derive(Debug)]
pub struct FailingDisk(Child);

impl FailingDisk {
    /// Makes `calls` of `process`, such as `pwrite64`, fail with `error`, such as `ENOSPC`, where
    /// they are about `file`.
    #[must_use]
    pub fn new(process: u32, file: &Path, calls: &str, error: &str) -> Self {
        let there = std::process::Command::new("strace")
            .arg("-V")
            .output()
            .is_ok();
        assert!(there, "strace is not installed: apt-get install strace");
        let strace = mortal(Path::new("strace"))
            .args(["-f", "-qq", "-o", "/dev/null", "-P"])
            .arg(file)
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}")])
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let own = strace.id();
        let disk = Self(strace);
        wait_until("strace is attached", || {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            status.contains(&format!("TracerPid:\t{own}\n"))
        });
        disk
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        signal("INT", &[self.0.id()]); // detaches first; killed, it would leave the process stopped
        self.0.wait().ok();
    }
}
