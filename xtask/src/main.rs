//! The project's tasks: what `cargo xtask` runs.
#![expect(clippy::print_stdout, reason = "a task runner reports on stdout")]

mod bench;
mod c;
mod cluster;
mod command_line;
mod coverage;
mod dependencies;
mod fuzz;
mod graph;
mod instructions;
mod interop;
mod job;
mod licence;
mod llvm;
mod modules;
mod mutants;
mod need;
mod nostd;
mod odoo;
mod package;
mod part;
mod parts;
mod pytest;
mod python;
mod report;
mod runner;
mod service;
mod tally;
mod upgrade;
mod world;

use std::env;
use std::process::ExitCode;

use command_line::{Request, Task};
use world::World;

/// The exit code for a command line that cannot be understood.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match command_line::parse(env::args_os().skip(1)) {
        Ok(Request::Help(task)) => {
            print!("{}", command_line::help(task));
            ExitCode::SUCCESS
        }
        Ok(Request::List(task)) => {
            print!("{}", command_line::list(task.parts()));
            ExitCode::SUCCESS
        }
        Ok(Request::Header { verify }) => header(verify),
        Ok(Request::BenchHelp) => {
            print!("{}", command_line::bench_help());
            ExitCode::SUCCESS
        }
        Ok(Request::Bench(options)) => bench::run(&World::new(None), &options),
        Ok(Request::Odoo) => odoo::serve(),
        Ok(Request::Service) => service::serve(),
        Ok(Request::Run(task, options)) => run(task, &options),
        Err(error) => {
            eprintln!("error: {error}\n\nfor help: cargo xtask --help, or cargo xtask TASK --help");
            ExitCode::from(USAGE)
        }
    }
}

/// Writes the C header, or compares it; a program of its own, as its generator is large.
fn header(verify: bool) -> ExitCode {
    let mut command = World::new(None).command("cargo");
    command.args([
        "run",
        "--locked",
        "--quiet",
        "--package",
        "otp-engine-header",
        "--",
    ]);
    if verify {
        command.arg("--verify");
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task, options: &command_line::Options) -> ExitCode {
    let chosen = match part::choose(task.parts(), &options.only) {
        Ok(chosen) => chosen,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let world = World::new(options.seed);
    let report = runner::run(&world, task, &chosen, options.output);
    print!("{}", report.text());
    if report.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
