//! `cargo xtask bench`: who is fast, shown fairly.
//!
//! Programs measure (`benches/peers`, the benches of the stores) and print their rounds; here alone
//! they become medians, ratios and verdicts. A ratio is the median of one run's rounds, and never of
//! two runs.

mod chart;
mod goals;
mod machine;
mod programs;
mod row;
mod statistics;
mod table;

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::json;

use crate::job::Job;
use crate::need;
use crate::part::Check;
use crate::parts;
use crate::world::World;
use chart::Panel;
use goals::{Goal, Judge, Verdict};
use machine::Machine;
use programs::{Effort, Program};
use row::{Measured, Row, Rows};
use table::Form;

pub(crate) use programs::ALL as PROGRAMS;

/// The exit code where a gated goal is missed.
const MISSED: u8 = 1;
/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;
/// The exit code where the machine was too noisy to say.
const NOISY: u8 = 3;
/// How often a program runs, until the same thing measured twice is the same.
const RUNS: usize = 3;

const GOALS: &str = "benches/goals.toml";
const PAGE: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";
const BEGIN: &str = "<!-- written by `cargo xtask bench --write`: begin -->\n";
const END: &str = "<!-- written by `cargo xtask bench --write`: end -->";

/// The options of a run.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Options {
    pub(crate) only: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) check: bool,
    pub(crate) write: bool,
}

impl Options {
    /// Says what cannot be asked for together.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        if self.quick && (self.check || self.write) {
            return Some("--quick measures nothing that --check or --write could use");
        }
        let in_part = self.write && !self.only.is_empty();
        in_part.then_some("--write takes a whole run, without --only")
    }
}

/// Measures, prints, judges.
pub(crate) fn run(world: &World, options: &Options) -> ExitCode {
    let chosen = match programs::choose(&options.only) {
        Ok(chosen) => chosen,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let job = Job::new(world, "bench").map_err(|error| error.to_string());
    match job.and_then(|mut job| measure(&mut job, &chosen, options)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}; see target/xtask/log/bench.log");
            ExitCode::FAILURE
        }
    }
}

fn measure(job: &mut Job<'_>, chosen: &[Program], options: &Options) -> Result<ExitCode, String> {
    let (goals, panels) = read(job.world)?;
    let effort = if options.quick {
        Effort::Quick
    } else {
        Effort::Full
    };
    if let Err(error) = need::install(job, parts::BENCH.needs) {
        println!("without what is not installed ({error})");
    }
    let machine = Machine::of(job.world);
    println!("{}\n", machine.sentence());
    let built = programs::build(job, chosen, effort)?;
    let mut rows = Rows::default();
    for (number, program) in chosen.iter().enumerate() {
        print!("[{}/{}] {} ", number + 1, chosen.len(), program.name);
        for _ in 0..RUNS {
            print!(".");
            let _ = io::stdout().flush();
            let measured = program.run(job, &built);
            let measured = measured.map_err(|error| format!("{}: {error}", program.name))?;
            let again = effort == Effort::Full && is_noisy(&goals, &measured);
            rows.replace(measured);
            if !again {
                break;
            }
        }
        println!();
    }
    println!("\n{}", table::rows(&rows, Form::Text));
    for (name, why) in &rows.skipped {
        println!("skipped: {name} ({why})");
    }
    if effort == Effort::Quick {
        println!("each row ran; a round or two judge nothing");
        return Ok(ExitCode::SUCCESS);
    }
    let judged = judge(&goals, &rows, !options.only.is_empty());
    println!("{}", table::goals(&judged, Form::Text));
    keep(job.world, &machine, &rows, &judged)?;
    if options.write {
        write(job.world, &machine, &rows, &judged, &panels)?;
    }
    Ok(if options.check {
        ended(&judged)
    } else {
        ExitCode::SUCCESS
    })
}

/// Says whether a goal that this program's rows alone decide cannot be decided.
fn is_noisy(goals: &[Goal], measured: &Rows) -> bool {
    let mut verdicts = goals
        .iter()
        .filter(|goal| goal.judge == Judge::Gate)
        .map(|goal| goal.judge(measured));
    verdicts.any(|verdict| matches!(verdict, Verdict::Noisy(_)))
}

/// Judges the goals; `in_part` leaves out those whose rows were not asked for, and those of peers
/// that are not installed are left out always.
fn judge<'a>(goals: &'a [Goal], rows: &Rows, in_part: bool) -> Vec<(&'a Goal, Verdict)> {
    let is_left_out = |goal: &Goal, verdict: &Verdict| {
        let is_skipped =
            |(name, _): &(String, String)| goal.paths().any(|path| path.contains(&**name));
        matches!(verdict, Verdict::Absent(_)) && (in_part || rows.skipped.iter().any(is_skipped))
    };
    goals
        .iter()
        .map(|goal| (goal, goal.judge(rows)))
        .filter(|(goal, verdict)| !is_left_out(goal, verdict))
        .collect()
}

/// Returns the exit code of `--check`, and says which gates do not hold.
fn ended(judged: &[(&Goal, Verdict)]) -> ExitCode {
    let gates = || judged.iter().filter(|(goal, _)| goal.judge == Judge::Gate);
    let names = |wanted: fn(&Verdict) -> bool| -> Vec<String> {
        let found = gates().filter(|(_, verdict)| wanted(verdict));
        found
            .map(|(goal, _)| format!("{} ({})", goal.name, goal.claim))
            .collect()
    };
    let missed = names(|verdict| matches!(verdict, Verdict::Missed(_) | Verdict::Absent(_)));
    let noisy = names(|verdict| matches!(verdict, Verdict::Noisy(_)));
    for name in &missed {
        println!("missed: {name}");
    }
    for name in &noisy {
        println!("too noisy to say: {name}");
    }
    println!(
        "{} gates, {} missed, {} too noisy",
        gates().count(),
        missed.len(),
        noisy.len()
    );
    match (missed.is_empty(), noisy.is_empty()) {
        (false, _) => ExitCode::from(MISSED),
        (true, false) => ExitCode::from(NOISY),
        (true, true) => ExitCode::SUCCESS,
    }
}

