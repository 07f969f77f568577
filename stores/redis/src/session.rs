//! One connection: one command for a load, one for a commit.

use otp_engine::{
    Timestamp,
    store::{Cell, Commit, Error, Key, Version, Write},
};
use redis::{Cmd, Script, Value, cmd};

use crate::{fault::Fault, link::Link};

/// A connection whose server was checked.
pub(crate) struct Session<L>(pub(crate) L);

impl<L: Link> Session<L> {
    /// Reads all cells in one command, and so at one moment; in the order of their keys.
    pub(crate) async fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
        let mut load = cmd("MGET");
        for key in keys {
            load.arg(name(key));
        }
        let Value::Array(values) = self.0.run(&load).await? else {
            return Err(Fault::Malformed);
        };
        if values.len() != keys.len() {
            return Err(Fault::Malformed);
        }
        values.iter().map(cell).collect()
    }

    /// Makes all writes in one script, or none.
    pub(crate) async fn commit(&mut self, script: &Script, commit: &Sent) -> Result<Commit, Fault> {
        let by_hash = commit.command("EVALSHA", script.get_hash());
        let answer = match self.0.run(&by_hash).await.map_err(Fault::from) {
            // The server was started anew and has not run anything.
            Err(fault) if fault.is("NOSCRIPT") => {
                self.0.run(&commit.command("EVAL", COMMIT)).await?
            }
            answer => answer?,
        };
        match answer {
            Value::Int(1) => Ok(Commit::Done),
            Value::Int(0) => Ok(Commit::Conflict),
            _ => Err(Fault::Malformed),
        }
    }
}

/// A commit as the script takes it.
pub(crate) struct Sent(Vec<(Vec<u8>, [Vec<u8>; 3])>);

impl Sent {
    /// Encodes writes; `Unsupported` where one would have to be kept longer than Redis can.
    pub(crate) fn new(writes: &[Write<'_>]) -> Result<Self, Error> {
        let encode = |write: &Write<'_>| {
            let until = write.discard_after.ok_or(Error::Unsupported)?;
            let milliseconds = until.unix().checked_mul(1_000);
            let milliseconds = milliseconds
                .filter(|end| *end <= LAST)
                .ok_or(Error::Unsupported)?;
            let expected = match write.expected {
                Version::ABSENT => Vec::new(),
                version => version.get().to_be_bytes().to_vec(),
            };
            let mut cell = Vec::with_capacity(16 + write.body.len());
            cell.extend(write.expected.next().get().to_be_bytes());
            cell.extend(until.unix().to_be_bytes());
            cell.extend(write.body);
            Ok((
                name(&write.key),
                [expected, cell, milliseconds.to_string().into()],
            ))
        };
        writes
            .iter()
            .map(encode)
            .collect::<Result<_, Error>>()
            .map(Self)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.0.len());
        for (key, _) in &self.0 {
            command.arg(key);
        }
        for argument in self.0.iter().flat_map(|(_, arguments)| arguments) {
            command.arg(argument);
        }
        command
    }
}

/// Puts a tenant's cells on one node of a cluster. The partition is in hex, as one that begins with
/// a brace would be no tag at all.
pub(crate) fn name(key: &Key) -> Vec<u8> {
    let (partition, hash) = key.as_bytes().split_at(8);
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let mut name = Vec::with_capacity(42);
    name.push(b'{');
    name.extend(
        partition
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]),
    );
    name.push(b'}');
    name.extend(hash);
    name
}

fn cell(value: &Value) -> Result<Option<Cell>, Fault> {
    let bytes = match value {
        Value::Nil => return Ok(None),
        Value::BulkString(bytes) => bytes,
        _ => return Err(Fault::Malformed),
    };
    let malformed = || Fault::Malformed;
    let (version, rest) = bytes.split_first_chunk().ok_or_else(malformed)?;
    let (until, body) = rest.split_first_chunk().ok_or_else(malformed)?;
    let until = Timestamp::from_unix(i64::from_be_bytes(*until));
    let version = Version::new(u64::from_be_bytes(*version));
    Ok(Some(Cell::new(version, Some(until), body)))
}

pub(crate) const COMMIT: &str = include_str!("lua/commit.lua");

/// The last millisecond that Lua's numbers tell from the next one.
const LAST: i64 = 9_007_199_254_740_991;
