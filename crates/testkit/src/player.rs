//! Other processes in which a test goes on: its own binary runs the same test again, as a player.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
};

use crate::{process::mortal, wait_until};

/// A process that plays a part in a test.
///
/// ```no_run
/// # use otp_engine_testkit::{Folder, Part, Player};
/// fn processes_meet() {
///     if let Some(mut part) = Part::of("processes_meet") {
///         part.wait_for_the_others();
///         return part.tell(&format!("{} of {}\n", part.number(), part.text()));
///     }
///     let folder = Folder::new();
///     let mut players: Vec<_> =
///         (0..8).map(|number| Player::start("processes_meet", number, "eight", &folder)).collect();
///     Player::let_go(&mut players);
///     players.into_iter().for_each(|player| assert!(player.finish().ends_with("of eight\n")));
/// }
/// ```
#[derive(Debug)]
pub struct Player {
    process: Child,
    gate: Option<ChildStdin>,
    file: PathBuf,
}

impl Player {
    /// Starts this test binary again, for `test` alone, with a number and a text for its part.
    ///
    /// Every second player is of the version before where `OTP_PLAYER_BEFORE` names its test binary:
    /// `cargo xtask soak --only upgrade`. What it tells goes to a file in `folder`, in which no other player has this number.
    #[must_use]
    pub fn start(test: &str, number: u64, text: &str, folder: &crate::Folder) -> Self {
        let file = folder.path().join(format!("player-{number}"));
        File::create_new(&file).unwrap();
        let before = Self::of_the_version_before().filter(|_| number % 2 == 1);
        let program = before.unwrap_or_else(|| env::current_exe().unwrap());
        let mut process = mortal(&program)
            .args(["--exact", test, "--include-ignored", "--nocapture"])
            .env(TEST, test)
            .env(NUMBER, number.to_string())
            .env(TEXT, text)
            .env(FILE, &file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let gate = process.stdin.take();
        Self {
            process,
            gate,
            file,
        }
    }

    /// Returns the test binary of the version before that plays beside this one, if any does.
    #[must_use]
    pub fn of_the_version_before() -> Option<PathBuf> {
        env::var_os(BEFORE).map(PathBuf::from)
    }

    /// Waits until all players wait for each other, and lets them go at once.
    pub fn let_go(players: &mut [Self]) {
        wait_until("all players are ready", || {
            players.iter_mut().all(|player| {
                let ended = player.process.try_wait().unwrap();
                assert!(ended.is_none(), "a player ended: {ended:?}");
                player.raw().starts_with(READY)
            })
        });
        for player in players {
            player.gate = None;
        }
    }

    /// Returns what the player has told so far.
    #[must_use]
    pub fn told(&self) -> String {
        let told = self.raw();
        told.strip_prefix(READY).unwrap_or(&told).to_owned()
    }

    /// Returns the file in which the player tells.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn raw(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// Waits for the player's end; returns what it told.
    #[must_use]
    pub fn finish(mut self) -> String {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "a player failed, see above: {status}");
        self.told()
    }

    /// Says whether the player has played its part.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Kills the player (`kill -9`); returns what it told.
    #[must_use]
    pub fn kill(mut self) -> String {
        self.process.kill().ok(); // it may have ended
        self.process.wait().unwrap();
        self.told()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.process.kill().ok(); // it may have ended
        self.process.wait().ok();
    }
}

/// What a player knows of its part.
#[derive(Debug)]
pub struct Part {
    number: u64,
    text: String,
    file: File,
}

impl Part {
    /// Returns the part that this process plays in `test`; `None` in the test itself.
    #[must_use]
    pub fn of(test: &str) -> Option<Self> {
        if env::var(TEST).ok()? != test {
            return None;
        }
        let file = env::var_os(FILE).unwrap();
        Some(Self {
            number: env::var(NUMBER).unwrap().parse().unwrap(),
            text: env::var(TEXT).unwrap(),
            file: File::options().append(true).open(file).unwrap(),
        })
    }

    /// Returns the player's number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the text that the player was started with.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says that this player is ready, and waits until all are.
    pub fn wait_for_the_others(&mut self) {
        self.tell(READY);
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }

    /// Appends `text` to the player's file in one write: it is there, or it is not.
    pub fn tell(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }
}

const BEFORE: &str = "OTP_PLAYER_BEFORE";
const READY: &str = "ready\n";
const TEST: &str = "OTP_PLAYER_TEST";
const NUMBER: &str = "OTP_PLAYER_NUMBER";
const TEXT: &str = "OTP_PLAYER_TEXT";
const FILE: &str = "OTP_PLAYER_FILE";
