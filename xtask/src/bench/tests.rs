//! What a run does with what was measured.

use super::*;

const FILE: &str = r#"
[[goal]]
name = "G1"
claim = "a gate"
why = "x"
numerator = "rust / g / row"
denominator = "rust / g / floor"
at_most = 1.5
tolerance = 0.03
judge = "gate"

[[goal]]
name = "G2"
claim = "a report"
why = "x"
numerator = "rust / g / row"
denominator = "rust / g / floor"
at_most = 1.1
tolerance = 0.03
judge = "report"
reason = "two cores that are shared"

[[goal]]
name = "G3"
claim = "a peer"
why = "x"
numerator = "c / g / liboath"
denominator = "c / g / floor"
at_least = 1
tolerance = 0.03
judge = "gate"
"#;

fn file() -> File {
    File::read(&format!("{FILE}[[chart]]\ntitle = \"x\"\nrows = []\n")).unwrap()
}

fn rows(row: u32, again: u32, peer: &str) -> Rows {
    let printed = format!(
        "{{\"process\":\"rust\"}}\n\
         {{\"group\":\"g\",\"row\":\"floor\",\"clock\":\"cpu\",\"samples\":[100,100]}}\n\
         {{\"group\":\"g\",\"row\":\"floor again\",\"clock\":\"cpu\",\"samples\":[{again},{again}]}}\n\
         {{\"group\":\"g\",\"row\":\"row\",\"clock\":\"cpu\",\"samples\":[{row},{row}]}}\n{peer}\n"
    );
    Rows::read(&printed).unwrap()
}

fn code(rows: &Rows, in_part: bool) -> ExitCode {
    ended(&judge(&file().goals, rows, in_part))
}

/// As `ExitCode` has no comparison.
fn same(one: ExitCode, other: ExitCode) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

#[test]
fn a_missed_gate_fails_a_missed_report_does_not_and_noise_has_a_code_of_its_own() {
    let skipped = "{\"skipped\":\"liboath\",\"why\":\"not installed\"}";
    let success = ExitCode::SUCCESS;
    assert!(same(code(&rows(120, 100, skipped), false), success));
    assert!(same(
        code(&rows(200, 100, skipped), false),
        ExitCode::from(MISSED)
    ));
    assert!(same(
        code(&rows(120, 110, skipped), false),
        ExitCode::from(NOISY)
    ));
    // A peer that was neither measured nor said to be absent has vanished.
    assert!(same(
        code(&rows(120, 100, ""), false),
        ExitCode::from(MISSED)
    ));
    assert!(same(code(&rows(120, 100, ""), true), success));
}

#[test]
fn only_a_gate_makes_a_noisy_program_run_again() {
    let goals = file().goals;
    assert!(is_noisy(&goals, &rows(120, 110, "")));
    assert!(!is_noisy(&goals, &rows(200, 100, "")));
    assert!(!is_noisy(&goals[1..2], &rows(120, 110, "")));
}

#[test]
fn tables_take_the_place_between_the_marks_and_nothing_else() {
    let of = |by: &str, what: &str| {
        format!("<!-- written by `{by}`: begin -->\n{what}\n<!-- written by `{by}`: end -->\n")
    };
    let page = format!("# Title\n{}{}rest\n", of(PEERS, "theirs"), of(WHOLE, "old"));
    let once = between(&page, WHOLE, "new").unwrap();
    assert!(once.starts_with("# Title\n") && once.ends_with("\nrest\n"));
    assert!(once.contains("\nnew\n") && !once.contains("old"));
    assert_eq!(between(&once, WHOLE, "new").as_deref(), Some(&*once));
    assert!(once.contains(&of(PEERS, "theirs")));
    assert!(between("no marks", WHOLE, "new").is_none());
}

#[test]
fn the_goals_of_the_project_can_be_read_and_name_programs_that_are_run() {
    let file = File::read(include_str!("../../../benches/goals.toml")).unwrap();
    let processes = ["rust", "c", "python", "postgres", "redis", "sqlite"];
    for path in file.paths() {
        let process = path.split(" / ").next().unwrap();
        assert!(processes.contains(&process), "{path}");
    }
    assert!(file.goals.iter().any(Goal::is_gate));
}

#[test]
fn a_file_without_goals_or_a_panel_without_rows_is_refused() {
    assert!(File::read(FILE).is_err());
    assert!(File::read(&format!("{FILE}[[chart]]\ntitle = \"x\"")).is_err());
}

#[test]
fn the_processor_is_named_where_linux_names_it() {
    let info = "processor\t: 0\nmodel name\t: AMD EPYC\nmodel\t\t: 1\n";
    assert_eq!(cpu(info), "AMD EPYC");
    assert_eq!(cpu(""), "unknown processor");
}

#[test]
fn a_row_that_is_named_and_not_measured_is_told() {
    let all = "{\"process\":\"c\"}\n\
               {\"group\":\"g\",\"row\":\"floor\",\"clock\":\"cpu\",\"samples\":[1]}\n\
               {\"group\":\"g\",\"row\":\"liboath\",\"clock\":\"cpu\",\"samples\":[1]}";
    assert!(all_measured(&file(), &rows(1, 1, all)).is_ok());
    let told = all_measured(&file(), &rows(1, 1, ""))
        .unwrap_err()
        .to_string();
    assert_eq!(told, "c / g / liboath; c / g / floor");
}

#[test]
fn rows_over_http_are_no_rows_of_the_other_tables() {
    let mut all = rows(1, 1, "{\"skipped\":\"liboath\",\"why\":\"not installed\"}");
    let printed =
        "{\"process\":\"over HTTP\"}\n{\"group\":\"g\",\"row\":\"ours\",\"value\":1,\"unit\":\"\"}";
    all.replace(Rows::read(printed).unwrap());
    let (beside, others) = all.split(stacks::PROCESS);
    assert_eq!((beside.rows.len(), others.rows.len()), (1, 3));
    assert_eq!(others.skipped.len(), 1);
}
