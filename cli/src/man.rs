//! `otp man`

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::answer::{Answer, Failure};

/// Write the manual page, or those of all subcommands
#[derive(Args)]
#[command(after_help = "Read it at once: otp man | man -l -")]
pub(crate) struct Man {
    /// Write all pages into this folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let command = crate::Otp::command();
        if let Some(folder) = &self.folder {
            let made = clap_mangen::generate_to(command, folder);
            made.map_err(|error| {
                Failure::of_file(folder, format_args!("cannot be written: {error}"))
            })?;
            return Ok(Answer::yes(""));
        }
        let mut page = Vec::new();
        let made = clap_mangen::Man::new(command).render(&mut page);
        made.map_err(|error| Failure::new(error.to_string()))?;
        String::from_utf8(page)
            .map(Answer::yes)
            .map_err(|error| Failure::new(error.to_string()))
    }
}
