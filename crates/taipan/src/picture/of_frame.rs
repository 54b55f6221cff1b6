//! Plots of tables in memory.

use taipan_plot::Picture;

use super::{PlotOptions, plot_batch};
use crate::error::Result;
use crate::frame::DataFrame;

impl DataFrame {
    /// Draws a plot of the frame's columns: a picture to be written as SVG, PNG or HTML, or shown in a terminal.
    ///
    /// ```
    /// use taipan::prelude::*;
    ///
    /// let tips = DataFrame::new([
    ///     ("total_bill", [16.99, 10.34, 21.01].into()),
    ///     ("tip", [1.01, 1.66, 3.5].into()),
    ///     ("day", ["Sun", "Sun", "Sat"].into()),
    /// ])?;
    /// let scatter = PlotOptions::new(PlotKind::Scatter).x("total_bill").y("tip").color("day");
    /// let picture = tips.plot(&scatter.title("Tips"))?;
    /// assert_eq!(picture.drawn(), 3);
    /// assert!(picture.svg().starts_with("<svg "));
    ///
    /// let error = tips.plot(&PlotOptions::new(PlotKind::Line).x("totl_bill").y("tip")).unwrap_err();
    /// assert_eq!(error.hint(), Some("did you mean 'total_bill'?"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// Errors: unknown columns with the nearest names, text where numbers are needed with its first row, a field that the
    /// kind needs or has no use for.
    pub fn plot(&self, options: &PlotOptions) -> Result<Picture> {
        plot_batch(self.batch(), options)
    }
}
