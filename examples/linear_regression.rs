//! Fits a line to the prices of houses.

use taipan::prelude::*;

fn main() -> Result<(), Error> {
    let (area, price) = ([2600, 3000, 3200, 3600, 4000], [550_000, 565_000, 610_000, 680_000, 725_000]);
    let df = DataFrame::new([("Area", area.into()), ("Price", price.into())])?;
    let split = train_test_split(df.len(), TestSize::Fraction(argument(1, "0.2")?), Some(argument(2, "42")?))?;
    let train = df.take(&split.train)?;
    let model = LinearRegression::new().fit(train.matrix(&["Area"])?.view(), train.vector("Price")?.view())?;
    println!("Coefficients: {:.8?}", model.coef());
    Ok(())
}
