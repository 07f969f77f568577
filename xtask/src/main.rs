//! The project's tasks: what `cargo xtask` runs.
#![expect(clippy::print_stdout, reason = "a task runner reports on stdout")]

mod bench;
mod c;
mod cluster;
mod command_line;
mod coverage;
mod dependencies;
mod dist;
mod fuzz;
mod instructions;
mod interop;
mod job;
mod mutants;
mod need;
mod nostd;
mod odoo;
mod package;
mod parts;
mod python;
mod runner;
mod service;
mod upgrade;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use xshell::cmd;

use command_line::{Bench, CommandLine, Run, Task};
use runner::Part;
use world::World;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let CommandLine { task } = CommandLine::parse();
    let ended = match (&task, task.parts()) {
        (_, Err(problem)) => return wrong(problem),
        (_, Ok(Some((name, parts, options)))) => run(name, parts, options),
        (Task::Bench(options), _) => bench(options),
        (Task::Header { verify }, _) => header(*verify),
        (Task::Odoo(_), _) => World::new(None).and_then(|world| odoo::serve(&world)),
        _ => World::new(None).and_then(|world| service::serve(&world)),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn wrong(error: impl core::fmt::Display) -> ExitCode {
    eprintln!("error: {error}\n\nFor more information, try '--help'.");
    ExitCode::from(USAGE)
}

/// Writes the C header, or compares it; a program of its own, as its generator is large.
fn header(verify: bool) -> Result<ExitCode> {
    let world = World::new(None)?;
    let verify = verify.then_some("--verify");
    let header = cmd!(
        world.sh,
        "cargo run --locked --quiet --package otp-engine-header --"
    );
    world.until_its_end(header.args(verify))
}

fn bench(options: &Bench) -> Result<ExitCode> {
    match runner::choose("group", bench::PROGRAMS, |one| one.name, &options.only) {
        Ok(mut groups) => {
            groups.retain(|group| !group.is_of_stacks() || !options.only.is_empty());
            bench::run(&World::new(None)?, &groups, options)
        }
        Err(error) => Ok(wrong(error)),
    }
}

fn run(name: &str, parts: &'static [Part], options: &Run) -> Result<ExitCode> {
    let parts = match runner::choose("part", parts, |part| part.name, &options.only) {
        Ok(parts) => parts,
        Err(error) => return Ok(wrong(error)),
    };
    if options.list {
        print!("{}", command_line::list(parts));
        return Ok(ExitCode::SUCCESS);
    }
    let passed = runner::run(&World::new(options.seed)?, name, &parts, options.verbose)?;
    Ok(ExitCode::from(u8::from(!passed)))
}
