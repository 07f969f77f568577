//! What may be typed after `cargo xtask`, and the help about it.

use core::fmt::Write as _;
use std::ffi::OsString;

use lexopt::prelude::*;

use crate::part::{Part, Runs};
use crate::{bench, parts};

/// One of the subcommands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    Test,
    Soak,
    Coverage,
    Odoo,
    Service,
}

impl Task {
    const ALL: [Self; 5] = [
        Self::Test,
        Self::Soak,
        Self::Coverage,
        Self::Odoo,
        Self::Service,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Soak => "soak",
            Self::Coverage => "coverage",
            Self::Odoo => "odoo",
            Self::Service => "service",
        }
    }

    /// What to type to run its parts.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Odoo => "odoo --test",
            Self::Service => "service --test",
            other => other.name(),
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Test => "everything that each change must pass",
            Self::Soak => "the long runs before a release; prints the figures of docs/testing.md",
            Self::Coverage => "line coverage of the decision modules; fails under 100 %",
            Self::Odoo => "starts a real Odoo with the demo; with --test it tests the addon on one",
            Self::Service => {
                "starts the reference service's demo; with --test it tests the service"
            }
        }
    }

    pub(crate) const fn parts(self) -> &'static [Part] {
        match self {
            Self::Test => parts::TEST,
            Self::Soak => parts::SOAK,
            Self::Coverage => parts::COVERAGE,
            Self::Odoo => parts::ODOO,
            Self::Service => parts::SERVICES,
        }
    }
}

const BENCH_ABOUT: &str = "compares our rows with floors and with other libraries; takes minutes";

/// What happens to the output of a part that passes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Output {
    #[default]
    OfFailures,
    OfAll,
}

/// The options of a run.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Options {
    pub(crate) only: Vec<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) output: Output,
}

/// What is asked for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Request {
    Help(Option<Task>),
    List(Task),
    Run(Task, Options),
    /// Write the C header, or say whether it is as its sources are.
    Header {
        verify: bool,
    },
    /// Measure our rows beside those of others.
    Bench(bench::Options),
    BenchHelp,
    /// Start an Odoo to try the addon on.
    Odoo,
    /// Start the reference service's demo.
    Service,
}

/// Reads the arguments that follow `cargo xtask`.
///
/// # Errors
///
/// The sentence to show, where an argument is unknown, incomplete or missing.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    read(lexopt::Parser::from_args(args)).map_err(|error| error.to_string())
}

fn read(mut parser: lexopt::Parser) -> Result<Request, lexopt::Error> {
    if let Some(bench) = parser.try_raw_args()
        && bench.peek().is_some_and(|task| task == "bench")
    {
        return read_bench(parser);
    }
    let mut task = None;
    let mut header = None;
    let mut test = false;
    let mut help = false;
    let mut list = false;
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => help = true,
            Value(name) if task.is_none() && header.is_none() && name == "header" => {
                header = Some(false);
            }
            Long("verify") if header.is_some() => header = Some(true),
            Long("test") if matches!(task, Some(Task::Odoo | Task::Service)) => test = true,
            Value(name) if task.is_none() && header.is_none() => {
                let found = Task::ALL.into_iter().find(|task| name == task.name());
                task = Some(found.ok_or_else(|| {
                    lexopt::Error::from(format!("unknown task '{}'", name.display()))
                })?);
            }
            Long("list") if task.is_some() => list = true,
            Short('v') | Long("verbose") if task.is_some() => options.output = Output::OfAll,
            Long("seed") if task.is_some() => options.seed = Some(parser.value()?.parse()?),
            Long("only") if task.is_some() => {
                let names = parser.value()?.string()?;
                options.only.extend(names.split(',').map(str::to_owned));
            }
            _ => return Err(arg.unexpected()),
        }
    }
    if let (false, Some(verify)) = (help, header) {
        return Ok(Request::Header { verify });
    }
    match task {
        _ if help => Ok(Request::Help(task)),
        Some(task) if list => Ok(Request::List(task)),
        Some(Task::Odoo) if !test && options == Options::default() => Ok(Request::Odoo),
        Some(Task::Service) if !test && options == Options::default() => Ok(Request::Service),
        Some(Task::Odoo | Task::Service) if !test => Err("these options need --test".into()),
        Some(task) => Ok(Request::Run(task, options)),
        None => Err("no task given".into()),
    }
}

/// Reads the arguments of a benchmark, whose options are its own.
fn read_bench(mut parser: lexopt::Parser) -> Result<Request, lexopt::Error> {
    let mut options = bench::Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Value(task) if task == "bench" => {}
            Short('h') | Long("help") => return Ok(Request::BenchHelp),
            Long("quick") => options.quick = true,
            Long("check") => options.check = true,
            Long("write") => options.write = true,
            Long("only") => {
                let names = parser.value()?.string()?;
                options.only.extend(names.split(',').map(str::to_owned));
            }
            _ => return Err(arg.unexpected()),
        }
    }
    match options.contradiction() {
        Some(contradiction) => Err(contradiction.into()),
        None => Ok(Request::Bench(options)),
    }
}

