//! What may be typed after `cargo xtask`, and the help about it.

use clap::{Args, Parser, Subcommand};

use crate::bench::PROGRAMS;
use crate::odoo;
use crate::parts;
use crate::runner::Part;

/// The project's tasks; `cargo xtask TASK --help` explains the parts and options of one
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// One of the subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Runs everything that each change must pass
    #[command(after_help = of_parts(parts::TEST))]
    Test(Run),
    /// Runs what takes long, before a release; prints the figures of docs/testing.md
    #[command(after_help = of_parts(parts::SOAK))]
    Soak(Run),
    /// Makes what users install, in dist/: sdist, wheel, Debian packages
    #[command(after_help = of_parts(parts::DIST))]
    Dist(Run),
    /// Measures the line coverage of the decision modules; fails under 100 %
    #[command(after_help = of_parts(parts::COVERAGE))]
    Coverage(Run),
    /// Starts a real Odoo with the demo; with --test it tests the addon on one
    #[command(after_help = format!("{}\n{}", of_odoo(), of_parts(parts::ODOO)))]
    Odoo(Serve),
    /// Starts the reference service's demo; with --test it tests the service
    #[command(after_help = of_parts(parts::SERVICES))]
    Service(Serve),
    /// Compares our rows with floors and with other libraries; takes minutes
    #[command(after_help = of_groups())]
    Bench(Bench),
    /// Writes include/otp_engine.h; with --verify it only compares
    #[command(
        after_help = "exit code: 0 good, 1 the header is not what its sources say, \
                            2 the command line is wrong"
    )]
    Header {
        /// Compare only
        #[arg(long)]
        verify: bool,
    },
}

/// Which parts are run, and how.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Run these parts alone
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Print the parts, of --only those alone, and stop
    #[arg(long)]
    pub(crate) list: bool,
    /// Replay a run: it becomes OTP_TEST_SEED and PROPTEST_RNG_SEED (without it: OTP_TEST_SEED if set,
    /// else a new one; it is printed)
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Show the output of passing parts too; all of it is kept in target/xtask/log/
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Whether a demo is started, or tested.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Run the tests instead; the other options need it
    #[arg(long)]
    pub(crate) test: bool,
    #[command(flatten)]
    run: Run,
}

/// Which rows are measured, and what for.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Run these groups alone
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Fail where a gated goal of benches/goals.toml is missed
    #[arg(long)]
    pub(crate) check: bool,
    /// Write the tables and the chart of docs/performance.md: of a whole run, or of `--only peers`
    #[arg(long)]
    pub(crate) write: bool,
    /// Run a round or two of each row, to see that it runs
    #[arg(long, conflicts_with_all = ["check", "write"])]
    pub(crate) quick: bool,
}

impl Bench {
    /// Says whether what is measured fills the tables of a page: `peers` has one of its own.
    fn is_whole(&self) -> bool {
        self.only.is_empty() || self.only == ["peers"]
    }
}

/// What to type to run parts, the parts, and which of them and how.
type Parts<'a> = (&'static str, &'static [Part], &'a Run);

impl Task {
    /// Returns the parts that are asked for; `None` for a task without parts.
    ///
    /// # Errors
    ///
    /// The sentence to show, where a demo is to be started and has options of the tests, and where a part of a
    /// table would be written.
    pub(crate) fn parts(&self) -> Result<Option<Parts<'_>>, &'static str> {
        let (name, parts, serve) = match self {
            Self::Test(run) => return Ok(Some(("test", parts::TEST, run))),
            Self::Soak(run) => return Ok(Some(("soak", parts::SOAK, run))),
            Self::Dist(run) => return Ok(Some(("dist", parts::DIST, run))),
            Self::Coverage(run) => return Ok(Some(("coverage", parts::COVERAGE, run))),
            Self::Bench(bench) if bench.write && !bench.is_whole() => {
                return Err("--write takes a whole run, or --only peers");
            }
            Self::Bench(_) | Self::Header { .. } => return Ok(None),
            Self::Odoo(serve) => ("odoo --test", parts::ODOO, serve),
            Self::Service(serve) => ("service --test", parts::SERVICES, serve),
        };
        let Serve { test, run } = serve;
        let plain = run.only.is_empty() && run.seed.is_none() && !run.verbose;
        match (test, run.list) {
            (true, _) | (_, true) => Ok(Some((name, parts, run))),
            _ if plain => Ok(None),
            _ => Err("these options need --test"),
        }
    }
}

/// Returns one line for each part.
pub(crate) fn list<'a>(parts: impl IntoIterator<Item = &'a Part>) -> String {
    let line = |part: &Part| format!("  {:<12} {}\n", part.name, part.about);
    parts.into_iter().map(line).collect()
}

