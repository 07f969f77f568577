//! Parts of a task, how they run one after the other, and what is told at their end.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::job::{Job, Outcome};
use crate::need::{self, Need};
use crate::world::World;

/// A named piece of a task: declared as data, so that a new one is a few lines in `parts.rs`.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// One line for `--help`.
    pub(crate) about: &'static str,
    /// What must be installed first.
    pub(crate) needs: &'static [Need],
    /// What is done, in order; a failing step does not stop the next.
    pub(crate) steps: &'static [Step],
}

/// One step of a part.
#[derive(Debug)]
pub(crate) enum Step {
    /// A command line, split at spaces, that ends with success.
    Run(&'static str),
    /// One that ends with this exit code.
    Ends(i32, &'static str),
    /// A `cargo test`: each of its tests counts, and there must be at least one.
    Tests(&'static str),
    /// Checks that the runner makes itself; there must be at least one.
    Checks(fn(&mut Job<'_>)),
}

impl Step {
    fn take(&self, job: &mut Job<'_>) {
        let command = |line: &str| {
            let mut words = line.split_whitespace();
            let program = words.next().unwrap_or_default();
            cmd!(job.sh(), "{program} {words...}")
        };
        match *self {
            Self::Run(line) => Self::Ends(0, line).take(job),
            Self::Ends(code, line) => {
                let command = command(line);
                job.check(line, |job| job.run(command)?.code(code).map(drop));
            }
            Self::Tests(line) => {
                let command = command(line);
                job.tests(command);
            }
            Self::Checks(checks) => checks(job),
        }
    }
}

/// Chooses the parts named in `only`, in table order; without names, all.
///
/// # Errors
///
/// The sentence to show, where a name is not in the table.
pub(crate) fn choose<'a, T>(
    what: &str,
    all: &'a [T],
    name: fn(&T) -> &'static str,
    only: &[String],
) -> Result<Vec<&'a T>> {
    let known = || all.iter().map(name);
    if let Some(other) = only.iter().find(|only| !known().any(|name| name == **only)) {
        let known: Vec<_> = known().collect();
        bail!(
            "unknown {what} '{other}'; the {what}s are: {}",
            known.join(", ")
        );
    }
    let chosen = |one: &&T| only.is_empty() || only.iter().any(|only| only == name(one));
    Ok(all.iter().filter(chosen).collect())
}

/// Runs `parts` of the task that is typed so, tells the progress, and prints the report, with the output of the
/// parts that passed where that is asked for; says whether all did.
pub(crate) fn run(world: &World, task: &str, parts: &[&Part], is_verbose: bool) -> Result<bool> {
    println!("cargo xtask {task}, seed {}", world.seed);
    let mut outcomes = Vec::new();
    let seed = world.seed;
    thread::scope(|scope| {
        scope.spawn(move || install_ahead(seed, task, parts));
        for (number, part) in parts.iter().enumerate() {
            let title = format!("[{}/{}] {} ... ", number + 1, parts.len(), part.name);
            let (outcome, output) = run_part(world, task, part, &title)?;
            for note in &outcome.notes {
                println!("      {note}");
            }
            if outcome.failed > 0 || is_verbose {
                println!("{output}");
            }
            outcomes.push(outcome);
        }
        anyhow::Ok(())
    })?;
    print!("{}", report(task, world, &outcomes));
    Ok(is_passed(&outcomes))
}

/// Installs what later parts need while earlier ones compile: downloads take minutes on a new machine. What fails
/// here is tried again by its part, which tells of it.
fn install_ahead(seed: u64, task: &str, parts: &[&Part]) {
    let Ok(world) = World::new(Some(seed)) else {
        return;
    };
    let Ok(mut job) = Job::new(&world, task, "installs") else {
        return;
    };
    for part in parts.iter().skip(1) {
        if let Err(error) = need::install(&mut job, part.needs) {
            job.say(format_args!("{}: {error:#}", part.name));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures the part, decides nothing"
)]
fn run_part(world: &World, task: &str, part: &Part, title: &str) -> Result<(Outcome, String)> {
    let start = Instant::now();
    let mut job = Job::new(world, task, part.name)?;
    let log = job.path.clone();
    let (done, is_done) = mpsc::channel::<()>();
    let was_shown = thread::scope(|scope| {
        let progress = scope.spawn(move || show_progress(title, &log, &is_done, start));
        work(&mut job, part);
        drop(done);
        progress.join().unwrap_or_default()
    });
    job.outcome.took = start.elapsed();
    let failed = match job.outcome.failed {
        0 => String::new(),
        failed => format!(", {failed} FAILED"),
    };
    let took = job.outcome.took.as_secs_f64();
    println!(
        "{}{took:.1} s{failed}",
        if was_shown {
            "\n      ended after "
        } else {
            ""
        }
    );
    let output = job.text();
    Ok((job.outcome, output))
}

/// Installs what `part` needs and takes its steps.
fn work(job: &mut Job<'_>, part: &Part) {
    if let Err(error) = need::install(job, part.needs) {
        job.fail(format_args!("{error:#}"));
        return;
    }
    for step in part.steps {
        step.take(job);
    }
    if job.outcome.passed + job.outcome.failed == 0 {
        job.fail("this part checked nothing");
    }
}

/// A part that takes longer than this shows what it does.
const LONG: Duration = Duration::from_secs(10);

/// Shows the part's title, and, until `is_done` closes, how far it is: on a terminal in the same line
/// each second, else in a line of its own each half minute. Says whether such a line must be ended.
fn show_progress(title: &str, log: &Path, is_done: &mpsc::Receiver<()>, start: Instant) -> bool {
    let is_terminal = io::stdout().is_terminal();
    let pause = Duration::from_secs(if is_terminal { 1 } else { 30 });
    print!("{title}");
    let _ = io::stdout().flush();
    let mut next = LONG;
    let mut is_line_open = false;
    while is_done.recv_timeout(next) == Err(RecvTimeoutError::Timeout) {
        next = pause;
        let (seconds, far) = (start.elapsed().as_secs(), progress(log));
        if is_terminal {
            let line: String = format!("{title}{seconds} s, {far}")
                .chars()
                .take(99)
                .collect();
            print!("\r\x1b[K{line}");
        } else {
            print!("\n      {seconds} s, {far}");
            is_line_open = true;
        }
        let _ = io::stdout().flush();
    }
    if is_terminal {
        print!("\r\x1b[K{title}");
    }
    is_line_open
}

/// How far a part is: the tests and checks that ended, by its log, and the line that was printed last, by the
/// newest of the logs beside it.
fn progress(log: &Path) -> String {
    let begin = format!("{}.", log.with_extension("").display());
    let is_its = |path: &PathBuf| path.display().to_string().starts_with(&begin);
    let folder = log.parent().and_then(|folder| fs::read_dir(folder).ok());
    let entries = folder.into_iter().flatten().flatten();
    let logs = entries.map(|entry| entry.path()).filter(is_its);
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|about| about.modified()).ok();
    let newest = logs.max_by_key(changed).unwrap_or_default();
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let (log, newest) = (read(log), read(&newest));
    told(
        &String::from_utf8_lossy(&log),
        &String::from_utf8_lossy(&newest),
    )
}

fn told(log: &str, newest: &str) -> String {
    let is_test = |line: &str| line.starts_with("test ") && line.contains(" ... ");
    let has_ended = |line: &&str| line.starts_with("ok: ") || is_test(line);
    let ended = log.lines().filter(has_ended).count();
    let last = newest.lines().rfind(|line| !line.trim().is_empty());
    let last: String = last.unwrap_or_default().trim().chars().take(120).collect();
    format!("{ended} done: {last}")
}

/// A run without any check has failed.
fn is_passed(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|part| part.failed == 0) && outcomes.iter().any(|part| part.passed > 0)
}

/// Returns the summary; its last line is `N passed, N failed`.
fn report(task: &str, world: &World, outcomes: &[Outcome]) -> String {
    let mut text = String::from("\npart         result  passed  failed  ignored       time\n");
    let mut figures = String::new();
    for part in outcomes {
        let result = if part.failed == 0 { "ok" } else { "FAILED" };
        let _ = writeln!(
            text,
            "{:<12} {result:<6} {:>7} {:>7} {:>8} {:>8.1} s",
            part.name,
            part.passed,
            part.failed,
            part.ignored,
            part.took.as_secs_f64()
        );
        for (what, value) in &part.figures {
            let _ = writeln!(figures, "| {} | {what} | {value} |", part.name);
        }
    }
    if !figures.is_empty() {
        // Figures belong to a commit and a compiler.
        let commit = world.ask(cmd!(world.sh, "git describe --always --dirty"));
        let rustc = world.ask(cmd!(world.sh, "rustc --version"));
        let (commit, rustc) = (commit.unwrap_or_default(), rustc.unwrap_or_default());
        let head = "| part | figure | value |\n|---|---|---|";
        let _ = write!(
            text,
            "\nfigures of commit {commit}, {rustc}:\n\n{head}\n{figures}"
        );
    }
    if !is_passed(outcomes) {
        let failed = outcomes.iter().filter(|part| part.failed > 0);
        let names: Vec<_> = failed.map(|part| part.name).collect();
        let (names, seed) = (names.join(","), world.seed);
        let _ = writeln!(
            text,
            "\nto replay: cargo xtask {task} --only {names} --seed {seed}"
        );
    }
    let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    let (passed, failed) = (sum(|part| part.passed), sum(|part| part.failed));
    let _ = writeln!(text, "\n{passed} passed, {failed} failed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn ran(name: &'static str, steps: &'static [Step]) -> (Outcome, String) {
        let part = Part {
            name,
            about: "",
            needs: &[],
            steps,
        };
        run_part(&World::new(Some(1)).unwrap(), "self-test", &part, "").unwrap()
    }

    fn counts(outcome: &Outcome) -> (u64, u64) {
        (outcome.passed, outcome.failed)
    }

    #[test]
    fn a_command_passes_only_with_the_exit_code_that_is_expected() {
        const STEPS: &[Step] = &[
            Step::Run("true"),
            Step::Ends(1, "false"),
            Step::Run("false"),
            Step::Ends(1, "true"),
            Step::Run("timeout --signal=KILL 0.01 sleep 9"),
            Step::Run("no-such-program-anywhere --help"),
        ];
        assert_eq!(counts(&ran("codes", STEPS).0), (2, 4));
    }

    #[test]
    fn a_failing_step_does_not_stop_the_next() {
        const STEPS: &[Step] = &[
            Step::Run("false"),
            Step::Checks(|job| {
                job.check("two is even", |_| Ok(()));
                job.check("three is even", |_| bail!("it is odd"));
            }),
        ];
        let (outcome, output) = ran("goes-on", STEPS);
        assert_eq!(counts(&outcome), (1, 2));
        assert!(output.contains("FAILED: three is even: it is odd"));
    }

    #[test]
    fn a_part_that_checks_nothing_has_failed() {
        assert_eq!(counts(&ran("empty", &[]).0), (0, 1));
        assert_eq!(counts(&ran("idle", &[Step::Checks(|_| {})]).0), (0, 1));
    }

    #[test]
    fn what_is_skipped_is_told_and_never_counts_as_passed() {
        const STEPS: &[Step] = &[Step::Checks(|job| job.skip("SKIPPED: there is no moon"))];
        let (outcome, _) = ran("skip", STEPS);
        assert_eq!((counts(&outcome), outcome.ignored), ((0, 1), 1));
        assert_eq!(outcome.notes, ["SKIPPED: there is no moon"]);
    }

    #[test]
    fn test_cases_are_counted_and_their_lack_is_a_failure() {
        const STEPS: &[Step] = &[
            Step::Tests("echo test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured"),
            Step::Tests("true"),
        ];
        assert_eq!(counts(&ran("cases", STEPS).0), (5, 1));
    }

    #[test]
    fn tests_receive_the_seed_and_hand_back_figures() {
        let (outcome, _) = ran(
            "figures",
            &[Step::Checks(|job| {
                let print = "echo figure: seed = $OTP_TEST_SEED";
                job.tests(cmd!(job.sh(), "sh -c {print}"));
            })],
        );
        assert_eq!(outcome.figures[0].1, "1");
    }

    #[test]
    fn names_choose_in_table_order_and_an_unknown_one_is_refused() {
        let chosen = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            let all = ["fmt", "doc", "test"];
            choose("part", &all, |name| name, &only)
                .map(|chosen| chosen.len())
                .ok()
        };
        assert_eq!(chosen(&[]), Some(3));
        assert_eq!(chosen(&["test", "fmt"]), Some(2));
        assert_eq!(chosen(&["fmt", "tests"]), None);
        assert_eq!(chosen(&[""]), None);
    }

    fn outcomes(counts: &[(u64, u64)]) -> Vec<Outcome> {
        let outcome = |&(passed, failed): &(u64, u64)| Outcome {
            name: "part",
            passed,
            failed,
            ..Outcome::default()
        };
        counts.iter().map(outcome).collect()
    }

    fn reported(outcomes: &[Outcome]) -> String {
        report("test", &World::new(Some(7)).unwrap(), outcomes)
    }

    #[test]
    fn the_last_line_counts_all_parts_and_stands_alone() {
        let text = reported(&outcomes(&[(12, 0), (30, 0)]));
        assert!(text.ends_with("\n\n42 passed, 0 failed\n"), "{text}");
        let text = reported(&outcomes(&[(12, 1), (30, 2)]));
        assert!(text.ends_with("\n\n42 passed, 3 failed\n"), "{text}");
        assert!(text.contains("cargo xtask test --only part,part --seed 7"));
    }

    #[test]
    fn one_failure_in_any_part_fails_the_run_and_so_does_emptiness() {
        assert!(is_passed(&outcomes(&[(12, 0), (30, 0)])));
        assert!(!is_passed(&outcomes(&[(12, 0), (30, 1)])));
        assert!(!is_passed(&outcomes(&[(0, 0)])));
        assert!(!is_passed(&outcomes(&[])));
    }

    #[test]
    fn figures_form_a_table_and_are_left_out_when_there_are_none() {
        let mut outcomes = outcomes(&[(1, 0)]);
        assert!(!reported(&outcomes).contains("| part |"));
        outcomes[0].figures.push(("steps".into(), "9".into()));
        assert!(reported(&outcomes).contains("\n|---|---|---|\n| part | steps | 9 |\n"));
    }

    #[test]
    fn progress_is_the_number_of_tests_that_ended_and_the_last_line() {
        let log = "check: a\nok: a\nrunning 9 tests\ntest x ... ok\ntest y ... FAILED\n";
        assert_eq!(told(log, "  z .. [ 5%]\n\n"), "3 done: z .. [ 5%]");
    }
}