/// Returns the help text of the benchmark.
pub(crate) fn bench_help() -> String {
    let groups: Vec<_> = bench::PROGRAMS.iter().map(|program| program.name).collect();
    format!(
        "cargo xtask bench: {BENCH_ABOUT}\n\n\
         usage: cargo xtask bench [--only GROUP[,GROUP]] [--check] [--write] [--quick]\n\n\
         groups, in the order in which they run:\n  {}\n\n\
         options:\n  \
         --only GROUP  measure these groups alone\n  \
         --check       fail where a gated goal of benches/goals.toml is missed\n  \
         --write       write the tables and the chart of docs/performance.md, of a whole run\n  \
         --quick       a round or two of each row, to see that it runs\n  \
         -h, --help    print this\n\n\
         target/xtask/bench.json holds the figures of the latest run that was not quick.\n\
         exit code: 0 good, 1 something failed or a goal is missed, 2 the command line is wrong,\n\
         3 the machine is too noisy to say\n",
        groups.join(", ")
    )
}

/// Returns the help text of `task`, or of the whole.
pub(crate) fn help(task: Option<Task>) -> String {
    let Some(task) = task else {
        let mut text = String::from("usage: cargo xtask TASK [OPTIONS]\n\ntasks:\n");
        for task in Task::ALL {
            let _ = writeln!(text, "  {:<10} {}", task.name(), task.about());
        }
        let _ = writeln!(text, "  {:<10} {BENCH_ABOUT}", "bench");
        let _ = writeln!(
            text,
            "  {:<10} writes include/otp_engine.h; with --verify it only compares",
            "header"
        );
        text.push_str("\n'cargo xtask TASK --help' explains the parts and options of a task.\n");
        return text;
    };
    format!(
        "cargo xtask {name}: {about}\n\n\
         usage: {plain}cargo xtask {command} [--only PART[,PART]] [--list] [--seed N] [--verbose]\n\n\
         parts, in the order in which they run:\n{list}\n\
         options:\n  \
         --only PART[,PART]  run these parts alone\n  \
         --list              print the parts and stop\n  \
         --seed N            replay a run: N becomes OTP_TEST_SEED and PROPTEST_RNG_SEED\n                      \
         (without it: OTP_TEST_SEED if set, else a new one; it is printed)\n  \
         -v, --verbose       show the output of passing parts too; all of it is kept in\n                      \
         target/xtask/log/\n  \
         -h, --help          print this\n\n\
         A failing part does not stop the others. The last line is 'N passed, N failed'.\n\
         exit code: 0 all passed, 1 something failed, 2 the command line is wrong\n",
        name = task.name(),
        command = task.command(),
        plain = if task.command() == task.name() {
            String::new()
        } else {
            format!("cargo xtask {}\n       ", task.name())
        },
        about = task.about(),
        list = list(task.parts()),
    )
}

/// Returns one line for each of `parts`.
pub(crate) fn list(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let when = match part.runs {
            Runs::Always => "",
            Runs::OnlyByName => " (runs only with --only)",
        };
        let _ = writeln!(text, "  {:<12} {}{when}", part.name, part.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_run_takes_parts_seed_and_verbosity() {
        let options = Options {
            only: vec!["fmt".into(), "deps".into(), "doc".into()],
            seed: Some(7),
            output: Output::OfAll,
        };
        assert_eq!(
            parsed("test --only fmt,deps --seed=7 -v --only doc"),
            Ok(Request::Run(Task::Test, options))
        );
    }

    #[test]
    fn the_header_is_written_or_verified() {
        assert_eq!(parsed("header"), Ok(Request::Header { verify: false }));
        let verified = Ok(Request::Header { verify: true });
        assert_eq!(parsed("header --verify"), verified);
        assert_eq!(parsed("header --help"), Ok(Request::Help(None)));
    }

    #[test]
    fn a_benchmark_takes_its_own_options() {
        let options = bench::Options {
            only: vec!["oath".into(), "hot".into()],
            check: true,
            ..bench::Options::default()
        };
        assert_eq!(
            parsed("bench --only oath,hot --check"),
            Ok(Request::Bench(options))
        );
        assert_eq!(parsed("bench --help"), Ok(Request::BenchHelp));
        assert!(help(None).contains("bench") && bench_help().contains("c-oath"));
    }

    #[test]
    fn an_odoo_or_the_service_is_started_or_tested() {
        assert_eq!(parsed("odoo"), Ok(Request::Odoo));
        assert_eq!(parsed("service"), Ok(Request::Service));
        let seeded = Options {
            seed: Some(7),
            ..Options::default()
        };
        assert_eq!(
            parsed("odoo --test --seed 7"),
            Ok(Request::Run(Task::Odoo, seeded))
        );
        assert_eq!(
            parsed("service --test"),
            Ok(Request::Run(Task::Service, Options::default()))
        );
        let shown = "usage: cargo xtask odoo\n       cargo xtask odoo --test [";
        assert!(help(Some(Task::Odoo)).contains(shown));
    }

    #[test]
    fn help_exists_at_both_levels_and_names_every_part() {
        assert_eq!(parsed("--help"), Ok(Request::Help(None)));
        for task in Task::ALL {
            assert!(help(None).contains(task.name()));
            let line = format!("{} --help", task.name());
            assert_eq!(parsed(&line), Ok(Request::Help(Some(task))));
            for part in task.parts() {
                assert!(help(Some(task)).contains(part.about), "{}", part.name);
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "",
            "tset",
            "--only fmt",
            "test --sed 1",
            "test --seed",
            "test --seed x",
            "test fmt",
            "test --verify",
            "header test",
            "header --only c",
            "odoo --seed 7",
            "service --only service",
            "test --test",
            "bench --seed 7",
            "bench test",
            "bench --quick --check",
            "bench --write --only oath",
        ] {
            assert!(parsed(line).is_err(), "{line:?} was accepted");
        }
    }
}
