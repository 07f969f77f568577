//! The vector files for C: `tests/vectors/*.json` become tables that `bindings/c/tests/vectors.c`
//! runs through the ABI, the same files that the tests of Rust and Python read.

use core::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build::{Linked, c, caught, generated, plain, program_with};
use crate::job::Job;
use crate::part::Check;

const CHALLENGES: &str = "challenges-v1.json";
const GOLDEN: &str = "records/golden-v1.json";
const STOCK: &str = "records/stock-v1.json";
const STORED: &str = "records/store-v1.json";

/// A value in a file that is changed, and what the test must then say.
struct Planted {
    claim: &'static str,
    file: &'static str,
    at: &'static str,
    reason: &'static str,
}

/// One for each kind of vector: a table that nobody reads would let it pass.
const PLANTS: &[Planted] = &[
    Planted {
        claim: "a key of a binding's cells",
        file: CHALLENGES,
        at: "/bindings/3/keys",
        reason: "same(asked, vector->keys)",
    },
    Planted {
        claim: "a recipient",
        file: CHALLENGES,
        at: "/recipients/1/sent_to",
        reason: "same_text(issued.recipient, vector->sent_to)",
    },
    Planted {
        claim: "a typed code",
        file: CHALLENGES,
        at: "/challenges/0/typed/0/typed",
        reason: "verdict.rejection == vector->rejection",
    },
    Planted {
        claim: "a cell of a challenge",
        file: CHALLENGES,
        at: "/challenges/0/cells/0/body",
        reason: "otp_engine_verify(",
    },
    Planted {
        claim: "a signed record",
        file: GOLDEN,
        at: "/chain/2/sd_jwt",
        reason: "valid == 1 && \"a golden record\"",
    },
    Planted {
        claim: "a record of another tool",
        file: STOCK,
        at: "/made/1/sd_jwt",
        reason: "valid == 1 && \"a record of another tool\"",
    },
    Planted {
        claim: "a stored page",
        file: STORED,
        at: "/cells/0/body",
        reason: "otp_engine_chain_head(",
    },
];

/// Writes the tables, and shows that one changed byte in any of the files fails the test.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let folder = generated(job);
    let files = Files::read(&job.world.root);
    let written = files.as_ref().map_err(Clone::clone).and_then(|files| {
        let (tables, count) = files.tables()?;
        write(&folder, &tables)?;
        job.figure("vectors that C runs", count);
        Ok(())
    });
    let mut checks = vec![Check::new("the vector files are written for C", written)];
    for (nth, plant) in PLANTS.iter().enumerate() {
        let folder = job.world.own("c").join(format!("planted-vectors-{nth}"));
        let found = files
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|files| planted(job, files, &folder, plant));
        checks.push(Check::new(
            format!("{} with one changed byte is caught", plant.claim),
            found,
        ));
    }
    checks
}

fn planted(job: &mut Job<'_>, files: &Files, folder: &Path, plant: &Planted) -> Result<(), String> {
    let mut files = files.clone();
    let value = files.value(plant.file, plant.at)?;
    let changed = value.as_str().and_then(change);
    *value = changed
        .ok_or_else(|| format!("{} has no text", plant.at))?
        .into();
    write(folder, &files.tables()?.0)?;
    let source = "bindings/c/tests/vectors.c";
    let program = program_with(job, source, c("c11"), Linked::Dynamically, folder)?;
    let ran = job.run(&mut plain(job, &program))?;
    caught(ran.status.success(), &ran.output, plant.reason)
}

/// Puts another letter or digit in the place of one near the middle.
fn change(text: &str) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let middle = bytes.len() / 2;
    let place = bytes.get_mut(middle)?;
    *place = if *place == b'2' { b'3' } else { b'2' };
    String::from_utf8(bytes).ok()
}

fn write(folder: &Path, tables: &str) -> Result<(), String> {
    let path: PathBuf = folder.join("vectors.h");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, tables))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The files as they were read.
