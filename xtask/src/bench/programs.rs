//! The programs that measure: how each is built and started.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use xshell::{Cmd, cmd};

use super::rows::Rows;
use super::stacks;
use crate::c;
use crate::job::Job;
use crate::world::World;

/// How much is done for a figure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effort {
    /// As many rounds as a figure needs, of programs that are built as a release is.
    Full,
    /// A round or two of each row, of programs as tests are built: whether each runs.
    Quick,
}

/// Something that prints rows.
#[derive(Debug)]
pub(crate) struct Program {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    kind: Kind,
    /// A section of the program's rows; of a store, the folder of its package.
    section: &'static str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Ours beside other crates.
    Rust,
    /// The library beside C libraries.
    C,
    /// The package beside pure Python and Python packages.
    Python,
    /// A store beside bare statements: the bench of its package.
    Store,
    /// Our service beside what teams run in its place.
    Stacks,
}

pub(crate) const ALL: &[Program] = &[
    program("oath", Kind::Rust, "oath"),
    program("hot", Kind::Rust, "hot"),
    program("live", Kind::Rust, "live"),
    program("threads", Kind::Rust, "threads"),
    program("memory", Kind::Rust, "memory"),
    program("memory-default", Kind::Rust, "memory-default"),
    program("purge", Kind::Rust, "purge"),
    program("c-oath", Kind::C, "oath"),
    program("c-engine", Kind::C, "engine"),
    program("python-oath", Kind::Python, "oath"),
    program("python-otp", Kind::Python, "otp"),
    program("python-memory", Kind::Python, "memory"),
    program("postgres", Kind::Store, "stores/postgres"),
    program("redis", Kind::Store, "stores/redis"),
    program("sqlite", Kind::Store, "stores/sqlite"),
    program("peers", Kind::Stacks, ""),
];

const fn program(name: &'static str, kind: Kind, section: &'static str) -> Program {
    Program {
        name,
        kind,
        section,
    }
}

/// Programs that are ready to run.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) effort: Effort,
    /// The benches of the stores, each with the manifest of its package.
    stores: Vec<(String, PathBuf)>,
}

/// Builds what `programs` need.
///
/// # Errors
///
/// What could not be built; the compiler's words are in the log.
pub(crate) fn build(job: &mut Job<'_>, programs: &[&Program], effort: Effort) -> Result<Built> {
    let has = |kind| programs.iter().any(|program| program.kind == kind);
    let mut lines = Vec::new();
    if effort == Effort::Quick {
        // Together, and with the features that the tests are built with: most of it is there already.
        lines.push("--workspace --all-features --lib --bin rows --bench store".into());
    } else {
        // Each alone, as it is built for those who use it: together they would share features.
        if has(Kind::C) || has(Kind::Python) {
            lines.push("--package otp-engine-c".to_owned());
        }
        if has(Kind::C) || has(Kind::Python) || has(Kind::Rust) {
            lines.push("--package otp-engine-peers --package otp-engine-floor".into());
        }
        for Program { section, .. } in programs.iter().filter(|one| one.kind == Kind::Store) {
            lines.push(format!(
                "--manifest-path {section}/Cargo.toml --bench store"
            ));
        }
    }
    let mut stores = Vec::new();
    for line in lines {
        let (profile, words) = (effort.profile(), line.split(' '));
        let told = job.ask(cmd!(
            job.sh(),
            "cargo build --locked --message-format json-render-diagnostics --profile {profile} {words...}"
        ));
        stores.extend(told.context(line)?.lines().filter_map(bench_of));
    }
    if has(Kind::C) {
        build_c(job, effort)?;
    }
    Ok(Built { effort, stores })
}

/// Reads a message of cargo about a bench that was built: where its package's manifest is, and the program.
fn bench_of(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_bench = message["target"]["kind"] == json!(["bench"]);
    let manifest = message["manifest_path"].as_str().filter(|_| is_bench)?;
    Some((manifest.to_owned(), message["executable"].as_str()?.into()))
}

