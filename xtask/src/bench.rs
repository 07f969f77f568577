//! `cargo xtask bench`: who is fast, shown fairly.
//!
//! Programs measure (`benches/peers`, the benches of the stores) and print their rounds; here alone
//! they become medians, ratios and verdicts. A ratio is the median of one run's rounds, and never of
//! two runs.

mod chart;
mod goals;
mod programs;
mod rows;
mod stacks;
mod table;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use crate::command_line::Bench;
use crate::job::Job;
use crate::need::{self, Need};
use crate::world::World;
use chart::Panel;
use goals::{File, Goal, Verdict};
use programs::{Effort, Program};
use rows::Rows;
use table::Form;

pub(crate) use programs::ALL as PROGRAMS;
pub(crate) use stacks::checks as peers;

pub(crate) const NEEDS: &[Need] = &[
    Need::Apt("gcc liboath-dev libcotp-dev postgresql redis-server"),
    Need::Pip("bench"),
];

/// The exit code where a gated goal is missed.
const MISSED: u8 = 1;
/// The exit code where the machine was too noisy to say.
const NOISY: u8 = 3;
/// How often a program runs, until the same thing measured twice is the same.
const RUNS: usize = 3;

const GOALS: &str = "benches/goals.toml";
const PAGE: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";
const PEERS_CHART: &str = "docs/peers.svg";
/// What writes a part of the page, which stands between its marks.
const WHOLE: &str = "cargo xtask bench --write";
const PEERS: &str = "cargo xtask bench --only peers --write";

/// Measures, prints, judges.
pub(crate) fn run(world: &World, chosen: &[&Program], options: &Bench) -> Result<ExitCode> {
    let job = &mut Job::new(world, "bench", "all")?; // its log is target/xtask/log/bench-all.log
    let file = File::read(&job.world.read(GOALS)?)?;
    let effort = if options.quick {
        Effort::Quick
    } else {
        Effort::Full
    };
    if let Err(error) = need::install(job, NEEDS) {
        println!("without what is not installed ({error:#})");
    }
    let machine = machine(job.world);
    println!("{machine}\n");
    let built = programs::build(job, chosen, effort)?;
    let mut rows = Rows::default();
    for (number, program) in chosen.iter().enumerate() {
        print!("[{}/{}] {} ", number + 1, chosen.len(), program.name);
        for _ in 0..RUNS {
            print!(".");
            let _ = io::stdout().flush();
            let measured = program.run(job, &built).context(program.name)?;
            let again = effort == Effort::Full && is_noisy(&file.goals, &measured);
            rows.replace(measured);
            if !again {
                break;
            }
        }
        println!();
    }
    let (beside, rows) = rows.split(stacks::PROCESS);
    println!("\n{}", table::rows(&rows, Form::Text));
    println!("{}", table::beside(&beside, Form::Text));
    for (name, why) in &rows.skipped {
        println!("skipped: {name} ({why})");
    }
    if effort == Effort::Quick {
        println!("each row ran; a round or two judge nothing");
        return Ok(ExitCode::SUCCESS);
    }
    let judged = judge(&file.goals, &rows, !options.only.is_empty());
    println!("{}", table::goals(&judged, Form::Text));
    if options.write && beside.rows.is_empty() {
        write(job.world, &machine, &rows, &judged, &file)?;
    } else if options.write {
        write_beside(job.world, &machine, &beside)?;
    }
    Ok(if options.check {
        ended(&judged)
    } else {
        ExitCode::SUCCESS
    })
}

/// Where figures come from: without it they are of no use to anybody.
fn machine(world: &World) -> String {
    let ask = |command| world.ask(command).unwrap_or_else(|_| "unknown".into());
    let (sh, read) = (&world.sh, |path| {
        fs::read_to_string(path).unwrap_or_default()
    });
    let (info, load) = (read("/proc/cpuinfo"), read("/proc/loadavg"));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (kernel, rustc) = (ask(cmd!(sh, "uname -sr")), ask(cmd!(sh, "rustc --version")));
    let python = ask(cmd!(sh, "python3 --version"));
    let date = ask(cmd!(sh, "date -u +%F"));
    let commit = ask(cmd!(sh, "git describe --always --dirty"));
    let (cpu, load) = (cpu(&info), load.split(' ').next().unwrap_or("unknown"));
    format!(
        "{cpu}, {cores} cores, {kernel}, {rustc}, {python}; commit {commit}, {date}, load {load} at \
         the start"
    )
}

fn cpu(info: &str) -> &str {
    let line = info.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("unknown processor", |(_, name)| name.trim())
}

/// Says whether a gate that this program's rows alone decide cannot be decided.
fn is_noisy(goals: &[Goal], measured: &Rows) -> bool {
    let mut gates = goals.iter().filter(|goal| goal.is_gate());
    gates.any(|goal| matches!(goal.judge(measured), Verdict::Noisy(_)))
}

