//! Goals on synthetic rounds, each beside a run that must fail it.

use super::super::rows::Measured;
use super::*;

const FILE: &str = r#"
[[goal]]
name = "G0"
claim = "no more than half again"
why = "a row is not its floor"
numerator = "rust / g / row"
denominator = "rust / g / floor"
at_most = 1.5
tolerance = 0.03
judge = "gate"
"#;

fn read(text: &str) -> Result<Goal> {
    let file = File::read(&format!("{text}\n[[chart]]\ntitle = \"x\"\nrows = []\n"));
    file.map(|mut file| file.goals.remove(0))
}

fn goal(change: impl Fn(&str) -> String) -> Goal {
    read(&change(FILE)).unwrap()
}

fn plain() -> Goal {
    goal(str::to_owned)
}

/// Rounds whose pace changes; `times` the floor.
fn row(path: &str, times: f64) -> Row {
    let samples = (0..151).map(|round| times * f64::from(100 + round % 7));
    rounds(path, samples.collect())
}

fn rounds(path: &str, samples: Vec<f64>) -> Row {
    let mut parts = path.split(" / ").map(str::to_owned);
    let mut part = || parts.next().unwrap();
    Row {
        process: part(),
        group: part(),
        name: part(),
        measured: Measured::Rounds {
            clock: "cpu".into(),
            samples,
        },
    }
}

fn run(rows: Vec<Row>) -> Rows {
    Rows {
        rows,
        skipped: Vec::new(),
    }
}

fn of(times: f64, again: f64) -> Rows {
    run(vec![
        row("rust / g / floor", 1.0),
        row("rust / g / floor again", again),
        row("rust / g / row", times),
    ])
}

#[test]
fn a_cost_is_met_up_to_its_limit_and_tolerance_and_missed_beyond() {
    assert!(matches!(plain().judge(&of(1.2, 1.0)), Verdict::Met(_)));
    assert!(matches!(plain().judge(&of(1.54, 1.0)), Verdict::Met(_)));
    assert!(matches!(plain().judge(&of(1.55, 1.0)), Verdict::Missed(_)));
    let Verdict::Missed(found) = plain().judge(&of(2.0, 1.0)) else {
        panic!("a row that is twice as slow as its floor went through");
    };
    assert!((found - 2.0).abs() < 1e-9);
}

#[test]
fn a_goal_that_noise_alone_lets_pass_says_so() {
    for (found, needs) in [(1.2, false), (1.5, false), (1.51, true), (1.54, true)] {
        assert_eq!(plain().needs_tolerance(found), needs, "{found}");
    }
    let gain = goal(|file| file.replace("at_most", "at_least"));
    assert!(gain.needs_tolerance(1.49) && !gain.needs_tolerance(1.5));
}

#[test]
fn a_gain_is_met_from_its_limit_on() {
    let goal = goal(|file| file.replace("at_most", "at_least"));
    assert!(matches!(goal.judge(&of(1.6, 1.0)), Verdict::Met(_)));
    assert!(matches!(goal.judge(&of(1.46, 1.0)), Verdict::Met(_)));
    assert!(matches!(goal.judge(&of(1.45, 1.0)), Verdict::Missed(_)));
}

#[test]
fn a_likeness_holds_in_both_directions() {
    let goal = goal(|file| file.replace("at_most = 1.5", "within = 0.1"));
    for (times, is_met) in [(1.12, true), (0.9, true), (1.15, false), (0.87, false)] {
        let verdict = goal.judge(&of(times, 1.0));
        assert_eq!(matches!(verdict, Verdict::Met(_)), is_met, "{times}");
    }
}

#[test]
fn a_floor_that_differs_from_itself_judges_nothing() {
    for (times, again) in [(1.2, 1.04), (2.0, 0.9)] {
        assert!(matches!(
            plain().judge(&of(times, again)),
            Verdict::Noisy(_)
        ));
    }
    assert!(matches!(plain().judge(&of(1.2, 1.02)), Verdict::Met(_)));
}

#[test]
fn a_row_that_was_not_measured_is_not_met() {
    let rows = run(vec![row("rust / g / floor", 1.0)]);
    let Verdict::Absent(why) = plain().judge(&rows) else {
        panic!("it was not measured");
    };
    assert!(why.ends_with("rust / g / row"));
}

