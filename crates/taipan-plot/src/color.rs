//! Colours, and the ramps that numbers are shown in.

use std::fmt;

/// A colour: red, green and blue in 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rgb(pub(crate) u32);

impl Rgb {
    /// Red, green and blue, each 0 to 255.
    pub(crate) fn channels(self) -> [f64; 3] {
        [16, 8, 0].map(|shift| f64::from((self.0 >> shift) & 0xff))
    }

    fn of([r, g, b]: [f64; 3]) -> Self {
        let byte = |c: f64| c.round().clamp(0.0, 255.0) as u32;
        Self(byte(r) << 16 | byte(g) << 8 | byte(b))
    }

    /// This colour with a share (0 to 1) of `other` in it.
    pub(crate) fn mixed(self, other: Self, share: f64) -> Self {
        let (a, b) = (self.channels(), other.channels());
        Self::of([0, 1, 2].map(|i| a[i] * (1.0 - share) + b[i] * share))
    }

    /// Lightness as the eye sees it, 0 (black) to 1 (white): relative luminance of WCAG 2.
    pub(crate) fn luminance(self) -> f64 {
        let [r, g, b] = self.linear();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// The channels without sRGB's gamma, each 0 to 1.
    pub(crate) fn linear(self) -> [f64; 3] {
        self.channels().map(|c| {
            let c = c / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// The mean of colours by weight, `None` without weight.
    pub(crate) fn mean(colors: impl Iterator<Item = (Self, f64)>) -> Option<Self> {
        let mut sum = [0.0; 3];
        let mut weights = 0.0;
        for (color, weight) in colors {
            for (sum, channel) in sum.iter_mut().zip(color.channels()) {
                *sum += channel * weight;
            }
            weights += weight;
        }
        (weights > 0.0).then(|| Self::of(sum.map(|c| c / weights)))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:06x}", self.0)
    }
}

/// How numbers become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ramp {
    stops: &'static [u32],
    from: f64,
    to: f64,
}

impl Ramp {
    /// The part `from` to `to` of colours that stand at equal distances.
    pub(crate) const fn new(stops: &'static [u32], from: f64, to: f64) -> Self {
        Self { stops, from, to }
    }

    /// The colour at `t` (0 to 1).
    pub(crate) fn at(self, t: f64) -> Rgb {
        let last = self.stops.len().saturating_sub(1);
        let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.5 };
        let place = (self.from + t * (self.to - self.from)) * last as f64;
        let index = (place.floor() as usize).min(last.saturating_sub(1));
        let stop = |i: usize| Rgb(self.stops.get(i).copied().unwrap_or(0));
        stop(index).mixed(stop(index + 1), place - index as f64)
    }
}

/// Viridis (van der Walt and Smith 2015), even in lightness and safe for colour-blind readers; every sixteenth colour.
pub(crate) const VIRIDIS: &[u32] = &[
    0x44_0154, 0x48_186a, 0x47_2d7b, 0x42_4086, 0x3b_528b, 0x33_638d, 0x2c_728e, 0x26_828e, 0x21_918c, 0x1f_a088,
    0x28_ae80, 0x3f_bc73, 0x5e_c962, 0x84_d44b, 0xad_dc30, 0xd8_e219, 0xfd_e725,
];

/// Blue over white to red: both ends differ for every reader, and the middle is the page.
pub(crate) const DIVERGING_LIGHT: &[u32] =
    &[0x16_5a9e, 0x4a_90c8, 0x9f_c8e4, 0xf4_f5f6, 0xf5_b594, 0xd8_6248, 0xa5_1a2d];

/// The same over a dark page.
pub(crate) const DIVERGING_DARK: &[u32] =
    &[0x6d_b6f2, 0x3d_85c0, 0x27_527a, 0x22_262c, 0x7c_3d30, 0xc2_5f47, 0xf5_9878];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_begin_and_end_with_their_stops() {
        let ramp = Ramp::new(VIRIDIS, 0.0, 1.0);
        assert_eq!((ramp.at(0.0), ramp.at(1.0), ramp.at(9.0)), (Rgb(0x44_0154), Rgb(0xfd_e725), Rgb(0xfd_e725)));
        assert_eq!(ramp.at(f64::NAN), ramp.at(0.5));
        assert_eq!(ramp.at(0.5).to_string(), "#21918c");
    }

    #[test]
    fn colours_mix_by_weight() {
        assert_eq!(Rgb(0xff_0000).mixed(Rgb(0x00_00ff), 0.5), Rgb(0x80_0080));
        assert_eq!(Rgb::mean([(Rgb(0xff_ffff), 1.0), (Rgb(0), 3.0)].into_iter()), Some(Rgb(0x40_4040)));
        assert_eq!(Rgb::mean(std::iter::empty()), None);
    }
}
