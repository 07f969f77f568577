//! Fuzzing: each target for a minute under libFuzzer and AddressSanitizer, and a planted fault.

use core::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::job::{Job, Ran};

/// How long a target runs, in seconds.
const SECONDS: u32 = 60;

/// The target whose fault must be found.
const CONTROL: &str = "planted";

/// Builds all targets, and runs as many at once as there are processors: each has one thread.
pub(crate) fn checks(job: &mut Job<'_>) {
    let home = job.world.own("fuzz");
    let mut names = Vec::new();
    job.check("the fuzz targets build", |job| {
        names = targets(job.sh(), &job.world.root)?;
        // By itself, so that the minute of a target is its own.
        let build = cargo_fuzz(job, &home, &["build"]);
        job.run(build)?.code(0).map(drop)
    });
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    for names in names.chunks(processors) {
        let runs = names.iter().map(|name| run(job, &home, name));
        let ended = match runs.collect() {
            Ok(runs) => job.run_at_once(runs),
            Err(error) => return job.fail(error),
        };
        for (name, ran) in names.iter().zip(ended) {
            let claim = match &**name {
                CONTROL => "the planted fault is found".to_owned(),
                _ => format!("{name} takes whatever comes"),
            };
            job.check(claim, |job| {
                let Ran { status, output } = ran?;
                let runs = runs_of(&output).context("libFuzzer does not say how often it ran")?;
                let panic = (!status.success()).then(|| reason(&output, &status.to_string()));
                let told = match &panic {
                    None => format!("{runs} runs in {SECONDS} s, 0 crashes"),
                    Some(panic) => format!("{runs} runs, 1 crash: {panic}"),
                };
                job.figure(format!("fuzz target {name}"), told);
                judge(name, runs, panic)
            });
        }
    }
}

/// Runs a target from its corpus on; new inputs go to a folder of their own.
fn run(job: &Job<'_>, home: &Path, name: &str) -> Result<Command> {
    let fresh = job.sh().create_dir(home.join("corpus").join(name))?;
    let artifacts = job.sh().create_dir(home.join("artifacts").join(name))?;
    let (fresh, known) = (fresh.display().to_string(), format!("fuzz/corpus/{name}"));
    let mut args = vec!["run", name, &fresh];
    if name != CONTROL {
        args.push(&known);
    }
    let options = [
        format!("-max_total_time={SECONDS}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        format!("-seed={}", job.world.seed % u64::from(u32::MAX)),
    ];
    args.extend(["--", "-print_final_stats=1"]);
    args.extend(options.iter().map(String::as_str));
    Ok(cargo_fuzz(job, home, &args))
}

fn cargo_fuzz(job: &Job<'_>, home: &Path, args: &[&str]) -> Command {
    // The sanitizer's flags are not those of a stable compiler; nothing that is shipped is built so.
    let command = cmd!(job.sh(), "cargo fuzz {args...}").env("RUSTC_BOOTSTRAP", "1");
    command
        .env("CARGO_TARGET_DIR", home.join("target"))
        .env("TMPDIR", home)
        .into()
}

/// Returns the names of all targets.
fn targets(sh: &Shell, root: &Path) -> Result<Vec<String>> {
    let files = sh.read_dir(root.join("fuzz/fuzz_targets"))?;
    let stems = files.iter().filter_map(|file| file.file_stem()?.to_str());
    let names: Vec<_> = stems.map(str::to_owned).collect();
    let has_control = names.iter().any(|name| name == CONTROL);
    ensure!(has_control && names.len() > 1, "{names:?}");
    Ok(names)
}

/// Reads how many inputs libFuzzer ran.
fn runs_of(output: &str) -> Option<u64> {
    let told = |line: &str| {
        line.strip_prefix("stat::number_of_executed_units:")?
            .trim()
            .parse()
            .ok()
    };
    output.lines().find_map(told)
}

/// Reads what a target panicked with; else how the run ended.
fn reason(output: &str, status: &str) -> String {
    let mut lines = output.lines();
    let panicked = lines.find(|line| line.contains("panicked at ") || line.starts_with("ERROR: "));
    let said = panicked.and_then(|_| lines.next());
    said.or(panicked).unwrap_or(status).to_owned()
}

fn judge(name: &str, runs: u64, panic: Option<String>) -> Result<()> {
    ensure!(runs > 0, "it executed nothing");
    match panic {
        Some(panic) if name == CONTROL && panic.contains("the planted fault") => Ok(()),
        None if name != CONTROL => Ok(()),
        other => bail!("{}", other.unwrap_or_else(|| "it went through".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANTED: &str = "INFO: seed corpus\n\nthread '<unnamed>' (1) panicked at src/lib.rs:50:9:\n\
                           the planted fault\nSUMMARY: libFuzzer: deadly signal\n\
                           stat::number_of_executed_units: 41\n";

    #[test]
    fn figures_come_from_what_libfuzzer_says() {
        assert_eq!(runs_of(PLANTED), Some(41));
        assert_eq!(runs_of("Done 3 runs in 1 second(s)"), None);
        assert_eq!(reason(PLANTED, "exit status: 1"), "the planted fault");
        assert_eq!(reason("", "exit status: 1"), "exit status: 1");
    }

    #[test]
    fn a_target_that_ran_nothing_or_crashed_fails_and_the_control_must_crash() {
        let crash = |panic: &str| Some(panic.to_owned());
        assert!(judge("cell", 9, None).is_ok());
        assert!(judge("cell", 0, None).is_err() && judge("cell", 9, crash("index")).is_err());
        assert!(judge(CONTROL, 9, crash("the planted fault")).is_ok());
        assert!(judge(CONTROL, 9, crash("index")).is_err() && judge(CONTROL, 9, None).is_err());
    }

    #[test]
    fn all_targets_are_found() {
        let sh = Shell::new().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(targets(&sh, &root).unwrap().len() > 15);
        assert!(targets(&sh, Path::new("no/such/folder")).is_err());
    }
}
