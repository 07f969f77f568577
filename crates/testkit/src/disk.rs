//! A disk that fails: what a process writes to one file is refused by the kernel, as strace asks.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    process::{mortal, signal},
    wait_until,
};

/// While this lives, calls of one process on one file fail.
#[derive(Debug)]
pub struct FailingDisk(#[expect(dead_code, reason = "it ends with its value")] Tracer);

impl FailingDisk {
    /// Makes `calls` of `process`, such as `pwrite64`, fail with `error`, such as `ENOSPC`, where
    /// they are about `file`.
    #[must_use]
    pub fn new(process: u32, file: &Path, calls: &str, error: &str) -> Self {
        Self(Tracer::new(process, file, calls, &format!("error={error}")))
    }
}

/// While this lives, calls of one process on one file take their time.
#[derive(Debug)]
pub struct SlowDisk(#[expect(dead_code, reason = "it ends with its value")] Tracer);

impl SlowDisk {
    /// Makes `calls` of `process`, such as `fdatasync`, take so many microseconds longer where
    /// they are about `file`.
    #[must_use]
    pub fn new(process: u32, file: &Path, calls: &str, longer: u32) -> Self {
        let action = format!("delay_enter={longer}");
        Self(Tracer::new(process, file, calls, &action))
    }
}

#[derive(Debug)]
struct Tracer(Child);

impl Tracer {
    fn new(process: u32, file: &Path, calls: &str, action: &str) -> Self {
        let strace = strace()
            .arg("-P")
            .arg(file)
            .args(injecting(calls, action))
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let own = strace.id();
        let tracer = Self(strace);
        wait_until("strace is attached", || {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            status.contains(&format!("TracerPid:\t{own}\n"))
        });
        tracer
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        signal("INT", &[self.0.id()]); // detaches first; killed, it would leave the process stopped
        self.0.wait().ok();
    }
}

/// Returns a command to which a program is added: the `nth` of its `calls`, counted from 1, fails
/// with `error`.
#[must_use]
pub fn on_a_failing_disk(calls: &str, error: &str, nth: u32) -> Command {
    let mut command = strace();
    command.args(injecting(calls, &format!("error={error}:when={nth}")));
    command
}

fn strace() -> Command {
    let there = Command::new("strace").arg("-V").output().is_ok();
    assert!(there, "strace is not installed: apt-get install strace");
    let mut strace = mortal(Path::new("strace"));
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace
}

fn injecting(calls: &str, action: &str) -> [String; 4] {
    let [trace, inject] = [format!("trace={calls}"), format!("inject={calls}:{action}")];
    ["-e".into(), trace, "-e".into(), inject]
}
