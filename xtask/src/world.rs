//! What all parts share: where the project is, the seed, how commands are made.

use core::hash::BuildHasher;
use core::iter;
use std::env;
use std::hash::RandomState;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

/// The variable from which the project's own tests take their seed.
const SEED: &str = "OTP_TEST_SEED";

/// The surroundings of a run.
#[derive(Debug)]
pub(crate) struct World {
    /// Makes commands: at the repository's root, with the runner's tools in front of the search path.
    pub(crate) sh: Shell,
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    pub(crate) seed: u64,
}

impl World {
    /// Looks around; without a `seed` the environment's is taken, and without that a new one.
    ///
    /// # Errors
    ///
    /// Where the current directory is gone.
    pub(crate) fn new(seed: Option<u64>) -> Result<Self> {
        let own = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own.parent().unwrap_or(&own).to_owned();
        let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        let inherited = || env::var(SEED).ok()?.parse().ok();
        // Nine digits are enough to tell runs apart, and few enough to be copied by hand.
        let new = || RandomState::new().hash_one(()) % 1_000_000_000;
        let seed = seed.or_else(inherited).unwrap_or_else(new);

        let sh = Shell::new()?;
        sh.change_dir(&root);
        let inherited = env::var_os("PATH").unwrap_or_default();
        let cargo = env::var_os("CARGO").map(PathBuf::from);
        let folders = iter::once(target.join("xtask/tools/bin"))
            .chain(cargo.as_deref().and_then(Path::parent).map(Path::to_owned)) // this very cargo's
            .chain(env::split_paths(&inherited))
            .chain(iter::once(target.join("debug/examples")));
        sh.set_var("PATH", env::join_paths(folders)?);
        sh.set_var("CARGO_TARGET_DIR", &target);
        sh.set_var("CARGO_TERM_COLOR", "never");
        sh.set_var("PYTHONUNBUFFERED", "1"); // progress is read from what is printed
        sh.set_var(SEED, seed.to_string());
        sh.set_var("PROPTEST_RNG_SEED", seed.to_string());
        Ok(Self {
            sh,
            root,
            target,
            seed,
        })
    }

    /// The path of what the runner itself keeps: logs, tools, reports.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// A program of the Python environment that holds the tools.
    pub(crate) fn venv(&self, program: &str) -> PathBuf {
        self.own("venv/bin").join(program)
    }

    /// Reads a file of the repository.
    ///
    /// # Errors
    ///
    /// The file's name, and why it cannot be read.
    pub(crate) fn read(&self, path: &str) -> Result<String> {
        Ok(self.sh.read_file(path)?)
    }

    /// Returns what a quick command prints to stdout, trimmed.
    ///
    /// # Errors
    ///
    /// Where it does not end with success: what it said last.
    pub(crate) fn ask(&self, command: impl Into<Command>) -> Result<String> {
        let mut command = command.into();
        let name = command.get_program().display().to_string();
        let output = command
            .stdin(Stdio::null())
            .output()
            .context(name.clone())?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or_default();
        ensure!(output.status.success(), "{name}: {}: {said}", output.status);
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
    /// Runs a command on the terminal, as its user does.
    ///
    /// # Errors
    ///
    /// How it ended otherwise than with success.
    pub(crate) fn until_its_end(&self, command: impl Into<Command>) -> Result<ExitCode> {
        let status = command.into().status()?;
        ensure!(status.success(), "{status}");
        Ok(ExitCode::SUCCESS)
    }
}
