//! The Rust rows of `cargo xtask bench`: one JSON line for each on stdout.
//!
//! `rows SECTION.. [--rounds N] [--quick]`. The runner starts each section in a process of its own:
//! what one leaves in the cache and in memory is no business of the next. Medians, ratios and
//! verdicts are the runner's.
#![expect(clippy::print_stdout, reason = "rows are read from stdout")]

mod harness;
mod hot;
mod live;
mod measure;
mod memory;
mod oath;
mod peers;
mod purge;
mod threads;

use std::process::ExitCode;

use measure::Effort;

type Section = fn(Effort);

const SECTIONS: [(&str, Section); 7] = [
    ("oath", oath::rows),
    ("hot", hot::rows),
    ("live", live::rows),
    ("threads", threads::rows),
    ("memory", memory::bare),
    ("memory-default", memory::default),
    ("purge", purge::rows),
];

fn main() -> ExitCode {
    match chosen(std::env::args().skip(1)) {
        Ok((sections, effort)) => {
            measure::begin(effort);
            for section in sections {
                section(effort);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn chosen(args: impl Iterator<Item = String>) -> Result<(Vec<Section>, Effort), String> {
    let mut args = args;
    let mut sections = Vec::new();
    let mut effort = Effort::default();
    while let Some(arg) = args.next() {
        match &*arg {
            "--quick" => effort = Effort::quick(),
            "--rounds" => {
                let rounds = args.next().and_then(|rounds| rounds.parse().ok());
                effort.rounds = rounds.ok_or("--rounds takes a number")?;
            }
            name => {
                let found = SECTIONS.iter().find(|(known, _)| *known == name);
                let (_, section) = found.ok_or_else(|| format!("unknown section '{name}'"))?;
                sections.push(*section);
            }
        }
    }
    if sections.is_empty() {
        sections.extend(SECTIONS.map(|(_, section)| section));
    }
    Ok((sections, effort))
}
