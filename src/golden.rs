//! The golden cells: bodies as an earlier version wrote them, which this one must still read.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Returns the bodies of one kind of cell, and what each means where the file says it.
pub(crate) fn cells(kind: &str) -> Vec<(Vec<u8>, Option<String>)> {
    let file = include_str!("../tests/vectors/cells-v1.json");
    let json: serde_json::Value = serde_json::from_str(file).unwrap();
    let cell = |cell: &serde_json::Value| {
        let digits = cell["body"].as_str().unwrap();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let body = (0..digits.len()).step_by(2).map(byte).collect();
        (body, cell["reads"].as_str().map(ToString::to_string))
    };
    json[kind].as_array().unwrap().iter().map(cell).collect()
}
