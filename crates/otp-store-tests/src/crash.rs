//! Writers that are killed at any moment; afterwards nothing acknowledged may be missing.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use super::{
    Fault,
    probe::{Keys, NOW, draw, failed, load, load_all, mix, must, version, write},
};
use otp_engine::store::{Cell, Commit, Key, Store};

/// A trial by crashes: writers commit to colliding cells until they are killed.
///
/// The store's own test starts writers as processes, two at least, kills them (`kill -9`), starts
/// others, and [judges](Self::judge) the store while no writer runs. Each commit changes 4 cells.
/// A writer acknowledges only what was `Done`: append its lines to a file, each in one write.
///
/// A kill is no loss of power: what the operating system had not yet flushed survives it.
#[derive(Clone, Copy, Debug)]
pub struct CrashTrial {
    keys: Keys,
    cells: u64,
}

impl CrashTrial {
    /// Makes a trial on so many cells, at least 4; the fewer, the more the writers collide.
    #[must_use]
    pub const fn new(seed: u64, cells: u32) -> Self {
        Self {
            keys: Keys { seed },
            cells: if cells < 4 { 4 } else { cells as u64 },
        }
    }

    /// Commits until `acknowledge` returns false; it gets a line for each commit that was `Done`.
    ///
    /// `writer` is a number that no writer had before, a restarted one gets a new one.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where a load fails, or a thousand commits fail in a row.
    pub fn write(
        &self,
        store: &dyn Store,
        writer: u64,
        acknowledge: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), Fault> {
        let mut failures = 0;
        for turn in 0.. {
            let numbers = draw(
                mix(self.keys.seed ^ mix(writer << 32 | turn)),
                CONCERNED,
                self.cells,
            );
            let keys: Vec<_> = numbers
                .iter()
                .map(|number| self.keys.key(*number))
                .collect();
            let cells = load(store, &keys)?;
            let versions = cells.iter().map(|cell| version(cell.as_ref()));
            let mark = Mark {
                writer,
                turn,
                cells: numbers
                    .iter()
                    .copied()
                    .zip(versions.clone().map(|version| version + 1))
                    .collect(),
            };
            let body = mark.line();
            let writes: Vec<_> = keys
                .iter()
                .zip(versions)
                .map(|(key, version)| write(*key, version, body.as_bytes()))
                .collect();
            match store.commit(&writes, NOW) {
                Ok(Commit::Done) if !acknowledge(&body) => return Ok(()),
                Ok(_) => failures = 0,
                Err(error) if failures == 1_000 => return Err(failed("commit", &error)),
                Err(_) => failures += 1,
            }
        }
        Ok(())
    }

    /// Judges the store by all lines acknowledged so far, one text for each writer; returns how
    /// many commits that were.
    ///
    /// A last line without its end is passed over: the kill came in the middle of it.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where a version was acknowledged twice, an acknowledged commit is lost, a
    /// commit is torn, or a load fails.
    pub fn judge(&self, store: &dyn Store, acknowledged: &[String]) -> Result<usize, Fault> {
        let keys: Vec<Key> = (0..self.cells)
            .map(|number| self.keys.key(number))
            .collect();
        let cells = load_all(store, &keys)?;
        let now: Vec<_> = cells.iter().map(|cell| version(cell.as_ref())).collect();
        let marks = cells
            .iter()
            .flatten()
            .map(Mark::of)
            .collect::<Result<Vec<_>, _>>()?;
        let there: BTreeSet<_> = marks.iter().map(Mark::id).collect();
        for mark in &marks {
            self.judge_whole(mark, &cells)?;
        }

        let mut commits = 0;
        let mut owners: BTreeMap<(u64, u64), (u64, u64)> = BTreeMap::new();
        for line in acknowledged
            .iter()
            .flat_map(|text| text.split_inclusive('\n'))
        {
            let Some(mark) = Mark::read(line) else {
                continue;
            };
            commits += 1;
            for cell in &mark.cells {
                let other = owners.insert(*cell, mark.id());
                must!(
                    other.is_none(),
                    "version {} of cell {} was acknowledged twice",
                    cell.1,
                    cell.0
                );
                let is = now.get(index(cell.0)).copied().unwrap_or(0);
                must!(
                    is > cell.1 || (is == cell.1 && there.contains(&mark.id())),
                    "version {} of cell {} was acknowledged and is lost",
                    cell.1,
                    cell.0
                );
            }
        }
        Ok(commits)
    }

    /// Whoever wrote one cell must have written the other three: they are as new, or newer.
    fn judge_whole(&self, mark: &Mark, cells: &[Option<Cell>]) -> Result<(), Fault> {
        for (number, written) in &mark.cells {
            let cell = cells.get(index(*number)).and_then(Option::as_ref);
            let is = version(cell);
            let same =
                || cell.is_some_and(|cell| Mark::of(cell).is_ok_and(|it| it.id() == mark.id()));
            must!(
                is > *written || (is == *written && same()),
                "a commit is torn: cell {number} is not as new as the others"
            );
        }
        Ok(())
    }
}

/// What a commit writes into each of its cells: who made it, and all that it wrote.
struct Mark {
    writer: u64,
    turn: u64,
    /// Each cell's number, and the version that the commit gave it.
    cells: Vec<(u64, u64)>,
}

impl Mark {
    fn line(&self) -> String {
        let mut line = format!("{} {}", self.writer, self.turn);
        for (number, version) in &self.cells {
            line.push_str(&format!(" {number} {version}"));
        }
        line.push('\n');
        line
    }

    /// Reads a whole line, `None` where its end is missing.
    fn read(line: &str) -> Option<Self> {
        let numbers = line.strip_suffix('\n')?.split(' ').map(str::parse);
        let numbers = numbers.collect::<Result<Vec<u64>, _>>().ok()?;
        let (&[writer, turn], cells) = numbers.split_first_chunk()?;
        let (pairs, []) = cells.as_chunks::<2>() else {
            return None;
        };
        let cells: Vec<_> = pairs
            .iter()
            .map(|[number, version]| (*number, *version))
            .collect();
        (cells.len() == CONCERNED).then_some(Self {
            writer,
            turn,
            cells,
        })
    }

    fn of(cell: &Cell) -> Result<Self, Fault> {
        core::str::from_utf8(cell.body())
            .ok()
            .and_then(Self::read)
            .ok_or_else(|| Fault(String::from("a body came back another")))
    }

    const fn id(&self) -> (u64, u64) {
        (self.writer, self.turn)
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const CONCERNED: usize = 4;