fn of_parts(parts: &[Part]) -> String {
    format!(
        "Parts, in the order in which they run:\n{}\n\
         A failing part does not stop the others. The last line is 'N passed, N failed'.\n\
         exit code: 0 all passed, 1 something failed, 2 the command line is wrong",
        list(parts)
    )
}

fn of_odoo() -> String {
    odoo::installs("target/xtask/odoo".as_ref(), "target/xtask/venv".as_ref())
}

fn of_groups() -> String {
    let groups: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
    format!(
        "Groups, in the order in which they run:\n  {}\n\n\
         peers installs whole servers of others and loads them beside ours on one PostgreSQL, for ten\n\
         minutes: it runs where --only names it.\n\n\
         exit code: 0 good, 1 something failed or a goal is missed, 2 the command line is wrong,\n\
         3 the machine is too noisy to say",
        groups.join(", ")
    )
}

fn seed(text: &str) -> Result<u64, String> {
    let wrong = |_| format!("it must be 0 to {}", u64::MAX);
    text.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parsed(line: &str) -> Result<Task, clap::Error> {
        let words = ["cargo xtask"].into_iter().chain(line.split_whitespace());
        CommandLine::try_parse_from(words).map(|line| line.task)
    }

    fn help(line: &str) -> String {
        parsed(line).unwrap_err().to_string()
    }

    /// What to type to run the parts that a line asks for, and how.
    fn runs(task: &Task) -> (&'static str, &Run) {
        let (name, _, run) = task.parts().unwrap().unwrap();
        (name, run)
    }

    #[test]
    fn a_run_takes_parts_seed_and_verbosity() {
        let task = parsed("test --only fmt,deps --seed=7 -v --only doc").unwrap();
        let (_, run) = runs(&task);
        assert_eq!(run.only, ["fmt", "deps", "doc"]);
        assert_eq!((run.seed, run.verbose), (Some(7), true));
    }

    #[test]
    fn the_header_is_written_or_verified() {
        let verifies = |line| matches!(parsed(line), Ok(Task::Header { verify: true }));
        assert!(!verifies("header") && verifies("header --verify"));
        assert!(help("header -h").contains("--verify"));
    }

    #[test]
    fn a_benchmark_takes_its_own_options() {
        let Task::Bench(bench) = parsed("bench --only oath,hot --check").unwrap() else {
            panic!("another task");
        };
        assert_eq!(bench.only, ["oath", "hot"]);
        assert!(bench.check && !bench.quick);
        assert!(help("bench --help").contains("c-oath"));
        let peers = parsed("bench --only peers --write").unwrap();
        assert!(peers.parts().unwrap().is_none());
    }

    #[test]
    fn an_odoo_or_the_service_is_started_or_tested() {
        assert!(parsed("odoo").unwrap().parts().unwrap().is_none());
        let task = parsed("odoo --test --seed 7").unwrap();
        let (name, run) = runs(&task);
        assert_eq!((name, run.seed), ("odoo --test", Some(7)));
        assert_eq!(runs(&parsed("service --test").unwrap()).0, "service --test");
    }

    #[test]
    fn case_496_the_help_of_a_demo_says_what_is_installed_and_where() {
        let help = help("odoo --help");
        for said in [
            "apt-get",
            "postgresql",
            "target/xtask/odoo",
            "OTP_ODOO_CACHE",
        ] {
            assert!(help.contains(said), "{said}");
        }
    }

    #[test]
    fn help_exists_at_both_levels_and_names_every_part() {
        CommandLine::command().debug_assert();
        for (name, parts) in [
            ("test", parts::TEST),
            ("soak", parts::SOAK),
            ("dist", parts::DIST),
            ("coverage", parts::COVERAGE),
            ("odoo", parts::ODOO),
            ("service", parts::SERVICES),
        ] {
            assert!(help("--help").contains(name));
            for part in parts {
                let help = help(&format!("{name} --help"));
                assert!(help.contains(part.about), "{}", part.name);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_so_is_what_would_be_right() {
        for (line, wrong, right) in [
            (
                "soak --seed abc",
                "'abc' for '--seed <N>'",
                "it must be 0 to 18446744073709551615",
            ),
            (
                "test --seed -1",
                "'-1' for '--seed <N>'",
                "it must be 0 to 18446744073709551615",
            ),
            ("test --onyl fmt", "'--onyl'", "'--only'"),
            ("tset", "'tset'", "'test'"),
        ] {
            let said = help(line);
            assert!(said.contains(wrong) && said.contains(right), "{said}");
        }
    }

    #[test]
    fn help_speaks_of_groups_where_there_are_groups() {
        assert!(!help("test --help").contains("group"));
        assert!(help("bench --help").contains("Run these groups alone"));
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
            "bench --write --only oath,peers",
        ] {
            let refused = match parsed(line) {
                Ok(task) => task.parts().is_err(),
                Err(error) => error.exit_code() == 2,
            };
            assert!(refused, "{line:?} was accepted");
        }
    }
}