#[derive(Clone)]
struct Files(Vec<(&'static str, Value)>);

impl Files {
    fn read(root: &Path) -> Result<Self, String> {
        let read = |name| {
            let path = root.join("tests/vectors").join(name);
            let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
            let value = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
            Ok((name, value))
        };
        let names = [CHALLENGES, GOLDEN, STOCK, STORED];
        names
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn value(&mut self, file: &str, at: &str) -> Result<&mut Value, String> {
        let of_file = self.0.iter_mut().find(|(name, _)| *name == file);
        of_file
            .and_then(|(_, value)| value.pointer_mut(at))
            .ok_or_else(|| format!("{file} has no {at}"))
    }

    fn get(&self, file: &str, at: &str) -> Result<&Value, String> {
        let of_file = self.0.iter().find(|(name, _)| *name == file);
        of_file
            .and_then(|(_, value)| value.pointer(at))
            .ok_or_else(|| format!("{file} has no {at}"))
    }

    fn list(&self, file: &str, at: &str) -> Result<&[Value], String> {
        let list = self.get(file, at)?.as_array();
        list.map(Vec::as_slice)
            .filter(|list| !list.is_empty())
            .ok_or_else(|| format!("{at} of {file} is no list, or empty"))
    }

    /// Returns all files as C, and how many vectors they hold.
    fn tables(&self) -> Result<(String, usize), String> {
        let mut tables = Tables::default();
        let now = number(self.get(CHALLENGES, "/now")?)?;
        tables.line(&format!("static const int64_t vectors_now = {now};"));
        tables.members("binding", self.get(CHALLENGES, "/binding")?)?;

        let mut rows = Vec::new();
        for binding in self.list(CHALLENGES, "/bindings")? {
            rows.push(tables.binding(binding)?);
        }
        tables.table("vector_binding", "bindings", &rows);

        let mut rows = Vec::new();
        for recipient in self.list(CHALLENGES, "/recipients")? {
            let kind = match text(recipient, "kind")? {
                "mobile" => "OTP_RECIPIENT_MOBILE",
                _ => "OTP_RECIPIENT_EMAIL",
            };
            let given = tables.text(recipient, "given")?;
            let sent_to = tables.text(recipient, "sent_to")?;
            rows.push(format!("{kind}, {given}, {sent_to}"));
        }
        tables.table("vector_recipient", "recipients", &rows);

        let mut rows = Vec::new();
        for (nth, challenge) in self.list(CHALLENGES, "/challenges")?.iter().enumerate() {
            rows.push(tables.challenge(nth, challenge)?);
        }
        tables.table("vector_challenge", "challenges", &rows);

        self.records(&mut tables)?;
        let cells = self.list(STORED, "/cells")?;
        tables.cells("stored_cells", cells)?;
        tables.count += cells.len();
        Ok((tables.text, tables.count))
    }

    fn records(&self, tables: &mut Tables) -> Result<(), String> {
        let golden = self.get(GOLDEN, "")?;
        tables.members("golden", golden)?;
        let count = number(&golden["count"])?;
        tables.line(&format!("static const uint64_t golden_count = {count};"));
        let head = base64url(text(golden, "head")?)?;
        tables.constant("golden_head", &head);
        tables.constant("golden_keys", golden["jwk_set"].to_string().as_bytes());
        tables.constant(
            "golden_foreign",
            text(&golden["other_field"], "sd_jwt")?.as_bytes(),
        );
        tables.constant(
            "golden_hs256",
            text(&golden["hs256"]["record"], "sd_jwt")?.as_bytes(),
        );
        let mut rows = Vec::new();
        for link in self.list(GOLDEN, "/chain")? {
            let (record, payload) = (tables.text(link, "sd_jwt")?, tables.text(link, "payload")?);
            rows.push(format!("{record}, {payload}"));
        }
        tables.table("vector_record", "golden_records", &rows);
        let keys = self.get(STOCK, "/jwk_set")?.to_string();
        tables.constant("stock_keys", keys.as_bytes());
        let mut rows = Vec::new();
        for made in self.list(STOCK, "/made")? {
            let record = tables.text(made, "sd_jwt")?;
            rows.push(format!("{record}, {}", tables.bytes(b"")));
        }
        tables.table("vector_record", "stock_records", &rows);
        Ok(())
    }
}

/// C text in the making: bytes first, then the rows that point to them.
#[derive(Default)]
struct Tables {
    text: String,
    bytes: usize,
    count: usize,
}

impl Tables {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Writes bytes; returns a view of them, of none where there are none.
    fn bytes(&mut self, bytes: &[u8]) -> String {
        if bytes.is_empty() {
            return "{NULL, 0}".into();
        }
        self.bytes += 1;
        let name = format!("bytes_{}", self.bytes);
        let mut list = String::new();
        for byte in bytes {
            let _ = write!(list, "{byte},"); // writing to a String cannot fail
        }
        self.line(&format!("static const uint8_t {name}[] = {{{list}}};"));
        format!("{{{name}, sizeof {name}}}")
    }

    /// A text, or no view at all where it is null.
    fn text(&mut self, of: &Value, name: &str) -> Result<String, String> {
        if of[name].is_null() {
            return Ok("{NULL, 0}".into());
        }
        Ok(self.bytes(text(of, name)?.as_bytes()))
    }

    fn hex(&mut self, of: &Value, name: &str) -> Result<String, String> {
        if of[name].is_null() {
            return Ok("{NULL, 0}".into());
        }
        let bytes = hex(text(of, name)?)?;
        Ok(self.bytes(&bytes))
    }

    fn constant(&mut self, name: &str, bytes: &[u8]) {
        let view = self.bytes(bytes);
        self.line(&format!("static const otp_view {name} = {view};"));
    }

    /// The names of a record field, and of whom and what else there is, as constants.
    fn members(&mut self, prefix: &str, of: &Value) -> Result<(), String> {
        for name in [
            "tenant", "purpose", "model", "field", "record", "user", "mobile",
        ] {
            if of[name].is_string() {
                let text = text(of, name)?.to_owned();
                self.constant(&format!("{prefix}_{name}"), text.as_bytes());
            }
        }
        Ok(())
    }

    fn table(&mut self, of: &str, name: &str, rows: &[String]) {
        self.line(&format!("static const {of} {name}[] = {{"));
        for row in rows {
            self.line(&format!("    {{{row}}},"));
        }
        self.line("};");
        self.count += rows.len();
    }

    fn binding(&mut self, binding: &Value) -> Result<String, String> {
        let mut row = Vec::new();
        for name in ["tenant", "purpose", "model", "field", "record", "user"] {
            row.push(self.text(binding, name)?);
        }
        let (kind, name) = match binding["mobile"].is_null() {
            false => ("OTP_RECIPIENT_MOBILE", "mobile"),
            true => ("OTP_RECIPIENT_EMAIL", "email"),
        };
        row.push(self.text(binding, name)?);
        row.push(kind.into());
        row.push(u8::from(binding["guessable"] == true).to_string());
        row.push(self.hex(binding, "content")?);
        row.push(self.hex(binding, "keys")?);
        Ok(row.join(", "))
    }

    fn challenge(&mut self, nth: usize, challenge: &Value) -> Result<String, String> {
        let (typed_name, cells_name) = (format!("typed_{nth}"), format!("cells_{nth}"));
        let mut rows = Vec::new();
        for typed in list(challenge, "typed")? {
            let rejection = match typed["rejection"].as_str() {
                None => "OTP_REJECTION_NONE".into(),
                Some(name) => format!("OTP_REJECTION_{}", name.to_uppercase()),
            };
            rows.push(format!("{}, {rejection}", self.hex(typed, "typed")?));
        }
        self.table("vector_typed", &typed_name, &rows);
        self.cells(&cells_name, list(challenge, "cells")?)?;
        let id = self.text(challenge, "challenge_id")?;
        Ok(format!(
            "{id}, {typed_name}, sizeof {typed_name} / sizeof {typed_name}[0], \
             {cells_name}, sizeof {cells_name} / sizeof {cells_name}[0]"
        ))
    }

    fn cells(&mut self, name: &str, cells: &[Value]) -> Result<(), String> {
        let mut rows = Vec::new();
        for cell in cells {
            let (key, body) = (self.hex(cell, "key")?, self.hex(cell, "body")?);
            let version = number(&cell["version"])?;
            let end = &cell["discard_after"];
            let (has_end, end) = match end.is_null() {
                true => (0, 0),
                false => (1, number(end)?),
            };
            rows.push(format!("{key}, {version}, {has_end}, {end}, {body}"));
        }
        let before = self.count; // cells are what a vector stands on, not vectors
        self.table("vector_cell", name, &rows);
        self.count = before;
        Ok(())
    }
}

fn text<'a>(of: &'a Value, name: &str) -> Result<&'a str, String> {
    of[name]
        .as_str()
        .ok_or_else(|| format!("{name} is no text"))
}

fn list<'a>(of: &'a Value, name: &str) -> Result<&'a [Value], String> {
    of[name]
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| format!("{name} is no list"))
}

