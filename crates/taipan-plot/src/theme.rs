//! Every colour, size and font of a picture, for light and dark pages. Change looks here and nowhere else.

use kuva::plot::ColorMap;

/// Which page the picture stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near black.
    Dark,
}

/// The reader's own interface font: nothing is fetched or embedded.
pub(crate) const FONT_FAMILY: &str =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', Arial, sans-serif";

/// Title, in pixels.
pub(crate) const TITLE_SIZE: u32 = 16;
/// Axis titles, in pixels.
pub(crate) const LABEL_SIZE: u32 = 13;
/// Tick labels and legend, in pixels.
pub(crate) const TICK_SIZE: u32 = 12;

/// How many categories get a colour of their own; a legend longer than this helps nobody.
pub(crate) const MAX_CATEGORIES: usize = 12;
/// Colours before tints of the same hues begin; scatter and line then change marker and dash as well.
pub(crate) const HUES: usize = 7;

/// The colours of one theme.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) background: &'static str,
    pub(crate) text: &'static str,
    pub(crate) muted: &'static str,
    pub(crate) axis: &'static str,
    pub(crate) grid: &'static str,
    /// Rows beyond the coloured categories, and rows without a colour value.
    pub(crate) other: &'static str,
    pub(crate) missing: &'static str,
    /// Okabe and Ito's colours (2008), darkened on white and lightened on black until they stand out from the page;
    /// the tests below measure both that and what a colour-blind reader sees.
    hues: [&'static str; HUES],
    /// The part of viridis that stands out from the page.
    ramp: (f64, f64),
}

const LIGHT: Look = Look {
    background: "#ffffff",
    text: "#1f2328",
    muted: "#59616b",
    axis: "#8b929b",
    grid: "#e7e9ec",
    other: "#a9aeb5",
    missing: "#cdd1d6",
    hues: ["#0072b2", "#de8f05", "#009e73", "#cc79a7", "#d55e00", "#4aa8e0", "#33373d"],
    ramp: (0.0, 0.8),
};

const DARK: Look = Look {
    background: "#16181d",
    text: "#e6e8eb",
    muted: "#a4abb6",
    axis: "#717984",
    grid: "#2a2e35",
    other: "#6d747e",
    missing: "#4b515a",
    hues: ["#3d97db", "#e69f00", "#00a87b", "#db8fbb", "#d9601a", "#9fdcfa", "#f0e442"],
    ramp: (0.22, 1.0),
};

impl Theme {
    pub(crate) fn look(self) -> &'static Look {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }
}

impl Look {
    /// Colour of a mark when nothing is mapped to colour.
    pub(crate) fn plain(&self) -> &'static str {
        self.hues[0]
    }

    /// Colour of the category at `index`: the hues first, then tints of them.
    pub(crate) fn category(&self, index: usize) -> String {
        let hue = self.hues[index % HUES];
        if index < HUES { hue.to_owned() } else { mix(hue, self.background, 0.5) }
    }

    /// Colour at `t` in 0..=1 on the sequential scale: viridis, even in lightness and safe for colour-blind readers.
    pub(crate) fn sequential(&self, t: f64) -> String {
        let (from, to) = self.ramp;
        let (r, g, b) = ColorMap::Viridis.map_rgb(from + t.clamp(0.0, 1.0) * (to - from)).unwrap_or_default();
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// The look as kuva's theme.
    pub(crate) fn kuva(&self) -> kuva::Theme {
        kuva::Theme {
            background: self.background.into(),
            axis_color: self.axis.into(),
            grid_color: self.grid.into(),
            tick_color: self.axis.into(),
            text_color: self.text.into(),
            font_family: Some(FONT_FAMILY.into()),
            ..kuva::Theme::light()
        }
    }
}

fn mix(color: &str, with: &str, share: f64) -> String {
    let (a, b) = (channels(color), channels(with));
    let at = |i: usize| (a[i] * (1.0 - share) + b[i] * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", at(0), at(1), at(2))
}

fn channels(color: &str) -> [f64; 3] {
    let at = |i: usize| {
        let hex = color.get(i..i + 2).unwrap_or("00");
        f64::from(u8::from_str_radix(hex, 16).unwrap_or(0))
    };
    [at(1), at(3), at(5)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(color: &str) -> [f64; 3] {
        channels(color).map(|c| {
            let c = c / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn luminance([r, g, b]: [f64; 3]) -> f64 {
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Contrast ratio of WCAG 2.
    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(linear(a)), luminance(linear(b)));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn lab(rgb: [f64; 3]) -> [f64; 3] {
        let [r, g, b] = rgb.map(|c| c.clamp(0.0, 1.0));
        let f = |t: f64| {
            if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 }
        };
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        let y = f(luminance([r, g, b]));
        let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Sight without and with each full colour blindness (Machado, Oliveira and Fernandes 2009).
    const SIGHT: [(&str, [[f64; 3]; 3]); 4] = [
        ("full", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protan",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deutan",
            [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        ),
        (
            "tritan",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];

    fn seen(color: &str, sight: &[[f64; 3]; 3]) -> [f64; 3] {
        let [r, g, b] = linear(color);
        lab(sight.map(|row| row[0] * r + row[1] * g + row[2] * b))
    }

    #[test]
    fn hues_differ_for_every_reader() {
        for look in [&LIGHT, &DARK] {
            for (name, sight) in &SIGHT {
                for (i, a) in look.hues.iter().enumerate() {
                    for b in &look.hues[i + 1..] {
                        let (p, q) = (seen(a, sight), seen(b, sight));
                        let distance = p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
                        assert!(distance > 12.0, "{a} and {b} are {distance:.1} apart in {name} sight");
                    }
                }
            }
        }
    }

    #[test]
    fn marks_and_words_stand_out_from_the_page() {
        for look in [&LIGHT, &DARK] {
            assert!(contrast(look.text, look.background) >= 7.0);
            assert!(contrast(look.muted, look.background) >= 4.5);
            for hue in look.hues {
                assert!(contrast(hue, look.background) >= 2.5, "{hue}");
            }
            for t in 0..=10 {
                let color = look.sequential(f64::from(t) / 10.0);
                assert!(contrast(&color, look.background) >= 1.9, "{color}");
            }
        }
    }

    #[test]
    fn categories_never_share_a_colour() {
        for look in [&LIGHT, &DARK] {
            let mut colors: Vec<String> = (0..MAX_CATEGORIES).map(|i| look.category(i)).collect();
            colors.push(look.other.into());
            colors.push(look.missing.into());
            colors.sort();
            colors.dedup();
            assert_eq!(colors.len(), MAX_CATEGORIES + 2);
        }
    }
}
