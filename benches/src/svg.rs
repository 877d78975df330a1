//! Line charts as SVG: panels one below the other, each with its axes, lines with a mark per point,
//! and a legend. Light background, no script, readable in any browser.
#![allow(clippy::float_arithmetic, reason = "places on a drawing, no part of a result")]

use std::fmt::Write as _;

/// A drawing of several panels.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// What it is about.
    pub title: String,
    /// Where and when it was measured.
    pub subtitle: String,
    /// One below the other.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    /// What its lines have in common.
    pub title: String,
    /// Name of the horizontal axis.
    pub x: String,
    /// Name of the vertical axis, with its unit.
    pub y: String,
    /// Places on the horizontal axis, evenly spaced.
    pub places: Vec<String>,
    /// The lines.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// A value per place, where there is one. Finite and not negative.
    pub values: Vec<Option<f64>>,
}

/// Colours that people with any kind of sight tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const WIDTH: f64 = 960.0;
const HEADER: f64 = 72.0;
const PANEL: f64 = 340.0;
/// The axes within a panel.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 720.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 276.0;

/// From this ratio of the largest to the least value on, the vertical axis is logarithmic.
const LOGARITHMIC_FROM: f64 = 20.0;

impl Chart {
    /// The drawing.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let height = HEADER + PANEL * self.panels.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\" \
             fill=\"#222\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
        );
        text(&mut svg, (LEFT, 32.0), "font-size=\"20\" font-weight=\"bold\"", &self.title);
        text(&mut svg, (LEFT, 54.0), "fill=\"#666\"", &self.subtitle);
        for (number, panel) in self.panels.iter().enumerate() {
            let top = HEADER + PANEL * number as f64;
            let _ = writeln!(svg, "<g transform=\"translate(0 {top})\">");
            panel.draw(&mut svg);
            svg.push_str("</g>\n");
        }
        svg.push_str("</svg>\n");
        svg
    }
}

impl Panel {
    fn draw(&self, svg: &mut String) {
        let scale = Scale::of(self.series.iter().flat_map(|series| series.values.iter().flatten()));
        text(svg, (LEFT, 20.0), "font-size=\"15\" font-weight=\"bold\"", &self.title);
        for tick in scale.ticks() {
            let y = scale.y(tick);
            line(svg, (LEFT, y), (RIGHT, y), "#e3e3e3");
            text(svg, (LEFT - 8.0, y + 4.0), "text-anchor=\"end\"", &short(tick));
        }
        for (place, name) in self.places.iter().enumerate() {
            let x = self.x_of(place);
            line(svg, (x, BOTTOM), (x, BOTTOM + 5.0), "#888");
            text(svg, (x, BOTTOM + 20.0), "text-anchor=\"middle\"", name);
        }
        line(svg, (LEFT, TOP), (LEFT, BOTTOM), "#888");
        line(svg, (LEFT, BOTTOM), (RIGHT, BOTTOM), "#888");
        let middle = (LEFT + RIGHT) / 2.0;
        text(svg, (middle, BOTTOM + 42.0), "text-anchor=\"middle\"", &self.x);
        let (x, y) = (22.0, (TOP + BOTTOM) / 2.0);
        let turned = format!("text-anchor=\"middle\" transform=\"rotate(-90 {x} {y})\"");
        text(svg, (x, y), &turned, &self.y);
        for (number, series) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            self.draw_series(svg, series, &scale, colour);
            let y = TOP + 10.0 + 22.0 * number as f64;
            line(svg, (RIGHT + 20.0, y), (RIGHT + 44.0, y), colour);
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"></circle>",
                RIGHT + 32.0
            );
            text(svg, (RIGHT + 52.0, y + 4.0), "", &series.name);
        }
    }

    fn draw_series(&self, svg: &mut String, series: &Series, scale: &Scale, colour: &str) {
        let point = |(place, value): (usize, &Option<f64>)| {
            value.map(|value| (self.x_of(place), scale.y(value), value))
        };
        let points: Vec<_> = series.values.iter().enumerate().filter_map(point).collect();
        let path: Vec<_> = points.iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (x, y, value) in points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\">\
                 <title>{}: {}</title></circle>",
                escaped(&series.name),
                short(value)
            );
        }
    }

    fn x_of(&self, place: usize) -> f64 {
        LEFT + (RIGHT - LEFT) * (place as f64 + 0.5) / self.places.len().max(1) as f64
    }
}