fn number(value: &Value) -> Result<i64, String> {
    value
        .as_i64()
        .ok_or_else(|| format!("{value} is no number"))
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let byte = |at| {
        let digits = text.get(at..at + 2);
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    };
    let bytes: Option<_> = (0..text.len()).step_by(2).map(byte).collect();
    bytes.ok_or_else(|| "not in hexadecimal".into())
}

/// Reads unpadded base64url.
fn base64url(text: &str) -> Result<Vec<u8>, String> {
    const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut kept, mut bits) = (Vec::new(), 0_u32, 0);
    for symbol in text.bytes() {
        let found = SYMBOLS.iter().position(|known| *known == symbol);
        let value = found.and_then(|value| u32::try_from(value).ok());
        kept = kept << 6 | value.ok_or("not in base64url")?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((kept >> bits & 0xff).try_into().unwrap_or_default());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_both_alphabets() {
        assert_eq!(hex("00ff1a"), Ok(vec![0, 255, 26]));
        assert!(hex("0").is_err() && hex("0g").is_err() && hex("é").is_err());
        assert_eq!(base64url("_-8A"), Ok(vec![0xff, 0xef, 0x00]));
        assert!(base64url("a+").is_err());
    }

    #[test]
    fn a_planted_change_is_one_byte_in_the_same_place() {
        assert_eq!(change("abcd").as_deref(), Some("ab2d"));
        assert_eq!(change("0022").as_deref(), Some("0032"));
        assert_eq!(change(""), None);
    }

    #[test]
    fn an_empty_view_has_no_bytes_and_no_array() {
        let mut tables = Tables::default();
        assert_eq!(tables.bytes(b""), "{NULL, 0}");
        assert_eq!(tables.bytes(b"a"), "{bytes_1, sizeof bytes_1}");
        assert_eq!(tables.text, "static const uint8_t bytes_1[] = {97,};\n");
    }
}
