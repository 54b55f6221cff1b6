//! Every colour, size and font of a picture, for each kind of page. Change looks here and nowhere else.

use std::str::FromStr;

use crate::color::{DIVERGING_DARK, DIVERGING_LIGHT, Ramp, Rgb, VIRIDIS};
use crate::error::{Error, ErrorKind, Result};

/// Which page the picture stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near black.
    Dark,
    /// Black ink on paper: groups differ by marker and dash too, so that a copy in grey can be read.
    Print,
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
    pub(crate) background: Rgb,
    pub(crate) text: Rgb,
    pub(crate) muted: Rgb,
    pub(crate) axis: Rgb,
    pub(crate) grid: Rgb,
    /// Rows beyond the coloured categories, and rows without a colour value.
    pub(crate) other: Rgb,
    pub(crate) missing: Rgb,
    /// Okabe and Ito's colours (2008), darkened on white and lightened on black until they stand out from the page;
    /// the tests below measure both that and what a colour-blind reader sees.
    hues: [Rgb; HUES],
    /// The part of viridis that stands out from the page.
    ramp: Ramp,
    diverging: Ramp,
    /// Whether every group differs from the others by more than colour.
    pub(crate) shapes: bool,
}

const LIGHT: Look = Look {
    background: Rgb(0xff_ffff),
    text: Rgb(0x1f_2328),
    muted: Rgb(0x59_616b),
    axis: Rgb(0x8b_929b),
    grid: Rgb(0xe7_e9ec),
    other: Rgb(0xa9_aeb5),
    missing: Rgb(0xcd_d1d6),
    hues: [
        Rgb(0x00_72b2),
        Rgb(0xde_8f05),
        Rgb(0x00_9e73),
        Rgb(0xcc_79a7),
        Rgb(0xd5_5e00),
        Rgb(0x4a_a8e0),
        Rgb(0x33_373d),
    ],
    ramp: Ramp::new(VIRIDIS, 0.0, 0.78),
    diverging: Ramp::new(DIVERGING_LIGHT, 0.0, 1.0),
    shapes: false,
};

const DARK: Look = Look {
    background: Rgb(0x16_181d),
    text: Rgb(0xe6_e8eb),
    muted: Rgb(0xa4_abb6),
    axis: Rgb(0x71_7984),
    grid: Rgb(0x2a_2e35),
    other: Rgb(0x6d_747e),
    missing: Rgb(0x4b_515a),
    hues: [
        Rgb(0x3d_97db),
        Rgb(0xe6_9f00),
        Rgb(0x00_a87b),
        Rgb(0xdb_8fbb),
        Rgb(0xd9_601a),
        Rgb(0x9f_dcfa),
        Rgb(0xf0_e442),
    ],
    ramp: Ramp::new(VIRIDIS, 0.22, 1.0),
    diverging: Ramp::new(DIVERGING_DARK, 0.0, 1.0),
    shapes: false,
};

const PRINT: Look = Look {
    text: Rgb(0x00_0000),
    muted: Rgb(0x33_3333),
    axis: Rgb(0x33_3333),
    grid: Rgb(0xe4_e4e4),
    shapes: true,
    ..LIGHT
};

impl FromStr for Theme {
    type Err = Error;

    /// Reads `light`, `dark` or `print`.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownTheme`].
    fn from_str(name: &str) -> Result<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "light" => Ok(Self::Light),
            "dark" => Ok(Self::Dark),
            "print" => Ok(Self::Print),
            _ => Err(ErrorKind::UnknownTheme { name: crate::text::clip(name, 1.0, 40.0).into_owned() }.into()),
        }
    }
}

impl Theme {
    pub(crate) fn look(self) -> &'static Look {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
            Self::Print => &PRINT,
        }
    }
}

impl Look {
    /// Colour of a mark when nothing is mapped to colour.
    pub(crate) fn plain(&self) -> Rgb {
        self.hues[0]
    }

    /// A colour beside [`plain`](Self::plain): of a fitted line, a second curve.
    pub(crate) fn second(&self) -> Rgb {
        self.hues[4]
    }

    /// Colour of the category at `index`: the hues first, then tints of them.
    pub(crate) fn category(&self, index: usize) -> Rgb {
        let hue = self.hues[index % HUES];
        if index < HUES { hue } else { hue.mixed(self.background, 0.5) }
    }

    /// Colour at `t` in 0..=1 on the sequential scale.
    pub(crate) fn sequential(&self, t: f64) -> Rgb {
        self.ramp.at(t)
    }

    /// Colour at `t` in 0..=1 on the scale whose middle is neutral.
    pub(crate) fn diverging(&self, t: f64) -> Rgb {
        self.diverging.at(t)
    }

    /// Black or white, whichever can be read on `color`.
    pub(crate) fn on(color: Rgb) -> Rgb {
        if color.luminance() > 0.2 { Rgb(0x14_1619) } else { Rgb(0xff_ffff) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast ratio of WCAG 2.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (a.luminance(), b.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn lab(rgb: [f64; 3]) -> [f64; 3] {
        let [r, g, b] = rgb.map(|c| c.clamp(0.0, 1.0));
        let f = |t: f64| {
            if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 }
        };
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
        let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
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

    fn seen(color: Rgb, sight: &[[f64; 3]; 3]) -> [f64; 3] {
        let [r, g, b] = color.linear();
        lab(sight.map(|row| row[0] * r + row[1] * g + row[2] * b))
    }

    #[test]
    fn hues_differ_for_every_reader() {
        for look in [&LIGHT, &DARK, &PRINT] {
            for (name, sight) in &SIGHT {
                for (i, a) in look.hues.iter().enumerate() {
                    for b in &look.hues[i + 1..] {
                        let (p, q) = (seen(*a, sight), seen(*b, sight));
                        let distance = p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
                        assert!(distance > 12.0, "{a} and {b} are {distance:.1} apart in {name} sight");
                    }
                }
            }
        }
    }

    #[test]
    fn marks_and_words_stand_out_from_the_page() {
        for look in [&LIGHT, &DARK, &PRINT] {
            assert!(contrast(look.text, look.background) >= 7.0);
            assert!(contrast(look.muted, look.background) >= 4.5);
            for hue in look.hues {
                assert!(contrast(hue, look.background) >= 2.5, "{hue}");
            }
            for t in 0..=10 {
                let color = look.sequential(f64::from(t) / 10.0);
                assert!(contrast(color, look.background) >= 1.9, "{color}");
            }
        }
    }

    #[test]
    fn categories_never_share_a_colour() {
        for look in [&LIGHT, &DARK, &PRINT] {
            let mut colors: Vec<Rgb> = (0..MAX_CATEGORIES).map(|i| look.category(i)).collect();
            colors.push(look.other);
            colors.push(look.missing);
            colors.sort_by_key(|color| color.0);
            colors.dedup();
            assert_eq!(colors.len(), MAX_CATEGORIES + 2);
        }
    }
}
