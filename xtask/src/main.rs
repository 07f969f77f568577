//! The project's tasks: what `cargo xtask` runs.
#![expect(clippy::print_stdout, reason = "a task runner reports on stdout")]

mod bench;
mod c;
mod cluster;
mod command_line;
mod coverage;
mod dependencies;
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

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use xshell::cmd;

use command_line::{Options, Task};
use runner::Part;
use world::World;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let options = match command_line::parse(env::args_os().skip(1)) {
        Ok(options) => options,
        Err(error) => return wrong(error),
    };
    let Some(task) = options.task.filter(|_| !options.has("help")) else {
        print!("{}", command_line::help(options.task));
        return ExitCode::SUCCESS;
    };
    if options.has("list") {
        return listed(task, &options);
    }
    let ended = World::new(options.seed).and_then(|world| match task.name {
        "header" => header(&world, options.has("verify")),
        "bench" => bench(&world, &options),
        "odoo" if !options.has("test") => odoo::serve(&world),
        "service" if !options.has("test") => service::serve(&world),
        _ => run(&world, task, &options),
    });
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn wrong(error: impl core::fmt::Display) -> ExitCode {
    eprintln!("error: {error}\n\nfor help: cargo xtask --help, or cargo xtask TASK --help");
    ExitCode::from(USAGE)
}

/// Writes the C header, or compares it; a program of its own, as its generator is large.
fn header(world: &World, verify: bool) -> Result<ExitCode> {
    let verify = verify.then_some("--verify");
    let header = cmd!(
        world.sh,
        "cargo run --locked --quiet --package otp-engine-header --"
    );
    world.until_its_end(header.args(verify))
}

fn bench(world: &World, options: &Options) -> Result<ExitCode> {
    match runner::choose("group", bench::PROGRAMS, |one| one.name, &options.only) {
        Ok(groups) => bench::run(world, &groups, |flag| options.has(flag)),
        Err(error) => Ok(wrong(error)),
    }
}

/// Prints the parts that would run.
fn listed(task: &Task, options: &Options) -> ExitCode {
    match parts(task, options) {
        Ok(parts) => {
            print!("{}", command_line::list(parts));
            ExitCode::SUCCESS
        }
        Err(error) => wrong(error),
    }
}

fn parts(task: &Task, options: &Options) -> Result<Vec<&'static Part>> {
    runner::choose("part", task.parts, |part| part.name, &options.only)
}

fn run(world: &World, task: &Task, options: &Options) -> Result<ExitCode> {
    let parts = match parts(task, options) {
        Ok(parts) => parts,
        Err(error) => return Ok(wrong(error)),
    };
    let passed = runner::run(world, &task.runs(), &parts, options.has("verbose"))?;
    Ok(ExitCode::from(u8::from(!passed)))
}
