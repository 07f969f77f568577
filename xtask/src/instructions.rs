//! Counts the instructions of issue, verify and HOTP, and compares with what is written down.
//!
//! The counter is callgrind. It hides the processor's own SHA instructions, so that the portable
//! hash is what it sees: this guards against doing more, and says nothing of how fast that is. An
//! operation's instructions are those that twice as many operations take more, so that starting and
//! making ready cancel; they are judged as a multiple of one compression's in the same program, so
//! that another compiler moves both.

mod expected;

use std::collections::BTreeMap;
use std::fs;

use crate::job::Job;
use crate::part::Check;
use expected::{Expected, Judgement, Row};

/// Counts every row, as it is and with a waste that must be found.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    match count_all(job) {
        Ok(checks) => checks,
        Err(error) => vec![Check::new("instructions can be counted", Err(error))],
    }
}

fn count_all(job: &mut Job<'_>) -> Result<Vec<Check>, String> {
    let rows = rows(job)?;
    let mut floors = Floors::new();
    for Row { floor, .. } in &rows {
        if !floors.contains_key(floor) {
            floors.insert(floor.clone(), count(job, floor, None)?);
        }
    }
    let mut ratios = Vec::new();
    for row in &rows {
        ratios.push(ratio(job, &floors, row, None)?);
    }
    let path = job.world.root.join(FILE);
    let wrong = |error: String| format!("{FILE}: {error}");
    let read = || fs::read_to_string(&path).map_err(|error| wrong(error.to_string()));
    let mut expected = Expected::read(&read()?).map_err(wrong)?;
    if std::env::var_os(WRITE).is_some() {
        let text = expected.written_with(rows.iter().cloned().zip(ratios.iter().copied()));
        fs::write(&path, &text).map_err(|error| wrong(error.to_string()))?;
        expected = Expected::read(&text).map_err(wrong)?;
        job.note(format!("{FILE} was written"));
    }
    let mut checks = vec![Check::new(
        format!("{FILE} names the rows that are counted, and no other"),
        expected.names(&rows),
    )];
    for (row, found) in rows.iter().zip(&ratios) {
        if let Some(wanted) = expected.ratio(row) {
            checks.push(compared(job, row, *found, wanted, &expected));
        }
    }
    for (row, found) in rows.iter().zip(&ratios) {
        for waste in WASTES.iter().filter(|waste| waste.shows_in(row)) {
            let wasteful = ratio(job, &floors, row, Some(waste.plant.unwrap_or(&row.floor)));
            checks.push(planted(row, *found, waste, wasteful, &expected));
        }
    }
    Ok(checks)
}

fn compared(job: &mut Job<'_>, row: &Row, found: f64, wanted: f64, expected: &Expected) -> Check {
    let Row { floor, name } = row;
    let judged = match expected.judge(found, wanted) {
        Judgement::AsExpected => Ok(()),
        Judgement::Less(percent) => {
            job.note(format!(
                "{name}: {percent:.1} % fewer instructions than expected; lower the bound by \
                 {WRITE}=1 cargo xtask test --only instructions"
            ));
            Ok(())
        }
        Judgement::More(percent) => Err(format!(
            "{percent:.1} % more; where that is meant: {WRITE}=1 cargo xtask test --only \
             instructions"
        )),
    };
    let claim = format!("{name} takes {found:.3} compressions of {floor}, expected {wanted:.3}");
    Check::new(claim, judged)
}

/// Shows that the judge would condemn what this run found, were it as `wasteful`.
fn planted(
    row: &Row,
    found: f64,
    waste: &Waste,
    wasteful: Result<f64, String>,
    expected: &Expected,
) -> Check {
    let judged = wasteful.and_then(|wasteful| match expected.judge(wasteful, found) {
        Judgement::More(_) => Ok(()),
        other => Err(format!("{other:?}, from {found:.3} to {wasteful:.3}")),
    });
    Check::new(
        format!("{} is condemned with {} more", row.name, waste.what),
        judged,
    )
}

/// What is done for nothing, once in each operation.
struct Waste {
    what: &'static str,
    /// Its name in the program; that of the row's floor if there is none.
    plant: Option<&'static str>,
    /// Below this floor alone it is large enough to be seen.
    floor: Option<&'static str>,
}

impl Waste {
    fn shows_in(&self, row: &Row) -> bool {
        self.floor.is_none_or(|floor| floor == row.floor)
    }
}

const WASTES: &[Waste] = &[
    Waste {
        what: "one compression",
        plant: None,
        floor: None,
    },
    // 240 instructions: less than one in a hundred of an issue, seven of a HOTP.
    Waste {
        what: "one allocation and copy",
        plant: Some("copy"),
        floor: Some("sha1"),
    },
];

/// Asks the program for its rows.
fn rows(job: &Job<'_>) -> Result<Vec<Row>, String> {
    let told = job.world.ask(&program(job), &[]);
    let told = told.ok_or("the program does not name its rows")?;
    let rows: Option<Vec<_>> = told.lines().map(Row::of_line).collect();
    rows.filter(|rows| !rows.is_empty())
        .ok_or_else(|| format!("the program names no rows: {told}"))
}

/// The instructions of each floor, by name.
type Floors = BTreeMap<String, f64>;

/// Counts a row's instructions as a multiple of its floor's.
fn ratio(
    job: &mut Job<'_>,
    floors: &Floors,
    row: &Row,
    plant: Option<&str>,
) -> Result<f64, String> {
    let floor = floors.get(&row.floor).ok_or("no such floor")?;
    Ok(count(job, &row.name, plant)? / floor)
}

/// Counts the instructions of one operation.
fn count(job: &mut Job<'_>, name: &str, plant: Option<&str>) -> Result<f64, String> {
    let once = collected(job, name, OPERATIONS, plant)?;
    let twice = collected(job, name, 2 * OPERATIONS, plant)?;
    let more = twice.checked_sub(once).filter(|more| *more > 0);
    let more = more.ok_or_else(|| format!("{name}: twice as many take no more"))?;
    Ok(more as f64 / OPERATIONS as f64)
}

fn collected(
    job: &mut Job<'_>,
    name: &str,
    operations: u32,
    plant: Option<&str>,
) -> Result<u64, String> {
    let mut command = job.world.command("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program(job))
        .args([name, &operations.to_string()])
        .args(plant);
    let ran = job.run(&mut command)?;
    ran.succeeded()?;
    of_callgrind(&ran.output).ok_or_else(|| format!("{name}: callgrind tells no count"))
}

/// Reads the line `==123== Collected : 456`.
fn of_callgrind(output: &str) -> Option<u64> {
    let told = |line: &str| line.split_once("== Collected : ")?.1.trim().parse().ok();
    output.lines().find_map(told)
}

fn program(job: &Job<'_>) -> String {
    let path = job.world.target.join("release/otp-engine-instructions");
    path.to_string_lossy().into_owned()
}

/// Half of what the program has ready.
const OPERATIONS: u32 = 256;

const FILE: &str = "benches/instructions/expected.toml";

const WRITE: &str = "OTP_WRITE_INSTRUCTIONS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_in_a_line_of_its_own() {
        let output = "==7== Events    : Ir\n==7== Collected : 59168921\n==7== \n";
        assert_eq!(of_callgrind(output), Some(59_168_921));
        assert_eq!(of_callgrind("==7== Events    : Ir\n"), None);
        assert_eq!(of_callgrind("==7== Collected : many\n"), None);
    }
}
