//! What all parts share: where the project is, the seed, how commands are made.

use core::hash::BuildHasher;
use core::sync::atomic::AtomicBool;
use std::env;
use std::ffi::OsString;
use std::hash::RandomState;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The variable from which the project's own tests take their seed.
const SEED: &str = "OTP_TEST_SEED";

/// The surroundings of a run.
#[derive(Debug)]
pub(crate) struct World {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    pub(crate) seed: u64,
    /// Whether the list of Debian's packages was fetched in this run.
    pub(crate) apt_updated: AtomicBool,
}

impl World {
    /// Looks around; without a `seed` the environment's is taken, and without that a new one.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let own = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own.parent().unwrap_or(&own).to_owned();
        let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let inherited = || env::var(SEED).ok()?.parse().ok();
        Self {
            target: root.join(target),
            root,
            // Nine digits are enough to tell runs apart, and few enough to be copied by hand.
            seed: seed
                .or_else(inherited)
                .unwrap_or_else(|| RandomState::new().hash_one(()) % 1_000_000_000),
            apt_updated: AtomicBool::new(false),
        }
    }

    /// The directory for what the runner itself keeps: logs, tools, reports.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// Makes a command that runs at the repository's root, without a terminal.
    pub(crate) fn command(&self, program: &str) -> Command {
        let program = match program {
            "cargo" => env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            "rustc" => env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
            other => other.into(),
        };
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .env("PATH", self.path())
            .env("CARGO_TERM_COLOR", "never")
            .env(SEED, self.seed.to_string())
            .env("PROPTEST_RNG_SEED", self.seed.to_string());
        command
    }

    /// Returns what a quick `program` prints, trimmed, if it ends with success.
    pub(crate) fn ask(&self, program: &str, args: &[&str]) -> Option<String> {
        let output = self.command(program).args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    }

    /// The search path, with the tools that the runner installed in front.
    fn path(&self) -> OsString {
        let tools = self.own("tools").join("bin");
        let inherited = env::var_os("PATH").unwrap_or_default();
        let all = core::iter::once(tools).chain(env::split_paths(&inherited));
        env::join_paths(all).unwrap_or(inherited)
    }
}
