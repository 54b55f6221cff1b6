//! Draws tips by bill.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let (tips, picture): (String, String) = (argument(1, "examples/demo/tips.csv")?, argument(2, "tips.svg")?);
    let scatter = PlotOptions::new(PlotKind::Scatter).x("total_bill").y("tip");
    std::fs::write(picture, read_csv(&tips)?.collect()?.plot(&scatter)?.svg())?;
    Ok(())
}
