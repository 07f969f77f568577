//! One part at work: its log, its notes and its figures.

use core::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use crate::world::World;

/// What the running part may use, and where it leaves word.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) world: &'a World,
    log: File,
    path: PathBuf,
    /// Lines for the reader, shown whether the part passes or not.
    pub(crate) notes: Vec<String>,
    /// Measured values, shown in the table of figures.
    pub(crate) figures: Vec<Figure>,
    /// How many things could not be checked here; counted as ignored, never as passed.
    pub(crate) skipped: u64,
}

/// A measured value.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: String,
}

impl Figure {
    /// Reads a line that a test printed: `figure: WHAT = VALUE`.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let (what, value) = line.strip_prefix("figure: ")?.split_once(" = ")?;
        Some(Self {
            what: what.trim().to_owned(),
            value: value.trim().to_owned(),
        })
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    /// Its stdout and stderr, in the order in which they were written.
    pub(crate) output: String,
}

impl Ran {
    /// Requires success.
    ///
    /// # Errors
    ///
    /// How the command ended otherwise; what it printed is in the log.
    pub(crate) fn succeeded(&self) -> Result<(), String> {
        if self.status.success() {
            Ok(())
        } else {
            Err(self.status.to_string())
        }
    }
}

impl<'a> Job<'a> {
    /// Opens an empty log called `name`.
    ///
    /// # Errors
    ///
    /// Whatever the file system answers.
    pub(crate) fn new(world: &'a World, name: &str) -> io::Result<Self> {
        let path = world.own("log").join(name).with_extension("log");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        File::create(&path)?;
        // Appending, so that what the commands and the runner write never overwrites the other's.
        let log = OpenOptions::new().append(true).read(true).open(&path)?;
        Ok(Self {
            world,
            log,
            path,
            notes: Vec::new(),
            figures: Vec::new(),
            skipped: 0,
        })
    }

    /// Leaves a line for the reader.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Leaves word that something could not be checked here.
    pub(crate) fn skip(&mut self, note: impl Into<String>) {
        let note = note.into();
        self.say(&note);
        self.note(note);
        self.skipped += 1;
    }

    /// Leaves a measured value.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: impl Display) {
        self.figures.push(Figure {
            what: what.into(),
            value: value.to_string(),
        });
    }

    /// Writes a line into the log.
    pub(crate) fn say(&mut self, line: impl Display) {
        // A log that cannot be written shows in the output; it must not change a verdict.
        let _ = writeln!(self.log, "{line}");
    }

    /// Runs `command` to its end; what it prints goes into the log, and is returned.
    ///
    /// The log is a file, not a pipe: a process that outlives the command cannot block the runner,
    /// and a run that is cut off leaves what it had printed.
    ///
    /// # Errors
    ///
    /// Where the command cannot be started, or the log not be read.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<Ran, String> {
        self.say(format_args!("$ {}", shown(command)));
        self.try_run(command)
            .map_err(|error| format!("{}: {error}", command.get_program().display()))
    }

    fn try_run(&mut self, command: &mut Command) -> io::Result<Ran> {
        let start = self.log.seek(SeekFrom::End(0))?;
        command.stdout(self.log.try_clone()?);
        command.stderr(self.log.try_clone()?);
        let status = command.status()?;
        let mut bytes = Vec::new();
        let mut log = File::open(&self.path)?;
        log.seek(SeekFrom::Start(start))?;
        log.read_to_end(&mut bytes)?;
        Ok(Ran {
            status,
            output: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// Returns the whole log.
    pub(crate) fn text(&self) -> String {
        fs::read(&self.path).map_or_else(
            |error| format!("{}: {error}\n", self.path.display()),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }
}

fn shown(command: &Command) -> String {
    let words = core::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_leaves_both_its_streams_in_order() {
        let world = World::new(Some(1));
        let mut job = Job::new(&world, "self-test-streams").unwrap();
        job.say("before");
        let mut command = world.command("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let ran = job.run(&mut command).unwrap();
        assert_eq!(ran.status.code(), Some(3));
        assert_eq!(ran.output, "one\ntwo\nthree\n");
        assert!(job.text().starts_with("before\n$ sh -c "));
        assert!(job.text().ends_with("one\ntwo\nthree\n"));
    }

    #[test]
    fn figures_are_read_from_lines_of_their_own() {
        let figure = Figure {
            what: "model steps".into(),
            value: "300,000 (seed = 7)".into(),
        };
        let line = "figure: model steps = 300,000 (seed = 7)";
        assert_eq!(Figure::of_line(line), Some(figure));
        assert_eq!(Figure::of_line("a figure: model steps = 1"), None);
        assert_eq!(Figure::of_line("figure: model steps 1"), None);
    }
}