/// The vertical axis.
struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
}

impl Scale {
    fn of<'a>(values: impl Iterator<Item = &'a f64>) -> Self {
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        for value in values.copied().filter(|value| *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        if most <= 0.0 {
            return Self { logarithmic: false, low: 0.0, high: 1.0 };
        }
        if most / least >= LOGARITHMIC_FROM {
            let decade = |value: f64| 10_f64.powf(value);
            let (low, high) = (decade(least.log10().floor()), decade(most.log10().ceil()));
            return Self { logarithmic: true, low, high };
        }
        let step = step(most);
        Self { logarithmic: false, low: 0.0, high: (most / step).ceil() * step }
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
        } else {
            value / self.high
        };
        BOTTOM - (BOTTOM - TOP) * share
    }

    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = (self.high / self.low).log10().round() as i32;
            // With many decades, each of them is line enough.
            let within: &[f64] = if decades > 3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let tick = |decade: i32| within.iter().map(move |tick| tick * 10_f64.powi(decade));
            let ticks = (0..=decades).flat_map(tick).map(|tick| tick * self.low);
            return ticks.filter(|tick| *tick <= self.high * 1.001).collect();
        }
        let step = step(self.high);
        (0..=(self.high / step).round() as u32).map(|count| f64::from(count) * step).collect()
    }
}

/// A round number of which four to eight make this one.
fn step(most: f64) -> f64 {
    let rough = most / 6.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let of = |part: f64| part * decade;
    [1.0, 2.0, 5.0].map(of).into_iter().find(|step| *step >= rough).unwrap_or(of(10.0))
}

/// A number without digits that say nothing.
fn short(value: f64) -> String {
    let text = match value {
        value if value >= 100.0 || value == 0.0 => return format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), attributes: &str, content: &str) {
    let content = escaped(content);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{content}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[f64]) -> String {
        let series = |name: &str| Series {
            name: name.into(),
            values: values.iter().map(|value| Some(*value)).chain([None]).collect(),
        };
        let panel = Panel {
            title: "a < b & c".into(),
            x: "conflicts in %".into(),
            y: "us".into(),
            places: (0..=values.len()).map(|place| place.to_string()).collect(),
            series: vec![series("first"), series("second")],
        };
        let panels = vec![panel.clone(), panel];
        Chart { title: "title".into(), subtitle: "machine".into(), panels }.to_svg()
    }

    #[test]
    fn a_chart_has_a_mark_for_every_value_and_escapes_names() {
        let svg = chart(&[1.0, 2.5, 3.0]);
        assert_eq!(svg.matches("<title>").count(), 3 * 2 * 2);
        // And one beside each name.
        assert_eq!(svg.matches("<circle").count(), 3 * 2 * 2 + 2 * 2);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert!(svg.contains("a &lt; b &amp; c") && !svg.contains("a < b"));
        // Every element that is opened is closed.
        for element in ["svg", "g", "text", "circle", "title"] {
            let opened = svg.matches(&format!("<{element}>")).count()
                + svg.matches(&format!("<{element} ")).count();
            assert_eq!(opened, svg.matches(&format!("</{element}>")).count(), "{element}");
        }
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_axes() {
        for values in [&[0.0][..], &[0.001, 5_000.0], &[7.0, 7.0], &[0.3, 0.31], &[99.0, 1_999.0]] {
            let scale = Scale::of(values.iter());
            for value in values {
                let y = scale.y(*value);
                assert!((TOP - 0.01..=BOTTOM + 0.01).contains(&y), "{value}: {y}");
            }
            let ticks = scale.ticks();
            assert!((2..=12).contains(&ticks.len()), "{values:?}: {ticks:?}");
            assert!(!chart(values).contains("NaN"), "{values:?}");
        }
    }

    #[test]
    fn ticks_are_round_numbers() {
        let scale = Scale::of([0.9, 4.7].iter());
        assert_eq!(scale.ticks(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let scale = Scale::of([2.0, 70.0].iter());
        let names: Vec<_> = scale.ticks().into_iter().map(short).collect();
        assert_eq!(names, ["1", "2", "5", "10", "20", "50", "100"]);
        assert_eq!(short(0.25), "0.25");
    }
}
