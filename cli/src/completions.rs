//! `otp completions`

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::answer::{Answer, Failure};

/// Write what a shell completes the command by
#[derive(Args)]
#[command(after_help = "\
bash  otp completions bash > ~/.local/share/bash-completion/completions/otp
zsh   otp completions zsh > a folder of $fpath, as _otp
fish  otp completions fish > ~/.config/fish/completions/otp.fish")]
pub(crate) struct Completions {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut crate::Otp::command(), "otp", &mut script);
        String::from_utf8(script)
            .map(Answer::yes)
            .map_err(|error| Failure::new(error.to_string()))
    }
}
