//! One part at work: its log, and what it found.

use core::fmt::Display;
use core::time::Duration;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::world::World;

/// What the running part may use, and where it says what it found.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) world: &'a World,
    log: File,
    /// All that is said and printed; those of commands that run at once stand beside it.
    pub(crate) path: PathBuf,
    pub(crate) outcome: Outcome,
}

/// What a part found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// What was left out: never counted as passed.
    pub(crate) ignored: u64,
    pub(crate) took: Duration,
    /// Lines for the reader, shown whether the part passes or not.
    pub(crate) notes: Vec<String>,
    /// Measured values: what, and how much.
    pub(crate) figures: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    /// Its stdout and stderr, in the order in which they were written.
    pub(crate) output: String,
}

impl Ran {
    /// Requires an exit code.
    ///
    /// # Errors
    ///
    /// How the command ended otherwise; what it printed is in the log.
    pub(crate) fn code(self, code: i32) -> Result<String> {
        let Self { status, output } = self;
        ensure!(status.code() == Some(code), "{status}, expected {code}");
        Ok(output)
    }

    /// Requires a failure that says `word`: that of a planted fault.
    ///
    /// # Errors
    ///
    /// That it went through, or failed for another reason.
    pub(crate) fn caught(&self, word: &str) -> Result<()> {
        ensure!(!self.status.success(), "it went through");
        ensure!(self.output.contains(word), "it failed, but not by {word}");
        Ok(())
    }
}

impl<'a> Job<'a> {
    /// Opens an empty log for the part `name` of `task`.
    ///
    /// # Errors
    ///
    /// Whatever the file system answers.
    pub(crate) fn new(world: &'a World, task: &str, name: &'static str) -> Result<Self> {
        let task = task.replace(" --", "-");
        let path = world.own("log").join(format!("{task}-{name}.log"));
        world.sh.write_file(&path, "")?;
        Ok(Self {
            world,
            log: appending(&path)?,
            path,
            outcome: Outcome {
                name,
                ..Outcome::default()
            },
        })
    }

