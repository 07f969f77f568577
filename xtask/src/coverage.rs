//! Line coverage of the decision modules: each line, or the part fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::dependencies::CORE;
use crate::job::Job;
use crate::world::World;

/// How often each line of a file ran; lines without code are absent.
type Hits = BTreeMap<usize, u64>;

/// Runs the core's tests instrumented, and checks each module.
pub(crate) fn checks(job: &mut Job<'_>) {
    let (mut modules, mut files) = (Vec::new(), BTreeMap::new());
    job.check("coverage can be measured", |job| {
        modules = decision_modules(job.world)?;
        files = read(&measured(job)?, &format!("{}/", job.world.root.display()));
        Ok(())
    });
    let lines = |file: &String| {
        let text = job.world.read(file).unwrap_or_default();
        files
            .get(file)
            .map(|hits| Lines::count(hits, &text))
            .unwrap_or_default()
    };
    let judged: Vec<_> = modules
        .iter()
        .map(|module| (module, lines(module)))
        .collect();
    let core = files
        .keys()
        .filter(|file| file.starts_with("src/"))
        .map(lines);
    let (missed, total) = core.fold((0, 0), |(missed, total), lines| {
        (missed + lines.missed.len(), total + lines.total)
    });
    for (module, lines) in judged {
        job.note(format!("{module}: {}", lines.told()));
        job.figure(format!("lines covered, {module}"), lines.told());
        job.check(format!("every line of {module} runs in a test"), |_| {
            lines.judge()
        });
    }
    let whole = format!("{} of {total}", total - missed);
    job.note(format!("the whole core: {whole}"));
    job.figure("lines covered, the whole core", whole);
}

/// The files that decide about codes and rate limits, by `.cargo/mutants.toml`: their lines must all be covered,
/// and their mutants must die.
///
/// # Errors
///
/// The name that matches no file: a module that was moved must not drop out unseen.
pub(crate) fn decision_modules(world: &World) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Mutants {
        examine_globs: Vec<String>,
    }
    let mutants: Mutants = toml::from_str(&world.read(".cargo/mutants.toml")?)?;
    found(&world.sh, &world.root, &mutants.examine_globs)
}

/// The files that `names` name, from `root` on; `/*.rs` stands for those directly in a folder.
fn found(sh: &Shell, root: &Path, names: &[String]) -> Result<Vec<String>> {
    let mut modules = Vec::new();
    for name in names {
        let before = modules.len();
        if let Some(folder) = name.strip_suffix("/*.rs") {
            let files = sh.read_dir(root.join(folder)).unwrap_or_default();
            let files = files
                .iter()
                .filter(|file| file.extension().is_some_and(|its| its == "rs"));
            let files = files.filter_map(|file| file.strip_prefix(root).ok());
            modules.extend(files.map(|file| file.display().to_string()));
        } else if root.join(name).is_file() {
            modules.push(name.clone());
        }
        ensure!(modules.len() > before, "no such decision module: {name}");
    }
    Ok(modules)
}

/// Returns the report of cargo-llvm-cov in lcov's format.
fn measured(job: &mut Job<'_>) -> Result<String> {
    let path = job.world.own("coverage.lcov");
    let mut command = cmd!(
        job.sh(),
        "cargo llvm-cov --locked --package {CORE} --all-features --lcov --output-path {path}"
    );
    if let Some(tools) = llvm(job.world) {
        command = command.env("LLVM_COV", tools.join("llvm-cov"));
        command = command.env("LLVM_PROFDATA", tools.join("llvm-profdata"));
    }
    job.pass(command)?;
    Ok(job.sh().read_file(path)?)
}

/// Reads the lines' hits of each file, named from `root` on.
fn read(report: &str, root: &str) -> BTreeMap<String, Hits> {
    let mut files = BTreeMap::<String, Hits>::new();
    let mut file = "";
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = path.strip_prefix(root).unwrap_or(path);
        } else if let Some(numbers) = line.strip_prefix("DA:")
            && let Some((Ok(line), Ok(hits))) = numbers
                .split_once(',')
                .map(|(line, hits)| (line.parse(), hits.parse()))
        {
            let seen = files
                .entry(file.to_owned())
                .or_default()
                .entry(line)
                .or_default();
            *seen = u64::max(hits, *seen);
        }
    }
    files
}

/// The lines of a file that hold code, without its tests.
#[derive(Debug, Default)]
struct Lines {
    total: usize,
    missed: Vec<usize>,
}