#[test]
fn rows_of_two_processes_are_compared_by_their_floors() {
    let across = goal(|file| file.replace("rust / g / floor", "c / h / peer"));
    let both = |pace: f64, peer: f64| {
        let mut rows = of(2.0, 1.0);
        rows.rows.push(row("c / h / floor", pace));
        rows.rows.push(row("c / h / peer", pace * peer));
        rows
    };
    // 2 to its floor there, 1.6 and 1.25 to the floor here, at whatever pace.
    assert!(
        matches!(across.judge(&both(1.04, 1.6)), Verdict::Met(found) if (found - 1.25).abs() < 1e-9)
    );
    assert!(
        matches!(across.judge(&both(1.04, 1.25)), Verdict::Missed(found) if (found - 1.6).abs() < 1e-9)
    );
    assert!(matches!(across.judge(&both(1.1, 1.6)), Verdict::Noisy(_)));
    assert!(matches!(across.judge(&both(0.9, 1.6)), Verdict::Noisy(_)));
}

#[test]
fn rows_can_be_added_and_taken_away() {
    let sum = goal(|file| {
        file.replace(
            r#""rust / g / floor""#,
            r#"["rust / g / floor", "rust / g / floor again"]"#,
        )
    });
    assert!(matches!(sum.judge(&of(2.9, 1.0)), Verdict::Met(_)));
    assert!(matches!(sum.judge(&of(3.2, 1.0)), Verdict::Missed(_)));
    let rest = goal(|file| {
        let difference = r#"numerator = ["rust / g / row", "- rust / g / floor"]"#;
        file.replace(r#"numerator = "rust / g / row""#, difference)
            .replace("denominator = \"rust / g / floor\"\n", "")
            .replace("at_most = 1.5", "at_most = 110")
    });
    assert!(matches!(rest.judge(&of(2.0, 1.0)), Verdict::Met(_)));
    assert!(matches!(rest.judge(&of(2.2, 1.0)), Verdict::Missed(_)));
}

#[test]
fn a_figure_is_its_own_measure() {
    let goal = goal(|file| {
        file.replace("denominator = \"rust / g / floor\"\n", "")
            .replace("at_most = 1.5", "at_most = 160")
            .replace("tolerance = 0.03", "tolerance = 0")
    });
    let figure = |value| {
        run(vec![Row {
            measured: Measured::Figure {
                value,
                unit: "B".into(),
            },
            ..row("rust / g / row", 1.0)
        }])
    };
    let leaner = read(&FILE.replace("rust / g / floor", "python / m / dict")).unwrap();
    let mut two = figure(160.0);
    let other = Row {
        process: "python".into(),
        group: "m".into(),
        name: "dict".into(),
        ..two.rows[0].clone()
    };
    two.rows.push(other);
    assert_eq!(leaner.judge(&two), Verdict::Met(1.0));
    assert_eq!(goal.judge(&figure(160.0)), Verdict::Met(160.0));
    assert_eq!(goal.judge(&figure(160.1)), Verdict::Missed(160.1));
}

#[test]
fn only_rounds_in_which_the_control_holds_count() {
    let control = r#"control = { numerator = "rust / g / one", denominator = "rust / g / two", at_least = 1.85 }"#;
    let goal = goal(|file| format!("{file}{control}\n"));
    // A machine that gives its second core in one round of two: there the row is good.
    let rows = |good: usize| {
        let holds = |round: usize| round < good;
        let made = |path, there, else_| {
            let samples = (0..40).map(|round| if holds(round) { there } else { else_ });
            rounds(path, samples.collect())
        };
        run(vec![
            row("rust / g / floor", 1.0),
            made("rust / g / one", 2.0, 2.0),
            made("rust / g / two", 1.0, 2.0),
            made("rust / g / row", 100.0, 900.0),
        ])
    };
    let with_floor = |good| {
        let mut rows = rows(good);
        rows.rows[0] = rounds("rust / g / floor", vec![100.0; 40]);
        rows
    };
    assert!(matches!(goal.judge(&with_floor(12)), Verdict::Met(found) if found == 1.0));
    assert!(matches!(goal.judge(&with_floor(9)), Verdict::Noisy(_)));
}

#[test]
fn a_goal_that_says_less_or_more_is_refused() {
    for (from, to) in [
        ("at_most = 1.5\n", ""),
        ("at_most = 1.5", "at_most = 1.5\nat_least = 1"),
        ("tolerance = 0.03\n", ""),
        ("\"gate\"", "\"maybe\""),
        ("\"gate\"", "\"report\""),
        ("\"gate\"", "\"gate\"\nreason = \"none\""),
        ("numerator = \"rust / g / row\"\n", ""),
        ("judge", "limit = 3\njudge"),
    ] {
        let changed = FILE.replacen(from, to, 1);
        assert_ne!(changed, FILE);
        assert!(read(&changed).is_err(), "{changed}");
    }
    assert!(File::read("").is_err());
}
