//! A bar chart of ratios to the floor, as SVG.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use toml::{Table, Value};

use super::row::{Row, Rows};
use super::statistics::ratio;

/// Some rows under a title.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    title: String,
    rows: Vec<String>,
}

/// A bar: what it is of, and how many times its floor.
struct Bar {
    label: String,
    ratio: f64,
    is_ours: bool,
}

const WIDTH: f64 = 900.0;
const LABELS: f64 = 350.0;
const RIGHT: f64 = 70.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const TITLE: f64 = 50.0;
const HEAD: f64 = 64.0;
const FOOT: f64 = 34.0;
/// Bars that are longer are cut, so that the short ones can be told apart.
const LONGEST: f64 = 8.0;

impl Panel {
    /// Reads the panels that `benches/goals.toml` lists.
    ///
    /// # Errors
    ///
    /// A panel without title or rows.
    pub(crate) fn read(text: &str) -> Result<Vec<Self>, String> {
        let file: Table = text.parse().map_err(|error| format!("{error}"))?;
        let panels = file.get("chart").and_then(Value::as_array);
        let panels = panels.ok_or("there is no chart")?;
        panels.iter().map(Self::of).collect()
    }

    fn of(panel: &Value) -> Result<Self, String> {
        let title = panel.get("title").and_then(Value::as_str);
        let title = title.ok_or("a chart needs a title")?.to_owned();
        let rows = panel.get("rows").and_then(Value::as_array);
        let rows = rows.ok_or_else(|| format!("{title}: it needs rows"))?;
        let rows = rows.iter().map(|row| row.as_str().map(str::to_owned));
        let rows = rows.collect::<Option<_>>();
        Ok(Self {
            rows: rows.ok_or_else(|| format!("{title}: a row is a text"))?,
            title,
        })
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(String::as_str)
    }

    fn bars(&self, rows: &Rows) -> Vec<Bar> {
        let groups: BTreeSet<_> = self
            .paths()
            .filter_map(|path| Some(&*rows.find(path)?.group))
            .collect();
        let bar = |path: &str| {
            let row = rows.find(path)?;
            let floor = rows.floor(row)?;
            Some(Bar {
                label: match groups.len() {
                    1 => format!("{} ({})", row.name, row.process),
                    _ => format!("{}: {} ({})", row.group, row.name, row.process),
                },
                ratio: ratio(row.samples()?, floor.samples()?)?,
                is_ours: is_ours(row),
            })
        };
        self.paths().filter_map(bar).collect()
    }
}

/// Draws the panels one below the other; rows that were not measured are left out.
pub(crate) fn svg(panels: &[Panel], rows: &Rows, machine: &str) -> String {
    let panels: Vec<_> = panels
        .iter()
        .map(|panel| (&*panel.title, panel.bars(rows)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let height = |bars: usize| TITLE + STEP * bars as f64;
    let body: f64 = panels.iter().map(|(_, bars)| height(bars.len())).sum();
    let whole = HEAD + body + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{whole}\" \
         viewBox=\"0 0 {WIDTH} {whole}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"17\" font-weight=\"bold\" fill=\"#111827\">\
         Times the floor: shorter is faster</text>\n\
         <text x=\"16\" y=\"46\" fill=\"#4b5563\">The floor makes the compressions, draws and map \
         accesses that the operation cannot do without, and nothing else.</text>\n"
    );
    let mut y = HEAD;
    for (title, bars) in &panels {
        draw(&mut svg, title, bars, y);
        y += height(bars.len());
    }
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{:.0}\" font-size=\"11\" fill=\"#6b7280\">{}</text>\n</svg>",
        y + 22.0,
        escaped(machine)
    );
    svg
}

fn draw(svg: &mut String, title: &str, bars: &[Bar], top: f64) {
    let unit = (WIDTH - LABELS - RIGHT) / LONGEST;
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{:.0}\" font-weight=\"bold\" fill=\"#111827\">{}</text>",
        top + 22.0,
        escaped(title)
    );
    for (number, bar) in bars.iter().enumerate() {
        let y = top + TITLE + STEP * number as f64;
        let length = unit * bar.ratio.min(LONGEST);
        let colour = if bar.is_ours { "#2563eb" } else { "#9ca3af" };
        let weight = if bar.is_ours { "bold" } else { "normal" };
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" font-weight=\"{weight}\" \
             fill=\"#111827\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR}\" \
             fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#111827\">{:.2}x</text>",
            LABELS - 8.0,
            y + 12.5,
            escaped(&bar.label),
            LABELS + length + 6.0,
            y + 12.5,
            bar.ratio,
        );
        if bar.ratio > LONGEST {
            // Two white strokes: the bar goes on.
            let x = LABELS + length - 24.0;
            for x in [x, x + 7.0] {
                let _ = writeln!(
                    svg,
                    "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ffffff\" \
                     stroke-width=\"3\"/>",
                    y + BAR + 1.0,
                    x + 6.0,
                    y - 1.0
                );
            }
        }
    }
    let x = LABELS + unit;
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#dc2626\" \
         stroke-width=\"1.5\" stroke-dasharray=\"4 3\"/>\n\
         <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" \
         fill=\"#dc2626\">floor 1.0</text>",
        top + TITLE - 4.0,
        top + TITLE + STEP * bars.len() as f64 - 2.0,
        top + TITLE - 8.0,
    );
}

/// Peers are named; every other row is ours.
fn is_ours(row: &Row) -> bool {
    const PEERS: [&str; 7] = [
        "totp-rs",
        "libreauth",
        "otpauth",
        "liboath",
        "libcotp",
        "PyOTP",
        "oath",
    ];
    !PEERS.iter().any(|peer| row.name.starts_with(peer)) && !row.name.starts_with("pure Python")
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
    const FILE: &str = r#"
[[chart]]
title = "HOTP & <co>"
rows = ["rust / g / otp-engine", "rust / g / libreauth", "rust / g / otpauth", "c / g / liboath"]
"#;

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
        let svg = svg(&Panel::read(FILE).unwrap(), &rows, "a machine");
        let widths = widths(&svg);
        let unit = (WIDTH - LABELS - RIGHT) / LONGEST;
        let expected = [2.0 * unit, 8.0 * unit, 8.0 * unit];
        assert_eq!(widths.len(), 3, "{svg}");
        for (width, expected) in widths.iter().zip(expected) {
            assert!((width - expected).abs() < 0.1, "{width} {expected}");
        }
        // What is longer than the longest says so, by two strokes and in figures.
        assert_eq!(svg.matches("stroke=\"#ffffff\"").count(), 4);
        assert!(svg.contains(">40.00x<") && svg.contains(">2.00x<"));
        assert_eq!(svg.matches("#2563eb").count(), 1);
        assert!(svg.contains("HOTP &amp; &lt;co&gt;") && svg.contains("otp-engine (rust)"));
        assert!(!svg.contains("liboath"));
    }

    #[test]
    fn without_rows_there_is_no_panel() {
        let svg = svg(&Panel::read(FILE).unwrap(), &Rows::default(), "a machine");
        assert!(!svg.contains("HOTP") && svg.ends_with("</svg>\n"));
        assert!(Panel::read("").is_err());
        assert!(Panel::read("[[chart]]\ntitle = \"x\"").is_err());
    }
}
