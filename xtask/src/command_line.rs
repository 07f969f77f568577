//! What may be typed after `cargo xtask`, and the help about it.

use core::fmt::Write as _;
use std::ffi::OsString;

use lexopt::prelude::*;

use crate::bench;
use crate::parts;
use crate::runner::Part;

/// One of the subcommands.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: &'static str,
    about: &'static str,
    /// The options that it takes.
    takes: &'static [&'static str],
    pub(crate) parts: &'static [Part],
    /// More about it, at the end of its help.
    more: &'static str,
}

const OF_PARTS: &[&str] = &["only", "list", "seed", "verbose"];
const OF_SERVERS: &[&str] = &["test", "only", "list", "seed", "verbose"];
const CODES: &str = "A failing part does not stop the others. The last line is 'N passed, N failed'.\n\
    exit code: 0 all passed, 1 something failed, 2 the command line is wrong\n";

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "test",
        about: "everything that each change must pass",
        takes: OF_PARTS,
        parts: parts::TEST,
        more: CODES,
    },
    Task {
        name: "soak",
        about: "the long runs before a release; prints the figures of docs/testing.md",
        takes: OF_PARTS,
        parts: parts::SOAK,
        more: CODES,
    },
    Task {
        name: "coverage",
        about: "line coverage of the decision modules; fails under 100 %",
        takes: OF_PARTS,
        parts: parts::COVERAGE,
        more: CODES,
    },
    Task {
        name: "odoo",
        about: "starts a real Odoo with the demo; with --test it tests the addon on one",
        takes: OF_SERVERS,
        parts: parts::ODOO,
        more: CODES,
    },
    Task {
        name: "service",
        about: "starts the reference service's demo; with --test it tests the service",
        takes: OF_SERVERS,
        parts: parts::SERVICES,
        more: CODES,
    },
    Task {
        name: "bench",
        about: "compares our rows with floors and with other libraries; takes minutes",
        takes: &["only", "check", "write", "quick"],
        parts: &[],
        more: "exit code: 0 good, 1 something failed or a goal is missed, 2 the command line is wrong,\n\
               3 the machine is too noisy to say\n",
    },
    Task {
        name: "header",
        about: "writes include/otp_engine.h; with --verify it only compares",
        takes: &["verify"],
        parts: &[],
        more: "exit code: 0 good, 1 the header is not what its sources say, 2 the command line is wrong\n",
    },
];

/// Every option, as it is typed, and what it does.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("only", "--only NAME[,NAME]", "run these parts alone"),
    (
        "list",
        "--list",
        "print the parts, of --only those alone, and stop",
    ),
    (
        "seed",
        "--seed N",
        "replay a run: N becomes OTP_TEST_SEED and PROPTEST_RNG_SEED\n                      \
         (without it: OTP_TEST_SEED if set, else a new one; it is printed)",
    ),
    (
        "verbose",
        "-v, --verbose",
        "show the output of passing parts too; all of it is kept in\n                      \
         target/xtask/log/",
    ),
    (
        "test",
        "--test",
        "run the tests instead; the other options need it",
    ),
    (
        "check",
        "--check",
        "fail where a gated goal of benches/goals.toml is missed",
    ),
    (
        "write",
        "--write",
        "write the tables and the chart of docs/performance.md, of a whole run",
    ),
    (
        "quick",
        "--quick",
        "a round or two of each row, to see that it runs",
    ),
    ("verify", "--verify", "compare only"),
    ("help", "-h, --help", "print this"),
];

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Nothing where only the help is asked for.
    pub(crate) task: Option<&'static Task>,
    pub(crate) only: Vec<String>,
    pub(crate) seed: Option<u64>,
    flags: Vec<String>,
}

impl Options {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// Says what cannot be asked for together.
    fn contradiction(&self) -> Option<&'static str> {
        let plain = self.only.is_empty() && self.seed.is_none() && self.flags.is_empty();
        match self.task {
            None => Some("no task given"),
            Some(task) if task.takes.contains(&"test") && !self.has("test") && !plain => {
                (!self.has("list")).then_some("these options need --test")
            }
            _ if self.has("quick") && (self.has("check") || self.has("write")) => {
                Some("--quick measures nothing that --check or --write could use")
            }
            _ if self.has("write") && !self.only.is_empty() => {
                Some("--write takes a whole run, without --only")
            }
            _ => None,
        }
    }
}

/// Reads the arguments that follow `cargo xtask`.
///
/// # Errors
///
/// The sentence to show, where an argument is unknown, incomplete or missing.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Options, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        let takes = |name: &str| options.task.is_some_and(|task| task.takes.contains(&name));
        match arg {
            Short('h') | Long("help") => options.flags.push("help".into()),
            Short('v') if takes("verbose") => options.flags.push("verbose".into()),
            Long("seed") if takes("seed") => {
                let seed = parser.value()?.string()?;
                let wrong = |_| format!("--seed is '{seed}'; it must be 0 to {}", u64::MAX);
                options.seed = Some(seed.parse().map_err(wrong)?);
            }
            Long("only") if takes("only") => {
                let names = parser.value()?.string()?;
                options.only.extend(names.split(',').map(str::to_owned));
            }
            Long(name) if takes(name) => options.flags.push(name.to_owned()),
            Value(name) if options.task.is_none() => {
                options.task = TASKS.iter().find(|task| name == task.name);
                if options.task.is_none() {
                    let tasks: Vec<_> = TASKS.iter().map(|task| task.name).collect();
                    let (name, tasks) = (name.display(), tasks.join(", "));
                    return Err(format!("unknown task '{name}'; the tasks are: {tasks}").into());
                }
            }
            _ => return Err(unexpected(arg, options.task)),
        }
    }
    match options.contradiction() {
        Some(contradiction) if !options.has("help") => Err(contradiction.into()),
        _ => Ok(options),
    }
}

