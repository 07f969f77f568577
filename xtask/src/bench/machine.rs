//! Where figures come from: without it they are of no use to anybody.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use crate::world::World;

/// A machine, and what was built on it.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    python: String,
    rustc: String,
    commit: String,
    date: String,
    /// The load when the run began.
    load: String,
}

impl Machine {
    pub(crate) fn of(world: &World) -> Self {
        let ask = |program: &str, args: &[&str]| {
            let answer = world.ask(program, args);
            answer.unwrap_or_else(|| "unknown".into())
        };
        let mut commit = ask("git", &["rev-parse", "--short", "HEAD"]);
        let changed = world.ask("git", &["status", "--porcelain"]);
        if changed.is_some_and(|changed| !changed.is_empty()) {
            commit.push_str(" with changes");
        }
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cpu: cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: ask("uname", &["-sr"]),
            python: ask("python3", &["--version"]),
            rustc: ask("rustc", &["--version"]),
            commit,
            date: ask("date", &["-u", "+%F"]),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
        }
    }

    /// One sentence for people.
    pub(crate) fn sentence(&self) -> String {
        let Self {
            cpu,
            cores,
            kernel,
            python,
            rustc,
            commit,
            date,
            load,
        } = self;
        format!(
            "{cpu}, {cores} cores, {kernel}, {rustc}, {python}; commit {commit}, {date}, load {load} \
             at the start"
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu, "cores": self.cores, "kernel": self.kernel, "python": self.python,
            "rustc": self.rustc, "commit": self.commit, "date": self.date, "load": self.load,
        })
    }
}

fn cpu(info: &str) -> String {
    let line = info.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("unknown processor", |(_, name)| name)
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_where_linux_names_it() {
        let info = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel\t\t: 1\n";
        assert_eq!(cpu(info), "AMD EPYC");
        assert_eq!(cpu(""), "unknown processor");
    }
}
