//! Line coverage of the decision modules: each line, or the part fails.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;

use crate::dependencies::CORE;
use crate::job::Job;
use crate::llvm;
use crate::modules;
use crate::part::Check;

/// How often each line of a file ran; lines without code are absent.
type Hits = BTreeMap<usize, u64>;

/// Runs the core's tests instrumented, and checks each module.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let modules = match modules::decision_modules(&job.world.root) {
        Ok(modules) => modules,
        Err(error) => return vec![Check::new("the decision modules exist", Err(error))],
    };
    let report = match measure(job) {
        Ok(report) => report,
        Err(error) => return vec![Check::new("coverage can be measured", Err(error))],
    };
    let root = format!("{}/", job.world.root.display());
    let files = read(&report, &root);
    let mut checks = Vec::new();
    for module in modules {
        let text = fs::read_to_string(job.world.root.join(&module)).unwrap_or_default();
        let lines = files
            .get(&module)
            .map(|hits| Lines::count(hits, &text))
            .unwrap_or_default();
        job.note(format!("{module}: {lines}"));
        job.figure(format!("lines covered, {module}"), &lines);
        checks.push(Check::new(
            format!("every line of {module} runs in a test"),
            lines.judge(),
        ));
    }
    let mut all = Lines::default();
    for (file, hits) in files.iter().filter(|(file, _)| file.starts_with("src/")) {
        let text = fs::read_to_string(job.world.root.join(file)).unwrap_or_default();
        let lines = Lines::count(hits, &text);
        all.total += lines.total;
        all.missed.extend(lines.missed);
    }
    let whole = format!("{} of {} lines", all.total - all.missed.len(), all.total);
    job.note(format!("the whole core: {whole}"));
    job.figure("lines covered, the whole core", whole);
    checks
}

/// Returns the report of cargo-llvm-cov in lcov's format.
fn measure(job: &mut Job<'_>) -> Result<String, String> {
    let path = job.world.own("coverage.lcov");
    let mut command = job.world.command("cargo");
    command.args([
        "llvm-cov",
        "--locked",
        "--package",
        CORE,
        "--all-features",
        "--lcov",
    ]);
    command.arg("--output-path").arg(&path);
    if let Some(tools) = llvm::tools(job.world) {
        command.env("LLVM_COV", tools.join("llvm-cov"));
        command.env("LLVM_PROFDATA", tools.join("llvm-profdata"));
    }
    job.run(&mut command)?.succeeded()?;
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the lines' hits of each file, named from `root` on.
fn read(report: &str, root: &str) -> BTreeMap<String, Hits> {
    let mut files = BTreeMap::<String, Hits>::new();
    let mut file = String::new();
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            path.strip_prefix(root)
                .unwrap_or(path)
                .clone_into(&mut file);
        } else if let Some((number, hits)) = line
            .strip_prefix("DA:")
            .and_then(|rest| rest.split_once(','))
            .and_then(|(number, hits)| Some((number.parse().ok()?, hits.parse::<u64>().ok()?)))
        {
            let lines = files.entry(file.clone()).or_default();
            let seen = lines.entry(number).or_default();
            *seen = hits.max(*seen);
        }
    }
    files
}

/// The lines of a file that hold code, without its tests.
#[derive(Debug, Default, Eq, PartialEq)]
struct Lines {
    total: usize,
    missed: Vec<usize>,
}

impl Lines {
    /// Counts `hits` up to the `mod tests` that ends `text`: tests would pad the share.
    fn count(hits: &Hits, text: &str) -> Self {
        let lines: Vec<_> = text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests"))
            .unwrap_or(usize::MAX);
        let own = || hits.iter().filter(|(number, _)| **number <= tests);
        Self {
            total: own().count(),
            missed: own()
                .filter(|(_, hits)| **hits == 0)
                .map(|(number, _)| *number)
                .collect(),
        }
    }

    fn judge(&self) -> Result<(), String> {
        if self.total == 0 {
            return Err("no line of it was compiled".into());
        }
        if !self.missed.is_empty() {
            return Err(self.to_string());
        }
        Ok(())
    }
}

impl core::fmt::Display for Lines {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let covered = self.total - self.missed.len();
        // Tenths, rounded down: 100.0 % means all.
        let tenths = (covered * 1000).checked_div(self.total).unwrap_or(0);
        write!(
            f,
            "{}.{} % of {} lines",
            tenths / 10,
            tenths % 10,
            self.total
        )?;
        if !self.missed.is_empty() {
            write!(f, ", not {}", ranges(&self.missed))?;
        }
        Ok(())
    }
}

/// Shows sorted numbers shortly: `3, 7-9`.
fn ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    for run in numbers.chunk_by(|one, next| one + 1 == *next) {
        if let [first, .., last] = run {
            let _ = write!(text, "{first}-{last}, ");
        } else {
            let _ = write!(text, "{}, ", run[0]);
        }
    }
    text.trim_end_matches(", ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "SF:/build/x/src/meter.rs\nFN:1,f\nDA:1,5\nDA:2,0\nDA:4,1\nLF:3\nLH:2\n\
                          end_of_record\nSF:/build/x/src/meter.rs\nDA:2,3\nDA:6,0\nend_of_record\n";

    #[test]
    fn hits_are_read_by_file_and_joined() {
        let files = read(REPORT, "/build/x/");
        assert_eq!(
            files["src/meter.rs"],
            Hits::from([(1, 5), (2, 3), (4, 1), (6, 0)])
        );
        assert_eq!(files.len(), 1);
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
    fn one_missed_line_or_no_line_at_all_fails_the_room() {
        let lines = |total, missed: &[usize]| Lines {
            total,
            missed: missed.to_vec(),
        };
        assert_eq!(lines(3000, &[]).judge(), Ok(()));
        assert_eq!(lines(3000, &[]).to_string(), "100.0 % of 3000 lines");
        let missed = lines(3000, &[7]).judge();
        assert_eq!(missed, Err("99.9 % of 3000 lines, not 7".into()));
        assert!(lines(0, &[]).judge().is_err());
    }

    #[test]
    fn neighbours_are_shown_as_a_range() {
        assert_eq!(ranges(&[3, 7, 8, 9, 11, 12]), "3, 7-9, 11-12");
        assert_eq!(ranges(&[]), "");
    }
}
