//! Fuzzing: each target for a minute under libFuzzer and AddressSanitizer, and a planted fault.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::job::{Job, Ran};
use crate::part::Check;

/// How long a target runs, in seconds.
const SECONDS: u32 = 60;

/// The target whose fault must be found.
const CONTROL: &str = "planted";

/// Builds all targets, and runs one after the other.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let home = job.world.own("fuzz");
    let targets = match targets(&job.world.root) {
        Ok(targets) => targets,
        Err(error) => return vec![Check::new("there are fuzz targets", Err(error))],
    };
    // By itself, so that the minute of a target is its own.
    let built = cargo_fuzz(job, &home, "build", &[]).and_then(|ran| ran.succeeded());
    let mut checks = vec![Check::new("the fuzz targets build", built)];
    println!();
    for name in targets {
        let found = fuzz(job, &home, &name);
        let told = match &found {
            Ok((runs, None)) => format!("{runs} runs in {SECONDS} s, 0 crashes"),
            Ok((runs, Some(panic))) => format!("{runs} runs, 1 crash: {panic}"),
            Err(error) => error.clone(),
        };
        println!("      {name}: {told}");
        let _ = std::io::stdout().flush();
        job.figure(format!("fuzz target {name}"), &told);
        checks.push(match &*name {
            CONTROL => Check::new("the planted fault is found", planted(found)),
            _ => Check::new(format!("{name} takes whatever comes"), sound(found)),
        });
    }
    checks
}

/// How often a target ran, and what it panicked with, if it did.
type Found = Result<(u64, Option<String>), String>;

/// Runs a target from its corpus on; new inputs go to a folder of their own.
fn fuzz(job: &mut Job<'_>, home: &Path, name: &str) -> Found {
    let fresh = home.join("corpus").join(name);
    let artifacts = home.join("artifacts").join(name);
    for folder in [&fresh, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    let known = format!("fuzz/corpus/{name}");
    let mut args = vec![name.to_owned(), fresh.display().to_string()];
    if name != CONTROL {
        args.push(known);
    }
    args.push("--".into());
    args.push(format!("-max_total_time={SECONDS}"));
    args.push(format!("-artifact_prefix={}/", artifacts.display()));
    args.push(format!("-seed={}", job.world.seed % u64::from(u32::MAX)));
    args.push("-print_final_stats=1".into());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ran = cargo_fuzz(job, home, "run", &args)?;
    let ended = ran.succeeded();
    let runs = runs(&ran.output).ok_or("libFuzzer does not say how often it ran")?;
    let panic = ended.err().map(|status| reason(&ran.output, &status));
    Ok((runs, panic))
}

fn cargo_fuzz(job: &mut Job<'_>, home: &Path, verb: &str, args: &[&str]) -> Result<Ran, String> {
    let mut command = job.world.command("cargo");
    command.args(["fuzz", verb]).args(args);
    // The sanitizer's flags are not those of a stable compiler; nothing that is shipped is built so.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.env("CARGO_TARGET_DIR", home.join("target"));
    command.env("TMPDIR", home);
    job.run(&mut command)
}

/// Returns the names of all targets.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let files = entries.flatten().map(|entry| entry.path());
    let name = |file: PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = files.filter_map(name).collect();
    names.sort();
    match names.contains(&CONTROL.to_owned()) && names.len() > 1 {
        true => Ok(names),
        false => Err(format!("{}: {names:?}", folder.display())),
    }
}

/// Reads how many inputs libFuzzer ran.
fn runs(output: &str) -> Option<u64> {
    let said = |line: &str| {
        line.strip_prefix("stat::number_of_executed_units:")?
            .trim()
            .parse()
            .ok()
    };
    output.lines().find_map(said)
}

/// Reads what a target panicked with; else how the run ended.
fn reason(output: &str, status: &str) -> String {
    let mut lines = output.lines();
    let panicked = lines.find(|line| line.contains("panicked at ") || line.starts_with("ERROR: "));
    let said = panicked.and_then(|_| lines.next());
    said.or(panicked).unwrap_or(status).to_owned()
}

fn sound(found: Found) -> Result<(), String> {
    match found? {
        (0, _) => Err("it executed nothing".into()),
        (_, Some(panic)) => Err(panic),
        _ => Ok(()),
    }
}

fn planted(found: Found) -> Result<(), String> {
    match found? {
        (1.., Some(panic)) if panic.contains("the planted fault") => Ok(()),
        other => Err(format!("{other:?}")),
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
        assert_eq!(runs(PLANTED), Some(41));
        assert_eq!(runs("Done 3 runs in 1 second(s)"), None);
        assert_eq!(reason(PLANTED, "exit status: 1"), "the planted fault");
        assert_eq!(reason("", "exit status: 1"), "exit status: 1");
    }

    #[test]
    fn a_target_that_ran_nothing_or_crashed_fails_and_the_control_must_crash() {
        let crash = |panic: &str| Ok((9, Some(panic.to_owned())));
        assert_eq!(sound(Ok((9, None))), Ok(()));
        assert!(sound(Ok((0, None))).is_err() && sound(crash("index")).is_err());
        assert_eq!(planted(crash("the planted fault")), Ok(()));
        assert!(planted(crash("index")).is_err() && planted(Ok((9, None))).is_err());
    }

    #[test]
    fn all_targets_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(targets(&root).unwrap().len() > 15);
        assert!(targets(Path::new("no/such/folder")).is_err());
    }
}
