//! A bar chart of ratios to the floor, as SVG.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::rows::{Row, Rows};

/// What the bars are multiples of.
#[derive(Debug)]
pub(crate) struct Heading {
    title: &'static str,
    note: &'static str,
    /// What the line at 1 says.
    unit: &'static str,
}

pub(crate) const FLOOR: Heading = Heading {
    title: "Times the floor: shorter is faster",
    note: "The floor makes the compressions, draws and map accesses that the operation cannot do without, and nothing else.",
    unit: "floor 1.0",
};

pub(crate) const PEERS: Heading = Heading {
    title: "Times our service: shorter is better",
    note: "A code is asked for over HTTP, read and answered, on the same PostgreSQL. CPU is that of server and database.",
    unit: "otp-engine 1.0",
};

/// Some rows under a title.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Panel {
    title: String,
    pub(crate) rows: Vec<String>,
}

const WIDTH: f64 = 900.0;
const LABELS: f64 = 350.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const TITLE: f64 = 50.0;
const HEAD: f64 = 64.0;
/// Bars that are longer are cut, so that the short ones can be told apart.
const LONGEST: f64 = 8.0;
/// The length of the floor's own bar; 70 are left for the figures.
const UNIT: f64 = (WIDTH - LABELS - 70.0) / LONGEST;

/// How the names of peers' rows begin; every other row is ours.
const OTHERS: [&str; 12] = [
    "totp-rs",
    "libreauth",
    "otpauth",
    "liboath",
    "libcotp",
    "PyOTP",
    "oath",
    "pure Python",
    "Flask",
    "django-",
    "better-auth",
    "privacyIDEA",
];

/// Draws the panels one below the other; rows that were not measured are left out.
pub(crate) fn svg(heading: &Heading, panels: &[Panel], rows: &Rows, machine: &str) -> String {
    let mut y = HEAD;
    let panels: String = panels
        .iter()
        .map(|panel| panel.drawn(heading.unit, rows, &mut y))
        .collect();
    let Heading { title, note, .. } = heading;
    let (whole, foot, machine) = (y + 34.0, y + 22.0, escaped(machine));
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{whole}" viewBox="0 0 {WIDTH} {whole}" font-family="sans-serif" font-size="13" fill="#111827">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="26" font-size="17" font-weight="bold">{title}</text>
<text x="16" y="46" fill="#4b5563">{note}</text>
{panels}<text x="16" y="{foot:.0}" font-size="11" fill="#6b7280">{machine}</text>
</svg>
"##
    )
}

impl Panel {
    /// All rows of a group.
    pub(crate) fn of(rows: &Rows, group: &str) -> Self {
        let its = rows.rows.iter().filter(|row| row.group == group);
        Self {
            title: group.to_owned(),
            rows: its.map(Row::path).collect(),
        }
    }

    /// Draws the panel from `top` on, which becomes where it ends; nothing where none of its rows was measured.
    fn drawn(&self, unit: &str, rows: &Rows, top: &mut f64) -> String {
        let found: Vec<_> = self
            .rows
            .iter()
            .filter_map(|path| rows.find(path))
            .collect();
        let groups: BTreeSet<_> = found.iter().map(|row| &row.group).collect();
        let mut y = *top + TITLE;
        let mut bars = String::new();
        for row in &found {
            let Some(ratio) = rows.to_floor(row) else {
                continue;
            };
            let label = format!("{} ({})", row.name, row.process);
            let label = match groups.len() {
                1 => label,
                _ => format!("{}: {label}", row.group),
            };
            let is_ours = !OTHERS.iter().any(|peer| row.name.starts_with(peer));
            bars.push_str(&bar(&label, is_ours, ratio, y));
            y += STEP;
        }
        if bars.is_empty() {
            return bars;
        }
        let (title, at, floor) = (escaped(&self.title), *top + 22.0, LABELS + UNIT);
        let (from, to, word) = (*top + TITLE - 4.0, y - 2.0, *top + TITLE - 8.0);
        *top = y;
        format!(
            r##"<text x="16" y="{at:.0}" font-weight="bold">{title}</text>
{bars}<line x1="{floor:.1}" y1="{from:.1}" x2="{floor:.1}" y2="{to:.1}" stroke="#dc2626" stroke-width="1.5" stroke-dasharray="4 3"/>
<text x="{floor:.1}" y="{word:.1}" text-anchor="middle" font-size="11" fill="#dc2626">{unit}</text>
"##
        )
    }
}