    /// Makes commands; lives as long as the run, so that it is at hand while the job is borrowed.
    pub(crate) fn sh(&self) -> &'a Shell {
        &self.world.sh
    }

    /// Counts `claim` as passed where `work` finds nothing wrong, else as failed.
    pub(crate) fn check(
        &mut self,
        claim: impl Display,
        work: impl FnOnce(&mut Self) -> Result<()>,
    ) {
        self.say(format_args!("check: {claim}"));
        match work(self) {
            Ok(()) => {
                self.outcome.passed += 1;
                self.say(format_args!("ok: {claim}"));
            }
            Err(error) => self.fail(format_args!("{claim}: {error:#}")),
        }
    }

    /// Counts `claim` as passed where `command` ends with success.
    pub(crate) fn passes(&mut self, claim: impl Display, command: impl Into<Command>) {
        self.check(claim, |job| job.pass(command).map(drop));
    }

    /// Counts a failure.
    pub(crate) fn fail(&mut self, error: impl Display) {
        self.outcome.failed += 1;
        self.say(format_args!("FAILED: {error}"));
    }

    /// Leaves a line for the reader.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.outcome.notes.push(note.into());
    }

    /// Leaves word that something could not be checked here.
    pub(crate) fn skip(&mut self, note: impl Into<String>) {
        let note = note.into();
        self.say(&note);
        self.note(note);
        self.outcome.ignored += 1;
    }

    /// Leaves a measured value.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: impl Display) {
        self.outcome.figures.push((what.into(), value.to_string()));
    }

    /// Writes a line into the log.
    pub(crate) fn say(&mut self, line: impl Display) {
        // A log that cannot be written shows in the output; it must not change a verdict.
        let _ = writeln!(self.log, "{line}");
    }

    /// Runs `command` to its end; what it prints goes into the log, and is returned.
    ///
    /// The log is a file, not a pipe: a process that outlives the command cannot block the runner,
    /// and a run that is cut off leaves what it had printed.
    ///
    /// # Errors
    ///
    /// Where the command cannot be started, or the log not be read.
    pub(crate) fn run(&mut self, command: impl Into<Command>) -> Result<Ran> {
        let mut command = command.into();
        self.say(format_args!("$ {}", shown(&command)));
        let start = usize::try_from(fs::metadata(&self.path)?.len())?;
        let status = self.start(&mut command, &self.log)?.wait()?;
        let bytes = fs::read(&self.path)?;
        let output = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned();
        Ok(Ran { status, output })
    }

    fn start(&self, command: &mut Command, log: &File) -> Result<Child> {
        command.stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        let name = command.get_program().display().to_string();
        command.spawn().context(name)
    }

    /// As [`Job::run`], and requires success.
    ///
    /// # Errors
    ///
    /// As there, and how it ended otherwise.
    pub(crate) fn pass(&mut self, command: impl Into<Command>) -> Result<String> {
        self.run(command)?.code(0)
    }

    /// Returns what `command` prints to stdout, which does not go into the log: rows are long.
    ///
    /// # Errors
    ///
    /// Where it does not end with success.
    pub(crate) fn ask(&mut self, command: impl Into<Command>) -> Result<String> {
        let mut command = command.into();
        self.say(format_args!("$ {}", shown(&command)));
        command.stdin(Stdio::null()).stderr(self.log.try_clone()?);
        let output = command.output()?;
        ensure!(output.status.success(), "{}, see the log", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a `cargo test`, or a pytest with `-rA`: each of its tests counts, and one must run.
    pub(crate) fn tests(&mut self, command: impl Into<Command>) {
        match self.run(command) {
            Ok(Ran { status, output }) => self.count(&output, status.success()),
            Err(error) => self.fail(error),
        }
    }

    /// As [`Job::tests`], of several at once: they wait more than they work.
    pub(crate) fn tests_at_once(&mut self, commands: Vec<Command>) {
        for ran in self.run_at_once(commands) {
            match ran {
                Ok(Ran { status, output }) => self.count(&output, status.success()),
                Err(error) => self.fail(error),
            }
        }
    }

    /// As [`Job::run`], of several at once; what each printed goes into the log when all have ended.
    pub(crate) fn run_at_once(&mut self, commands: Vec<Command>) -> Vec<Result<Ran>> {
        let mut running = Vec::new();
        for (number, mut command) in commands.into_iter().enumerate() {
            self.say(format_args!("$ {}", shown(&command)));
            let path = self.path.with_extension(format!("{number}.log"));
            let started = File::create(&path)
                .and_then(|_| appending(&path))
                .map_err(Into::into)
                .and_then(|log| self.start(&mut command, &log));
            running.push(started.map(|child| (child, path)));
        }
        let ended = |running: Result<(Child, PathBuf)>| {
            let (mut child, path) = running?;
            let status = child.wait()?;
            let output = String::from_utf8_lossy(&fs::read(path)?).into_owned();
            Ok(Ran { status, output })
        };
        let ended: Vec<_> = running.into_iter().map(ended).collect();
        for ran in ended.iter().flatten() {
            self.say(&ran.output);
        }
        ended
    }

    /// Counts the tests that `output` names, and takes their figures. A run without a test has failed,
    /// and so has one that ended badly without a failed test: it did not compile, or a process died.
    pub(crate) fn count(&mut self, output: &str, ended_well: bool) {
        let counted = output.lines().filter_map(tests_of_line);
        let (passed, failed, ignored) = counted.fold((0, 0, 0), |sum, one| {
            (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2)
        });
        self.outcome.passed += passed;
        self.outcome.failed += failed;
        self.outcome.ignored += ignored;
        if ended_well && passed + failed == 0 {
            self.fail("no test ran");
        } else if !ended_well && failed == 0 {
            self.fail("the run failed although no test did");
        }
        self.outcome.figures.extend(figures(output));
    }

    /// Returns the whole log.
    pub(crate) fn text(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The figures among the lines that tests printed: `figure: WHAT = VALUE`.
pub(crate) fn figures(output: &str) -> impl Iterator<Item = (String, String)> {
    output.lines().filter_map(|line| {
        let (what, value) = line.strip_prefix("figure: ")?.split_once(" = ")?;
        Some((what.trim().to_owned(), value.trim().to_owned()))
    })
}

/// How many tests passed, failed and were left out, by a line of cargo's,
/// `test result: ok. 3 passed; 0 failed; 1 ignored; ..`, or of pytest's, `PASSED tests/test_x.py::test_y`.
fn tests_of_line(line: &str) -> Option<(u64, u64, u64)> {
    if let Some(counts) = line.strip_prefix("test result: ") {
        let counts = counts
            .strip_prefix("ok. ")
            .or_else(|| counts.strip_prefix("FAILED. "))?;
        let mut counts = counts.split("; ");
        let mut count = |what: &str| counts.next()?.strip_suffix(what)?.parse().ok();
        return Some((count(" passed")?, count(" failed")?, count(" ignored")?));
    }
    let (outcome, name) = line.split_once(' ')?;
    // A line of a log that a test wrote is padded: `ERROR    sending:sending.py:59 ..`.
    match outcome {
        _ if !name.contains(".py") || name.starts_with(' ') => None,
        "PASSED" => Some((1, 0, 0)),
        "FAILED" | "ERROR" => Some((0, 1, 0)),
        _ => None,
    }
}

/// Appending, so that what the commands and the runner write never overwrites the other's.
fn appending(path: &PathBuf) -> io::Result<File> {
    File::options().append(true).open(path)
}

fn shown(command: &Command) -> String {
    let words = core::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::cmd;

    fn counted(output: &str, ended_well: bool) -> (u64, u64, u64) {
        let world = World::new(Some(1)).unwrap();
        let mut job = Job::new(&world, "self-test", "count").unwrap();
        job.count(output, ended_well);
        (job.outcome.passed, job.outcome.failed, job.outcome.ignored)
    }

    const UNIT: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
    const DOC: &str = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured";
    const NONE: &str = "test result: ok. 0 passed; 0 failed; 5 ignored; 0 measured";

    #[test]
    fn a_command_leaves_both_its_streams_in_order() {
        let world = World::new(Some(1)).unwrap();
        let mut job = Job::new(&world, "self-test", "streams").unwrap();
        job.say("before");
        let script = "echo one; echo two >&2; echo three; exit 3";
        let ran = job.run(cmd!(job.sh(), "sh -c {script}")).unwrap();
        assert_eq!(ran.status.code(), Some(3));
        assert_eq!(ran.output, "one\ntwo\nthree\n");
        assert!(job.text().starts_with("before\n$ sh -c "));
        assert!(job.text().ends_with("one\ntwo\nthree\n"));
    }

    #[test]
    fn the_result_lines_of_all_test_programs_are_summed() {
        let output = format!("running 4 tests\n{UNIT}\n\n   Doc-tests x\n\n{DOC}\n{NONE}\n");
        assert_eq!(counted(&output, false), (4, 2, 6));
    }

    #[test]
    fn only_whole_result_lines_count() {
        for line in [
            "the test result: ok. 3 passed; 0 failed; 0 ignored",
            "test result: fine. 3 passed; 0 failed; 0 ignored",
            "test result: ok. 3 passed; 0 failed",
            "test result: ok. x passed; 0 failed; 0 ignored",
            "test result: ok. -3 passed; 0 failed; 0 ignored",
            "test result: ok. 0 failed; 3 passed; 0 ignored",
            "test job::tests::this ... ok",
        ] {
            assert_eq!(tests_of_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_run_without_any_test_or_a_bad_end_without_a_failed_test_has_failed() {
        assert_eq!(counted(NONE, true), (0, 1, 5));
        assert_eq!(counted("", true), (0, 1, 0));
        assert_eq!(counted(UNIT, true), (3, 0, 1));
        assert_eq!(counted(UNIT, false), (3, 1, 1));
        assert_eq!(counted("no tests ran in 0.01s", false), (0, 1, 0));
        assert_eq!(counted("PASSED a.py::b", false), (1, 1, 0));
    }

    #[test]
    fn each_test_that_pytest_names_counts() {
        let output = "PASSED bindings/python/tests/test_a.py::test_one[x y]\n\
                      FAILED bindings/python/tests/test_a.py::test_two - assert 1 == 2\n\
                      ERROR bindings/python/tests/test_b.py\n\
                      ERROR    sending:sending.py:59 the answer of a gateway was lost\n\
                      SKIPPED [1] tests/test_c.py:7: there is no fork here\n\
                      3 passed in 1s\n\
                      PASSED";
        assert_eq!(counted(output, false), (1, 2, 0));
    }

    #[test]
    fn figures_are_read_from_lines_of_their_own() {
        let output = "figure: model steps = 300,000 (seed = 7)\na figure: model steps = 1\n\
                      figure: model steps 1\n";
        let expected = ("model steps".to_owned(), "300,000 (seed = 7)".to_owned());
        assert_eq!(figures(output).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn a_planted_fault_counts_as_caught_only_for_its_own_reason() {
        let world = World::new(Some(1)).unwrap();
        let mut job = Job::new(&world, "self-test", "caught").unwrap();
        let mut ran = |script: &str| job.run(cmd!(job.sh(), "sh -c {script}")).unwrap();
        assert!(
            ran("echo definitely lost; exit 1")
                .caught("definitely lost")
                .is_ok()
        );
        assert!(
            ran("echo definitely lost")
                .caught("definitely lost")
                .is_err()
        );
        assert!(
            ran("echo no such file; exit 1")
                .caught("definitely lost")
                .is_err()
        );
    }
}