/// Judges the goals; `in_part` leaves out those whose rows were not asked for, and those of peers
/// that are not installed are left out always.
fn judge<'a>(goals: &'a [Goal], rows: &Rows, in_part: bool) -> Vec<(&'a Goal, Verdict)> {
    let is_left_out = |goal: &Goal, verdict: &Verdict| {
        let is_skipped =
            |(name, _): &(String, String)| goal.paths().any(|path| path.contains(&**name));
        matches!(verdict, Verdict::Absent(_)) && (in_part || rows.skipped.iter().any(is_skipped))
    };
    let judged = goals.iter().map(|goal| (goal, goal.judge(rows)));
    judged
        .filter(|(goal, verdict)| !is_left_out(goal, verdict))
        .collect()
}

/// Returns the exit code of `--check`, and says which gates do not hold.
fn ended(judged: &[(&Goal, Verdict)]) -> ExitCode {
    let (mut missed, mut noisy) = (0, 0);
    let gates = judged.iter().filter(|(goal, _)| goal.is_gate());
    for (goal, verdict) in gates.clone() {
        let what = match verdict {
            Verdict::Met(_) => continue,
            Verdict::Missed(_) | Verdict::Absent(_) => {
                missed += 1;
                "missed"
            }
            Verdict::Noisy(_) => {
                noisy += 1;
                "too noisy to say"
            }
        };
        println!("{what}: {} ({})", goal.name, goal.claim);
    }
    println!(
        "{} gates, {missed} missed, {noisy} too noisy",
        gates.count()
    );
    match (missed, noisy) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(NOISY),
        _ => ExitCode::from(MISSED),
    }
}

/// Writes the table and the chart of the documentation.
fn write(
    world: &World,
    machine: &str,
    rows: &Rows,
    judged: &[(&Goal, Verdict)],
    file: &File,
) -> Result<()> {
    let skipped = rows.skipped.iter();
    let skipped: String = skipped
        .map(|(name, why)| format!("Not measured: {name} ({why}).\n\n"))
        .collect();
    let tables = format!(
        "Machine: {machine}.\n\n{skipped}### Goals\n\n{}\n### Rows\n\n{}",
        table::goals(judged, Form::Markdown),
        table::rows(rows, Form::Markdown),
    );
    write_page(world, WHOLE, &tables)?;
    let chart = chart::svg(&chart::FLOOR, &file.panels, rows, machine);
    Ok(world.sh.write_file(CHART, chart)?)
}

/// Writes the table and the chart of what teams run in our place.
fn write_beside(world: &World, machine: &str, rows: &Rows) -> Result<()> {
    let table = table::beside(rows, Form::Markdown);
    write_page(world, PEERS, &format!("Machine: {machine}.\n\n{table}"))?;
    let panels = stacks::CHARTED.map(|group| Panel::of(rows, group));
    let chart = chart::svg(&chart::PEERS, &panels, rows, machine);
    Ok(world.sh.write_file(PEERS_CHART, chart)?)
}

fn write_page(world: &World, by: &str, tables: &str) -> Result<()> {
    let text = between(&world.read(PAGE)?, by, tables);
    let text = text.context("docs/performance.md lacks the marks")?;
    Ok(world.sh.write_file(PAGE, text)?)
}

/// Puts `tables` between the marks of a page that name what they are written by.
fn between(page: &str, by: &str, tables: &str) -> Option<String> {
    let [begin, end] = ["begin", "end"].map(|mark| format!("<!-- written by `{by}`: {mark} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{tables}\n{end}{after}"))
}

/// Shows that every program runs, and measures every row that a goal or the chart names.
pub(crate) fn quick(job: &mut Job<'_>) {
    let (mut built, mut rows) = (None, Rows::default());
    job.check("the rows' programs build", |job| {
        let all: Vec<_> = PROGRAMS.iter().collect();
        built = Some(programs::build(job, &all, Effort::Quick)?);
        Ok(())
    });
    let Some(built) = built else { return };
    for program in PROGRAMS.iter().filter(|one| !one.is_of_stacks()) {
        job.check(format!("each row of {} runs", program.name), |job| {
            rows.replace(program.run(job, &built)?);
            Ok(())
        });
    }
    job.check("every row that is named is measured", |job| {
        all_measured(&File::read(&job.world.read(GOALS)?)?, &rows)
    });
    for (name, why) in &rows.skipped {
        job.skip(format!("{name}: {why}"));
    }
}

/// Fails where a name stands for no row: it was changed on one side alone.
fn all_measured(file: &File, rows: &Rows) -> Result<()> {
    let absent: Vec<_> = file
        .paths()
        .filter(|path| rows.find(path).is_none())
        .collect();
    ensure!(absent.is_empty(), "{}", absent.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests;