fn read(world: &World) -> Result<(Vec<Goal>, Vec<Panel>), String> {
    let text = fs::read_to_string(world.root.join(GOALS));
    let text = text.map_err(|error| format!("{GOALS}: {error}"))?;
    let both = Goal::read(&text).and_then(|goals| Ok((goals, Panel::read(&text)?)));
    both.map_err(|error| format!("{GOALS}: {error}"))
}

/// Leaves the figures for programs, in `target/xtask/bench.json`.
fn keep(
    world: &World,
    machine: &Machine,
    rows: &Rows,
    judged: &[(&Goal, Verdict)],
) -> Result<(), String> {
    let shown = |row: &Row| {
        let mut shown = json!({"process": row.process, "group": row.group, "row": row.name});
        match (&row.measured, row.spread()) {
            (Measured::Figure { value, unit }, _) => {
                shown["value"] = json!(value);
                shown["unit"] = json!(unit);
            }
            (Measured::Rounds { clock, samples }, Some(spread)) => {
                let floor = rows.floor(row).and_then(Row::samples);
                shown["clock"] = json!(clock);
                shown["unit"] = json!("ns");
                shown["rounds"] = json!(samples.len());
                shown["median"] = json!(spread.median);
                shown["min"] = json!(spread.least);
                shown["quartiles"] = json!([spread.lower, spread.upper]);
                shown["to_floor"] =
                    json!(floor.and_then(|floor| statistics::ratio(samples, floor)));
            }
            (Measured::Rounds { .. }, None) => {}
        }
        shown
    };
    let verdict = |(goal, verdict): &(&Goal, Verdict)| {
        let (word, found) = match verdict {
            Verdict::Met(found) => ("met", Some(*found)),
            Verdict::Missed(found) => ("missed", Some(*found)),
            Verdict::Noisy(_) => ("too noisy", None),
            Verdict::Absent(_) => ("not measured", None),
        };
        let gate = goal.judge == Judge::Gate;
        json!({"goal": goal.name, "claim": goal.claim, "gate": gate, "verdict": word, "found": found})
    };
    let all = json!({
        "machine": machine.json(),
        "rows": rows.rows.iter().map(shown).collect::<Vec<_>>(),
        "goals": judged.iter().map(verdict).collect::<Vec<_>>(),
        "skipped": rows.skipped,
    });
    let path = world.own("bench.json");
    fs::write(&path, format!("{all:#}\n")).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes the table and the chart of the documentation.
fn write(
    world: &World,
    machine: &Machine,
    rows: &Rows,
    judged: &[(&Goal, Verdict)],
    panels: &[Panel],
) -> Result<(), String> {
    let page = world.root.join(PAGE);
    let text = fs::read_to_string(&page).map_err(|error| format!("{PAGE}: {error}"))?;
    let skipped: String = rows
        .skipped
        .iter()
        .map(|(name, why)| format!("Not measured: {name} ({why}).\n\n"))
        .collect();
    let tables = format!(
        "Machine: {}.\n\n{skipped}### Goals\n\n{}\n### Rows\n\n{}",
        machine.sentence(),
        table::goals(judged, Form::Markdown),
        table::rows(rows, Form::Markdown),
    );
    let text = between(&text, &tables).ok_or_else(|| format!("{PAGE}: it lacks the marks"))?;
    let chart = chart::svg(panels, rows, &machine.sentence());
    fs::write(page, text).map_err(|error| format!("{PAGE}: {error}"))?;
    fs::write(world.root.join(CHART), chart).map_err(|error| format!("{CHART}: {error}"))
}

/// Puts `tables` between the marks of a page.
fn between(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// Shows that every program runs, and measures every row that a goal or the chart names.
pub(crate) fn quick(job: &mut Job<'_>) -> Vec<Check> {
    let (goals, panels) = match read(job.world) {
        Ok(both) => both,
        Err(error) => return vec![Check::new("the goals can be read", Err(error))],
    };
    let claim = "the rows' programs build";
    let built = match programs::build(job, PROGRAMS, Effort::Quick) {
        Ok(built) => built,
        Err(error) => return vec![Check::new(claim, Err(error))],
    };
    let mut checks = vec![Check::new(claim, Ok(()))];
    let mut rows = Rows::default();
    for program in PROGRAMS {
        let found = program
            .run(job, &built)
            .map(|measured| rows.replace(measured));
        checks.push(Check::new(
            format!("each row of {} runs", program.name),
            found,
        ));
    }
    let found = unmeasured(&goals, &panels, &rows);
    checks.push(Check::new(
        "every row that a goal or the chart names is measured",
        found,
    ));
    for (name, why) in &rows.skipped {
        job.skip(format!("{name}: {why}"));
    }
    checks
}

/// Fails where a name stands for no row: it was changed on one side alone.
fn unmeasured(goals: &[Goal], panels: &[Panel], rows: &Rows) -> Result<(), String> {
    let named = goals.iter().flat_map(Goal::paths);
    let named = named.chain(panels.iter().flat_map(Panel::paths));
    let absent: Vec<_> = named.filter(|path| rows.find(path).is_none()).collect();
    if absent.is_empty() {
        Ok(())
    } else {
        Err(absent.join("; "))
    }
}

#[cfg(test)]
mod tests;