fn bar(label: &str, is_ours: bool, ratio: f64, y: f64) -> String {
    let (colour, weight) = if is_ours {
        ("#2563eb", "bold")
    } else {
        ("#9ca3af", "normal")
    };
    let (length, label, text) = (UNIT * ratio.min(LONGEST), escaped(label), y + 12.5);
    let (left, right) = (LABELS - 8.0, LABELS + length + 6.0);
    let mut bar = format!(
        r##"<text x="{left:.0}" y="{text:.1}" text-anchor="end" font-weight="{weight}">{label}</text>
<rect x="{LABELS}" y="{y:.1}" width="{length:.1}" height="{BAR}" fill="{colour}"/>
<text x="{right:.1}" y="{text:.1}">{ratio:.2}x</text>
"##
    );
    if ratio > LONGEST {
        // Two white strokes: the bar goes on.
        let (x, from) = (LABELS + length - 24.0, y + BAR + 1.0);
        bar.push_str(&format!(
            "<path d=\"M{x:.1} {from:.1}l6 -18m1 18l6 -18\" stroke=\"#ffffff\" stroke-width=\"3\"/>\n"
        ));
    }
    bar
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"process":"rust"}
{"group":"g","row":"floor","clock":"cpu","unit":"ns","samples":[10,20]}
{"group":"g","row":"otp-engine","clock":"cpu","unit":"ns","samples":[20,40]}
{"group":"g","row":"libreauth","clock":"cpu","unit":"ns","samples":[100,200]}
{"group":"g","row":"otpauth","clock":"cpu","unit":"ns","samples":[400,800]}
"#;

    fn panel() -> Panel {
        Panel {
            title: "HOTP & <co>".into(),
            rows: [
                "rust / g / otp-engine",
                "rust / g / libreauth",
                "rust / g / otpauth",
                "c / g / liboath",
            ]
            .map(str::to_owned)
            .into(),
        }
    }

    /// Returns the widths of the bars.
    fn widths(svg: &str) -> Vec<f64> {
        let bars = svg.lines().filter(|line| line.contains("height=\"16\""));
        let width = |line: &str| {
            line.split("width=\"")
                .nth(1)?
                .split('"')
                .next()?
                .parse()
                .ok()
        };
        bars.filter_map(width).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_ratios_up_to_the_longest() {
        let rows = Rows::read(PRINTED).unwrap();
        let svg = svg(&FLOOR, &[panel()], &rows, "a machine");
        let widths = widths(&svg);
        let expected = [2.0 * UNIT, 8.0 * UNIT, 8.0 * UNIT];
        assert_eq!(widths.len(), 3, "{svg}");
        for (width, expected) in widths.iter().zip(expected) {
            assert!((width - expected).abs() < 0.1, "{width} {expected}");
        }
        // What is longer than the longest says so, by two strokes and in figures.
        assert_eq!(svg.matches("stroke=\"#ffffff\"").count(), 2);
        assert!(svg.contains(">40.00x<") && svg.contains(">2.00x<"));
        assert_eq!(svg.matches("#2563eb").count(), 1);
        assert!(svg.contains("HOTP &amp; &lt;co&gt;") && svg.contains("otp-engine (rust)"));
        assert!(!svg.contains("liboath"));
    }

    #[test]
    fn a_panel_of_a_group_has_its_rows_and_theirs_are_grey() {
        let rows = Rows::read(&PRINTED.replace("libreauth", "django-otp")).unwrap();
        let svg = svg(&PEERS, &[Panel::of(&rows, "g")], &rows, "a machine");
        assert_eq!(widths(&svg).len(), 4);
        assert!(svg.contains("django-otp (rust)") && svg.contains("otp-engine 1.0"));
        assert_eq!(svg.matches("#2563eb").count(), 2);
    }

    #[test]
    fn without_rows_there_is_no_panel() {
        let svg = svg(&FLOOR, &[panel()], &Rows::default(), "a machine");
        assert!(!svg.contains("HOTP") && svg.ends_with("</svg>\n"));
    }
}