/// Peers that are not installed are left out; the program says so itself.
fn build_c(job: &mut Job<'_>, effort: Effort) -> Result<()> {
    let (sh, program) = (job.sh(), effort.rows_in_c(job.world));
    let built = effort.folder(job.world);
    let home = sh.create_dir(program.parent().context("no folder")?)?;
    let libraries = c::named(job.world, &home, &built.join("libotp_engine.so"))?;
    let floor = built.join("libotp_floor.a");
    let peers = [
        ("/usr/include/liboath/oath.h", "-DWITH_LIBOATH", "-loath"),
        ("/usr/include/cotp.h", "-DWITH_LIBCOTP", "-lcotp"),
    ];
    let installed = peers
        .iter()
        .filter(|(header, ..)| Path::new(header).is_file());
    let (defines, links): (Vec<_>, Vec<_>) =
        installed.map(|(_, define, link)| (*define, *link)).unzip();
    let sources = ["rows", "oath", "engine"].map(|name| format!("benches/peers/c/{name}.c"));
    let search = format!("-Wl,-rpath,{}", libraries.display());
    job.pass(cmd!(
        sh,
        "gcc -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror -Iinclude -Ibenches/peers/floor
         {sources...} {defines...} -o {program} -L {libraries} {search} -lotp_engine {floor}
         {links...} -lpthread -lm -ldl -lgcc_s"
    ))
    .map(drop)
}

impl Program {
    /// Says whether it installs and loads whole servers, which is done only where it is named.
    pub(crate) fn is_of_stacks(&self) -> bool {
        self.kind == Kind::Stacks
    }

    /// Runs it to its end, and reads its rows.
    ///
    /// # Errors
    ///
    /// How it ended otherwise; a line that is no row.
    pub(crate) fn run(&self, job: &mut Job<'_>, built: &Built) -> Result<Rows> {
        if self.is_of_stacks() {
            return stacks::run(job, built.effort);
        }
        let quick = (built.effort == Effort::Quick).then_some("--quick");
        let command = self.command(job.world, built)?.args(quick);
        Rows::read(&job.ask(command)?)
    }

    fn command<'a>(&self, world: &'a World, built: &Built) -> Result<Cmd<'a>> {
        let (sh, folder, section) = (&world.sh, built.effort.folder(world), self.section);
        Ok(match self.kind {
            Kind::Rust => {
                let program = folder.join("rows");
                cmd!(sh, "{program} {section}")
            }
            Kind::C => {
                let program = built.effort.rows_in_c(world);
                // Cargo puts its own folders there: a debug library in them would be measured.
                cmd!(sh, "{program} {section}").env_remove("LD_LIBRARY_PATH")
            }
            Kind::Python => {
                let own = world.venv("python");
                let python = if own.is_file() { own } else { "python3".into() };
                cmd!(sh, "{python} benches/peers/python/rows.py {section}")
                    .env("PYTHONPATH", "bindings/python/src")
                    .env("OTP_ENGINE_LIBRARY", folder.join("libotp_engine.so"))
                    .env("OTP_FLOOR_LIBRARY", folder.join("libotp_floor.so"))
            }
            Kind::Store => {
                let manifest = format!("{section}/Cargo.toml");
                let mut stores = built.stores.iter();
                let bench = stores.find(|(its, _)| its.ends_with(&manifest));
                let (_, bench) = bench.context("it was not built")?;
                cmd!(sh, "{bench} --bench").env("OTP_BENCH_JSON", "1")
            }
            Kind::Stacks => bail!("it is no single program"),
        })
    }
}

impl Effort {
    const fn profile(self) -> &'static str {
        match self {
            Self::Full => "release",
            // What the tests of the workspace have built already.
            Self::Quick => "test",
        }
    }

    fn folder(self, world: &World) -> PathBuf {
        world.target.join(match self {
            Self::Full => "release",
            Self::Quick => "debug",
        })
    }

    fn rows_in_c(self, world: &World) -> PathBuf {
        world.own("bench").join(self.profile()).join("rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_found_among_the_messages_of_a_build() {
        let message = |kind: &str| {
            let message = json!({
                "reason": "compiler-artifact", "manifest_path": "/p/stores/redis/Cargo.toml",
                "target": {"kind": [kind], "name": "store"}, "executable": "/t/store-0",
            });
            bench_of(&message.to_string())
        };
        let found = ("/p/stores/redis/Cargo.toml".to_owned(), "/t/store-0".into());
        assert_eq!(message("bench"), Some(found));
        assert_eq!(message("lib"), None);
        assert_eq!(
            bench_of("{\"reason\":\"build-finished\",\"success\":true}"),
            None
        );
    }
}
