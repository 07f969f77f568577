//! The map from the numbered cases of the specification to the tests that show them.
//!
//! `docs/cases.md` is made from the tests' names; this test fails when it is out of date or a case
//! has no test. `OTP_WRITE_CASES=1 cargo test --test documents` writes it anew.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The numbered cases, and what they are called.
const CASES: &[(&str, &[u32])] = &[
    ("Code entry", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    (
        "Attempts",
        &[13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26],
    ),
    ("Time", &[27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37]),
    (
        "Send",
        &[38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 51, 52, 53, 54],
    ),
    (
        "Replay and binding",
        &[
            55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70,
        ],
    ),
    ("Privacy", &[72, 73, 74, 75]),
    ("Keys", &[78, 79, 80, 81, 82, 83]),
    ("Records", &[84, 85, 86, 87, 88, 89, 90, 92, 93]),
    ("ABI", &[94, 95, 96, 97, 98]),
    (
        "Codes of devices",
        &[
            100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116,
            117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133,
            134,
        ],
    ),
    (
        "Clocks, resets and purges",
        &[
            140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 154, 155, 156, 157,
        ],
    ),
    (
        "Evidence, images and chains",
        &[170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180],
    ),
    (
        "Whose store it is, and formats",
        &[200, 201, 202, 203, 204, 205, 206, 207, 208, 209],
    ),
    (
        "PostgreSQL, poolers and standbys",
        &[
            220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233,
        ],
    ),
    (
        "The service, and files of SQLite",
        &[
            250, 251, 252, 253, 254, 255, 256, 257, 258, 260, 263, 264, 265, 266,
        ],
    ),
    (
        "Python and C",
        &[
            280, 281, 282, 283, 284, 285, 286, 287, 289, 290, 291, 292, 293, 294, 295, 296, 297,
            298,
        ],
    ),
    (
        "Odoo",
        &[
            320, 321, 322, 323, 324, 325, 326, 327, 328, 329, 330, 331, 332,
        ],
    ),
    (
        "Telephone numbers, messages and findings",
        &[360, 361, 362, 363, 364, 365, 366, 367, 368, 369],
    ),
    (
        "TLS to PostgreSQL",
        &[710, 711, 712, 713, 714, 715, 716, 717, 718, 719],
    ),
    ("Fuzzing", &[370, 371, 372, 373, 374, 375]),
    (
        "Entries beside Rust and Python",
        &[
            390, 391, 392, 393, 394, 395, 396, 397, 398, 399, 400, 401, 402, 403, 404, 405, 406,
            407,
        ],
    ),
    (
        "Other inputs of the same kinds",
        &[
            420, 421, 422, 423, 424, 425, 426, 430, 431, 432, 433, 434, 435, 440,
        ],
    ),
    (
        "The command",
        &[500, 501, 502, 503, 504, 505, 506, 507, 508, 509],
    ),
    ("Speed", &[450, 451, 452, 510, 610, 611, 612]),
    ("Records of device codes", &[613, 614, 615, 616, 617, 637]),
    (
        "Stacks, files, batches and further inputs of the same kinds",
        &[
            618, 619, 631, 632, 633, 634, 635, 636, 640, 641, 642, 643, 644, 645, 646, 647, 648,
            650, 651, 652, 653, 654, 655, 660, 661,
        ],
    ),
    (
        "An existing back end and the Odoo addon",
        &[
            460, 461, 462, 463, 464, 465, 466, 467, 468, 469, 470, 471, 472, 473, 474, 475, 476,
            477, 478, 479, 480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 490, 491, 492, 493,
            494, 495, 496, 498, 499,
        ],
    ),
    (
        "Sends that wait",
        &[
            511, 512, 513, 514, 515, 516, 517, 518, 520, 521, 522, 523, 524, 525, 526, 527, 528,
        ],
    ),
    (
        "Channels, health and certificates of the addon",
        &[670, 671, 672, 673, 674, 675, 680, 681],
    ),
    ("Packages", &[530, 531, 532, 533, 534, 535]),
    (
        "The reference service",
        &[
            540, 541, 542, 543, 544, 545, 546, 547, 548, 549, 550, 551, 552, 553, 554, 555, 580,
            581, 582, 583, 584, 585, 586, 587, 588, 589, 590, 690, 691, 692, 693, 694, 695, 696,
            700, 701, 702, 703, 705, 720, 721, 722, 723, 724, 725, 726, 728,
        ],
    ),
    (
        "The log",
        &[
            560, 561, 562, 563, 564, 565, 566, 567, 568, 569, 570, 571, 572, 573, 574, 575, 576,
            577, 578, 579,
        ],
    ),
];

const HEAD: &str = "# Cases and the tests that show them\n\n\
    Made from the tests' names by `tests/documents/cases.rs`, which fails when a case has no test.\n\n\
    | case | test | file |\n|---|---|---|\n";

#[test]
fn every_case_has_a_test_and_the_map_says_which() {
    let map = document(&tests_of(Path::new(env!("CARGO_MANIFEST_DIR"))));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cases.md");
    if std::env::var_os("OTP_WRITE_CASES").is_some() {
        fs::write(&path, map.as_ref().unwrap()).unwrap();
    }
    let hint = "docs/cases.md is out of date: run OTP_WRITE_CASES=1 cargo test --test documents";
    assert!(fs::read_to_string(&path).unwrap() == map.unwrap(), "{hint}");
}

#[test]
fn a_case_without_a_test_is_named() {
    let mut tests = tests_of(Path::new(env!("CARGO_MANIFEST_DIR")));
    tests.remove(&27);
    let missing = document(&tests).unwrap_err();
    assert_eq!(missing, "no test for the cases [27]");
}

/// Finds the functions called `case_N_…` in all Rust, Python and C files of tests and sources.
fn tests_of(root: &Path) -> BTreeMap<u32, Vec<(String, String)>> {
    let mut found: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for file in files_under(root) {
        let text = fs::read_to_string(&file).unwrap();
        let shown = file.strip_prefix(root).unwrap().display().to_string();
        for line in text.lines() {
            let line = line.trim_start();
            let name = line
                .strip_prefix("fn ")
                .or_else(|| line.strip_prefix("async fn "))
                .or_else(|| line.strip_prefix("def test_"))
                .or_else(|| line.strip_prefix("static void "));
            let Some(name) = name.filter(|name| name.starts_with("case_")) else {
                continue;
            };
            let name = name.split('(').next().unwrap();
            let number = name["case_".len()..]
                .split('_')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            found
                .entry(number)
                .or_default()
                .push((name.to_owned(), shown.clone()));
        }
    }
    found.values_mut().for_each(|tests| tests.sort());
    found
}

fn files_under(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = [
        "src", "crates", "tests", "stores", "bindings", "services", "fuzz", "cli", "xtask",
    ]
    .iter()
    .map(|folder| root.join(folder))
    .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "rs" || end == "py" || end == "c")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn document(tests: &BTreeMap<u32, Vec<(String, String)>>) -> Result<String, String> {
    let missing: Vec<u32> = CASES
        .iter()
        .flat_map(|(_, numbers)| *numbers)
        .copied()
        .filter(|number| !tests.contains_key(number))
        .collect();
    if !missing.is_empty() {
        return Err(format!("no test for the cases {missing:?}"));
    }
    let mut map = HEAD.to_owned();
    for (group, numbers) in CASES {
        for number in *numbers {
            let Some(tests) = tests.get(number) else {
                let _ = writeln!(
                    map,
                    "| {number} | *{group}: with a part that is not built yet* | |"
                );
                continue;
            };
            for (name, file) in tests {
                let _ = writeln!(map, "| {number} | `{name}` | {file} |");
            }
        }
    }
    Ok(map)
}