impl Lines {
    /// Counts `hits` up to the `mod tests` that ends `text`: tests would pad the share.
    fn count(hits: &Hits, text: &str) -> Self {
        let tests = text.split_once("#[cfg(test)]\nmod tests");
        let end = tests.map_or(usize::MAX, |(before, _)| before.lines().count());
        let own = hits.range(..=end);
        Self {
            total: own.clone().count(),
            missed: own
                .filter(|(_, hits)| **hits == 0)
                .map(|(line, _)| *line)
                .collect(),
        }
    }

    fn judge(&self) -> Result<()> {
        ensure!(self.total > 0, "no line of it was compiled");
        ensure!(self.missed.is_empty(), self.told());
        Ok(())
    }

    fn told(&self) -> String {
        let covered = format!("{} of {}", self.total - self.missed.len(), self.total);
        match &*self.missed {
            [] => covered,
            missed => format!("{covered}, not {missed:?}"),
        }
    }
}

/// Returns the folder of `llvm-cov` and `llvm-profdata`, if there is one: of the compiler's own major version,
/// as the format of profiles changes with LLVM. The toolchain's component `llvm-tools` has them, and so has
/// Debian's package.
pub(crate) fn llvm(world: &World) -> Option<PathBuf> {
    let about = world.ask(cmd!(world.sh, "rustc -vV")).ok()?;
    let sysroot = world.ask(cmd!(world.sh, "rustc --print sysroot")).ok()?;
    let own = format!("{sysroot}/lib/rustlib/{}/bin", field(&about, "host")?);
    let debian = format!("/usr/lib/llvm-{}/bin", major(&about)?);
    let has_both = |folder: &PathBuf| {
        folder.join("llvm-cov").exists() && folder.join("llvm-profdata").exists()
    };
    [own, debian].map(PathBuf::from).into_iter().find(has_both)
}

/// Returns the name of Debian's package that fits the compiler.
///
/// # Errors
///
/// Where the compiler does not tell its LLVM.
pub(crate) fn llvm_package(world: &World) -> Result<String> {
    let about = world.ask(cmd!(world.sh, "rustc -vV"))?;
    let major = major(&about).context("rustc -vV does not tell its LLVM version")?;
    Ok(format!("llvm-{major}"))
}

fn major(about: &str) -> Option<&str> {
    field(about, "LLVM version")?.split('.').next()
}

fn field<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    about
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "SF:/build/x/src/meter.rs\nFN:1,f\nDA:1,5\nDA:2,0\nDA:4,1\nLF:3\nLH:2\n\
                          end_of_record\nSF:/build/x/src/meter.rs\nDA:2,3\nDA:6,0\nend_of_record\n";

    #[test]
    fn hits_are_read_by_file_and_joined() {
        let files = read(REPORT, "/build/x/");
        let expected = Hits::from([(1, 5), (2, 3), (4, 1), (6, 0)]);
        assert_eq!(
            files,
            BTreeMap::from([("src/meter.rs".to_owned(), expected)])
        );
    }

    #[test]
    fn the_lines_of_the_tests_do_not_count() {
        let hits = Hits::from([(1, 5), (3, 0), (4, 9), (5, 0)]);
        let lines = Lines::count(&hits, "fn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n");
        assert_eq!((lines.total, &lines.missed), (1, &vec![]));
        let lines = Lines::count(&hits, "fn f() {}\n\n#[cfg(test)]\nfn tests() {\n}\n");
        assert_eq!((lines.total, lines.missed), (4, vec![3, 5]));
    }

    #[test]
    fn one_missed_line_or_no_line_at_all_fails_the_module() {
        let lines = |total, missed: &[usize]| Lines {
            total,
            missed: missed.to_vec(),
        };
        assert!(lines(3000, &[]).judge().is_ok());
        assert_eq!(lines(3000, &[]).told(), "3000 of 3000");
        let error = lines(3000, &[7]).judge().unwrap_err();
        assert_eq!(error.to_string(), "2999 of 3000, not [7]");
        assert!(lines(0, &[]).judge().is_err());
    }

    #[test]
    fn a_name_without_a_file_is_an_error_that_tells_it() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            found(&Shell::new().unwrap(), own, &names)
        };
        assert_eq!(
            found(&["src/coverage.rs", "src/dependencies/*.rs"]).unwrap(),
            ["src/coverage.rs", "src/dependencies/tests.rs"]
        );
        for name in ["src/none.rs", "src/none/*.rs", "src"] {
            let error = found(&["src/coverage.rs", name]).unwrap_err();
            assert!(error.to_string().ends_with(name), "{error}");
        }
        assert!(decision_modules(&World::new(Some(1)).unwrap()).is_ok());
    }

    #[test]
    fn the_package_follows_the_compiler() {
        let about = "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2";
        assert_eq!(major(about), Some("22"));
        assert_eq!(field(about, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(major("rustc 1.95.0"), None);
    }
}
