//! The programs that measure: how each is built and started.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::row::Rows;
use crate::c;
use crate::job::Job;
use crate::world::World;

/// How much is done for a figure.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Effort {
    /// As many rounds as a figure needs, of programs that are built as a release is.
    #[default]
    Full,
    /// A round or two of each row, of programs as tests are built: whether each runs.
    Quick,
}

/// Something that prints rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Program {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Ours beside other crates; a section of the rows.
    Rust(&'static str),
    /// The library beside C libraries; a section of the rows.
    C(&'static str),
    /// The package beside pure Python and Python packages; a section of the rows.
    Python(&'static str),
    /// A store beside bare statements: the bench of the package in this folder.
    Store(&'static str),
}

pub(crate) const ALL: &[Program] = &[
    program("oath", Kind::Rust("oath")),
    program("hot", Kind::Rust("hot")),
    program("live", Kind::Rust("live")),
    program("threads", Kind::Rust("threads")),
    program("memory", Kind::Rust("memory")),
    program("memory-default", Kind::Rust("memory-default")),
    program("purge", Kind::Rust("purge")),
    program("c-oath", Kind::C("oath")),
    program("c-engine", Kind::C("engine")),
    program("python-oath", Kind::Python("oath")),
    program("python-otp", Kind::Python("otp")),
    program("python-memory", Kind::Python("memory")),
    program("postgres", Kind::Store("stores/postgres")),
    program("redis", Kind::Store("stores/redis")),
    program("sqlite", Kind::Store("stores/sqlite")),
];

const fn program(name: &'static str, kind: Kind) -> Program {
    Program { name, kind }
}

const ROWS_IN_C: &str = "benches/peers/c";
const ROWS_IN_PYTHON: &str = "benches/peers/python/rows.py";

/// Chooses the programs named in `only`, in the order of the table; without names, all.
///
/// # Errors
///
/// The sentence to show, where a name is not in the table.
pub(crate) fn choose(only: &[String]) -> Result<Vec<Program>, String> {
    if let Some(name) = only
        .iter()
        .find(|name| !ALL.iter().any(|program| program.name == **name))
    {
        let known: Vec<_> = ALL.iter().map(|program| program.name).collect();
        return Err(format!(
            "unknown group '{name}'; the groups are: {}",
            known.join(", ")
        ));
    }
    let chosen =
        |program: &&Program| only.is_empty() || only.iter().any(|name| name == program.name);
    Ok(ALL.iter().filter(chosen).copied().collect())
}

/// Programs that are ready to run.
#[derive(Debug)]
pub(crate) struct Built {
    effort: Effort,
    /// The benches of the stores, each with the manifest of its package.
    stores: Vec<(String, PathBuf)>,
}

/// Builds what `programs` need.
///
/// # Errors
///
/// What could not be built; the compiler's words are in the log.
pub(crate) fn build(
    job: &mut Job<'_>,
    programs: &[Program],
    effort: Effort,
) -> Result<Built, String> {
    let kinds = || programs.iter().map(|program| program.kind);
    let needs_library = kinds().any(|kind| matches!(kind, Kind::C(_) | Kind::Python(_)));
    let needs_rows = needs_library || kinds().any(|kind| matches!(kind, Kind::Rust(_)));
    let needed = |needed: bool, line: &'static str| needed.then(|| line.to_owned());
    let lines: Vec<String> = match effort {
        // Together, and with the features that the tests are built with: most of it is there already.
        Effort::Quick => vec![
            "--workspace --exclude otp-engine --all-features --lib --bin rows --bench store".into(),
        ],
        // Each alone, as it is built for those who use it: together they would share features.
        Effort::Full => {
            let library = needed(needs_library, "--package otp-engine-c");
            let rows = needed(
                needs_rows,
                "--package otp-engine-peers --package otp-engine-floor",
            );
            let store = |kind| match kind {
                Kind::Store(folder) => {
                    Some(format!("--manifest-path {folder}/Cargo.toml --bench store"))
                }
                _ => None,
            };
            library
                .into_iter()
                .chain(rows)
                .chain(kinds().filter_map(store))
                .collect()
        }
    };
    let mut built = Built {
        effort,
        stores: Vec::new(),
    };
    for line in lines {
        let made = cargo_build(job, &line, effort).map_err(|error| format!("{line}: {error}"))?;
        built.stores.extend(made);
    }
    if kinds().any(|kind| matches!(kind, Kind::C(_))) {
        build_c(job, effort)?;
    }
    Ok(built)
}

/// Builds, and returns the benches that were: where each package's manifest is, and the program.
fn cargo_build(
    job: &mut Job<'_>,
    line: &str,
    effort: Effort,
) -> Result<Vec<(String, PathBuf)>, String> {
    let mut command = job.world.command("cargo");
    command.args([
        "build",
        "--locked",
        "--message-format",
        "json-render-diagnostics",
    ]);
    command
        .args(["--profile", effort.profile()])
        .args(line.split(' '));
    let output = command.output().map_err(|error| error.to_string())?;
    job.say(format_args!(
        "$ cargo build {line}\n{}",
        String::from_utf8_lossy(&output.stderr)
    ));
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    let told = String::from_utf8_lossy(&output.stdout);
    Ok(told.lines().filter_map(bench_of).collect())
}

/// Reads a message of cargo about a bench that was built.
fn bench_of(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_bench = message["target"]["kind"] == json!(["bench"]);
    let manifest = message["manifest_path"].as_str().filter(|_| is_bench)?;
    Some((manifest.to_owned(), message["executable"].as_str()?.into()))
}

/// Peers that are not installed are left out; the program says so itself.
fn build_c(job: &mut Job<'_>, effort: Effort) -> Result<(), String> {
    let program = rows_in_c(job.world, effort);
    let folder = program.parent().unwrap_or(&program).to_owned();
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let built = effort.folder(job.world);
    let mut command = job.world.command("gcc");
    command.args([
        "-std=c99",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
    ]);
    command.args(["-Iinclude", "-Ibenches/peers/floor"]);
    for source in ["rows.c", "oath.c", "engine.c"] {
        command.arg(format!("{ROWS_IN_C}/{source}"));
    }
    let peers = [
        ("/usr/include/liboath/oath.h", "-DWITH_LIBOATH", "-loath"),
        ("/usr/include/cotp.h", "-DWITH_LIBCOTP", "-lcotp"),
    ];
    let installed: Vec<_> = peers
        .iter()
        .filter(|(header, ..)| Path::new(header).is_file())
        .collect();
    command.args(installed.iter().map(|(_, define, _)| define));
    command.arg("-o").arg(&program);
    let libraries = c::named(&folder, &built.join("libotp_engine.so"))?;
    let libraries = libraries.display();
    command.args([format!("-L{libraries}"), format!("-Wl,-rpath,{libraries}")]);
    command
        .arg("-lotp_engine")
        .arg(built.join("libotp_floor.a"));
    command.args(installed.iter().map(|(.., library)| library));
    command.args(["-lpthread", "-lm", "-ldl", "-lgcc_s"]);
    let built = job.run(&mut command)?.succeeded();
    built.map_err(|error| format!("{ROWS_IN_C}: {error}"))
}

impl Program {
    /// Runs it to its end, and reads its rows.
    ///
    /// # Errors
    ///
    /// How it ended otherwise; a line that is no row.
    pub(crate) fn run(self, job: &mut Job<'_>, built: &Built) -> Result<Rows, String> {
        let mut command = self.command(job.world, built)?;
        if built.effort == Effort::Quick {
            command.arg("--quick");
        }
        // Not through the log: rows are long, and words of the build would stand between them.
        let output = command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        job.say(format_args!("{}:\n{said}", self.name));
        if !output.status.success() {
            let last = said.lines().last().unwrap_or_default();
            return Err(format!("{}: {last}", output.status));
        }
        Rows::read(&String::from_utf8_lossy(&output.stdout))
    }

    fn command(self, world: &World, built: &Built) -> Result<Command, String> {
        let (effort, stores) = (built.effort, &built.stores);
        let built = effort.folder(world);
        Ok(match self.kind {
            Kind::Rust(section) => {
                let mut command = world.command(&built.join("rows").to_string_lossy());
                command.arg(section);
                command
            }
            Kind::C(section) => {
                let mut command = world.command(&rows_in_c(world, effort).to_string_lossy());
                // Cargo puts its own folders there: a debug library in them would be measured.
                command.arg(section).env_remove("LD_LIBRARY_PATH");
                command
            }
            Kind::Python(section) => {
                let own = world.own("venv").join("bin").join("python");
                let python = if own.is_file() { own } else { "python3".into() };
                let mut command = world.command(&python.to_string_lossy());
                command
                    .args([ROWS_IN_PYTHON, section])
                    .env("PYTHONPATH", world.root.join("bindings/python/src"))
                    .env("OTP_ENGINE_LIBRARY", built.join("libotp_engine.so"))
                    .env("OTP_FLOOR_LIBRARY", built.join("libotp_floor.so"));
                command
            }
            Kind::Store(folder) => {
                let is_its = |(manifest, _): &&(String, PathBuf)| {
                    manifest.ends_with(&format!("{folder}/Cargo.toml"))
                };
                let (_, bench) = stores.iter().find(is_its).ok_or("it was not built")?;
                let mut command = world.command(&bench.to_string_lossy());
                command.arg("--bench").env("OTP_BENCH_JSON", "1");
                command
            }
        })
    }
}

fn rows_in_c(world: &World, effort: Effort) -> PathBuf {
    world.own("bench").join(effort.profile()).join("rows")
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_programs_in_the_order_of_the_table() {
        let chosen = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            let chosen = choose(&only)?;
            Ok::<Vec<_>, String>(chosen.iter().map(|program| program.name).collect())
        };
        assert_eq!(chosen(&["redis", "oath"]), Ok(vec!["oath", "redis"]));
        assert_eq!(chosen(&[]).map(|all| all.len()), Ok(ALL.len()));
        assert!(chosen(&["oaths"]).is_err());
    }

    #[test]
    fn benches_are_found_among_the_messages_of_a_build() {
        let message = |kind: &str| {
            let message = json!({
                "reason": "compiler-artifact", "manifest_path": "/p/stores/redis/Cargo.toml",
                "target": {"kind": [kind], "name": "store"}, "executable": "/t/store-0",
            });
            message.to_string()
        };
        let found = (
            "/p/stores/redis/Cargo.toml".to_owned(),
            PathBuf::from("/t/store-0"),
        );
        assert_eq!(bench_of(&message("bench")), Some(found));
        assert_eq!(bench_of(&message("lib")), None);
        assert_eq!(
            bench_of("{\"reason\":\"build-finished\",\"success\":true}"),
            None
        );
    }
}
