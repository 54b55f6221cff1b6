//! Draws tips by bill.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let (tips, picture): (String, String) = (argument(1, "examples/demo/tips.csv")?, argument(2, "tips.svg")?);
    let engine = Engine::new(&EngineOptions::default())?;
    let scatter = PlotOptions::new(PlotKind::Scatter).x(Some("total_bill".into())).y(Some("tip".into()));
    std::fs::write(picture, plot(&engine, &Relation::parse(&tips), &scatter)?.svg())?;
    Ok(())
}