/// Says which options there are where one is unknown.
fn unexpected(arg: lexopt::Arg<'_>, task: Option<&Task>) -> lexopt::Error {
    let (Some(task), Short(_) | Long(_)) = (task, &arg) else {
        return arg.unexpected();
    };
    let options: Vec<_> = task.takes.iter().map(|name| format!("--{name}")).collect();
    format!(
        "{}; the options of {} are: {}, --help",
        arg.unexpected(),
        task.name,
        options.join(", ")
    )
    .into()
}

/// Returns the help text of `task`, or of the whole.
pub(crate) fn help(task: Option<&Task>) -> String {
    let Some(task) = task else {
        let mut text = String::from("usage: cargo xtask TASK [OPTIONS]\n\ntasks:\n");
        for task in TASKS {
            let _ = writeln!(text, "  {:<10} {}", task.name, task.about);
        }
        text.push_str("\n'cargo xtask TASK --help' explains the parts and options of a task.\n");
        return text;
    };
    let Task {
        name, about, more, ..
    } = task;
    let mut text = format!("cargo xtask {name}: {about}\n\nusage: cargo xtask {name} [OPTIONS]\n");
    if !task.parts.is_empty() {
        let _ = write!(
            text,
            "\nparts, in the order in which they run:\n{}",
            list(task.parts)
        );
    }
    if *name == "bench" {
        let groups: Vec<_> = bench::PROGRAMS.iter().map(|program| program.name).collect();
        let groups = groups.join(", ");
        let _ = writeln!(
            text,
            "\ngroups, in the order in which they run:\n  {groups}"
        );
    }
    text.push_str("\noptions:\n");
    for (option, typed, does) in OPTIONS {
        if *option == "help" || task.takes.contains(option) {
            let does = match *name {
                "bench" => does.replace("parts", "groups"),
                _ => (*does).to_owned(),
            };
            let _ = writeln!(text, "  {typed:<19} {does}");
        }
    }
    text + "\n" + more
}

impl Task {
    /// What to type to run its parts.
    pub(crate) fn runs(&self) -> String {
        let test = if self.takes.contains(&"test") {
            " --test"
        } else {
            ""
        };
        format!("{}{test}", self.name)
    }
}

/// Returns one line for each part.
pub(crate) fn list<'a>(parts: impl IntoIterator<Item = &'a Part>) -> String {
    let line = |part: &Part| format!("  {:<12} {}\n", part.name, part.about);
    parts.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, lexopt::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    /// The task, and whether it is to be run.
    fn asked(line: &str) -> (&'static str, bool) {
        let options = parsed(line).unwrap();
        (
            options.task.map_or("", |task| task.name),
            !options.has("help"),
        )
    }

    #[test]
    fn a_run_takes_parts_seed_and_verbosity() {
        let options = parsed("test --only fmt,deps --seed=7 -v --only doc").unwrap();
        assert_eq!(options.only, ["fmt", "deps", "doc"]);
        assert_eq!((options.seed, options.has("verbose")), (Some(7), true));
    }

    #[test]
    fn the_header_is_written_or_verified() {
        assert!(!parsed("header").unwrap().has("verify"));
        assert!(parsed("header --verify").unwrap().has("verify"));
        assert_eq!(asked("header --help"), ("header", false));
        assert!(help(parsed("header -h").unwrap().task).contains("--verify"));
    }

    #[test]
    fn a_benchmark_takes_its_own_options() {
        let options = parsed("bench --only oath,hot --check").unwrap();
        assert_eq!(options.only, ["oath", "hot"]);
        assert!(options.has("check") && !options.has("quick"));
        assert_eq!(asked("bench --help"), ("bench", false));
        assert!(help(parsed("bench --help").unwrap().task).contains("c-oath"));
    }

    #[test]
    fn an_odoo_or_the_service_is_started_or_tested() {
        assert!(!parsed("odoo").unwrap().has("test"));
        let options = parsed("odoo --test --seed 7").unwrap();
        assert!(options.has("test") && options.seed == Some(7));
        assert!(parsed("service --test").unwrap().has("test"));
        assert_eq!(options.task.unwrap().runs(), "odoo --test");
    }

    #[test]
    fn help_exists_at_both_levels_and_names_every_part() {
        assert_eq!(asked("--help"), ("", false));
        for task in TASKS {
            assert!(help(None).contains(task.name));
            assert_eq!(asked(&format!("{} --help", task.name)), (task.name, false));
            for part in task.parts {
                assert!(help(Some(task)).contains(part.about), "{}", part.name);
            }
            for option in task.takes {
                assert!(OPTIONS.iter().any(|(known, ..)| known == option));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_so_is_what_would_be_right() {
        for (line, said) in [
            (
                "soak --seed abc",
                "--seed is 'abc'; it must be 0 to 18446744073709551615",
            ),
            (
                "test --seed -1",
                "--seed is '-1'; it must be 0 to 18446744073709551615",
            ),
            (
                "test --onyl fmt",
                "invalid option '--onyl'; the options of test are: --only, --list, --seed, \
                 --verbose, --help",
            ),
            (
                "tset",
                "unknown task 'tset'; the tasks are: test, soak, coverage, odoo, service, bench, \
                 header",
            ),
        ] {
            assert_eq!(parsed(line).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn help_speaks_of_groups_where_there_are_groups() {
        let of = |line| help(parsed(line).unwrap().task);
        assert!(!of("test --help").contains("group"));
        assert!(of("bench --help").contains("run these groups alone"));
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
